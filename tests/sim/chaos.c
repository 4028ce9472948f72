#include "chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accepted.h"
#include "base/file.h"
#include "base/memory.h"
#include "broker.h"
#include "commands.h"
#include "device.h"
#include "files.h"
#include "health.h"
#include "host.h"
#include "link.h"
#include "net.h"
#include "node.h"
#include "operator.h"
#include "status.h"

#define WILD_MS (20 * MINUTE)
#define SETTLE_MS (2 * MINUTE)
#define CALM_MS (15 * MINUTE)
#define QUIET_MS (10 * MINUTE)
#define EVENTS_MAX 3000000u /* more in one history is a loop */

/* ---- faults; each is harmless where it makes no sense at the moment */

static void crash(struct sim *sim)
{
    if (!sim->node.up)
        return;
    if (sim_chance(sim, 200))
        node_stop(sim);
    else
        node_crash(sim, sim_chance(sim, 400));
    node_start_after(sim, sim_chance(sim, 800) ? sim_below(sim, 2 * SECOND) : sim_below(sim, 3 * MINUTE));
}

static void reboot(struct sim *sim)
{
    sim->counters[N_REBOOTS]++;
    bool was_up = sim->node.up;
    node_reboot(sim);
    device_reboot(sim);
    net_reboot(sim);
    if (was_up)
        node_start_after(sim, 5 * SECOND + sim_below(sim, 20 * SECOND));
}

static void step_wall(struct sim *sim)
{
    static const int64_t steps[] = { 1000, 3600000, 86400000, 86400000ll * 200 };
    int64_t step = steps[sim_below(sim, 4)];
    sim->counters[N_WALL_STEPS]++;
    if (sim_wall_ms(sim) > sim->latest_wall_ms)
        sim->latest_wall_ms = sim_wall_ms(sim);
    sim->wall_offset_ms += sim_chance(sim, 500) ? step : -step;
    sim_note(sim, "clock: the wall clock steps");
}

static void reconfigure(struct sim *sim)
{
    if (!sim->node.up)
        return;
    sim->counters[N_RECONFIGURED]++;
    node_stop(sim);
    sim->group_count = sim_below(sim, 3);
    bool swapped = sim_chance(sim, 500);
    sim->groups[0] = swapped ? FROM_LINE2 : FROM_LINE1;
    sim->groups[1] = swapped ? FROM_LINE1 : FROM_LINE2;
    sim_note(sim, "groups: %zu%s", sim->group_count, swapped ? ", swapped" : "");
    node_start_after(sim, sim_below(sim, 2 * SECOND));
}

static void wipe(struct sim *sim)
{
    if (!sim->node.up)
        return;
    sim->counters[N_WIPED]++;
    node_crash(sim, false);
    node_lose_database(sim);
    device_forget_past(sim);
    for (int pod = 0; pod < SIM_PODS; pod++)
        for (enum source source = 0; source < FROM_FILES; source++)
            sim->operator.slots[pod][source].doubtful = true;
    sim->operator.bundle_doubtful = true;
    node_start_after(sim, sim_below(sim, 2 * SECOND));
}

static void disk_freed(struct sim *sim, struct event *event)
{
    (void)event;
    sim->disk_full = false;
}

/* davit-net or davit-probe. */
static void crash_helper(struct sim *sim)
{
    if (sim_chance(sim, 500))
        net_crash(sim);
    else
        health_crash(sim);
}

static void fill_disk(struct sim *sim)
{
    sim->disk_full = true;
    sim_note(sim, "disk: full");
    sim_after(sim, sim_below(sim, MINUTE), disk_freed);
}

static void hurt_broker(struct sim *sim)
{
    uint64_t dice = sim_below(sim, 10);
    if (dice < 3)
        link_cut(sim, "the network broke");
    else if (dice < 5)
        broker_restart(sim, sim_below(sim, 30 * SECOND));
    else if (dice < 6)
        link_crash(sim, "the link crashed");
    else if (dice < 7 && sim_chance(sim, 400))
        broker_lose_retained(sim);
    else if (dice < 8)
        broker_backup(sim);
    else if (sim->broker.backup != NULL && sim_chance(sim, 300))
        broker_restore(sim);
    else
        link_cut(sim, "keep-alive timeout");
}

static void unasked(struct sim *sim)
{
    for (struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (box->life == RUNNING && sim->seen[box->pod].ruling == box->variant) {
            struct call call = { .document = json_new_texts("uid", box->uid, "container", box->container == 0 ? "c0" : "c1",
                                                            NULL) };
            json_set_integer(call.document, "attempt", box->attempt);
            device_stop(sim, &call);
            json_free(call.document);
            return;
        }
}

struct fault {
    uint64_t below; /* of 100 */
    bool wanted;
    void (*run)(struct sim *sim);
};

static void something_goes_wrong(struct sim *sim)
{
    const struct temper *temper = &sim->temper;
    const struct fault faults[] = {
        { 25, temper->crashes, crash },      { 50, temper->broker, hurt_broker }, { 62, temper->hosts, host_crash },
        { 66, temper->reboots, reboot },     { 72, temper->disk, fill_disk },     { 76, true, step_wall },
        { 79, temper->groups, reconfigure }, { 80, temper->wipes, wipe },         { 86, temper->nets, crash_helper },
        { 100, true, device_strike },
    };
    uint64_t dice = sim_below(sim, 100);
    size_t chosen = 0;
    while (dice >= faults[chosen].below)
        chosen++;
    if (faults[chosen].wanted)
        faults[chosen].run(sim);
    else
        device_strike(sim);
    if (sim->lie == LIE_UNASKED)
        unasked(sim);
}

static void on_chaos(struct sim *sim, struct event *event)
{
    (void)event;
    if (sim->calm)
        return;
    something_goes_wrong(sim);
    sim_after(sim, sim_below(sim, 2 * sim->temper.chaos_gap), on_chaos);
}

/* Often several things in the same moment: that is where the races are. */
static void on_operator(struct sim *sim, struct event *event)
{
    (void)event;
    if (sim->calm)
        return;
    for (uint64_t times = sim_chance(sim, 250) ? 1 + sim_below(sim, 6) : 1; times > 0; times--)
        operator_act(sim);
    if (sim_chance(sim, 400))
        commands_act(sim);
    sim_after(sim, sim_below(sim, 2 * sim->temper.operator_gap), on_operator);
}

/* ---- the history */

static void draw_temper(struct sim *sim)
{
    struct temper *temper = &sim->temper;
    static const uint64_t gaps[] = { 3 * SECOND, 10 * SECOND, 30 * SECOND, 2 * MINUTE };
    temper->call_fails = sim_chance(sim, 600) ? (unsigned)sim_below(sim, 150) : 0;
    temper->notify_lost = sim_chance(sim, 600) ? (unsigned)sim_below(sim, 100) : 0;
    temper->call_slow = sim_chance(sim, 600) ? (unsigned)sim_below(sim, 100) : 0;
    temper->flood_cut = sim_chance(sim, 400) ? (unsigned)sim_below(sim, 300) : 0;
    temper->commit_slow = (unsigned)sim_below(sim, 200);
    temper->commit_crash = sim_chance(sim, 500) ? (unsigned)sim_below(sim, 60) : 0;
    temper->ack_lost = sim_chance(sim, 500) ? (unsigned)sim_below(sim, 100) : 0;
    temper->half = (unsigned)sim_below(sim, 1000);
    temper->operator_gap = gaps[1 + sim_below(sim, 3)];
    temper->chaos_gap = gaps[sim_below(sim, 4)] * 2;
    temper->crashes = sim_chance(sim, 850);
    temper->broker = sim_chance(sim, 850);
    temper->hosts = sim_chance(sim, 800);
    temper->reboots = sim_chance(sim, 600);
    temper->disk = sim_chance(sim, 500);
    temper->wipes = sim_chance(sim, 300);
    temper->groups = sim_chance(sim, 600);
    temper->files = sim_chance(sim, 600);
    temper->pull_fails = (unsigned)sim_below(sim, 700);
    sim->images = sim_chance(sim, 600);
    sim->networks = sim_chance(sim, 700);
    temper->nets = sim_chance(sim, 700);
    temper->sick = sim_chance(sim, 600) ? (unsigned)sim_below(sim, 200) : 0;
}

static void run_until(struct sim *sim, uint64_t until_ms)
{
    while (!sim->failed && sim->queue.count > 0 && sim->queue.heap[0]->at_ms <= until_ms) {
        struct event *event = queue_take(&sim->queue);
        sim->now_ms = event->at_ms;
        event->run(sim, event);
        event_free(event);
        if (++sim->counters[N_EVENTS] > EVENTS_MAX)
            sim_fail(sim, "busy", "%u events, and no end", EVENTS_MAX);
    }
    if (!sim->failed)
        sim->now_ms = until_ms;
}

static void restart_if_down(struct sim *sim)
{
    if (!sim->node.up)
        node_start(sim);
}

/* Steady state: nothing is said, nothing is written, where nothing happens. */
static void check_quiet(struct sim *sim)
{
    uint64_t statuses = sim->counters[N_STATUSES], commits = sim->counters[N_COMMITS];
    uint64_t exits = sim->counters[N_EXITS], starts = sim->counters[N_STARTS];
    if (sim->lie == LIE_QUIET)
        broker_publish(sim, SIM_ROOT "/nodes/" SIM_NODE "/presence", "{\"online\":false}", true);
    run_until(sim, sim->now_ms + QUIET_MS);
    if (sim->failed || sim->counters[N_EXITS] != exits || sim->counters[N_STARTS] != starts)
        return;
    if (sim->counters[N_STATUSES] != statuses || sim->counters[N_COMMITS] != commits)
        sim_fail(sim, "quiet", "nothing happened, and %" PRIu64 " messages were said, %" PRIu64 " commits made",
                 sim->counters[N_STATUSES] - statuses, sim->counters[N_COMMITS] - commits);
    if (outbox_waiting(sim->node.core->outbox) > 0)
        sim_fail(sim, "quiet", "%zu messages wait in the outbox", outbox_waiting(sim->node.core->outbox));
}

static void begin(struct sim *sim, uint64_t seed)
{
    struct error err;
    AUTO_FREE char *manifests = mem_printf("%s/manifests", sim->folder);
    if (!file_make_dirs(manifests, 0700, &err))
        sim_fail(sim, "start", "%s", err.message);
    sim->seed = seed;
    sim->random = seed * 0x9e3779b97f4a7c15u + 1;
    sim->hash = 0xcbf29ce484222325u;
    sim->now_ms = MINUTE;
    sim->wall_offset_ms = 1795410958123;
    sim->broker.up = true;
    sim->groups[0] = FROM_LINE1;
    sim->groups[1] = FROM_LINE2;
    sim->group_count = 2;
    sim->bundle_seen = -1;
    for (int pod = 0; pod < SIM_PODS; pod++) {
        sim->seen[pod].ruling = -1;
        sim->seen[pod].source = -1;
        for (int source = 0; source < SOURCES; source++)
            sim->seen[pod].slots[source].told = -1;
    }
    draw_temper(sim);
    node_reboot(sim);
}

void chaos_run(struct sim *sim, uint64_t seed, enum lie lie, bool trace, const char *folder)
{
    memset(sim, 0, sizeof(*sim));
    sim->lie = lie;
    sim->trace = trace;
    sim->folder = folder;
    begin(sim, seed);
    node_start(sim);
    sim_after(sim, SECOND, on_operator);
    sim_after(sim, sim_below(sim, MINUTE), on_chaos);
    run_until(sim, sim->now_ms + WILD_MS);
    sim_note(sim, "---- calm");
    sim->calm = true;
    sim->disk_full = false;
    restart_if_down(sim);
    link_cut(sim, "once more, for a flood that is whole");
    run_until(sim, sim->now_ms + SETTLE_MS);
    if (!sim->failed)
        operator_settle(sim);
    run_until(sim, sim->now_ms + CALM_MS);
    if (!sim->failed)
        status_check_end(sim);
    commands_check_end(sim);
    if (!sim->failed)
        check_quiet(sim);
}

void chaos_free(struct sim *sim)
{
    node_free(sim);
    accepted_forget_deliveries(sim);
    sim->calm = true;
    host_end(sim);
    device_free(sim);
    net_free(sim);
    broker_free(sim);
    while (sim->link.wire != NULL) {
        struct message *message = sim->link.wire;
        sim->link.wire = message->next;
        message_free(message);
    }
    free(sim->link.will);
    free(sim->operator.bundles);
    queue_free(&sim->queue);
}

#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utlist.h>

#include "accepted.h"
#include "base/file.h"
#include "base/memory.h"
#include "core/manifests.h"
#include "core/report.h"
#include "files.h"
#include "health.h"
#include "host.h"
#include "link.h"
#include "net.h"
#include "registry.h"

#define SETTLES_AT_ONCE 2000 /* more of them without time going by is a loop that eats the device */

static uint64_t env_boot_ms(void *ctx)
{
    return sim_boot_ms(ctx);
}

static uint64_t env_wall_ms(void *ctx)
{
    return sim_wall_ms(ctx);
}

static void env_random(void *ctx, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] = (unsigned char)sim_random(ctx);
}

static void env_to_link(void *ctx, struct json *head, const void *body, size_t len)
{
    struct sim *sim = ctx;
    if (sim->node.deaf) {
        json_free(head);
        return;
    }
    if (!sim->node.dispatching) {
        link_frame(sim, head, body != NULL ? body : "", len);
        return;
    }
    /* Looked at when what is on the disk has been read again. */
    struct held *held = mem_alloc(sizeof(*held));
    held->head = head;
    held->body = body != NULL ? mem_dup(body, len) : mem_strdup("");
    held->len = len;
    LL_APPEND(sim->node.held, held);
}

static void env_to_runtime(void *ctx, struct json *head, const void *body, size_t len)
{
    struct sim *sim = ctx;
    if (sim->node.deaf)
        json_free(head);
    else
        host_frame(sim, head, body, len);
}

static void env_to_probe(void *ctx, struct json *head)
{
    struct sim *sim = ctx;
    if (sim->node.deaf)
        json_free(head);
    else
        health_frame(sim, head);
}

static void env_to_net(void *ctx, struct json *head)
{
    struct sim *sim = ctx;
    if (sim->node.deaf)
        json_free(head);
    else
        net_frame(sim, head);
}

static void env_to_runtime_fds(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count)
{
    (void)fds; /* no process here that could write to them */
    (void)fd_count;
    env_to_runtime(ctx, head, body, len);
}

static void env_pause_link(void *ctx, bool paused)
{
    sim_note(ctx, "davitd: %s the link", paused ? "pauses" : "hears again");
}

static void release_held(struct sim *sim)
{
    while (sim->node.held != NULL) {
        struct held *held = sim->node.held;
        LL_DELETE(sim->node.held, held);
        if (sim->node.deaf)
            json_free(held->head);
        else
            link_frame(sim, held->head, held->body, held->len);
        free(held->body);
        free(held);
    }
}

/* A full disk: no file may grow beyond what the write-ahead log has now, and a little. */
static void set_disk_full(const struct sim *sim, bool full, bool at_once)
{
    struct rlimit limit;
    AUTO_FREE char *log = mem_printf("%s/davit.db-wal", sim->folder);
    struct stat info = { 0 };
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (full)
        limit.rlim_cur = at_once || stat(log, &info) != 0 ? 0 : (rlim_t)info.st_size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void settle(struct sim *sim);

static void env_pull(void *ctx, const char *reference, const struct json *auths)
{
    (void)auths;
    registry_pull(ctx, reference);
}

static void env_cancel_pull(void *ctx, const char *reference)
{
    registry_cancel(ctx, reference);
}

static void dispatch_now(struct sim *sim)
{
    struct node *node = &sim->node;
    node->dispatching = true;
    sim->counters[sim->disk_full ? N_DISK_FULL : N_COMMITS]++;
    set_disk_full(sim, sim->disk_full, false);
    store_dispatch(node->store);
    set_disk_full(sim, false, false);
    node->dispatching = false;
    accepted_look(sim);
    release_held(sim);
}

/* The commit itself is the most interesting moment to end in. */
static void dispatch(struct sim *sim, struct event *event)
{
    if (event->node_epoch != sim->node.epoch || !sim->node.up)
        return;
    sim->node.dispatch_due = false;
    if (!sim->calm && sim->temper.crashes && sim_chance(sim, sim->temper.commit_crash)) {
        node_crash(sim, sim_chance(sim, 500));
        node_start_after(sim, sim_below(sim, 3 * SECOND));
        return;
    }
    sim_note(sim, "disk: %zu commits%s", store_pending(sim->node.store), sim->disk_full ? " fail" : "");
    dispatch_now(sim);
    settle(sim);
}

static void on_timer(struct sim *sim, struct event *event)
{
    if (event->node_epoch == sim->node.epoch && sim->node.up && event->epoch == sim->node.timer)
        settle(sim);
}

static void schedule_dispatch(struct sim *sim)
{
    if (store_pending(sim->node.store) == 0 || sim->node.dispatch_due)
        return;
    sim->node.dispatch_due = true;
    bool slow = !sim->calm && sim_chance(sim, sim->temper.commit_slow);
    sim_after(sim, slow ? sim_below(sim, 3 * SECOND) : 1 + sim_below(sim, 20), dispatch);
}

static void settle(struct sim *sim)
{
    struct node *node = &sim->node;
    if (node->settled_at_ms != sim->now_ms)
        node->settled_count = 0;
    node->settled_at_ms = sim->now_ms;
    if (++node->settled_count > SETTLES_AT_ONCE)
        sim_fail(sim, "busy", "davitd settles for ever");
    uint64_t next = core_settle(node->core);
    schedule_dispatch(sim);
    if (node->core->runtime.listed && !node->link_started) {
        node->link_started = true;
        link_start(sim);
    }
    node->timer++;
    if (next == 0)
        return;
    uint64_t boot = sim_boot_ms(sim);
    sim_after(sim, next > boot ? next - boot : 0, on_timer)->epoch = node->timer;
}

static struct config *make_config(struct sim *sim)
{
    struct error err;
    AUTO_FREE char *nowhere = mem_printf("%s/none.conf", sim->folder);
    struct config *config = config_read(nowhere, false, &err);
    char groups[32] = "";
    for (size_t i = 0; i < sim->group_count; i++)
        snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups), "%s%s", i > 0 ? "," : "",
                 sim_group_name(sim->groups[i]));
    const char *const keys[] = { "node.name=" SIM_NODE, "runtime.crun.enabled=no", "runtime.fake.enabled=yes" };
    AUTO_FREE char *group = mem_printf("node.groups=%s", groups);
    AUTO_FREE char *files = mem_printf("paths.manifests_dir=%s/manifests", sim->folder);
    bool good = config != NULL && config_set(config, group, &err) && config_set(config, files, &err);
    for (size_t i = 0; good && i < sizeof(keys) / sizeof(keys[0]); i++)
        good = config_set(config, keys[i], &err);
    if (!good || !config_finish(config, &err))
        sim_fail(sim, "start", "the configuration: %s", err.message);
    return config;
}

static void start_link_anyway(struct sim *sim, struct event *event)
{
    if (event->node_epoch != sim->node.epoch || !sim->node.up || sim->node.link_started)
        return;
    sim->node.link_started = true;
    link_start(sim);
}

void node_read_files(struct sim *sim)
{
    if (!sim->node.up)
        return;
    files_deliver(sim);
    manifests_read(sim->node.core);
    settle(sim);
}

/* A disk that lies: what was synced is not there any more. */
static void lie_about_disk(const struct sim *sim, const char *from, const char *to)
{
    struct error err;
    AUTO_FREE char *source = mem_printf("%s/%s", sim->folder, from);
    AUTO_FREE char *target = mem_printf("%s/%s", sim->folder, to);
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    if (file_read(source, 64 * 1024 * 1024, &data, &len, &err) &&
        !file_write_atomic(target, data, len, 0600, false, &err))
        printf("# %s\n", err.message);
}

void node_start(struct sim *sim)
{
    struct node *node = &sim->node;
    struct error err;
    AUTO_FREE char *path = mem_printf("%s/davit.db", sim->folder);
    if (sim->lie == LIE_BACK && sim_chance(sim, 300))
        lie_about_disk(sim, "old.db", "davit.db");
    node->epoch++;
    sim_note(sim, "davitd: starts");
    accepted_forget_deliveries(sim);
    node->deaf = node->link_started = node->dispatch_due = false;
    node->config = make_config(sim);
    node->store = store_open(path, STORE_MANUAL, node->boot_id, &err);
    if (node->store == NULL) {
        sim_fail(sim, "start", "the database does not open: %s", err.message);
        return;
    }
    const int64_t memory_bytes = (sim->lie == LIE_MEMORY ? 2048 : 512) * INT64_C(1048576);
    node->env = (struct core_env){ .ctx = sim, .boot_id = node->boot_id, .boot_ms = env_boot_ms, .wall_ms = env_wall_ms,
                                   .random = env_random, .to_link = env_to_link, .to_runtime = env_to_runtime,
                                   .to_probe = env_to_probe, .to_net = sim->networks ? env_to_net : NULL,
                                   .to_runtime_fds = env_to_runtime_fds, .memory_bytes = memory_bytes,
                                   .pause_link = env_pause_link, .pull = env_pull,
                                   .cancel_pull = env_cancel_pull };
    node->core = core_new(node->config, &node->env, node->store, &err);
    if (node->core == NULL) {
        sim_fail(sim, "start", "the core does not start: %s", err.message);
        return;
    }
    node->up = true;
    accepted_look(sim);
    host_start(sim);
    node_read_files(sim);
    sim_after(sim, 3 * SECOND, start_link_anyway);
}

static void starts_again(struct sim *sim, struct event *event)
{
    if (event->node_epoch == sim->node.epoch && !sim->node.up)
        node_start(sim);
}

void node_start_after(struct sim *sim, uint64_t delay_ms)
{
    sim_after(sim, delay_ms, starts_again);
}

/* What waits for the disk is lost: written to a disk that is full, so that its memory is freed as well. */
static void end_core(struct sim *sim, bool committed)
{
    struct node *node = &sim->node;
    node->deaf = true;
    node->dispatching = true;
    set_disk_full(sim, !committed, true);
    if (committed && store_pending(node->store) > 0)
        sim->counters[N_CRASHES_COMMITTED]++;
    for (int i = 0; i < 8 && store_pending(node->store) > 0; i++) {
        store_dispatch(node->store);
        set_disk_full(sim, true, true);
    }
    set_disk_full(sim, false, false);
    node->dispatching = false;
    accepted_look(sim);
    release_held(sim);
    store_close(node->store);
    registry_end(sim);
    if (sim->lie == LIE_BACK && sim_chance(sim, 300))
        lie_about_disk(sim, "davit.db", "old.db");
    core_free(node->core);
    config_free(node->config);
    node->store = NULL;
    node->core = NULL;
    node->config = NULL;
}

void node_crash(struct sim *sim, bool committed)
{
    struct node *node = &sim->node;
    if (!node->up)
        return;
    sim_note(sim, "davitd: ends%s", committed ? ", with its commits on the disk" : "");
    sim->counters[N_CRASHES]++;
    node->up = false;
    node->epoch++;
    link_end(sim);
    host_end(sim);
    net_end(sim);
    health_end(sim);
    end_core(sim, committed);
}

void node_stop(struct sim *sim)
{
    if (!sim->node.up)
        return;
    if (sim->node.core->link.connected)
        core_farewell(sim->node.core);
    node_crash(sim, true);
}

static void new_boot(struct sim *sim)
{
    struct node *node = &sim->node;
    snprintf(node->boot_id, sizeof(node->boot_id), "%08" PRIx64 "-0000-4000-8000-000000000000",
             sim_random(sim) & 0xffffffffu);
    node->boot_at_ms = sim->now_ms;
}

void node_reboot(struct sim *sim)
{
    node_crash(sim, sim_chance(sim, 300));
    new_boot(sim);
}

void node_lose_database(struct sim *sim)
{
    static const char *const parts[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < 3; i++) {
        AUTO_FREE char *path = mem_printf("%s/davit.db%s", sim->folder, parts[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            sim_fail(sim, "start", "cannot remove %s", path);
    }
    accepted_wipe(sim);
}

void node_free(struct sim *sim)
{
    if (!sim->node.up)
        return;
    sim->node.up = false;
    end_core(sim, false);
}

void node_settle(struct sim *sim)
{
    settle(sim);
}

void node_link_frame(struct sim *sim, const struct json *head, const char *body)
{
    struct frame_view view = { .head = head, .body = body, .body_len = body != NULL ? strlen(body) : 0 };
    AUTO_FREE char *text = json_print(head);
    sim_note(sim, "link -> davitd: %s %.120s", text, body != NULL ? body : "");
    sim->counters[N_FRAMES]++;
    core_link_frame(sim->node.core, &view);
    settle(sim);
}

void node_link_down(struct sim *sim, const char *why)
{
    if (!sim->node.up)
        return;
    sim_note(sim, "link is down: %s", why);
    core_link_down(sim->node.core, why);
    settle(sim);
}

void node_runtime_up(struct sim *sim)
{
    core_runtime_up(sim->node.core);
    settle(sim);
}

void node_runtime_frame(struct sim *sim, const struct json *head, const char *body)
{
    struct frame_view view = { .head = head, .body = body, .body_len = body != NULL ? strlen(body) : 0 };
    AUTO_FREE char *text = json_print(head);
    sim_note(sim, "host -> davitd: %s %.200s", text, body != NULL ? body : "");
    sim->counters[N_FRAMES]++;
    core_runtime_frame(sim->node.core, &view);
    settle(sim);
}

void node_runtime_down(struct sim *sim)
{
    if (!sim->node.up)
        return;
    core_runtime_down(sim->node.core, "it crashed");
    settle(sim);
}

void node_net_up(struct sim *sim)
{
    core_net_up(sim->node.core);
    settle(sim);
}

void node_net_frame(struct sim *sim, const struct json *head)
{
    struct frame_view view = { .head = head };
    AUTO_FREE char *text = json_print(head);
    sim_note(sim, "net -> davitd: %s", text);
    sim->counters[N_FRAMES]++;
    core_net_frame(sim->node.core, &view);
    settle(sim);
}

void node_net_down(struct sim *sim)
{
    if (!sim->node.up)
        return;
    core_net_down(sim->node.core, "it crashed");
    settle(sim);
}

void node_probe_frame(struct sim *sim, const struct json *head)
{
    struct frame_view view = { .head = head };
    sim->counters[N_FRAMES]++;
    core_probe_frame(sim->node.core, &view);
    settle(sim);
}

void node_probe_down(struct sim *sim)
{
    if (!sim->node.up)
        return;
    core_probe_down(sim->node.core);
    settle(sim);
}

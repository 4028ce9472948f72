#include "host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "device.h"
#include "health.h"
#include "node.h"

struct operation {
    const char *name;
    bool (*run)(struct sim *sim, const struct call *call);
    bool may_fail;
};

static const struct operation operations[] = {
    { "create", device_create, true },   { "start", device_start, true },     { "stop", device_stop, true },
    { "remove", device_remove, true },   { "release", device_release, true },
};

static void pump(struct sim *sim);

struct json *host_describe(const struct box *box)
{
    static const char *const states[] = { "created", "running", "exited" };
    AUTO_FREE char *pod = mem_printf("p%d", box->pod);
    AUTO_FREE char *container = mem_printf("c%d", box->container);
    struct json *json = json_new_texts("uid", box->uid, "namespace", "default", "pod", pod, "container", container, "state",
                                       states[box->life], NULL);
    struct error err;
    json_set_integer(json, "attempt", box->attempt);
    json_set_boolean(json, "supervised", box->supervised);
    struct json *record = json_parse(box->record, strlen(box->record), &err);
    if (record != NULL)
        json_set(json, "record", record);
    if (box->life != MADE)
        json_set_integer(json, "startedAtMs", (int64_t)box->started_ms);
    if (box->life != ENDED)
        return json;
    json_set_integer(json, "exitCode", box->exit_code);
    if (!box->supervised)
        json_set_text(json, "reason", "ContainerStatusUnknown");
    json_set_integer(json, "finishedAtMs", (int64_t)box->finished_ms);
    json_set_integer(json, "finishedBootMs", (int64_t)box->finished_boot_ms);
    return json;
}

static void frame_arrives(struct sim *sim, struct event *event)
{
    if (event->epoch == sim->host.epoch && event->node_epoch == sim->node.epoch && sim->node.up)
        node_runtime_frame(sim, event->head, event->text);
}

/* In order, as a socket keeps them. */
static void say(struct sim *sim, struct json *head, const char *body, bool in_order)
{
    struct host *host = &sim->host;
    uint64_t at = sim->now_ms + sim_below(sim, 4) * sim_below(sim, in_order ? 8 : 2000);
    if (in_order && at < host->last_out_ms)
        at = host->last_out_ms;
    if (in_order)
        host->last_out_ms = at;
    struct event *event = sim_after(sim, at - sim->now_ms, frame_arrives);
    event->epoch = host->epoch;
    event->head = head;
    event->text = mem_strdup(body);
}

void host_notify(struct sim *sim, const struct box *box)
{
    if (!sim->host.up || !sim->host.opened)
        return;
    if (!sim->calm && sim_chance(sim, sim->temper.notify_lost)) {
        sim->counters[N_NOTIFY_LOST]++;
        return;
    }
    AUTO_JSON struct json *event = json_new_texts("event", "changed", NULL);
    json_set(event, "instance", host_describe(box));
    AUTO_FREE char *text = json_print(event);
    size_t times = !sim->calm && sim_chance(sim, sim->temper.notify_lost) ? 2 : 1;
    for (size_t i = 0; i < times; i++)
        say(sim, json_new_texts("op", "notify", NULL), text, i == 0);
}

static void call_free(struct call *call)
{
    json_free(call->document);
    free(call->answer);
    free(call);
}

static struct call *call_find(struct sim *sim, int64_t id)
{
    struct call *call;
    LL_SEARCH_SCALAR(sim->host.calls, call, id, id);
    return call;
}

static void say_failed(struct sim *sim, const struct call *call, const char *result, const char *reason)
{
    struct json *head = json_new_texts("op", "result", "result", result, "reason", reason, "message", "the simulator says so",
                                       NULL);
    json_set_integer(head, "id", call->id);
    json_set_boolean(head, "ok", false);
    say(sim, head, NULL, true);
    sim->counters[N_CALLS_FAILED]++;
}

static void answer(struct sim *sim, struct event *event)
{
    struct call *call = call_find(sim, event->number);
    if (event->epoch != sim->host.epoch || call == NULL)
        return;
    sim_note(sim, "host: %s %" PRId64 " of %.8s is answered: %s", call->name, call->id, call->lane,
             call->ok ? "ok" : call->reason);
    if (call->ok && !call->answered) {
        struct json *head = json_new_texts("op", "result", NULL);
        json_set_integer(head, "id", call->id);
        json_set_boolean(head, "ok", true);
        say(sim, head, call->answer, true);
    } else if (!call->answered) {
        say_failed(sim, call, call->reason, "SimulatedError");
    }
    LL_DELETE(sim->host.calls, call);
    call_free(call);
    pump(sim);
}

static void operate(struct sim *sim, struct call *call, const struct operation *operation)
{
    bool fails = operation->may_fail && !sim->calm && sim_chance(sim, sim->temper.call_fails);
    /* It failed, and yet it was done: a plugin that timed out says so, too. */
    bool done = !fails || sim_chance(sim, 300) ? operation->run(sim, call) : false;
    if (fails && !done && strcmp(call->name, "create") == 0 && sim_chance(sim, 300))
        device_half_create(sim, call);
    call->ok = done && !fails;
    call->reason = fails ? "failed" : "notFound";
}

/* What the call does, some time between its beginning and its answer. */
static void effect(struct sim *sim, struct call *call)
{
    call->done = true;
    call->ok = true;
    if (strcmp(call->name, "list") == 0) {
        call->answer = device_list(sim);
        return;
    }
    if (strcmp(call->name, "stats") == 0) {
        call->answer = device_stats(sim);
        return;
    }
    if (strcmp(call->name, "exec") == 0) {
        bool is_command = json_get_boolean(call->document, "stream", false); /* of a person */
        call->answer = is_command ? mem_strdup("{\"exitCode\":0}") : health_exec(sim, call->document);
        return;
    }
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, call->name) == 0) {
            operate(sim, call, &operations[i]);
            return;
        }
    sim_fail(sim, "orders", "the runtime host is asked for \"%s\"", call->name);
}

static void do_effect(struct sim *sim, struct event *event)
{
    struct call *call = call_find(sim, event->number);
    if (event->epoch != sim->host.epoch || call == NULL)
        return;
    effect(sim, call);
    bool slow = !sim->calm && sim_chance(sim, sim->temper.call_slow);
    struct event *next = sim_after(sim, slow ? sim_below(sim, 20 * SECOND) : sim_below(sim, 30), answer);
    next->epoch = sim->host.epoch;
    next->number = call->id;
}

static void deadline(struct sim *sim, struct event *event)
{
    struct call *call = call_find(sim, event->number);
    if (event->epoch != sim->host.epoch || call == NULL || call->answered)
        return;
    call->answered = true;
    sim->counters[N_DEADLINES]++;
    say_failed(sim, call, "deadline", "DeadlineExceeded");
}

static void begin(struct sim *sim, struct call *call)
{
    call->begun = true;
    bool is_exec = strcmp(call->name, "exec") == 0; /* it brings its own, longer time limit, or none */
    bool is_command = is_exec && json_get_boolean(call->document, "stream", false);
    uint64_t takes = sim_below(sim, is_command ? 5 * MINUTE : 50);
    if (!sim->calm && sim_chance(sim, sim->temper.call_slow))
        takes = !is_exec && sim_chance(sim, 100) ? LIMIT_CALL_MS + sim_below(sim, MINUTE) : sim_below(sim, 20 * SECOND);
    struct event *event = sim_after(sim, takes, do_effect);
    event->epoch = sim->host.epoch;
    event->number = call->id;
    if (is_exec)
        return;
    struct event *over = sim_after(sim, LIMIT_CALL_MS, deadline);
    over->epoch = sim->host.epoch;
    over->number = call->id;
}

static bool lane_is_busy(const struct sim *sim, const struct call *call)
{
    for (const struct call *earlier = sim->host.calls; earlier != call; earlier = earlier->next)
        if (call->lane[0] != '\0' && strcmp(earlier->lane, call->lane) == 0)
            return true;
    return false;
}

static void pump(struct sim *sim)
{
    for (struct call *call = sim->host.calls; call != NULL; call = call->next)
        if (!call->begun && !lane_is_busy(sim, call))
            begin(sim, call);
}

static void opened(struct sim *sim, struct event *event)
{
    if (event->epoch != sim->host.epoch)
        return;
    sim->host.opened = true;
    sim_note(sim, "host: opened");
    say(sim, json_new_texts("op", "opened", "plugin", "fake", NULL), sim->images ? "{\"version\":\"sim\",\"images\":true}" : "{\"version\":\"sim\",\"images\":false}", true);
}

static void take_call(struct sim *sim, const struct json *head, const char *body, size_t len)
{
    struct error err;
    struct call *call = mem_alloc(sizeof(*call));
    const char *name = json_get_text(head, "call");
    const char *lane = json_get_text(head, "lane");
    call->id = json_get_integer(head, "id", 0);
    snprintf(call->name, sizeof(call->name), "%s", name != NULL ? name : "");
    snprintf(call->lane, sizeof(call->lane), "%s", lane != NULL ? lane : "");
    call->document = body != NULL ? json_parse(body, len, &err) : NULL;
    int pod = pod_of_name(json_get_text(json_get(call->document, "pod"), "name"));
    call->turn = pod >= 0 ? sim->seen[pod].turn : 0;
    if (call_find(sim, call->id) != NULL)
        sim_fail(sim, "orders", "call %" PRId64 " is made twice", call->id);
    device_told(sim, call);
    LL_APPEND(sim->host.calls, call);
    pump(sim);
}

void host_frame(struct sim *sim, struct json *head_taken, const char *body, size_t len)
{
    AUTO_JSON struct json *head = head_taken;
    const char *op = json_get_text(head, "op");
    if (!sim->host.up)
        return;
    if (op != NULL && strcmp(op, "open") == 0)
        sim_after(sim, 1 + sim_below(sim, 300), opened)->epoch = sim->host.epoch;
    else if (op != NULL && strcmp(op, "call") == 0 && sim->host.opened)
        take_call(sim, head, body, len);
    else
        sim_fail(sim, "orders", "the runtime host is told \"%s\"", op != NULL ? op : "nothing");
}

static void comes_up(struct sim *sim, struct event *event)
{
    if (event->epoch != sim->host.epoch || !sim->node.up || event->node_epoch != sim->node.epoch)
        return;
    sim->host.up = true;
    sim_note(sim, "host: up");
    node_runtime_up(sim);
}

void host_start(struct sim *sim)
{
    sim_after(sim, 1 + sim_below(sim, 100), comes_up)->epoch = sim->host.epoch;
}

/* A call that was under way is through, half through, or was never begun. */
static void resolve(struct sim *sim, struct call *call)
{
    if (!call->begun || call->done || strcmp(call->name, "list") == 0)
        return;
    uint64_t fate = sim_below(sim, 3);
    if (fate == 0)
        effect(sim, call);
    else if (fate == 1 && strcmp(call->name, "create") == 0 && sim_chance(sim, sim->temper.half))
        device_half_create(sim, call);
}

void host_end(struct sim *sim)
{
    sim->host.opened = false;
    while (sim->host.calls != NULL) {
        struct call *call = sim->host.calls;
        resolve(sim, call);
        LL_DELETE(sim->host.calls, call);
        call_free(call);
    }
    sim->host.up = false;
    sim->host.epoch++;
}

static void comes_again(struct sim *sim, struct event *event)
{
    if (event->epoch == sim->host.epoch && event->node_epoch == sim->node.epoch && sim->node.up)
        host_start(sim);
}

void host_crash(struct sim *sim)
{
    if (!sim->host.up)
        return;
    sim_note(sim, "host: crashes");
    sim->counters[N_HOST_CRASHES]++;
    host_end(sim);
    node_runtime_down(sim);
    sim_after(sim, 500 + sim_below(sim, 5 * SECOND), comes_again)->epoch = sim->host.epoch;
}

#include "core/telemetry.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/stats.h"
#include "core/telemetry_history.h"
#include "protocol/metrics_text.h"
#include "protocol/topic.h"

#define FIRST_MS 5000u /* after the start, at most: then what runs is known */
#define NS_PER_MS 1000000.0

/* What was measured of one, and what was told of it. */
struct telling {
    struct metrics now, told;
    uint64_t taken_wall_ms; /* 0: the clock was not set */
    uint64_t told_ms;       /* boot; 0: nothing was */
    bool runs;              /* it is in the newest sample */
    bool emptied;           /* its topic was */
};

struct telemetry {
    uint64_t due_ms; /* boot */
    bool asked;      /* an answer is waited for: a runtime that hangs is not asked again */
    struct machine before;
    uint64_t before_ms; /* 0: there was none */
    struct telling node;
    struct telemetry_history *history;
};

/* ---- telling */

static void publish(struct core *core, const struct object_id *id, const char *message, uint64_t ts_ms)
{
    AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, "metrics", id);
    AUTO_FREE char *text = message[0] != '\0' ? metrics_stamp(message, ts_ms) : mem_strdup("");
    outbox_put_light(core->outbox, topic, text);
}

static void tell(struct core *core, const struct object_id *id, struct telling *telling)
{
    char *message = metrics_write(&telling->now);
    telling->told = telling->now;
    telling->told_ms = core_boot_ms(core);
    if (!telemetry_is_heard(core)) {
        telemetry_history_add(core, core->telemetry->history, id, message);
        return;
    }
    telling->emptied = false;
    publish(core, id, message, telling->taken_wall_ms);
    free(message);
}

static void measured(struct core *core, const struct object_id *id, struct telling *telling, const struct metrics *now)
{
    const struct telemetry_config *config = &core->config->telemetry;
    bool silent = telling->told_ms == 0 ||
                  core_boot_ms(core) - telling->told_ms >= (uint64_t)config->max_silence_s * 1000;
    telling->now = *now;
    telling->taken_wall_ms = core_set_wall_ms(core);
    telling->runs = true;
    if (silent || metrics_moved(&config->deadband, &telling->told, now))
        tell(core, id, telling);
}

/* What does not run has nothing to tell, and the broker is not to show what it used once. */
static void ended(struct core *core, struct object *object)
{
    struct telling *telling = object->telling;
    telling->runs = false;
    telling->told_ms = 0;
    if (telling->emptied || !telemetry_is_heard(core))
        return;
    telling->emptied = true;
    publish(core, &object->id, "", 0);
}

/* ---- measuring */

static const struct {
    const char *key;
    enum metric metric;
} answers[] = {
    { "cpu_cores", METRIC_CPU_CORES },
    { "memory_bytes", METRIC_MEMORY_BYTES },
    { "pids", METRIC_PIDS },
    { "io_read_bytes", METRIC_IO_READ_BYTES },
    { "io_write_bytes", METRIC_IO_WRITE_BYTES },
    { "network_rx_bytes", METRIC_NETWORK_RECEIVE_BYTES },
    { "network_tx_bytes", METRIC_NETWORK_TRANSMIT_BYTES },
    { "network_rx_errors", METRIC_NETWORK_RECEIVE_ERRORS },
    { "network_tx_errors", METRIC_NETWORK_TRANSMIT_ERRORS },
};

/* Since its youngest container started. What ran before this davitd has the wall clock's word for it alone. */
static bool uptime_ms(const struct core *core, const struct object *object, uint64_t *out)
{
    bool known = false;
    for (const struct run *run = object->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++) {
            const struct instance *one = &run->instances[i];
            uint64_t wall = core_set_wall_ms(core), started = one->ending.started_ms;
            bool by_wall = wall >= started && started >= LIMIT_CLOCK_SET_MS;
            if (one->state != INSTANCE_RUNNING || (one->adopted ? !by_wall : one->seen_boot_ms == 0))
                continue;
            uint64_t age = one->adopted ? wall - started : core_boot_ms(core) - one->seen_boot_ms;
            *out = known && *out < age ? *out : age;
            known = true;
        }
    return known;
}

void telemetry_of_object(const struct core *core, const struct object *object, const struct json *use, struct metrics *out)
{
    double value;
    uint64_t age_ms = 0;
    *out = (struct metrics){ 0 };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (json_number(json_get(use, answers[i].key), &value))
            metrics_set(out, answers[i].metric, value);
    if (json_number(json_get(object->summary, "restarts"), &value))
        metrics_set(out, METRIC_RESTARTS, value);
    if (uptime_ms(core, object, &age_ms))
        metrics_set(out, METRIC_UPTIME_SECONDS, (double)(age_ms / 1000));
}

static void measure_object(struct core *core, struct object *object, const struct json *use)
{
    struct metrics now;
    telemetry_of_object(core, object, use, &now);
    if (object->telling == NULL)
        object->telling = mem_alloc(sizeof(*object->telling));
    measured(core, &object->id, object->telling, &now);
}

bool telemetry_of_node(const struct core *core, struct metrics *out, struct machine *machine)
{
    metrics_set(out, METRIC_UPTIME_SECONDS, (double)(core_boot_ms(core) / 1000));
    if (core->telemetry != NULL) {
        metrics_set(out, METRIC_HISTORY_SAMPLES, (double)telemetry_history_waiting(core->telemetry->history));
        metrics_set(out, METRIC_HISTORY_LOST, (double)telemetry_history_lost(core->telemetry->history));
    }
    if (core->env->machine == NULL)
        return false;
    core->env->machine(core->env->ctx, machine);
    metrics_set(out, METRIC_MEMORY_BYTES, (double)machine->memory_bytes);
    metrics_set(out, METRIC_MEMORY_AVAILABLE_BYTES, (double)(core->env->memory_bytes - machine->memory_bytes));
    metrics_set(out, METRIC_DISK_BYTES, (double)(machine->disk_bytes - machine->disk_free_bytes));
    metrics_set(out, METRIC_DISK_AVAILABLE_BYTES, (double)machine->disk_free_bytes);
    return true;
}

/* `now` has how many run. */
static void measure_node(struct core *core, struct telemetry *telemetry, struct metrics now)
{
    struct machine machine;
    uint64_t boot_ms = core_boot_ms(core);
    if (telemetry_of_node(core, &now, &machine)) {
        if (telemetry->before_ms != 0 && boot_ms > telemetry->before_ms && machine.cpu_ns >= telemetry->before.cpu_ns)
            metrics_set(&now, METRIC_CPU_CORES,
                        (double)(machine.cpu_ns - telemetry->before.cpu_ns) /
                            ((double)(boot_ms - telemetry->before_ms) * NS_PER_MS));
        telemetry->before = machine;
        telemetry->before_ms = boot_ms;
    }
    measured(core, NULL, &telemetry->node, &now);
}

struct object *telemetry_object(const struct core *core, const struct json *use)
{
    struct object_id id = { 0 };
    const char *namespace = json_get_text(use, "namespace"), *resource = json_get_text(use, "resource");
    const char *name = json_get_text(use, "name");
    if (namespace == NULL || resource == NULL || name == NULL)
        return NULL;
    (void)snprintf(id.namespace, sizeof(id.namespace), "%s", namespace);
    (void)snprintf(id.resource, sizeof(id.resource), "%s", resource);
    (void)snprintf(id.name, sizeof(id.name), "%s", name);
    return objects_find(&core->objects, &id);
}

/* Where the runtime says nothing, nothing is known of what runs: it may well run. */
static void answered(void *ctx, struct json *answer_taken)
{
    struct core *core = ctx;
    AUTO_JSON struct json *answer = answer_taken;
    struct metrics node = { 0 };
    bool good = json_get_boolean(answer, "ok", false);
    core->telemetry->asked = false;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (object->telling != NULL)
            object->telling->runs = !good && object->telling->runs;
    JSON_EACH(use, json_get(answer, "pods")) {
        struct object *object = telemetry_object(core, use);
        if (object == NULL)
            continue;
        node.values[object_is_vm(object) ? METRIC_VMS : METRIC_PODS]++;
        measure_object(core, object, use);
    }
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (object->telling != NULL && !object->telling->runs)
            ended(core, object);
    node.known[METRIC_PODS] = node.known[METRIC_VMS] = good;
    measure_node(core, core->telemetry, node);
}

static void sample(struct core *core, struct telemetry *telemetry)
{
    telemetry->asked = true;
    stats_ask_within(core, (uint64_t)core->config->telemetry.interval_s * 2000, answered, core);
}

/* ---- */

static struct telemetry *telemetry_of(struct core *core)
{
    if (core->telemetry == NULL) {
        core->telemetry = mem_alloc(sizeof(*core->telemetry));
        core->telemetry->history = telemetry_history_new(core);
        uint64_t interval_ms = (uint64_t)core->config->telemetry.interval_s * 1000;
        core->telemetry->due_ms = core_boot_ms(core) + (interval_ms < FIRST_MS ? interval_ms : FIRST_MS);
    }
    return core->telemetry;
}

uint64_t telemetry_settle(struct core *core)
{
    uint64_t interval_ms = (uint64_t)core->config->telemetry.interval_s * 1000, now = core_boot_ms(core);
    if (interval_ms == 0)
        return 0;
    struct telemetry *telemetry = telemetry_of(core);
    if (now >= telemetry->due_ms) {
        telemetry->due_ms = now + interval_ms;
        if (!telemetry->asked)
            sample(core, telemetry);
    }
    uint64_t next = telemetry_history_settle(core, telemetry->history);
    return next != 0 && next < telemetry->due_ms ? next : telemetry->due_ms;
}

static void tell_again(struct core *core, const struct object_id *id, struct telling *telling)
{
    if (telling->told_ms != 0)
        tell(core, id, telling);
}

void telemetry_again(struct core *core)
{
    if (core->telemetry == NULL)
        return;
    tell_again(core, NULL, &core->telemetry->node);
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        if (object->telling == NULL)
            continue;
        object->telling->emptied = false;
        if (object->telling->runs)
            tell_again(core, &object->id, object->telling);
        else
            ended(core, object);
    }
}

void core_samples_kept(struct core *core, const char *problem)
{
    telemetry_history_kept(core, core->telemetry->history, problem);
}

void core_samples_read(struct core *core, struct history *samples_taken, size_t bad)
{
    telemetry_history_read(core->telemetry->history, samples_taken, bad);
}

void core_samples_lost(struct core *core, size_t count)
{
    telemetry_history_lose(core->telemetry->history, count);
}

void telemetry_keep_now(struct core *core)
{
    struct error err;
    if (core->telemetry != NULL && !telemetry_history_keep_now(core, core->telemetry->history, &err))
        log_warn("what could not be told of metrics is lost: %s", err.message);
}

void telemetry_free(struct core *core)
{
    if (core->telemetry == NULL)
        return;
    telemetry_history_free(core->telemetry->history);
    free(mem_steal(&core->telemetry));
}

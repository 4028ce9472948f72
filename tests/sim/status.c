#include "status.h"

#include <inttypes.h>
#include <string.h>

#include "accepted.h"
#include "base/memory.h"
#include "broker.h"
#include "content.h"
#include "device.h"
#include "net.h"

#define METRICS SIM_ROOT "/nodes/" SIM_NODE "/metrics"

static const char status_topic[] = SIM_ROOT "/nodes/" SIM_NODE "/status/default/pods/";

static bool read_source(const char *word, enum source *source)
{
    static const char *const words[] = { "node", "group/line-1", "group/line-2", "all", "manifests", "bundle" };
    for (*source = 0; word != NULL && *source < SOURCES; (*source)++)
        if (strcmp(words[*source], word) == 0)
            return true;
    return false;
}

static void check_generation(struct sim *sim, int pod, const struct json *status)
{
    enum source source;
    int64_t generation = json_get_integer(status, "observedGeneration", -1);
    if (generation < 0)
        return;
    if (!read_source(json_get_text(status, "source"), &source)) {
        sim_fail(sim, "status", "the status of p%d has a generation and no source", pod);
        return;
    }
    struct slot_seen *slot = &sim->seen[pod].slots[source];
    if (!slot->filled || generation > slot->generation)
        sim_fail(sim, "durable", "the status of p%d (%s) names generation %" PRId64 ", on the disk is %" PRId64, pod,
                 sim_source_word(source), generation, slot->filled ? slot->generation : -1);
    if (generation < slot->told)
        sim_fail(sim, "back", "the status of p%d (%s) names generation %" PRId64 " after %" PRId64, pod,
                 sim_source_word(source), generation, slot->told);
    slot->told = generation;
}

void status_published(struct sim *sim, const char *topic, const char *body)
{
    struct error err;
    /* Metrics are told again where nothing happens, after a silence. */
    sim->counters[N_STATUSES] += strncmp(topic, METRICS, sizeof(METRICS) - 1) != 0;
    if (strncmp(topic, status_topic, sizeof(status_topic) - 1) != 0 || body[0] == '\0')
        return;
    int pod = pod_of_name(topic + sizeof(status_topic) - 1);
    AUTO_JSON struct json *json = json_parse(body, strlen(body), &err);
    if (json == NULL || pod < 0) {
        sim_fail(sim, "status", "%s: %s", topic, json == NULL ? err.message : "no pod of ours");
        return;
    }
    check_generation(sim, pod, json_get(json, "status"));
}

/* ---- the end */

static struct json *retained_json(const struct sim *sim, const char *word, int pod)
{
    struct error err;
    AUTO_FREE char *topic = pod >= 0 ? mem_printf(SIM_ROOT "/nodes/" SIM_NODE "/%s/default/pods/p%d", word, pod)
                                     : mem_printf(SIM_ROOT "/nodes/" SIM_NODE "/%s", word);
    const char *text = broker_retained(sim, topic);
    return text != NULL ? json_parse(text, strlen(text), &err) : NULL;
}

static const char *state_reason(const struct json *state)
{
    const char *reason = json_get_text(state, "reason");
    return reason != NULL ? reason : "";
}

static bool is_idle(const struct sim *sim, int pod)
{
    return sim->now_ms - sim->device.changed_ms[pod] > 10 * SECOND;
}

static size_t count_running(struct sim *sim, int pod, int variant, int container)
{
    size_t running = 0;
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next) {
        if (box->pod != pod || box->life != RUNNING || box->container != container)
            continue;
        running++;
        if (box->variant != variant)
            sim_fail(sim, "converge", "p%d/c%d runs as v%d, v%d is wanted", pod, container, box->variant, variant);
    }
    return running;
}

/* What a pod holds of the memory in the end: what runs, or what it was let to start with. 0: it waits, or is over. */
static int64_t holds_mi(struct sim *sim, int pod)
{
    AUTO_JSON struct json *state = retained_json(sim, "state", pod);
    int variant = sim->seen[pod].ruling;
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (box->pod == pod && box->life == RUNNING)
            variant = box->variant;
    int64_t code = json_get_integer(state, "stateCode", STATE_UNKNOWN);
    /* One that has run and asks for more now holds what it had: at most what it asks for. */
    bool waits = code == STATE_PENDING && strcmp(state_reason(state), "InsufficientMemory") == 0;
    if (variant < 0 || waits || code == STATE_SUCCEEDED || code == STATE_FAILED)
        return 0;
    struct shape shape = content_shape(sim, pod, variant);
    return shape_memory_mi(&shape);
}

/* It waits for memory, says so, and there is none for it. What runs in its place goes on. */
static bool waits_for_memory(struct sim *sim, int pod, int variant)
{
    AUTO_JSON struct json *state = retained_json(sim, "state", pod);
    const char *update = json_get_text(state, "update");
    bool told = strcmp(state_reason(state), "InsufficientMemory") == 0 ||
                (update != NULL && strcmp(update, "InsufficientMemory") == 0);
    struct shape shape = content_shape(sim, pod, variant);
    int64_t free_mi = SIM_MEMORY_MI;
    for (int other = 0; other < SIM_PODS; other++)
        free_mi -= other != pod ? holds_mi(sim, other) : 0;
    if (told && shape_memory_mi(&shape) <= free_mi)
        sim_fail(sim, "converge", "p%d (v%d) waits for %" PRId64 " MiB of memory, and %" PRId64 " are free", pod, variant,
                 shape_memory_mi(&shape), free_mi);
    sim->counters[N_WAIT] += told;
    return told;
}

/* A container that runs until it is stopped must run; one that ends is between two runs, or is over. */
static void check_container(struct sim *sim, int pod, int variant, int container)
{
    struct shape shape = content_shape(sim, pod, variant);
    size_t running = count_running(sim, pod, variant, container);
    if ((size_t)container >= shape.containers) {
        if (running > 0)
            sim_fail(sim, "converge", "p%d/c%d is in no document, and runs", pod, container);
        return;
    }
    enum behaviour behaviour = shape.container[container].behaviour;
    bool ends = behaviour == ENDS_WELL || behaviour == ENDS_BADLY;
    bool over = shape.policy == RESTART_NEVER || (shape.policy == RESTART_ON_FAILURE && behaviour == ENDS_WELL);
    if (!ends && shape.policy == RESTART_ALWAYS && running != 1)
        sim_fail(sim, "converge", "p%d/c%d: %zu run", pod, container, running);
    if (ends && over && running > 0 && is_idle(sim, pod))
        sim_fail(sim, "converge", "p%d/c%d is over, and runs", pod, container);
}

static void check_statuses(struct sim *sim, int pod, int source)
{
    AUTO_JSON struct json *state = retained_json(sim, "state", pod);
    AUTO_JSON struct json *whole = retained_json(sim, "status", pod);
    const struct json *status = json_get(whole, "status");
    enum source told;
    if (state == NULL || status == NULL) {
        sim_fail(sim, "status", "p%d has no %s on the broker", pod, state == NULL ? "state" : "status");
        return;
    }
    const struct slot_seen *slot = &sim->seen[pod].slots[source];
    if (json_get_integer(status, "observedGeneration", -1) != slot->generation)
        sim_fail(sim, "status", "p%d: the broker knows generation %" PRId64 ", accepted is %" PRId64, pod,
                 json_get_integer(status, "observedGeneration", -1), slot->generation);
    if (!read_source(json_get_text(status, "source"), &told) || (int)told != source)
        sim_fail(sim, "status", "p%d: the broker knows the source %s", pod, json_get_text(status, "source"));
    if (!is_idle(sim, pod))
        return;
    int64_t running = (int64_t)device_count(sim, pod, -1, true);
    if (json_get_integer(state, "containersReady", -1) != running)
        sim_fail(sim, "status", "p%d: the broker knows %" PRId64 " ready containers, %" PRId64 " run", pod,
                 json_get_integer(state, "containersReady", -1), running);
    int64_t count = json_get_integer(state, "containers", -1);
    if (json_get_integer(state, "ready", -1) != (running == count))
        sim_fail(sim, "status", "p%d: ready is %" PRId64 ", %" PRId64 " of %" PRId64 " run", pod,
                 json_get_integer(state, "ready", -1), running, count);
}

static void check_absent(struct sim *sim, int pod)
{
    static const char *const words[] = { "state", "status" };
    if (device_count(sim, pod, -1, false) > 0)
        sim_fail(sim, "converge", "p%d is not wanted, and %zu containers of it exist", pod,
                 device_count(sim, pod, -1, false));
    for (size_t i = 0; i < 2; i++) {
        AUTO_JSON struct json *left = retained_json(sim, words[i], pod);
        if (left != NULL)
            sim_fail(sim, "status", "p%d is not wanted, and has a %s on the broker", pod, words[i]);
    }
}

static void check_pod(struct sim *sim, int pod)
{
    struct slot_seen wanted[SOURCES] = { 0 };
    for (enum source source = 0; source < SOURCES; source++) {
        const struct intent *intent = &sim->operator.slots[pod][source];
        const struct slot_seen *slot = &sim->seen[pod].slots[source];
        wanted[source].filled = intent->filled && source_is_configured(sim, source);
        wanted[source].content = intent->content;
        bool purged = intent->content == SIM_TOMBSTONE && !slot->filled;
        if (!purged && (slot->filled != wanted[source].filled || (slot->filled && slot->content != intent->content)))
            sim_fail(sim, "converge", "p%d (%s%s): content %d is wanted, accepted is %d", pod, sim_source_word(source),
                     sim_group_name(source), wanted[source].filled ? intent->content : -1,
                     slot->filled ? slot->content : -1);
    }
    int ruling = accepted_ruling(sim, wanted);
    if (ruling < 0 && !sim->seen[pod].wiped)
        check_absent(sim, pod);
    if (ruling < 0)
        return;
    bool waits = waits_for_memory(sim, pod, content_variant(wanted[ruling].content));
    for (int container = 0; container < SIM_CONTAINERS && !waits; container++)
        check_container(sim, pod, content_variant(wanted[ruling].content), container);
    check_statuses(sim, pod, ruling);
}

static void check_leaks(struct sim *sim)
{
    for (const struct shared *shared = sim->device.shared; shared != NULL; shared = shared->next) {
        bool used = false;
        for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
            used = used || strcmp(box->uid, shared->uid) == 0;
        struct object_id id = { .namespace = "default", .resource = "pods" };
        id.name[0] = 'p';
        id.name[1] = (char)('0' + shared->pod);
        const struct object *object = objects_find(&sim->node.core->objects, &id);
        if (!used && (object == NULL || strcmp(object->uid, shared->uid) != 0))
            sim_fail(sim, "leak", "%.8s of p%d is never released", shared->uid, shared->pod);
    }
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (box->life != RUNNING && is_idle(sim, box->pod))
            sim_fail(sim, "leak", "p%d/c%d attempt %" PRId64 " of %.8s is left behind", box->pod, box->container,
                     box->attempt, box->uid);
}

static void count_row(void *ctx, const struct outbox_row *row)
{
    (void)row;
    ++*(size_t *)ctx;
}

static void check_node(struct sim *sim)
{
    struct error err;
    size_t rows = 0;
    if (!store_each_outbox(sim->node.store, count_row, &rows, &err) || rows > 0)
        sim_fail(sim, "quiet", "%zu rows wait in the outbox", rows);
    if (outbox_waiting(sim->node.core->outbox) > 0 && sim->temper.operator_gap > 0)
        sim_note(sim, "%zu messages wait in the outbox", outbox_waiting(sim->node.core->outbox));
    AUTO_JSON struct json *presence = retained_json(sim, "presence", -1);
    if (!json_get_boolean(presence, "online", false))
        sim_fail(sim, "status", "the broker does not know that the node is there");
    AUTO_JSON struct json *state = retained_json(sim, "state", -1);
    int64_t unset = sim_wall_ms(sim) < LIMIT_CLOCK_SET_MS; /* the clock was set back so far: that is one */
    if (json_get_integer(state, "problems", -1) != unset)
        sim_fail(sim, "status", "the node sees %" PRId64 " problems in the end: %s",
                 json_get_integer(state, "problems", -1), json_get_text(state, "message"));
    int64_t pods = 0;
    bool wiped = false;
    for (int pod = 0; pod < SIM_PODS; pod++) {
        pods += sim->seen[pod].source >= 0;
        wiped = wiped || sim->seen[pod].wiped;
    }
    if (!wiped && json_get_integer(state, "pods", -1) != pods)
        sim_fail(sim, "status", "the node counts %" PRId64 " pods, %" PRId64 " are wanted",
                 json_get_integer(state, "pods", -1), pods);
}

void status_check_end(struct sim *sim)
{
    if (!sim->node.up || sim->link.phase != LINK_CONNECTED) {
        sim_fail(sim, "converge", "davitd is not there in the end");
        return;
    }
    for (int pod = 0; pod < SIM_PODS; pod++)
        check_pod(sim, pod);
    check_leaks(sim);
    net_check_end(sim);
    check_node(sim);
}

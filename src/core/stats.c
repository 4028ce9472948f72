#include "core/stats.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/runtime.h"
#include "davit/limits.h"

#define PAIR_MS 500u /* between the two samples, where there is no last one */
#define VMS_MS 3000u /* libvirtd may hang: the pods are told of without it */
#define LAST_LEAST_MS 1000u
#define LAST_MOST_MS 60000u
#define NS_PER_MS 1000000.0
#define CORES_STEP 1e-6

struct asker {
    stats_done done;
    void *ctx;
    struct json *request;
    bool disk;
    struct asker *next;
};

/* What the runtime said at one time. */
struct sample {
    struct json *answer; /* NULL: none */
    struct machine machine;
    uint64_t boot_ms;
};

struct stats {
    struct sample last;  /* of the last answer */
    struct sample first; /* of a pair whose second one is waited for */
    struct asker *askers;
    int64_t call;        /* in flight; 0: none */
    int64_t vms_call;    /* the same, to the runtime of virtual machines, beside it */
    struct json *vms;    /* what that has answered */
    struct sample half;  /* answered but for the machines */
    bool call_has_disk;
    uint64_t due_ms;     /* the second one; 0: not waited for */
};

static struct stats *stats_of(struct core *core)
{
    if (core->stats == NULL)
        core->stats = mem_alloc(sizeof(*core->stats));
    return core->stats;
}

static void sample_clear(struct sample *sample)
{
    json_free(sample->answer);
    *sample = (struct sample){ 0 };
}

static void asker_free(struct asker *asker)
{
    json_free(asker->request);
    free(asker);
}

static struct json *failure(const char *reason, const char *message)
{
    struct json *answer = json_new_texts("op", "result", "reason", reason, "message", message, NULL);
    json_set_boolean(answer, "ok", false);
    return answer;
}

static void fail_all(struct stats *stats, const char *reason, const char *message)
{
    while (stats->askers != NULL) {
        struct asker *asker = stats->askers;
        LL_DELETE(stats->askers, asker);
        asker->done(asker->ctx, failure(reason, message));
        asker_free(asker);
    }
    stats->call = stats->vms_call = 0;
    stats->due_ms = 0;
    sample_clear(&stats->first);
    sample_clear(&stats->half);
    json_free(mem_steal(&stats->vms));
}

/* ---- asking the runtime */

static bool may_pair(const struct core *core, const struct sample *last)
{
    uint64_t age = core_boot_ms(core) - last->boot_ms;
    return last->answer != NULL && age >= LAST_LEAST_MS && age <= LAST_MOST_MS;
}

/* Where everybody asks for one pod, only those are looked at. */
static void name_pods(const struct core *core, const struct stats *stats, struct json *document)
{
    AUTO_JSON struct json *uids = json_new_array();
    for (const struct asker *asker = stats->askers; asker != NULL; asker = asker->next) {
        const char *pod = json_get_text(asker->request, "pod"), *namespace = json_get_text(asker->request, "namespace");
        if (pod == NULL)
            return;
        for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next)
            for (const struct run *run = object->runs; run != NULL; run = run->next)
                if (strcmp(object->id.name, pod) == 0 &&
                    (namespace == NULL || strcmp(object->id.namespace, namespace) == 0))
                    json_add_text(uids, run->uid);
    }
    json_set(document, "uids", mem_steal(&uids));
}

static void take_sample(struct core *core, struct stats *stats)
{
    AUTO_JSON struct json *document = json_new_object();
    bool is_last = stats->first.answer != NULL || may_pair(core, &stats->last);
    bool disk = false;
    for (const struct asker *asker = stats->askers; asker != NULL; asker = asker->next)
        disk = disk || asker->disk;
    name_pods(core, stats, document);
    stats->due_ms = 0;
    stats->call_has_disk = disk && is_last;
    json_set_boolean(document, "disk", stats->call_has_disk);
    stats->call = ++core->last_call;
    runtime_send(core, &core->runtime, stats->call, "stats", LIMIT_CALL_MS, document);
    if (!core->vms.listed || core->vms.problem[0] != '\0')
        return;
    stats->vms_call = ++core->last_call;
    runtime_send(core, &core->vms, stats->vms_call, "stats", VMS_MS, document);
}

void stats_ask(struct core *core, const struct json *request, stats_done done, void *ctx)
{
    struct stats *stats = stats_of(core);
    const struct asker *known;
    int count;
    LL_COUNT(stats->askers, known, count);
    if (!core->runtime.listed) {
        done(ctx, failure("RuntimeUnavailable", core->runtime.problem[0] != '\0' ? core->runtime.problem
                                                                                 : "the runtime host is starting: ask again"));
        return;
    }
    if (count >= LIMIT_STATS_ASKERS) {
        done(ctx, failure("TooManyRequests", "too many ask for stats already: ask again in a second"));
        return;
    }
    struct asker *asker = mem_alloc(sizeof(*asker));
    *asker = (struct asker){ .done = done, .ctx = ctx, .request = json_copy(request),
                             .disk = json_get_boolean(request, "disk", false) };
    LL_APPEND(stats->askers, asker);
    if (stats->call == 0 && stats->vms_call == 0 && stats->due_ms == 0)
        take_sample(core, stats);
}

void stats_forget(struct core *core, const void *ctx)
{
    struct asker *asker, *next;
    if (core->stats == NULL)
        return;
    LL_FOREACH_SAFE(core->stats->askers, asker, next)
        if (asker->ctx == ctx) {
            LL_DELETE(core->stats->askers, asker);
            asker_free(asker);
        }
}

/* ---- two samples */

static bool is_same(const struct json *a, const struct json *b)
{
    const char *uid_a = json_get_text(a, "uid"), *uid_b = json_get_text(b, "uid");
    const char *name_a = json_get_text(a, "container"), *name_b = json_get_text(b, "container");
    return uid_a != NULL && uid_b != NULL && name_a != NULL && name_b != NULL && strcmp(uid_a, uid_b) == 0 &&
           strcmp(name_a, name_b) == 0 && json_get_integer(a, "attempt", 0) == json_get_integer(b, "attempt", 0);
}

static const struct json *instance_in(const struct sample *sample, const struct json *instance)
{
    JSON_EACH(one, json_get(sample->answer, "instances"))
        if (is_same(one, instance))
            return one;
    return NULL;
}

/* Everything that runs now ran then. */
static bool covers(const struct sample *before, const struct sample *now)
{
    JSON_EACH(one, json_get(now->answer, "instances"))
        if (json_get(one, "cpuNs") != NULL && instance_in(before, one) == NULL)
            return false;
    return true;
}

/* Cores; below 0: not known. */
static double rate_of(const struct sample *before, const struct json *instance)
{
    const struct json *then = instance_in(before, instance);
    int64_t ns = json_get_integer(instance, "cpuNs", -1) - json_get_integer(then, "cpuNs", 0);
    int64_t ms = json_get_integer(instance, "takenBootMs", 0) - json_get_integer(then, "takenBootMs", 0);
    if (then == NULL || json_get(instance, "cpuNs") == NULL || json_get(then, "cpuNs") == NULL || ms <= 0 || ns < 0)
        return -1;
    return (double)ns / ((double)ms * NS_PER_MS);
}

static void set_cores(struct json *out, const char *key, double cores)
{
    if (cores >= 0)
        json_set(out, key, json_new_number(round(cores / CORES_STEP) * CORES_STEP));
}

/* ---- what is answered */

static const struct {
    const char *from, *to;
} counters[] = {
    { "workingSetBytes", "memory_bytes" }, { "rssBytes", "memory_rss_bytes" },         { "pids", "pids" },
    { "ioReadBytes", "io_read_bytes" },    { "ioWriteBytes", "io_write_bytes" },
    { "throttledNs", "cpu_throttled_ns" }, { "throttledPeriods", "cpu_throttled_periods" },
};

static const struct {
    const char *from, *to;
} network_counters[] = {
    { "rxBytes", "network_rx_bytes" },   { "txBytes", "network_tx_bytes" },
    { "rxErrors", "network_rx_errors" }, { "txErrors", "network_tx_errors" },
};

static void add_to(struct json *out, const char *key, int64_t value)
{
    json_set_integer(out, key, json_get_integer(out, key, 0) + value);
}

static void add_disk(const struct json *instance, struct json *pod, struct json *container)
{
    if (json_get(instance, "writableBytes") == NULL)
        return;
    int64_t bytes = json_get_integer(instance, "writableBytes", 0) + json_get_integer(instance, "logBytes", 0);
    add_to(pod, "disk_bytes", bytes);
    if (container != NULL)
        json_set_integer(container, "disk_bytes", bytes);
}

static void add_container(const struct sample *before, const struct json *instance, struct json *pod)
{
    if (json_get(instance, "cpuNs") == NULL && json_get(instance, "memoryBytes") == NULL) {
        add_disk(instance, pod, NULL); /* it has ended */
        return;
    }
    struct json *container = json_add_object(json_get_mutable(pod, "containers"));
    json_set_text(container, "name", json_get_text(instance, "container"));
    double cores = rate_of(before, instance);
    set_cores(container, "cpu_cores", cores);
    double sum = 0;
    if (cores >= 0)
        set_cores(pod, "cpu_cores", (json_number(json_get(pod, "cpu_cores"), &sum) ? sum : 0) + cores);
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        int64_t value = json_get_integer(instance, counters[i].from, -1);
        if (value < 0)
            continue;
        json_set_integer(container, counters[i].to, value);
        if (strncmp(counters[i].to, "cpu_", 4) != 0)
            add_to(pod, counters[i].to, value);
    }
    add_disk(instance, pod, container);
}

static void add_shared(const struct json *shared, struct json *pod)
{
    for (size_t i = 0; i < sizeof(network_counters) / sizeof(network_counters[0]); i++) {
        int64_t value = json_get_integer(shared, network_counters[i].from, -1);
        if (value >= 0)
            json_set_integer(pod, network_counters[i].to, value);
    }
    struct json *volumes = json_set_array(pod, "volumes");
    JSON_EACH(volume, json_get(shared, "volumes")) {
        struct json *one = json_new_texts("name", json_get_text(volume, "name"), NULL);
        int64_t bytes = json_get_integer(volume, "bytes", 0);
        json_set_integer(one, "bytes", bytes);
        json_add(volumes, one);
        if (!json_get_boolean(volume, "memory", false))
            add_to(pod, "disk_bytes", bytes);
    }
}

/* What the instance is of: a virtual machine and a pod may have the same name. */
static const char *resource_of(const struct core *core, const char *uid)
{
    for (const struct object *object = core->objects.table; object != NULL && uid != NULL; object = object->hh.next)
        if (object_run(object, uid) != NULL)
            return object->id.resource;
    return "pods";
}

static bool is_wanted(const struct core *core, const struct json *request, const struct json *instance)
{
    const char *resource = json_get_text(request, "resource");
    if (resource != NULL && strcmp(resource, resource_of(core, json_get_text(instance, "uid"))) != 0)
        return false;
    static const char *const keys[] = { "namespace", "pod" };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *wanted = json_get_text(request, keys[i]), *has = json_get_text(instance, keys[i]);
        if (wanted != NULL && (has == NULL || strcmp(wanted, has) != 0))
            return false;
    }
    return json_get_text(instance, "uid") != NULL;
}

static void write_pods(const struct core *core, const struct sample *before, const struct sample *now, const struct json *request,
                       struct json *array)
{
    AUTO_JSON struct json *by_uid = json_new_object();
    JSON_EACH(instance, json_get(now->answer, "instances")) {
        const char *uid = json_get_text(instance, "uid");
        if (!is_wanted(core, request, instance))
            continue;
        struct json *pod = json_get_mutable(by_uid, uid);
        if (pod == NULL) {
            pod = json_new_texts("namespace", json_get_text(instance, "namespace"), "name",
                                 json_get_text(instance, "pod"), NULL);
            json_set_text(pod, "resource", resource_of(core, uid));
            json_set_array(pod, "containers");
            json_set(by_uid, uid, pod);
            add_shared(json_get(json_get(now->answer, "pods"), uid), pod);
        }
        add_container(before, instance, pod);
    }
    JSON_EACH(pod, by_uid)
        if (json_size(json_get(pod, "containers")) > 0)
            json_add(array, json_copy(pod));
}

static void write_node(const struct core *core, const struct sample *before, const struct sample *now, struct json *node)
{
    int64_t ns = now->machine.cpu_ns - before->machine.cpu_ns;
    uint64_t ms = now->boot_ms - before->boot_ms;
    json_set_text(node, "name", core->config->node);
    json_set_integer(node, "memory_capacity_bytes", core->env->memory_bytes);
    json_set(node, "cpu_capacity_cores", json_new_number((double)core->env->cpu_m / 1000));
    if (core->env->machine == NULL)
        return;
    if (ns >= 0 && ms > 0)
        set_cores(node, "cpu_cores", (double)ns / ((double)ms * NS_PER_MS));
    json_set_integer(node, "memory_bytes", now->machine.memory_bytes);
    json_set_integer(node, "disk_bytes", now->machine.disk_bytes);
    json_set_integer(node, "disk_free_bytes", now->machine.disk_free_bytes);
}

static struct json *write_answer(const struct core *core, const struct sample *before, const struct sample *now,
                                 const struct json *request)
{
    struct json *answer = json_new_texts("op", "result", NULL);
    json_set_boolean(answer, "ok", true);
    json_set_integer(answer, "ts", (int64_t)core_wall_ms(core));
    write_node(core, before, now, json_set_object(answer, "node"));
    write_pods(core, before, now, request, json_set_array(answer, "pods"));
    AUTO_FREE char *text = json_print(answer);
    if (strlen(text) < LIMIT_FRAME_HEAD_BYTES)
        return answer;
    json_free(answer);
    return failure("TooLarge", "the answer is too long: ask for one namespace, or for one pod");
}

/* Those who want the disk too, and came when a sample without it was on its way, wait on. */
static void answer_askers(struct core *core, struct stats *stats, const struct sample *before, const struct sample *now)
{
    struct asker *asker, *next;
    LL_FOREACH_SAFE(stats->askers, asker, next) {
        if (asker->disk && !stats->call_has_disk)
            continue;
        LL_DELETE(stats->askers, asker);
        asker->done(asker->ctx, write_answer(core, before, now, asker->request));
        asker_free(asker);
    }
}

static void sampled(struct core *core, struct stats *stats, struct sample *now)
{
    const struct sample *before = NULL;
    if (stats->first.answer != NULL)
        before = &stats->first;
    else if (may_pair(core, &stats->last) && covers(&stats->last, now))
        before = &stats->last;
    if (before == NULL) {
        stats->first = *now;
        stats->due_ms = now->boot_ms + PAIR_MS;
        return;
    }
    answer_askers(core, stats, before, now);
    sample_clear(&stats->first);
    sample_clear(&stats->last);
    stats->last = *now;
    if (stats->askers != NULL)
        take_sample(core, stats);
}

/* The machines stand beside the pods. */
static void join(struct json *answer, const struct json *vms)
{
    struct json *instances = json_get_mutable(answer, "instances"), *pods = json_get_mutable(answer, "pods");
    JSON_EACH(one, json_get(vms, "instances"))
        if (instances != NULL)
            json_add(instances, json_copy(one));
    JSON_EACH(one, json_get(vms, "pods"))
        if (pods != NULL)
            json_set(pods, json_key(one), json_copy(one));
}

/* Both have answered; a runtime of machines that does not, or not in time, has none to tell of. */
static void look(struct core *core, struct stats *stats)
{
    if (stats->call != 0 || stats->vms_call != 0 || stats->half.answer == NULL)
        return;
    AUTO_JSON struct json *vms = mem_steal(&stats->vms);
    struct sample now = stats->half;
    stats->half = (struct sample){ 0 };
    join(now.answer, vms);
    sampled(core, stats, &now);
}

static void vms_answered(struct core *core, struct stats *stats, const struct frame_view *frame)
{
    struct error ignored; /* then they are left out */
    stats->vms_call = 0;
    json_free(mem_steal(&stats->vms));
    if (json_get_boolean(frame->head, "ok", false))
        stats->vms = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &ignored);
    look(core, stats);
}

bool stats_answered(struct core *core, const struct frame_view *frame)
{
    struct stats *stats = core->stats;
    int64_t id = json_get_integer(frame->head, "id", 0);
    struct error err;
    if (stats != NULL && id != 0 && id == stats->vms_call) {
        vms_answered(core, stats, frame);
        return true;
    }
    if (stats == NULL || id == 0 || id != stats->call)
        return false;
    stats->call = 0;
    const char *reason = json_get_text(frame->head, "reason"), *message = json_get_text(frame->head, "message");
    struct sample now = { .boot_ms = core_boot_ms(core),
                          .answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err) };
    if (json_get_boolean(frame->head, "ok", false) && now.answer != NULL) {
        if (core->env->machine != NULL)
            core->env->machine(core->env->ctx, &now.machine);
        stats->half = now;
        look(core, stats);
        return true;
    }
    sample_clear(&now);
    fail_all(stats, reason != NULL ? reason : "RuntimeError", message != NULL ? message : "the runtime did not say why");
    return true;
}

uint64_t stats_settle(struct core *core)
{
    struct stats *stats = core->stats;
    if (stats == NULL || stats->due_ms == 0)
        return 0;
    if (core_boot_ms(core) < stats->due_ms)
        return stats->due_ms;
    if (stats->askers != NULL) {
        take_sample(core, stats);
        return 0;
    }
    stats->due_ms = 0; /* all of them have gone */
    sample_clear(&stats->first);
    return 0;
}

void stats_lost(struct core *core, const struct runtime_state *runtime)
{
    if (core->stats == NULL)
        return;
    if (runtime->of_vms) {
        core->stats->vms_call = 0;
        look(core, core->stats);
        return;
    }
    fail_all(core->stats, "RuntimeUnavailable", "the runtime host ended: ask again");
    sample_clear(&core->stats->last);
}

void stats_free(struct core *core)
{
    if (core->stats == NULL)
        return;
    while (core->stats->askers != NULL) {
        struct asker *asker = core->stats->askers;
        LL_DELETE(core->stats->askers, asker);
        asker_free(asker);
    }
    sample_clear(&core->stats->first);
    sample_clear(&core->stats->half);
    json_free(mem_steal(&core->stats->vms));
    sample_clear(&core->stats->last);
    free(mem_steal(&core->stats));
}

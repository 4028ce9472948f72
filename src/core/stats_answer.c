#include "core/stats_answer.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

#define NS_PER_MS 1000000.0
#define CORES_STEP 1e-6

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

bool sample_covers(const struct sample *before, const struct sample *now)
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

struct json *stats_write(const struct core *core, const struct sample *before, const struct sample *now,
                         const struct json *request)
{
    struct json *answer = json_new_texts("op", "result", NULL);
    json_set_boolean(answer, "ok", true);
    core_set_ts(core, answer);
    write_node(core, before, now, json_set_object(answer, "node"));
    write_pods(core, before, now, request, json_set_array(answer, "pods"));
    return answer;
}

#include "core/eviction.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/admission.h"
#include "core/runtime.h"
#include "davit/limits.h"
#include "model/disk_limit.h"

#define LOOK_LEAST_MS 10000u /* as the kubelet */
#define LOOK_MOST_MS 60000u
#define LOOK_SHARE 20u       /* a look takes at most so much of the time between two: one part in twenty */

/* It has limits, or what it has on the disk says how much of that is free for others. */
static bool is_counted(const struct core *core, const struct pod *pod)
{
    return pod_has_disk_limit(pod) || admission_asks_written(core, pod);
}

void eviction_watch(struct core *core, const struct pod *pod)
{
    struct eviction *eviction = &core->eviction;
    if (eviction->due_ms == 0 && eviction->call == 0 && is_counted(core, pod))
        eviction->due_ms = core_boot_ms(core) + LOOK_LEAST_MS;
}

/* The pod that is to be counted now, for it runs; NULL: nothing is. */
static const struct pod *watched(const struct core *core, const struct object *object)
{
    const struct pod *pod = object_wanted(object);
    const struct run *run = pod != NULL ? object_run(object, object->uid) : NULL;
    if (run == NULL || object->end.reason[0] != '\0' || object->verdict.reason[0] != '\0' ||
        !is_counted(core, pod))
        return NULL;
    for (size_t i = 0; i < run->count; i++)
        if (run->instances[i].state == INSTANCE_RUNNING)
            return pod;
    return NULL;
}

uint64_t eviction_settle(struct core *core)
{
    struct eviction *eviction = &core->eviction;
    uint64_t now = core_boot_ms(core);
    if (eviction->due_ms == 0 || !core->runtime.listed)
        return 0;
    if (now < eviction->due_ms)
        return eviction->due_ms;
    AUTO_JSON struct json *document = json_new_object();
    struct json *uids = json_set_array(document, "uids");
    json_set_boolean(document, "disk", true);
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (watched(core, object) != NULL)
            json_add_text(uids, object->uid);
    eviction->due_ms = 0;
    if (json_size(uids) == 0)
        return 0;
    eviction->asked_ms = now;
    eviction->call = ++core->last_call;
    runtime_send(core, &core->runtime, eviction->call, "stats", LIMIT_CALL_MS, document);
    return 0;
}

static size_t container_index(const struct pod *pod, const char *name)
{
    size_t i = 0;
    while (name != NULL && i < pod_count(pod) && strcmp(pod_container(pod, i)->name, name) != 0)
        i++;
    return name != NULL ? i : pod_count(pod);
}

/* Of two attempts the newer counts, as in Kubernetes. */
static void read_containers(const struct object *object, const struct pod *pod, const struct json *answer,
                            struct disk_usage *usage, bool *partial)
{
    const struct run *run = object_run(object, object->uid);
    JSON_EACH(one, json_get(answer, "instances")) {
        const char *uid = json_get_text(one, "uid"), *name = json_get_text(one, "container");
        size_t index = container_index(pod, name);
        const struct instance *newest = name != NULL ? run_newest(run, name) : NULL;
        if (uid == NULL || strcmp(uid, object->uid) != 0 || index == pod_count(pod) || newest == NULL ||
            newest->attempt != json_get_integer(one, "attempt", -1) || json_get(one, "writableBytes") == NULL)
            continue;
        usage->containers[index] = json_get_integer(one, "writableBytes", 0) + json_get_integer(one, "logBytes", 0);
        *partial = *partial || json_get_boolean(one, "partial", false);
    }
}

static void read_volumes(const struct object *object, const struct pod *pod, const struct json *answer,
                         struct disk_usage *usage, bool *partial)
{
    JSON_EACH(one, json_get(json_get(json_get(answer, "pods"), object->uid), "volumes")) {
        const char *name = json_get_text(one, "name");
        for (size_t i = 0; name != NULL && i < pod->volumes.count; i++)
            if (strcmp(pod_volume(pod, i)->name, name) == 0) {
                usage->volumes[i] = json_get_integer(one, "bytes", 0);
                *partial = *partial || json_get_boolean(one, "partial", false);
            }
    }
}

static void judge(struct core *core, struct object *object, const struct pod *pod, const struct json *answer)
{
    struct disk_usage usage;
    bool partial = false;
    for (size_t i = 0; i < LIMIT_VOLUMES; i++)
        usage.volumes[i] = POD_UNSET;
    for (size_t i = 0; i < LIMIT_CONTAINERS; i++)
        usage.containers[i] = POD_UNSET;
    read_containers(object, pod, answer, &usage, &partial);
    read_volumes(object, pod, answer, &usage, &partial);
    admission_written(core, object, pod_disk_used(pod, &usage));
    if (pod_exceeds_disk(pod, &usage, &object->verdict))
        core_touch(core, object);
    else if (partial && !object->uncounted && pod_has_disk_limit(pod))
        core_event(core, object, true, "DiskNotCounted",
                   "it has more files and folders than are counted (%d, %d deep, in %d s): its limits on the disk are held "
                   "against what was counted", LIMIT_USAGE_ENTRIES, LIMIT_USAGE_DEPTH, LIMIT_USAGE_MS / 1000);
    object->uncounted = partial;
}

bool eviction_answered(struct core *core, const struct frame_view *frame)
{
    struct eviction *eviction = &core->eviction;
    int64_t id = json_get_integer(frame->head, "id", 0);
    uint64_t now = core_boot_ms(core);
    struct error err;
    if (id == 0 || id != eviction->call)
        return false;
    eviction->call = 0;
    uint64_t pause = (now - eviction->asked_ms) * LOOK_SHARE;
    pause = pause < LOOK_LEAST_MS ? LOOK_LEAST_MS : pause > LOOK_MOST_MS ? LOOK_MOST_MS : pause;
    AUTO_JSON struct json *answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err);
    if (!json_get_boolean(frame->head, "ok", false) || answer == NULL) {
        const char *why = json_get_text(frame->head, "message");
        log_warn("what pods have on the disk is not known, and their limits are not held: %s",
                 why != NULL ? why : "the runtime did not say why");
        eviction->due_ms = now + LOOK_MOST_MS;
        return true;
    }
    bool any = false;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct pod *pod = watched(core, object);
        if (pod != NULL)
            judge(core, object, pod, answer);
        any = any || watched(core, object) != NULL;
    }
    eviction->due_ms = any ? now + pause : 0;
    return true;
}

/* What was asked is asked again. */
void eviction_lost(struct core *core)
{
    if (core->eviction.call != 0)
        core->eviction.due_ms = core_boot_ms(core) + LOOK_LEAST_MS;
    core->eviction.call = 0;
}

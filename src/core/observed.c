#include "core/observed.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/admission.h"
#include "core/network.h"
#include "core/runtime.h"
#include "protocol/names.h"

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static bool read_state(const char *word, enum instance_state *state)
{
    static const char *const words[] = { "created", "running", "exited" };
    for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], word) == 0) {
            *state = (enum instance_state)i;
            return true;
        }
    return false;
}

static enum container_role read_role(const char *word)
{
    if (word == NULL || strcmp(word, "main") == 0)
        return ROLE_MAIN;
    return strcmp(word, "sidecar") == 0 ? ROLE_SIDECAR : ROLE_INIT;
}

static uint64_t read_ms(const struct json *json, const char *key)
{
    int64_t value = json_get_integer(json, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

/* "pods", or what a runtime of virtual machines was told that the object is. */
static const char *resource_of(const struct runtime_state *runtime, const struct json *json)
{
    const char *said = json_get_text(json_get(json, "record"), "resource");
    return said != NULL && resource_by_plural(said) != NULL ? said : runtime->of_vms ? "virtualmachines" : "pods";
}

static bool read_instance(const struct json *json, struct instance *seen, struct object_id *id)
{
    const char *uid = json_get_text(json, "uid");
    const char *container = json_get_text(json, "container");
    if (uid == NULL || strlen(uid) >= POD_UID_BYTES || !name_is_label(container) ||
        !read_state(json_get_text(json, "state"), &seen->state))
        return false;
    copy(seen->container, sizeof(seen->container), container);
    seen->attempt = json_get_integer(json, "attempt", 0);
    seen->supervised = json_get_boolean(json, "supervised", true);
    const char *image_id = json_get_text(json_get(json, "record"), "imageId");
    if (image_id != NULL)
        copy(seen->image_id, sizeof(seen->image_id), image_id);
    const struct json *record = json_get(json, "record");
    seen->grace_ms = read_ms(record, "graceMs");
    seen->role = read_role(json_get_text(record, "role"));
    seen->order = json_get_integer(record, "order", 0);
    seen->pre_stop = (struct json *)json_get(record, "preStop"); /* borrowed: instance_merge copies */
    seen->claims = (struct json *)json_get(record, "claims"); /* likewise */
    seen->volume_images = (struct json *)json_get(record, "volumeImages"); /* likewise */
    seen->vm = (struct json *)json_get(json, "vm"); /* likewise */
    seen->ending.message = (char *)json_get_text(json, "message"); /* likewise */
    seen->ending.exit_code = json_get_integer(json, "exitCode", 0);
    seen->ending.signal = json_get_integer(json, "signal", 0);
    copy(seen->ending.reason, sizeof(seen->ending.reason), json_get_text(json, "reason"));
    seen->ending.started_ms = read_ms(json, "startedAtMs");
    seen->ending.finished_ms = read_ms(json, "finishedAtMs");
    seen->ending.finished_boot_ms = read_ms(json, "finishedBootMs");
    copy(id->namespace, sizeof(id->namespace), json_get_text(json, "namespace"));
    copy(id->name, sizeof(id->name), json_get_text(json, "pod"));
    return true;
}

static struct object *find_by_uid(const struct core *core, const char *uid)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (object_run(object, uid) != NULL || strcmp(object->uid, uid) == 0)
            return object;
    return NULL;
}

/* The object an instance belongs to: by its name, else by its uid. Made where it is an orphan. */
static struct object *object_of(struct core *core, const struct object_id *id, const char *uid)
{
    if (name_is_subdomain(id->name) && name_is_label(id->namespace))
        return objects_get(&core->objects, id);
    return find_by_uid(core, uid);
}

/* What ended before this life of davitd was told of then. */
static void merge(struct core *core, const struct object *object, struct instance *one, const struct instance *seen)
{
    bool ran = one->state == INSTANCE_RUNNING;
    int64_t before = json_get_integer(one->vm, "reboots", -1);
    bool paused = json_get_boolean(one->vm, "paused", false);
    instance_merge(one, seen);
    if (before >= 0 && json_get_integer(one->vm, "reboots", 0) > before)
        core_event(core, object, false, "Rebooted", "the guest started anew by itself");
    if (!paused && json_get_boolean(one->vm, "paused", false))
        core_event(core, object, true, "Paused", "the virtual machine stands still: %.200s",
                   json_get_text(one->vm, "pausedReason") != NULL ? json_get_text(one->vm, "pausedReason") : "its runtime says no more");
    if (ran && one->state == INSTANCE_EXITED && strcmp(one->ending.reason, "OOMKilled") == 0)
        core_event(core, object, true, "OOMKilling", "Memory cgroup out of memory: killed container %s", one->container);
}

void observed_instance(struct core *core, struct runtime_state *runtime, const struct json *json)
{
    struct instance seen = { 0 };
    struct object_id id = { 0 };
    if (!read_instance(json, &seen, &id)) {
        AUTO_FREE char *text = json_print(json);
        log_warn("the runtime told of something that is no instance: %.200s", text);
        return;
    }
    const char *uid = json_get_text(json, "uid");
    copy(id.resource, sizeof(id.resource), resource_of(runtime, json));
    struct object *object = object_of(core, &id, uid);
    if (object == NULL) {
        log_warn("the runtime has an instance of an unknown pod %.60s: it is left alone", uid);
        return;
    }
    struct run *run = object_run_make(object, uid);
    run->shared = true;
    const char *hash = json_get_text(json_get(json, "record"), "hash");
    if (hash != NULL)
        copy(run->hash, sizeof(run->hash), hash);
    const char *settings = json_get_text(json_get(json, "record"), "settings");
    if (settings != NULL && run->settings[0] == '\0')
        copy(run->settings, sizeof(run->settings), settings);
    admission_recorded(json_get(json, "record"), run);
    struct instance *one = run_add(run, seen.container, seen.attempt);
    merge(core, object, one, &seen);
    run->connected = run->connected || network_has(core, uid);
    if (strcmp(uid, object->uid) == 0 && run->connected && object->network.state == NETWORK_WANTED)
        object->network.state = NETWORK_READY; /* it runs in it */
    if (one->state == INSTANCE_RUNNING && one->seen_boot_ms == 0) {
        one->seen_boot_ms = core_boot_ms(core);
        one->adopted = !runtime->listed;
        object->stale = object->stale || one->adopted;
    }
    core_touch(core, object);
}

static bool list_names(const struct json *instances, const char *uid, const struct instance *one)
{
    JSON_EACH(json, instances) {
        const char *container = json_get_text(json, "container");
        const char *listed = json_get_text(json, "uid");
        if (listed != NULL && container != NULL && strcmp(listed, uid) == 0 && strcmp(container, one->container) == 0 &&
            json_get_integer(json, "attempt", 0) == one->attempt)
            return true;
    }
    return false;
}

static bool list_names_pod(const struct json *instances, const char *uid)
{
    JSON_EACH(json, instances) {
        const char *listed = json_get_text(json, "uid");
        if (listed != NULL && strcmp(listed, uid) == 0)
            return true;
    }
    return false;
}

static bool list_has_pod(const struct json *pods, const char *uid)
{
    JSON_EACH(pod, pods)
        if (json_text(pod) != NULL && strcmp(json_text(pod), uid) == 0)
            return true;
    return false;
}

/* Takes out of one object what the list does not name. */
static void forget_missing(struct core *core, struct object *object, const struct json *answer)
{
    const struct json *instances = json_get(answer, "instances");
    for (struct run *run = object->runs, *next; run != NULL; run = next) {
        next = run->next;
        for (size_t i = run->count; i-- > 0;) {
            const struct instance *one = &run->instances[i];
            if (list_names(instances, run->uid, one))
                continue;
            core_touch(core, object);
            run_remove(run, one->container, one->attempt);
        }
        run->shared = list_has_pod(json_get(answer, "pods"), run->uid);
        if (run->count == 0 && !run->shared && !run->connected) {
            object_run_remove(object, run);
            core_touch(core, object);
        }
    }
}

/* What only has something to release, no instance any more: it hangs on an object by its uid. Where there is none (the
 * database was lost, or a create was cut off and its document replaced) nobody else would ever release it.
 */
static void take_pods(struct core *core, struct runtime_state *runtime, const struct json *pods, const struct json *instances)
{
    JSON_EACH(pod, pods) {
        const char *uid = json_text(pod);
        struct object *object = uid != NULL && strlen(uid) < POD_UID_BYTES ? find_by_uid(core, uid) : NULL;
        if (object != NULL)
            object_run_make(object, uid)->shared = true;
        else if (uid != NULL && strlen(uid) < POD_UID_BYTES && !list_names_pod(instances, uid) &&
                 !runtime_calls_for(core, uid))
            runtime_release(core, runtime, uid);
    }
}

void observed_list(struct core *core, struct runtime_state *runtime, const struct json *answer)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (runtime_of(core, object) == runtime && !object->calling && object->acted <= runtime->list_asked)
            forget_missing(core, object, answer);
    JSON_EACH(instance, json_get(answer, "instances"))
        observed_instance(core, runtime, instance);
    take_pods(core, runtime, json_get(answer, "pods"), json_get(answer, "instances"));
}

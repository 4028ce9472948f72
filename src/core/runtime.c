#include "core/runtime.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/collect.h"
#include "core/observed.h"
#include "davit/limits.h"
#include "model/restart.h"

#define LOOK_EVERY_MS 60000u
#define ENDING_RETRY_MS 5000u

struct runtime_call {
    int64_t id;
    struct object *object; /* NULL: what is released belongs to none */
    struct pod_action action;
    char hash[POD_HASH_BYTES]; /* of what is created, and its grace: the object may want another by the time of the answer */
    uint64_t grace_ms;
    struct runtime_call *next;
};

/* What an action is called in the plugin ABI. */
static const char *call_name(enum pod_action_kind kind)
{
    static const char *const names[] = { [POD_CREATE] = "create", [POD_START] = "start",     [POD_STOP] = "stop",
                                         [POD_REMOVE] = "remove", [POD_RELEASE] = "release" };
    return names[kind];
}

static struct json *create_document(const struct core *core, const struct object *object, const struct pod_action *action,
                                    const struct pod *pod)
{
    const struct container *container = pod_container(pod, action->container_index);
    struct json *json = json_new_object();
    struct json *about = json_set_object(json, "pod");
    json_set_text(about, "namespace", object->id.namespace);
    json_set_text(about, "name", object->id.name);
    json_set_text(about, "uid", action->uid);
    json_set_boolean(about, "hostNetwork", pod->host_network);
    json_set_integer(json, "attempt", action->attempt);
    json_set(json, "container", container_write(container));
    json_set(json, "volumes", volumes_write(pod));
    const struct image *image = images_find(&core->images, container->image);
    if (image != NULL)
        json_set(json, "image", image_write(&core->images, image, core->config->state_dir));
    struct json *record = json_set_object(json, "record");
    json_set_text(record, "hash", object->hash);
    json_set_integer(record, "graceMs", pod->grace_seconds * 1000);
    if (image != NULL)
        json_set_text(record, "imageId", image->id);
    return json;
}

static struct json *instance_document(const struct pod_action *action)
{
    struct json *json = json_new_texts("uid", action->uid, NULL);
    if (action->kind == POD_RELEASE)
        return json;
    json_set_text(json, "container", action->container);
    json_set_integer(json, "attempt", action->attempt);
    if (action->kind == POD_STOP)
        json_set_boolean(json, "force", action->force);
    return json;
}

static void send_call(struct core *core, int64_t id, const char *name, const char *lane, const struct json *document)
{
    struct json *head = json_new_texts("op", "call", "call", name, NULL);
    json_set_integer(head, "id", id);
    json_set_text(head, "lane", lane);
    json_set_integer(head, "deadlineMs", LIMIT_CALL_MS);
    AUTO_FREE char *body = document != NULL ? json_print(document) : NULL;
    core->env->to_runtime(core->env->ctx, head, body, body != NULL ? strlen(body) : 0);
}

/* The next part of a path, its end in *end; "//" and "/./" are nothing. */
static const char *next_part(const char *path, const char **end)
{
    for (;;) {
        path += strspn(path, "/");
        *end = path + strcspn(path, "/");
        if (*end - path != 1 || path[0] != '.')
            return path;
        path = *end;
    }
}

static bool is_within(const char *path, const char *folder)
{
    for (;;) {
        const char *folder_end, *path_end;
        folder = next_part(folder, &folder_end);
        path = next_part(path, &path_end);
        if (folder == folder_end)
            return true;
        if (path_end - path != folder_end - folder || memcmp(path, folder, (size_t)(folder_end - folder)) != 0)
            return false;
        folder = folder_end;
        path = path_end;
    }
}

/* hostPath is the one door to the host's files: the operator of the device says which, and never into Davit's own. */
static bool host_path_allowed(const struct config *config, const char *path)
{
    if (is_within(path, config->state_dir) || is_within(path, config->run_dir))
        return false;
    if (!config->host_paths_set)
        return true;
    for (size_t i = 0; i < config->host_paths.count; i++)
        if (is_within(path, config->host_paths.items[i]))
            return true;
    return false;
}

static void call_failed(struct core *core, struct object *object, const struct pod_action *action, const char *reason,
                        const char *message)
{
    struct run *run = object_run(object, action->uid);
    if (action->kind != POD_CREATE && action->kind != POD_START) {
        log_warn("%s of %s/%s container %s attempt %lld: %s: %s", call_name(action->kind), object->id.namespace,
                 object->id.name, action->container, (long long)action->attempt, reason, message);
        if (run != NULL)
            run->retry_boot_ms = core_boot_ms(core) + ENDING_RETRY_MS;
        return;
    }
    struct container_memory *memory = object_memory(object, action->container);
    if (memory == NULL || strcmp(object->uid, action->uid) != 0)
        return;
    memory->failures++;
    memory->retry_boot_ms = core_boot_ms(core) + restart_failure_delay_ms(memory->failures);
    bool again = strcmp(memory->message, message) == 0;
    snprintf(memory->reason, sizeof(memory->reason), "%s", reason);
    snprintf(memory->message, sizeof(memory->message), "%s", message);
    if (!again)
        core_event(core, object, true, "Failed", "container %s: %s: %s", action->container, reason, message);
}

static bool host_paths_checked(struct core *core, struct object *object, const struct pod_action *action,
                               const struct pod *pod)
{
    for (size_t i = 0; i < pod->volumes.count; i++) {
        const struct volume *volume = pod_volume(pod, i);
        if (volume->host_path == NULL || host_path_allowed(core->config, volume->host_path->path))
            continue;
        AUTO_FREE char *message =
            mem_printf("hostPath %s of volume %s is not allowed on this device: see [security] host_paths= in davitd.conf",
                       volume->host_path->path, volume->name);
        call_failed(core, object, action, "FailedMount", message);
        core_touch(core, object);
        return false;
    }
    return true;
}

void runtime_act(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod)
{
    AUTO_JSON struct json *document = NULL;
    if (action->kind == POD_CREATE) {
        if (!host_paths_checked(core, object, action, pod))
            return;
        document = create_document(core, object, action, pod);
        const struct image *image = images_find(&core->images, pod_container(pod, action->container_index)->image);
        if (image != NULL)
            collect_touch(core, image);
    } else {
        document = instance_document(action);
    }
    struct runtime_call *call = mem_alloc(sizeof(*call));
    call->id = ++core->runtime.last_call;
    call->object = object;
    call->action = *action;
    memcpy(call->hash, object->hash, sizeof(call->hash));
    call->grace_ms = pod != NULL ? (uint64_t)pod->grace_seconds * 1000 : 0;
    LL_PREPEND(core->runtime.calls, call);
    object->calling = true;
    send_call(core, call->id, call_name(action->kind), action->uid, document);
}

bool runtime_calls_for(const struct core *core, const char *uid)
{
    for (const struct runtime_call *call = core->runtime.calls; call != NULL; call = call->next)
        if (strcmp(call->action.uid, uid) == 0)
            return true;
    return false;
}

void runtime_release(struct core *core, const char *uid)
{
    struct runtime_call *call = mem_alloc(sizeof(*call));
    call->id = ++core->runtime.last_call;
    call->action.kind = POD_RELEASE;
    snprintf(call->action.uid, sizeof(call->action.uid), "%s", uid);
    LL_PREPEND(core->runtime.calls, call);
    AUTO_JSON struct json *document = instance_document(&call->action);
    send_call(core, call->id, call_name(POD_RELEASE), uid, document);
}

static void instance_started(struct core *core, struct object *object, const struct pod_action *action, struct run *run,
                             const struct json *answer)
{
    struct instance *one = run_find(run, action->container, action->attempt);
    struct container_memory *memory = object_memory(object, action->container);
    if (one != NULL && one->state == INSTANCE_CREATED) {
        one->state = INSTANCE_RUNNING;
        int64_t told = json_get_integer(answer, "startedAtMs", 0);
        one->ending.started_ms = told > 0 ? (uint64_t)told : core_wall_ms(core);
    }
    if (memory != NULL) {
        memory->failures = 0;
        memory->retry_boot_ms = 0;
        memory->reason[0] = '\0';
        memory->message[0] = '\0';
    }
    core_event(core, object, false, "Started", "Started container %s", action->container);
}

static void instance_created(struct core *core, struct object *object, const struct runtime_call *call)
{
    const struct pod_action *action = &call->action;
    struct run *run = object_run_make(object, action->uid);
    run->shared = true;
    memcpy(run->hash, call->hash, sizeof(run->hash));
    struct instance *one = run_add(run, action->container, action->attempt);
    if (one->grace_ms == 0)
        one->grace_ms = call->grace_ms;
    core_event(core, object, false, "Created", "Created container %s", action->container);
}

static void instance_stopped(struct core *core, struct object *object, const struct pod_action *action, struct run *run)
{
    struct instance *one = run_find(run, action->container, action->attempt);
    uint64_t now = core_boot_ms(core);
    if (one == NULL)
        return;
    if (one->stop_sent_boot_ms == 0) {
        one->stop_sent_boot_ms = now;
        core_event(core, object, false, "Killing", "Stopping container %s", action->container);
    }
    if (action->force)
        one->kill_sent_boot_ms = now;
}

static void call_succeeded(struct core *core, struct object *object, const struct runtime_call *call,
                           const struct json *answer)
{
    const struct pod_action *action = &call->action;
    struct run *run = object_run(object, action->uid);
    if (action->kind == POD_CREATE)
        instance_created(core, object, call);
    else if (action->kind == POD_START)
        instance_started(core, object, action, run, answer);
    else if (action->kind == POD_STOP)
        instance_stopped(core, object, action, run);
    else if (action->kind == POD_REMOVE && run != NULL)
        run_remove(run, action->container, action->attempt);
    else if (action->kind == POD_RELEASE && run != NULL && run->count == 0)
        object_run_remove(object, run);
}

static void list_answered(struct core *core, const struct frame_view *frame)
{
    struct runtime_state *runtime = &core->runtime;
    struct error err;
    runtime->list_call = 0;
    runtime->list_due_ms = core_boot_ms(core) + LOOK_EVERY_MS;
    AUTO_JSON struct json *notified = mem_steal(&runtime->notified);
    AUTO_JSON struct json *answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err);
    /* An answer that does not say what exists is none: what it would take for gone may run. */
    bool good = json_get_boolean(frame->head, "ok", false) && json_type(json_get(answer, "instances")) == JSON_ARRAY;
    if (!good) {
        const char *why = json_get_text(frame->head, "message");
        snprintf(runtime->problem, sizeof(runtime->problem), "cannot list what exists: %.200s",
                 why != NULL ? why : "no answer that can be read");
        runtime->list_due_ms = core_boot_ms(core) + ENDING_RETRY_MS;
        core->node_dirty = true;
        return;
    }
    observed_list(core, answer, runtime->list_asked);
    JSON_EACH(instance, notified)
        observed_instance(core, instance);
    if (!runtime->listed || runtime->problem[0] != '\0') {
        runtime->listed = true;
        runtime->problem[0] = '\0';
        core->node_dirty = true;
        core_touch_all(core);
    }
}

uint64_t runtime_look(struct core *core)
{
    struct runtime_state *runtime = &core->runtime;
    uint64_t now = core_boot_ms(core);
    if (!runtime->up || runtime->version[0] == '\0' || runtime->list_call != 0)
        return 0;
    if (now < runtime->list_due_ms)
        return runtime->list_due_ms;
    runtime->list_call = ++runtime->last_call;
    runtime->list_asked = runtime->answers;
    json_free(runtime->notified);
    runtime->notified = json_new_array();
    send_call(core, runtime->list_call, "list", NULL, NULL);
    return 0;
}

void runtime_opened(struct core *core, const struct frame_view *frame)
{
    struct runtime_state *runtime = &core->runtime;
    struct error ignored; /* an answer without a version is one of an unknown version */
    AUTO_JSON struct json *answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &ignored);
    const char *version = json_get_text(answer, "version");
    snprintf(runtime->version, sizeof(runtime->version), "%s", version != NULL ? version : runtime->name);
    runtime->needs_images = json_get_boolean(answer, "images", true);
    runtime->list_due_ms = 0;
    core->node_dirty = true;
    runtime_look(core);
}

void runtime_refused(struct core *core, const struct frame_view *frame)
{
    const char *message = json_get_text(frame->head, "message");
    snprintf(core->runtime.problem, sizeof(core->runtime.problem), "plugin %s is refused: %.200s", core->runtime.name,
             message != NULL ? message : "it did not say why");
    log_error("%s", core->runtime.problem);
    core->node_dirty = true;
}

void runtime_result(struct core *core, const struct frame_view *frame)
{
    struct runtime_state *runtime = &core->runtime;
    int64_t id = json_get_integer(frame->head, "id", 0);
    if (id == runtime->list_call && id != 0) {
        list_answered(core, frame);
        return;
    }
    struct runtime_call *call;
    LL_SEARCH_SCALAR(runtime->calls, call, id, id);
    if (call == NULL)
        return;
    LL_DELETE(runtime->calls, call);
    struct object *object = call->object;
    if (object == NULL) { /* of no object: the next list says whether it worked */
        free(call);
        return;
    }
    object->calling = false;
    object->acted = ++runtime->answers;
    const char *reason = json_get_text(frame->head, "reason");
    const char *message = json_get_text(frame->head, "message");
    struct error ignored; /* an answer is optional */
    AUTO_JSON struct json *answer = frame->body_len > 0 ? json_parse(frame->body, frame->body_len, &ignored) : NULL;
    if (json_get_boolean(frame->head, "ok", false))
        call_succeeded(core, object, call, answer);
    else
        call_failed(core, object, &call->action, reason != NULL ? reason : "RuntimeError",
                    message != NULL ? message : "the runtime did not say why");
    const char *result = json_get_text(frame->head, "result");
    if (result != NULL && strcmp(result, "notFound") == 0)
        runtime->list_due_ms = 0;
    core_touch(core, object);
    free(call);
}

void runtime_notified(struct core *core, const struct frame_view *frame)
{
    struct error err;
    AUTO_JSON struct json *event = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err);
    const struct json *instance = json_get(event, "instance");
    if (instance == NULL) {
        log_warn("the runtime told of something that is no event: %.200s", frame->body != NULL ? frame->body : "");
        return;
    }
    /* The list on its way may be older than this: told again behind it. */
    if (core->runtime.notified != NULL)
        json_add(core->runtime.notified, json_copy(instance));
    if (core->runtime.listed)
        observed_instance(core, instance);
}

void runtime_lost(struct core *core)
{
    struct runtime_state *runtime = &core->runtime;
    runtime->listed = false;
    runtime->up = false;
    runtime->list_call = 0;
    runtime->version[0] = '\0';
    json_free(mem_steal(&runtime->notified));
    while (runtime->calls != NULL) {
        struct runtime_call *call = runtime->calls;
        LL_DELETE(runtime->calls, call);
        if (call->object != NULL)
            call->object->calling = false;
        free(call);
    }
    core->node_dirty = true;
}

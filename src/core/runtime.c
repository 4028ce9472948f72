#include "core/runtime.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/claims.h"
#include "core/collect.h"
#include "core/create.h"
#include "core/exec.h"
#include "core/eviction.h"
#include "core/handler.h"
#include "core/observed.h"
#include "core/reconcile.h"
#include "core/snapshots.h"
#include "core/stats.h"
#include "davit/limits.h"
#include "model/probe.h"
#include "model/restart.h"

#define ENDING_RETRY_MS 5000u
#define UPDATE_RETRY_MS 30000u

struct runtime_call {
    int64_t id;
    struct object *object; /* NULL: what is released belongs to none */
    struct pod_action action;
    char hash[POD_HASH_BYTES]; /* of what is created, and its grace: the object may want another by the time of the answer */
    uint64_t grace_ms;
    enum container_role role;
    struct json *pre_stop;
    struct json *claims; /* names; NULL: none */
    bool update; /* no action: files and limits of what runs */
    bool gone;   /* a release: the object goes with it */
    char settings[SETTINGS_BYTES];
    struct runtime_call *next;
};

/* What an action is called in the plugin ABI. */
static const char *call_name(enum pod_action_kind kind)
{
    static const char *const names[] = { [POD_CREATE] = "create", [POD_START] = "start",     [POD_STOP] = "stop",
                                         [POD_REMOVE] = "remove", [POD_RELEASE] = "release",
                                         [POD_EMPTY] = "release" };
    return names[kind];
}

/* What a machine keeps over its incarnations goes with the object itself. */
static void write_gone(const struct object *object, struct json *json)
{
    AUTO_FREE char *name = mem_printf("%s/%s/%s", object->id.namespace, object->id.resource, object->id.name);
    json_set_text(json, "object", name);
    json_set_boolean(json, "gone", object_ruling(object) == NULL);
}

/* `object` NULL: it is of none that is known. */
static struct json *instance_document(const struct object *object, const struct pod_action *action)
{
    struct json *json = json_new_texts("uid", action->uid, NULL);
    if (action->kind == POD_RELEASE && object != NULL && object_is_vm(object))
        write_gone(object, json);
    if (action->kind == POD_EMPTY)
        json_set_boolean(json, "keep", true);
    if (action->kind == POD_RELEASE || action->kind == POD_EMPTY)
        return json;
    json_set_text(json, "container", action->container);
    json_set_integer(json, "attempt", action->attempt);
    if (action->kind == POD_STOP)
        json_set_boolean(json, "force", action->force);
    return json;
}

typedef void (*way_out)(void *ctx, struct json *head, const void *body, size_t len);

static way_out runtime_out(const struct core *core, const struct runtime_state *runtime)
{
    return runtime->of_vms ? core->env->to_vms : core->env->to_runtime;
}

static struct json *call_head(int64_t id, const char *name, uint64_t deadline_ms)
{
    struct json *head = json_new_texts("op", "call", "call", name, NULL);
    json_set_integer(head, "id", id);
    json_set_integer(head, "deadlineMs", (int64_t)deadline_ms);
    return head;
}

static void send_call(struct core *core, const struct runtime_state *runtime, int64_t id, const char *name, const char *lane,
                      uint64_t deadline_ms, const struct json *document)
{
    struct json *head = call_head(id, name, deadline_ms);
    json_set_text(head, "lane", lane);
    AUTO_FREE char *body = document != NULL ? json_print(document) : NULL;
    runtime_out(core, runtime)(core->env->ctx, head, body, body != NULL ? strlen(body) : 0);
}

void runtime_send(struct core *core, const struct runtime_state *runtime, int64_t id, const char *name, uint64_t deadline_ms,
                  const struct json *document)
{
    send_call(core, runtime, id, name, NULL, deadline_ms, document);
}

void runtime_send_fds(struct core *core, const struct runtime_state *runtime, int64_t id, const char *name,
                      uint64_t deadline_ms, const struct json *document, const int *fds, const char *const *names,
                      size_t fd_count)
{
    struct json *head = call_head(id, name, deadline_ms);
    struct json *list = json_set_array(head, "fds");
    for (size_t i = 0; i < fd_count; i++)
        json_add_text(list, names[i]);
    AUTO_FREE char *body = json_print(document);
    (runtime->of_vms ? core->env->to_vms_fds : core->env->to_runtime_fds)(core->env->ctx, head, body, strlen(body), fds,
                                                                          fd_count);
}

static void call_failed(struct core *core, struct object *object, const struct pod_action *action, const char *reason,
                        const char *event, const char *message)
{
    struct run *run = object_run(object, action->uid);
    if (action->kind != POD_CREATE && action->kind != POD_START) {
        log_warn("%s of %s/%s container %s attempt %lld: %s: %s", call_name(action->kind), object->id.namespace,
                 object->id.name, action->container, (long long)action->attempt, reason, message);
        if (run != NULL)
            run->retry_boot_ms = core_boot_ms(core) + ENDING_RETRY_MS;
        else
            object->wait_boot_ms = core_boot_ms(core) + ENDING_RETRY_MS;
        return;
    }
    struct container_memory *memory = object_memory(object, action->container);
    if (memory == NULL || strcmp(object->uid, action->uid) != 0)
        return;
    if (strcmp(reason, RESTART_START_ERROR) == 0) {
        memory->reason[0] = '\0'; /* what kept it from being made before does not any more */
        memory->retry_boot_ms = memory->failures = 0;
        reconcile_remember_start_error(core, object, action, message);
        return;
    }
    bool mount = strcmp(reason, "FailedMount") == 0; /* Kubernetes: an event, and the container is being made */
    memory->failures++;
    uint64_t delay = object_is_vm(object) ? restart_vm_delay_ms((int64_t)memory->failures)
                                          : restart_failure_delay_ms(memory->failures);
    memory->retry_boot_ms = core_boot_ms(core) + delay;
    bool again = strcmp(memory->message, message) == 0;
    snprintf(memory->reason, sizeof(memory->reason), "%s", mount ? "ContainerCreating" : reason);
    snprintf(memory->message, sizeof(memory->message), "%s", message);
    event = mount ? "FailedMount" : event != NULL ? event : "Failed";
    if (!again)
        core_event(core, object, true, event, "%s%s", strcmp(event, "Failed") == 0 ? "Error: " : "", message);
}

static struct runtime_call *call_new(struct core *core, struct object *object, const struct pod *pod)
{
    struct runtime_call *call = mem_alloc(sizeof(*call));
    call->id = ++core->last_call;
    call->object = object;
    memcpy(call->hash, object->hash, sizeof(call->hash));
    call->grace_ms = pod != NULL ? (uint64_t)pod->grace_seconds * 1000 : 0;
    LL_PREPEND(runtime_of(core, object)->calls, call);
    object->calling = true;
    return call;
}

static struct json *prepare_create(struct core *core, struct object *object, const struct pod_action *action,
                                   const struct pod *pod)
{
    struct create_refusal refusal;
    struct json *document = create_document(core, object, action, pod, &refusal);
    if (document == NULL) {
        call_failed(core, object, action, refusal.reason, refusal.event, refusal.message);
        core_touch(core, object);
        return NULL;
    }
    for (size_t i = 0; i < pod_image_count(pod); i++) {
        bool wanted = i == action->container_index || i >= pod_count(pod);
        const struct image *image = wanted && pod_image(pod, i) != NULL ? images_find(&core->images, pod_image(pod, i)) : NULL;
        if (image != NULL)
            collect_touch(core, image);
    }
    return document;
}

void runtime_act(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod)
{
    AUTO_JSON struct json *document = action->kind == POD_CREATE ? prepare_create(core, object, action, pod)
                                                                 : instance_document(object, action);
    if (document == NULL)
        return;
    struct runtime_call *call = call_new(core, object, pod);
    call->action = *action;
    call->gone = json_get_boolean(document, "gone", false);
    if (pod != NULL && action->kind == POD_CREATE) {
        call->role = pod_role(pod, action->container_index);
        const struct json *record = json_get(document, "record");
        snprintf(call->settings, sizeof(call->settings), "%s", json_get_text(record, "settings"));
        const struct json *pre_stop = json_get(record, "preStop");
        call->pre_stop = pre_stop != NULL ? json_copy(pre_stop) : NULL;
        const struct json *claims = json_get(record, "claims");
        call->claims = claims != NULL ? json_copy(claims) : NULL;
    }
    send_call(core, runtime_of(core, object), call->id, call_name(action->kind), action->uid, LIMIT_CALL_MS, document);
}

void runtime_update(struct core *core, struct object *object, const struct pod *pod)
{
    struct create_refusal refusal;
    char settings[SETTINGS_BYTES];
    const struct run *run = object_run(object, object->uid);
    create_settings(core, object, pod, object->uid, settings);
    object->stale = false;
    if (pod->vm != NULL) /* nothing of a machine changes while it runs */
        return;
    if (run != NULL && settings[0] != '\0' && strcmp(run->settings, settings) == 0)
        return;
    AUTO_JSON struct json *document = create_update(core, object, pod, &refusal);
    if (document == NULL) {
        /* As in Kubernetes: what is there stays, until what it follows is there again. */
        log_warn("%s/%s: its volumes stay as they are: %s", object->id.namespace, object->id.name, refusal.message);
        return;
    }
    struct runtime_call *call = call_new(core, object, pod);
    call->update = true;
    memcpy(call->settings, settings, sizeof(call->settings));
    snprintf(call->action.uid, sizeof(call->action.uid), "%s", object->uid);
    send_call(core, runtime_of(core, object), call->id, "update", object->uid, LIMIT_CALL_MS, document);
}

static bool calls_for(const struct runtime_state *runtime, const char *uid)
{
    for (const struct runtime_call *call = runtime->calls; call != NULL; call = call->next)
        if (strcmp(call->action.uid, uid) == 0)
            return true;
    return false;
}

bool runtime_calls_for(const struct core *core, const char *uid)
{
    return calls_for(&core->runtime, uid) || calls_for(&core->vms, uid);
}

const struct json *runtime_claims_called(const struct core *core, const struct object *object)
{
    for (const struct runtime_call *call = runtime_seen(core, object)->calls; call != NULL; call = call->next)
        if (call->object == object && call->claims != NULL)
            return call->claims;
    return NULL;
}

void runtime_release(struct core *core, struct runtime_state *runtime, const char *uid)
{
    struct runtime_call *call = mem_alloc(sizeof(*call));
    call->id = ++core->last_call;
    call->action.kind = POD_RELEASE;
    snprintf(call->action.uid, sizeof(call->action.uid), "%s", uid);
    LL_PREPEND(runtime->calls, call);
    AUTO_JSON struct json *document = instance_document(NULL, &call->action);
    send_call(core, runtime, call->id, call_name(POD_RELEASE), uid, LIMIT_CALL_MS, document);
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
    if (one != NULL && one->seen_boot_ms == 0)
        one->seen_boot_ms = core_boot_ms(core);
    if (memory != NULL) {
        memory->failures = 0;
        memory->retry_boot_ms = 0;
        memory->reason[0] = '\0';
        memory->message[0] = '\0';
    }
    if (object_is_vm(object))
        core_event(core, object, false, "Started", "VirtualMachineInstance started.");
    else
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
    if (run->settings[0] == '\0')
        memcpy(run->settings, call->settings, sizeof(run->settings));
    one->role = call->role;
    one->order = (int64_t)action->container_index;
    if (one->pre_stop == NULL && call->pre_stop != NULL)
        one->pre_stop = json_copy(call->pre_stop);
    if (one->claims == NULL && call->claims != NULL)
        one->claims = json_copy(call->claims);
    if (call->claims != NULL)
        runtime_look_soon(core, runtime_of(core, call->object)); /* what is in them is counted then */
    if (object_is_vm(object))
        core_event(core, object, false, "Created", "VirtualMachineInstance defined.");
    else
        core_event(core, object, false, "Created", "Created container %s", action->container);
}

/* Why it is ended, as the kubelet says it. */
static void tell_killing(struct core *core, const struct object *object, const struct instance *one)
{
    const struct pod *pod = object_wanted(object);
    const char *why = NULL;
    for (size_t i = 0; pod != NULL && i < pod_count(pod); i++)
        if (strcmp(pod_container(pod, i)->name, one->container) == 0)
            why = container_must_end(pod_container(pod, i), one);
    if (object_is_vm(object))
        core_event(core, object, false, "ShuttingDown", "the guest is asked to shut down%s%s", why != NULL ? ": it " : "",
                   why != NULL ? why : "");
    else if (why != NULL)
        core_event(core, object, false, "Killing", "Container %s %s", one->container, why);
    else
        core_event(core, object, false, "Killing", "Stopping container %s", one->container);
}

void runtime_ending_begun(struct core *core, const struct object *object, struct run *run, struct instance *one)
{
    const struct pod *pod = object_wanted(object);
    if (one->ending_boot_ms != 0)
        return;
    one->ending_boot_ms = core_boot_ms(core);
    bool alone = pod != NULL && strcmp(object->uid, run->uid) == 0 && object->end.reason[0] == '\0';
    if (!alone && run->ending_boot_ms == 0)
        run->ending_boot_ms = one->ending_boot_ms;
    tell_killing(core, object, one);
}

static void instance_stopped(struct core *core, struct object *object, const struct pod_action *action, struct run *run)
{
    struct instance *one = run_find(run, action->container, action->attempt);
    uint64_t now = core_boot_ms(core);
    if (one == NULL)
        return;
    runtime_ending_begun(core, object, run, one);
    if (one->stop_sent_boot_ms == 0 || !action->force)
        one->stop_sent_boot_ms = now;
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
    else if (action->kind == POD_EMPTY && run != NULL)
        run->emptied = true;
    object->forgotten = object->forgotten || call->gone;
    if (action->kind == POD_RELEASE && run != NULL && run->count == 0) {
        run->shared = false;
        if (!run->connected)
            object_run_remove(object, run);
    }
}

static void update_answered(struct core *core, struct object *object, const struct runtime_call *call, bool good,
                            const char *message)
{
    struct run *run = object_run(object, call->action.uid);
    if (good && run != NULL)
        memcpy(run->settings, call->settings, sizeof(run->settings));
    if (good)
        return;
    object->stale = true;
    object->stale_retry_boot_ms = core_boot_ms(core) + UPDATE_RETRY_MS;
    core_event(core, object, true, "FailedUpdate", "what runs could not be brought up to date: %s",
               message != NULL ? message : "the runtime did not say why");
}

/* Kubernetes: while a volume cannot be had, a container is being created, and an event says why. */
static void answer_failed(struct core *core, struct object *object, const struct runtime_call *call, const char *reason,
                          const char *message)
{
    bool mount = strcmp(reason, "FailedMount") == 0;
    call_failed(core, object, &call->action, mount ? "ContainerCreating" : reason, mount ? reason : NULL,
                message != NULL ? message : "the runtime did not say why");
}

static void call_free(struct runtime_call *call)
{
    json_free(call->pre_stop);
    json_free(call->claims);
    free(call);
}

/* Of a call that belongs to no lane: whose it is, they know. */
static void answered_beside(struct core *core, const struct frame_view *frame)
{
    (void)(handler_exec_answered(core, frame) || exec_answered(core, frame) || stats_answered(core, frame) ||
           eviction_answered(core, frame) || claims_answered(core, frame) || snapshots_answered(core, frame));
}

void runtime_result(struct core *core, struct runtime_state *runtime, const struct frame_view *frame)
{
    int64_t id = json_get_integer(frame->head, "id", 0);
    if (id == runtime->list_call && id != 0) {
        runtime_listed(core, runtime, frame);
        return;
    }
    struct runtime_call *call;
    LL_SEARCH_SCALAR(runtime->calls, call, id, id);
    if (call == NULL) {
        answered_beside(core, frame);
        return;
    }
    LL_DELETE(runtime->calls, call);
    struct object *object = call->object;
    if (object == NULL) { /* of no object: the next list says whether it worked */
        call_free(call);
        return;
    }
    object->calling = false;
    object->acted = ++runtime->answers;
    const char *reason = json_get_text(frame->head, "reason");
    const char *message = json_get_text(frame->head, "message");
    struct error ignored; /* an answer is optional */
    AUTO_JSON struct json *answer = frame->body_len > 0 ? json_parse(frame->body, frame->body_len, &ignored) : NULL;
    bool good = json_get_boolean(frame->head, "ok", false);
    if (call->update)
        update_answered(core, object, call, good, message);
    else if (good)
        call_succeeded(core, object, call, answer);
    else
        answer_failed(core, object, call, reason != NULL ? reason : "RuntimeError", message);
    const char *result = json_get_text(frame->head, "result");
    if (result != NULL && strcmp(result, "notFound") == 0)
        runtime->list_due_ms = 0;
    core_touch(core, object);
    call_free(call);
}

void runtime_lost(struct core *core, struct runtime_state *runtime)
{
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
        call_free(call);
    }
    handler_lost(core, runtime);
    exec_end_all(core, runtime, "Unavailable", "the runtime host ended while the command ran; the command is ended with it");
    core->node_dirty = true;
    stats_lost(core, runtime);
    if (runtime->of_vms) {
        snapshots_lost(core);
        return;
    }
    eviction_lost(core);
    claims_lost(core);
}

#include "core/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/admission.h"
#include "core/after.h"
#include "core/collect.h"
#include "core/cordon.h"
#include "core/eviction.h"
#include "core/handler.h"
#include "core/network.h"
#include "core/owners.h"
#include "core/runtime.h"
#include "core/vms.h"
#include "model/restart.h"
#include "protocol/resolve.h"

/* A memory, or an incarnation's end, on its way to the disk. */
struct saving {
    struct core *core;
    struct object *object;
    char uid[POD_UID_BYTES];
    char hash[POD_HASH_BYTES];
    uint64_t created_ms;
    struct json *previous;
    struct container_memory memory;
    bool behind; /* it counts already */
    struct pod_end end;
};

/* The wall clock only for the time before this life: it may be wrong, and then says nothing. */
static uint64_t age_ms(const struct core *core, const struct object *object)
{
    uint64_t here = core_boot_ms(core) - object->since_boot_ms;
    return here + object->age_before_ms;
}

void reconcile_view(const struct core *core, const struct object *object, struct pod_view *view,
                    struct container_image *images)
{
    memset(view, 0, sizeof(*view));
    view->pod = object_wanted(object);
    view->uid = object->uid;
    view->runs = object->runs;
    view->memory = object->memory;
    view->images = images;
    view->network = network_view(core, object, view->pod);
    view->waits_for = object->waits_for;
    view->wait = cordon_wait(core, object);
    if (view->wait == NULL)
        view->wait = admission_wait(object, false);
    view->end = &object->end;
    view->verdict = &object->verdict;
    view->age_ms = age_ms(core, object);
    vms_power(object, view);
    for (size_t i = 0; view->pod != NULL && i < pod_count(view->pod); i++)
        pulls_look(core, object, view->pod, i, &object->memory[i], &images[i]);
}

static void memory_apply(struct object *object, const struct saving *saving)
{
    struct container_memory *memory = object_memory(object, saving->memory.name);
    if (memory == NULL || strcmp(object->uid, saving->uid) != 0)
        return;
    memory->begun = saving->memory.begun;
    memory->ended = saving->memory.ended;
    memory->backoff = saving->memory.backoff;
    free(memory->last.message);
    memory->last = saving->memory.last;
    memory->last.message = mem_strdup(saving->memory.last.message);
}

static void report_backoff(struct core *core, struct object *object, const struct saving *saving)
{
    const struct container_memory *memory = object_memory(object, saving->memory.name);
    const struct pod *pod = object_wanted(object);
    if (memory == NULL || pod == NULL || memory->begun != memory->ended ||
        !container_restarts(pod, (size_t)(memory - object->memory), &memory->last) ||
        restart_due_boot_ms(memory, pod->vm != NULL) <= core_boot_ms(core))
        return;
    if (pod->vm != NULL)
        core_event(core, object, true, "BackOff", "Back-off restarting the virtual machine: davit logs vm/%s shows what it said last",
                   object->id.name);
    else
        core_event(core, object, true, "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)", memory->name,
                   object->id.name, object->id.namespace, object->uid);
}

static void memory_saved(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    struct core *core = saving->core;
    struct object *object = saving->object;
    if (saving->behind)
        object->behind--;
    else
        object->saving = false;
    if (err != NULL)
        core_store_failed(core, err);
    else
        core_store_worked(core);
    if (err == NULL && !saving->behind) {
        memory_apply(object, saving);
        report_backoff(core, object, saving);
    }
    if (err != NULL && !saving->behind) /* what must not run twice waits for the disk */
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    core_touch(core, object);
    free(saving->memory.last.message);
    free(saving);
}

/* One that may run again at any time: nobody waits for the disk, full or slow. What it remembers can be read from the runtime
 * again as long as it is not on the disk, for the attempt is removed only then.
 */
static bool may_be_behind(struct object *object, const struct container_memory *memory)
{
    const struct pod *pod = object_wanted(object);
    const struct container_memory *known = object_memory(object, memory->name);
    return pod != NULL && known != NULL && pod_policy(pod, (size_t)(known - object->memory)) == RESTART_ALWAYS;
}

static void save_memory(struct core *core, struct object *object, const struct container_memory *memory)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    saving->core = core;
    saving->object = object;
    memcpy(saving->uid, object->uid, sizeof(saving->uid));
    saving->memory = *memory;
    saving->memory.last.message = mem_strdup(memory->last.message);
    saving->behind = may_be_behind(object, memory);
    if (saving->behind) {
        object->behind++;
        memory_apply(object, saving);
        report_backoff(core, object, saving);
        core_touch(core, object);
    } else {
        object->saving = true;
    }
    struct store_txn *txn = store_begin(core->store);
    store_put_memory(txn, object->uid, &saving->memory);
    store_commit(txn, memory_saved, saving);
}

void reconcile_remember_start_error(struct core *core, struct object *object, const struct pod_action *action,
                                    const char *message)
{
    struct container_memory memory = *object_memory(object, action->container);
    AUTO_FREE char *words = mem_strdup(message);
    struct ending ending = { .exit_code = RESTART_START_ERROR_CODE, .reason = RESTART_START_ERROR, .message = words,
                             .finished_ms = core_wall_ms(core), .finished_boot_ms = core_boot_ms(core) };
    core_event(core, object, true, "Failed", "Error: %s", message);
    restart_remember(&memory, action->attempt, &ending);
    save_memory(core, object, &memory);
}

static void over_saved(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    struct core *core = saving->core;
    struct object *object = saving->object;
    object->saving = false;
    if (err != NULL) {
        core_store_failed(core, err);
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    } else if (strcmp(object->uid, saving->uid) == 0) {
        object->end = saving->end;
        core_event(core, object, true, object->end.reason, "%s", object->end.message);
    }
    core_touch(core, object);
    free(saving);
}

/* The pod as a whole is over: on the disk first, so that nothing of it begins again. */
static void save_over(struct core *core, struct object *object, const struct pod_end *end)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    saving->core = core;
    saving->object = object;
    memcpy(saving->uid, object->uid, sizeof(saving->uid));
    saving->end = *end;
    object->saving = true;
    AUTO_FREE char *previous = object->previous != NULL ? json_print(object->previous) : NULL;
    struct store_txn *txn = store_begin(core->store);
    store_put_incarnation(txn, &(struct incarnation_row){ .id = object->id, .uid = object->uid, .hash = object->hash,
                                                          .created_ms = object->created_ms, .previous = previous,
                                                          .end_reason = end->reason, .end_message = end->message });
    store_commit(txn, over_saved, saving);
}

static void ended(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    struct core *core = saving->core;
    struct object *object = saving->object;
    object->saving = false;
    object->finishing = false;
    if (err != NULL) {
        /* Its topics were emptied too early: its status is told again. */
        object->told_state[0] = '\0';
        object->told_status[0] = '\0';
        core_store_failed(core, err);
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    } else if (strcmp(object->uid, saving->uid) == 0) {
        object->uid[0] = '\0';
        object->hash[0] = '\0';
        network_ended(core);
    }
    core_touch(core, object);
    free(saving);
}

/* Nothing is wanted and nothing is left: the incarnation ends, and its topics are emptied. */
static void finish(struct core *core, struct object *object)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    saving->core = core;
    saving->object = object;
    memcpy(saving->uid, object->uid, sizeof(saving->uid));
    object->saving = true;
    object->finishing = true;
    struct store_txn *txn = store_begin(core->store);
    store_delete_incarnation(txn, &object->id);
    core_clear(core, object, txn);
    store_commit(txn, ended, saving);
}

/* Whether it may be looked at now; if the disk failed, it is looked at again later. */
static bool may_step(struct core *core, struct object *object, uint64_t now)
{
    const struct slot *ruling = object_ruling(object);
    bool unreadable = ruling != NULL && ruling->pod == NULL;
    bool busy = object->calling || object->saving;
    /* Its first incarnation is on its way to the disk: there is no uid yet. */
    bool nameless = object->committing && object->uid[0] == '\0';
    if (!vms_may_step(core, object) || busy || unreadable || nameless || object_is_orphan(object))
        return false;
    if (object->wait_boot_ms > now)
        core_wake_object(core, object, object->wait_boot_ms);
    return object->wait_boot_ms <= now;
}

/* The incarnation that is on its way to the disk became the wanted one. */
static void renewed(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    struct core *core = saving->core;
    struct object *object = saving->object;
    object->saving = false;
    if (err != NULL) {
        core_store_failed(core, err);
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    } else {
        core_store_worked(core);
        memcpy(object->uid, saving->uid, sizeof(object->uid));
        memcpy(object->hash, saving->hash, sizeof(object->hash));
        object->created_ms = saving->created_ms;
        object->since_boot_ms = core_boot_ms(core);
        object->age_before_ms = 0;
        object_renewed(object);
        network_ended(core);
        json_free(object->previous);
        object->previous = mem_steal(&saving->previous);
    }
    core_touch(core, object);
    json_free(saving->previous);
    free(saving);
}

static void renew(struct core *core, struct object *object, const char *hash, const char *uid)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    saving->core = core;
    saving->object = object;
    snprintf(saving->uid, sizeof(saving->uid), "%s", uid);
    snprintf(saving->hash, sizeof(saving->hash), "%s", hash);
    saving->created_ms = core_wall_ms(core);
    object->saving = true;
    saving->previous = collect_ids(core, object);
    AUTO_FREE char *previous = json_print(saving->previous);
    struct store_txn *txn = store_begin(core->store);
    store_put_incarnation(txn, &(struct incarnation_row){ .id = object->id, .uid = saving->uid, .hash = saving->hash,
                                                          .created_ms = saving->created_ms, .previous = previous });
    if (object->replaces || strcmp(object->restart_uid, object->uid) == 0)
        store_delete_restart(txn, object->uid);
    network_assign(core, saving->uid, object_ruling(object)->pod, txn);
    store_commit(txn, renewed, saving);
}

static bool never_began(const struct object *object)
{
    if (object_run(object, object->uid) != NULL)
        return false;
    for (size_t i = 0; i < object->memory_count; i++)
        if (object->memory[i].begun >= 0 || object->memory[i].ended >= 0)
            return false;
    for (size_t i = 0; i < object->slot_count; i++)
        if (object->slots[i].superseded.count > 0)
            return false;
    return true;
}

static bool runs_unasked(const struct run *run)
{
    bool running = false;
    for (size_t i = 0; i < run->count; i++) {
        running = running || run->instances[i].state == INSTANCE_RUNNING;
        if (run->instances[i].stop_sent_boot_ms != 0)
            return false;
    }
    return running;
}

/* The database was lost, and documents came before it was known what runs: what they ask for may run already. */
static const struct run *run_to_keep(const struct object *object)
{
    if (object->replaces || !never_began(object))
        return NULL;
    for (const struct run *run = object->runs; run != NULL; run = run->next)
        if (strcmp(run->hash, object->hash) == 0 && runs_unasked(run))
            return run;
    return NULL;
}

static void pull_missing(struct core *core, struct object *object, const struct pod *pod, const bool *wanted)
{
    struct container_image image;
    for (size_t i = 0; i < pod_count(pod); i++) {
        if (wanted != NULL && !wanted[i])
            continue;
        pulls_look(core, object, pod, i, wanted != NULL ? &object->memory[i] : NULL, &image);
        if (image.verdict.state == IMAGE_READY)
            continue;
        object->pulling = true;
        if (image.verdict.begin)
            pulls_begin(core, object, image.image);
        if (image.verdict.wake_ms != 0)
            core_wake_object(core, object, image.verdict.wake_ms);
    }
}

/* Pull before stop: what runs is not touched before an update has all its images, and room to start in. */
static bool update_waits(struct core *core, struct object *object, const struct slot *ruling)
{
    if (object->held == NULL)
        return false;
    if (pulls_ready(core, object, ruling->pod))
        return cordon_holds(core, object, ruling->pod) != NULL || !admission_allows(core, object, ruling->pod);
    pull_missing(core, object, ruling->pod, NULL);
    return true;
}

/* True where the incarnation is not (yet) the one that the ruling slot asks for: its images were waited for, groups= has
 * another order than at the last start, or see above.
 */
static bool renew_if_needed(struct core *core, struct object *object, const struct slot *ruling)
{
    if (ruling == NULL || object->uid[0] == '\0')
        return false;
    bool other = strcmp(object->hash, ruling->hash) != 0;
    if (other && update_waits(core, object, ruling))
        return false;
    other = other || owners_replaces(object);
    const struct run *kept = other ? NULL : run_to_keep(object);
    if (!other && kept == NULL)
        return false;
    char uid[POD_UID_BYTES];
    if (other)
        core_new_uid(core, uid);
    if (!object->committing) /* its change may settle it; asked again behind it */
        renew(core, object, ruling->hash, other ? uid : kept->uid);
    return true;
}

/* False: there was nothing to do. */
static bool carry_out(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod)
{
    switch (action->kind) {
    case POD_NOTHING:
        return false;
    case POD_REMEMBER:
        save_memory(core, object, &action->remember);
        break;
    case POD_OVER:
        if (!object->replacing) /* its row would come behind that of the next one */
            save_over(core, object, &action->end);
        break;
    case POD_CONNECT:
    case POD_DISCONNECT:
        network_act(core, object, action, pod);
        break;
    case POD_HOOK:
    case POD_PROBE:
        handler_begin(core, object, action, pod);
        break;
    case POD_CREATE:
    case POD_START:
        if (!object->replacing) /* else it is looked at again behind the commit */
            runtime_act(core, object, action, pod);
        break;
    case POD_REMOVE:
        if (object->behind == 0) /* else it is looked at again when that is on the disk */
            runtime_act(core, object, action, pod);
        break;
    case POD_STOP:
    case POD_RELEASE:
    case POD_EMPTY:
        runtime_act(core, object, action, pod);
        break;
    }
    return true;
}

/* Files of volumes follow their ConfigMaps, limits their document, while the pod runs. */
static void bring_up_to_date(struct core *core, struct object *object, const struct pod *pod, uint64_t now)
{
    const struct run *run = object_run(object, object->uid);
    bool runs = false;
    for (size_t i = 0; run != NULL && i < run->count; i++)
        runs = runs || run->instances[i].state == INSTANCE_RUNNING;
    if (!runs)
        object->stale = false; /* what is created takes the newest */
    else if (now < object->stale_retry_boot_ms)
        core_wake_object(core, object, object->stale_retry_boot_ms);
    else
        runtime_update(core, object, pod);
}

static void step(struct core *core, struct object *object, uint64_t now)
{
    struct container_image images[LIMIT_CONTAINERS];
    struct pod_view view;
    struct pod_next next;
    reconcile_view(core, object, &view, images);
    pod_step(&view, now, core_wall_ms(core), &next);
    if (next.wake_boot_ms != 0)
        core_wake_object(core, object, next.wake_boot_ms);
    if (view.pod != NULL) {
        eviction_watch(core, view.pod);
        pull_missing(core, object, view.pod, next.wants_image);
    }
    if (carry_out(core, object, &next.action, view.pod))
        return;
    bool gone = view.pod == NULL && pod_is_gone(&view) && object->uid[0] != '\0' && !object->committing;
    if ((gone || vms_leaves(object, &view)) && network_leave(core, object))
        return;
    if (gone && vms_forget(core, object))
        return;
    if (view.pod != NULL && object->stale)
        bring_up_to_date(core, object, view.pod, now);
    else if (gone)
        finish(core, object);
}

void reconcile_object(struct core *core, struct object *object)
{
    uint64_t now = core_boot_ms(core);
    bool was_pulling = object->pulling;
    vms_look(core, object);
    if (!may_step(core, object, now))
        return;
    object->pulling = false;
    after_look(core, object);
    if (cordon_drain(core, object))
        return;
    if (!renew_if_needed(core, object, object_ruling(object)))
        step(core, object, now);
    if (was_pulling)
        pulls_drop_unwanted(core);
}

void reconcile_source_changed(struct core *core, const struct object *source)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct pod *pod = object_wanted(object);
        if (pod == NULL || strcmp(object->id.namespace, source->id.namespace) != 0 ||
            !resolve_uses(pod, source->id.resource, source->id.name))
            continue;
        object->stale = true;
        object->stale_retry_boot_ms = 0;
        for (size_t i = 0; i < object->memory_count; i++)
            object->memory[i].retry_boot_ms = 0; /* it may have waited for this */
        core_touch(core, object);
    }
}

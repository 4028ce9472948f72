#include "core/reconcile.h"

#include <string.h>

#include "base/memory.h"
#include "core/runtime.h"
#include "model/restart.h"

/* A memory, or an incarnation's end, on its way to the disk. */
struct saving {
    struct core *core;
    struct object *object;
    char uid[POD_UID_BYTES];
    struct container_memory memory;
};

void reconcile_view(const struct core *core, const struct object *object, struct pod_view *view, bool *present)
{
    const struct slot *ruling = object_ruling(object);
    memset(view, 0, sizeof(*view));
    view->pod = ruling != NULL ? ruling->pod : NULL;
    view->uid = object->uid;
    view->runs = object->runs;
    view->memory = object->memory;
    view->image_present = present;
    for (size_t i = 0; view->pod != NULL && i < view->pod->containers.count; i++)
        present[i] = runtime_image_present(core, pod_container(view->pod, i));
}

static void memory_apply(struct object *object, const struct saving *saving)
{
    struct container_memory *memory = object_memory(object, saving->memory.name);
    if (memory == NULL || strcmp(object->uid, saving->uid) != 0)
        return;
    memory->begun = saving->memory.begun;
    memory->ended = saving->memory.ended;
    memory->backoff = saving->memory.backoff;
    memory->last = saving->memory.last;
}

static void report_backoff(struct core *core, struct object *object, const struct saving *saving)
{
    const struct container_memory *memory = object_memory(object, saving->memory.name);
    const struct slot *ruling = object_ruling(object);
    if (memory != NULL && ruling != NULL && memory->begun == memory->ended &&
        restart_wanted((enum restart_policy)ruling->pod->restart_policy, &memory->last) &&
        restart_due_boot_ms(memory) > core_boot_ms(core))
        core_event(core, object, true, "BackOff", "Back-off restarting failed container %s", memory->name);
}

static void memory_saved(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    struct core *core = saving->core;
    struct object *object = saving->object;
    const struct slot *ruling = object_ruling(object);
    object->saving = false;
    /* With a full disk a container that may run again goes on; one that must not run twice waits. */
    bool needs_disk = ruling != NULL && ruling->pod != NULL && ruling->pod->restart_policy != RESTART_ALWAYS;
    if (err != NULL)
        core_store_failed(core, err);
    else
        core_store_worked(core);
    if (err == NULL || !needs_disk)
        memory_apply(object, saving);
    if (err == NULL)
        report_backoff(core, object, saving);
    else
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    core_touch(core, object);
    free(saving);
}

static void save_memory(struct core *core, struct object *object, const struct pod_action *action)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    saving->core = core;
    saving->object = object;
    memcpy(saving->uid, object->uid, sizeof(saving->uid));
    saving->memory = action->remember;
    object->saving = true;
    struct store_txn *txn = store_begin(core->store);
    store_put_memory(txn, object->uid, &saving->memory);
    store_commit(txn, memory_saved, saving);
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
static bool may_step(struct core *core, const struct object *object, uint64_t now)
{
    const struct slot *ruling = object_ruling(object);
    bool unreadable = ruling != NULL && ruling->pod == NULL;
    bool busy = object->calling || object->saving;
    /* Its first incarnation is on its way to the disk: there is no uid yet. */
    bool nameless = object->committing && object->uid[0] == '\0';
    if (!core->runtime.listed || busy || unreadable || nameless || object_is_orphan(object))
        return false;
    if (object->wait_boot_ms > now)
        core_wake_at(core, object->wait_boot_ms);
    return object->wait_boot_ms <= now;
}

void reconcile_object(struct core *core, struct object *object)
{
    uint64_t now = core_boot_ms(core);
    if (!may_step(core, object, now))
        return;
    bool present[LIMIT_CONTAINERS];
    struct pod_view view;
    struct pod_next next;
    reconcile_view(core, object, &view, present);
    pod_step(&view, now, core_wall_ms(core), &next);
    if (next.wake_boot_ms != 0)
        core_wake_at(core, next.wake_boot_ms);
    if (next.action.kind == POD_REMEMBER)
        save_memory(core, object, &next.action);
    else if (next.action.kind != POD_NOTHING)
        runtime_act(core, object, &next.action, view.pod);
    else if (view.pod == NULL && pod_is_gone(&view) && object->uid[0] != '\0' && !object->committing)
        finish(core, object);
}

#include "core/owned.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/inbox.h"
#include "core/reconcile.h"
#include "core/report.h"


char *owned_group(const struct object *owner)
{
    return mem_printf("%s/%s", owner->id.resource, owner->id.name);
}

struct slot *owned_slot(const struct object *child, const char *group)
{
    struct slot_key key = { .source = SOURCE_OWNER, .group = group };
    return child != NULL ? object_slot(child, &key) : NULL;
}

const struct json *owned_spec(const struct object *owner)
{
    const struct slot *ruling = object_ruling(owner);
    return ruling != NULL ? ruling->data : NULL;
}

bool owned_is_gone(const struct object *child)
{
    return child == NULL || (object_ruling(child) == NULL && child->uid[0] == '\0' && child->runs == NULL && !child->committing);
}

bool owned_is_ready(const struct object *child)
{
    bool is_pod = child != NULL && strcmp(child->id.resource, "pods") == 0;
    /* A pod's summary may still be that of the incarnation before. */
    return child != NULL && json_get_integer(child->summary, "ready", 0) == 1 &&
           (!is_pod || strcmp(child->summary_uid, child->uid) == 0);
}

bool owned_is_available(const struct core *core, const struct object *child, uint64_t min_ready_ms, uint64_t *wake_ms)
{
    uint64_t due = child != NULL ? child->ready_boot_ms + min_ready_ms : 0;
    *wake_ms = 0;
    if (!owned_is_ready(child))
        return false;
    if (min_ready_ms == 0 || core_boot_ms(core) >= due)
        return true;
    *wake_ms = due;
    return false;
}

enum owned_end owned_end(const struct core *core, const struct object *pod, struct ending *last)
{
    struct container_image images[LIMIT_CONTAINERS];
    struct pod_progress progress;
    struct pod_view view;
    reconcile_view(core, pod, &view, images);
    memset(last, 0, sizeof(*last));
    if (view.pod == NULL || pod->uid[0] == '\0')
        return OWNED_GOES_ON;
    for (size_t i = 0; i < pod_count(view.pod); i++)
        if (pod->memory[i].ended >= 0 && pod->memory[i].last.finished_ms >= last->finished_ms)
            *last = pod->memory[i].last;
    last->message = NULL;
    const struct run *run = object_run(pod, pod->uid);
    pod_progress(&view, run, &progress);
    for (size_t i = 0; run != NULL && i < run->count; i++)
        if (run->instances[i].state == INSTANCE_RUNNING && run->instances[i].role != ROLE_SIDECAR)
            return OWNED_GOES_ON;
    if (view.end->reason[0] != '\0' || progress.init_failed)
        return OWNED_FAILED;
    if (!progress.finished)
        return OWNED_GOES_ON;
    for (size_t i = pod_init_count(view.pod); i < pod_count(view.pod); i++)
        if (pod->memory[i].last.exit_code != 0)
            return OWNED_FAILED;
    return OWNED_SUCCEEDED;
}

void owned_fill(struct core *core, const struct object_id *id, const char *group, const struct json *document)
{
    char content[DIGEST_HEX_BYTES];
    struct object *child = objects_get(&core->objects, id);
    const struct slot *slot = owned_slot(child, group);
    if (child == NULL || child->committing)
        return;
    document_content(document, content);
    if (slot == NULL || strcmp(slot->content, content) != 0)
        inbox_owned(core, child, group, document);
}

void owned_empty(struct core *core, struct object *child, const char *group)
{
    struct slot_key key = { .source = SOURCE_OWNER, .group = group };
    struct slot *slot = object_slot(child, &key);
    if (slot == NULL || slot->left || child->committing)
        return;
    slot->left = true;
    inbox_empty_slot(core, child, &key);
}

void owned_each(struct core *core, const struct object *owner, const char *group,
                void (*each)(struct core *core, struct object *child, void *ctx), void *ctx)
{
    for (struct object *child = core->objects.table; child != NULL; child = child->hh.next)
        if (owned_slot(child, group) != NULL && strcmp(child->id.namespace, owner->id.namespace) == 0)
            each(core, child, ctx);
}

const char *owned_problem(const struct core *core, const struct object *child, const char *group, const char **message)
{
    const struct slot *slot = owned_slot(child, group), *ruling = child != NULL ? object_ruling(child) : NULL;
    struct slot_key key = { .source = SOURCE_OWNER, .group = group };
    if (child == NULL && objects_count(&core->objects) >= LIMIT_OBJECTS) {
        *message = "this node knows as many objects as it may";
        return "TooManyObjects";
    }
    if (child != NULL && object_refused_in(child, &key)) {
        *message = child->refusal.message;
        return child->refusal.reason;
    }
    if (slot == NULL || slot->left || ruling == slot)
        return NULL;
    *message = ruling != NULL ? "an object of the same name has a document of its own, which rules"
                              : "an object of it was deleted by a tombstone of its own, which masks it: `davit delete TYPE NAME "
                                "--unmask` gives it back";
    return ruling != NULL ? "NameCollision" : "Deleted";
}

struct owner_told owned_told(const struct object *owner, const char *source)
{
    const struct slot *ruling = object_ruling(owner);
    return (struct owner_told){ .id = &owner->id, .uid = json_get_text(owner->memo, "uid"),
                                .generation = ruling->generation, .source = source, .created_ms = ruling->created_ms,
                                .ignored = &ruling->ignored, .refusal = owner->refused ? &owner->refusal : NULL };
}

void owned_tell(struct core *core, struct object *owner, const struct owner_told *told, struct json *state,
                struct json *status)
{
    report_both(core, owner, state, json_copy(status), told->described);
}

/* ---- memos */

struct memo_saving {
    struct core *core;
    struct object *owner;
    struct json *memo;
};

void owned_memo_take(struct core *core, struct object *owner, struct json *memo)
{
    const char *old = json_get_text(owner->memo, "uid"), *new = json_get_text(memo, "uid");
    int64_t since = json_get_integer(memo, "startedMs", 0);
    bool same = owner->memo != NULL && old != NULL && new != NULL && strcmp(old, new) == 0 &&
                since == json_get_integer(owner->memo, "startedMs", 0);
    if (!same) {
        owner->memo_boot_ms = core_boot_ms(core);
        owner->memo_age_ms = core_age_ms(core, (uint64_t)since);
    }
    json_free(owner->memo);
    owner->memo = memo;
    owner->expired = json_get_boolean(memo, "expired", false);
}

static void memo_saved(void *ctx, const struct error *err)
{
    struct memo_saving *saving = ctx;
    struct core *core = saving->core;
    struct object *owner = saving->owner;
    owner->saving = false;
    if (err != NULL) {
        core_store_failed(core, err);
        owner->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
        json_free(saving->memo);
    } else {
        core_store_worked(core);
        owned_memo_take(core, owner, saving->memo);
    }
    core_touch(core, owner);
    free(saving);
}

void owned_memo_save(struct core *core, struct object *owner, struct json *memo)
{
    struct memo_saving *saving = mem_alloc(sizeof(*saving));
    *saving = (struct memo_saving){ .core = core, .owner = owner, .memo = memo };
    owner->saving = true;
    AUTO_FREE char *text = json_print(memo);
    struct store_txn *txn = store_begin(core->store);
    store_put_owner(txn, &owner->id, text);
    store_commit(txn, memo_saved, saving);
}

uint64_t owned_memo_age_ms(const struct core *core, const struct object *owner)
{
    return core_boot_ms(core) - owner->memo_boot_ms + owner->memo_age_ms;
}

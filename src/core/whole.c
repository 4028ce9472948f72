#include "core/whole.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/bundle.h"
#include "core/desired_node.h"
#include "core/inbox.h"
#include "protocol/bundle.h"

struct whole_change {
    struct core *core;
    struct object *object;
    struct document document;
    int64_t generation;
    uint64_t accepted_ms;
    int64_t seq;
    struct change *changes; /* of other objects, in the same commit */
    size_t waits;           /* of them: their objects have a commit of their own under way */
    bool under_way;
    uint64_t retry_ms;      /* the commit failed: again then; 0: it did not */
    struct whole_change *next;
};

const struct slot_key whole_key = { .source = SOURCE_NODE, .group = "" };

#define BUNDLE_NAME "bundle"
#define NODE_NAME "node"

void whole_init(struct core *core)
{
    snprintf(core->bundle.id.name, sizeof(core->bundle.id.name), BUNDLE_NAME);
    snprintf(core->desired_node.id.name, sizeof(core->desired_node.id.name), NODE_NAME);
    desired_node_derive(core);
}

struct object *whole_named(struct core *core, const char *name)
{
    if (strcmp(name, BUNDLE_NAME) == 0)
        return &core->bundle;
    return strcmp(name, NODE_NAME) == 0 ? &core->desired_node : NULL;
}

static bool is_bundle(const struct object *object)
{
    return strcmp(object->id.name, BUNDLE_NAME) == 0;
}

const struct slot *whole_slot(const struct object *object)
{
    return object_slot(object, &whole_key);
}

const char *whole_words(const struct object *object)
{
    if (!object_is_whole(object))
        return "";
    return is_bundle(object) ? "the bundle: " : "the desired Node: ";
}

void whole_load(struct core *core, const struct slot_row *row)
{
    struct object *object = whole_named(core, row->id.name);
    if (object == NULL)
        return;
    struct slot *slot = object_slot_make(object, &whole_key);
    slot->generation = row->generation;
    slot->tombstone = row->tombstone;
    slot->accepted_ms = row->accepted_ms;
    snprintf(slot->content, sizeof(slot->content), "%s", row->content);
    struct error ignored; /* our own; without it the configuration rules */
    if (!is_bundle(object) && !slot->tombstone)
        slot->data = json_parse(row->text, strlen(row->text), &ignored);
    desired_node_derive(core); /* before the slots of groups, whose rows come behind */
}

int64_t whole_max_bytes(const struct core *core, const struct object *object)
{
    return is_bundle(object) ? LIMIT_BUNDLE_BYTES : core->config->max_document_bytes;
}

bool whole_read(const struct core *core, const struct object *object, const char *data, size_t len,
                struct document *document, struct refusal *refusal)
{
    return is_bundle(object) ? bundle_read(data, len, document, refusal)
                             : desired_node_read(core->config->node, data, len, document, refusal);
}

bool whole_plan(struct core *core, const struct object *object, const struct document *document, struct change **changes,
                struct refusal *refusal)
{
    return !is_bundle(object) || bundle_plan(core, document, changes, refusal);
}

void whole_retained(struct core *core, const struct object *object)
{
    if (is_bundle(object))
        bundle_retained(core, whole_slot(object)->retained);
}

/* ---- the commit */

static void free_change(struct whole_change *whole)
{
    struct change *change, *next;
    LL_FOREACH_SAFE(whole->changes, change, next)
        change_free(change);
    document_free(&whole->document);
    free(whole);
}

static void apply(struct whole_change *whole)
{
    struct slot *slot = object_slot(whole->object, &whole_key);
    if (slot != NULL && strcmp(slot->content, whole->document.content) != 0)
        slot_supersede(slot, slot->content);
    slot = object_slot_make(whole->object, &whole_key);
    memcpy(slot->content, whole->document.content, sizeof(slot->content));
    slot->tombstone = whole->document.tombstone;
    slot->generation = whole->generation;
    slot->accepted_ms = whole->accepted_ms;
    slot->retained = RETAINED_YES;
    ignored_free(&slot->ignored);
    slot->ignored = whole->document.ignored;
    memset(&whole->document.ignored, 0, sizeof(whole->document.ignored));
    json_free(slot->data);
    slot->data = is_bundle(whole->object) ? NULL : mem_steal(&whole->document.data);
    whole->object->refused = false;
}

static void committed(void *ctx, const struct error *err)
{
    struct whole_change *whole = ctx;
    struct core *core = whole->core;
    struct object *object = whole->object;
    if (err != NULL) { /* as core/change has it: tried until it works, and its PUBACK does not wait so long */
        core_store_failed(core, err);
        inbox_taken(core, whole->seq);
        whole->seq = -1;
        whole->under_way = false;
        whole->retry_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
        core_wake_at(core, whole->retry_ms);
        return;
    }
    core_store_worked(core);
    LL_DELETE(core->whole_changes, whole);
    apply(whole);
    for (struct change *change = mem_steal(&whole->changes), *next; change != NULL; change = next) {
        next = change->next;
        change_settled(change);
    }
    if (is_bundle(object))
        bundle_settled(core, whole->generation);
    else
        desired_node_settled(core);
    object->committing = false;
    inbox_taken(core, whole->seq);
    core_touch(core, object);
    free_change(whole);
    inbox_next(core, object);
}

static void write_slot(const struct whole_change *whole, struct store_txn *txn)
{
    const struct slot *old = whole_slot(whole->object);
    struct slot_row row = { .id = whole->object->id, .source = slot_source_word(whole_key.source), .group = whole_key.group,
                            .generation = whole->generation, .content = whole->document.content, .hash = "",
                            .tombstone = whole->document.tombstone, .text = whole->document.text,
                            .accepted_ms = whole->accepted_ms };
    if (old != NULL && strcmp(old->content, whole->document.content) != 0)
        store_put_superseded(txn, &row, old->content);
    store_put_slot(txn, &row);
}

static void commit_if_free(struct whole_change *whole)
{
    if (whole->waits > 0 || whole->under_way)
        return;
    whole->under_way = true;
    whole->retry_ms = 0;
    struct store_txn *txn = store_begin(whole->core->store);
    write_slot(whole, txn);
    struct change *change;
    LL_FOREACH(whole->changes, change)
        change_write(change, txn);
    store_commit(txn, committed, whole);
}

void whole_begin(struct core *core, struct object *object, struct document *document, int64_t generation, int64_t seq,
                 struct change *changes)
{
    struct whole_change *whole = mem_alloc(sizeof(*whole));
    *whole = (struct whole_change){ .core = core, .object = object, .document = *document, .generation = generation,
                                    .accepted_ms = core_wall_ms(core), .seq = seq, .changes = changes };
    memset(document, 0, sizeof(*document));
    object->committing = true;
    LL_APPEND(core->whole_changes, whole);
    struct change *change;
    LL_FOREACH(changes, change) {
        change->generation = generation;
        /* Its object is kept free from now on, so that no stream of its own documents holds this one up for ever. */
        whole->waits += change->object->committing;
        change->object->committing = true;
    }
    commit_if_free(whole);
}

void whole_object_free(struct core *core, struct object *object)
{
    struct whole_change *whole, *next;
    LL_FOREACH_SAFE(core->whole_changes, whole, next) {
        struct change *change = NULL;
        LL_SEARCH_SCALAR(whole->changes, change, object, object);
        if (change == NULL || whole->waits == 0)
            continue;
        object->committing = true;
        whole->waits--;
        commit_if_free(whole);
    }
}

uint64_t whole_retry(struct core *core)
{
    uint64_t now = core_boot_ms(core), soonest = 0;
    struct whole_change *whole, *next;
    LL_FOREACH_SAFE(core->whole_changes, whole, next) {
        if (whole->retry_ms == 0)
            continue;
        if (whole->retry_ms <= now)
            commit_if_free(whole);
        else if (soonest == 0 || whole->retry_ms < soonest)
            soonest = whole->retry_ms;
    }
    return soonest;
}

void whole_free(struct core *core)
{
    struct object *const objects[] = { &core->bundle, &core->desired_node };
    struct whole_change *whole, *next;
    LL_FOREACH_SAFE(core->whole_changes, whole, next)
        free_change(whole);
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        inbox_drop(objects[i]);
        object_clear(objects[i]);
    }
    desired_node_free(&core->node);
    json_free(core->manifest_node);
}

#include "core/change.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/admission.h"
#include "core/claims.h"
#include "core/collect.h"
#include "core/cordon.h"
#include "core/desired_node.h"
#include "core/inbox.h"
#include "core/owners.h"
#include "core/reconcile.h"
#include "core/restart.h"
#include "core/runtime.h"
#include "core/whole.h"
#include "protocol/revision.h"

struct change *change_new(struct core *core, struct object *object, const struct slot_key *key, struct document *document,
                          int64_t generation)
{
    struct change *change = mem_alloc(sizeof(*change));
    change->core = core;
    change->object = object;
    change->source = key->source;
    change->group = mem_strdup(key->group);
    change->rank = key->rank;
    change->remove = document == NULL;
    if (document != NULL) {
        change->document = *document;
        memset(document, 0, sizeof(*document));
    }
    change->generation = generation;
    change->accepted_ms = core_wall_ms(core);
    change->seq = -1;
    return change;
}

static struct slot_key change_key(const struct change *change)
{
    return (struct slot_key){ .source = change->source, .group = change->group, .rank = change->rank };
}

static bool is_before(const struct slot *slot, const struct change *change)
{
    if (slot->source != change->source || slot->rank != change->rank)
        return slot->source < change->source || (slot->source == change->source && slot->rank < change->rank);
    return strcmp(slot->group, change->group) < 0; /* of two owners, the same rules after a restart */
}

/* What rules, as far as it matters to an incarnation. */
struct ruling {
    const char *hash; /* NULL: nothing is wanted */
    const struct pod *pod;
    const char *content;
    const struct json *data;
};

/* Whether a filled place decides what rules. */
static bool decides(enum slot_source source, bool tombstone, bool unmask, struct ruling said, struct ruling *ruling)
{
    *ruling = tombstone ? (struct ruling){ 0 } : said;
    return !tombstone || (source == SOURCE_NODE && !unmask);
}

/* What rules once the change is in: object_ruling, with the change in its place. */
static struct ruling ruling_after(const struct change *change)
{
    const struct object *object = change->object;
    struct ruling ruling;
    bool placed = change->remove;
    for (size_t i = 0; i <= object->slot_count; i++) {
        const struct slot *slot = i < object->slot_count ? &object->slots[i] : NULL;
        bool same = slot != NULL && slot->source == change->source && strcmp(slot->group, change->group) == 0;
        if (!placed && (slot == NULL || same || !is_before(slot, change))) {
            placed = true;
            struct ruling said = { change->document.hash, change->document.pod, change->document.content, change->document.data };
            if (decides(change->source, change->document.tombstone, change->document.unmask, said, &ruling))
                return ruling;
        }
        if (slot == NULL || same || slot->left)
            continue;
        struct ruling said = { slot->hash, slot->pod, slot->content, slot->data };
        if (decides(slot->source, slot->tombstone, slot->unmask, said, &ruling))
            return ruling;
    }
    return (struct ruling){ 0 };
}

/* A container that runs already, from a document with the same hash: a lost database does not restart it. */
static const struct run *run_to_adopt(const struct object *object, const char *hash)
{
    if (object->slot_count > 0 || object->uid[0] != '\0')
        return NULL;
    for (const struct run *run = object->runs; run != NULL; run = run->next)
        if (strcmp(run->hash, hash) == 0)
            return run;
    return NULL;
}

/* Pull before stop: what runs stays the wanted one until the images of the next one are here, and there is room for it; and
 * what could begin, but waits for the one before it to end, begins.
 */
static bool is_held(const struct change *change, const struct pod *pod)
{
    struct object *object = change->object;
    const struct pod *wanted = object_wanted(object);
    if (object->hash[0] == '\0' || wanted == NULL || pod == NULL)
        return false;
    if (pulls_ready(change->core, object, pod) && cordon_holds(change->core, object, pod) == NULL &&
        admission_allows(change->core, object, pod))
        return false;
    bool may_run = !runtime_seen(change->core, object)->listed; /* what runs is not known yet */
    return may_run || object_has_begun(object) || (object->runs != NULL && pulls_ready(change->core, object, wanted));
}

/* The same again. What waits for its images goes on waiting. */
static void plan_restart(struct change *change)
{
    const struct object *object = change->object;
    if (object->hash[0] == '\0')
        return;
    memcpy(change->hash, object->hash, sizeof(change->hash));
    change->held = object->held != NULL ? pod_copy(object->held) : NULL;
    change->previous = object->previous != NULL ? json_copy(object->previous) : NULL;
    core_new_uid(change->core, change->uid);
}

static void plan_incarnation(struct change *change)
{
    const struct object *object = change->object;
    struct ruling ruling = ruling_after(change);
    if (ruling.hash == NULL || ruling.hash[0] == '\0') {
        change->ends = object->uid[0] != '\0' && object->hash[0] != '\0';
        return;
    }
    if (object->uid[0] != '\0' && strcmp(object->hash, ruling.hash) == 0)
        return;
    if (is_held(change, ruling.pod))
        change->held = pod_copy(object_wanted(object));
    if (change->held != NULL)
        return;
    snprintf(change->hash, sizeof(change->hash), "%s", ruling.hash);
    const struct run *adopted = run_to_adopt(object, ruling.hash);
    if (adopted != NULL)
        snprintf(change->uid, sizeof(change->uid), "%s", adopted->uid);
    else
        core_new_uid(change->core, change->uid);
}

void change_free(struct change *change)
{
    document_free(&change->document);
    pod_free(change->held);
    json_free(change->previous);
    free(change->group);
    free(change);
}

/* The groups may have another order by now. */
static void fit_rank(struct change *change)
{
    struct slot_key key;
    if (change->source == SOURCE_GROUP && desired_node_group(change->core, change->group, &key))
        change->rank = key.rank;
}

/* A tombstone is its end, and what comes after it another one. */
static uint64_t created_of(const struct change *change, const struct slot *old)
{
    bool lives_on = old != NULL && old->created_ms != 0 && !old->tombstone && !change->document.tombstone;
    return lives_on ? old->created_ms : change->accepted_ms;
}

static void apply_slot(struct change *change)
{
    struct object *object = change->object;
    fit_rank(change);
    struct slot_key key = change_key(change);
    struct slot *slot = object_slot(object, &key);
    if (change->remove) {
        if (slot != NULL)
            object_slot_remove(object, slot);
        return;
    }
    bool was_filled = slot != NULL;
    slot = object_slot_make(object, &key);
    uint64_t created_ms = created_of(change, slot);
    if (was_filled && strcmp(slot->content, change->document.content) != 0)
        slot_supersede(slot, slot->content);
    pod_free(slot->pod);
    ignored_free(&slot->ignored);
    slot->pod = mem_steal(&change->document.pod);
    json_free(slot->data);
    slot->data = mem_steal(&change->document.data);
    json_free(slot->labels);
    slot->labels = mem_steal(&change->document.labels);
    slot->ignored = change->document.ignored;
    memset(&change->document.ignored, 0, sizeof(change->document.ignored));
    memcpy(slot->content, change->document.content, sizeof(slot->content));
    memcpy(slot->hash, change->document.hash, sizeof(slot->hash));
    slot->tombstone = change->document.tombstone;
    slot->unmask = change->document.unmask;
    slot->owned = change->document.owned;
    slot->generation = change->generation;
    slot->created_ms = created_ms;
    slot->accepted_ms = change->accepted_ms;
    slot->retained = RETAINED_YES;
}

static void apply(struct change *change)
{
    struct object *object = change->object;
    struct slot_key key = change_key(change);
    if (!change->restart)
        apply_slot(change);
    claims_changed(object);
    if (change->purge != 0)
        object->claim.purge = change->purge > 0;
    if (change->forgets) {
        json_free(mem_steal(&object->memo));
        object->expired = false;
    }
    if (change->uid[0] != '\0') {
        memcpy(object->uid, change->uid, sizeof(object->uid));
        memcpy(object->hash, change->hash, sizeof(object->hash));
        object->created_ms = change->accepted_ms;
        object->since_boot_ms = core_boot_ms(change->core);
        object->age_before_ms = 0;
        object_renewed(object);
        object->replaces = change->restart;
        if (change->restart && change->held != NULL) {
            object->held = mem_steal(&change->held);
            object_fit_memory(object, object_wanted(object));
        }
        json_free(object->previous);
        object->previous = mem_steal(&change->previous);
    } else {
        if (change->ends)
            object->hash[0] = '\0';
        if (change->held != NULL)
            object->since_boot_ms = core_boot_ms(change->core);
        pod_free(object->held);
        object->held = mem_steal(&change->held);
        object_fit_memory(object, object_wanted(object));
    }
    if (!change->restart && object_refused_in(object, &key))
        object->refused = false;
    object->refused_stored = object->refused_stored && object->uid[0] == '\0';
}

static void committed(void *ctx, const struct error *err)
{
    struct change *change = ctx;
    struct core *core = change->core;
    struct object *object = change->object;
    object->replacing = false;
    if (err != NULL) {
        core_store_failed(core, err);
        /* It is tried until it works. Held back for so long, its PUBACK would end the connection, and nobody would hear
         * what is wrong; the broker keeps the document should this process end before.
         */
        inbox_taken(core, change->seq);
        change->seq = -1;
        change->retry_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
        change->next = core->changes;
        core->changes = change;
        core_wake_at(core, change->retry_ms);
        core_touch(core, object);
        return;
    }
    core_store_worked(core);
    change_settled(change);
}

void change_settled(struct change *change)
{
    struct core *core = change->core;
    struct object *object = change->object;
    object->replacing = false;
    apply(change);
    object->committing = false;
    inbox_taken(core, change->seq);
    if (change->restart)
        restart_done(core, change->restart_serial);
    if (change->source == SOURCE_GROUP && !change->remove)
        desired_node_fit(core, object);
    change_free(change);
    whole_object_free(core, object);
    inbox_next(core, object);
    if (strcmp(object->id.resource, "secrets") == 0)
        pulls_secret_changed(core, object);
    if (strcmp(object->id.resource, "pods") != 0)
        reconcile_source_changed(core, object);
    object->stale = true; /* its limits, its labels */
    core->services.owed = true;
    core_touch(core, object);
}

/* What ruled before can be gone back to. */
static void write_revision(const struct change *change, struct store_txn *txn)
{
    const struct object *object = change->object;
    const struct slot *before = object_ruling(object);
    struct ruling after = ruling_after(change);
    if (before == NULL || before->source == SOURCE_OWNER || !revision_is_kept(object->id.resource))
        return;
    if (after.content == NULL) {
        store_delete_revisions(txn, &object->id);
        return;
    }
    struct slot_row key = { .id = object->id, .source = slot_source_word(before->source), .group = before->group,
                            .generation = before->generation };
    if (strcmp(before->content, after.content) != 0)
        store_put_revision(txn, &key, json_get_integer(after.data, "revisionHistoryLimit", LIMIT_REVISIONS));
}

static void write_slot(const struct change *change, struct store_txn *txn)
{
    const struct object *object = change->object;
    struct slot_key key = change_key(change);
    struct slot_row row = { .id = object->id, .source = slot_source_word(change->source), .group = change->group };
    const struct slot *old = object_slot(object, &key);
    if (change->remove) {
        store_delete_slot(txn, &row);
        store_delete_superseded(txn, &row);
        return;
    }
    if (old != NULL && strcmp(old->content, change->document.content) != 0)
        store_put_superseded(txn, &row, old->content);
    row.generation = change->generation;
    row.content = change->document.content;
    row.hash = change->document.hash;
    row.tombstone = change->document.tombstone;
    row.text = change->document.text;
    row.accepted_ms = change->accepted_ms;
    row.created_ms = created_of(change, old);
    store_put_slot(txn, &row);
}

static void write_incarnation(const struct change *change, struct store_txn *txn)
{
    const struct object *object = change->object;
    struct incarnation_row row = { .id = object->id, .uid = change->uid, .hash = change->hash,
                                   .created_ms = change->accepted_ms };
    AUTO_FREE char *held = NULL;
    AUTO_FREE char *previous = NULL;
    if (change->uid[0] == '\0' && !change->ends && change->held == NULL)
        return;
    if (change->uid[0] == '\0') {
        row.uid = object->uid;
        row.hash = change->ends ? "" : object->hash;
        row.created_ms = object->created_ms;
        row.end_reason = object->end.reason;
        row.end_message = object->end.message;
    } else {
        const struct pod *pod = change->restart ? object_wanted(object) : ruling_after(change).pod;
        network_assign(change->core, change->uid, pod, txn);
        if (object->replaces || strcmp(object->restart_uid, object->uid) == 0)
            store_delete_restart(txn, object->uid);
        if (change->restart)
            store_put_restart(txn, change->uid, true);
    }
    const struct json *ids = change->uid[0] != '\0' ? change->previous : object->previous;
    row.previous = previous = ids != NULL ? json_print(ids) : NULL;
    if (change->held != NULL) {
        AUTO_JSON struct json *spec = pod_write(change->held);
        row.text = held = json_print(spec);
    }
    store_put_incarnation(txn, &row);
}

/* What follows from it, by what is known now. */
static void plan(struct change *change)
{
    struct object *object = change->object;
    bool nothing_wanted = !change->restart && ruling_after(change).hash == NULL;
    change->uid[0] = '\0';
    change->ends = false;
    pod_free(mem_steal(&change->held));
    json_free(mem_steal(&change->previous));
    if (change->restart)
        plan_restart(change);
    else
        plan_incarnation(change);
    change->purge = change->restart ? 0 : claims_plan(change, !nothing_wanted);
    if (change->uid[0] != '\0' && !change->restart)
        change->previous = collect_ids(change->core, object);
    /* Its first memo may be on its way. */
    change->forgets = nothing_wanted && (object->memo != NULL || (owners_is_one(object) && object->saving));
}

void change_write(struct change *change, struct store_txn *txn)
{
    struct object *object = change->object;
    struct core *core = change->core;
    plan(change);
    object->committing = true;
    object->replacing = change->uid[0] != '\0' || change->ends;
    if (!change->restart) {
        write_revision(change, txn); /* before its row takes another */
        write_slot(change, txn);
    }
    if (change->forgets)
        store_delete_owner(txn, &object->id);
    write_incarnation(change, txn);
    if (change->purge > 0)
        store_put_purge(txn, &object->id);
    else if (change->purge < 0)
        store_delete_purge(txn, &object->id);
    /* From now on the end of the incarnation clears its topics. */
    if (object->refused_stored && (change->uid[0] != '\0' || object->uid[0] != '\0'))
        store_delete_refused(txn, &object->id);
    /* What was refused and never ran has a status all the same. */
    if (object->refused && change->document.tombstone && object->uid[0] == '\0')
        core_clear(core, object, txn);
}

void change_commit(struct change *change)
{
    struct store_txn *txn = store_begin(change->core->store);
    change_write(change, txn);
    store_commit(txn, committed, change);
}

uint64_t change_retry(struct core *core)
{
    uint64_t now = core_boot_ms(core);
    uint64_t next = 0;
    struct change *waiting = core->changes;
    core->changes = NULL;
    while (waiting != NULL) {
        struct change *change = waiting;
        waiting = change->next;
        if (change->retry_ms <= now) {
            change_commit(change);
            continue;
        }
        change->next = core->changes;
        core->changes = change;
        next = next == 0 || change->retry_ms < next ? change->retry_ms : next;
    }
    return next;
}

void change_free_all(struct core *core)
{
    while (core->changes != NULL) {
        struct change *change = core->changes;
        core->changes = change->next;
        change_free(change);
    }
}

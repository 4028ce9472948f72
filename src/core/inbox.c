#include "core/inbox.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/change.h"
#include "core/claims.h"
#include "core/desired_node.h"
#include "core/policy.h"
#include "core/verify.h"
#include "core/whole.h"
#include "davit/limits.h"
#include "protocol/order.h"
#include "protocol/secret_fields.h"
#include "protocol/topic.h"

/* A message that waits behind a commit of its object. */
struct arrival {
    struct slot_key key;
    char *group; /* what key.group points to */
    bool leave;  /* no message: the slot is to be emptied */
    char *data;
    size_t len;
    bool live;
    int64_t seq;
    struct arrival *prev, *next;
};

void inbox_taken(struct core *core, int64_t seq)
{
    if (seq <= core->link.base_seq)
        return;
    struct json *head = json_new_texts("op", "taken", NULL);
    json_set_integer(head, "seq", seq - core->link.base_seq);
    core->env->to_link(core->env->ctx, head, NULL, 0);
}

static bool key_of_topic(const struct core *core, const struct topic *topic, struct slot_key *key)
{
    *key = (struct slot_key){ .source = SOURCE_NODE, .group = "" };
    if (topic->group[0] == '\0')
        return true;
    key->source = SOURCE_ALL;
    return strcmp(topic->group, "all") == 0 || desired_node_group(core, topic->group, key);
}

static void refuse(struct core *core, struct object *object, const struct slot_key *key, const struct refusal *refusal)
{
    bool again = object_refused_in(object, key) && strcmp(object->refusal.message, refusal->message) == 0;
    bool same = again && object->refusal.generation == refusal->generation;
    object->refused = true;
    object->refused_source = key->source;
    object->refused_rank = key->rank;
    object->refusal = *refusal;
    if (!again)
        core_event(core, object_is_whole(object) ? NULL : object, true, refusal->reason, "%s%s", whole_words(object), refusal->message);
    if (!same) /* an owner fills again at each step, and is touched by what its child says */
        core_touch(core, object);
}

static void mark_retained(struct core *core, struct object *object, const struct slot_key *key, enum retained retained)
{
    struct slot *slot = object_slot(object, key);
    if (slot == NULL || slot->retained == retained)
        return;
    slot->retained = retained;
    whole_retained(core, object);
    core_touch(core, object);
}

static void forgive(struct core *core, struct object *object, const struct slot_key *key)
{
    if (!object_refused_in(object, key))
        return;
    object->refused = false;
    core_touch(core, object);
}

static void begin_change(struct core *core, struct object *object, const struct slot_key *key, struct document *document,
                         int64_t generation, int64_t seq)
{
    struct change *change = change_new(core, object, key, document, generation);
    change->seq = seq;
    change_commit(change);
}

bool inbox_may_become(const struct slot *slot, const struct document *document, struct refusal *refusal)
{
    struct error err;
    if (slot == NULL || slot->data == NULL || document->tombstone || data_may_become(slot->data, document->data, &err))
        return true;
    refusal_set(refusal, strcmp(document->id.resource, "secrets") == 0 ? "InvalidSecret" : "InvalidConfigMap", "%s", err.message);
    refusal->generation = document->has_generation ? document->generation : -1;
    return false;
}

/* What a newer one must be besides. */
static bool may_be(struct core *core, struct object *object, const struct slot *slot, struct document *document,
                   struct change **changes, struct refusal *refusal)
{
    if (object_is_whole(object))
        return whole_plan(core, object, document, changes, refusal);
    return inbox_may_become(slot, document, refusal);
}

/* A document that was read: newer, the same, or refused. Takes `document`. */
static bool take_document(struct core *core, struct object *object, const struct slot_key *key,
                          struct document *document, bool live, int64_t seq, struct refusal *refusal)
{
    const struct slot *slot = object_slot(object, key);
    struct order_slot known = { .filled = slot != NULL };
    if (slot != NULL) {
        known.generation = slot->generation;
        known.content = slot->content;
    }
    struct order_arrival arrival = { .has_generation = document->has_generation,
                                     .generation = document->generation,
                                     .content = document->content,
                                     .live = live,
                                     .superseded = slot != NULL && slot_was_superseded(slot, document->content) };
    int64_t generation = 0;
    enum order_verdict verdict = order_decide(&known, &arrival, &generation);
    struct change *changes = NULL;
    if (verdict == ORDER_NEWER && !may_be(core, object, slot, document, &changes, refusal)) {
        inbox_taken(core, seq);
        document_free(document);
        return false;
    }
    if (verdict == ORDER_NEWER) {
        /* What carries a generation is safe at the broker; what does not is safe once it is on our disk. */
        bool wait = live && !document->has_generation;
        if (!wait)
            inbox_taken(core, seq);
        mark_retained(core, object, key, RETAINED_YES); /* the end of the flood may come before the commit */
        if (object_is_whole(object))
            whole_begin(core, object, document, generation, wait ? seq : -1, changes);
        else
            begin_change(core, object, key, document, generation, wait ? seq : -1);
        return true;
    }
    inbox_taken(core, seq);
    if (verdict == ORDER_SAME) {
        mark_retained(core, object, key, RETAINED_YES);
        forgive(core, object, key);
        document_free(document);
        return true;
    }
    refusal_set(refusal, order_reason(verdict), "generation %lld is accepted; this document %s", (long long)slot->generation,
                verdict == ORDER_STALE      ? "has an older one"
                : verdict == ORDER_CONFLICT ? "has the same one and another content: give it a higher generation"
                                            : "is an old one that was replaced: publish it again to bring it back");
    refusal->generation = document->has_generation ? document->generation : -1;
    document_free(document);
    return false;
}

/* An empty payload: someone cleaned the broker. It deletes nothing, unless a bench asked for that. */
static void take_empty(struct core *core, struct object *object, const struct slot_key *key, int64_t seq)
{
    const struct slot *slot = object_slot(object, key);
    if (core->config->empty_deletes && !object_is_whole(object) && key->source == SOURCE_NODE && slot != NULL && !slot->tombstone) {
        struct document tombstone = { .id = object->id, .tombstone = true };
        digest_of("", 0, tombstone.content);
        tombstone.text = mem_strdup("");
        begin_change(core, object, key, &tombstone, slot->generation + 1, seq);
        return;
    }
    inbox_taken(core, seq);
    mark_retained(core, object, key, RETAINED_NO);
    if (slot == NULL)
        forgive(core, object, key);
    core_touch(core, object);
}

static void take(struct core *core, struct object *object, const struct slot_key *key, const char *data, size_t len,
                 bool live, int64_t seq)
{
    if (len == 0) {
        take_empty(core, object, key, seq);
        return;
    }
    struct refusal refusal;
    struct document document;
    struct verified verified;
    bool whole = object_is_whole(object);
    int64_t most = whole ? whole_max_bytes(core, object) : core->config->max_document_bytes;
    bool good = verify_message(key, data, len, most, &verified, &refusal);
    if (good && whole)
        good = whole_read(core, object, verified.payload, verified.len, &document, &refusal);
    else if (good)
        good = document_read(&object->id, verified.payload, verified.len, &document, &refusal) &&
               policy_takes(core, &document, &refusal) && claims_takes(object, key, &document, &refusal);
    if (!good)
        inbox_taken(core, seq);
    else
        good = take_document(core, object, key, &document, live, seq, &refusal);
    if (!good)
        refuse(core, object, key, &refusal);
}

static void pause_if_full(struct core *core)
{
    bool full = core->link.arrivals >= LIMIT_PENDING_MESSAGES || core->link.arrival_bytes >= LIMIT_PENDING_BYTES;
    if (full == core->link.paused)
        return;
    core->link.paused = full;
    core->env->pause_link(core->env->ctx, full);
}

static struct arrival *queue(struct core *core, struct object *object, const struct slot_key *key)
{
    struct arrival *arrival = mem_alloc(sizeof(*arrival));
    arrival->group = mem_strdup(key->group);
    arrival->key = *key;
    arrival->key.group = arrival->group;
    arrival->seq = -1;
    DL_APPEND(object->arrivals, arrival);
    core->link.arrivals++;
    return arrival;
}

static void give_back(struct core *core, struct arrival *arrival)
{
    inbox_taken(core, arrival->seq);
    arrival->seq = -1;
}

static void queue_message(struct core *core, struct object *object, const struct slot_key *key, const char *data,
                          size_t len, bool live, int64_t seq)
{
    struct arrival *arrival = queue(core, object, key);
    arrival->data = mem_dup(data, len);
    arrival->len = len;
    arrival->live = live;
    arrival->seq = seq;
    core->link.arrival_bytes += len;
    if (core->store_problem[0] != '\0')
        give_back(core, arrival);
    pause_if_full(core);
}

static void give_back_all(struct core *core, const struct object *object)
{
    struct arrival *arrival;
    DL_FOREACH(object->arrivals, arrival)
        give_back(core, arrival);
}

void inbox_give_back(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        give_back_all(core, object);
    give_back_all(core, &core->bundle);
    give_back_all(core, &core->desired_node);
}

static void arrival_free(struct arrival *arrival)
{
    free(arrival->group);
    free(arrival->data);
    free(arrival);
}

void inbox_next(struct core *core, struct object *object)
{
    while (object->arrivals != NULL && !object->committing) {
        struct arrival *arrival = object->arrivals;
        DL_DELETE(object->arrivals, arrival);
        core->link.arrivals--;
        core->link.arrival_bytes -= arrival->len;
        bool of_group = arrival->key.source == SOURCE_GROUP;
        if (arrival->leave)
            inbox_empty_slot(core, object, &arrival->key);
        else if (of_group && !desired_node_group(core, arrival->group, &arrival->key))
            inbox_taken(core, arrival->seq); /* it was left meanwhile */
        else
            take(core, object, &arrival->key, arrival->data, arrival->len, arrival->live, arrival->seq);
        arrival_free(arrival);
    }
    pause_if_full(core);
}

void inbox_drop(struct object *object)
{
    while (object->arrivals != NULL) {
        struct arrival *arrival = object->arrivals;
        DL_DELETE(object->arrivals, arrival);
        arrival_free(arrival);
    }
}

static void arrive(struct core *core, struct object *object, const struct slot_key *key, const char *data, size_t len,
                   bool live, int64_t seq)
{
    if (object->committing)
        queue_message(core, object, key, data, len, live, seq);
    else
        take(core, object, key, data, len, live, seq);
}

static void desired_object(struct core *core, const struct topic *topic, const char *data, size_t len, bool live,
                           int64_t seq)
{
    struct slot_key key;
    if (!key_of_topic(core, topic, &key)) {
        inbox_taken(core, seq);
        desired_node_unsubscribe(core, topic->group);
        return;
    }
    struct object *object =
        len == 0 ? objects_find(&core->objects, &topic->id) : objects_get(&core->objects, &topic->id);
    if (object == NULL) {
        inbox_taken(core, seq);
        if (len > 0)
            core_event(core, NULL, true, "TooManyObjects", "%s/%s/%.100s: this node knows %d objects already",
                       topic->id.namespace, topic->id.resource, topic->id.name, LIMIT_OBJECTS);
        return;
    }
    arrive(core, object, &key, data, len, live, seq);
}

void inbox_message(struct core *core, const char *text, const char *data, size_t len, bool live, int64_t seq)
{
    struct topic topic;
    struct error err;
    if (!topic_parse(core->config->root, core->config->node, text, &topic, &err)) {
        inbox_taken(core, seq);
        if (len > 0)
            core_event(core, NULL, true, "InvalidTopic", "%.200s: %s", text, err.message);
        return;
    }
    switch (topic.kind) {
    case TOPIC_DESIRED_OBJECT:
        desired_object(core, &topic, data, len, live, seq);
        return;
    case TOPIC_DESIRED_BUNDLE:
        arrive(core, &core->bundle, &whole_key, data, len, live, seq);
        return;
    case TOPIC_DESIRED_NODE:
        arrive(core, &core->desired_node, &whole_key, data, len, live, seq);
        return;
    case TOPIC_OTHER:
    case TOPIC_SYNC:
    case TOPIC_PRESENCE:
    case TOPIC_REQUEST:
        break;
    }
    inbox_taken(core, seq);
}

bool inbox_manifest(struct core *core, const struct json *json, struct object_id *id, struct refusal *refusal)
{
    static const struct slot_key key = { .source = SOURCE_MANIFESTS, .group = "" };
    struct document document;
    if (!document_read_json(NULL, json, &document, refusal) || !policy_takes(core, &document, refusal))
        return false;
    *id = document.id;
    struct object *object = objects_get(&core->objects, id);
    if (object == NULL) {
        document_free(&document);
        refusal_set(refusal, "TooManyObjects", "this node knows %d objects already", LIMIT_OBJECTS);
        return false;
    }
    if (!claims_takes(object, &key, &document, refusal)) {
        refuse(core, object, &key, refusal);
        return false;
    }
    if (object->committing) {
        AUTO_FREE char *text = json_print(json);
        queue_message(core, object, &key, text, strlen(text), true, -1);
        document_free(&document);
        return true;
    }
    if (take_document(core, object, &key, &document, true, -1, refusal))
        return true;
    refuse(core, object, &key, refusal);
    return false;
}

void inbox_owned(struct core *core, struct object *object, const char *owner, const struct json *json)
{
    const struct slot_key key = { .source = SOURCE_OWNER, .group = owner };
    struct document document;
    struct refusal refusal;
    if (!document_read_json(&object->id, json, &document, &refusal) || !policy_takes(core, &document, &refusal) ||
        !claims_takes(object, &key, &document, &refusal) ||
        !take_document(core, object, &key, &document, true, -1, &refusal))
        refuse(core, object, &key, &refusal);
}

void inbox_empty_slot(struct core *core, struct object *object, const struct slot_key *key)
{
    if (object->committing) {
        queue(core, object, key)->leave = true;
        pause_if_full(core);
    } else if (object_slot(object, key) != NULL)
        begin_change(core, object, key, NULL, 0, -1);
}

static void judge_missing(struct core *core, struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++) {
        struct slot *slot = &object->slots[i];
        if (slot->source < SOURCE_MANIFESTS && slot->retained == RETAINED_UNKNOWN && !slot->tombstone)
            slot->retained = RETAINED_NO;
    }
    core_touch(core, object);
}

void inbox_flood_over(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        judge_missing(core, object);
    judge_missing(core, &core->bundle);
    judge_missing(core, &core->desired_node);
}

void inbox_flood_begins(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        object_retained_unknown(object);
    object_retained_unknown(&core->bundle);
    object_retained_unknown(&core->desired_node);
}

/* Nothing but tombstones that are old enough. */
static bool is_buried(const struct object *object, uint64_t now)
{
    const uint64_t age_ms = (uint64_t)LIMIT_TOMBSTONE_DAYS * 24 * 3600 * 1000;
    for (size_t i = 0; i < object->slot_count; i++)
        if (!object->slots[i].tombstone || object->slots[i].accepted_ms < LIMIT_CLOCK_SET_MS || now < object->slots[i].accepted_ms + age_ms)
            return false;
    return object->runs == NULL;
}

void inbox_purge(struct core *core)
{
    uint64_t now = core_wall_ms(core);
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        for (size_t i = 0; i < object->slot_count && is_buried(object, now); i++) {
            const struct slot *slot = &object->slots[i];
            struct slot_key key = { .source = slot->source, .group = slot->group, .rank = slot->rank };
            inbox_empty_slot(core, object, &key);
        }
}

/* From the store into memory, at start. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/bundle.h"
#include "core/change.h"
#include "core/claims.h"
#include "core/core.h"
#include "core/desired_node.h"
#include "core/forward.h"
#include "core/handler.h"
#include "core/inbox.h"
#include "core/restart.h"
#include "core/owned.h"
#include "core/runtime.h"
#include "core/stats.h"
#include "core/telemetry.h"
#include "core/whole.h"


struct loading {
    struct core *core;
    struct text_list uids; /* uid of each memory, beside `memories` */
    struct container_memory *memories;
};

static bool source_of(const struct slot_row *row, struct slot_key *key)
{
    static const enum slot_source sources[] = { SOURCE_NODE, SOURCE_BUNDLE, SOURCE_GROUP, SOURCE_ALL,
                                                SOURCE_MANIFESTS, SOURCE_OWNER };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (strcmp(slot_source_word(sources[i]), row->source) == 0) {
            *key = (struct slot_key){ .source = sources[i], .group = row->group };
            return true;
        }
    return false;
}

static void read_document(struct object *object, struct slot *slot, const struct slot_row *row)
{
    struct document document;
    struct refusal refusal;
    /* No cap on its size: what is stored can be longer than what was accepted (1e15 is written out). */
    struct error err = { .message = "" };
    AUTO_JSON struct json *json = json_parse(row->text, strlen(row->text), &err);
    slot->unmask = slot->tombstone && document_says(json, DOCUMENT_UNMASK);
    if (slot->tombstone)
        return;
    if (json == NULL)
        refusal_set(&refusal, "InvalidJSON", "%s", err.message);
    if (json == NULL || !document_read_json(&row->id, json, &document, &refusal)) {
        log_error("%s/%s/%s: the stored document cannot be read any more (%s: %s): what runs is left alone",
                  object->id.namespace, object->id.resource, object->id.name, refusal.reason, refusal.message);
        object->refused = true; /* or its status would say Accepted, and no word of why nothing happens */
        object->refused_source = slot->source;
        object->refused_rank = slot->rank;
        object->refusal = refusal;
        object->refusal.generation = slot->generation;
        return;
    }
    slot->pod = mem_steal(&document.pod);
    slot->data = mem_steal(&document.data);
    slot->labels = mem_steal(&document.labels);
    slot->owned = document.owned;
    slot->ignored = document.ignored;
    memset(&document.ignored, 0, sizeof(document.ignored));
    document_free(&document);
}

static void load_slot(void *ctx, const struct slot_row *row)
{
    struct core *core = ((struct loading *)ctx)->core;
    struct slot_key key;
    if (row->id.resource[0] == '\0') {
        whole_load(core, row);
        return;
    }
    struct object *object = objects_get(&core->objects, &row->id);
    if (object == NULL || !source_of(row, &key)) {
        log_error("%s/%s/%s: a stored document has no place in this version: left alone", row->id.namespace,
                  row->id.resource, row->id.name);
        return;
    }
    struct slot_key group;
    bool member = key.source != SOURCE_GROUP || desired_node_group(core, row->group, &group);
    if (member && key.source == SOURCE_GROUP)
        key.rank = group.rank;
    struct slot *slot = object_slot_make(object, &key);
    slot->left = !member;
    slot->generation = key.source == SOURCE_BUNDLE ? bundle_generation(core) : row->generation;
    slot->tombstone = row->tombstone;
    slot->accepted_ms = row->accepted_ms;
    slot->created_ms = row->created_ms != 0 ? row->created_ms : row->accepted_ms;
    snprintf(slot->content, sizeof(slot->content), "%s", row->content);
    /* As it was accepted: a newer Davit that honours more fields restarts nothing. */
    snprintf(slot->hash, sizeof(slot->hash), "%s", row->hash);
    read_document(object, slot, row);
}

static void load_superseded(void *ctx, const struct slot_row *row)
{
    struct core *core = ((struct loading *)ctx)->core;
    bool whole = row->id.resource[0] == '\0';
    struct object *object = whole ? whole_named(core, row->id.name) : objects_find(&core->objects, &row->id);
    struct slot_key key;
    struct slot *slot = object != NULL && source_of(row, &key) ? object_slot(object, &key) : NULL;
    if (slot != NULL)
        slot_supersede(slot, row->content);
}

/* groups= has another order since, or fewer: what the incarnation was made of is still in one of the slots. */
static struct pod *pod_of_hash(const struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++)
        if (object->slots[i].pod != NULL && strcmp(object->slots[i].hash, object->hash) == 0)
            return pod_copy(object->slots[i].pod);
    return NULL;
}

/* An update waits for its images: what runs until then. */
static void read_held(struct object *object, const char *text)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    const struct slot *ruling = object_ruling(object);
    if (ruling == NULL || object->hash[0] == '\0' || strcmp(object->hash, ruling->hash) == 0)
        return;
    if (text[0] == '\0') {
        object->held = pod_of_hash(object);
        return;
    }
    AUTO_JSON struct json *spec = json_parse(text, strlen(text), &err);
    object->held = spec != NULL ? pod_read(spec, &ignored, &err) : NULL;
    if (object->held == NULL)
        log_warn("%s/%s/%s: what runs until its update is ready cannot be read any more (%s): the update goes on at once",
                 object->id.namespace, object->id.resource, object->id.name, err.message);
    ignored_free(&ignored);
}

static void load_incarnation(void *ctx, const struct incarnation_row *row)
{
    struct core *core = ((struct loading *)ctx)->core;
    struct object *object = objects_get(&core->objects, &row->id);
    if (object == NULL)
        return;
    snprintf(object->uid, sizeof(object->uid), "%s", row->uid);
    snprintf(object->hash, sizeof(object->hash), "%s", row->hash);
    object->created_ms = row->created_ms;
    object->since_boot_ms = core_boot_ms(core);
    object->age_before_ms = core_age_ms(core, row->created_ms);
    snprintf(object->end.reason, sizeof(object->end.reason), "%s", row->end_reason);
    snprintf(object->end.message, sizeof(object->end.message), "%s", row->end_message);
    read_held(object, row->text);
    struct error ignored; /* our own; without it an image may go sooner */
    object->previous = row->previous[0] != '\0' ? json_parse(row->previous, strlen(row->previous), &ignored) : NULL;
}

static void load_memory(void *ctx, const char *uid, const struct container_memory *memory)
{
    struct loading *loading = ctx;
    struct text_list *uids = &loading->uids;
    uids->items = mem_resize(uids->items, uids->count + 1, sizeof(char *));
    loading->memories = mem_resize(loading->memories, uids->count + 1, sizeof(*memory));
    loading->memories[uids->count] = *memory;
    loading->memories[uids->count].last.message = mem_strdup(memory->last.message);
    uids->items[uids->count++] = mem_strdup(uid);
}

static void load_owner(void *ctx, const struct object_id *id, const char *memo)
{
    struct core *core = ((struct loading *)ctx)->core;
    struct object *object = objects_find(&core->objects, id);
    struct error err;
    struct json *json = json_parse(memo, strlen(memo), &err);
    if (object != NULL && json != NULL)
        owned_memo_take(core, object, json);
    else
        json_free(json);
}

static void load_address(void *ctx, const char *uid, const char *address)
{
    network_load(((struct loading *)ctx)->core, uid, address);
}

static void load_restart(void *ctx, const char *uid, bool made)
{
    restart_mark(((struct loading *)ctx)->core, uid, made);
}

static void load_service(void *ctx, const struct service_row *row)
{
    services_load(((struct loading *)ctx)->core, row);
}

static void load_refused(void *ctx, const struct object_id *id)
{
    struct object *object = objects_get(&((struct loading *)ctx)->core->objects, id);
    if (object != NULL)
        object->refused_stored = true;
}

static void load_purge(void *ctx, const struct object_id *id)
{
    struct object *object = objects_get(&((struct loading *)ctx)->core->objects, id);
    if (object != NULL)
        object->claim.purge = true;
}

static void place_memories(struct loading *loading)
{
    struct core *core = loading->core;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        object_fit_memory(object, object_wanted(object));
        claims_changed(object);
        for (size_t i = 0; i < loading->uids.count; i++) {
            struct container_memory *memory = strcmp(loading->uids.items[i], object->uid) == 0
                                                  ? object_memory(object, loading->memories[i].name)
                                                  : NULL;
            if (memory != NULL) {
                *memory = loading->memories[i];
                loading->memories[i].last.message = NULL; /* it has moved */
            }
        }
    }
    for (size_t i = 0; i < loading->uids.count; i++) {
        free(loading->memories[i].last.message);
        free(loading->uids.items[i]);
    }
    free(loading->uids.items);
    free(loading->memories);
}

/* Groups that the configuration names no more: leaving a group empties its slots. */
static void leave_groups(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        for (size_t i = 0; i < object->slot_count; i++) {
            struct slot_key key = { .source = object->slots[i].source, .group = object->slots[i].group };
            if (object->slots[i].left) {
                log_info("%s/%s/%s: this node has left group %s", object->id.namespace, object->id.resource,
                         object->id.name, key.group);
                inbox_empty_slot(core, object, &key);
            }
        }
}

static void name_runtimes(struct core *core)
{
    bool fake = core->config->fake.enabled;
    core->runtime.name = fake ? "fake" : "crun";
    core->vms.name = fake ? "fake" : "libvirt";
    core->vms.of_vms = true;
    core->runtime.needs_images = core->vms.needs_images = true;
}

struct core *core_new(const struct config *config, const struct core_env *env, struct store *store, struct error *err)
{
    struct core *core = mem_alloc(sizeof(*core));
    core->config = config;
    core->env = env;
    core->store = store;
    name_runtimes(core);
    core->started_ms = core_wall_ms(core);
    core->tainted_boot_ms = core_boot_ms(core);
    core->clock_set = core_set_wall_ms(core) != 0;
    core->node_dirty = true;
    core_new_uid(core, core->link.session);
    struct loading loading = { .core = core };
    whole_init(core);
    network_init(core);
    network_ended(core);
    core->outbox = outbox_new(store, env->to_link, env->ctx, err);
    bool good = core->outbox != NULL && images_load(&core->images, store, err) &&
                store_each_slot(store, load_slot, &loading, err) &&
                store_each_superseded(store, load_superseded, &loading, err) &&
                store_each_incarnation(store, load_incarnation, &loading, err) &&
                store_each_restart(store, load_restart, &loading, err) && requests_load(core, err) &&
                store_each_memory(store, load_memory, &loading, err) &&
                store_each_refused(store, load_refused, &loading, err) &&
                store_each_purge(store, load_purge, &loading, err) &&
                store_each_address(store, load_address, &loading, err) &&
                store_each_service(store, load_service, &loading, err) &&
                store_each_owner(store, load_owner, &loading, err);
    place_memories(&loading);
    if (!good) {
        core_free(core);
        return NULL;
    }
    leave_groups(core);
    services_loaded(core);
    core_touch_all(core);
    return core;
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    change_free_all(core);
    requests_free(core);
    forward_free_all(core);
    runtime_lost(core, &core->runtime);
    runtime_lost(core, &core->vms);
    telemetry_free(core);
    stats_free(core);
    handler_free_all(core);
    network_free(core);
    services_free(&core->services);
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        inbox_drop(object);
    whole_free(core);
    objects_free(&core->objects);
    images_free(&core->images);
    pulls_free(&core->pulls);
    outbox_free(core->outbox);
    happened_free(&core->happened);
    free(core->admission.entries);
    free(core->dirty);
    free(core);
}

#include "core/object.h"

#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"

static void slot_clear(struct slot *slot)
{
    free(slot->group);
    pod_free(slot->pod);
    json_free(slot->data);
    json_free(slot->labels);
    ignored_free(&slot->ignored);
    text_list_free(&slot->superseded);
}

static void memory_clear(struct object *object)
{
    for (size_t i = 0; i < object->memory_count; i++)
        free(object->memory[i].last.message);
    free(mem_steal(&object->memory));
    object->memory_count = 0;
}

void object_clear(struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++)
        slot_clear(&object->slots[i]);
    free(object->slots);
    memory_clear(object);
    pod_free(object->held);
    json_free(object->memo);
    json_free(object->previous);
    object_runs_clear(object);
    json_free(object->summary);
    free(object->telling);
    json_free(object->claim.last);
    json_free(object->networks);
}

static void object_free(struct object *object)
{
    object_clear(object);
    free(object);
}

void objects_free(struct objects *objects)
{
    struct object *object, *next;
    HASH_ITER(hh, objects->table, object, next) {
        HASH_DEL(objects->table, object);
        object_free(object);
    }
}

struct object *objects_find(const struct objects *objects, const struct object_id *id)
{
    struct object *object = NULL;
    HASH_FIND(hh, objects->table, id, sizeof(*id), object);
    return object;
}

size_t objects_count(const struct objects *objects)
{
    return HASH_COUNT(objects->table);
}

struct object *objects_get(struct objects *objects, const struct object_id *id)
{
    struct object *object = objects_find(objects, id);
    if (object != NULL || objects_count(objects) >= LIMIT_OBJECTS)
        return object;
    object = mem_alloc(sizeof(*object));
    object->id = *id;
    HASH_ADD(hh, objects->table, id, sizeof(object->id), object);
    return object;
}

static bool is_busy(const struct object *object)
{
    return object->committing || object->calling || object->saving || object->behind > 0 || object->arrivals != NULL ||
           object->admission.waits != WAITS_FOR_NOTHING;
}

void objects_drop_if_empty(struct objects *objects, struct object *object)
{
    if (is_busy(object) || object->power != POWER_AS_SAID || object->claim.purge || object->claim.purging || object->dirty || object->refused_stored || object->slot_count > 0 || object->refused || object->uid[0] != '\0' || object->runs != NULL)
        return;
    HASH_DEL(objects->table, object);
    object_free(object);
}

bool object_refused_in(const struct object *object, const struct slot_key *key)
{
    return object->refused && object->refused_source == key->source && object->refused_rank == key->rank;
}

struct slot *object_slot(const struct object *object, const struct slot_key *key)
{
    for (size_t i = 0; i < object->slot_count; i++)
        if (object->slots[i].source == key->source && strcmp(object->slots[i].group, key->group) == 0)
            return &object->slots[i];
    return NULL;
}

/* In the order of ruling; of two owners by their names, so that it is the same after a restart. */
static bool is_before(const struct slot *slot, const struct slot_key *key)
{
    if (slot->source != key->source)
        return slot->source < key->source;
    return slot->rank != key->rank ? slot->rank < key->rank : strcmp(slot->group, key->group) < 0;
}

struct slot *object_slot_make(struct object *object, const struct slot_key *key)
{
    struct slot *slot = object_slot(object, key);
    if (slot != NULL)
        return slot;
    object->slots = mem_resize(object->slots, object->slot_count + 1, sizeof(*object->slots));
    size_t at = 0;
    while (at < object->slot_count && is_before(&object->slots[at], key))
        at++;
    memmove(&object->slots[at + 1], &object->slots[at], (object->slot_count - at) * sizeof(*object->slots));
    object->slot_count++;
    slot = &object->slots[at];
    memset(slot, 0, sizeof(*slot));
    slot->source = key->source;
    slot->group = mem_strdup(key->group);
    slot->rank = key->rank;
    return slot;
}

void object_slot_remove(struct object *object, struct slot *slot)
{
    size_t index = (size_t)(slot - object->slots);
    slot_clear(slot);
    object->slot_count--;
    memmove(slot, slot + 1, (object->slot_count - index) * sizeof(*slot));
}

void object_retained_unknown(struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++)
        object->slots[i].retained = RETAINED_UNKNOWN;
}

bool slot_was_superseded(const struct slot *slot, const char *content)
{
    for (size_t i = 0; i < slot->superseded.count; i++)
        if (strcmp(slot->superseded.items[i], content) == 0)
            return true;
    return false;
}

void slot_supersede(struct slot *slot, const char *content)
{
    struct text_list *list = &slot->superseded;
    if (list->count >= LIMIT_SUPERSEDED) {
        free(list->items[0]);
        list->count--;
        memmove(list->items, list->items + 1, list->count * sizeof(char *));
    }
    list->items = mem_resize(list->items, list->count + 1, sizeof(char *));
    list->items[list->count++] = mem_strdup(content);
}

const char *slot_source_word(enum slot_source source)
{
    static const char *const words[] = { "node", "bundle", "group", "all", "manifests", "owner" };
    return words[source];
}

char *slot_name(const struct slot *slot)
{
    if (slot->source == SOURCE_GROUP)
        return mem_printf("group/%s", slot->group);
    if (slot->source == SOURCE_OWNER)
        return mem_strdup(slot->group);
    return mem_strdup(slot_source_word(slot->source));
}

const struct pod *object_wanted(const struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    if (ruling == NULL)
        return NULL;
    return object->held != NULL ? object->held : ruling->pod;
}

const struct slot *object_ruling(const struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++) {
        const struct slot *slot = &object->slots[i];
        if (slot->left)
            continue;
        if (!slot->tombstone)
            return slot;
        if (slot->source == SOURCE_NODE && !slot->unmask)
            return NULL;
    }
    return NULL;
}

bool object_is_orphan(const struct object *object)
{
    return object->runs != NULL && object->slot_count == 0 && object->uid[0] == '\0';
}

struct container_memory *object_memory(struct object *object, const char *container)
{
    for (size_t i = 0; i < object->memory_count; i++)
        if (strcmp(object->memory[i].name, container) == 0)
            return &object->memory[i];
    return NULL;
}

void object_fit_memory(struct object *object, const struct pod *pod)
{
    size_t count = pod != NULL ? pod_count(pod) : 0;
    struct container_memory *fitted = mem_array(count + 1, sizeof(*fitted));
    for (size_t i = 0; i < count; i++) {
        const char *name = pod_container(pod, i)->name;
        struct container_memory *known = object_memory(object, name);
        if (known != NULL) {
            fitted[i] = *known;
            known->last.message = NULL; /* it has moved */
            continue;
        }
        strncpy(fitted[i].name, name, sizeof(fitted[i].name) - 1);
        fitted[i].begun = -1;
        fitted[i].ended = -1;
    }
    memory_clear(object);
    object->memory = fitted;
    object->memory_count = count;
}

struct run *object_run(const struct object *object, const char *uid)
{
    struct run *run = object->runs;
    while (run != NULL && strcmp(run->uid, uid) != 0)
        run = run->next;
    return run;
}

struct run *object_run_make(struct object *object, const char *uid)
{
    struct run *run = object_run(object, uid);
    if (run != NULL)
        return run;
    run = run_new(uid);
    run->next = object->runs;
    object->runs = run;
    return run;
}

void object_run_remove(struct object *object, struct run *gone)
{
    for (struct run **at = &object->runs; *at != NULL; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            run_free(gone);
            return;
        }
}

void object_runs_clear(struct object *object)
{
    while (object->runs != NULL)
        object_run_remove(object, object->runs);
}

void object_renewed(struct object *object)
{
    pod_free(mem_steal(&object->held));
    memory_clear(object);
    object->end.reason[0] = '\0';
    object->replaces = object->forgotten = false;
    object->verdict.reason[0] = '\0';
    object->admission.written_bytes = 0;
    object->uncounted = false;
    object->network = (struct pod_network){ .state = NETWORK_WANTED };
    json_free(mem_steal(&object->networks));
    object_fit_memory(object, object_wanted(object));
}

bool object_has_begun(const struct object *object)
{
    const struct run *run = object_run(object, object->uid);
    if (object->calling || (run != NULL && run->count > 0))
        return true;
    for (size_t i = 0; i < object->memory_count; i++)
        if (object->memory[i].begun >= 0)
            return true;
    return false;
}

bool object_is_vm(const struct object *object)
{
    return strcmp(object->id.resource, "virtualmachines") == 0 || strcmp(object->id.resource, "virtualmachineinstances") == 0;
}

bool object_is_whole(const struct object *object)
{
    return object->id.resource[0] == '\0';
}

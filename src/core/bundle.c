#include "core/bundle.h"

#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/claims.h"
#include "core/inbox.h"
#include "core/policy.h"
#include "core/whole.h"
#include "protocol/bundle.h"

static const struct slot_key item_key = { .source = SOURCE_BUNDLE, .group = "" };

static bool refuse_twice(const struct object_id *id, struct document *document, struct refusal *refusal)
{
    refusal_set(refusal, "InvalidDocument", "%s/%s/%.100s is in it twice", id->namespace, id->resource, id->name);
    document_free(document);
    return false;
}

static void add_change(struct core *core, struct object *object, struct document *document, struct change **changes)
{
    struct change *change = change_new(core, object, &item_key, document, 0);
    LL_APPEND(*changes, change);
}

/* Its object is marked as one of this bundle. */
static bool plan_item(struct core *core, struct document *document, struct change **changes, struct refusal *refusal)
{
    const struct object_id id = document->id;
    struct object *object = objects_get(&core->objects, &id);
    if (object == NULL) {
        refusal_set(refusal, "TooManyObjects", "this node knows %d objects already", LIMIT_OBJECTS);
        document_free(document);
        return false;
    }
    core_touch(core, object); /* one that was made for a bundle that is refused goes again */
    if (object->bundle_mark == core->bundle_serial)
        return refuse_twice(&id, document, refusal);
    object->bundle_mark = core->bundle_serial;
    const struct slot *slot = object_slot(object, &item_key);
    if (slot != NULL && strcmp(slot->content, document->content) == 0) {
        document_free(document);
        return true;
    }
    if (!claims_takes(object, &item_key, document, refusal))
        return false;
    if (!inbox_may_become(slot, document, refusal)) {
        document_free(document);
        return false;
    }
    add_change(core, object, document, changes);
    return true;
}

static bool plan_items(struct core *core, const struct json *items, struct change **changes, struct refusal *refusal)
{
    size_t index = 0;
    JSON_EACH(item, items) {
        struct document document;
        struct refusal why = { .generation = -1 };
        if (!bundle_read_item(item, index, (size_t)core->config->max_document_bytes, &document, refusal))
            return false;
        const struct object_id id = document.id;
        if (!policy_takes(core, &document, &why) || !plan_item(core, &document, changes, &why)) {
            refusal_set(refusal, why.reason, "items[%zu] (%s/%s/%.100s): %.400s", index, id.namespace, id.resource, id.name,
                        why.message);
            return false;
        }
        index++;
    }
    return true;
}

bool bundle_plan(struct core *core, const struct document *document, struct change **changes, struct refusal *refusal)
{
    core->bundle_serial++;
    refusal->generation = document->has_generation ? document->generation : -1;
    if (!plan_items(core, document->data, changes, refusal)) {
        struct change *change, *next;
        LL_FOREACH_SAFE(*changes, change, next)
            change_free(change);
        *changes = NULL;
        return false;
    }
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (object->bundle_mark != core->bundle_serial && object_slot(object, &item_key) != NULL)
            add_change(core, object, NULL, changes);
    return true;
}

void bundle_settled(struct core *core, int64_t generation)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        struct slot *slot = object_slot(object, &item_key);
        if (slot == NULL)
            continue;
        slot->generation = generation;
        slot->retained = RETAINED_YES;
        core_touch(core, object);
    }
}

void bundle_retained(struct core *core, enum retained retained)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        struct slot *slot = object_slot(object, &item_key);
        if (slot == NULL || slot->retained == retained)
            continue;
        slot->retained = retained;
        core_touch(core, object);
    }
}

int64_t bundle_generation(const struct core *core)
{
    const struct slot *slot = whole_slot(&core->bundle);
    return slot != NULL ? slot->generation : 0;
}

size_t bundle_objects(const struct core *core)
{
    size_t count = 0;
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        count += object_slot(object, &item_key) != NULL;
    return count;
}

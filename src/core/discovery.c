#include "core/discovery.h"

#include "base/memory.h"
#include "protocol/discovery.h"

static bool place_of(const struct core *core, struct discovery_place *place)
{
    const struct config *config = core->config;
    *place = (struct discovery_place){ .prefix = config->telemetry.home_assistant, .root = config->root, .node = config->node };
    return place->prefix[0] != '\0';
}

void discovery_tell(struct core *core, struct object *object)
{
    const struct object_id *id = object != NULL ? &object->id : NULL;
    bool *told = object != NULL ? &object->discovery_told : &core->discovery_told;
    struct discovery_place place;
    if (*told || !core->link.connected || !place_of(core, &place))
        return;
    *told = true;
    for (size_t i = 0; i < discovery_count(id); i++) {
        AUTO_FREE char *topic = discovery_topic(&place, id, i);
        AUTO_FREE char *text = discovery_write(&place, id, i);
        outbox_put(core->outbox, topic, text);
    }
}

void discovery_again(struct core *core)
{
    core->discovery_told = false;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        object->discovery_told = false;
}

void discovery_clear(struct core *core, const struct object *object, struct store_txn *txn)
{
    struct discovery_place place;
    if (!place_of(core, &place))
        return;
    for (size_t i = 0; i < discovery_count(&object->id); i++) {
        AUTO_FREE char *topic = discovery_topic(&place, &object->id, i);
        outbox_clear(core->outbox, txn, topic);
    }
}

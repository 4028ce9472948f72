/* Home Assistant's MQTT discovery: a retained document a sensor. Its documentation: MQTT, MQTT Discovery; MQTT Sensor. Pure. */
#ifndef PROTOCOL_DISCOVERY_H
#define PROTOCOL_DISCOVERY_H

#include "base/json.h"
#include "model/object_id.h"

struct discovery_place {
    const char *prefix; /* "homeassistant" */
    const char *root, *node;
};

/* How many sensors there are of an object, or, with NULL, of the node itself: state, CPU and memory of what uses them, the
 * state alone of what owns others, 0 of the rest.
 */
size_t discovery_count(const struct object_id *id);
/* The topic and the document of the sensor `index`; the caller frees. */
char *discovery_topic(const struct discovery_place *place, const struct object_id *id, size_t index);
char *discovery_write(const struct discovery_place *place, const struct object_id *id, size_t index);
/* A filter for all that a node may have told, whatever the prefix; NULL: that any has. The caller frees. Another root's node may
 * look the same: discovery_presence tells them apart. */
char *discovery_filter(const char *root, const char *node);
/* The topic of the presence that a document looks at, which is its node's; NULL: it is none of these documents. */
const char *discovery_presence(const struct json *document);

#endif

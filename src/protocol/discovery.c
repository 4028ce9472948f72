#include "protocol/discovery.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/topic.h"

#define ANY_PREFIX "+/sensor/"

static const struct {
    const char *key, *name, *word; /* the topic that has it: R/nodes/N/WORD… */
    const char *template, *node_template;
    const char *unit, *device_class; /* NULL: a text */
} sensors[] = {
    { "state", "state", "state", "{{ value_json.state }}", "{{ 'Ready' if value_json.ready else 'NotReady' }}", NULL, NULL },
    { "cpu", "CPU", "metrics", "{{ value_json.cpu_cores }}", "{{ value_json.cpu_cores }}", "cores", NULL },
    { "memory", "memory", "metrics", "{{ value_json.memory_bytes }}", "{{ value_json.memory_bytes }}", "B", "data_size" },
};

size_t discovery_count(const struct object_id *id)
{
    static const char *const measured[] = { "pods", "virtualmachines" };
    static const char *const owners[] = { "apps", "deployments", "daemonsets", "statefulsets", "jobs", "cronjobs" };
    bool found = id == NULL;
    for (size_t i = 0; !found && i < sizeof(measured) / sizeof(measured[0]); i++)
        found = strcmp(id->resource, measured[i]) == 0;
    if (found)
        return sizeof(sensors) / sizeof(sensors[0]);
    for (size_t i = 0; !found && i < sizeof(owners) / sizeof(owners[0]); i++)
        found = strcmp(id->resource, owners[i]) == 0;
    return found ? 1 : 0;
}

/* Ids there are letters, digits, "_" and "-": a name with dots stays its own, for no name has a "_". */
static char *id_of(char *text_taken)
{
    for (char *at = text_taken; *at != '\0'; at++)
        *at = *at == '.' || *at == '/' ? '_' : *at;
    return text_taken;
}

static char *device_id(const struct discovery_place *place)
{
    return id_of(mem_printf("%s_%s", place->root, place->node));
}

static char *sensor_id(const struct object_id *id, size_t index)
{
    if (id == NULL)
        return mem_strdup(sensors[index].key);
    return id_of(mem_printf("%s_%s_%s_%s", id->namespace, id->resource, id->name, sensors[index].key));
}

char *discovery_topic(const struct discovery_place *place, const struct object_id *id, size_t index)
{
    AUTO_FREE char *device = device_id(place), *sensor = sensor_id(id, index);
    return mem_printf("%s/sensor/%s/%s/config", place->prefix, device, sensor);
}

char *discovery_write(const struct discovery_place *place, const struct object_id *id, size_t index)
{
    AUTO_FREE char *device = device_id(place), *sensor = sensor_id(id, index);
    AUTO_FREE char *unique = mem_printf("%s_%s", device, sensor);
    AUTO_FREE char *name = id != NULL ? mem_printf("%s/%s/%s %s", id->namespace, id->resource, id->name, sensors[index].name)
                                      : mem_strdup(sensors[index].name);
    AUTO_FREE char *topic = topic_node(place->root, place->node, sensors[index].word, id);
    AUTO_FREE char *presence = topic_node(place->root, place->node, "presence", NULL);
    AUTO_JSON struct json *json =
        json_new_texts("name", name, "unique_id", unique, "state_topic", topic, "value_template",
                       id != NULL ? sensors[index].template : sensors[index].node_template, "availability_topic", presence,
                       "availability_template", "{{ 'online' if value_json.online else 'offline' }}", NULL);
    json_set_text(json, "unit_of_measurement", sensors[index].unit);
    json_set_text(json, "device_class", sensors[index].device_class);
    json_set_text(json, "state_class", sensors[index].unit != NULL ? "measurement" : NULL);
    if (sensors[index].unit == NULL)
        json_set_text(json, "json_attributes_topic", topic);
    struct json *of = json_set_object(json, "device");
    json_add_text(json_set_array(of, "identifiers"), device);
    json_set_text(of, "name", place->node);
    json_set_text(of, "manufacturer", "Davit");
    return json_print(json);
}

char *discovery_filter(const char *root, const char *node)
{
    AUTO_FREE char *device = node != NULL ? device_id(&(struct discovery_place){ .root = root, .node = node }) : mem_strdup("+");
    return mem_printf(ANY_PREFIX "%s/+/config", device);
}

const char *discovery_presence(const struct json *document)
{
    return json_get_text(document, "availability_topic");
}

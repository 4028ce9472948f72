#include "protocol/event.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/memory.h"
#include "protocol/container_status.h"
#include "protocol/names.h"

char *event_write(const struct event *event, const char *node, uint64_t wall_ms, uint64_t serial)
{
    AUTO_JSON struct json *json = json_new_texts("apiVersion", "v1", "kind", "Event", NULL);
    const struct resource *resource = event->id != NULL ? resource_by_plural(event->id->resource) : NULL;
    struct json *metadata = json_set_object(json, "metadata");
    AUTO_FREE char *name = mem_printf("%s.%" PRIx64 "%04" PRIx64, event->id != NULL ? event->id->name : node, wall_ms,
                                      serial & 0xffff);
    json_set_text(metadata, "name", name);
    json_set_text(metadata, "namespace", event->id != NULL ? event->id->namespace : "default");
    struct json *about = json_set_object(json, "involvedObject");
    json_set_text(about, "kind", resource != NULL ? resource->kind : "Node");
    json_set_text(about, "namespace", event->id != NULL ? event->id->namespace : NULL);
    json_set_text(about, "name", event->id != NULL ? event->id->name : node);
    json_set_text(about, "uid", event->uid);
    json_set_text(json, "type", event->warning ? "Warning" : "Normal");
    json_set_text(json, "reason", event->reason);
    json_set_text(json, "message", event->message);
    status_set_time(json, "firstTimestamp", wall_ms);
    status_set_time(json, "lastTimestamp", wall_ms);
    json_set_integer(json, "count", 1);
    struct json *source = json_set_object(json, "source");
    json_set_text(source, "component", "davitd");
    json_set_text(source, "host", node);
    return json_print(json);
}

#include "core/happened.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

void happened_keep(struct happened *happened, const char *text)
{
    char **at = &happened->texts[happened->next++ % LIMIT_EVENTS_KEPT];
    free(*at);
    *at = mem_strdup(text);
}

static bool is_about(const struct json *event, const struct object_id *id)
{
    const struct resource *resource = resource_by_plural(id->resource);
    const struct json *object = json_get(event, "involvedObject");
    const char *kind = json_get_text(object, "kind"), *name = json_get_text(object, "name"), *ns = json_get_text(object, "namespace");
    return resource != NULL && kind != NULL && name != NULL && ns != NULL && strcmp(kind, resource->kind) == 0 &&
           strcmp(name, id->name) == 0 && strcmp(ns, id->namespace) == 0;
}

struct json *happened_list(const struct happened *happened, const struct object_id *id)
{
    struct json *events[LIMIT_EVENTS_KEPT];
    size_t count = 0, bytes = 0;
    for (size_t i = 1; i <= LIMIT_EVENTS_KEPT; i++) {
        const char *text = happened->texts[(happened->next + LIMIT_EVENTS_KEPT - i) % LIMIT_EVENTS_KEPT];
        struct error ignored; /* davitd wrote it */
        struct json *event = text != NULL ? json_parse(text, strlen(text), &ignored) : NULL;
        bool is_meant = event != NULL && (id == NULL || is_about(event, id));
        bytes += is_meant ? strlen(text) : 0;
        if (is_meant && bytes <= LIMIT_ANSWER_TEXT_BYTES)
            events[count++] = event;
        else
            json_free(event);
    }
    struct json *list = json_new_array();
    while (count > 0)
        json_add(list, events[--count]);
    return list;
}

void happened_free(struct happened *happened)
{
    for (size_t i = 0; i < LIMIT_EVENTS_KEPT; i++)
        free(happened->texts[i]);
}

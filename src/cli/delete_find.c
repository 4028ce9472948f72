/* delete TYPE --all, delete TYPE -l: which objects there are. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/delete.h"
#include "cli/label_query.h"
#include "protocol/topic.h"

struct search {
    struct target_set *set;
    const struct resource *resource;
    struct json *query; /* of labels; NULL: every object */
};

/* R/nodes/N/desired/NS/RES/NAME or R/groups/G/desired/…: the last three levels. */
static bool id_of(const char *topic, struct object_id *id)
{
    const char *rest = strstr(topic, "/desired/");
    *id = (struct object_id){0};
    return rest != NULL && sscanf(rest, "/desired/%63[^/]/%63[^/]/%253[^/]", id->namespace, id->resource, id->name) == 3;
}

static bool is_of_place(const struct target_set *set, const char *topic)
{
    size_t skip = strlen(set->options->root) + strlen("/nodes/");
    const char *node = strlen(topic) > skip ? topic + skip : "";
    size_t len = strcspn(node, "/");
    for (size_t i = 0; i < set->place_count; i++) {
        const char *name = set->places[i].node;
        if (name == NULL || (strlen(name) == len && strncmp(name, node, len) == 0))
            return true;
    }
    return false;
}

static void take(void *ctx, const struct session_message *message)
{
    struct search *search = ctx;
    struct error ignored = {0};
    struct object_id id;
    AUTO_JSON struct json *object = message->len > 0 ? json_parse(message->payload, message->len, &ignored) : NULL;
    if (object == NULL || target_is_tombstone(object) || !is_of_place(search->set, message->topic) || !id_of(message->topic, &id))
        return;
    if (search->query == NULL || label_query_fits(search->query, json_get(json_get(object, "metadata"), "labels")))
        target_add(search->set, &id, search->resource);
}

bool delete_find(struct target_set *set, const struct resource *resource, struct error *err)
{
    const struct options *options = set->options;
    struct object_id any = {.name = "+"};
    AUTO_JSON struct json *query = options->selector != NULL ? label_query_parse(options->selector, err) : NULL;
    struct search search = {.set = set, .resource = resource, .query = query};
    const char *node = set->place_count > 1 ? "+" : set->places[0].node;
    if (options->selector != NULL && query == NULL)
        return false;
    (void)snprintf(any.namespace, sizeof(any.namespace), "%s", options->all_namespaces ? "+" : options->ns);
    (void)snprintf(any.resource, sizeof(any.resource), "%s", resource->plural);
    AUTO_FREE char *topic = topic_desired(options->root, node, node == NULL ? options->group : NULL, &any);
    const char *topics[] = {topic};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, take, &search, err);
    if (session == NULL || !session_sync(session, err))
        return false;
    return set->count > 0 || error_set(err, ERROR_NOT_FOUND, "no %s that the broker holds for this fit%s", resource->plural,
                                       options->all_namespaces ? "" : " in this namespace");
}

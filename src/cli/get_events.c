/* davit get events -w: events are not retained, so there is nothing to list, only to listen to. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/get.h"
#include "cli/session.h"
#include "cli/status.h"
#include "cli/table.h"
#include "protocol/names.h"
#include "protocol/topic.h"

struct event_list {
    const struct get *get;
    struct table table;
};

static bool is_meant(const struct get *get, const struct json *event)
{
    const struct json *object = json_get(event, "involvedObject");
    const char *ns = json_get_text(object, "namespace");
    const char *name = json_get_text(object, "name");
    /* What has no namespace is about a node, and everyone's. */
    if (!get->options->all_namespaces && ns != NULL && strcmp(ns, get->options->ns) != 0)
        return false;
    return get->name == NULL || (name != NULL && strcmp(get->name, name) == 0);
}

static void print_row(struct event_list *list, const char *node, const struct json *event)
{
    const struct json *object = json_get(event, "involvedObject");
    const char *kind = json_get_text(object, "kind");
    const char *name = json_get_text(object, "name");
    const struct resource *resource = kind != NULL ? resource_by_kind(kind) : NULL;
    AUTO_FREE char *about = mem_printf("%s/%s", resource != NULL ? resource->singular : kind != NULL ? kind : "?",
                                       name != NULL ? name : "?");
    char age[TABLE_AGE_BYTES];
    const char *cells[TABLE_COLUMNS];
    size_t count = 0;
    cells[count++] = table_age(status_time_ms(json_get_text(event, "lastTimestamp")), clock_wall_ms(), age);
    cells[count++] = node;
    if (list->get->options->all_namespaces)
        cells[count++] = json_get_text(object, "namespace");
    cells[count++] = json_get_text(event, "type");
    cells[count++] = json_get_text(event, "reason");
    cells[count++] = about;
    cells[count++] = json_get_text(event, "message");
    table_row(&list->table, cells);
    table_print(&list->table);
}

static void take(void *ctx, const struct session_message *message)
{
    struct event_list *list = ctx;
    char node[LIMIT_NAME_BYTES + 1];
    char word[LIMIT_LABEL_BYTES + 1];
    struct object_id id;
    bool has_id = false;
    struct error err = {0};
    if (!topic_node_parse(list->get->options->root, message->topic, node, word, &id, &has_id) || message->len == 0)
        return;
    AUTO_JSON struct json *event = json_parse(message->payload, message->len, &err);
    if (event == NULL)
        (void)fprintf(stderr, "davit: %s: left out, it is no JSON: %s\n", message->topic, err.message);
    else if (!is_meant(list->get, event))
        return;
    else if (list->get->output == OUTPUT_TABLE || list->get->output == OUTPUT_WIDE)
        print_row(list, node, event);
    else
        output_change(list->get->output, event);
}

static void table_start(struct event_list *list)
{
    table_column(&list->table, "LAST SEEN");
    table_column(&list->table, "NODE");
    if (list->get->options->all_namespaces)
        table_column(&list->table, "NAMESPACE");
    table_column(&list->table, "TYPE");
    table_column(&list->table, "REASON");
    table_column(&list->table, "OBJECT");
    table_column(&list->table, "MESSAGE");
}

enum exit_code get_events(const struct get *get, struct error *err)
{
    const struct options *options = get->options;
    struct event_list list = {.get = get};
    if (!options->watch)
        return usage_error(err, "the broker keeps no events, so there are none to list: davit get events -w shows them "
                                "as they come");
    table_start(&list);
    AUTO_FREE char *topic = topic_node(options->root, options->node != NULL ? options->node : "+", "events", NULL);
    const char *topics[] = {topic};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, take, &list, err);
    if (session != NULL)
        (void)session_watch(session, err);
    table_free(&list.table);
    return exit_code_of(err);
}

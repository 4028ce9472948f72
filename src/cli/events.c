/* davit events -w, davit get events -w: events are not retained, so there is nothing to list, only to listen to. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/address.h"
#include "cli/get.h"
#include "cli/session.h"
#include "cli/status.h"
#include "protocol/topic.h"

struct event_list {
    const struct options *options;
    enum output output;
    const char *name;               /* NULL: of any */
    const struct resource *resource; /* NULL: of any kind */
    struct fleet fleet;             /* where many nodes were named */
    bool is_fleet;
    struct table table;
};

static bool is_of(const struct event_list *list, const struct json *object)
{
    const char *kind = json_get_text(object, "kind"), *name = json_get_text(object, "name");
    return (list->name == NULL || (name != NULL && strcmp(list->name, name) == 0)) &&
           (list->resource == NULL || (kind != NULL && strcmp(list->resource->kind, kind) == 0));
}

/* "Warning", or "Normal,Warning". */
static bool has_type(const char *types, const char *type)
{
    size_t len = type != NULL ? strlen(type) : 0;
    for (const char *at = types; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (len > 0 && strncmp(at, type, len) == 0 && (at[len] == '\0' || at[len] == ','))
            return true;
    }
    return types == NULL;
}

static bool is_node_meant(const struct event_list *list, const char *node)
{
    for (size_t i = 0; list->is_fleet && i < list->fleet.count; i++)
        if (strcmp(list->fleet.nodes[i].name, node) == 0)
            return true;
    return !list->is_fleet;
}

static bool is_meant(const struct event_list *list, const char *node, const struct json *event)
{
    const struct json *object = json_get(event, "involvedObject");
    const char *ns = json_get_text(object, "namespace");
    /* What has no namespace is about a node, and everyone's. */
    if (!list->options->all_namespaces && ns != NULL && strcmp(ns, list->options->ns) != 0)
        return false;
    return is_of(list, object) && has_type(list->options->types, json_get_text(event, "type")) && is_node_meant(list, node);
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
    if (list->options->all_namespaces)
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
    if (!topic_node_parse(list->options->root, message->topic, node, word, &id, &has_id) || message->len == 0)
        return;
    AUTO_JSON struct json *event = json_parse(message->payload, message->len, &err);
    if (event == NULL)
        (void)fprintf(stderr, "davit: %s: left out, it is no JSON: %s\n", message->topic, err.message);
    else if (!is_meant(list, node, event))
        return;
    else if (list->output == OUTPUT_TABLE || list->output == OUTPUT_WIDE)
        print_row(list, node, event);
    else
        output_change(list->output, event);
}

static void table_start(struct event_list *list)
{
    table_init(&list->table);
    if (list->options->no_headers)
        table_no_heading(&list->table);
    table_column(&list->table, "LAST SEEN");
    table_column(&list->table, "NODE");
    if (list->options->all_namespaces)
        table_column(&list->table, "NAMESPACE");
    table_column(&list->table, "TYPE");
    table_column(&list->table, "REASON");
    table_column(&list->table, "OBJECT");
    table_column(&list->table, "MESSAGE");
}

/* --for pod/hello; of `get events` a name alone. */
static bool read_about(struct event_list *list, char type[LIMIT_LABEL_BYTES + 1], struct error *err)
{
    const char *about = list->options->for_what;
    list->name = list->options->word_count > 1 ? list->options->words[1] : NULL;
    if (about == NULL)
        return true;
    size_t len = strcspn(about, "/");
    if (about[len] == '\0' || len > LIMIT_LABEL_BYTES)
        return error_set(err, ERROR_INVALID, "--for %.80s: TYPE/NAME, as pod/hello", about);
    (void)snprintf(type, LIMIT_LABEL_BYTES + 1, "%.*s", (int)len, about);
    list->name = about + len + 1;
    list->resource = resource_by_word(type);
    return list->resource != NULL || error_set(err, ERROR_INVALID, "--for %.80s: Davit knows no such objects", about);
}

static enum exit_code listen_to(struct event_list *list, struct error *err)
{
    const struct options *options = list->options;
    table_start(list);
    AUTO_FREE char *topic = topic_node(options->root, options->node != NULL ? options->node : "+", "events", NULL);
    const char *topics[] = {topic};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, take, list, err);
    if (session != NULL)
        (void)session_watch(session, err);
    table_free(&list->table);
    return exit_code_of(err);
}

enum exit_code get_events(const struct options *options, struct error *err)
{
    struct event_list list = {.options = options, .is_fleet = fleet_is_meant(options)};
    char type[LIMIT_LABEL_BYTES + 1];
    if (!address_check(options, err) || !output_parse(options, &list.output, err) || !read_about(&list, type, err))
        return EXIT_CODE_USAGE;
    if (!options->watch)
        return usage_error(err, "the broker keeps no events, so there are none to list: davit events -w shows them as they come");
    if (list.is_fleet && !fleet_find(options, &list.fleet, err))
        return exit_code_of(err);
    enum exit_code code = listen_to(&list, err);
    fleet_free(&list.fleet);
    return code;
}

enum exit_code verb_events(const struct options *options, struct error *err)
{
    if (options->word_count > 0)
        return usage_error(err, "events takes no words: --for pod/hello names what they are about");
    return get_events(options, err);
}

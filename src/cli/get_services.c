/* davit get services */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/board.h"
#include "cli/get.h"
#include "cli/table.h"
#include "protocol/topic.h"

struct service_list {
    const struct get *get;
    struct board board;
    struct table table;
    bool is_synced;
};

static bool is_listed(const struct entry *entry)
{
    return entry->is_object && entry_is_there(entry);
}

static void start(struct service_list *list)
{
    static const char *const HEADINGS[] = {"NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "READY", "NODE", "MESSAGE"};
    size_t count = list->get->output == OUTPUT_WIDE ? 9 : 6;
    if (list->get->options->all_namespaces)
        table_column(&list->table, "NAMESPACE");
    for (size_t i = 0; i < count; i++)
        table_column(&list->table, HEADINGS[i]);
}

/* False: nothing but its age is new. */
static bool row_add(struct service_list *list, struct entry *entry)
{
    char age[TABLE_AGE_BYTES];
    const struct json *state = entry->state;
    const char *cells[TABLE_COLUMNS];
    size_t count = 0;
    char *shown = state != NULL ? json_print(state) : mem_strdup("");
    bool is_new = entry->shown == NULL || strcmp(entry->shown, shown) != 0;
    free(entry->shown);
    entry->shown = shown;
    if (list->get->options->all_namespaces)
        cells[count++] = entry->id.namespace;
    cells[count++] = entry->id.name;
    cells[count++] = is_listed(entry) ? json_get_text(state, "type") : "Deleted";
    cells[count++] = json_get_text(state, "clusterIP");
    cells[count++] = json_get_text(state, "externalIP");
    cells[count++] = json_get_text(state, "ports");
    cells[count++] = table_age((uint64_t)json_get_integer(state, "createdAt", 0), clock_wall_ms(), age);
    cells[count++] = json_get_integer(state, "ready", 0) != 0 ? "True" : "False";
    cells[count++] = entry->node;
    if (count < TABLE_COLUMNS)
        cells[count] = json_get_text(state, "message");
    if (is_new)
        table_row(&list->table, cells);
    return is_new;
}

static void on_change(void *ctx, struct entry *entry)
{
    struct service_list *list = ctx;
    enum output output = list->get->output;
    if (!list->is_synced || !entry->is_object || (!is_listed(entry) && entry->shown == NULL) || !row_add(list, entry))
        return;
    if (output == OUTPUT_TABLE || output == OUTPUT_WIDE)
        table_print(&list->table);
    else if (entry->status != NULL)
        output_change(output, entry->status);
}

static size_t print_list(struct service_list *list)
{
    enum output output = list->get->output;
    AUTO_JSON struct json *objects = json_new_array();
    bool as_table = output == OUTPUT_TABLE || output == OUTPUT_WIDE;
    size_t count = 0;
    board_sort(&list->board);
    start(list);
    for (struct entry *entry = list->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_listed(entry))
            continue;
        (void)row_add(list, entry);
        if (entry->status != NULL)
            json_add(objects, json_copy(entry->status));
        count++;
    }
    if (as_table && count > 0)
        table_print(&list->table);
    if (!as_table && (count > 0 || list->get->name == NULL))
        output_objects(output, objects, list->get->name != NULL);
    return count;
}

static enum exit_code show(struct service_list *list, struct session *session, struct error *err)
{
    const struct options *options = list->get->options;
    size_t count = print_list(list);
    list->is_synced = true;
    if (count == 0 && list->get->name != NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "services \"%s\" not found in namespace \"%s\"", list->get->name, options->ns);
        return EXIT_CODE_NOT_FOUND;
    }
    if (count == 0)
        (void)fprintf(stderr, "No services found.\n");
    if (options->watch)
        (void)session_watch(session, err);
    return exit_code_of(err);
}

enum exit_code get_services(const struct get *get, struct error *err)
{
    const struct options *options = get->options;
    const char *node = options->node != NULL ? options->node : "+";
    struct object_id id = {.namespace = "+", .resource = "services", .name = "+"};
    struct service_list list = {.get = get};
    list.board = (struct board){.root = options->root, .on_change = on_change, .ctx = &list};
    if (!options->all_namespaces)
        (void)snprintf(id.namespace, sizeof(id.namespace), "%s", options->ns);
    if (get->name != NULL)
        (void)snprintf(id.name, sizeof(id.name), "%s", get->name);
    AUTO_FREE char *state = topic_node(options->root, node, "state", &id);
    AUTO_FREE char *status = topic_node(options->root, node, "status", &id);
    const char *topics[] = {state, status};
    enum exit_code code = EXIT_CODE_OK;
    AUTO_SESSION struct session *session = session_open(options, topics, 2, board_take, &list.board, err);
    if (session == NULL || !session_sync(session, err))
        code = exit_code_of(err);
    else
        code = show(&list, session, err);
    table_free(&list.table);
    board_free(&list.board);
    return code;
}

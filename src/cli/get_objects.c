/* davit get pods, jobs …: every kind of object */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/board.h"
#include "cli/columns.h"
#include "cli/get.h"
#include "cli/table.h"
#include "protocol/topic.h"

struct object_list {
    const struct get *get;
    const char *resource;
    const struct column *columns;
    struct board board;
    struct table table;
    bool with_namespace;
    bool with_node;
    bool is_wide;
    bool is_synced;
};

static bool is_listed(const struct entry *entry)
{
    return entry->is_object && (entry->state != NULL || entry->status != NULL);
}

/* A row on its way: what is shown of it, and what of that is more than time going by. */
struct row {
    char texts[TABLE_COLUMNS][CELL_BYTES];
    const char *cells[TABLE_COLUMNS];
    size_t count;
    struct strbuf lasting;
};

static void add_cells(const struct object_list *list, const struct entry *entry, enum column_place place, struct row *row)
{
    bool online = board_node_is_online(&list->board, entry->node);
    for (const struct column *column = list->columns; column->heading != NULL; column++) {
        char *text = row->texts[row->count];
        if (column->place != place)
            continue;
        if (!is_listed(entry) && (strcmp(column->heading, "STATUS") == 0 || strcmp(column->heading, "TYPE") == 0))
            (void)snprintf(text, CELL_BYTES, "Deleted");
        else
            column->cell(entry, online, text);
        if (!column->passes)
            strbuf_printf(&row->lasting, "%s ", text);
        row->cells[row->count++] = text;
    }
}

/* The cells of a row, and whether anything but its age is new. */
static bool row_add(struct object_list *list, struct entry *entry)
{
    struct row row = {.count = 0};
    strbuf_init(&row.lasting, TABLE_COLUMNS * CELL_BYTES);
    if (list->with_namespace)
        row.cells[row.count++] = entry->id.namespace;
    row.cells[row.count++] = entry->id.name;
    add_cells(list, entry, COLUMN_ALWAYS, &row);
    if (list->is_wide)
        add_cells(list, entry, COLUMN_WIDE, &row);
    if (list->with_node)
        row.cells[row.count++] = entry->node;
    if (list->is_wide)
        add_cells(list, entry, COLUMN_LAST, &row);
    char *shown = strbuf_steal(&row.lasting);
    bool is_new = entry->shown == NULL || strcmp(entry->shown, shown) != 0;
    free(entry->shown);
    entry->shown = shown;
    if (is_new)
        table_row(&list->table, row.cells);
    return is_new;
}

static void add_headings(struct object_list *list, enum column_place place)
{
    for (const struct column *column = list->columns; column->heading != NULL; column++)
        if (column->place == place)
            table_column(&list->table, column->heading);
}

static void table_start(struct object_list *list)
{
    if (list->with_namespace)
        table_column(&list->table, "NAMESPACE");
    table_column(&list->table, "NAME");
    add_headings(list, COLUMN_ALWAYS);
    if (list->is_wide)
        add_headings(list, COLUMN_WIDE);
    if (list->with_node)
        table_column(&list->table, "NODE");
    if (list->is_wide)
        add_headings(list, COLUMN_LAST);
}

static struct json *new_object(const struct entry *entry)
{
    const struct resource *resource = resource_by_plural(entry->id.resource);
    return json_new_texts("apiVersion", resource->api_version, "kind", resource->kind, NULL);
}

/* The status as it was published, with the node beside it, for one pod may be on many. */
static struct json *object_of(const struct entry *entry)
{
    struct json *object = entry->status != NULL ? json_copy(entry->status)
                                                : new_object(entry);
    struct json *spec = json_get_mutable(object, "spec");
    struct json *metadata = json_get_mutable(object, "metadata");
    if (metadata == NULL)
        metadata = json_set_object(object, "metadata");
    json_set_text(metadata, "name", entry->id.name);
    json_set_text(metadata, "namespace", entry->id.namespace);
    if (spec == NULL)
        spec = json_set_object(object, "spec");
    json_set_text(spec, "nodeName", entry->node);
    return object;
}

static void show_change(struct object_list *list, struct entry *entry)
{
    if (list->get->output == OUTPUT_TABLE || list->get->output == OUTPUT_WIDE) {
        if (row_add(list, entry))
            table_print(&list->table);
        return;
    }
    AUTO_JSON struct json *object = object_of(entry);
    char *shown = json_print(object);
    if (is_listed(entry) && (entry->shown == NULL || strcmp(entry->shown, shown) != 0))
        output_change(list->get->output, object);
    free(entry->shown);
    entry->shown = shown;
}

static void on_change(void *ctx, struct entry *entry)
{
    struct object_list *list = ctx;
    struct entry *other;
    struct entry *next;
    if (!list->is_synced)
        return;
    if (entry->is_object) {
        if (is_listed(entry) || entry->shown != NULL)
            show_change(list, entry);
        return;
    }
    HASH_ITER(hh, list->board.entries, other, next)
        if (is_listed(other) && strcmp(other->node, entry->node) == 0)
            show_change(list, other);
}

/* How many there are, and whether on more than one node. */
static size_t count_rows(struct object_list *list, bool *many_nodes)
{
    const char *node = NULL;
    size_t count = 0;
    *many_nodes = false;
    for (const struct entry *entry = list->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_listed(entry))
            continue;
        *many_nodes = *many_nodes || (node != NULL && strcmp(node, entry->node) != 0);
        node = entry->node;
        count++;
    }
    return count;
}

static void print_list(struct object_list *list)
{
    const struct get *get = list->get;
    AUTO_JSON struct json *objects = json_new_array();
    bool as_table = get->output == OUTPUT_TABLE || get->output == OUTPUT_WIDE;
    if (as_table)
        table_start(list);
    for (struct entry *entry = list->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_listed(entry))
            continue;
        if (as_table)
            (void)row_add(list, entry);
        else if (get->options->watch)
            show_change(list, entry);
        else
            json_add(objects, object_of(entry));
    }
    if (list->table.rows > 0)
        table_print(&list->table);
    if (!as_table && !get->options->watch && (get->name == NULL || json_size(objects) > 0))
        output_objects(get->output, objects, get->name != NULL);
}

static enum exit_code none_found(const struct get *get, const char *resource, struct error *err)
{
    const struct options *options = get->options;
    AUTO_FREE char *where = options->all_namespaces ? mem_strdup("") : mem_printf(" in namespace \"%s\"", options->ns);
    AUTO_FREE char *node = options->node == NULL ? mem_strdup("") : mem_printf(" on node %s", options->node);
    if (get->name != NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found%s%s", resource, get->name, where, node);
        return EXIT_CODE_NOT_FOUND;
    }
    (void)fprintf(stderr, "No %s found%s%s.\n", resource, where, node);
    return EXIT_CODE_OK;
}

static enum exit_code show(struct object_list *list, struct session *session, struct error *err)
{
    const struct options *options = list->get->options;
    bool many_nodes;
    size_t count = count_rows(list, &many_nodes);
    list->is_wide = list->get->output == OUTPUT_WIDE;
    list->with_namespace = options->all_namespaces;
    list->with_node = list->is_wide || many_nodes || (options->watch && options->node == NULL);
    board_sort(&list->board);
    print_list(list);
    if (count == 0) {
        enum exit_code code = none_found(list->get, list->resource, err);
        if (!options->watch || code != EXIT_CODE_OK)
            return code;
    }
    list->is_synced = true;
    if (options->watch)
        (void)session_watch(session, err);
    return exit_code_of(err);
}

enum exit_code get_objects(const struct get *get, const struct resource *resource, struct error *err)
{
    const struct options *options = get->options;
    const char *node = options->node != NULL ? options->node : "+";
    struct object_id id = {.namespace = "+", .name = "+"};
    struct object_list list = {.get = get, .resource = resource->plural, .columns = columns_of(resource->plural)};
    (void)snprintf(id.resource, sizeof(id.resource), "%s", resource->plural);
    list.board = (struct board){.root = options->root, .on_change = on_change, .ctx = &list};
    if (!options->all_namespaces)
        (void)snprintf(id.namespace, sizeof(id.namespace), "%s", options->ns);
    if (get->name != NULL)
        (void)snprintf(id.name, sizeof(id.name), "%s", get->name);
    AUTO_FREE char *presence = topic_node(options->root, node, "presence", NULL);
    AUTO_FREE char *state = topic_node(options->root, node, "state", &id);
    AUTO_FREE char *status = topic_node(options->root, node, "status", &id);
    const char *topics[] = {presence, state, status};
    enum exit_code code = EXIT_CODE_OK;
    AUTO_SESSION struct session *session = session_open(options, topics, 3, board_take, &list.board, err);
    if (session == NULL || !session_sync(session, err))
        code = exit_code_of(err);
    else
        code = show(&list, session, err);
    table_free(&list.table);
    board_free(&list.board);
    return code;
}

/* davit top of many nodes: from the metrics that they tell, so that nobody is asked. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/board.h"
#include "cli/table.h"
#include "cli/top.h"
#include "protocol/topic.h"

struct fleet_top {
    const struct options *options;
    const char *resource; /* NULL: the nodes themselves */
    struct fleet fleet;
    struct board board;
    struct entry **rows;
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    const struct entry *one = *(struct entry *const *)a, *other = *(struct entry *const *)b;
    int order = object_id_compare(&one->id, &other->id);
    return order != 0 ? order : strcmp(one->node, other->node);
}

static int by_number(const void *a, const void *b, const char *key)
{
    double one = top_number((*(struct entry *const *)a)->metrics, key), other = top_number((*(struct entry *const *)b)->metrics, key);
    if (one != other)
        return one > other ? -1 : 1;
    return by_name(a, b);
}

static int by_cpu(const void *a, const void *b)
{
    return by_number(a, b, "cpu_cores");
}

static int by_memory(const void *a, const void *b)
{
    return by_number(a, b, "memory_bytes");
}

/* Also of a node that is away: what it told last is old, and its `ts` says how old. */
static void take_rows(struct fleet_top *top)
{
    const char *key = top->options->sort_by;
    top->rows = mem_array(HASH_COUNT(top->board.entries) + 1, sizeof(struct entry *));
    for (struct entry *entry = top->board.entries; entry != NULL; entry = entry->hh.next)
        if (entry->metrics != NULL && fleet_named(&top->fleet, entry->node) != NULL)
            top->rows[top->count++] = entry;
    if (top->count > 0)
        qsort(top->rows, top->count, sizeof(struct entry *), key == NULL ? by_name : strcmp(key, "cpu") == 0 ? by_cpu : by_memory);
}

static void row_print(const struct fleet_top *top, const struct entry *entry, struct table *table)
{
    const struct json *use = entry->metrics;
    const char *cells[TABLE_COLUMNS];
    char cpu[TOP_CELL_BYTES], memory[TOP_CELL_BYTES], share[TOP_CELL_BYTES], disk[TOP_CELL_BYTES], disk_share[TOP_CELL_BYTES];
    size_t count = 0;
    double used = top_number(use, "memory_bytes"), disk_used = top_number(use, "disk_bytes");
    double left = top_number(use, "memory_available_bytes"), disk_left = top_number(use, "disk_available_bytes");
    if (top->resource != NULL && top->options->all_namespaces)
        cells[count++] = entry->id.namespace;
    cells[count++] = top->resource != NULL ? entry->id.name : entry->node;
    if (top->resource != NULL)
        cells[count++] = entry->node;
    cells[count++] = top_cpu_cell(use, cpu);
    cells[count++] = top_size_cell(use, "memory_bytes", memory);
    if (top->resource == NULL)
        cells[count++] = top_share_cell(used, left < 0 ? -1 : used + left, share);
    cells[count++] = top_size_cell(use, "disk_bytes", disk);
    if (top->resource == NULL)
        cells[count++] = top_share_cell(disk_used, disk_left < 0 ? -1 : disk_used + disk_left, disk_share);
    table_row(table, cells);
}

static void print_table(const struct fleet_top *top)
{
    static const char *const of_nodes[] = {"NAME", "CPU(cores)", "MEMORY(bytes)", "MEMORY(%)", "DISK(bytes)", "DISK(%)", NULL};
    static const char *const of_workloads[] = {"NAME", "NODE", "CPU(cores)", "MEMORY(bytes)", "DISK(bytes)", NULL};
    AUTO_TABLE struct table table;
    table_init(&table);
    if (top->resource != NULL && top->options->all_namespaces)
        table_column(&table, "NAMESPACE");
    for (const char *const *heading = top->resource != NULL ? of_workloads : of_nodes; *heading != NULL; heading++)
        table_column(&table, *heading);
    for (size_t i = 0; i < top->count; i++)
        row_print(top, top->rows[i], &table);
    table_print(&table);
}

static void print_objects(const struct fleet_top *top, enum output output)
{
    AUTO_JSON struct json *list = json_new_array();
    for (size_t i = 0; i < top->count; i++) {
        struct json *metrics = json_copy(top->rows[i]->metrics);
        json_set_text(metrics, "node", top->rows[i]->node);
        if (top->resource != NULL) {
            json_set_text(metrics, "namespace", top->rows[i]->id.namespace);
            json_set_text(metrics, "name", top->rows[i]->id.name);
        }
        json_add(list, metrics);
    }
    output_objects(output, list, false);
}

static bool look(struct fleet_top *top, const char *name, struct error *err)
{
    const struct options *options = top->options;
    struct object_id id = {.namespace = "+", .name = "+"};
    if (top->resource != NULL)
        (void)snprintf(id.resource, sizeof(id.resource), "%s", top->resource);
    if (!options->all_namespaces)
        (void)snprintf(id.namespace, sizeof(id.namespace), "%s", options->ns);
    if (name != NULL)
        (void)snprintf(id.name, sizeof(id.name), "%s", name);
    AUTO_FREE char *metrics = topic_node(options->root, "+", "metrics", top->resource != NULL ? &id : NULL);
    const char *topics[] = {metrics};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, board_take, &top->board, err);
    return session != NULL && session_sync(session, err);
}

static enum exit_code show(struct fleet_top *top, const char *name, enum output output, struct error *err)
{
    if (!fleet_find(top->options, &top->fleet, err) || !look(top, name, err))
        return exit_code_of(err);
    take_rows(top);
    if (top->count == 0) {
        AUTO_FREE char *asked = fleet_asked(top->options);
        (void)error_set(err, ERROR_NOT_FOUND, "no node tells metrics%s%s%s: are they switched on there ([telemetry])?",
                        top->resource != NULL ? " of such " : "", top->resource != NULL ? top->resource : "", asked);
        return EXIT_CODE_NOT_FOUND;
    }
    if (output == OUTPUT_JSON || output == OUTPUT_YAML)
        print_objects(top, output);
    else
        print_table(top);
    return EXIT_CODE_OK;
}

enum exit_code top_fleet(const struct options *given, const char *resource, const char *name, enum output output,
                         struct error *err)
{
    struct options options = *given;
    struct fleet_top top = {.options = &options, .resource = resource};
    if (!options.node_given) /* DAVIT_NODE is of one node */
        options.node = NULL;
    top.board.root = options.root;
    enum exit_code code = show(&top, name, output, err);
    free(top.rows);
    fleet_free(&top.fleet);
    board_free(&top.board);
    return code;
}

/* davit get nodes */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/board.h"
#include "cli/get.h"
#include "cli/table.h"
#include "protocol/topic.h"

struct node_list {
    const struct get *get;
    struct board board;
    struct table table;
    bool is_synced;
};

static bool is_listed(const struct entry *entry)
{
    return !entry->is_object && (entry->presence != NULL || entry->state != NULL);
}

static const char *word_of(const struct entry *entry)
{
    const struct json *ready = json_get(entry->state, "ready");
    int64_t number = 0;
    bool is_ready = false;
    if (!json_get_boolean(entry->presence, "online", false))
        return "Offline";
    if (ready != NULL && (json_boolean(ready, &is_ready) || json_integer(ready, &number)))
        is_ready = is_ready || number != 0;
    return is_ready ? "Ready" : "NotReady";
}

static const char *number_text(const struct json *state, const char *key, char out[24])
{
    int64_t number = json_get_integer(state, key, -1);
    (void)snprintf(out, 24, "%lld", (long long)number);
    return number < 0 ? "" : out;
}

/* False: nothing but its age is new. */
static bool row_add(struct node_list *list, struct entry *entry)
{
    char age[TABLE_AGE_BYTES];
    char numbers[4][24];
    const char *version = json_get_text(entry->state, "agent");
    const char *message = json_get_text(entry->state, "message");
    const char *waiting = number_text(entry->state, "waiting", numbers[0]);
    const char *problems = number_text(entry->state, "problems", numbers[1]);
    const char *all = number_text(entry->state, "pods", numbers[2]);
    const char *ready = number_text(entry->state, "podsReady", numbers[3]);
    const char *word = is_listed(entry) ? word_of(entry) : "Deleted";
    AUTO_FREE char *pods = *all != '\0' ? mem_printf("%s/%s", *ready != '\0' ? ready : "?", all) : NULL;
    char *shown = mem_printf("%s %s %s %s %s %s", word, pods != NULL ? pods : "", version != NULL ? version : "",
                             waiting, problems, message != NULL ? message : "");
    bool is_new = entry->shown == NULL || strcmp(entry->shown, shown) != 0;
    free(entry->shown);
    entry->shown = shown;
    (void)table_age((uint64_t)json_get_integer(entry->presence, "ts", 0), clock_wall_ms(), age);
    const char *const cells[TABLE_COLUMNS] = {entry->node, word, pods, age, version, waiting, problems, message};
    if (is_new)
        table_row(&list->table, cells);
    return is_new;
}

/* The v1 Node it has published; a node that has not yet is known by its name alone. */
static struct json *object_of(const struct entry *entry)
{
    if (entry->status != NULL)
        return json_copy(entry->status);
    struct json *object = json_new_texts("apiVersion", "v1", "kind", "Node", NULL);
    json_set_text(json_set_object(object, "metadata"), "name", entry->node);
    return object;
}

static void on_change(void *ctx, struct entry *entry)
{
    struct node_list *list = ctx;
    enum output output = list->get->output;
    if (!list->is_synced || entry->is_object || (!is_listed(entry) && entry->shown == NULL))
        return;
    if (!row_add(list, entry))
        return;
    if (output == OUTPUT_TABLE || output == OUTPUT_WIDE) {
        table_print(&list->table);
        return;
    }
    AUTO_JSON struct json *object = object_of(entry);
    output_change(output, object);
}

static void table_start(struct node_list *list)
{
    static const char *const HEADINGS[] = {"NAME",    "STATUS",  "PODS",     "AGE",
                                           "VERSION", "WAITING", "PROBLEMS", "MESSAGE"};
    size_t count = list->get->output == OUTPUT_WIDE ? 8 : 5;
    for (size_t i = 0; i < count; i++)
        table_column(&list->table, HEADINGS[i]);
}

static size_t print_list(struct node_list *list)
{
    enum output output = list->get->output;
    AUTO_JSON struct json *objects = json_new_array();
    bool as_table = output == OUTPUT_TABLE || output == OUTPUT_WIDE;
    size_t count = 0;
    board_sort(&list->board);
    table_start(list);
    for (struct entry *entry = list->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_listed(entry))
            continue;
        (void)row_add(list, entry);
        json_add(objects, object_of(entry));
        count++;
    }
    if (as_table && count > 0)
        table_print(&list->table);
    if (!as_table && (count > 0 || list->get->name == NULL))
        output_objects(output, objects, list->get->name != NULL);
    return count;
}

static enum exit_code show(struct node_list *list, const char *name, struct session *session, struct error *err)
{
    const struct options *options = list->get->options;
    size_t count = print_list(list);
    list->is_synced = true;
    if (count == 0 && name != NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "nodes \"%s\" not found: no node of this name was ever seen at %s", name,
                        options->broker);
        return EXIT_CODE_NOT_FOUND;
    }
    if (count == 0)
        (void)fprintf(stderr, "No nodes found below %s at %s.\n", options->root, options->broker);
    if (options->watch)
        (void)session_watch(session, err);
    return exit_code_of(err);
}

enum exit_code get_nodes(const struct get *get, struct error *err)
{
    const struct options *options = get->options;
    struct node_list list = {.get = get};
    /* DAVIT_NODE names where to apply to; a list of nodes is of all of them. */
    const char *node = get->name != NULL ? get->name : "+";
    list.board = (struct board){.root = options->root, .on_change = on_change, .ctx = &list};
    AUTO_FREE char *presence = topic_node(options->root, node, "presence", NULL);
    AUTO_FREE char *state = topic_node(options->root, node, "state", NULL);
    AUTO_FREE char *status = topic_node(options->root, node, "status", NULL);
    const char *topics[] = {presence, state, status};
    bool as_table = get->output == OUTPUT_TABLE || get->output == OUTPUT_WIDE;
    enum exit_code code = EXIT_CODE_OK;
    AUTO_SESSION struct session *session =
        session_open(options, topics, as_table ? 2 : 3, board_take, &list.board, err);
    if (session == NULL || !session_sync(session, err))
        code = exit_code_of(err);
    else
        code = show(&list, get->name, session, err);
    table_free(&list.table);
    board_free(&list.board);
    return code;
}

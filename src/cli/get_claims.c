/* davit get persistentvolumeclaims */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/board.h"
#include "cli/get.h"
#include "cli/status.h"
#include "cli/table.h"
#include "protocol/topic.h"

#define MODES_BYTES 32

struct claim_list {
    const struct get *get;
    struct board board;
    struct table table;
    bool with_node;
    bool is_synced;
};

static bool is_listed(const struct entry *entry)
{
    return entry->is_object && strcmp(entry->id.resource, "persistentvolumeclaims") == 0 && entry->status != NULL;
}

static const char *word_of(const struct entry *entry)
{
    const char *phase = json_get_text(json_get(entry->status, "status"), "phase");
    if (!is_listed(entry))
        return "Deleted";
    if (json_get_text(json_get(entry->status, "metadata"), "deletionTimestamp") != NULL)
        return "Terminating";
    return phase != NULL ? phase : "Refused";
}

/* kubectl's short words: RWO, ROX, RWX, RWOP. */
static const char *modes_text(const struct json *status, char out[MODES_BYTES])
{
    static const char *const words[][2] = {
        {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
    size_t len = 0;
    out[0] = '\0';
    JSON_EACH(mode, json_get(status, "accessModes"))
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && len < MODES_BYTES; i++)
            if (json_text(mode) != NULL && strcmp(json_text(mode), words[i][0]) == 0)
                len += (size_t)snprintf(out + len, MODES_BYTES - len, "%s%s", len > 0 ? "," : "", words[i][1]);
    return out;
}

/* False: nothing but its age is new. */
static bool row_add(struct claim_list *list, struct entry *entry)
{
    const struct json *status = json_get(entry->status, "status"), *metadata = json_get(entry->status, "metadata");
    const char *word = word_of(entry), *used = json_get_text(status, "used");
    const char *capacity = json_get_text(json_get(status, "capacity"), "storage");
    const char *since = json_get_text(metadata, "creationTimestamp");
    const char *volume = json_get_text(json_get(entry->status, "spec"), "volumeName");
    const char *cells[TABLE_COLUMNS];
    char age[TABLE_AGE_BYTES], modes[MODES_BYTES];
    size_t count = 0;
    char *shown = mem_printf("%s %s %s %s", word, capacity != NULL ? capacity : "", modes_text(status, modes),
                             used != NULL ? used : "");
    bool is_new = entry->shown == NULL || strcmp(entry->shown, shown) != 0;
    free(entry->shown);
    entry->shown = shown;
    if (!is_new)
        return false;
    if (list->get->options->all_namespaces)
        cells[count++] = entry->id.namespace;
    cells[count++] = entry->id.name;
    cells[count++] = word;
    cells[count++] = volume;
    cells[count++] = capacity;
    cells[count++] = modes;
    cells[count++] = used != NULL ? used : "-";
    cells[count++] = table_age(since != NULL ? status_time_ms(since) : 0, clock_wall_ms(), age);
    if (list->with_node)
        cells[count++] = entry->node;
    table_row(&list->table, cells);
    return true;
}

static void table_start(struct claim_list *list)
{
    static const char *const HEADINGS[] = {"NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS MODES", "USED", "AGE"};
    if (list->get->options->all_namespaces)
        table_column(&list->table, "NAMESPACE");
    for (size_t i = 0; i < sizeof(HEADINGS) / sizeof(HEADINGS[0]); i++)
        table_column(&list->table, HEADINGS[i]);
    if (list->with_node)
        table_column(&list->table, "NODE");
}

static void on_change(void *ctx, struct entry *entry)
{
    struct claim_list *list = ctx;
    enum output output = list->get->output;
    if (!list->is_synced || !entry->is_object || (!is_listed(entry) && entry->shown == NULL) || !row_add(list, entry))
        return;
    if (output == OUTPUT_TABLE || output == OUTPUT_WIDE)
        table_print(&list->table);
    else if (is_listed(entry))
        output_change(output, entry->status);
}

static size_t print_list(struct claim_list *list)
{
    enum output output = list->get->output;
    AUTO_JSON struct json *objects = json_new_array();
    bool as_table = output == OUTPUT_TABLE || output == OUTPUT_WIDE;
    const char *node = NULL;
    size_t count = 0;
    list->with_node = output == OUTPUT_WIDE;
    for (const struct entry *entry = list->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_listed(entry))
            continue;
        list->with_node = list->with_node || (node != NULL && strcmp(node, entry->node) != 0);
        node = entry->node;
    }
    board_sort(&list->board);
    table_start(list);
    for (struct entry *entry = list->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_listed(entry))
            continue;
        (void)row_add(list, entry);
        json_add(objects, json_copy(entry->status));
        count++;
    }
    if (as_table && count > 0)
        table_print(&list->table);
    if (!as_table && (count > 0 || list->get->name == NULL))
        output_objects(output, objects, list->get->name != NULL);
    return count;
}

static enum exit_code show(struct claim_list *list, struct session *session, struct error *err)
{
    const struct options *options = list->get->options;
    const char *name = list->get->name;
    size_t count = print_list(list);
    list->is_synced = true;
    if (count == 0 && name != NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "persistentvolumeclaims \"%s\" not found in namespace \"%s\"", name, options->ns);
        return EXIT_CODE_NOT_FOUND;
    }
    if (count == 0 && options->all_namespaces)
        (void)fputs("No persistentvolumeclaims found.\n", stderr);
    else if (count == 0)
        (void)fprintf(stderr, "No persistentvolumeclaims found in namespace \"%s\".\n", options->ns);
    if (options->watch)
        (void)session_watch(session, err);
    return exit_code_of(err);
}

enum exit_code get_claims(const struct get *get, struct error *err)
{
    const struct options *options = get->options;
    struct object_id id = {.namespace = "+", .resource = "persistentvolumeclaims", .name = "+"};
    struct claim_list list = {.get = get};
    list.board = (struct board){.root = options->root, .on_change = on_change, .ctx = &list};
    if (!options->all_namespaces)
        (void)snprintf(id.namespace, sizeof(id.namespace), "%s", options->ns);
    if (get->name != NULL)
        (void)snprintf(id.name, sizeof(id.name), "%s", get->name);
    AUTO_FREE char *status = topic_node(options->root, options->node != NULL ? options->node : "+", "status", &id);
    const char *topics[] = {status};
    enum exit_code code = EXIT_CODE_OK;
    AUTO_SESSION struct session *session = session_open(options, topics, 1, board_take, &list.board, err);
    if (session == NULL || !session_sync(session, err))
        code = exit_code_of(err);
    else
        code = show(&list, session, err);
    table_free(&list.table);
    board_free(&list.board);
    return code;
}

/* How davit get shows what there is: tables, and -o. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/get.h"
#include "cli/jsonpath.h"
#include "cli/text.h"

#define LABELS_BYTES 8192

static bool column_read(struct get *get, const char *text, struct error *err)
{
    const char *colon = strchr(text, ':');
    struct get_column *column = &get->columns[get->column_count];
    if (get->column_count == TABLE_COLUMNS)
        return error_set(err, ERROR_LIMIT, "custom-columns has at most %d", TABLE_COLUMNS);
    if (colon == NULL || colon == text || colon[1] == '\0')
        return error_set(err, ERROR_INVALID, "custom-columns \"%.80s\": HEADING:PATH, as NAME:.metadata.name", text);
    get->column_count++;
    column->heading = mem_strndup(text, (size_t)(colon - text));
    column->path = jsonpath_of_path(colon + 1);
    return jsonpath_check(column->path, err);
}

static bool columns_read(struct get *get, const char *at, struct error *err)
{
    do {
        AUTO_FREE char *part = mem_strndup(at, strcspn(at, ","));
        at += strlen(part);
        if (!column_read(get, part, err))
            return false;
    } while (*at++ == ',');
    return true;
}

/* Headings are kubectl's: what is behind the slash, in capitals. */
static void label_add(struct get *get, const char *key, size_t len)
{
    struct get_column *column = &get->labels_shown[get->label_count++];
    column->path = mem_strndup(key, len);
    const char *slash = strrchr(column->path, '/');
    column->heading = mem_strdup(slash != NULL ? slash + 1 : column->path);
    for (char *at = column->heading; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
}

/* -L a,b */
static bool labels_read(struct get *get, struct error *err)
{
    const char *at = get->options->label_columns;
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ",");
        if (get->label_count == GET_LABELS)
            return error_set(err, ERROR_LIMIT, "-L has at most %d labels", GET_LABELS);
        if (len > 0)
            label_add(get, at, len);
        at += len + (at[len] == ',' ? 1 : 0);
    }
    return true;
}

static bool format_read(struct get *get, struct error *err)
{
    static const char jsonpath[] = "jsonpath=", columns[] = "custom-columns=";
    const char *text = get->options->output;
    if (text != NULL && strncmp(text, jsonpath, sizeof(jsonpath) - 1) == 0) {
        get->output = OUTPUT_JSONPATH;
        get->template = mem_strdup(text + sizeof(jsonpath) - 1);
        return jsonpath_check(get->template, err);
    }
    if (text != NULL && strncmp(text, columns, sizeof(columns) - 1) == 0) {
        get->output = OUTPUT_COLUMNS;
        return columns_read(get, text + sizeof(columns) - 1, err);
    }
    return output_parse(get->options, &get->output, err) ||
           error_set(err, ERROR_INVALID, "no output format \"%.80s\": wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=SPEC",
                     text);
}

bool get_read_output(struct get *get, struct error *err)
{
    return labels_read(get, err) && format_read(get, err);
}

bool get_is_table(const struct get *get)
{
    return get->output == OUTPUT_TABLE || get->output == OUTPUT_WIDE;
}

/* ---- tables of kinds */

static void add_headings(struct get_type *type, enum column_place place)
{
    for (const struct column *column = type->columns; column->heading != NULL; column++)
        if (column->place == place)
            table_column(&type->table, column->heading);
}

void get_table_start(struct get *get, struct get_type *type)
{
    bool is_wide = get->output == OUTPUT_WIDE;
    table_init(&type->table);
    table_for_terminal(&type->table);
    if (type->resource != NULL && get->options->all_namespaces)
        table_column(&type->table, "NAMESPACE");
    table_column(&type->table, "NAME");
    add_headings(type, COLUMN_ALWAYS);
    if (is_wide)
        add_headings(type, COLUMN_WIDE);
    if (type->with_node)
        table_column(&type->table, "NODE");
    if (is_wide)
        add_headings(type, COLUMN_LAST);
    for (size_t i = 0; i < get->label_count; i++)
        table_column(&type->table, get->labels_shown[i].heading);
    if (get->options->show_labels)
        table_column(&type->table, "LABELS");
    if (get->options->no_headers)
        table_no_heading(&type->table);
}

/* A row on its way: what is shown of it, and what of that is more than time going by. */
struct row {
    char texts[TABLE_COLUMNS][CELL_BYTES];
    const char *cells[TABLE_COLUMNS];
    size_t count;
    struct strbuf lasting;
};

static void add_cells(struct get *get, const struct get_type *type, const struct entry *entry, enum column_place place,
                      struct row *row)
{
    enum fleet_reach reach = board_reach(&get->board, entry->node);
    for (const struct column *column = type->columns; column->heading != NULL; column++) {
        char *text = row->texts[row->count];
        if (column->place != place)
            continue;
        if (!get_is_listed(entry) && (strcmp(column->heading, "STATUS") == 0 || strcmp(column->heading, "TYPE") == 0))
            (void)snprintf(text, CELL_BYTES, "Deleted");
        else
            column->cell(entry, reach, text);
        if (!column->passes)
            strbuf_printf(&row->lasting, "%s ", text);
        row->cells[row->count++] = text;
    }
}

/* Among several kinds with its kind before it. */
static void add_name(const struct get *get, const struct get_type *type, const struct entry *entry, struct row *row)
{
    const char *name = entry->is_object ? entry->id.name : entry->node;
    const char *word = type->resource != NULL ? type->resource->singular : "node";
    if (entry->is_object && get->options->all_namespaces)
        row->cells[row->count++] = entry->id.namespace;
    bool is_told = get->type_count > 1 &&
                   snprintf(row->texts[row->count], CELL_BYTES, "%.40s/%.200s", word, name) < CELL_BYTES;
    row->cells[row->count] = is_told ? row->texts[row->count] : name;
    row->count++;
}

/* The caller frees. */
static char *labels_of(const struct entry *entry)
{
    AUTO_STRBUF struct strbuf line;
    strbuf_init(&line, LABELS_BYTES);
    JSON_EACH(label, json_get(json_get(entry->status, "metadata"), "labels"))
        strbuf_printf(&line, "%s%s=%s", line.len > 0 ? "," : "", json_key(label), json_text(label) != NULL ? json_text(label) : "");
    return line.len > 0 ? strbuf_steal(&line) : mem_strdup("<none>");
}

static void add_labels(const struct get *get, const struct entry *entry, struct row *row)
{
    const struct json *labels = json_get(json_get(entry->status, "metadata"), "labels");
    for (size_t i = 0; i < get->label_count; i++) {
        const char *value = json_get_text(labels, get->labels_shown[i].path);
        row->cells[row->count++] = value != NULL ? value : "";
        strbuf_printf(&row->lasting, "%s ", value != NULL ? value : "");
    }
}

bool get_row_add(struct get *get, struct get_type *type, struct entry *entry)
{
    struct row row = {.count = 0};
    bool is_wide = get->output == OUTPUT_WIDE;
    strbuf_init(&row.lasting, TABLE_COLUMNS * CELL_BYTES);
    add_name(get, type, entry, &row);
    add_cells(get, type, entry, COLUMN_ALWAYS, &row);
    if (is_wide)
        add_cells(get, type, entry, COLUMN_WIDE, &row);
    if (type->with_node)
        row.cells[row.count++] = entry->node;
    if (is_wide)
        add_cells(get, type, entry, COLUMN_LAST, &row);
    add_labels(get, entry, &row);
    AUTO_FREE char *labels = get->options->show_labels ? labels_of(entry) : NULL;
    if (labels != NULL) {
        row.cells[row.count++] = labels;
        strbuf_add(&row.lasting, labels);
    }
    char *shown = strbuf_steal(&row.lasting);
    bool is_new = entry->shown == NULL || strcmp(entry->shown, shown) != 0;
    free(entry->shown);
    entry->shown = shown;
    if (is_new)
        table_row(&type->table, row.cells);
    return is_new;
}

/* ---- objects */

static void row_of_columns(const struct get *get, const struct json *object, struct table *table)
{
    char *cells[TABLE_COLUMNS] = {NULL};
    for (size_t i = 0; i < get->column_count; i++)
        cells[i] = jsonpath_fill(get->columns[i].path, object, ",");
    table_row(table, (const char *const *)cells);
    for (size_t i = 0; i < get->column_count; i++)
        free(cells[i]);
}

static void print_columns(const struct get *get, const struct json *objects, bool with_headings)
{
    AUTO_TABLE struct table table;
    table_init(&table);
    for (size_t i = 0; i < get->column_count; i++)
        table_column(&table, get->columns[i].heading);
    if (!with_headings || get->options->no_headers)
        table_no_heading(&table);
    JSON_EACH(object, objects)
        row_of_columns(get, object, &table);
    table_print(&table);
}

static void print_template(const struct get *get, const struct json *json)
{
    AUTO_FREE char *text = jsonpath_fill(get->template, json, " ");
    (void)fputs(isatty(STDOUT_FILENO) ? text_clean_lines(text) : text, stdout);
    (void)fflush(stdout);
}

void get_print_objects(const struct get *get, const struct json *objects, bool single)
{
    if (get->output == OUTPUT_COLUMNS) {
        print_columns(get, objects, true);
    } else if (get->output != OUTPUT_JSONPATH) {
        output_objects(get->output, objects, single);
    } else if (single && json_size(objects) == 1) {
        print_template(get, json_first(objects));
    } else {
        AUTO_JSON struct json *list = json_new_texts("apiVersion", "v1", "kind", "List", NULL);
        json_set(list, "items", json_copy(objects));
        print_template(get, list);
    }
}

void get_print_change(struct get *get, struct get_type *type, struct entry *entry)
{
    if (get_is_table(get)) {
        if (get_row_add(get, type, entry))
            table_print(&type->table);
        return;
    }
    AUTO_JSON struct json *object = get_object(get, entry);
    char *shown = json_print(object);
    bool is_new = get_is_listed(entry) && (entry->shown == NULL || strcmp(entry->shown, shown) != 0);
    free(entry->shown);
    entry->shown = shown;
    if (!is_new)
        return;
    AUTO_JSON struct json *list = json_new_array();
    if (get->output == OUTPUT_COLUMNS || get->output == OUTPUT_JSONPATH) {
        json_add(list, mem_steal(&object));
        if (get->output == OUTPUT_COLUMNS)
            print_columns(get, list, false);
        else
            print_template(get, json_first(list));
    } else {
        output_change(get->output, object);
    }
}

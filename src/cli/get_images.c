/* davit get images: what the statuses of nodes list, the largest of each. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/board.h"
#include "cli/fleet.h"
#include "cli/get.h"
#include "cli/image_view.h"
#include "cli/table.h"
#include "protocol/topic.h"

static bool is_meant(const struct options *options, const struct json *query, const struct entry *entry)
{
    if (entry->is_object || entry->status == NULL)
        return false;
    if (options->node != NULL && strcmp(options->node, entry->node) != 0)
        return false;
    return fleet_names_fit(options, entry->node) && fleet_status_fits(options, query, entry->status);
}

/* An object of its own kind, for -o json, yaml and name. */
static void add_object(const struct entry *entry, const struct json *image, struct json *objects)
{
    struct json *object = json_copy(image);
    json_set_text(object, "kind", "Image");
    struct json *metadata = json_set_object(object, "metadata");
    JSON_EACH(name, json_get(image, "names")) {
        json_set_text(metadata, "name", json_text(name));
        break;
    }
    json_set_text(object, "nodeName", entry->node);
    json_add(objects, object);
}

static void add_row(const struct entry *entry, const struct json *image, struct table *table)
{
    char size[IMAGE_SIZE_BYTES];
    JSON_EACH(name, json_get(image, "names")) {
        const char *const cells[] = {json_text(name), image_size_text(json_get_integer(image, "sizeBytes", -1), size), entry->node};
        table_row(table, cells);
    }
}

static void print_images(const struct options *options, enum output output, const struct json *query, const struct board *board)
{
    AUTO_TABLE struct table table;
    AUTO_JSON struct json *objects = json_new_array();
    table_init(&table);
    table_column(&table, "IMAGE");
    table_column(&table, "SIZE");
    table_column(&table, "NODE");
    for (const struct entry *entry = board->entries; entry != NULL; entry = entry->hh.next) {
        if (!is_meant(options, query, entry))
            continue;
        JSON_EACH(image, json_get(json_get(entry->status, "status"), "images")) {
            add_object(entry, image, objects);
            add_row(entry, image, &table);
        }
    }
    if (output != OUTPUT_TABLE && output != OUTPUT_WIDE)
        output_objects(output, objects, false);
    else if (json_size(objects) == 0)
        (void)fputs("No images found.\n", stderr);
    else
        table_print(&table);
}

enum exit_code get_images(const struct options *options, struct error *err)
{
    enum output output;
    AUTO_JSON struct json *query = NULL;
    if (options->device != NULL || (options->control_set && !options->broker_set && options->node == NULL))
        return image_list(options, err);
    if (options->word_count > 1)
        return usage_error(err, "get images takes no names: it lists all");
    if (!output_parse(options, &output, err) || !fleet_query(options, &query, err))
        return EXIT_CODE_USAGE;
    AUTO_BOARD struct board board = {.root = options->root};
    AUTO_FREE char *topic = topic_node(options->root, options->node != NULL ? options->node : "+", "status", NULL);
    const char *const topics[] = {topic};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, board_take, &board, err);
    if (session == NULL || !session_sync(session, err))
        return exit_code_of(err);
    board_sort(&board);
    print_images(options, output, query, &board);
    return EXIT_CODE_OK;
}

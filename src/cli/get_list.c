/* davit get: everything over one session; then what changes, if it is asked for. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/get.h"
#include "cli/jsonpath.h"
#include "protocol/topic.h"

/* ---- what there is, sorted */

struct listed {
    struct entry *entry;
    char *key; /* of --sort-by; NULL: none */
};

struct listing {
    struct listed *list;
    size_t count;
};

static int by_key(const void *a, const void *b)
{
    const struct listed *one = a, *other = b;
    char *one_end = NULL, *other_end = NULL;
    double number = strtod(one->key, &one_end), other_number = strtod(other->key, &other_end);
    bool numbers = *one->key != '\0' && *other->key != '\0' && *one_end == '\0' && *other_end == '\0';
    int order = numbers ? (number > other_number) - (number < other_number) : strcmp(one->key, other->key);
    if (order != 0)
        return order;
    order = object_id_compare(&one->entry->id, &other->entry->id);
    return order != 0 ? order : strcmp(one->entry->node, other->entry->node);
}

/* The board is sorted by name. */
static struct listing listing_of(struct get *get, struct get_type *type)
{
    struct listing listing = {.list = mem_array(HASH_COUNT(get->board.entries) + 1, sizeof(*listing.list))};
    for (struct entry *entry = get->board.entries; entry != NULL; entry = entry->hh.next) {
        if (!get_is_listed(entry) || get_type_of(get, entry) != type || !get_fits(get, type, entry))
            continue;
        struct listed *listed = &listing.list[listing.count++];
        listed->entry = entry;
        if (get->sort_path == NULL)
            continue;
        AUTO_JSON struct json *object = get_object(get, entry);
        listed->key = jsonpath_fill(get->sort_path, object, " ");
    }
    if (get->sort_path != NULL && listing.count > 0)
        qsort(listing.list, listing.count, sizeof(*listing.list), by_key);
    return listing;
}

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->list[i].key);
    free(listing->list);
}

/* ---- */

static void none_found(const struct get *get, const struct get_type *type)
{
    const struct options *options = get->options;
    AUTO_FREE char *asked = fleet_asked(options);
    const char *with = fleet_is_meant(options) ? " with" : "";
    if (type->resource == NULL)
        (void)fprintf(stderr, "No nodes found below %s at %s%s%s.\n", options->root, options->broker, with, asked);
    else if (options->all_namespaces)
        (void)fprintf(stderr, "No %s found%s%s.\n", type->resource->plural, with, asked);
    else
        (void)fprintf(stderr, "No %s found in namespace \"%s\"%s%s.\n", type->resource->plural, options->ns, with, asked);
}

/* The first name that nothing was found of. */
static bool names_found(const struct get *get, const struct get_type *type, const struct listing *listing, struct error *err)
{
    const struct options *options = get->options;
    AUTO_FREE char *asked = fleet_asked(options);
    for (size_t i = 0; !options->ignore_missing && i < type->name_count; i++) {
        bool found = false;
        for (size_t j = 0; !found && j < listing->count; j++) {
            const struct entry *entry = listing->list[j].entry;
            found = strcmp(type->names[i], entry->is_object ? entry->id.name : entry->node) == 0;
        }
        if (found)
            continue;
        if (type->resource == NULL)
            return error_set(err, ERROR_NOT_FOUND, "nodes \"%s\" not found: no node of this name was ever seen at %s. `davit get nodes` lists them", type->names[i],
                             options->broker);
        AUTO_FREE char *where = options->all_namespaces ? mem_strdup("") : mem_printf(" in namespace \"%s\"", options->ns);
        return error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found%s%s", type->resource->plural, type->names[i], where, asked);
    }
    return true;
}

static void choose_columns(struct get *get, struct get_type *type, const struct listing *listing)
{
    const struct options *options = get->options;
    type->with_node = get->output == OUTPUT_WIDE || (options->watch && options->node == NULL);
    for (size_t i = 1; i < listing->count; i++)
        type->with_node = type->with_node || strcmp(listing->list[i].entry->node, listing->list[0].entry->node) != 0;
    type->with_node = type->with_node && type->resource != NULL;
}

/* As a table, or into `objects`. */
static void show_type(struct get *get, struct get_type *type, const struct listing *listing, bool is_first, struct json *objects)
{
    choose_columns(get, type, listing);
    get_table_start(get, type);
    for (size_t i = 0; i < listing->count; i++) {
        struct entry *entry = listing->list[i].entry;
        if (get_is_table(get))
            (void)get_row_add(get, type, entry);
        else if (get->options->watch)
            get_print_change(get, type, entry);
        else
            json_add(objects, get_object(get, entry));
    }
    if (type->table.rows == 0)
        return;
    if (!is_first)
        (void)putchar('\n');
    table_print(&type->table);
}

static bool is_single(const struct get *get)
{
    return get->type_count == 1 && get->types[0].name_count == 1;
}

/* No document at all, where one was asked for that is not there. */
static bool is_silent(const struct get *get, size_t count, const struct error *err)
{
    return count == 0 && (err->code != ERROR_NONE || (get->options->ignore_missing && is_single(get)));
}

/* The error is of the first name that is missing; what there is is shown all the same. */
static void show_all(struct get *get, struct error *err)
{
    AUTO_JSON struct json *objects = json_new_array();
    size_t count = 0;
    board_sort(&get->board);
    for (size_t i = 0; i < get->type_count; i++) {
        struct get_type *type = &get->types[i];
        struct error missing = {0};
        struct listing listing = listing_of(get, type);
        show_type(get, type, &listing, count == 0, objects);
        count += listing.count;
        if (!names_found(get, type, &listing, &missing) && err->code == ERROR_NONE)
            *err = missing;
        if (listing.count == 0 && type->name_count == 0 && !get->is_all)
            none_found(get, type);
        listing_free(&listing);
    }
    if (get->is_all && count == 0)
        (void)fprintf(stderr, "No resources found.\n");
    if (!get_is_table(get) && !get->options->watch && !is_silent(get, count, err))
        get_print_objects(get, objects, is_single(get));
}

/* ---- changes */

static void show_change(struct get *get, struct entry *entry)
{
    struct get_type *type = get_type_of(get, entry);
    bool was_shown = entry->shown != NULL;
    if (type == NULL || !(get_is_listed(entry) ? get_fits(get, type, entry) : was_shown))
        return;
    get_print_change(get, type, entry);
}

static void on_change(void *ctx, struct entry *entry)
{
    struct get *get = ctx;
    struct entry *other;
    struct entry *next;
    if (!get->is_synced)
        return;
    if (entry != NULL)
        show_change(get, entry);
    if (entry != NULL && entry->is_object)
        return;
    HASH_ITER(hh, get->board.entries, other, next) /* what is said of a node, or a site, is of all on it */
        if (other != entry && get_is_listed(other) && (entry == NULL || strcmp(other->node, entry->node) == 0))
            show_change(get, other);
}

/* ---- the session */

/* What is printed whole has the document beside the status. */
static bool shows_documents(const struct get *get)
{
    return get->output == OUTPUT_JSON || get->output == OUTPUT_YAML || get->output == OUTPUT_JSONPATH || get->output == OUTPUT_COLUMNS;
}

static void add_topics(const struct get *get, const struct get_type *type, char **topics, size_t *count)
{
    const struct options *options = get->options;
    const char *node = options->node != NULL ? options->node : "+";
    struct object_id id = {.namespace = "+", .name = "+"};
    if (type->resource == NULL) {
        topics[(*count)++] = topic_node(options->root, node, "state", NULL);
        return;
    }
    (void)snprintf(id.resource, sizeof(id.resource), "%s", type->resource->plural);
    if (!options->all_namespaces)
        (void)snprintf(id.namespace, sizeof(id.namespace), "%s", options->ns);
    if (type->name_count == 1)
        (void)snprintf(id.name, sizeof(id.name), "%s", type->names[0]);
    topics[(*count)++] = topic_node(options->root, node, "state", &id);
    topics[(*count)++] = topic_node(options->root, node, "status", &id);
    if (!shows_documents(get))
        return;
    AUTO_FREE char *own = topic_node(options->root, node, "desired", &id);
    AUTO_FREE char *groups = topic_desired(options->root, NULL, "+", &id);
    topics[(*count)++] = mem_printf("?%s", own); /* who only looks may have no right to them */
    topics[(*count)++] = mem_printf("?%s", groups);
}

static size_t topics_of(const struct get *get, char **topics)
{
    const struct options *options = get->options;
    const char *node = options->node != NULL ? options->node : "+";
    bool needs_nodes = fleet_needs_status(options), needs_bundles = false;
    size_t count = 0;
    topics[count++] = topic_node(options->root, node, "presence", NULL);
    topics[count++] = mem_printf("?%s/sites/+/presence", options->root);
    for (size_t i = 0; i < get->type_count; i++) {
        add_topics(get, &get->types[i], topics, &count);
        needs_nodes = needs_nodes || (get->types[i].resource == NULL && get_needs_objects(get));
        needs_bundles = needs_bundles || (get->types[i].resource != NULL && shows_documents(get));
    }
    if (needs_nodes)
        topics[count++] = topic_node(options->root, node, "status", NULL);
    AUTO_FREE char *bundle = topic_node(options->root, node, "desired", NULL);
    if (needs_bundles)
        topics[count++] = mem_printf("?%s", bundle);
    return count;
}

void get_forget_place(const struct get *get, struct options *options)
{
    if (get->type_count == 1 && get->types[0].resource == NULL && !options->node_given)
        options->node = NULL;
}

struct session *get_open(struct get *get, void (*change)(void *ctx, struct entry *entry), void *ctx, struct error *err)
{
    char *topics[4 * GET_TYPES + 4];
    size_t count = topics_of(get, topics);
    get->board = (struct board){.root = get->options->root, .on_change = change, .ctx = ctx};
    get->board.own_source = get->options->by_control ? "manifests" : "node";
    AUTO_SESSION struct session *session =
        session_open(get->options, (const char *const *)topics, count, board_take, &get->board, err);
    for (size_t i = 0; i < count; i++)
        free(topics[i]);
    return session != NULL && session_sync(session, err) ? mem_steal(&session) : NULL;
}

enum exit_code get_run(struct get *get, struct error *err)
{
    AUTO_SESSION struct session *session = get_open(get, on_change, get, err);
    if (session == NULL)
        return exit_code_of(err);
    show_all(get, err);
    get->is_synced = true;
    if (get->options->watch && err->code == ERROR_NONE)
        (void)session_watch(session, err);
    return exit_code_of(err);
}

void get_free(struct get *get)
{
    for (size_t i = 0; i < get->type_count; i++)
        table_free(&get->types[i].table);
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        free(get->columns[i].heading);
        free(get->columns[i].path);
        free(get->fields[i].path);
        free(get->fields[i].value);
    }
    for (size_t i = 0; i < get->label_count; i++) {
        free(get->labels_shown[i].heading);
        free(get->labels_shown[i].path);
    }
    free(get->template);
    free(get->sort_path);
    json_free(get->labels);
    json_free(get->node_labels);
    board_free(&get->board);
}

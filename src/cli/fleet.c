#include "config.h"

#include "cli/fleet.h"

#include <fnmatch.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/address.h"
#include "cli/board.h"
#include "cli/label_query.h"
#include "protocol/topic.h"

#define ASKED_BYTES 400 /* of what was asked for, in a message */

struct search {
    const struct options *options;
    struct json *query; /* of labels; NULL: none */
    struct board board;
};

bool fleet_is_meant(const struct options *options)
{
    return options->nodes.count > 0 || options->node_selector != NULL || options->group != NULL;
}

bool fleet_names_fit(const struct options *options, const char *node)
{
    bool fits = options->nodes.count == 0;
    for (size_t i = 0; !fits && i < options->nodes.count; i++)
        fits = fnmatch(options->nodes.list[i], node, 0) == 0;
    return fits && (options->node == NULL || strcmp(options->node, node) == 0);
}

bool fleet_is_in_group(const struct json *status, const char *group)
{
    JSON_EACH(name, json_get(json_get(status, "status"), "groups"))
        if (json_text(name) != NULL && strcmp(json_text(name), group) == 0)
            return true;
    return strcmp(group, "all") == 0;
}

bool fleet_needs_status(const struct options *options)
{
    return options->node_selector != NULL || options->group != NULL;
}

bool fleet_status_fits(const struct options *options, const struct json *query, const struct json *status)
{
    return (query == NULL || label_query_fits(query, json_get(json_get(status, "metadata"), "labels"))) &&
           (options->group == NULL || fleet_is_in_group(status, options->group));
}

/* What does not fit goes at once: a fleet's statuses are many. */
static void on_change(void *ctx, struct entry *entry)
{
    const struct search *search = ctx;
    if (entry == NULL || entry->status == NULL ||
        (fleet_names_fit(search->options, entry->node) && fleet_status_fits(search->options, search->query, entry->status)))
        return;
    json_free(entry->status);
    entry->status = NULL;
}

static void take_found(struct search *search, struct fleet *fleet)
{
    board_sort(&search->board);
    fleet->nodes = mem_array(HASH_COUNT(search->board.entries) + 1, sizeof(*fleet->nodes));
    for (struct entry *entry = search->board.entries; entry != NULL; entry = entry->hh.next) {
        if (entry->presence == NULL || !fleet_names_fit(search->options, entry->node) ||
            (fleet_needs_status(search->options) && entry->status == NULL))
            continue;
        fleet->nodes[fleet->count++] = (struct fleet_node){.name = mem_strdup(entry->node),
                                                           .reach = sites_reach(search->board.sites, entry->presence),
                                                           .status = mem_steal(&entry->status)};
    }
}

char *fleet_asked(const struct options *options)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, ASKED_BYTES);
    for (size_t i = 0; i < options->nodes.count; i++)
        strbuf_printf(&text, " --nodes %s", options->nodes.list[i]);
    if (options->group != NULL)
        strbuf_printf(&text, " --group %s", options->group);
    if (options->node_selector != NULL)
        strbuf_printf(&text, " --node-selector %s", options->node_selector);
    if (options->node != NULL)
        strbuf_printf(&text, " on node %s", options->node);
    return strbuf_steal(&text);
}

static bool look(struct search *search, struct fleet *fleet, struct error *err)
{
    const struct options *options = search->options;
    AUTO_FREE char *presence = topic_node(options->root, "+", "presence", NULL);
    AUTO_FREE char *sites = mem_printf("?%s/sites/+/presence", options->root);
    AUTO_FREE char *status = topic_node(options->root, "+", "status", NULL);
    const char *topics[] = {presence, sites, status};
    AUTO_SESSION struct session *session =
        session_open(options, topics, fleet_needs_status(options) ? 3 : 2, board_take, &search->board, err);
    if (session == NULL || !session_sync(session, err))
        return false;
    take_found(search, fleet);
    AUTO_FREE char *asked = fleet_asked(options);
    return fleet->count > 0 || error_set(err, ERROR_NOT_FOUND, "no node at %s fits%s. `davit get nodes` lists them.",
                                         options->broker, asked);
}

bool fleet_query(const struct options *options, struct json **query, struct error *err)
{
    *query = NULL;
    if (options->node_selector == NULL)
        return true;
    *query = label_query_parse(options->node_selector, err);
    return *query != NULL;
}

bool fleet_find(const struct options *options, struct fleet *fleet, struct error *err)
{
    struct search search = {.options = options};
    AUTO_JSON struct json *query = NULL;
    *fleet = (struct fleet){0};
    if (!address_check(options, err) || !fleet_query(options, &query, err))
        return false;
    search.query = query;
    search.board = (struct board){.root = options->root, .on_change = on_change, .ctx = &search};
    bool found = look(&search, fleet, err);
    board_free(&search.board);
    return found;
}

static int node_order(const void *name, const void *node)
{
    return strcmp(name, ((const struct fleet_node *)node)->name);
}

const struct fleet_node *fleet_named(const struct fleet *fleet, const char *name)
{
    return fleet->count > 0 ? bsearch(name, fleet->nodes, fleet->count, sizeof(*fleet->nodes), node_order) : NULL;
}

void fleet_free(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        free(fleet->nodes[i].name);
        json_free(fleet->nodes[i].status);
    }
    free(fleet->nodes);
    *fleet = (struct fleet){0};
}

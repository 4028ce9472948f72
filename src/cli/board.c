#include "config.h"

#include "cli/board.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"
#include "protocol/topic.h"

static char *key_of(const char *owner, const struct object_id *id)
{
    return id == NULL ? mem_strdup(owner) : mem_printf("%s/%s/%s/%s", owner, id->namespace, id->resource, id->name);
}

static struct entry *entry_of(struct board *board, const char *node, const struct object_id *id)
{
    AUTO_FREE char *key = key_of(node, id);
    struct entry *entry = NULL;
    HASH_FIND_STR(board->entries, key, entry);
    if (entry != NULL)
        return entry;
    entry = mem_alloc(sizeof(*entry));
    entry->key = mem_steal(&key);
    (void)snprintf(entry->node, sizeof(entry->node), "%s", node);
    entry->is_object = id != NULL;
    if (id != NULL)
        entry->id = *id;
    HASH_ADD_KEYPTR(hh, board->entries, entry->key, strlen(entry->key), entry);
    return entry;
}

static struct json **slot_of(struct entry *entry, const char *word)
{
    if (strcmp(word, "state") == 0)
        return &entry->state;
    if (strcmp(word, "status") == 0)
        return &entry->status;
    if (strcmp(word, "metrics") == 0)
        return &entry->metrics;
    if (strcmp(word, "desired") == 0)
        return &entry->desired;
    if (strcmp(word, "presence") == 0 && !entry->is_object)
        return &entry->presence;
    return NULL;
}

/* Whose document it is. Of a group it is "group/line-3", which is no node's name. */
static bool read_topic(const struct board *board, const char *text, char node[BOARD_OWNER_BYTES], char word[LIMIT_LABEL_BYTES + 1],
                       struct object_id *id, bool *has_id)
{
    struct topic topic;
    struct error ignored = {0};
    if (topic_node_parse(board->root, text, node, word, id, has_id))
        return true;
    if (!topic_parse(board->root, "", text, &topic, &ignored) || topic.kind != TOPIC_DESIRED_OBJECT || topic.group[0] == '\0')
        return false;
    (void)snprintf(node, BOARD_OWNER_BYTES, "group/%s", topic.group);
    (void)snprintf(word, LIMIT_LABEL_BYTES + 1, "desired");
    *id = topic.id;
    *has_id = true;
    return true;
}

void board_take(void *ctx, const struct session_message *message)
{
    struct board *board = ctx;
    char node[BOARD_OWNER_BYTES];
    char word[LIMIT_LABEL_BYTES + 1];
    struct object_id id;
    bool has_id = false, changed;
    if (sites_take(&board->sites, board->root, message, &changed)) {
        if (changed && board->on_change != NULL)
            board->on_change(board->ctx, NULL);
        return;
    }
    if (!read_topic(board, message->topic, node, word, &id, &has_id))
        return;
    struct error err = {0};
    struct json *content = message->len > 0 ? json_parse(message->payload, message->len, &err) : NULL;
    if (err.code != ERROR_NONE)
        (void)fprintf(stderr, "davit: %s: left out, it is no JSON: %s\n", message->topic, err.message);
    struct entry *entry = entry_of(board, node, has_id ? &id : NULL);
    struct json **slot = slot_of(entry, word);
    if (slot == NULL) {
        json_free(content);
        return;
    }
    json_free(*slot);
    *slot = content;
    if (board->on_change != NULL)
        board->on_change(board->ctx, entry);
}

static int entry_order(const struct entry *a, const struct entry *b)
{
    int order = object_id_compare(&a->id, &b->id);
    return order != 0 ? order : strcmp(a->node, b->node);
}

void board_sort(struct board *board)
{
    HASH_SORT(board->entries, entry_order);
}

static const struct json *document_of(const struct board *board, const char *owner, const struct object_id *id)
{
    AUTO_FREE char *key = key_of(owner, id);
    struct entry *entry = NULL;
    HASH_FIND_STR(board->entries, key, entry);
    return entry != NULL ? entry->desired : NULL;
}

static const struct json *item_of(const struct json *bundle, const struct object_id *id)
{
    const struct resource *resource = resource_by_plural(id->resource);
    JSON_EACH(item, json_get(bundle, "items")) {
        const struct json *metadata = json_get(item, "metadata");
        const char *kind = json_get_text(item, "kind"), *name = json_get_text(metadata, "name");
        const char *ns = json_get_text(metadata, "namespace");
        if (kind != NULL && name != NULL && resource != NULL && strcmp(kind, resource->kind) == 0 && strcmp(name, id->name) == 0 &&
            strcmp(ns != NULL ? ns : "default", id->namespace) == 0)
            return item;
    }
    return NULL;
}

const struct json *board_document(const struct board *board, const struct entry *entry)
{
    const char *source = json_get_text(json_get(entry->status, "status"), "source");
    const struct entry *node = board_node(board, entry->node);
    if (source == NULL)
        return NULL;
    if (board->own_source != NULL && strcmp(source, board->own_source) == 0)
        return entry->desired;
    if (strcmp(source, "bundle") == 0)
        return node != NULL ? item_of(node->desired, &entry->id) : NULL;
    return document_of(board, strcmp(source, "all") == 0 ? "group/all" : source, &entry->id);
}

const struct entry *board_node(const struct board *board, const char *node)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(board->entries, node, entry);
    return entry;
}

enum fleet_reach board_reach(const struct board *board, const char *node)
{
    const struct entry *entry = board_node(board, node);
    return sites_reach(board->sites, entry != NULL ? entry->presence : NULL);
}

bool entry_is_there(const struct entry *entry)
{
    return entry->presence != NULL || entry->state != NULL || entry->status != NULL;
}

void board_free(struct board *board)
{
    struct entry *entry;
    struct entry *next;
    HASH_ITER(hh, board->entries, entry, next) {
        HASH_DEL(board->entries, entry);
        json_free(entry->presence);
        json_free(entry->state);
        json_free(entry->status);
        json_free(entry->metrics);
        json_free(entry->desired);
        free(entry->shown);
        free(entry->key);
        free(entry);
    }
    sites_free(&board->sites);
}

#include "config.h"

#include "cli/board.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/topic.h"

static struct entry *entry_of(struct board *board, const char *node, const struct object_id *id)
{
    AUTO_FREE char *key = id == NULL ? mem_strdup(node)
                                     : mem_printf("%s/%s/%s/%s", node, id->namespace, id->resource, id->name);
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
    if (strcmp(word, "presence") == 0 && !entry->is_object)
        return &entry->presence;
    return NULL;
}

void board_take(void *ctx, const struct session_message *message)
{
    struct board *board = ctx;
    char node[LIMIT_NAME_BYTES + 1];
    char word[LIMIT_LABEL_BYTES + 1];
    struct object_id id;
    bool has_id = false, changed;
    if (sites_take(&board->sites, board->root, message, &changed)) {
        if (changed && board->on_change != NULL)
            board->on_change(board->ctx, NULL);
        return;
    }
    if (!topic_node_parse(board->root, message->topic, node, word, &id, &has_id))
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

bool board_node_is_online(const struct board *board, const char *node)
{
    return board_reach(board, node) == FLEET_ONLINE;
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
        free(entry->shown);
        free(entry->key);
        free(entry);
    }
    sites_free(&board->sites);
}

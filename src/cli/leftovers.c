#include "config.h"

#include "cli/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/fleet.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/target.h"
#include "protocol/desired_node.h"
#include "protocol/discovery.h"
#include "protocol/topic.h"

/* A topic in its parts. */
struct parts {
    bool of_group;
    char name[LIMIT_NAME_BYTES + 1];
    char word[LIMIT_LABEL_BYTES + 1];
    char object[3 * LIMIT_NAME_BYTES]; /* NS/RES/NAME; "" */
};

static bool parts_of(const struct leftovers *leftovers, const char *topic, struct parts *parts)
{
    size_t len = strlen(leftovers->root);
    char kind[8] = "";
    *parts = (struct parts){0};
    if (strncmp(topic, leftovers->root, len) != 0 || topic[len] != '/' ||
        sscanf(topic + len + 1, "%7[^/]/%253[^/]/%63[^/]/%758[^\n]", kind, parts->name, parts->word, parts->object) < 3)
        return false;
    parts->of_group = strcmp(kind, "groups") == 0;
    return true;
}

static void keep(struct leftovers *leftovers, const char *topic, struct json *content_taken)
{
    struct kept *kept = mem_alloc(sizeof(*kept));
    kept->topic = mem_strdup(topic);
    kept->content = content_taken;
    HASH_ADD_KEYPTR(hh, leftovers->kept, kept->topic, strlen(kept->topic), kept);
}

void leftovers_take(void *ctx, const struct session_message *message)
{
    struct leftovers *leftovers = ctx;
    struct parts parts;
    struct error ignored = {0};
    if (message->len == 0 || !message->retained)
        return;
    bool ours = parts_of(leftovers, message->topic, &parts);
    bool is_read = !ours || strcmp(parts.word, "presence") == 0 || strcmp(parts.word, "desired") == 0 ||
                   (strcmp(parts.word, "status") == 0 && parts.object[0] == '\0');
    AUTO_JSON struct json *content = is_read ? json_parse(message->payload, message->len, &ignored) : NULL;
    const char *presence = ours ? NULL : discovery_presence(content);
    if (ours)
        keep(leftovers, message->topic, mem_steal(&content));
    else if (presence != NULL) /* what Home Assistant was told: whose presence it looks at */
        keep(leftovers, message->topic, json_new_text(presence));
}

static const struct kept *find(const struct leftovers *leftovers, const char *topic)
{
    struct kept *found = NULL;
    HASH_FIND(hh, leftovers->kept, topic, strlen(topic), found);
    return found;
}

static const struct json *presence_of(const struct leftovers *leftovers, const char *node)
{
    AUTO_FREE char *topic = topic_node(leftovers->root, node, "presence", NULL);
    const struct kept *kept = find(leftovers, topic);
    return kept != NULL ? kept->content : NULL;
}

/* Of a node: UINT64_MAX while it is online; 0: it never was. */
static uint64_t seen_ms(const struct leftovers *leftovers, const char *node)
{
    const struct json *presence = presence_of(leftovers, node);
    int64_t ts = json_get_integer(presence, "ts", 0);
    return json_get_boolean(presence, "online", false) ? UINT64_MAX : ts > 0 ? (uint64_t)ts : 0;
}

static void add_line(struct leftovers *leftovers, char *line_taken)
{
    json_add_text(leftovers->lines, line_taken);
    free(line_taken);
}

/* ---- nodes that are gone: what they said. What they are to run stays, for a device may come back. */

static void find_discoveries(struct leftovers *leftovers, uint64_t before_ms)
{
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        const char *presence = json_text(kept->content);
        struct parts parts;
        if (presence == NULL || !parts_of(leftovers, presence, &parts) || parts.of_group || strcmp(parts.word, "presence") != 0)
            continue;
        uint64_t seen = seen_ms(leftovers, parts.name);
        if (seen > 0 && seen < before_ms)
            json_add_text(leftovers->topics, kept->topic);
    }
}

static void find_nodes(struct leftovers *leftovers, uint64_t before_ms, uint64_t now_ms)
{
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        struct parts parts;
        char age[TABLE_AGE_BYTES];
        if (!parts_of(leftovers, kept->topic, &parts) || parts.of_group || strcmp(parts.word, "desired") == 0)
            continue;
        uint64_t seen = seen_ms(leftovers, parts.name);
        if (seen == 0 || seen >= before_ms)
            continue;
        json_add_text(leftovers->topics, kept->topic);
        if (strcmp(parts.word, "presence") == 0)
            add_line(leftovers, mem_printf("node %s: last seen %s ago; all that it said", parts.name, table_age(seen, now_ms, age)));
    }
}

/* ---- tombstones */

/* What its desired Node says, which it may not have seen yet. */
static bool is_to_be_in_group(const struct leftovers *leftovers, const char *node, const char *group)
{
    AUTO_FREE char *topic = topic_node(leftovers->root, node, "desired/node", NULL);
    const struct kept *kept = find(leftovers, topic);
    struct desired_node desired;
    bool is_named = false;
    if (kept != NULL && kept->content == NULL)
        return true; /* it is not readable: nobody knows */
    if (kept == NULL || target_is_tombstone(kept->content))
        return false;
    desired_node_take(kept->content, &desired);
    for (size_t i = 0; i < desired.groups.count; i++)
        is_named = is_named || strcmp(desired.groups.items[i], group) == 0;
    desired_node_free(&desired);
    return is_named;
}

/* As far as anybody knows: of a node without a status it may be any group. */
static bool is_in_group(const struct leftovers *leftovers, const char *node, const char *group)
{
    AUTO_FREE char *topic = topic_node(leftovers->root, node, "status", NULL);
    const struct kept *kept = find(leftovers, topic);
    return kept == NULL || fleet_is_in_group(kept->content, group) || is_to_be_in_group(leftovers, node, group);
}

/* It was there since, and says nothing of the object any more. */
static bool is_confirmed_by(const struct leftovers *leftovers, const char *node, const char *object, uint64_t deleted_ms)
{
    AUTO_FREE char *topic = mem_printf("%s/nodes/%s/status/%s", leftovers->root, node, object);
    return seen_ms(leftovers, node) > deleted_ms && find(leftovers, topic) == NULL;
}

/* The node's bundle has one of that name, of whatever kind: which the tombstone may keep from the node. */
static bool is_in_bundle(const struct leftovers *leftovers, const char *node, const char *object)
{
    AUTO_FREE char *topic = topic_node(leftovers->root, node, "desired", NULL);
    const struct kept *kept = find(leftovers, topic);
    const char *name = strrchr(object, '/') + 1;
    if (kept != NULL && kept->content == NULL)
        return true; /* it is not readable, and the node goes on with the one before */
    JSON_EACH(item, kept != NULL ? json_get(kept->content, "items") : NULL) {
        const char *has = json_get_text(json_get(item, "metadata"), "name");
        if (has != NULL && strcmp(has, name) == 0)
            return true;
    }
    return false;
}

/* Some group has a document for it, which the tombstone keeps from the node. */
static bool is_masking(const struct leftovers *leftovers, const char *object)
{
    JSON_EACH(group, leftovers->groups) {
        AUTO_FREE char *topic = mem_printf("%s/groups/%s/desired/%s", leftovers->root, json_key(group), object);
        const struct kept *kept = find(leftovers, topic);
        if (kept != NULL && !target_is_tombstone(kept->content))
            return true;
    }
    return false;
}

static bool is_confirmed_by_group(const struct leftovers *leftovers, const struct parts *tombstone, uint64_t deleted_ms)
{
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        struct parts parts;
        if (parts_of(leftovers, kept->topic, &parts) && strcmp(parts.word, "presence") == 0 &&
            is_in_group(leftovers, parts.name, tombstone->name) &&
            !is_confirmed_by(leftovers, parts.name, tombstone->object, deleted_ms))
            return false;
    }
    return true;
}

static void find_tombstones(struct leftovers *leftovers)
{
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        struct parts parts;
        if (!target_is_tombstone(kept->content) || !parts_of(leftovers, kept->topic, &parts) || strchr(parts.object, '/') == NULL)
            continue;
        uint64_t deleted_ms = status_time_ms(json_get_text(json_get(kept->content, "metadata"), "deletionTimestamp"));
        bool confirmed = parts.of_group ? is_confirmed_by_group(leftovers, &parts, deleted_ms)
                                        : is_confirmed_by(leftovers, parts.name, parts.object, deleted_ms) &&
                                              !is_in_bundle(leftovers, parts.name, parts.object);
        if (!confirmed || is_masking(leftovers, parts.object))
            continue;
        json_add_text(leftovers->topics, kept->topic);
        add_line(leftovers, mem_printf("%s %s: the deletion of %s was carried out", parts.of_group ? "group" : "node",
                                       parts.name, parts.object));
    }
}

/* ---- groups */

static bool is_desired_node(const struct parts *parts)
{
    return strcmp(parts->word, "desired") == 0 && strcmp(parts->object, "node") == 0;
}

static bool has_nodes(const struct leftovers *leftovers, const char *group)
{
    if (strcmp(group, "all") == 0)
        return true; /* the next node that comes is in it */
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        struct parts parts;
        if (!parts_of(leftovers, kept->topic, &parts) || parts.of_group)
            continue;
        if (strcmp(parts.word, "presence") == 0 ? is_in_group(leftovers, parts.name, group)
                                                : is_desired_node(&parts) && is_to_be_in_group(leftovers, parts.name, group))
            return true;
    }
    return false;
}

/* Which groups have documents, and whether any node is in them. */
static void list_groups(struct leftovers *leftovers)
{
    leftovers->groups = json_new_object();
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        struct parts parts;
        if (parts_of(leftovers, kept->topic, &parts) && parts.of_group && json_get(leftovers->groups, parts.name) == NULL)
            json_set_boolean(leftovers->groups, parts.name, has_nodes(leftovers, parts.name));
    }
}

static void find_groups(struct leftovers *leftovers)
{
    for (const struct kept *kept = leftovers->kept; kept != NULL; kept = kept->hh.next) {
        struct parts parts;
        if (!parts_of(leftovers, kept->topic, &parts) || !parts.of_group || target_is_tombstone(kept->content) ||
            json_get_boolean(leftovers->groups, parts.name, true))
            continue;
        json_add_text(leftovers->topics, kept->topic);
        add_line(leftovers, mem_printf("group %s: no node is in it, and %s is for none", parts.name, parts.object));
    }
}

void leftovers_find(struct leftovers *leftovers, uint64_t before_ms, uint64_t now_ms)
{
    leftovers->topics = json_new_array();
    leftovers->lines = json_new_array();
    list_groups(leftovers);
    find_nodes(leftovers, before_ms, now_ms);
    find_discoveries(leftovers, before_ms);
    find_tombstones(leftovers);
    find_groups(leftovers);
}

void leftovers_free(struct leftovers *leftovers)
{
    while (leftovers->kept != NULL) {
        struct kept *kept = leftovers->kept;
        HASH_DEL(leftovers->kept, kept);
        free(kept->topic);
        json_free(kept->content);
        free(kept);
    }
    json_free(leftovers->topics);
    json_free(leftovers->lines);
    json_free(leftovers->groups);
    *leftovers = (struct leftovers){0};
}

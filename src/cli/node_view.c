#include "config.h"

#include "cli/node_view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/table.h"
#include "protocol/document.h"
#include "protocol/names.h"

/* A number, or what older agents said. */
static bool is_set(const struct json *state, const char *key)
{
    bool flag = false;
    int64_t number = 0;
    const struct json *value = json_get(state, key);
    return value != NULL && ((json_boolean(value, &flag) && flag) || (json_integer(value, &number) && number != 0));
}

void node_word(const struct entry *entry, enum fleet_reach reach, char *out)
{
    const char *word = is_set(entry->state, "ready") ? "Ready" : "NotReady";
    if (reach != FLEET_ONLINE)
        word = reach == FLEET_OFFLINE ? "Offline" : "Unknown";
    (void)snprintf(out, CELL_BYTES, "%s%s", word, is_set(entry->state, "unschedulable") ? ",SchedulingDisabled" : "");
}

static struct json *part_of(struct json *object, const char *key)
{
    struct json *part = json_get_mutable(object, key);
    return json_type(part) == JSON_OBJECT ? part : json_set_object(object, key);
}

/* What it is, the topic says, which the broker's rules bind: a node cannot speak under another's name. */
static struct json *identified(const struct entry *entry, const char *api_version, const char *kind, const char *name)
{
    struct json *object = json_type(entry->status) == JSON_OBJECT ? json_copy(entry->status) : json_new_object();
    json_set_text(object, "apiVersion", api_version);
    json_set_text(object, "kind", kind);
    json_set_text(part_of(object, "metadata"), "name", name);
    return object;
}

/* The generation is the document's, which a copy of it has not: status.observedGeneration tells it. */
static void add_metadata(struct json *metadata, const struct json *from)
{
    static const char *const KEPT[] = {"labels", "annotations"};
    for (size_t i = 0; i < sizeof(KEPT) / sizeof(KEPT[0]); i++)
        if (json_type(json_get(from, KEPT[i])) == JSON_OBJECT && json_get(metadata, KEPT[i]) == NULL)
            json_set(metadata, KEPT[i], json_copy(json_get(from, KEPT[i])));
    struct json *annotations = json_get_mutable(metadata, "annotations");
    json_remove(annotations, DOCUMENT_GENERATION);
    if (annotations != NULL && json_size(annotations) == 0)
        json_remove(metadata, "annotations");
}

/* spec, data and what else there is, before the status, as kubectl has them. */
static void add_document(struct json *object, const struct json *document)
{
    static const char *const OWN[] = {"apiVersion", "kind", "metadata", "status"};
    AUTO_JSON struct json *status = json_copy(json_get(object, "status"));
    add_metadata(part_of(object, "metadata"), json_get(document, "metadata"));
    json_remove(object, "status");
    JSON_EACH(part, document) {
        bool own = false;
        for (size_t i = 0; i < sizeof(OWN) / sizeof(OWN[0]); i++)
            own = own || strcmp(json_key(part), OWN[i]) == 0;
        if (!own)
            json_set(object, json_key(part), json_copy(part));
    }
    json_set(object, "status", mem_steal(&status));
}

struct json *workload_object(const struct board *board, const struct entry *entry)
{
    const struct resource *resource = resource_by_plural(entry->id.resource);
    struct json *object = identified(entry, resource->api_version, resource->kind, entry->id.name);
    const struct json *document = board_document(board, entry);
    json_set_text(part_of(object, "metadata"), "namespace", entry->id.namespace);
    if (document != NULL && json_get(object, "status") != NULL)
        add_document(object, document);
    json_set_text(part_of(object, "spec"), "nodeName", entry->node);
    return object;
}

struct json *node_object(const struct entry *entry, enum fleet_reach reach)
{
    struct json *object = identified(entry, "v1", "Node", entry->node);
    struct json *conditions = json_get_mutable(json_get_mutable(object, "status"), "conditions");
    if (reach == FLEET_ONLINE || conditions == NULL)
        return object;
    struct json *told = json_new_array();
    JSON_EACH(condition, conditions) {
        struct json *copy = json_copy(condition);
        const char *type = json_get_text(condition, "type");
        if (type != NULL && strcmp(type, "Ready") == 0) {
            json_set_text(copy, "status", "Unknown");
            json_set_text(copy, "reason", reach == FLEET_OFFLINE ? "NodeOffline" : "SiteOffline");
            json_set_text(copy, "message", "this is what the node said before it was cut off");
        }
        json_add(told, copy);
    }
    json_set(json_get_mutable(object, "status"), "conditions", told);
    return object;
}

/* ---- cells */

/* "3/4"; <none> where the node says nothing of it. */
static void ready_of_all(const struct entry *entry, const char *ready_key, const char *all_key, char *out)
{
    int64_t all = json_get_integer(entry->state, all_key, -1), ready = json_get_integer(entry->state, ready_key, -1);
    if (all >= 0 && ready >= 0)
        (void)snprintf(out, CELL_BYTES, "%lld/%lld", (long long)ready, (long long)all);
    else if (all >= 0)
        (void)snprintf(out, CELL_BYTES, "?/%lld", (long long)all);
    else
        out[0] = '\0';
}

static void cell_pods(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    ready_of_all(entry, "podsReady", "pods", out);
}

static void cell_vms(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    ready_of_all(entry, "vmsReady", "vms", out);
}

static void number_cell(const struct entry *entry, const char *key, char *out)
{
    int64_t number = json_get_integer(entry->state, key, -1);
    (void)snprintf(out, CELL_BYTES, "%lld", (long long)number);
    if (number < 0)
        out[0] = '\0';
}

static void cell_problems(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "problems", out);
}

static void cell_waiting(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "waiting", out);
}

static void cell_age(const struct entry *entry, enum fleet_reach reach, char *out)
{
    char age[TABLE_AGE_BYTES];
    (void)reach;
    (void)snprintf(out, CELL_BYTES, "%s", table_age((uint64_t)json_get_integer(entry->presence, "ts", 0), clock_wall_ms(), age));
}

static void text_cell(const struct json *object, const char *key, char *out)
{
    const char *text = json_get_text(object, key);
    (void)snprintf(out, CELL_BYTES, "%s", text != NULL ? text : "");
}

static void cell_version(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(entry->state, "agent", out);
}

static void cell_site(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(entry->presence, "site", out);
}

static void cell_message(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(entry->state, "message", out);
}

const struct column NODE_COLUMNS[] = {
    {"STATUS", node_word, COLUMN_ALWAYS, false},      {"PODS", cell_pods, COLUMN_ALWAYS, false},
    {"VMS", cell_vms, COLUMN_ALWAYS, false},          {"PROBLEMS", cell_problems, COLUMN_ALWAYS, false},
    {"AGE", cell_age, COLUMN_ALWAYS, true},           {"VERSION", cell_version, COLUMN_ALWAYS, false},
    {"WAITING", cell_waiting, COLUMN_WIDE, false},    {"SITE", cell_site, COLUMN_WIDE, false},
    {"MESSAGE", cell_message, COLUMN_LAST, false},    {NULL, NULL, COLUMN_ALWAYS, false},
};

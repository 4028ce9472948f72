#include "protocol/desired_node.h"

#include <string.h>

#include "base/memory.h"
#include "model/taint.h"
#include "protocol/names.h"

/* Commas between, blanks around. */
static void groups_split(const char *text, struct text_list *out)
{
    memset(out, 0, sizeof(*out));
    while (*(text += strspn(text, " ,")) != '\0') {
        size_t len = strcspn(text, " ,");
        out->items = mem_resize(out->items, out->count + 1, sizeof(char *));
        out->items[out->count++] = mem_printf("%.*s", (int)len, text);
        text += len;
    }
}

static bool check_groups(const struct json *metadata, struct refusal *refusal)
{
    const char *text = json_get_text(json_get(metadata, "annotations"), DESIRED_NODE_GROUPS);
    struct text_list groups = { 0 };
    bool good = true;
    if (text != NULL)
        groups_split(text, &groups);
    good = groups.count <= LIMIT_NODE_GROUPS;
    if (!good)
        refusal_set(refusal, "InvalidDocument", "%zu groups; a node is in at most %d", groups.count, LIMIT_NODE_GROUPS);
    for (size_t i = 0; good && i < groups.count; i++) {
        bool twice = false;
        for (size_t j = 0; j < i; j++)
            twice = twice || strcmp(groups.items[i], groups.items[j]) == 0;
        good = name_is_node(groups.items[i]) && strcmp(groups.items[i], "all") != 0 && !twice;
        if (!good)
            refusal_set(refusal, "InvalidName", DESIRED_NODE_GROUPS ": \"%.100s\" %s", groups.items[i],
                        twice ? "is there twice" : "is no group's name (a DNS subdomain; every node is in \"all\")");
    }
    text_list_free(&groups);
    return good;
}

static bool check_kind(const char *node, const struct json *json, struct refusal *refusal)
{
    const char *kind = json_get_text(json, "kind"), *version = json_get_text(json, "apiVersion");
    const char *name = json_get_text(json_get(json, "metadata"), "name");
    if (kind == NULL || version == NULL || strcmp(kind, "Node") != 0 || strcmp(version, "v1") != 0) {
        refusal_set(refusal, "UnsupportedKind", "a Node of v1 is expected here");
        return false;
    }
    if (name != NULL && strcmp(name, node) == 0)
        return true;
    refusal_set(refusal, "NameMismatch", "the topic says %.100s, the document %.100s", node, name != NULL ? name : "nothing");
    return false;
}

static bool check_spec(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
    static const char *const known_metadata[] = { "name", "labels", "annotations", "deletionTimestamp", "uid", "resourceVersion",
                                                  "managedFields", "generation", "creationTimestamp", "selfLink", NULL };
    static const char *const known_spec[] = { "unschedulable", "taints", NULL };
    const struct json *spec = json_get(json, "spec"), *taints = json_get(spec, "taints");
    const struct json *cordon = json_get(spec, "unschedulable");
    bool ignored = false;
    struct error err;
    if (json_size(json_get(json_get(json, "metadata"), "labels")) > LIMIT_NODE_LABELS) {
        refusal_set(refusal, "InvalidDocument", "a node has at most %d labels", LIMIT_NODE_LABELS);
        return false;
    }
    if (spec != NULL && json_type(spec) != JSON_OBJECT) {
        refusal_set(refusal, "InvalidDocument", "spec must be an object");
        return false;
    }
    if (cordon != NULL && !json_boolean(cordon, &ignored)) {
        refusal_set(refusal, "InvalidDocument", "spec.unschedulable must be true or false");
        return false;
    }
    if (taints != NULL && !taints_check(taints, "spec.taints", &err)) {
        refusal_set(refusal, "InvalidDocument", "%s", err.message);
        return false;
    }
    ignored_add_others(json, "", known, &document->ignored);
    ignored_add_others(json_get(json, "metadata"), "metadata.", known_metadata, &document->ignored);
    ignored_add_others(spec, "spec.", known_spec, &document->ignored);
    return true;
}

bool desired_node_read(const char *node, const char *data, size_t len, struct document *document, struct refusal *refusal)
{
    struct error err;
    memset(document, 0, sizeof(*document));
    refusal->generation = -1;
    AUTO_JSON struct json *json = json_parse(data, len, &err);
    if (json == NULL) {
        refusal_set(refusal, "InvalidJSON", "%s", err.message);
        return false;
    }
    if (!check_kind(node, json, refusal) || !document_read_head(json, document, refusal) ||
        !check_groups(json_get(json, "metadata"), refusal) || !check_spec(json, document, refusal)) {
        document_free(document);
        return false;
    }
    document_strip(json);
    document->text = json_print_canonical(json);
    digest_of(document->text, strlen(document->text), document->content);
    document->data = document->tombstone ? NULL : mem_steal(&json);
    return true;
}

void desired_node_take(const struct json *json, struct desired_node *out)
{
    const struct json *metadata = json_get(json, "metadata"), *spec = json_get(json, "spec");
    const struct json *labels = json_get(metadata, "labels"), *taints = json_get(spec, "taints");
    const char *groups = json_get_text(json_get(metadata, "annotations"), DESIRED_NODE_GROUPS);
    *out = (struct desired_node){ .has_groups = groups != NULL, .unschedulable = json_get_boolean(spec, "unschedulable", false) };
    if (groups != NULL)
        groups_split(groups, &out->groups);
    out->labels = labels != NULL ? json_copy(labels) : json_new_object();
    out->taints = taints != NULL ? json_copy(taints) : json_new_array();
}

void desired_node_free(struct desired_node *node)
{
    json_free(node->labels);
    json_free(node->taints);
    text_list_free(&node->groups);
    memset(node, 0, sizeof(*node));
}

#include "core/desired_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/inbox.h"
#include "core/whole.h"
#include "model/taint.h"
#include "protocol/desired_node.h"

static bool same_texts(const struct text_list *a, const struct text_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

static bool same_json(const struct json *a, const struct json *b)
{
    AUTO_FREE char *first = json_print_canonical(a);
    AUTO_FREE char *second = json_print_canonical(b);
    return strcmp(first, second) == 0;
}

static size_t place_of(const struct text_list *list, const char *text)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->items[i], text) != 0)
        i++;
    return i;
}

bool desired_node_group(const struct core *core, const char *group, struct slot_key *key)
{
    size_t rank = place_of(&core->node.groups, group);
    if (rank == core->node.groups.count)
        return false;
    *key = (struct slot_key){ .source = SOURCE_GROUP, .group = core->node.groups.items[rank], .rank = rank };
    return true;
}

/* ---- what holds */

static bool has_taint(const struct json *taints, const struct json *taint)
{
    JSON_EACH(one, taints)
        if (same_json(one, taint))
            return true;
    return false;
}

/* Whatever one of the two forbids is forbidden. */
static void lay_manifest(const struct json *manifest, struct desired_node *node)
{
    const struct json *spec = json_get(manifest, "spec");
    node->unschedulable = node->unschedulable || json_get_boolean(spec, "unschedulable", false);
    JSON_EACH(taint, json_get(spec, "taints"))
        if (!has_taint(node->taints, taint))
            json_add(node->taints, json_copy(taint));
}

void desired_node_derive(struct core *core)
{
    const struct slot *slot = whole_slot(&core->desired_node);
    struct desired_node *node = &core->node;
    struct desired_node said;
    desired_node_take(slot != NULL ? slot->data : NULL, &said);
    desired_node_free(node);
    node->labels = json_copy(core->config->labels);
    JSON_EACH(label, said.labels)
        json_set_text(node->labels, json_key(label), json_text(label));
    const struct text_list *groups = said.has_groups ? &said.groups : &core->config->groups;
    node->groups.items = mem_array(groups->count + 1, sizeof(char *));
    for (size_t i = 0; i < groups->count; i++)
        node->groups.items[node->groups.count++] = mem_strdup(groups->items[i]);
    node->has_groups = said.has_groups;
    node->unschedulable = said.unschedulable;
    node->taints = mem_steal(&said.taints);
    desired_node_free(&said);
    lay_manifest(core->manifest_node, node);
    if (node->unschedulable) {
        struct json *taint = json_add_object(node->taints);
        json_set_text(taint, "key", TAINT_UNSCHEDULABLE);
        json_set_text(taint, "effect", "NoSchedule");
    }
}

/* ---- groups */

static int compare_slots(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->group, y->group);
}

void desired_node_fit(struct core *core, struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++) {
        struct slot *slot = &object->slots[i];
        struct slot_key key = { .source = slot->source, .group = slot->group };
        if (slot->source != SOURCE_GROUP || slot->left)
            continue;
        if (desired_node_group(core, slot->group, &key)) {
            slot->rank = key.rank;
            continue;
        }
        log_info("%s/%s/%s: this node has left group %s", object->id.namespace, object->id.resource, object->id.name, slot->group);
        slot->left = true;
        inbox_empty_slot(core, object, &key);
    }
    if (object->slot_count > 1)
        qsort(object->slots, object->slot_count, sizeof(*object->slots), compare_slots);
}

/* A refusal of a group's document, which is known by the group's old rank. */
static void fit_refusal(struct core *core, const struct text_list *before, struct object *object)
{
    if (!object->refused || object->refused_source != SOURCE_GROUP)
        return;
    size_t rank = object->refused_rank < before->count ? place_of(&core->node.groups, before->items[object->refused_rank])
                                                       : core->node.groups.count;
    object->refused_rank = rank;
    object->refused = rank < core->node.groups.count;
}

static char *group_topic(const struct core *core, const char *group)
{
    return mem_printf("%s/groups/%s/desired/#", core->config->root, group);
}

static void add_topic(struct json *list, char *topic_taken)
{
    AUTO_FREE char *topic = topic_taken;
    struct json *one = json_add_object(list);
    json_set_text(one, "topic", topic);
    json_set_integer(one, "qos", 1);
}

static void add_left(const struct core *core, struct json *head, const char *group)
{
    AUTO_FREE char *topic = group_topic(core, group);
    json_add_text(json_get_mutable(head, "unsubscribe"), topic);
}

static struct json *subscribe_head(void)
{
    struct json *head = json_new_texts("op", "subscribe", NULL);
    json_set_array(head, "subscribe");
    json_set_array(head, "unsubscribe");
    return head;
}

void desired_node_unsubscribe(struct core *core, const char *group)
{
    char *left = core->link.left;
    if (strcmp(left, group) == 0)
        return;
    snprintf(left, sizeof(core->link.left), "%s", group);
    struct json *head = subscribe_head();
    add_left(core, head, group);
    core->env->to_link(core->env->ctx, head, NULL, 0);
}

/* Other labels may let in what was refused: all documents are asked for once more. */
static void subscribe(struct core *core, const struct text_list *before, bool all)
{
    struct json *head = subscribe_head();
    struct json *list = json_get_mutable(head, "subscribe");
    const struct text_list *now = &core->node.groups;
    if (all) {
        add_topic(list, mem_printf("%s/nodes/%s/desired/#", core->config->root, core->config->node));
        add_topic(list, group_topic(core, "all"));
    }
    for (size_t i = 0; i < now->count; i++)
        if (all || place_of(before, now->items[i]) == before->count)
            add_topic(list, group_topic(core, now->items[i]));
    for (size_t i = 0; i < before->count; i++)
        if (place_of(now, before->items[i]) == now->count)
            add_left(core, head, before->items[i]);
    core->env->to_link(core->env->ctx, head, NULL, 0);
}

void desired_node_settled(struct core *core)
{
    struct desired_node before = core->node;
    memset(&core->node, 0, sizeof(core->node));
    desired_node_derive(core);
    bool regrouped = !same_texts(&before.groups, &core->node.groups);
    bool relabelled = !same_json(before.labels, core->node.labels);
    if (!same_json(before.taints, core->node.taints))
        core->tainted_boot_ms = core_boot_ms(core);
    for (struct object *object = core->objects.table; regrouped && object != NULL; object = object->hh.next) {
        fit_refusal(core, &before.groups, object);
        desired_node_fit(core, object);
    }
    if (regrouped || relabelled)
        subscribe(core, &before.groups, relabelled);
    desired_node_free(&before);
    core_touch_all(core);
}

/* ---- the manifests folder's Node */

bool desired_node_manifest_check(const struct core *core, const struct json *json, struct refusal *refusal)
{
    const struct json *metadata = json_get(json, "metadata");
    AUTO_FREE char *text = json_print(json);
    struct document document;
    if (!desired_node_read(core->config->node, text, strlen(text), &document, refusal))
        return false;
    bool good = !document.tombstone && json_size(json_get(metadata, "labels")) == 0 &&
                json_get_text(json_get(metadata, "annotations"), DESIRED_NODE_GROUPS) == NULL;
    if (!good) /* groups are joined before anything is read here */
        refusal_set(refusal, "InvalidDocument", "on the device a Node says what may start and stay here, and no more: labels and groups "
                                                "are of [node] in davitd.conf, or of the desired Node that the broker keeps");
    document_free(&document);
    return good;
}

bool desired_node_forbids(const struct json *json)
{
    const struct json *spec = json_get(json, "spec");
    return json_get_boolean(spec, "unschedulable", false) || json_size(json_get(spec, "taints")) > 0;
}

void desired_node_manifest(struct core *core, const struct json *json)
{
    if (json == NULL && core->manifest_node == NULL)
        return;
    if (json != NULL && core->manifest_node != NULL && same_json(json, core->manifest_node))
        return;
    json_free(core->manifest_node);
    core->manifest_node = json != NULL ? json_copy(json) : NULL;
    desired_node_settled(core);
}

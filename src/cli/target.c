#include "config.h"

#include "cli/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/status.h"
#include "protocol/document.h"
#include "protocol/topic.h"

/* With more topics than this, wildcards are subscribed instead of each of them. */
#define EXACT_TOPICS 128
#define SHOW_MS 1000

/* Where a message belongs. */
struct target_topic {
    char *topic;
    enum { TOPIC_OF_DESIRED, TOPIC_OF_STATUS, TOPIC_OF_PRESENCE } what;
    size_t index; /* of the target, or of the place */
    UT_hash_handle hh;
};

bool target_means_nodes(const struct options *options)
{
    return options->nodes.count > 0 || options->node_selector != NULL;
}

bool target_place_nodes(struct target_set *set, struct error *err)
{
    if (!fleet_find(set->options, &set->fleet, err))
        return false;
    set->places = mem_array(set->fleet.count, sizeof(*set->places));
    set->place_count = set->fleet.count;
    for (size_t i = 0; i < set->fleet.count; i++)
        set->places[i].node = set->fleet.nodes[i].name;
    return true;
}

bool target_place_named(struct target_set *set, const char **names, size_t count, struct error *err)
{
    set->places = mem_array(count, sizeof(*set->places));
    for (size_t i = 0; i < count; i++) {
        if (!name_is_node(names[i]))
            return error_set(err, ERROR_INVALID, "\"%s\" is no node's name: a-z, 0-9, - and .", names[i]);
        set->places[set->place_count++].node = names[i];
    }
    return true;
}

bool target_places(struct target_set *set, struct error *err)
{
    const struct options *options = set->options;
    if (target_means_nodes(options))
        return target_place_nodes(set, err);
    set->places = mem_alloc(sizeof(*set->places));
    set->places[0].node = options->group != NULL ? NULL : options->node;
    set->place_count = 1;
    return true;
}

static char *desired_topic(const struct target_set *set, const char *node, const struct target *target)
{
    const struct options *options = set->options;
    if (target->kind == TARGET_OBJECT)
        return topic_desired(options->root, node, node == NULL ? options->group : NULL, &target->id);
    return topic_node(options->root, node, target->kind == TARGET_NODE ? "desired/node" : "desired", NULL);
}

static char *status_topic(const struct target_set *set, const char *node, const struct target *target)
{
    return topic_node(set->options->root, node, "status", target->kind == TARGET_OBJECT ? &target->id : NULL);
}

static void topic_add(struct target_set *set, const char *topic, int what, size_t index)
{
    struct target_topic *added = mem_alloc(sizeof(*added));
    added->topic = mem_strdup(topic);
    added->what = what;
    added->index = index;
    HASH_ADD_KEYPTR(hh, set->topics, added->topic, strlen(added->topic), added);
}

static struct target_topic *topic_find(const struct target_set *set, const char *topic)
{
    struct target_topic *found = NULL;
    HASH_FIND(hh, set->topics, topic, strlen(topic), found);
    return found;
}

/* Once, whatever is asked twice. */
static void add_at(struct target_set *set, struct place *place, struct target target)
{
    target.place = place;
    target.desired_topic = desired_topic(set, place->node, &target);
    if (topic_find(set, target.desired_topic) != NULL) {
        free(target.desired_topic);
        return;
    }
    target.status_topic = place->node != NULL ? status_topic(set, place->node, &target) : NULL;
    topic_add(set, target.desired_topic, TOPIC_OF_DESIRED, set->count);
    if (target.status_topic != NULL)
        topic_add(set, target.status_topic, TOPIC_OF_STATUS, set->count);
    if (set->count % 64 == 0)
        set->targets = mem_resize(set->targets, set->count + 64, sizeof(*set->targets));
    set->targets[set->count++] = target;
}

void target_add(struct target_set *set, const struct object_id *id, const struct resource *resource)
{
    for (size_t i = 0; i < set->place_count; i++)
        add_at(set, &set->places[i], (struct target){.kind = TARGET_OBJECT, .id = *id, .resource = resource});
}

void target_add_own(struct target_set *set, enum target_kind kind)
{
    static const struct resource NODE = {"nodes", "node", "Node", "v1", true, {NULL}};
    static const struct resource LIST = {"bundles", "bundle", "List", "v1", true, {NULL}};
    for (size_t i = 0; i < set->place_count; i++)
        add_at(set, &set->places[i], (struct target){.kind = kind, .resource = kind == TARGET_NODE ? &NODE : &LIST});
}

static struct json *parse_or_null(const struct session_message *message)
{
    struct error ignored = {0};
    return message->len > 0 ? json_parse(message->payload, message->len, &ignored) : NULL;
}

static void take_presence(struct place *place, const struct session_message *message)
{
    AUTO_JSON struct json *presence = parse_or_null(message);
    place->known = presence != NULL;
    place->online = json_get_boolean(presence, "online", false);
}

/* With a bundle that is refused nothing comes of what is in it. */
static void drop_items(struct target_set *set, size_t bundle)
{
    for (size_t i = bundle + set->place_count; i < set->count; i += set->place_count) {
        set->waiting -= set->targets[i].done ? 0 : 1;
        set->targets[i].done = true;
        set->targets[i].failure = set->targets[bundle].failure;
    }
}

static void judge(struct target_set *set, size_t index)
{
    struct target *target = &set->targets[index];
    if (set->judge == NULL || target->done)
        return;
    set->judge(target);
    set->waiting -= target->done ? 1 : 0;
    if (target->kind == TARGET_BUNDLE && target->failure.code != ERROR_NONE)
        drop_items(set, index);
    set->all_done = set->waiting == 0;
}

static void take(void *ctx, const struct session_message *message)
{
    struct target_set *set = ctx;
    const struct target_topic *topic = topic_find(set, message->topic);
    if (topic == NULL)
        return;
    if (topic->what == TOPIC_OF_PRESENCE) {
        take_presence(&set->places[topic->index], message);
        return;
    }
    struct target *target = &set->targets[topic->index];
    struct json **slot = topic->what == TOPIC_OF_DESIRED ? &target->desired : &target->status;
    json_free(*slot);
    *slot = parse_or_null(message);
    judge(set, topic->index);
}

/* Every topic; or those of every node, of the objects that are meant; or of every object. */
static struct json *subscriptions(const struct target_set *set)
{
    static const struct object_id any = {.namespace = "+", .resource = "+", .name = "+"};
    bool exact = HASH_COUNT(set->topics) <= EXACT_TOPICS;
    bool many = set->place_count > 1;
    const char *node = many ? "+" : set->places[0].node;
    struct json *topics = json_new_array();
    for (struct target_topic *topic = set->topics; exact && topic != NULL; topic = topic->hh.next)
        json_add_text(topics, topic->topic);
    for (size_t i = 0; !exact && i < set->count; i += set->place_count) {
        struct target wide = set->targets[i];
        bool every = wide.kind == TARGET_OBJECT && set->count / set->place_count > EXACT_TOPICS / 2;
        wide.id = every ? any : wide.id;
        AUTO_FREE char *desired = desired_topic(set, node, &wide);
        AUTO_FREE char *status = node != NULL ? status_topic(set, node, &wide) : NULL;
        json_add_text(topics, desired);
        if (status != NULL)
            json_add_text(topics, status);
        if (every)
            break; /* objects stand last */
    }
    if (!exact && node != NULL) {
        AUTO_FREE char *presence = topic_node(set->options->root, node, "presence", NULL);
        json_add_text(topics, presence);
    }
    return topics;
}

struct session *target_session(struct target_set *set, struct error *err)
{
    for (size_t i = 0; i < set->place_count; i++) {
        AUTO_FREE char *presence =
            set->places[i].node != NULL ? topic_node(set->options->root, set->places[i].node, "presence", NULL) : NULL;
        if (presence != NULL)
            topic_add(set, presence, TOPIC_OF_PRESENCE, i);
    }
    AUTO_JSON struct json *wanted = subscriptions(set);
    AUTO_FREE const char **topics = mem_array(json_size(wanted) + 1, sizeof(*topics));
    size_t count = 0;
    JSON_EACH(topic, wanted)
        topics[count++] = json_text(topic);
    AUTO_SESSION struct session *session = session_open(set->options, topics, count, take, set, err);
    if (session == NULL || !session_sync(session, err))
        return NULL;
    return mem_steal(&session);
}

int64_t target_generation_of(const struct json *object)
{
    const struct json *value = json_get(json_get(json_get(object, "metadata"), "annotations"), DOCUMENT_GENERATION);
    const char *text = value != NULL ? json_text(value) : NULL;
    int64_t generation = 0;
    if (text == NULL) {
        if (value == NULL || !json_integer(value, &generation))
            return 0;
        return generation;
    }
    char *end = NULL;
    errno = 0;
    generation = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text ? generation : 0;
}

void target_set_generation(struct json *object, int64_t generation)
{
    char text[24];
    struct json *metadata = json_get_mutable(object, "metadata");
    struct json *annotations = json_get_mutable(metadata, "annotations");
    if (generation > DOCUMENT_GENERATION_MAX) { /* somebody gave the last one away: the node counts on by itself */
        json_remove(annotations, DOCUMENT_GENERATION);
        return;
    }
    if (annotations == NULL)
        annotations = json_set_object(metadata, "annotations");
    (void)snprintf(text, sizeof(text), "%lld", (long long)generation);
    json_set_text(annotations, DOCUMENT_GENERATION, text);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t target_next_generation(const struct target *target)
{
    int64_t seen = larger(target_generation_of(target->desired), status_observed_generation(target->status));
    seen = larger(seen, status_refused_generation(target->status));
    return larger(seen + 1, (int64_t)clock_wall_ms());
}

bool target_is_tombstone(const struct json *object)
{
    return json_get_text(json_get(object, "metadata"), "deletionTimestamp") != NULL;
}

bool target_is_wanted(const struct target *target)
{
    return target->desired != NULL && !target_is_tombstone(target->desired);
}

bool target_was_out_of_order(const struct target *target)
{
    static const char *const REASONS[] = {"Stale", "StaleReplay", "Conflict"};
    const char *reason = json_get_text(status_refusal(target->status), "reason");
    for (size_t i = 0; reason != NULL && i < sizeof(REASONS) / sizeof(REASONS[0]); i++)
        if (strcmp(reason, REASONS[i]) == 0)
            return true;
    return false;
}

bool target_wait(struct target_set *set, struct session *session, target_judge *judge_one, target_show *show, void *ctx,
                 uint64_t wait_ms, struct error *err)
{
    uint64_t begin_ms = clock_boot_ms(), now_ms = begin_ms;
    set->judge = judge_one;
    set->waiting = 0;
    for (size_t i = 0; i < set->count; i++)
        set->waiting += set->targets[i].done ? 0 : 1;
    set->all_done = set->waiting == 0;
    for (size_t i = 0; i < set->count; i++)
        judge(set, i);
    for (; !set->all_done && now_ms < begin_ms + wait_ms; now_ms = clock_boot_ms()) {
        uint64_t left_ms = begin_ms + wait_ms - now_ms;
        if (show != NULL)
            show(ctx, set);
        if (!session_until(session, &set->all_done, left_ms > SHOW_MS ? SHOW_MS : left_ms, err) && err->code != ERROR_TIMEOUT)
            return false;
    }
    if (show != NULL)
        show(ctx, set);
    *err = (struct error){0};
    return true;
}

const char *target_node_note(const struct target *target)
{
    if (target->place->node == NULL || target->place->online)
        return "";
    return target->place->known ? " (it is offline)" : " (it has never been seen on this broker)";
}

char *target_name(const struct target *target)
{
    switch (target->kind) {
    case TARGET_BUNDLE:
        return mem_strdup("bundle");
    case TARGET_NODE:
        return mem_printf("node/%s", target->place->node);
    default:
        return mem_printf("%s/%s", target->resource->singular, target->id.name);
    }
}

static void topics_free(struct target_set *set)
{
    while (set->topics != NULL) {
        struct target_topic *topic = set->topics;
        HASH_DEL(set->topics, topic);
        free(topic->topic);
        free(topic);
    }
}

void target_set_free(struct target_set *set)
{
    topics_free(set);
    for (size_t i = 0; i < set->count; i++) {
        struct target *target = &set->targets[i];
        free(target->desired_topic);
        free(target->status_topic);
        json_free(target->desired);
        json_free(target->status);
    }
    free(set->targets);
    free(set->places);
    fleet_free(&set->fleet);
    *set = (struct target_set){0};
}

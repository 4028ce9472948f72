#include "config.h"

#include "cli/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/status.h"
#include "protocol/topic.h"

#define GENERATION "davit/generation"
/* With more objects than this, one wildcard is subscribed instead of each of their topics. */
#define EXACT_TOPICS 64

void target_add(struct target_set *set, const struct object_id *id, const struct resource *resource)
{
    const struct options *options = set->options;
    for (size_t i = 0; i < set->count; i++)
        if (object_id_compare(&set->targets[i].id, id) == 0)
            return;
    set->targets = mem_resize(set->targets, set->count + 1, sizeof(*set->targets));
    set->targets[set->count++] = (struct target){
        .id = *id,
        .resource = resource,
        .desired_topic = topic_desired(options->root, options->node, options->group, id),
        .status_topic = options->group != NULL ? NULL : topic_node(options->root, options->node, "status", id),
    };
}

static struct json *parse_or_null(const struct session_message *message)
{
    struct error ignored = {0};
    return message->len > 0 ? json_parse(message->payload, message->len, &ignored) : NULL;
}

static void take_presence(struct target_set *set, const struct session_message *message)
{
    AUTO_JSON struct json *presence = parse_or_null(message);
    set->node_known = presence != NULL;
    set->node_online = json_get_boolean(presence, "online", false);
}

static void judge_all(struct target_set *set)
{
    set->all_done = true;
    for (size_t i = 0; i < set->count; i++) {
        struct target *target = &set->targets[i];
        if (!target->done && set->judge != NULL)
            set->judge(target);
        set->all_done = set->all_done && target->done;
    }
}

static void take(void *ctx, const struct session_message *message)
{
    struct target_set *set = ctx;
    const char *last = strrchr(message->topic, '/');
    for (size_t i = 0; i < set->count; i++) {
        struct target *target = &set->targets[i];
        struct json **slot = NULL;
        if (strcmp(target->desired_topic, message->topic) == 0)
            slot = &target->desired;
        else if (target->status_topic != NULL && strcmp(target->status_topic, message->topic) == 0)
            slot = &target->status;
        if (slot == NULL)
            continue;
        json_free(*slot);
        *slot = parse_or_null(message);
        if (set->judge != NULL)
            judge_all(set);
        return;
    }
    if (last != NULL && strcmp(last, "/presence") == 0)
        take_presence(set, message);
}

static size_t topics_of(const struct target_set *set, const char **topics)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        topics[count++] = set->targets[i].desired_topic;
        if (set->targets[i].status_topic != NULL)
            topics[count++] = set->targets[i].status_topic;
    }
    return count;
}

struct session *target_session(struct target_set *set, struct error *err)
{
    const struct options *options = set->options;
    const struct object_id any = {.namespace = "+", .resource = "+", .name = "+"};
    bool of_group = options->group != NULL;
    AUTO_FREE char *presence = of_group ? NULL : topic_node(options->root, options->node, "presence", NULL);
    AUTO_FREE char *any_desired = topic_desired(options->root, options->node, options->group, &any);
    AUTO_FREE char *any_status = of_group ? NULL : topic_node(options->root, options->node, "status", &any);
    AUTO_FREE const char **topics = mem_array(2 * set->count + 3, sizeof(*topics));
    size_t count = 0;
    if (set->count <= EXACT_TOPICS) {
        count = topics_of(set, topics);
    } else {
        topics[count++] = any_desired;
        if (!of_group)
            topics[count++] = any_status;
    }
    if (!of_group)
        topics[count++] = presence;
    AUTO_SESSION struct session *session = session_open(options, topics, count, take, set, err);
    if (session == NULL || !session_sync(session, err))
        return NULL;
    return mem_steal(&session);
}

int64_t target_generation_of(const struct json *object)
{
    const struct json *value = json_get(json_get(json_get(object, "metadata"), "annotations"), GENERATION);
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
    if (annotations == NULL)
        annotations = json_set_object(metadata, "annotations");
    (void)snprintf(text, sizeof(text), "%lld", (long long)generation);
    json_set_text(annotations, GENERATION, text);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t target_next_generation(const struct target *target)
{
    int64_t seen = larger(target_generation_of(target->desired), status_observed_generation(target->status));
    seen = larger(seen, status_refused_generation(target->status));
    return larger(seen < INT64_MAX ? seen + 1 : seen, (int64_t)clock_wall_ms());
}

bool target_is_tombstone(const struct json *object)
{
    return json_get_text(json_get(object, "metadata"), "deletionTimestamp") != NULL;
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

bool target_wait(struct target_set *set, struct session *session, void (*judge)(struct target *target),
                 uint64_t wait_ms, struct error *err)
{
    set->judge = judge;
    judge_all(set);
    if (session_until(session, &set->all_done, wait_ms, err))
        return true;
    if (err->code != ERROR_TIMEOUT)
        return false;
    *err = (struct error){0};
    return true;
}

const char *target_node_note(const struct target_set *set)
{
    if (set->options->group != NULL || set->node_online)
        return "";
    return set->node_known ? " (it is offline)" : " (it has never been seen on this broker)";
}

void target_set_free(struct target_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct target *target = &set->targets[i];
        free(target->desired_topic);
        free(target->status_topic);
        free(target->payload);
        json_free(target->desired);
        json_free(target->status);
    }
    free(set->targets);
    set->targets = NULL;
    set->count = 0;
}

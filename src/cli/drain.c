#include "config.h"

#include "cli/drain.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/board.h"
#include "cli/image_view.h"
#include "protocol/topic.h"

#define LOOK_MS 500

struct drain {
    const struct target_set *set;
    struct board board;
    size_t running, ending; /* as counted last */
    uint64_t running_since_ms; /* that nothing was ending any more */
};

static bool is_meant(const struct target_set *set, const char *node)
{
    for (size_t i = 0; i < set->place_count; i++)
        if (strcmp(set->places[i].node, node) == 0)
            return true;
    return false;
}

/* Of a pod or a machine on a node that is drained. */
enum stage { STAGE_GONE, STAGE_RUNNING, STAGE_ENDING };

static enum stage stage_of(const struct drain *drain, const struct entry *entry)
{
    const char *state = entry->is_object ? json_get_text(entry->state, "state") : NULL;
    const char *reason = json_get_text(entry->state, "reason");
    if (state == NULL || !is_meant(drain->set, entry->node))
        return STAGE_GONE;
    if (strcmp(state, "Terminating") == 0 || (reason != NULL && strcmp(reason, "NodeDraining") == 0))
        return STAGE_ENDING;
    return strcmp(state, "Running") == 0 ? STAGE_RUNNING : STAGE_GONE;
}

static void count(struct drain *drain)
{
    drain->running = drain->ending = 0;
    for (const struct entry *entry = drain->board.entries; entry != NULL; entry = entry->hh.next) {
        enum stage stage = stage_of(drain, entry);
        drain->running += stage == STAGE_RUNNING ? 1 : 0;
        drain->ending += stage == STAGE_ENDING ? 1 : 0;
    }
}

static void tell_staying(const struct drain *drain)
{
    for (const struct entry *entry = drain->board.entries; entry != NULL; entry = entry->hh.next)
        if (stage_of(drain, entry) == STAGE_RUNNING)
            (void)fprintf(stderr, "davit: %s of namespace %s on %s still runs: it tolerates the drain, or its node has said nothing since\n", entry->id.name,
                          entry->id.namespace, entry->node);
}

static void show(const struct drain *drain, size_t *shown)
{
    size_t left = drain->running + drain->ending;
    if (isatty(STDERR_FILENO))
        image_progress_line("%zu still run%s, %zu of them ending", left, left == 1 ? "s" : "", drain->ending);
    else if (left != *shown)
        (void)fprintf(stderr, "%zu still run%s\n", left, left == 1 ? "s" : "");
    *shown = left;
}

static struct json *topics_of(const struct target_set *set)
{
    static const char *const RESOURCES[] = {"pods", "virtualmachines"};
    struct json *topics = json_new_array();
    for (size_t i = 0; i < 2; i++) {
        struct object_id any = {.namespace = "+", .name = "+"};
        (void)snprintf(any.resource, sizeof(any.resource), "%s", RESOURCES[i]);
        AUTO_FREE char *topic = topic_node(set->options->root, set->place_count > 1 ? "+" : set->places[0].node, "state", &any);
        json_add_text(topics, topic);
    }
    return topics;
}

/* True: nothing is left but what stays. */
static bool is_over(struct drain *drain, uint64_t now_ms)
{
    count(drain);
    if (drain->ending > 0 || drain->running == 0)
        drain->running_since_ms = now_ms;
    return drain->ending == 0 && (drain->running == 0 || now_ms - drain->running_since_ms >= DRAIN_STAYS_MS);
}

static bool wait_until_over(struct drain *drain, struct session *session, uint64_t wait_ms, struct error *err)
{
    const bool never = false;
    uint64_t begin_ms = clock_boot_ms(), now_ms = begin_ms;
    size_t shown = 0;
    drain->running_since_ms = begin_ms;
    for (; !is_over(drain, now_ms) && now_ms - begin_ms < wait_ms; now_ms = clock_boot_ms()) {
        show(drain, &shown);
        if (!session_until(session, &never, LOOK_MS, err) && err->code != ERROR_TIMEOUT)
            return false;
    }
    image_progress_end();
    *err = (struct error){0};
    return true;
}

enum exit_code drain_wait(const struct target_set *set, uint64_t wait_ms, struct error *err)
{
    struct drain drain = {.set = set, .board = {.root = set->options->root}};
    AUTO_JSON struct json *wanted = topics_of(set);
    const char *topics[] = {json_text(json_first(wanted)), json_text(json_next(json_first(wanted)))};
    AUTO_SESSION struct session *session = session_open(set->options, topics, 2, board_take, &drain.board, err);
    bool ok = session != NULL && session_sync(session, err) && wait_until_over(&drain, session, wait_ms, err);
    if (ok && drain.ending > 0)
        (void)error_set(err, ERROR_TIMEOUT, "%zu pods or machines have not ended within %llu s; the drain stands, and `davit get pods,vms -A` shows them",
                        drain.ending, (unsigned long long)(wait_ms / 1000));
    else if (ok)
        tell_staying(&drain);
    board_free(&drain.board);
    return exit_code_of(err);
}

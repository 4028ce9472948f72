/* davit rollout status, pause and resume. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/confirm.h"
#include "cli/edit.h"
#include "cli/fleet.h"
#include "cli/rollout.h"
#include "cli/settle.h"
#include "cli/status.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define FOREVER_MS (30ull * 24 * 3600 * 1000)

static int64_t number(const struct target *target, const char *key, const char *of_daemon_set)
{
    const struct json *status = json_get(target->status, "status");
    return json_get_integer(status, json_get(status, of_daemon_set) != NULL ? of_daemon_set : key, 0);
}

/* kubectl: how many there are to be. A document of a group is not on the node's topic: then what is there, and is missing. */
static int64_t wanted_of(const struct target *target)
{
    const struct json *spec = json_get(target->desired, "spec");
    if (json_get(json_get(target->status, "status"), "desiredNumberScheduled") != NULL)
        return number(target, "", "desiredNumberScheduled");
    if (json_get(spec, "replicas") != NULL || target_is_wanted(target))
        return json_get_integer(spec, "replicas", 1);
    int64_t present = number(target, "replicas", ""), needed = number(target, "availableReplicas", "") +
                                                               number(target, "unavailableReplicas", "");
    return present > needed ? present : needed;
}

static void text_of(const struct target *target, char out[ERROR_MESSAGE_BYTES])
{
    AUTO_FREE char *begin = mem_printf("Waiting for %s \"%s\" rollout to finish:", target->resource->singular, target->id.name);
    int64_t wanted = wanted_of(target), updated = number(target, "updatedReplicas", "updatedNumberScheduled");
    int64_t present = number(target, "replicas", "currentNumberScheduled");
    int64_t available = number(target, "availableReplicas", "numberAvailable");
    const struct json *progress = status_condition(target->status, "Progressing");
    const char *reason = json_get_text(progress, "reason"), *message = json_get_text(progress, "message");
    AUTO_FREE char *why = message != NULL && *message != '\0' ? mem_printf(" (%.200s)", message) : mem_strdup("");
    if (target->failure.code != ERROR_NONE)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s", target->failure.message);
    else if (target->done)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s \"%s\" successfully rolled out", target->resource->singular, target->id.name);
    else if (target->status == NULL || status_observed_generation(target->status) < target->generation)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "Waiting for node %s to take it%s...", target->place->node, target_node_note(target));
    else if (reason != NULL && strcmp(reason, "DeploymentPaused") == 0)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s it is paused...", begin);
    else if (strcmp(target->id.resource, "apps") == 0)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s it is not ready...%s", begin, why);
    else if (updated < wanted)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s %" PRId64 " out of %" PRId64 " new replicas have been updated...%s", begin, updated,
                       wanted, why);
    else if (present > updated)
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s %" PRId64 " old replicas are pending termination...", begin, present - updated);
    else
        (void)snprintf(out, ERROR_MESSAGE_BYTES, "%s %" PRId64 " of %" PRId64 " updated replicas are available...%s", begin, available,
                       updated, why);
    (void)text_clean(out);
}

struct shown {
    char last[ERROR_MESSAGE_BYTES];
};

static void show(void *ctx, const struct target_set *set)
{
    struct shown *shown = ctx;
    char text[ERROR_MESSAGE_BYTES];
    text_of(&set->targets[0], text);
    if (strcmp(text, shown->last) == 0 || set->targets[0].failure.code != ERROR_NONE)
        return;
    (void)snprintf(shown->last, sizeof(shown->last), "%s", text);
    (void)puts(text);
    (void)fflush(stdout);
}

/* kubectl: what got no further for longer than it may is no longer waited for. */
static void judge(struct target *target)
{
    const char *reason = json_get_text(status_condition(target->status, "Progressing"), "reason");
    settle_judge(target);
    bool late = reason != NULL && strcmp(reason, "ProgressDeadlineExceeded") == 0 &&
                status_observed_generation(target->status) >= target->generation;
    if (!late || target->done)
        return;
    (void)error_set(&target->failure, ERROR_INVALID, "%s \"%s\" exceeded its progress deadline: `davit describe %s %s` says why",
                    target->resource->singular, target->id.name, target->resource->singular, target->id.name);
    target->done = true;
}

enum exit_code rollout_follow(struct target_set *set, struct session *session, uint64_t wait_ms, struct error *err)
{
    struct target *target = &set->targets[0];
    struct shown shown = {0};
    if (!target_wait(set, session, judge, show, &shown, wait_ms, err))
        return exit_code_of(err);
    show(&shown, set);
    if (target->failure.code != ERROR_NONE) {
        *err = target->failure;
        return EXIT_CODE_FAILED;
    }
    if (target->done || wait_ms == 0)
        return EXIT_CODE_OK;
    (void)error_set(err, ERROR_TIMEOUT, "%s \"%s\" is not rolled out within %" PRIu64 " s; it goes on, and `davit describe %s %s` says where it is",
                    target->resource->singular, target->id.name, wait_ms / 1000, target->resource->singular, target->id.name);
    return EXIT_CODE_TIMED_OUT;
}

enum exit_code rollout_status(const struct rollout *rollout, struct error *err)
{
    uint64_t wait_ms = 0;
    AUTO_TARGETS struct target_set set = {.options = rollout->options};
    if (rollout->options->node == NULL || target_means_nodes(rollout->options))
        return usage_error(err, "which one node? Give --node N, or set DAVIT_NODE");
    if (!options_wait_ms(rollout->options, FOREVER_MS, &wait_ms, err))
        return EXIT_CODE_USAGE;
    if (!target_places(&set, err))
        return exit_code_of(err);
    target_add(&set, &rollout->id, rollout->resource);
    AUTO_SESSION struct session *session = target_session(&set, err);
    if (session == NULL)
        return exit_code_of(err);
    struct target *target = &set.targets[0];
    if (!target_is_wanted(target) && target->status == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found in namespace \"%s\"%s", target->resource->plural, target->id.name,
                        target->id.namespace, target_node_note(target));
        return EXIT_CODE_NOT_FOUND;
    }
    target->generation = target_is_wanted(target) ? target_generation_of(target->desired) : 0;
    return rollout_follow(&set, session, wait_ms, err);
}

/* ---- pause, resume */

static bool set_paused(void *ctx, struct json *document, struct error *err)
{
    struct json *spec = json_get_mutable(document, "spec");
    if (spec == NULL)
        return error_set(err, ERROR_INVALID, "the document on the broker has no spec");
    json_remove(spec, "paused");
    if (*(const bool *)ctx)
        json_set_boolean(spec, "paused", true);
    return true;
}

/* One that has no such document, or is refused, holds up no other. */
static enum exit_code pause_many(const struct rollout *rollout, struct target_set *set, struct session *session, bool paused)
{
    struct fleet_summary summary = {0};
    AUTO_FREE char *done = mem_printf("%s/%s %s", rollout->resource->singular, rollout->id.name, paused ? "paused" : "resumed");
    for (size_t i = 0; i < set->count; i++) {
        struct error why = {0};
        bool changed = false, ok = edit_publish(session, &set->targets[i], set_paused, &paused, &changed, &why);
        fleet_summary_add(&summary, set->targets[i].place->node, ok ? NULL : why.message);
    }
    enum exit_code code = fleet_summary_print(&summary, done);
    fleet_summary_free(&summary);
    return code;
}

static enum exit_code pause_or_resume(const struct rollout *rollout, bool paused, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = rollout->options};
    const char *word = paused ? "paused" : "resumed";
    if (!target_means_nodes(rollout->options) && !address_check_target(rollout->options, err))
        return EXIT_CODE_USAGE;
    if (!target_places(&set, err))
        return exit_code_of(err);
    target_add(&set, &rollout->id, rollout->resource);
    if (set.count > 1 && !confirm(rollout->options, err, "have %s %s on %zu nodes", rollout->id.name, word, set.count))
        return EXIT_CODE_USAGE;
    AUTO_SESSION struct session *session = target_session(&set, err);
    if (session == NULL)
        return exit_code_of(err);
    if (set.count > 1)
        return pause_many(rollout, &set, session, paused);
    bool changed = false;
    if (!edit_publish(session, &set.targets[0], set_paused, &paused, &changed, err))
        return exit_code_of(err);
    printf("%s/%s %s%s\n", rollout->resource->singular, rollout->id.name, changed ? "" : "is already ", word);
    return EXIT_CODE_OK;
}

enum exit_code rollout_pause(const struct rollout *rollout, struct error *err)
{
    return pause_or_resume(rollout, true, err);
}

enum exit_code rollout_resume(const struct rollout *rollout, struct error *err)
{
    return pause_or_resume(rollout, false, err);
}

#include "config.h"

#include "cli/settle.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/progress.h"
#include "cli/status.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "protocol/document.h"

/* Ready, or run to its end; what nothing of runs is settled when it is accepted. */
static bool is_settled(const struct json *object, const char *kind)
{
    const char *phase = json_get_text(json_get(object, "status"), "phase");
    const char *progress = json_get_text(status_condition(object, "Progressing"), "reason");
    if (strcmp(kind, "Job") == 0)
        return status_condition_is(object, "Complete", "True");
    if (status_condition(object, "Available") != NULL)
        return status_condition_is(object, "Available", "True") && progress != NULL &&
               strcmp(progress, "NewReplicaSetAvailable") == 0;
    if (status_condition(object, "Ready") != NULL || phase != NULL)
        return status_condition_is(object, "Ready", "True") || (phase != NULL && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Bound") == 0));
    return status_condition_is(object, "Accepted", "True");
}

static const struct json *refusal_of(const struct target *target)
{
    static const char *const CONDITIONS[] = {
        [TARGET_OBJECT] = "Accepted", [TARGET_NODE] = "NodeAccepted", [TARGET_BUNDLE] = "BundleAccepted"};
    const char *type = CONDITIONS[target->kind];
    return status_condition_is(target->status, type, "False") ? status_condition(target->status, type) : NULL;
}

static int64_t observed_of(const struct target *target)
{
    const struct json *status = json_get(target->status, "status");
    int64_t device = target->kind == TARGET_NODE ? json_get_integer(json_get(status, "manifest"), "observedGeneration", 0) : 0;
    int64_t seen = json_get_integer(target->kind == TARGET_BUNDLE ? json_get(status, "bundle") : status, "observedGeneration", 0);
    return seen > device ? seen : device; /* of the two that a node may have, the newer is the one that was changed now */
}

static void fail(struct target *target, const char *reason, const char *what, const char *message)
{
    (void)snprintf(target->reason, sizeof(target->reason), "%s", reason);
    (void)text_error(&target->failure, ERROR_INVALID, "%s: %s", what, message);
    target->done = true;
}

/* True: it is decided. */
static bool judge_refusal(struct target *target)
{
    const struct json *refusal = refusal_of(target);
    const char *reason = json_get_text(refusal, "reason");
    const char *message = json_get_text(refusal, "message");
    if (refusal == NULL || json_get_integer(refusal, "refusedGeneration", 0) != target->generation)
        return false;
    reason = reason != NULL ? reason : "Refused";
    AUTO_FREE char *what = mem_printf("the node refuses it: %s", reason);
    fail(target, reason, what, message != NULL ? message : "it gives no message");
    return true;
}

static bool is_accepted(const struct target *target)
{
    return target->status != NULL && observed_of(target) >= target->generation;
}

void settle_judge_accepted(struct target *target)
{
    target->done = judge_refusal(target) || is_accepted(target);
}

/* Of two documents of one object a node runs one: that of a stronger source. A group's waits behind it, for ever. */
static bool judge_shadowed(struct target *target)
{
    const struct json *status = json_get(target->status, "status");
    const char *source = json_get_text(status, "source");
    AUTO_FREE char *own = target->group != NULL ? mem_printf("group/%s", target->group) : NULL;
    if (own == NULL || source == NULL || strcmp(source, own) == 0)
        return false;
    JSON_EACH(one, json_get(status, "shadows")) {
        if (json_text(one) == NULL || strcmp(json_text(one), own) != 0)
            continue;
        AUTO_FREE char *what = mem_printf("the node has another %s of this name, which rules", target->resource->singular);
        fail(target, "Shadowed", what, source);
        return true;
    }
    return false;
}

/* What was deleted on a node by a document of its own stays away, whatever others say. */
static bool is_masked(const struct target *target)
{
    return target->status == NULL && target_is_tombstone(target->desired) && !document_says(target->desired, DOCUMENT_UNMASK);
}

static char *unmasking(const struct target *target)
{
    return mem_printf("`davit delete %s %s --node %s --unmask` gives it back", target->resource->singular, target->id.name, target->place->node);
}

static bool judge_masked(struct target *target)
{
    if (target->group == NULL || !is_masked(target))
        return false;
    AUTO_FREE char *help = unmasking(target);
    fail(target, "Masked", "it was deleted on this node", help);
    return true;
}

void settle_judge(struct target *target)
{
    const char *phase = json_get_text(json_get(target->status, "status"), "phase");
    if (judge_refusal(target) || judge_shadowed(target) || judge_masked(target) || !is_accepted(target))
        return;
    if ((phase != NULL && strcmp(phase, "Failed") == 0) || status_condition_is(target->status, "Failed", "True")) {
        AUTO_FREE char *message = mem_printf("`davit describe %s %s` says more", target->resource->singular, target->id.name);
        fail(target, "Failed", "it ran and failed", message);
        return;
    }
    target->done = target->kind != TARGET_OBJECT || is_settled(target->status, target->resource->kind);
}

/* Of what makes pods: why it gets no further. "" where it does not say. */
static void owner_waiting(const struct json *object, const char **reason, const char **message)
{
    static const char *const CONDITIONS[] = {"Progressing", "Ready"};
    for (size_t i = 0; **message == '\0' && i < sizeof(CONDITIONS) / sizeof(CONDITIONS[0]); i++) {
        const struct json *condition = status_condition(object, CONDITIONS[i]);
        const char *why = json_get_text(condition, "reason"), *text = json_get_text(condition, "message");
        if (text == NULL || *text == '\0')
            continue;
        *reason = why != NULL ? why : "";
        *message = text;
    }
}

/* Why it is not done, as a word and as a sentence. */
static void explain(const struct target *target, const char **word, struct error *why)
{
    const char *reason;
    const char *message;
    status_waiting(target->status, &reason, &message);
    if (*reason == '\0')
        owner_waiting(target->status, &reason, &message);
    AUTO_FREE char *help = is_masked(target) ? unmasking(target) : NULL;
    *word = help != NULL ? "Masked" : !target->place->online ? "Offline" : *reason != '\0' ? reason : "TimedOut";
    if (help != NULL)
        (void)text_error(why, ERROR_TIMEOUT, "it was deleted on node %s: %s", target->place->node, help);
    else if (!is_accepted(target))
        (void)text_error(why, ERROR_TIMEOUT, "node %s has not answered%s", target->place->node, target_node_note(target));
    else if (*reason != '\0')
        (void)text_error(why, ERROR_TIMEOUT, "%s%s%s", reason, *message != '\0' ? ": " : "", message);
    else
        (void)text_error(why, ERROR_TIMEOUT, "`davit describe %s %s` says where it is", target->resource->singular,
                         target->id.name);
}

static bool is_in_refused_bundle(const struct target_set *set, size_t index)
{
    const struct target *first = &set->targets[index % set->place_count];
    return first->kind == TARGET_BUNDLE && first->failure.code != ERROR_NONE && index >= set->place_count;
}

static enum exit_code report_each(const struct target_set *set, uint64_t wait_ms)
{
    enum exit_code code = EXIT_CODE_OK;
    for (size_t i = 0; i < set->count; i++) {
        const struct target *target = &set->targets[i];
        AUTO_FREE char *name = target_name(target);
        if (!target->done) {
            const char *word;
            struct error why;
            explain(target, &word, &why);
            (void)fprintf(stderr, "davit: %s: not ready within %llu s: %s\n", name, (unsigned long long)(wait_ms / 1000),
                          why.message);
            code = code == EXIT_CODE_OK ? EXIT_CODE_TIMED_OUT : code;
        } else if (target->failure.code != ERROR_NONE) {
            if (!is_in_refused_bundle(set, i))
                (void)fprintf(stderr, "davit: %s: %s\n", name, target->failure.message);
            code = EXIT_CODE_FAILED;
        }
    }
    return code;
}

/* Of one node: the first thing that is not as it should be. */
static void sum_up_place(const struct target_set *set, size_t place, struct fleet_summary *summary, enum exit_code *code)
{
    const char *reason = NULL;
    for (size_t i = place; i < set->count && reason == NULL; i += set->place_count) {
        const struct target *target = &set->targets[i];
        struct error why;
        if (!target->done) {
            explain(target, &reason, &why);
            *code = *code == EXIT_CODE_OK ? EXIT_CODE_TIMED_OUT : *code;
        } else if (target->failure.code != ERROR_NONE) {
            reason = target->reason[0] != '\0' ? target->reason : "Refused";
            *code = EXIT_CODE_FAILED;
        }
    }
    fleet_summary_add(summary, set->places[place].node, reason);
}

enum exit_code settle_report_nodes(const struct target_set *set, const char *done)
{
    struct fleet_summary summary = {0};
    enum exit_code code = EXIT_CODE_OK;
    for (size_t i = 0; i < set->place_count; i++)
        sum_up_place(set, i, &summary, &code);
    (void)fleet_summary_print(&summary, done);
    fleet_summary_free(&summary);
    return code;
}

enum exit_code settle_wait(struct target_set *set, struct session *session, target_judge *judge, uint64_t wait_ms,
                           struct error *err)
{
    struct progress progress = {0};
    bool ok = target_wait(set, session, judge, progress_show, &progress, wait_ms, err);
    progress_end(&progress);
    if (!ok)
        return exit_code_of(err);
    return set->place_count > 1 ? settle_report_nodes(set, "done") : report_each(set, wait_ms);
}

enum exit_code settle_group(const struct target_set *group, uint64_t wait_ms, struct error *err)
{
    AUTO_TARGETS struct target_set nodes = {.options = group->options};
    if (!target_place_nodes(&nodes, err))
        return exit_code_of(err);
    for (size_t i = 0; i < group->count; i++)
        target_add(&nodes, &group->targets[i].id, group->targets[i].resource);
    for (size_t i = 0; i < nodes.count; i++) {
        nodes.targets[i].generation = group->targets[i / nodes.place_count].generation;
        nodes.targets[i].group = group->options->group;
    }
    AUTO_SESSION struct session *session = target_session(&nodes, err);
    return session != NULL ? settle_wait(&nodes, session, settle_judge, wait_ms, err) : exit_code_of(err);
}

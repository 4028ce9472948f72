/* davit apply: says to a node, by retained topics, what it is to run. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/manifest.h"
#include "cli/status.h"
#include "cli/target.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define WAIT_MS 60000
/* Of a publish packet around topic and payload: fixed header, lengths, packet id, properties. */
#define PACKET_OVERHEAD_BYTES 32

/* As canonical text without the generation, so that only what is wanted is compared. */
static char *content_of(const struct json *object)
{
    AUTO_JSON struct json *copy = json_copy(object);
    struct json *metadata = json_get_mutable(copy, "metadata");
    struct json *annotations = json_get_mutable(metadata, "annotations");
    if (annotations != NULL) {
        json_remove(annotations, "davit/generation");
        if (json_size(annotations) == 0)
            json_remove(metadata, "annotations");
    }
    return json_print_canonical(copy);
}

static bool is_unchanged(const struct target *target, const struct json *wanted)
{
    if (target->desired == NULL || target_is_tombstone(target->desired) || target_was_out_of_order(target))
        return false;
    AUTO_FREE char *old = content_of(target->desired);
    AUTO_FREE char *new = content_of(wanted);
    return strcmp(old, new) == 0;
}

/* What is to be published for a document, or nothing where the broker holds it already. */
static bool prepare(struct target *target, struct document *document, size_t packet_limit, struct error *err)
{
    target->generation = target_generation_of(target->desired);
    if (is_unchanged(target, document->object))
        return true;
    target->generation = target_next_generation(target);
    target_set_generation(document->object, target->generation);
    target->payload = json_print(document->object);
    size_t len = strlen(target->payload);
    if (len > LIMIT_DOCUMENT_BYTES)
        return error_set(err, ERROR_LIMIT, "%s: %zu bytes, and a node takes at most %d of one object", document->origin,
                         len, LIMIT_DOCUMENT_BYTES);
    size_t packet = len + strlen(target->desired_topic) + PACKET_OVERHEAD_BYTES;
    if (packet_limit > 0 && packet > packet_limit)
        return error_set(err, ERROR_LIMIT, "%s: %zu bytes, and this broker takes packets of at most %zu",
                         document->origin, len, packet_limit);
    return true;
}

static bool publish(struct session *session, const struct target *target, struct error *err)
{
    /* Asked before: what is published comes back as target->desired. */
    bool is_new = target->desired == NULL || target_is_tombstone(target->desired);
    const char *done = is_new ? "created" : "configured";
    if (target->payload == NULL)
        done = "unchanged";
    else if (!session_publish(session, target->desired_topic, target->payload, strlen(target->payload), err))
        return false;
    printf("%s/%s %s\n", target->resource->singular, target->id.name, done);
    (void)fflush(stdout);
    return true;
}

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

/* Ready, run to its end, stored, or refused. */
static void judge(struct target *target)
{
    const struct json *status = json_get(target->status, "status");
    const char *phase = json_get_text(status, "phase");
    const struct json *refusal = status_refusal(target->status);
    if (refusal != NULL && status_refused_generation(target->status) == target->generation) {
        const char *reason = json_get_text(refusal, "reason");
        const char *message = json_get_text(refusal, "message");
        (void)text_error(&target->failure, ERROR_INVALID, "the node refuses it: %s: %s",
                         reason != NULL ? reason : "Refused", message != NULL ? message : "it gives no message");
        target->done = true;
    } else if (target->status == NULL || status_observed_generation(target->status) < target->generation) {
        target->done = false;
    } else if ((phase != NULL && strcmp(phase, "Failed") == 0) || status_condition_is(target->status, "Failed", "True")) {
        (void)error_set(&target->failure, ERROR_INVALID, "it ran and failed. `davit describe %s %s` says more",
                        target->resource->singular, target->id.name);
        target->done = true;
    } else {
        target->done = is_settled(target->status, target->resource->kind);
    }
}

static void explain_timeout(const struct target_set *set, const struct target *target, uint64_t wait_ms)
{
    const char *reason;
    const char *message;
    struct error why;
    status_waiting(target->status, &reason, &message);
    if (target->status == NULL || status_observed_generation(target->status) < target->generation)
        (void)text_error(&why, ERROR_TIMEOUT, "node %s has not answered%s", set->options->node, target_node_note(set));
    else if (*reason != '\0')
        (void)text_error(&why, ERROR_TIMEOUT, "%s%s%s", reason, *message != '\0' ? ": " : "", message);
    else
        (void)text_error(&why, ERROR_TIMEOUT, "`davit describe %s %s` says where it is", target->resource->singular,
                         target->id.name);
    (void)fprintf(stderr, "davit: %s/%s: not ready within %llu s: %s\n", target->resource->singular, target->id.name,
                  (unsigned long long)(wait_ms / 1000), why.message);
}

static enum exit_code wait_for_ready(struct target_set *set, struct session *session, uint64_t wait_ms,
                                     struct error *err)
{
    enum exit_code code = EXIT_CODE_OK;
    if (!target_wait(set, session, judge, wait_ms, err))
        return exit_code_of(err);
    for (size_t i = 0; i < set->count; i++) {
        const struct target *target = &set->targets[i];
        if (!target->done) {
            explain_timeout(set, target, wait_ms);
            code = code == EXIT_CODE_OK ? EXIT_CODE_TIMED_OUT : code;
        } else if (target->failure.code != ERROR_NONE) {
            (void)fprintf(stderr, "davit: %s/%s: %s\n", target->resource->singular, target->id.name,
                          target->failure.message);
            code = EXIT_CODE_FAILED;
        }
    }
    return code;
}

static enum exit_code apply(struct target_set *set, struct manifest *manifest, uint64_t wait_ms, struct error *err)
{
    for (size_t i = 0; i < manifest->count; i++)
        target_add(set, &manifest->documents[i].id, manifest->documents[i].resource);
    AUTO_SESSION struct session *session = target_session(set, err);
    if (session == NULL)
        return exit_code_of(err);
    for (size_t i = 0; i < set->count; i++)
        if (!prepare(&set->targets[i], &manifest->documents[i], session_packet_limit(session), err))
            return exit_code_of(err);
    for (size_t i = 0; i < set->count; i++)
        if (!publish(session, &set->targets[i], err))
            return exit_code_of(err);
    return wait_ms > 0 ? wait_for_ready(set, session, wait_ms, err) : EXIT_CODE_OK;
}

enum exit_code verb_apply(const struct options *options, struct error *err)
{
    uint64_t wait_ms = 0;
    if (options->file == NULL)
        return usage_error(err, "apply what? Give -f FILE, or -f - for stdin");
    if (options->word_count > 0)
        return usage_error(err, "apply takes no \"%s\": what to apply is in the file of -f", options->words[0]);
    if (!address_check_target(options, err))
        return EXIT_CODE_USAGE;
    if (options->wait != NULL && !options_wait_ms(options, WAIT_MS, &wait_ms, err))
        return EXIT_CODE_USAGE;
    if (wait_ms > 0 && options->group != NULL)
        return usage_error(err, "--wait needs --node: which nodes are in a group only they know");
    AUTO_MANIFEST struct manifest manifest = {0};
    AUTO_TARGETS struct target_set set = {.options = options};
    if (!manifest_read(options, &manifest, err))
        return EXIT_CODE_FAILED;
    return apply(&set, &manifest, wait_ms, err);
}

#include "config.h"

#include "cli/delete.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/change.h"
#include "cli/settle.h"
#include "cli/status.h"
#include "cli/text.h"
#include "protocol/claim.h"
#include "protocol/document.h"

/* Where the node has it from; "" where it says nothing of it. */
static const char *source_of(const struct target *target)
{
    const char *source = json_get_text(json_get(target->status, "status"), "source");
    return source != NULL ? source : "";
}

/* What an owner makes; NULL: none. A group's name stands behind "group/". */
static const char *owner_of(const struct target *target)
{
    const char *source = source_of(target);
    return strchr(source, '/') != NULL && strncmp(source, "group/", 6) != 0 ? source : NULL;
}

static struct json *tombstone_of(const struct target *target, const struct options *options)
{
    char now[CLOCK_RFC3339_BYTES];
    struct json *object =
        json_new_texts("apiVersion", target->resource->api_version, "kind", target->resource->kind, NULL);
    struct json *metadata = json_set_object(object, "metadata");
    if (target->kind == TARGET_OBJECT) {
        json_set_text(metadata, "name", target->id.name);
        json_set_text(metadata, "namespace", target->id.namespace);
    }
    json_set_text(metadata, "deletionTimestamp", clock_rfc3339(clock_wall_ms(), now));
    if (options->purge)
        json_set_text(json_set_object(metadata, "annotations"), CLAIM_PURGE, "true");
    else if (options->unmask)
        json_set_text(json_set_object(metadata, "annotations"), DOCUMENT_UNMASK, "true");
    return object;
}

static void miss(struct target *target, bool nobody_minds)
{
    target->done = true;
    target->absent = nobody_minds;
    if (nobody_minds)
        return;
    (void)snprintf(target->reason, sizeof(target->reason), "NotFound");
    (void)error_set(&target->failure, ERROR_NOT_FOUND, "%s \"%s\" not found in namespace \"%s\"",
                    target->resource->plural, target->id.name, target->id.namespace);
}

/* What one would be surprised by is not done: the node would keep the object away, and its owner would wait for it. */
static bool is_of_owner(struct target *target)
{
    const char *owner = target_is_wanted(target) ? NULL : owner_of(target);
    if (owner == NULL)
        return false;
    target->done = true;
    (void)snprintf(target->reason, sizeof(target->reason), "Owned");
    (void)text_error(&target->failure, ERROR_CONFLICT, "%s \"%s\" comes from %s, which would go without it from then on: `davit restart %s` "
                      "ends it and begins it anew, `davit delete %s` takes all of it away", target->resource->singular, target->id.name,
                      owner, strcmp(target->id.resource, "pods") == 0 ? target->id.name : owner, owner);
    return true;
}

/* The node may mask it by a tombstone that the broker has no more. */
static bool is_to_be_unmasked(const struct target *target)
{
    return target->status == NULL || strcmp(source_of(target), "node") == 0;
}

/* Else nobody would know later why a group's document does not run here. */
static void tell_mask(const struct target *target)
{
    const char *source = source_of(target);
    if (!target_is_wanted(target) && target->kind == TARGET_OBJECT && (strncmp(source, "group/", 6) == 0 || strcmp(source, "all") == 0 || strcmp(source, "bundle") == 0))
        (void)fprintf(stderr, "%s \"%s\" comes from %s: it stays away from node %s until `davit delete %s %s --unmask`\n", target->resource->singular,
                      target->id.name, source, target->place->node, target->resource->singular, target->id.name);
}

static bool is_on_its_way(const struct target *target, bool purge)
{
    return target_is_tombstone(target->desired) && !document_says(target->desired, DOCUMENT_UNMASK) && !target_was_out_of_order(target) &&
           (!purge || document_says(target->desired, CLAIM_PURGE));
}

/* False where there is nothing to be deleted, or it is on its way already: then done says which. */
static bool is_to_be_published(struct target *target, const struct options *options)
{
    bool purge = options->purge, searched = options->all || options->selector != NULL;
    target->generation = target_generation_of(target->desired);
    if (target->kind == TARGET_BUNDLE && !target_is_wanted(target)) {
        target->done = true;
        return error_set(&target->failure, ERROR_NOT_FOUND, "node %s has no bundle", target->place->node);
    }
    if (options->unmask) {
        target->done = !is_to_be_unmasked(target) || (target_is_tombstone(target->desired) && document_says(target->desired, DOCUMENT_UNMASK));
        return !target->done;
    }
    if (is_of_owner(target))
        return false;
    /* What a claim held may be there still, when its object is long gone. */
    if (searched && !target_is_wanted(target)) {
        target->done = true; /* another node has it */
        return false;
    }
    if (!target_is_wanted(target) && target->status == NULL && !purge) {
        miss(target, options->ignore_missing);
        return false;
    }
    return !is_on_its_way(target, purge);
}

/* Cleared, or refused. */
static void judge(struct target *target)
{
    const struct json *refusal = status_refusal(target->status);
    if (target->kind == TARGET_BUNDLE) {
        settle_judge(target);
    } else if (target->status == NULL) {
        target->done = true;
    } else if (refusal != NULL && status_refused_generation(target->status) == target->generation) {
        const char *reason = json_get_text(refusal, "reason");
        const char *message = json_get_text(refusal, "message");
        (void)text_error(&target->failure, ERROR_INVALID, "the node refuses the deletion of %s \"%s\": %s: %s",
                         target->resource->singular, target->id.name, reason != NULL ? reason : "Refused",
                         message != NULL ? message : "it gives no message");
        target->done = true;
    }
}

/* Cleared, or what somebody else says of it runs. */
static void judge_unmasked(struct target *target)
{
    target->done = target->status == NULL || !is_to_be_unmasked(target);
    if (!target->done)
        judge(target);
}

static enum exit_code report(const struct target *target, const struct options *options, uint64_t wait_ms, const char *note)
{
    const char *done = options->unmask ? "unmasked" : "deleted";
    AUTO_FREE char *name = target->kind == TARGET_BUNDLE ? mem_printf("bundle of %s", target->place->node)
                                                         : mem_printf("%s \"%s\"", target->resource->singular, target->id.name);
    if (target->failure.code != ERROR_NONE) {
        (void)fprintf(stderr, "davit: %s\n", target->failure.message);
        return exit_code_of(&target->failure);
    }
    if (target->absent)
        return EXIT_CODE_OK;
    if (target->done || wait_ms == 0) {
        printf("%s %s%s\n", name, done, note);
        return EXIT_CODE_OK;
    }
    (void)fprintf(stderr,
                  "davit: %s: node %s has not confirmed the deletion within %llu s%s. The deletion stands on the broker; the "
                  "node does it when it reads it.\n",
                  name, target->place->node, (unsigned long long)(wait_ms / 1000), target_node_note(target));
    return EXIT_CODE_TIMED_OUT;
}

static enum exit_code report_all(const struct target_set *set, uint64_t wait_ms, const char *note)
{
    enum exit_code worst = EXIT_CODE_OK;
    if (set->place_count > 1 && wait_ms > 0)
        return settle_report_nodes(set, set->options->unmask ? "unmasked" : "deleted");
    for (size_t i = 0; i < set->count; i++) {
        enum exit_code code = report(&set->targets[i], set->options, wait_ms, note);
        worst = worst == EXIT_CODE_OK ? code : worst;
    }
    return worst;
}

enum exit_code delete_targets(struct target_set *set, const struct dry_run *dry, uint64_t wait_ms, struct error *err)
{
    AUTO_SESSION struct session *session = target_session(set, err);
    if (session == NULL)
        return exit_code_of(err);
    for (size_t i = 0; i < set->count; i++) {
        struct target *target = &set->targets[i];
        if (!is_to_be_published(target, set->options) || dry->is_dry)
            continue;
        if (!set->options->unmask && set->place_count == 1)
            tell_mask(target);
        AUTO_JSON struct json *tombstone = tombstone_of(target, set->options);
        if (!change_publish(session, target, tombstone, err))
            return exit_code_of(err);
        target->done = set->options->unmask && target->status == NULL; /* whether anybody else wants it is not known here */
    }
    if (!session_flush(session, err))
        return exit_code_of(err);
    wait_ms = dry->is_dry ? 0 : wait_ms;
    if (wait_ms > 0 && !target_wait(set, session, set->options->unmask ? judge_unmasked : judge, NULL, NULL, wait_ms, err))
        return exit_code_of(err);
    return report_all(set, wait_ms, dry->note);
}

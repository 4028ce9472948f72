/* davit delete: publishes tombstones, for only they delete (docs/protocol.md), and waits until the node has cleared. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/address.h"
#include "cli/change.h"
#include "cli/manifest.h"
#include "cli/status.h"
#include "cli/target.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define WAIT_MS 60000
#define PURGE "davit/purge" /* docs/protocol.md */

static bool add_words(struct target_set *set, struct error *err)
{
    AUTO_ADDRESS struct address address = {0};
    if (!address_words(set->options, &address, err))
        return false;
    const struct resource *resource = resource_by_word(address.type);
    if (resource == NULL)
        return error_set(err, ERROR_INVALID, "Davit knows no %s that it could delete. As: davit delete pod NAME",
                         address.type);
    if (address.count == 0)
        return error_set(err, ERROR_INVALID, "which %s? Give its name", resource->singular);
    for (size_t i = 0; i < address.count; i++) {
        struct object_id id;
        if (!address_object(set->options, resource, address.names[i], &id, err))
            return false;
        target_add(set, &id, resource);
    }
    return true;
}

static bool is_purge(const struct json *tombstone)
{
    const char *word = json_get_text(json_get(json_get(tombstone, "metadata"), "annotations"), PURGE);
    return word != NULL && strcmp(word, "true") == 0;
}

static struct json *tombstone_of(const struct target *target, bool purge)
{
    char now[CLOCK_RFC3339_BYTES];
    struct json *object =
        json_new_texts("apiVersion", target->resource->api_version, "kind", target->resource->kind, NULL);
    struct json *metadata = json_set_object(object, "metadata");
    json_set_text(metadata, "name", target->id.name);
    json_set_text(metadata, "namespace", target->id.namespace);
    json_set_text(metadata, "deletionTimestamp", clock_rfc3339(clock_wall_ms(), now));
    if (purge)
        json_set_text(json_set_object(metadata, "annotations"), PURGE, "true");
    return object;
}

/* False where there is nothing to be deleted, or it is on its way already: then done says which. */
static bool is_to_be_published(struct target *target, bool purge)
{
    target->generation = target_generation_of(target->desired);
    /* What a claim held may be there still, when its object is long gone. */
    if (!target_is_wanted(target) && target->status == NULL && !purge) {
        (void)error_set(&target->failure, ERROR_NOT_FOUND, "%s \"%s\" not found in namespace \"%s\"",
                        target->resource->plural, target->id.name, target->id.namespace);
        target->done = true;
        return false;
    }
    return !target_is_tombstone(target->desired) || target_was_out_of_order(target) || (purge && !is_purge(target->desired));
}

/* Cleared, or refused. */
static void judge(struct target *target)
{
    const struct json *refusal = status_refusal(target->status);
    if (target->status == NULL) {
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

static enum exit_code report(const struct target *target, uint64_t wait_ms)
{
    if (target->failure.code != ERROR_NONE) {
        (void)fprintf(stderr, "davit: %s\n", target->failure.message);
        return exit_code_of(&target->failure);
    }
    if (target->done || wait_ms == 0) {
        printf("%s \"%s\" deleted\n", target->resource->singular, target->id.name);
        return EXIT_CODE_OK;
    }
    (void)fprintf(stderr,
                  "davit: %s \"%s\": node %s has not confirmed the deletion within %llu s%s. The deletion stands on "
                  "the broker; the node does it when it reads it.\n",
                  target->resource->singular, target->id.name, target->place->node, (unsigned long long)(wait_ms / 1000),
                  target_node_note(target));
    return EXIT_CODE_TIMED_OUT;
}

static enum exit_code delete_all(struct target_set *set, uint64_t wait_ms, struct error *err)
{
    AUTO_SESSION struct session *session = target_session(set, err);
    if (session == NULL)
        return exit_code_of(err);
    for (size_t i = 0; i < set->count; i++) {
        struct target *target = &set->targets[i];
        if (!is_to_be_published(target, set->options->purge))
            continue;
        AUTO_JSON struct json *tombstone = tombstone_of(target, set->options->purge);
        if (!change_publish(session, target, tombstone, err))
            return exit_code_of(err);
    }
    if (wait_ms > 0 && !target_wait(set, session, judge, NULL, NULL, wait_ms, err))
        return exit_code_of(err);
    enum exit_code worst = EXIT_CODE_OK;
    for (size_t i = 0; i < set->count; i++) {
        enum exit_code code = report(&set->targets[i], wait_ms);
        worst = worst == EXIT_CODE_OK ? code : worst;
    }
    return worst;
}

enum exit_code verb_delete(const struct options *options, struct error *err)
{
    uint64_t wait_ms = 0;
    if ((options->files.count == 0) == (options->word_count == 0))
        return usage_error(err, "delete what? Give TYPE and NAME, or -f FILE, and not both");
    if (!address_check_target(options, err) || !options_wait_ms(options, WAIT_MS, &wait_ms, err))
        return EXIT_CODE_USAGE;
    AUTO_MANIFEST struct manifest manifest = {0};
    AUTO_TARGETS struct target_set set = {.options = options};
    if (!target_places(&set, err))
        return exit_code_of(err);
    if (options->files.count == 0 && !add_words(&set, err))
        return EXIT_CODE_USAGE;
    if (options->files.count > 0 && !manifest_read_names(options, &manifest, err))
        return EXIT_CODE_FAILED;
    for (size_t i = 0; i < manifest.count; i++)
        target_add(&set, &manifest.items[i].id, manifest.items[i].resource);
    for (size_t i = 0; options->purge && i < set.count; i++)
        if (strcmp(set.targets[i].id.resource, "persistentvolumeclaims") != 0)
            return usage_error(err, "--purge is for persistentvolumeclaims: a %s has no data of its own",
                               set.targets[i].resource->singular);
    return delete_all(&set, options->group != NULL ? 0 : wait_ms, err);
}

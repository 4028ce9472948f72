#include "config.h"

#include "cli/apply.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/bundle.h"
#include "cli/change.h"
#include "cli/output.h"
#include "cli/settle.h"
#include "davit/limits.h"

struct apply {
    const struct options *options;
    struct manifest *manifest;
    struct target_set set;
    struct dry_run dry;
    enum output output;
    uint64_t wait_ms;
};

/* "pod/hello created", or "pod/hello created on 3 nodes, unchanged on 997". */
static void tell(const struct apply *apply, const struct manifest_item *item, const size_t counts[CHANGE_COUNT])
{
    static const enum change ORDER[] = {CHANGE_CREATED, CHANGE_CONFIGURED, CHANGE_NONE};
    const char *separator = " ";
    if (apply->output != OUTPUT_TABLE)
        return;
    printf("%s/%s", item->resource->singular, item->id.name);
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        size_t count = counts[ORDER[i]];
        if (count == 0)
            continue;
        printf("%s%s", separator, change_word(ORDER[i]));
        if (apply->set.place_count > 1)
            printf(" on %zu node%s", count, count == 1 ? "" : "s");
        separator = ", ";
    }
    printf("%s\n", apply->dry.note);
    (void)fflush(stdout);
}

static void show_objects(const struct apply *apply)
{
    AUTO_JSON struct json *objects = json_new_array();
    for (size_t i = 0; i < apply->manifest->count; i++)
        json_add(objects, json_copy(apply->manifest->items[i].object));
    if (apply->output != OUTPUT_TABLE)
        output_objects(apply->output, objects, true);
}

/* One object, everywhere; `first` is its target at the first place. */
static bool apply_item(struct apply *apply, struct session *session, struct manifest_item *item, struct target *first,
                       struct error *err)
{
    size_t counts[CHANGE_COUNT] = {0};
    for (size_t i = 0; i < apply->set.place_count; i++) {
        struct target *target = &first[i];
        enum change change = change_of(target, item->object);
        counts[change]++;
        target->generation = target_generation_of(target->desired);
        if (change != CHANGE_NONE && !apply->dry.is_dry && !change_publish(session, target, item->object, err))
            return false;
    }
    if (!session_flush(session, err))
        return false;
    tell(apply, item, counts);
    return true;
}

static bool apply_objects(struct apply *apply, struct session *session, struct error *err)
{
    struct manifest *manifest = apply->manifest;
    size_t places = apply->set.place_count;
    for (size_t i = 0; i < manifest->count; i++)
        if (!change_check_size(&apply->set.targets[i * places], manifest->items[i].object, manifest->items[i].origin,
                               session_packet_limit(session), err))
            return false;
    for (size_t i = 0; i < manifest->count; i++)
        if (!apply_item(apply, session, &manifest->items[i], &apply->set.targets[i * places], err))
            return false;
    return true;
}

/* What becomes of each object, by the bundles that the nodes have now. */
static void tell_bundle(const struct apply *apply)
{
    for (size_t i = 0; i < apply->manifest->count; i++) {
        const struct manifest_item *item = &apply->manifest->items[i];
        size_t counts[CHANGE_COUNT] = {0};
        for (size_t place = 0; place < apply->set.place_count; place++) {
            const struct json *old = bundle_find(&apply->set.targets[place], &item->id);
            counts[old == NULL                              ? CHANGE_CREATED
                   : change_is_same(old, item->object) ? CHANGE_NONE
                                                            : CHANGE_CONFIGURED]++;
        }
        tell(apply, item, counts);
    }
}

/* The first place_count targets are the bundles themselves, those behind them what they bring. */
static bool apply_bundle(struct apply *apply, struct session *session, struct error *err)
{
    AUTO_JSON struct json *list = bundle_of(apply->manifest);
    size_t places = apply->set.place_count;
    if (apply->manifest->count > LIMIT_BUNDLE_OBJECTS)
        return error_set(err, ERROR_LIMIT, "%zu objects, and a bundle has at most %d", apply->manifest->count, LIMIT_BUNDLE_OBJECTS);
    if (!change_check_size(&apply->set.targets[0], list, "the bundle", session_packet_limit(session), err))
        return false;
    for (size_t i = 0; i < places; i++)
        if (!bundle_tell_leaving(&apply->set.targets[i], apply->manifest, apply->options->prune,
                                 apply->output == OUTPUT_TABLE ? stdout : stderr, apply->dry.note, err))
            return false;
    tell_bundle(apply);
    for (size_t i = 0; i < places; i++) {
        struct target *bundle = &apply->set.targets[i];
        bundle->generation = target_generation_of(bundle->desired);
        if (change_of(bundle, list) != CHANGE_NONE && !apply->dry.is_dry && !change_publish(session, bundle, list, err))
            return false;
        for (size_t item = i + places; item < apply->set.count; item += places)
            apply->set.targets[item].generation = bundle->generation;
    }
    return session_flush(session, err);
}

static enum exit_code apply_all(struct apply *apply, struct error *err)
{
    bool bundled = apply->options->bundle;
    if (bundled)
        target_add_own(&apply->set, TARGET_BUNDLE);
    for (size_t i = 0; i < apply->manifest->count; i++)
        target_add(&apply->set, &apply->manifest->items[i].id, apply->manifest->items[i].resource);
    AUTO_SESSION struct session *session = target_session(&apply->set, err);
    if (session == NULL || !(bundled ? apply_bundle : apply_objects)(apply, session, err))
        return exit_code_of(err);
    show_objects(apply);
    if (apply->wait_ms == 0 || apply->dry.is_dry)
        return EXIT_CODE_OK;
    if (apply->set.places[0].node == NULL)
        return settle_group(&apply->set, apply->wait_ms, err);
    return settle_wait(&apply->set, session, settle_judge, apply->wait_ms, err);
}

enum exit_code apply_manifest(const struct options *options, struct manifest *manifest, uint64_t wait_ms, struct error *err)
{
    struct apply apply = {.options = options, .manifest = manifest, .set = {.options = options}, .wait_ms = wait_ms};
    if (!dry_run_read(options, &apply.dry, err) || !output_parse(options, &apply.output, err))
        return EXIT_CODE_USAGE;
    enum exit_code code = target_places(&apply.set, err) ? apply_all(&apply, err) : exit_code_of(err);
    target_set_free(&apply.set);
    return code;
}

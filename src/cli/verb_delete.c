/* davit delete: objects, by name, file, label or all of a type; a bundle; a node. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/confirm.h"
#include "cli/delete.h"
#include "cli/manifest.h"

#define WAIT_MS 60000

static bool add_names(struct target_set *set, const struct address *address, const struct resource *resource, struct error *err)
{
    if (address->count == 0)
        return error_set(err, ERROR_INVALID, "which %s? Give its name, -l LABELS or --all", resource->singular);
    for (size_t i = 0; i < address->count; i++) {
        struct object_id id;
        if (!address_object(set->options, resource, address->names[i], &id, err))
            return false;
        target_add(set, &id, resource);
    }
    return true;
}

static bool add_typed(struct target_set *set, const struct options *options, struct error *err)
{
    AUTO_ADDRESS struct address address = {0};
    if (!address_words(options, &address, err))
        return false;
    if (strcmp(address.type, "bundle") == 0 && address.count == 0 && options->group == NULL) {
        target_add_own(set, TARGET_BUNDLE);
        return true;
    }
    const struct resource *resource = resource_by_word(address.type);
    if (resource == NULL)
        return error_set(err, ERROR_INVALID, "Davit knows no %s that it could delete. As: davit delete pod NAME",
                         address.type);
    if (!options->all && options->selector == NULL)
        return add_names(set, &address, resource, err);
    if (address.count > 0)
        return error_set(err, ERROR_INVALID, "names, or -l and --all? Give one of them");
    return delete_find(set, resource, err);
}

/* kubectl's pod/a deploy/b: one after the other, each of its own type. */
static bool add_words(struct target_set *set, struct error *err)
{
    const struct options *options = set->options;
    struct options one = *options;
    one.word_count = 1;
    if (strchr(options->words[0], '/') == NULL)
        return add_typed(set, options, err);
    for (size_t i = 0; i < options->word_count; i++) {
        one.words = &options->words[i];
        if (strchr(options->words[i], '/') == NULL)
            return error_set(err, ERROR_INVALID, "\"%s\" is not TYPE/NAME, as the words beside it are", options->words[i]);
        if (!add_typed(set, &one, err))
            return false;
    }
    return true;
}

static bool add_files(struct target_set *set, struct error *err)
{
    AUTO_MANIFEST struct manifest manifest = {0};
    if (!manifest_read_names(set->options, &manifest, err))
        return false;
    for (size_t i = 0; i < manifest.count; i++)
        target_add(set, &manifest.items[i].id, manifest.items[i].resource);
    return true;
}

static bool check_purge(const struct target_set *set, struct error *err)
{
    for (size_t i = 0; set->options->purge && i < set->count; i++)
        if (strcmp(set->targets[i].id.resource, "persistentvolumeclaims") != 0)
            return error_set(err, ERROR_INVALID, "--purge is for persistentvolumeclaims: a %s has no data of its own",
                             set->targets[i].resource->singular);
    return true;
}

/* A tombstone of a group, or of a bundle, masks nothing, and the manifests folder has none. */
static bool check_unmask(const struct target_set *set, struct error *err)
{
    const struct options *options = set->options;
    if (!options->unmask)
        return true;
    if (options->purge)
        return error_set(err, ERROR_INVALID, "--purge or --unmask? Give one of them");
    if (options->by_control || set->places[0].node == NULL || (set->count > 0 && set->targets[0].kind == TARGET_BUNDLE))
        return error_set(err, ERROR_INVALID, "--unmask is for objects of nodes, over the broker");
    return true;
}

/* What was named one by one is meant. */
static bool ask(const struct target_set *set, const struct dry_run *dry, struct error *err)
{
    const struct options *options = set->options;
    size_t objects = set->count / set->place_count;
    if (dry->is_dry)
        return true;
    if (set->place_count > 1)
        return confirm(options, err, "delete %zu object%s on %zu nodes", objects, objects == 1 ? "" : "s", set->place_count);
    return (!options->all && options->selector == NULL) || objects == 1 || confirm(options, err, "delete %zu objects", objects);
}

static enum exit_code delete_objects(const struct options *options, const struct dry_run *dry, uint64_t wait_ms, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = options};
    if (!target_places(&set, err))
        return exit_code_of(err);
    if (options->files.count > 0 && !add_files(&set, err))
        return EXIT_CODE_FAILED;
    if (options->files.count == 0 && !add_words(&set, err))
        return err->code == ERROR_INVALID ? EXIT_CODE_USAGE : exit_code_of(err);
    if (!check_purge(&set, err) || !check_unmask(&set, err) || !ask(&set, dry, err))
        return EXIT_CODE_USAGE;
    return delete_targets(&set, dry, set.places[0].node == NULL ? 0 : wait_ms, err);
}

enum exit_code verb_delete(const struct options *options, struct error *err)
{
    uint64_t wait_ms = 0;
    struct dry_run dry;
    const char *type = options->word_count > 0 ? options->words[0] : "";
    if ((options->files.count == 0) == (options->word_count == 0))
        return usage_error(err, "delete what? Give TYPE and NAME, or -f FILE, and not both");
    if (!options_wait_ms(options, WAIT_MS, &wait_ms, err) || !dry_run_read(options, &dry, err))
        return EXIT_CODE_USAGE;
    if (strcmp(type, "node") == 0 || strcmp(type, "nodes") == 0)
        return delete_nodes(options, options->words + 1, options->word_count - 1, &dry, err);
    return address_check_target(options, err) ? delete_objects(options, &dry, wait_ms, err) : EXIT_CODE_USAGE;
}

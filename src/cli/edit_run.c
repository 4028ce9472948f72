#include "config.h"

#include "cli/edit_run.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/confirm.h"

static enum exit_code edit_one(struct target *target, struct session *session, const char *done, edit_change *change, void *ctx)
{
    struct error err = {0};
    bool changed = false;
    AUTO_FREE char *name = target_name(target);
    if (!edit_publish(session, target, change, ctx, &changed, &err)) {
        (void)fprintf(stderr, "davit: %s: %s\n", name, err.message);
        return exit_code_of(&err);
    }
    bool phrase = strchr(done, ' ') != NULL; /* "not image updated" is no English */
    const char *same = strcmp(done, "labeled") == 0 || strcmp(done, "annotated") == 0 ? "not " : "already "; /* kubectl's words */
    printf("%s %s%s\n", name, changed || phrase ? "" : same, !changed && phrase ? "unchanged" : done);
    return EXIT_CODE_OK;
}

/* The same object on many nodes. */
static enum exit_code edit_many(struct target *first, size_t count, struct session *session, const char *done, edit_change *change,
                                void *ctx)
{
    struct fleet_summary summary = {0};
    size_t same = 0;
    AUTO_FREE char *name = first->kind == TARGET_NODE ? mem_strdup("nodes") : target_name(first);
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        bool changed = false;
        bool ok = edit_publish(session, &first[i], change, ctx, &changed, &err);
        if (ok && !changed)
            same++;
        else
            fleet_summary_add(&summary, first[i].place->node, ok ? NULL : err.message);
    }
    if (same > 0)
        (void)fprintf(stderr, "%s: so already on %zu of %zu nodes\n", name, same, count);
    if (same == count)
        return EXIT_CODE_OK;
    AUTO_FREE char *what = mem_printf("%s %s", name, done);
    enum exit_code code = fleet_summary_print(&summary, what);
    fleet_summary_free(&summary);
    return code;
}

enum exit_code edit_run(struct target_set *set, struct session *session, const char *done, edit_change *change, void *ctx,
                        struct error *err)
{
    enum exit_code worst = EXIT_CODE_OK;
    (void)err;
    for (size_t i = 0; i < set->count; i += set->place_count) {
        enum exit_code code = set->place_count > 1 ? edit_many(&set->targets[i], set->place_count, session, done, change, ctx)
                                                   : edit_one(&set->targets[i], session, done, change, ctx);
        worst = worst == EXIT_CODE_OK ? code : worst;
    }
    return worst;
}

static bool add_words(struct target_set *set, const char **words, size_t count, struct error *err)
{
    struct options named = *set->options;
    AUTO_ADDRESS struct address address = {0};
    named.words = words;
    named.word_count = count;
    if (!address_words(&named, &address, err))
        return false;
    const struct resource *resource = resource_by_word(address.type);
    if (resource == NULL)
        return error_set(err, ERROR_INVALID, "Davit knows no %s that it could change", address.type);
    if (address.count == 0)
        return error_set(err, ERROR_INVALID, "which %s? Give its name", resource->singular);
    for (size_t i = 0; i < address.count; i++) {
        struct object_id id;
        if (!address_object(&named, resource, address.names[i], &id, err))
            return false;
        target_add(set, &id, resource);
    }
    return true;
}

enum exit_code edit_objects(const struct options *options, const char **words, size_t count, const char *done,
                            edit_change *change, void *ctx, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = options};
    if (!address_check_target(options, err))
        return EXIT_CODE_USAGE;
    if (!target_places(&set, err))
        return exit_code_of(err);
    if (!add_words(&set, words, count, err))
        return EXIT_CODE_USAGE;
    AUTO_SESSION struct session *session = target_session(&set, err);
    return session != NULL ? edit_run(&set, session, done, change, ctx, err) : exit_code_of(err);
}

/* The words name nodes, or a selector does; by the control socket it is this device, named or not. */
static bool check_words(const struct options *options, const char ***words, size_t *count, struct error *err)
{
    for (size_t i = 0; options->by_control && i < *count; i++)
        if (strcmp((*words)[i], options->node) != 0)
            return error_set(err, ERROR_INVALID, "the control socket is of node %s alone: of %s a broker is to be asked (--broker)",
                             options->node, (*words)[i]);
    if (options->by_control) {
        *words = (const char **)&options->node;
        *count = 1;
        return true;
    }
    if (*count > 0 && fleet_is_meant(options))
        return error_set(err, ERROR_INVALID, "%s and a selector? Give one of them", (*words)[0]);
    return *count > 0 || fleet_is_meant(options) || error_set(err, ERROR_INVALID, "which node? Give its name, or --nodes, --group or -l");
}

enum exit_code edit_nodes(struct target_set *set, struct session **session, const char **words, size_t count, const char *ask,
                          const char *done, edit_change *change, void *ctx, struct error *err)
{
    const struct options *options = set->options;
    *session = NULL;
    if (!address_check(options, err) || !check_words(options, &words, &count, err))
        return EXIT_CODE_USAGE;
    if (!(count > 0 ? target_place_named(set, words, count, err) : target_place_nodes(set, err)))
        return err->code == ERROR_INVALID ? EXIT_CODE_USAGE : exit_code_of(err);
    if (ask != NULL && count == 0 && set->place_count > 1 && !confirm(options, err, "%s %zu nodes", ask, set->place_count))
        return EXIT_CODE_USAGE;
    target_add_own(set, TARGET_NODE);
    *session = target_session(set, err);
    return *session != NULL ? edit_run(set, *session, done, change, ctx, err) : exit_code_of(err);
}

/* davit cordon, uncordon, drain: whether anything starts on a node, and stays there. By its desired Node. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/drain.h"
#include "cli/edit_run.h"
#include "cli/settle.h"

#define DRAIN_TAINT "davit/drain"
#define WAIT_MS 120000
#define ACCEPT_MS 15000

/* Without the taint of a drain. */
static struct json *other_taints(const struct json *spec)
{
    struct json *others = json_new_array();
    JSON_EACH(taint, json_get(spec, "taints")) {
        const char *key = json_get_text(taint, "key");
        if (key == NULL || strcmp(key, DRAIN_TAINT) != 0)
            json_add(others, json_copy(taint));
    }
    return others;
}

static struct json *spec_of(struct json *document)
{
    struct json *spec = json_get_mutable(document, "spec");
    return spec != NULL ? spec : json_set_object(document, "spec");
}

static bool cordon(void *ctx, struct json *document, struct error *err)
{
    (void)ctx, (void)err;
    json_set_boolean(spec_of(document), "unschedulable", true);
    return true;
}

static bool uncordon(void *ctx, struct json *document, struct error *err)
{
    struct json *spec = json_get_mutable(document, "spec");
    (void)ctx, (void)err;
    if (spec == NULL)
        return true;
    json_remove(spec, "unschedulable");
    struct json *others = other_taints(spec);
    json_set(spec, "taints", others);
    if (json_size(others) == 0)
        json_remove(spec, "taints");
    if (json_size(spec) == 0)
        json_remove(document, "spec");
    return true;
}

static bool drain(void *ctx, struct json *document, struct error *err)
{
    (void)cordon(ctx, document, err);
    struct json *spec = spec_of(document), *taints = other_taints(spec);
    json_add(taints, json_new_texts("key", DRAIN_TAINT, "effect", "NoExecute", NULL));
    json_set(spec, "taints", taints);
    return true;
}

enum exit_code verb_cordon(const struct options *options, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = options};
    AUTO_SESSION struct session *session = NULL;
    return edit_nodes(&set, &session, options->words, options->word_count, "cordon", "cordoned", cordon, NULL, err);
}

/* Who keeps it closed, where that is not whom the change went to: the device, the broker, or a file that somebody wrote. */
static const char *closer(const struct target *target, bool by_control)
{
    bool by_device = json_get(json_get(target->status, "status"), "manifest") != NULL;
    bool closed = json_get_boolean(json_get(target->status, "spec"), "unschedulable", false);
    if (by_device && !by_control)
        return "somebody at the device wants it: `davit uncordon` there opens it";
    if (by_device && target->desired == NULL)
        return "a file of its manifests folder wants it: change that";
    return closed && !by_device && by_control ? "its desired Node on the broker wants it: `davit uncordon` over the broker opens it" : NULL;
}

static void tell_closed(const struct target_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *who = closer(&set->targets[i], set->options->by_control);
        if (who != NULL)
            (void)fprintf(stderr, "davit: %s stays as %s\n", set->targets[i].place->node, who);
    }
}

enum exit_code verb_uncordon(const struct options *options, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = options};
    AUTO_SESSION struct session *session = NULL;
    enum exit_code code =
        edit_nodes(&set, &session, options->words, options->word_count, "uncordon", "uncordoned", uncordon, NULL, err);
    tell_closed(&set);
    return code;
}

enum exit_code verb_drain(const struct options *options, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = options};
    AUTO_SESSION struct session *session = NULL;
    uint64_t wait_ms = 0;
    if (!options_wait_ms(options, WAIT_MS, &wait_ms, err))
        return EXIT_CODE_USAGE;
    enum exit_code code =
        edit_nodes(&set, &session, options->words, options->word_count, "drain", "draining", drain, NULL, err);
    if (code != EXIT_CODE_OK || wait_ms == 0)
        return code;
    code = settle_wait(&set, session, settle_judge_accepted, wait_ms < ACCEPT_MS ? wait_ms : ACCEPT_MS, err);
    code = code == EXIT_CODE_OK ? drain_wait(&set, wait_ms, err) : code;
    for (size_t i = 0; code == EXIT_CODE_OK && set.place_count == 1 && i < set.count; i++)
        printf("node/%s drained\n", set.targets[i].place->node);
    return code;
}

/* davit rollout history and undo: the documents that a node has accepted of an object. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/change.h"
#include "cli/edit.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/rollout.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "protocol/document.h"

static bool read_number(const char *text, int64_t *number, struct error *err)
{
    char *end = NULL;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return (errno == 0 && end != text && *end == '\0' && *number > 0) ||
           error_set(err, ERROR_INVALID, "\"%s\" is no number of a revision: `davit rollout history` lists them", text);
}

/* The node's answer; `number` 0: the list alone. */
static struct json *ask(const struct rollout *rollout, int64_t number, struct error *err)
{
    AUTO_FREE char *object = mem_printf("%s/%s", rollout->resource->plural, rollout->id.name);
    AUTO_JSON struct json *args = json_new_texts("object", object, "namespace", rollout->id.namespace, NULL);
    if (number > 0)
        json_set_integer(args, "revision", number);
    return remote_ask(rollout->options, "revisions", args, err);
}

static char *images_of(const struct json *revision)
{
    char *list = mem_strdup("");
    JSON_EACH(image, json_get(revision, "images")) {
        char *longer = mem_printf("%s%s%s", list, *list != '\0' ? "," : "", json_text(image) != NULL ? json_text(image) : "");
        free(list);
        list = longer;
    }
    return list;
}

static void print_history(const struct rollout *rollout, const struct json *answer)
{
    static const char *const HEADINGS[] = {"REVISION", "AGE", "SOURCE", "IMAGES"};
    uint64_t now_ms = clock_wall_ms();
    AUTO_TABLE struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(HEADINGS) / sizeof(HEADINGS[0]); i++)
        table_column(&table, HEADINGS[i]);
    printf("%s/%s\n", rollout->resource->singular, rollout->id.name);
    JSON_EACH(revision, json_get(answer, "revisions")) {
        char age[TABLE_AGE_BYTES];
        AUTO_FREE char *number = mem_printf("%" PRId64, json_get_integer(revision, "revision", 0));
        AUTO_FREE char *images = images_of(revision);
        (void)table_age((uint64_t)json_get_integer(revision, "acceptedMs", 0), now_ms, age);
        table_row(&table, (const char *const[]){number, age, json_get_text(revision, "source"), images});
    }
    table_print(&table);
}

enum exit_code rollout_history(const struct rollout *rollout, struct error *err)
{
    int64_t number = 0;
    enum output output;
    if (!output_parse(rollout->options, &output, err) ||
        (rollout->options->revision != NULL && !read_number(rollout->options->revision, &number, err)))
        return EXIT_CODE_USAGE;
    AUTO_JSON struct json *answer = ask(rollout, number, err);
    if (answer == NULL)
        return exit_code_of(err);
    const struct json *document = json_get(answer, "document");
    if (document != NULL) {
        AUTO_JSON struct json *list = json_new_array();
        json_add(list, json_copy(document));
        output_objects(output == OUTPUT_JSON ? OUTPUT_JSON : OUTPUT_YAML, list, true);
    } else if (output == OUTPUT_JSON || output == OUTPUT_YAML) {
        output_objects(output, json_get(answer, "revisions"), false);
    } else {
        print_history(rollout, answer);
    }
    return EXIT_CODE_OK;
}

/* ---- undo */

/* The one that is asked for, or the one before the last. 0: *err. */
static int64_t choose(const struct rollout *rollout, const struct json *answer, struct error *err)
{
    int64_t wanted = 0, last = 0, before = 0;
    bool found = false;
    if (rollout->options->to_revision != NULL && !read_number(rollout->options->to_revision, &wanted, err))
        return 0;
    JSON_EACH(revision, json_get(answer, "revisions")) {
        before = last;
        last = json_get_integer(revision, "revision", 0);
        found = found || last == wanted;
    }
    if (wanted == 0 && before == 0)
        (void)error_set(err, ERROR_NOT_FOUND, "the node has accepted one document of %s \"%s\" alone: there is nothing to go back to",
                        rollout->resource->singular, rollout->id.name);
    else if (wanted != 0 && !found)
        (void)error_set(err, ERROR_NOT_FOUND, "the node has no revision %" PRId64 " of %s \"%s\" (any more): `davit rollout history` lists them",
                        wanted, rollout->resource->singular, rollout->id.name);
    else
        return wanted != 0 ? wanted : before;
    return 0;
}

static bool replace(void *ctx, struct json *document, struct error *err)
{
    (void)err;
    JSON_EACH(part, (const struct json *)ctx)
        json_set(document, json_key(part), json_copy(part));
    AUTO_JSON struct json *old = json_copy(document);
    JSON_EACH(part, old) /* what the revision did not have */
        if (json_get(ctx, json_key(part)) == NULL)
            json_remove(document, json_key(part));
    return true;
}

static enum exit_code publish(const struct rollout *rollout, int64_t number, struct json *document, struct error *err)
{
    uint64_t wait_ms = 0;
    AUTO_TARGETS struct target_set set = {.options = rollout->options};
    bool changed = false;
    if (rollout->options->wait != NULL && !options_wait_ms(rollout->options, 60000, &wait_ms, err))
        return EXIT_CODE_USAGE;
    if (!target_places(&set, err))
        return exit_code_of(err);
    target_add(&set, &rollout->id, rollout->resource);
    AUTO_SESSION struct session *session = target_session(&set, err);
    if (session == NULL || !edit_publish(session, &set.targets[0], replace, document, &changed, err))
        return exit_code_of(err);
    printf(changed ? "%s/%s rolled back to revision %" PRId64 "\n" : "%s/%s is at revision %" PRId64 " already\n",
           rollout->resource->singular, rollout->id.name, number);
    (void)fflush(stdout);
    return wait_ms > 0 ? rollout_follow(&set, session, wait_ms, err) : EXIT_CODE_OK;
}

enum exit_code rollout_undo(const struct rollout *rollout, struct error *err)
{
    if (rollout->options->node == NULL)
        return usage_error(err, "undo goes over the broker: which node? Give --node N, or set DAVIT_NODE");
    AUTO_JSON struct json *list = ask(rollout, 0, err);
    int64_t number = list != NULL ? choose(rollout, list, err) : 0;
    AUTO_JSON struct json *answer = number > 0 ? ask(rollout, number, err) : NULL;
    AUTO_JSON struct json *document = answer != NULL ? json_copy(json_get(answer, "document")) : NULL;
    if (answer != NULL && document == NULL)
        (void)error_set(err, ERROR_NOT_FOUND, "the node does not have the document of revision %" PRId64, number);
    if (document == NULL)
        return exit_code_of(err);
    return publish(rollout, number, document, err);
}

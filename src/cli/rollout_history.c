/* davit rollout history and undo: the documents that a node has accepted of an object. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/change.h"
#include "cli/confirm.h"
#include "cli/edit.h"
#include "cli/fleet.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/rollout.h"
#include "cli/settle.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "protocol/document.h"

#define ASKED_NODES 8 /* of a group: most of them know better than one */

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
    if (fleet_is_meant(rollout->options))
        return usage_error(err, "which one node? Give --node N, or set DAVIT_NODE");
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

static enum exit_code publish(const struct rollout *rollout, const char *where, int64_t number, struct json *document,
                              uint64_t wait_ms, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = rollout->options};
    bool changed = false;
    if (!target_places(&set, err))
        return exit_code_of(err);
    target_add(&set, &rollout->id, rollout->resource);
    AUTO_SESSION struct session *session = target_session(&set, err);
    if (session == NULL || !edit_publish(session, &set.targets[0], replace, document, &changed, err))
        return exit_code_of(err);
    printf(changed ? "%s/%s rolled back to revision %" PRId64 "%s\n" : "%s/%s is at revision %" PRId64 " already%s\n",
           rollout->resource->singular, rollout->id.name, number, where);
    (void)fflush(stdout);
    if (wait_ms == 0)
        return EXIT_CODE_OK;
    return set.places[0].node == NULL ? settle_group(&set, wait_ms, err) : rollout_follow(&set, session, wait_ms, err);
}

/* The number of the revision to go back to, and its document; NULL: *err. */
static struct json *former(const struct rollout *rollout, const struct json *list, int64_t *number, struct error *err)
{
    *number = choose(rollout, list, err);
    AUTO_JSON struct json *answer = *number > 0 ? ask(rollout, *number, err) : NULL;
    const struct json *document = json_get(answer, "document");
    if (answer != NULL && document == NULL)
        (void)error_set(err, ERROR_NOT_FOUND, "the node does not have the document of revision %" PRId64, *number);
    return document != NULL ? json_copy(document) : NULL;
}

static enum exit_code undo_here(const struct rollout *rollout, const char *where, uint64_t wait_ms, struct error *err)
{
    int64_t number = 0;
    AUTO_JSON struct json *list = ask(rollout, 0, err);
    AUTO_JSON struct json *document = list != NULL ? former(rollout, list, &number, err) : NULL;
    return document != NULL ? publish(rollout, where, number, document, wait_ms, err) : exit_code_of(err);
}

/* The same for one node of many. */
static struct options options_of(const struct rollout *rollout, const char *node)
{
    struct options one = *rollout->options;
    one.node = node;
    one.node_given = true;
    one.group = one.node_selector = NULL;
    one.nodes = (struct words){0};
    return one;
}

/* Of each node its own, for they may have been told different things. */
static enum exit_code undo_each(const struct rollout *rollout, const struct fleet *fleet, uint64_t wait_ms, struct error *err)
{
    struct fleet_summary summary = {0};
    AUTO_FREE char *what = mem_printf("%s/%s rolled back", rollout->resource->singular, rollout->id.name);
    if (fleet->count > 1 && !confirm(rollout->options, err, "roll %s back on %zu nodes", rollout->id.name, fleet->count))
        return EXIT_CODE_USAGE;
    for (size_t i = 0; i < fleet->count; i++) {
        struct error why = {0};
        const struct fleet_node *node = &fleet->nodes[i];
        struct options options = options_of(rollout, node->name);
        struct rollout one = {.options = &options, .resource = rollout->resource, .id = rollout->id};
        AUTO_FREE char *where = mem_printf(" on %s", node->name);
        bool done = node->reach == FLEET_ONLINE ? undo_here(&one, where, wait_ms, &why) == EXIT_CODE_OK
                                                : error_set(&why, ERROR_UNAVAILABLE, "it is offline");
        fleet_summary_add(&summary, node->name, done ? NULL : why.message);
    }
    enum exit_code code = fleet_summary_print(&summary, what);
    fleet_summary_free(&summary);
    return code;
}

/* ---- a group's */

/* What one of its nodes says that the object was before. */
struct vote {
    const char *node;
    int64_t number;
    struct json *document;
    char content[DIGEST_HEX_BYTES];
};

struct votes {
    struct vote votes[ASKED_NODES];
    size_t count, asked;
    struct error why; /* of the first that has none */
};

static void votes_free(struct votes *votes)
{
    for (size_t i = 0; i < votes->count; i++)
        json_free(votes->votes[i].document);
}

static size_t agreeing(const struct votes *votes, const struct vote *with)
{
    size_t count = 0;
    for (size_t i = 0; i < votes->count; i++)
        count += strcmp(votes->votes[i].content, with->content) == 0;
    return count;
}

static void ask_one(const struct rollout *rollout, const char *node, const char *source, struct votes *votes)
{
    struct options options = options_of(rollout, node);
    struct rollout one = {.options = &options, .resource = rollout->resource, .id = rollout->id};
    struct error why = {0};
    struct vote *vote = &votes->votes[votes->count];
    AUTO_JSON struct json *list = ask(&one, 0, &why);
    const char *has = json_get_text(json_first(json_get(list, "revisions")), "source");
    votes->asked++;
    if (has == NULL || strcmp(has, source) != 0)
        return;
    *vote = (struct vote){.node = node};
    vote->document = former(&one, list, &vote->number, &why);
    if (vote->document == NULL) {
        votes->why = votes->why.code == ERROR_NONE ? why : votes->why;
        return;
    }
    document_content(vote->document, vote->content);
    votes->count++;
}

/* What the group said was the same for all its nodes; but a node's word alone is not to become everybody's document. What most of
 * those say that are asked is taken; where one alone can say it, a person decides.
 */
static enum exit_code decide(const struct rollout *rollout, const struct fleet *fleet, const struct votes *votes,
                             const struct vote **decided, struct error *err)
{
    const char *type = rollout->resource->singular, *name = rollout->id.name, *group = rollout->options->group;
    const struct vote *best = NULL;
    for (size_t i = 0; i < votes->count; i++)
        if (best == NULL || agreeing(votes, &votes->votes[i]) > agreeing(votes, best))
            best = &votes->votes[i];
    if (best == NULL && votes->why.code != ERROR_NONE) {
        *err = votes->why;
        return exit_code_of(err);
    }
    if (best == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "of %zu nodes of group %s that are online none has %s \"%s\" from it", votes->asked, group, type, name);
        return exit_code_of(err);
    }
    if (2 * agreeing(votes, best) <= votes->count) {
        (void)error_set(err, ERROR_CONFLICT, "the nodes of group %s do not agree what %s \"%s\" was before: see `davit rollout history %s/%s "
                        "--node %s --revision %" PRId64 " -o yaml`, and of the others, and give what is meant to `davit apply --group %s -f -`",
                        group, type, name, type, name, best->node, best->number, group);
        return exit_code_of(err);
    }
    bool alone = votes->count == 1 && fleet->count > 1;
    if (alone && !confirm(rollout->options, err, "give all of group %s what node %s alone says that %s/%s was (davit rollout history %s/%s --node %s "
                          "--revision %" PRId64 " -o yaml)", group, best->node, type, name, type, name, best->node, best->number))
        return EXIT_CODE_USAGE;
    *decided = best;
    return EXIT_CODE_OK;
}

static enum exit_code undo_group(const struct rollout *rollout, const struct fleet *fleet, uint64_t wait_ms, struct error *err)
{
    const char *group = rollout->options->group;
    AUTO_FREE char *source = strcmp(group, "all") == 0 ? mem_strdup(group) : mem_printf("group/%s", group);
    AUTO_FREE char *where = mem_printf(" in group %s", group);
    struct votes votes = {.count = 0};
    for (size_t i = 0; i < fleet->count && votes.asked < ASKED_NODES; i++)
        if (fleet->nodes[i].reach == FLEET_ONLINE)
            ask_one(rollout, fleet->nodes[i].name, source, &votes);
    const struct vote *vote = NULL;
    enum exit_code code = decide(rollout, fleet, &votes, &vote, err);
    if (code == EXIT_CODE_OK)
        code = publish(rollout, where, vote->number, vote->document, wait_ms, err);
    votes_free(&votes);
    return code;
}

enum exit_code rollout_undo(const struct rollout *rollout, struct error *err)
{
    const struct options *options = rollout->options;
    AUTO_FLEET struct fleet fleet = {0};
    uint64_t wait_ms = 0;
    bool of_group = options->group != NULL && !target_means_nodes(options);
    if (options->wait != NULL && !options_wait_ms(options, 60000, &wait_ms, err))
        return EXIT_CODE_USAGE;
    if (!fleet_is_meant(options) && options->node == NULL)
        return usage_error(err, "undo goes over the broker: which node? Give --node N, or set DAVIT_NODE");
    if (!fleet_is_meant(options))
        return undo_here(rollout, "", wait_ms, err);
    if (!fleet_find(options, &fleet, err))
        return exit_code_of(err);
    return of_group ? undo_group(rollout, &fleet, wait_ms, err) : undo_each(rollout, &fleet, wait_ms, err);
}

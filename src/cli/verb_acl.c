/* davit acl: Mosquitto's access rules, on stdout. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/acl.h"
#include "cli/address.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "davit/limits.h"
#include "protocol/desired_node.h"
#include "protocol/topic.h"

/* What the nodes' desired Nodes say of groups, as the lines of a file would. */
struct fleet {
    const char *root;
    char **lines;
    size_t count;
    size_t left_out;
};

static bool add_lines(struct acl *acl, char *text, const char *file, struct error *err)
{
    size_t number = 0;
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        number++;
        if (!acl_node(acl, line, err))
            return error_wrap(err, "%s:%zu", file, number);
    }
    return true;
}

static bool add_file(struct acl *acl, const char *file, struct error *err)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    const char *path = strcmp(file, "-") == 0 ? "/dev/stdin" : file;
    return file_read(path, LIMIT_ACL_BYTES, &text, &len, err) && add_lines(acl, text, file, err);
}

static char *line_of(const char *node, const struct document *document)
{
    struct desired_node desired;
    AUTO_STRBUF struct strbuf line;
    strbuf_init(&line, LIMIT_ACL_BYTES);
    strbuf_add(&line, node);
    desired_node_take(document->data, &desired);
    for (size_t i = 0; i < desired.groups.count; i++)
        strbuf_printf(&line, " %s", desired.groups.items[i]);
    desired_node_free(&desired);
    return strbuf_steal(&line);
}

/* What the node itself would refuse, keeping the groups that it has, is named and left out: the others' rules are not held up by it. */
static void take_node(void *ctx, const struct session_message *message)
{
    struct fleet *fleet = ctx;
    char node[LIMIT_NAME_BYTES + 1], word[LIMIT_LABEL_BYTES + 1];
    struct object_id ignored_id;
    bool has_id = false;
    struct document document;
    struct refusal refusal;
    size_t prefix = strlen(fleet->root) + strlen("/nodes/");
    size_t len = strlen(message->topic) > prefix ? strcspn(message->topic + prefix, "/") : 0;
    AUTO_FREE char *short_topic = mem_printf("%.*s/desired", (int)(prefix + len), message->topic);
    if (message->len == 0 || !topic_node_parse(fleet->root, short_topic, node, word, &ignored_id, &has_id))
        return;
    if (!desired_node_read(node, message->payload, message->len, &document, &refusal)) {
        (void)fprintf(stderr, "davit: node %s is left out, for its desired Node is none (%s: %s). Mend it: davit label node %s …\n", node,
                      refusal.reason, text_clean(refusal.message), node);
        fleet->left_out++;
        return;
    }
    if (!document.tombstone) {
        fleet->lines = mem_resize(fleet->lines, fleet->count + 1, sizeof(*fleet->lines));
        fleet->lines[fleet->count++] = line_of(node, &document);
    }
    document_free(&document);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_fleet(struct acl *acl, const struct options *options, size_t *left_out, struct error *err)
{
    struct fleet fleet = {.root = options->root};
    AUTO_FREE char *topic = mem_printf("%s/nodes/+/desired/node", options->root);
    const char *topics[] = {topic};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, take_node, &fleet, err);
    bool ok = session != NULL && session_sync(session, err);
    if (fleet.count > 1)
        qsort(fleet.lines, fleet.count, sizeof(*fleet.lines), by_text);
    for (size_t i = 0; i < fleet.count; i++) {
        ok = ok && acl_node(acl, fleet.lines[i], err);
        free(fleet.lines[i]);
    }
    free(fleet.lines);
    *left_out = fleet.left_out;
    return ok;
}

static bool add_files(struct acl *acl, const struct options *options, struct error *err)
{
    for (size_t i = 0; i < options->files.count; i++)
        if (!add_file(acl, options->files.list[i], err))
            return false;
    return true;
}

static bool add_nodes(struct acl *acl, const struct options *options, size_t *left_out, struct error *err)
{
    if (!acl_begin(acl, err))
        return false;
    if (options->node_given) {
        AUTO_FREE char *line = mem_printf("%s %s", options->node, options->groups != NULL ? options->groups : "");
        if (!acl_node(acl, line, err))
            return false;
    }
    if (!add_files(acl, options, err) || (options->from_broker && !add_fleet(acl, options, left_out, err)))
        return false;
    /* Last: the rules of a site stand below its `user`, and these begin others. */
    for (size_t i = 0; i < options->revoked.count; i++)
        if (!acl_revoked(acl, options->revoked.list[i], err))
            return false;
    return true;
}

static bool add_operators(const struct acl *acl, const struct options *options, struct error *err)
{
    for (size_t i = 0; i < options->operators.count; i++)
        if (!acl_operator(acl, options->operators.list[i], options->read_only, err))
            return false;
    return true;
}

static bool check_usage(const struct options *options, struct error *err)
{
    if (options->word_count > 0)
        return error_set(err, ERROR_INVALID, "acl takes no \"%s\": the node is --node's", options->words[0]);
    if (options->groups != NULL && !options->node_given)
        return error_set(err, ERROR_INVALID, "--groups are those of --node N");
    if (options->read_only && options->operators.count == 0)
        return error_set(err, ERROR_INVALID, "--read-only is of an operator: --operator WHO");
    return address_check(options, err);
}

enum exit_code verb_acl(const struct options *options, struct error *err)
{
    AUTO_STRBUF struct strbuf out;
    AUTO_JSON struct json *groups = json_new_object();
    struct acl acl = {.root = options->root, .site = options->site, .out = &out, .groups = groups};
    bool has_nodes = options->node_given || options->files.count > 0 || options->from_broker || options->site != NULL || options->revoked.count > 0;
    size_t left_out = 0;
    strbuf_init(&out, LIMIT_ACL_BYTES);
    if (!check_usage(options, err))
        return EXIT_CODE_USAGE;
    if ((has_nodes || options->operators.count == 0) && !add_nodes(&acl, options, &left_out, err))
        return err->code == ERROR_INVALID ? EXIT_CODE_USAGE : exit_code_of(err);
    if (!add_operators(&acl, options, err))
        return EXIT_CODE_USAGE;
    if (out.overflow) {
        (void)error_set(err, ERROR_LIMIT, "more than %d bytes of rules", LIMIT_ACL_BYTES);
        return EXIT_CODE_FAILED;
    }
    (void)fputs(out.data, stdout);
    if (left_out == 0)
        return EXIT_CODE_OK;
    (void)error_set(err, ERROR_INVALID, "%zu of the fleet left out: with these rules they would read no group but \"all\"", left_out);
    return EXIT_CODE_FAILED;
}

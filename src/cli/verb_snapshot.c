/* davit snapshot, davit rollback: the disks of a virtual machine as they were, and back to them. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/vm_word.h"
#include "davit/limits.h"

static void print_list(const struct json *answer)
{
    AUTO_TABLE struct table table;
    table_init(&table);
    table_column(&table, "NAME");
    table_column(&table, "AGE");
    JSON_EACH(one, json_get(answer, "snapshots")) {
        char age[TABLE_AGE_BYTES];
        const char *const cells[] = { json_get_text(one, "name"),
                                      table_age((uint64_t)json_get_integer(one, "createdMs", 0), clock_wall_ms(), age) };
        table_row(&table, cells);
    }
    if (table.rows > 0)
        table_print(&table);
    else
        (void)fputs("No snapshots found.\n", stderr);
}

/* What the node answered, as it came, but for what makes it an answer. */
static void print_answer(enum output output, const struct json *answer)
{
    static const char *const outer[] = { "op", "ok", "id" };
    AUTO_JSON struct json *list = json_new_array();
    struct json *one = json_copy(answer);
    for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++)
        json_remove(one, outer[i]);
    json_add(list, one);
    output_objects(output, list, true);
}

static struct json *request_of(const struct options *options, const char *object, const char *name)
{
    struct json *args = json_new_texts("object", object, "namespace", options->ns, NULL);
    json_set_text(args, "do", options->list ? "list" : options->delete_name != NULL ? "delete" : "take");
    if (options->delete_name != NULL)
        json_set_text(args, "name", options->delete_name);
    else if (name != NULL)
        json_set_text(args, "name", name);
    return args;
}

static void print_result(const struct options *options, enum output output, const char *object, const struct json *answer)
{
    const char *name = json_get_text(answer, "name");
    AUTO_FREE char *title = vm_word_title(object);
    if (output == OUTPUT_JSON || output == OUTPUT_YAML)
        print_answer(output, answer);
    else if (options->list)
        print_list(answer);
    else
        printf("snapshot %s of %s %s\n", name != NULL ? name : "?", title, options->delete_name != NULL ? "deleted" : "taken");
}

enum exit_code verb_snapshot(const struct options *options, struct error *err)
{
    enum output output;
    size_t at = 0;
    char *read = NULL;
    if (!output_parse(options, &output, err) || !vm_word_read(options, &at, &read, err))
        return EXIT_CODE_USAGE;
    AUTO_FREE char *object = read;
    const char *name = at < options->word_count ? options->words[at++] : NULL;
    if (at < options->word_count || (name != NULL) + options->list + (options->delete_name != NULL) > 1)
        return usage_error(err, "snapshot takes a virtual machine, and one of: a new name, --list, --delete SNAP");
    AUTO_JSON struct json *args = request_of(options, object, name);
    AUTO_JSON struct json *answer = remote_ask_for(options, "snapshot", args, LIMIT_SNAPSHOT_MS, err);
    if (answer == NULL)
        return exit_code_of(err);
    print_result(options, output, object, answer);
    return EXIT_CODE_OK;
}

enum exit_code verb_rollback(const struct options *options, struct error *err)
{
    size_t at = 0;
    char *read = NULL;
    if (!vm_word_read(options, &at, &read, err))
        return EXIT_CODE_USAGE;
    AUTO_FREE char *object = read;
    if (at + 1 != options->word_count)
        return usage_error(err, "back to which snapshot? As: davit rollback vm/hmi before-update");
    AUTO_JSON struct json *args = json_new_texts("object", object, "namespace", options->ns, "name", options->words[at], NULL);
    if (options->force)
        json_set_boolean(args, "force", true);
    AUTO_JSON struct json *answer = remote_ask_for(options, "rollback", args, LIMIT_SNAPSHOT_MS, err);
    if (answer == NULL)
        return exit_code_of(err);
    AUTO_FREE char *title = vm_word_title(object);
    printf("%s is back at snapshot %s\n", title, options->words[at]);
    return EXIT_CODE_OK;
}

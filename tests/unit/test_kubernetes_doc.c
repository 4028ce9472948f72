/* The tables of docs/kubernetes.md and docs/virtual-machines.md against the decoder: what they say is honoured is decoded, what
 * they say is ignored is not, nothing that is decoded is missing, and each test that they name exists. DAVIT_DUMP=1 prints what
 * is decoded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "protocol/pod_fields.h"
#include "protocol/service_fields.h"
#include "protocol/vm_fields.h"
#include "unit.h"

#define DOC_BYTES (256 * 1024)
#define PATHS_MAX 2048

struct paths {
    char *items[PATHS_MAX];
    bool told[PATHS_MAX];
    size_t count;
};

static struct paths decoded;
static const char *doc;

static void collect(const struct field_table *table, const char *above)
{
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        bool many = field->type == FIELD_OBJECTS;
        AUTO_FREE char *path = mem_printf("%s.%s%s", above, field->name, many ? "[]" : "");
        if (field->nested != NULL && field->nested->fields[0].name != NULL) {
            collect(field->nested, path);
            continue;
        }
        assert_true(decoded.count < PATHS_MAX);
        decoded.items[decoded.count++] = mem_steal(&path);
    }
}

static bool is_decoded(const char *path, bool tell)
{
    size_t len = strlen(path);
    bool found = false;
    for (size_t i = 0; i < decoded.count; i++)
        if (strncmp(decoded.items[i], path, len) == 0 && strchr(".[", decoded.items[i][len]) != NULL) {
            found = true; /* itself (a NUL), or what is below it */
            decoded.told[i] = decoded.told[i] || (tell && decoded.items[i][len] == '\0');
        }
    return found;
}

static char *source_path(const char *name)
{
    const char *sources = getenv("srcdir");
    return mem_printf("%s/%s", sources == NULL ? ".." : sources, name);
}

static bool test_exists(const char *name)
{
    AUTO_FREE char *below = mem_printf("tests/%s", name);
    AUTO_FREE char *path = source_path(below);
    return access(path, F_OK) == 0;
}

/* Each way through the braces of "a.{b,c}.d". */
static void expand(const char *pattern, const char *state)
{
    const char *open = strchr(pattern, '{');
    if (open == NULL) {
        bool honoured = strcmp(state, "honoured") == 0;
        if (is_decoded(pattern, honoured) != honoured)
            fail_msg("%s says that %s is %s", doc, pattern, state);
        return;
    }
    const char *close = strchr(open, '}');
    assert_non_null(close);
    for (const char *word = open + 1; word < close;) {
        size_t len = strcspn(word, ",}");
        AUTO_FREE char *one = mem_printf("%.*s%.*s%s", (int)(open - pattern), pattern, (int)len, word, close + 1);
        expand(one, state);
        word += len + 1;
    }
}

/* "| `path` | state | test |" */
static void take_row(char *row)
{
    char *cells[3], *rest = row + 1;
    for (size_t i = 0; i < 3; i++) {
        char *cell = strsep(&rest, "|");
        assert_non_null(cell);
        cell += strspn(cell, " `");
        for (size_t len = strlen(cell); len > 0 && strchr(" `", cell[len - 1]) != NULL; len--)
            cell[len - 1] = '\0';
        cells[i] = cell;
    }
    bool ignored = strcmp(cells[1], "ignored") == 0;
    if (strcmp(cells[1], "honoured") != 0 && strcmp(cells[1], "refused") != 0 && !ignored)
        fail_msg("%s: \"%s\" is none of honoured, ignored and refused", cells[0], cells[1]);
    expand(cells[0], cells[1]);
    if (!ignored && !test_exists(cells[2]))
        fail_msg("%s: there is no tests/%s", cells[0], cells[2]);
}

/* Every row that begins with one of two words is looked at, and every decoded path is to be in one. */
static void check_table(const char *first, const char *second, size_t least)
{
    AUTO_FREE char *path = source_path(doc);
    AUTO_FREE char *text = NULL;
    struct error err;
    size_t len = 0, rows = 0;
    for (size_t i = 0; getenv("DAVIT_DUMP") != NULL && i < decoded.count; i++)
        printf("%s\n", decoded.items[i]);
    if (!file_read(path, DOC_BYTES, &text, &len, &err))
        fail_msg("%s", err.message);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (strncmp(line, first, strlen(first)) == 0 || strncmp(line, second, strlen(second)) == 0) {
            take_row(line);
            rows++;
        }
    assert_true(rows > least);
    for (size_t i = 0; i < decoded.count; i++) {
        if (!decoded.told[i])
            fail_msg("%s does not tell of %s", doc, decoded.items[i]);
        free(decoded.items[i]);
    }
    memset(&decoded, 0, sizeof(decoded));
}

static void the_table_of_pods_is_what_the_decoder_does(void **state)
{
    (void)state;
    doc = "docs/kubernetes.md";
    collect(&pod_table, "spec");
    collect(&service_table, "Service spec");
    check_table("| `spec.", "| `Service spec.", 50);
}

static void the_table_of_machines_is_what_the_decoder_does(void **state)
{
    (void)state;
    doc = "docs/virtual-machines.md";
    collect(&vm_table, "VirtualMachine spec");
    check_table("| `VirtualMachine spec.", "| `VirtualMachine spec.", 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_table_of_pods_is_what_the_decoder_does),
                                        cmocka_unit_test(the_table_of_machines_is_what_the_decoder_does) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

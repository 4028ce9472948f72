/* Documents in the shape of KubeVirt's own examples (tests/flow/kubevirt): each is taken, and nothing of it is ignored but what
 * its line "# ignored:" names.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yaml.h"
#include "protocol/document.h"

#define FILE_BYTES (64 * 1024)
#define FILES_MIN 20
#define IGNORED "# ignored: "

/* Adds what is ignored of one document, with a space before each. */
static void take(const char *path, const struct json *json, struct strbuf *ignored)
{
    struct document document;
    struct refusal refusal = { 0 };
    AUTO_FREE char *text = json_print(json);

    if (!document_read(NULL, text, strlen(text), &document, &refusal))
        fail_msg("%s: %s: %s", path, refusal.reason, refusal.message);
    for (size_t i = 0; i < document.ignored.paths.count; i++)
        strbuf_printf(ignored, " %s", document.ignored.paths.items[i]);
    document_free(&document);
}

static bool has_word(const char *words, const char *word, size_t len)
{
    for (const char *at = words; (at = strstr(at, word)) != NULL; at++)
        if (at > words && at[-1] == ' ' && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

/* Every word of the one is in the other. */
static void assert_within(const char *path, const char *words, const char *others, const char *what)
{
    for (const char *at = words + strspn(words, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        AUTO_FREE char *word = mem_strndup(at, len);
        if (!has_word(others, word, len))
            fail_msg("%s: %s %s", path, word, what);
        at += len;
    }
}

static void check_file(const char *path)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRBUF struct strbuf ignored;
    struct error err;
    size_t len = 0;

    strbuf_init(&ignored, FILE_BYTES);
    strbuf_printf(&ignored, " ");
    if (!file_read(path, FILE_BYTES, &text, &len, &err))
        fail_msg("%s", err.message);
    const char *line = strstr(text, IGNORED);
    assert_non_null(line);
    size_t length = strcspn(line, "\n") - strlen(IGNORED);
    AUTO_FREE char *said = mem_printf(" %.*s", (int)length, line + strlen(IGNORED));
    AUTO_JSON struct json *documents = yaml_parse(text, len, &err);
    if (documents == NULL)
        fail_msg("%s: %s", path, err.message);
    assert_true(json_size(documents) > 0);
    JSON_EACH(document, documents)
        take(path, document, &ignored);
    assert_within(path, ignored.data, said, "is ignored, and its comment does not say so");
    if (strcmp(said, " none") != 0)
        assert_within(path, said, ignored.data, "is not ignored, and its comment says so");
}

static void documents_of_others_are_taken(void **state)
{
    const char *sources = getenv("srcdir");
    AUTO_FREE char *pattern = mem_printf("%s/tests/flow/kubevirt/*.yaml", sources == NULL ? ".." : sources);
    glob_t found;

    (void)state;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= FILES_MIN);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_file(found.gl_pathv[i]);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(documents_of_others_are_taken) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kubectl's JSONPath templates. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "cli/jsonpath.h"

#define ITEMS                                                                                                          \
    "{\"kind\":\"List\",\"items\":["                                                                                   \
    "{\"metadata\":{\"name\":\"a\",\"annotations\":{\"davit.dev/x\":\"1\"}},\"status\":{\"restarts\":3,\"ready\":true," \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"Other\",\"status\":\"False\"}]}},"           \
    "{\"metadata\":{\"name\":\"b\"},\"status\":{\"restarts\":0,\"ready\":false,\"conditions\":[]}},"                   \
    "{\"metadata\":{\"name\":\"c\"},\"status\":{\"restarts\":12}}]}"

static void is_filled(const char *text, const char *expected)
{
    struct error err = {0};
    struct json *root = json_parse(ITEMS, strlen(ITEMS), &err);
    if (!jsonpath_check(text, &err))
        fail_msg("%s", err.message);
    char *filled = jsonpath_fill(text, root, " ");
    if (strcmp(filled, expected) != 0)
        fail_msg("%s: %s, not %s", text, filled, expected);
    free(filled);
    json_free(root);
}

static void paths_lead_to_all_that_fits(void **state)
{
    (void)state;
    is_filled("{.kind}", "List");
    is_filled("{$.kind}", "List");
    is_filled("{.items[*].metadata.name}", "a b c");
    is_filled("{.items[*]['metadata','status'].name}", "a b c");
    is_filled("{['kind']}", "List");
    is_filled("{.items[0].metadata.name}", "a");
    is_filled("{.items[-1].metadata.name}", "c");
    is_filled("{.items[-2].metadata.name}", "b");
    is_filled("{.items[0:2].metadata.name}", "a b");
    is_filled("{.items[1:].metadata.name}", "b c");
    is_filled("{.items[:-1].metadata.name}", "a b");
    is_filled("{.items[0:3:2].metadata.name}", "a c");
    is_filled("{.items[7].metadata.name}", "");
    is_filled("{..name}", "a b c");
    is_filled("{.items[0].metadata.*}", "a {\"davit.dev/x\":\"1\"}");
    is_filled("{.items[0].metadata.annotations.davit\\.dev/x}", "1");
    is_filled("{.items[*].status.restarts}", "3 0 12");
    is_filled("{.items[0].status.ready}", "true");
    is_filled("{.nothing.there}", "");
}

static void filters_compare(void **state)
{
    (void)state;
    is_filled("{.items[?(@.metadata.name==\"b\")].status.restarts}", "0");
    is_filled("{.items[?(@.metadata.name!='b')].metadata.name}", "a c");
    is_filled("{.items[?(@.status.restarts>2)].metadata.name}", "a c");
    is_filled("{.items[?(@.status.restarts <= 3)].metadata.name}", "a b");
    is_filled("{.items[?(@.status.ready==true)].metadata.name}", "a");
    is_filled("{.items[?(@.status.ready)].metadata.name}", "a b");
    is_filled("{.items[0].status.conditions[?(@.type==\"Ready\")].status}", "True");
    is_filled("{.items[?(@.nothing==\"x\")].metadata.name}", "");
}

static void ranges_and_texts_make_lines(void **state)
{
    (void)state;
    is_filled("names: {range .items[*]}{.metadata.name}={.status.restarts}{\"\\n\"}{end}.", "names: a=3\nb=0\nc=12\n.");
    is_filled("{range .items[*]}{.metadata.name}{range .status.conditions[*]}{\"\\t\"}{@.type}{end};{end}", "a\tReady\tOther;b;c;");
    is_filled("{range .nothing[*]}{.x}text{end}", "");
    is_filled("{'a'}{\"\\\"\"} b", "a\" b");
    is_filled("", "");
}

static void what_is_no_template_is_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"{.kind",           "{kind}",          "{.items[}",        "{.items[0}",     "{.items[x]}",
                                      "{range .items[*]}", "{end}",           "{\"open}",         "{.items[?(@.a}", "{.items[?(x==1)]}",
                                      "{.a..}",           "{range .a}{.b..}{end}", "{.items[?@.a]}", "{.items[0:3:0]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        if (jsonpath_check(bad[i], &err) || err.code != ERROR_INVALID)
            fail_msg("taken: %s", bad[i]);
    }
}

static void a_path_alone_may_be_written_without_braces(void **state)
{
    (void)state;
    static const char *const same[] = {"a.b", ".a.b", "{.a.b}"};
    for (size_t i = 0; i < 3; i++) {
        char *path = jsonpath_of_path(same[i]);
        assert_string_equal(path, "{.a.b}");
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_all_that_fits),
        cmocka_unit_test(filters_compare),
        cmocka_unit_test(ranges_and_texts_make_lines),
        cmocka_unit_test(what_is_no_template_is_named),
        cmocka_unit_test(a_path_alone_may_be_written_without_braces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

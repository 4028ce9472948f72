/* Differences of texts, against what `diff -u` prints of the same. */
#include "unit.h"

#include <string.h>

#include "cli/unified.h"

#define ONE_TO_TWELVE "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"

static void differs(const char *old_text, const char *new_text, const char *hunks)
{
    struct strbuf out;
    strbuf_init(&out, 65536);
    assert_true(unified_diff("a", "b", old_text, new_text, &out));
    assert_memory_equal(out.data, "--- a\n+++ b\n", 12);
    assert_string_equal(out.data + 12, hunks);
    strbuf_free(&out);
}

static void the_same_is_nothing(void **state)
{
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 65536);
    assert_false(unified_diff("a", "b", ONE_TO_TWELVE, ONE_TO_TWELVE, &out));
    assert_null(out.data);
}

static void a_line_has_three_around_it(void **state)
{
    (void)state;
    differs(ONE_TO_TWELVE, "1\n2\n3\n4\n5\nsix\n7\n8\n9\n10\n11\n12\n",
            "@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n");
}

static void what_is_far_apart_is_two_hunks(void **state)
{
    (void)state;
    differs(ONE_TO_TWELVE, "one\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ntwelve\n",
            "@@ -1,4 +1,4 @@\n-1\n+one\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n 10\n 11\n-12\n+twelve\n");
}

static void what_is_near_is_one(void **state)
{
    (void)state;
    differs("1\n2\n3\n4\n5\n6\n7\n8\n", "one\n2\n3\n4\n5\n6\n7\neight\n",
            "@@ -1,8 +1,8 @@\n-1\n+one\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+eight\n");
}

static void from_and_to_nothing(void **state)
{
    (void)state;
    differs("", "1\n2\n", "@@ -0,0 +1,2 @@\n+1\n+2\n");
    differs("1\n2\n", "", "@@ -1,2 +0,0 @@\n-1\n-2\n");
}

static void a_line_that_moved_is_kept_where_most_is(void **state)
{
    (void)state;
    differs("a\nb\nc\nd\n", "b\nc\nd\na\n", "@@ -1,4 +1,4 @@\n-a\n b\n c\n d\n+a\n");
}

static void what_is_too_large_is_replaced_whole(void **state)
{
    struct strbuf old_text, new_text, out;
    (void)state;
    strbuf_init(&old_text, 1 << 20);
    strbuf_init(&new_text, 1 << 20);
    strbuf_init(&out, 1 << 20);
    for (size_t i = 0; i < 3000; i++) {
        strbuf_printf(&old_text, "line %zu\n", i);
        strbuf_printf(&new_text, "line %zu\n", i % 2 == 0 ? i : 10000 + i);
    }
    strbuf_add(&new_text, "end\n");
    assert_true(unified_diff("a", "b", old_text.data, new_text.data, &out));
    assert_non_null(strstr(out.data, "@@ -1,3000 +1,3001 @@\n line 0\n-line 1\n-line 2\n"));
    strbuf_free(&old_text);
    strbuf_free(&new_text);
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_nothing),
        cmocka_unit_test(a_line_has_three_around_it),
        cmocka_unit_test(what_is_far_apart_is_two_hunks),
        cmocka_unit_test(what_is_near_is_one),
        cmocka_unit_test(from_and_to_nothing),
        cmocka_unit_test(a_line_that_moved_is_kept_where_most_is),
        cmocka_unit_test(what_is_too_large_is_replaced_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

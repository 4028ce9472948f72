#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"

static void text_grows_as_it_is_added(void **state)
{
    struct strbuf buf;

    (void)state;
    strbuf_init(&buf, 100000);
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&buf, "%03d,", i);
    assert_int_equal(buf.len, 4000);
    assert_memory_equal(buf.data, "000,001,", 8);
    assert_string_equal(buf.data + 3996, "999,");
    assert_false(buf.overflow);
    strbuf_free(&buf);
}

static void the_cap_is_reached_but_not_passed(void **state)
{
    struct strbuf buf;

    (void)state;
    strbuf_init(&buf, 5);
    strbuf_add(&buf, "abcde");
    assert_false(buf.overflow);
    strbuf_add(&buf, "f");
    assert_true(buf.overflow);
    assert_string_equal(buf.data, "abcde");
    strbuf_add_bytes(&buf, "", 0);
    assert_true(buf.overflow);
    strbuf_free(&buf);
}

static void after_an_overflow_nothing_shorter_slips_in(void **state)
{
    struct strbuf buf;

    (void)state;
    strbuf_init(&buf, 5);
    strbuf_add(&buf, "too long");
    strbuf_add(&buf, "ab");
    assert_true(buf.overflow);
    assert_int_equal(buf.len, 0);
    strbuf_free(&buf);
}

static void an_empty_buffer_gives_an_empty_text(void **state)
{
    struct strbuf buf;

    (void)state;
    strbuf_init(&buf, 5);
    char *text = strbuf_steal(&buf);
    assert_string_equal(text, "");
    free(text);
    strbuf_add(&buf, "again");
    text = strbuf_steal(&buf);
    assert_string_equal(text, "again");
    assert_null(buf.data);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_as_it_is_added),
        cmocka_unit_test(the_cap_is_reached_but_not_passed),
        cmocka_unit_test(after_an_overflow_nothing_shorter_slips_in),
        cmocka_unit_test(an_empty_buffer_gives_an_empty_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

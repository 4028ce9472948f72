#include "config.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

static void context_stands_before_the_cause(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(error_set(&err, ERROR_LIMIT, "over %d bytes", 7));
    assert_false(error_wrap(&err, "reading %s", "x"));
    assert_string_equal(err.message, "reading x: over 7 bytes");
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void an_errno_is_a_code_and_a_sentence(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(error_set_errno(&err, ENOSPC, "writing %s", "/x"));
    assert_int_equal(err.code, ERROR_NO_SPACE);
    assert_string_equal(err.message, "writing /x: No space left on device");
    error_set_errno(&err, EXDEV, "x");
    assert_int_equal(err.code, ERROR_IO);
}

static void a_message_may_hold_the_one_before(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_IO, "inner");
    error_set(&err, ERROR_DENIED, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");
}

static void long_messages_are_cut_and_ended(void **state)
{
    struct error err = {0};
    AUTO_FREE char *text = mem_alloc(5000);

    (void)state;
    memset(text, 'x', 4999);
    error_set(&err, ERROR_IO, "%s", text);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 1);
    error_wrap(&err, "%s", "context");
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 1);
    assert_memory_equal(err.message, "context: xxx", 12);
    error_wrap(&err, "%s", text);
    assert_true(strlen(err.message) < ERROR_MESSAGE_BYTES);
    error_set_errno(&err, ENOENT, "%s", text);
    assert_non_null(strstr(err.message, "x: No such file"));
}

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int code = ERROR_NONE; code <= ERROR_INTERNAL; code++)
        assert_int_equal(error_code_from_name(error_code_name((enum error_code)code)), code);
    assert_int_equal(error_code_from_name("Sunny"), ERROR_INTERNAL);
    assert_int_equal(error_code_from_name(NULL), ERROR_INTERNAL);
}

static void a_time_is_shown_in_utc(void **state)
{
    char text[CLOCK_RFC3339_BYTES];

    (void)state;
    assert_string_equal(clock_rfc3339(1795421820999, text), "2026-11-23T08:17:00Z");
    assert_string_equal(clock_rfc3339(0, text), "1970-01-01T00:00:00Z");
    assert_int_equal(strlen(clock_boot_id()), 36);
    assert_true(clock_boot_ms() > 0 && clock_wall_ms() > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_stands_before_the_cause),  cmocka_unit_test(an_errno_is_a_code_and_a_sentence),
        cmocka_unit_test(a_message_may_hold_the_one_before), cmocka_unit_test(long_messages_are_cut_and_ended),
        cmocka_unit_test(every_code_has_its_own_name),      cmocka_unit_test(a_time_is_shown_in_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tables and ages, as kubectl shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/table.h"

#define NOW_MS 1795410958000ULL

static void age_is(uint64_t seconds, const char *expected)
{
    char text[TABLE_AGE_BYTES];
    assert_string_equal(table_age(NOW_MS - seconds * 1000, NOW_MS, text), expected);
}

static void ages_change_units_as_kubectl_does(void **state)
{
    (void)state;
    age_is(0, "0s");
    age_is(119, "119s");
    age_is(120, "2m");
    age_is(192, "3m12s");
    age_is(600, "10m");
    age_is(10799, "179m");
    age_is(10800, "3h");
    age_is(11100, "3h5m");
    age_is(28800, "8h");
    age_is(172799, "47h");
    age_is(172800, "2d");
    age_is(183600, "2d3h");
    age_is(691200, "8d");
    age_is(86400 * 729, "729d");
    age_is(86400 * 731, "2y1d");
    age_is(86400ULL * 365 * 9, "9y");
}

static void an_age_without_a_beginning_is_unknown(void **state)
{
    char text[TABLE_AGE_BYTES];
    (void)state;
    assert_string_equal(table_age(0, NOW_MS, text), "<unknown>");
}

static void a_beginning_in_the_future_has_no_age(void **state)
{
    char text[TABLE_AGE_BYTES];
    (void)state;
    assert_string_equal(table_age(NOW_MS + 5000, NOW_MS, text), "0s");
}

static void a_wide_cell_moves_its_column_and_bytes_are_not_characters(void **state)
{
    const char *const plain[] = {"a", "b"};
    const char *const umlauts[] = {"\xC3\xA4\xC3\xB6\xC3\xBC!", ""};
    (void)state;
    AUTO_TABLE struct table table;
    table_init(&table);
    table_column(&table, "X");
    table_column(&table, "Y");
    table_row(&table, plain);
    assert_int_equal(table.widths[0], 1);
    table_row(&table, umlauts);
    assert_int_equal(table.widths[0], 4);
    assert_string_equal(table.cells[3], "<none>");
}

static void control_characters_do_not_pass(void **state)
{
    const char *const cells[] = {"a\x1b[2J\n\x7f"};
    (void)state;
    AUTO_TABLE struct table table;
    table_init(&table);
    table_column(&table, "X");
    table_row(&table, cells);
    assert_string_equal(table.cells[0], "a?[2J??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_change_units_as_kubectl_does),
        cmocka_unit_test(an_age_without_a_beginning_is_unknown),
        cmocka_unit_test(a_beginning_in_the_future_has_no_age),
        cmocka_unit_test(a_wide_cell_moves_its_column_and_bytes_are_not_characters),
        cmocka_unit_test(control_characters_do_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

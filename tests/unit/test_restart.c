/* When a container is started again. */
#include "unit.h"

#include "model/restart.h"

static void policy_decides_who_runs_again(void **state)
{
    (void)state;
    const struct ending good = { .exit_code = 0 };
    const struct ending bad = { .exit_code = 1 };
    assert_true(restart_wanted(RESTART_ALWAYS, &good));
    assert_true(restart_wanted(RESTART_ALWAYS, &bad));
    assert_false(restart_wanted(RESTART_ON_FAILURE, &good));
    assert_true(restart_wanted(RESTART_ON_FAILURE, &bad));
    assert_false(restart_wanted(RESTART_NEVER, &good));
    assert_false(restart_wanted(RESTART_NEVER, &bad));
}

static void first_restart_is_at_once_then_delays_double_to_five_minutes(void **state)
{
    (void)state;
    static const uint64_t ladder_ms[] = { 0, 0, 10000, 20000, 40000, 80000, 160000, 300000, 300000, 300000 };
    for (size_t i = 0; i < sizeof(ladder_ms) / sizeof(ladder_ms[0]); i++)
        assert_int_equal(restart_delay_ms((int64_t)i), ladder_ms[i]);
    assert_int_equal(restart_delay_ms(1000000), 300000);
    assert_int_equal(restart_delay_ms(INT64_MAX), 300000);
}

static void failing_calls_wait_from_one_second_on(void **state)
{
    (void)state;
    assert_int_equal(restart_failure_delay_ms(0), 0);
    assert_int_equal(restart_failure_delay_ms(1), 1000);
    assert_int_equal(restart_failure_delay_ms(2), 2000);
    assert_int_equal(restart_failure_delay_ms(9), 256000);
    assert_int_equal(restart_failure_delay_ms(10), 300000);
    assert_int_equal(restart_failure_delay_ms(UINT64_MAX), 300000);
}

static struct ending ran(uint64_t ms)
{
    return (struct ending){ .exit_code = 1, .started_ms = 5000, .finished_ms = 5000 + ms, .finished_boot_ms = 70000 };
}

static void ends_in_a_row_raise_the_level(void **state)
{
    (void)state;
    struct container_memory memory = { .begun = -1, .ended = -1 };
    for (int64_t attempt = 0; attempt < 4; attempt++) {
        struct ending ending = ran(100);
        restart_remember(&memory, attempt, &ending);
        assert_int_equal(memory.backoff, attempt + 1);
        assert_int_equal(memory.ended, attempt);
        assert_int_equal(memory.begun, attempt);
    }
    assert_int_equal(restart_due_boot_ms(&memory, false), 70000 + 40000);
}

static void remembering_twice_changes_nothing(void **state)
{
    (void)state;
    struct container_memory memory = { .begun = 3, .ended = 2, .backoff = 2 };
    struct ending ending = ran(100);
    restart_remember(&memory, 3, &ending);
    struct container_memory once = memory;
    ending.exit_code = 99;
    restart_remember(&memory, 3, &ending);
    restart_remember(&memory, 1, &ending);
    assert_memory_equal(&memory, &once, sizeof(memory));
}

static void ten_good_minutes_reset_the_level(void **state)
{
    (void)state;
    struct container_memory memory = { .begun = 6, .ended = 5, .backoff = 6 };
    struct ending just_not = ran(RESTART_RESET_MS - 1);
    restart_remember(&memory, 6, &just_not);
    assert_int_equal(memory.backoff, 7);
    struct ending good = ran(RESTART_RESET_MS);
    restart_remember(&memory, 7, &good);
    assert_int_equal(memory.backoff, 1);
    assert_int_equal(restart_due_boot_ms(&memory, false), good.finished_boot_ms);
}

static void a_run_of_unknown_length_is_no_good_one(void **state)
{
    (void)state;
    struct container_memory memory = { .begun = 2, .ended = 2, .backoff = 3 };
    const struct ending unknown = { .exit_code = 137, .finished_ms = 1795410958000 };
    restart_remember(&memory, 3, &unknown);
    assert_int_equal(memory.backoff, 4);
    struct ending clock_set_back = { .exit_code = 1, .started_ms = 9000000, .finished_ms = 1000 };
    restart_remember(&memory, 4, &clock_set_back);
    assert_int_equal(memory.backoff, 5);
}

static void an_end_in_an_earlier_boot_delays_nothing(void **state)
{
    (void)state;
    struct container_memory memory = { .begun = 4, .ended = 4, .backoff = 5 };
    memory.last.finished_boot_ms = 0;
    assert_int_equal(restart_due_boot_ms(&memory, false), 0);
    memory.last.finished_boot_ms = 1;
    assert_int_equal(restart_due_boot_ms(&memory, false), 1 + 80000);
    memory.ended = -1;
    assert_int_equal(restart_due_boot_ms(&memory, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_decides_who_runs_again),
        cmocka_unit_test(first_restart_is_at_once_then_delays_double_to_five_minutes),
        cmocka_unit_test(failing_calls_wait_from_one_second_on),
        cmocka_unit_test(ends_in_a_row_raise_the_level),
        cmocka_unit_test(remembering_twice_changes_nothing),
        cmocka_unit_test(ten_good_minutes_reset_the_level),
        cmocka_unit_test(a_run_of_unknown_length_is_no_good_one),
        cmocka_unit_test(an_end_in_an_earlier_boot_delays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A clock that was never set, is set, and is set by years. */
#include "core/request_record.h"
#include "telemetrykit.h"

static void a_clock_that_was_never_set_tells_no_times(void **state)
{
    struct corekit *kit = *state;
    uint64_t right = kit->wall;
    kit->wall = UNSET_MS;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    static const char *const topics[] = { HELLO_METRICS, METRICS, NODE_TOPIC "/state", NODE_TOPIC "/presence",
                                          NODE_TOPIC "/state/default/pods/hello" };
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (told(kit, topics[i], "ts") != -2 || told(kit, topics[i], "createdAt") != -2)
            fail_msg("%s: %s", topics[i], kit_held(kit, topics[i]));
    assert_null(strstr(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "1970-"));
    assert_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "1970-"));
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "\"ClockUnset\""));
    assert_int_equal(told(kit, NODE_TOPIC "/state", "problems"), 1);
    AUTO_FREE char *events = json_print(kit->events);
    assert_non_null(strstr(events, "\"Started\""));
    assert_null(strstr(events, "1970-"));
    free(kit_calls(kit));
    uint64_t age = kit->wall - UNSET_MS;
    kit->wall = right;
    kit_settle(kit);
    kit_advance(kit, 1000);
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (strcmp(topics[i], HELLO_METRICS) != 0 && strcmp(topics[i], METRICS) != 0 && told(kit, topics[i], "ts") < (int64_t)right)
            fail_msg("%s: %s", topics[i], kit_held(kit, topics[i]));
    assert_int_equal(told(kit, NODE_TOPIC "/state", "problems"), 0);
    int64_t created = told(kit, NODE_TOPIC "/state/default/pods/hello", "createdAt");
    assert_int_equal(created, right - age); /* computed afterwards */
    AUTO_FREE char *calls = kit_calls(kit);
    assert_null(strstr(calls, "stop"));
    assert_int_equal(kit_running(kit), 1);
}

static void samples_without_a_time_get_theirs_when_it_is_known(void **state)
{
    struct corekit *kit = *state;
    uint64_t right = kit->wall;
    kit->wall = UNSET_MS;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    go_away(kit);
    measure(kit, 60 * MI);
    uint64_t then = kit->now;
    come_back(kit);
    kit_advance(kit, 5000);
    assert_int_equal(json_size(kit->history), 0); /* held back */
    kit->wall = right;
    kit_settle(kit);
    kit_advance(kit, 1000);
    assert_true(json_size(kit->history) >= 1);
    AUTO_FREE char *line = mem_printf(HELLO_HISTORY " {\"ts\":%" PRIu64 ",", kit->wall - (kit->now - then) - 0);
    assert_memory_equal(json_text(json_first(kit->history)), line, strlen(line) - 5); /* to a few seconds */
}

static void expires_is_not_held_against_a_clock_that_was_never_set(void **state)
{
    struct corekit *kit = *state;
    uint64_t right = kit->wall;
    AUTO_FREE char *request = mem_printf("{\"id\":\"1\",\"expires\":%" PRIu64 "}", right + 60000);
    AUTO_FREE char *late = mem_printf("{\"id\":\"2\",\"expires\":%" PRIu64 "}", right - 60000);
    kit->wall = UNSET_MS;
    begin(kit);
    kit_message(kit, NODE_TOPIC "/request/ping/anna", request, LIVE, NO_SEQ);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/response/anna/1"), "\"ok\":true"));
    assert_null(strstr(kit_held(kit, NODE_TOPIC "/response/anna/1"), "\"ts\""));
    kit->wall = right;
    kit_message(kit, NODE_TOPIC "/request/ping/anna", late, LIVE, NO_SEQ);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/response/anna/2"), "Expired"));
}

/* Ten years forwards and back: nothing stops, nothing is forgotten. */
static void a_step_of_the_clock_ends_nothing(void **state)
{
    struct corekit *kit = *state;
    const uint64_t years_ms = 10ull * 365 * 24 * 3600000, day_ms = 24 * 3600000ull;
    const int64_t steps[] = { (int64_t)years_ms, -2 * (int64_t)years_ms, (int64_t)years_ms, 0 };
    kit_set(kit, "telemetry.interval=0");
    begin(kit);
    static const char gone[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"gone\","
                               "\"deletionTimestamp\":\"2026-11-25T00:00:00Z\",\"annotations\":{\"davit/generation\":\"2\"}}}";
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, NODE_TOPIC "/desired/default/pods/gone", mem_strdup(gone), LIVE);
    kit_message(kit, NODE_TOPIC "/request/restart/anna", "{\"id\":\"r\",\"pod\":\"gone\"}", LIVE, NO_SEQ);
    size_t requests = request_records_count(kit->core);
    assert_int_equal(requests, 1);
    free(kit_calls(kit));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        kit->wall += (uint64_t)steps[i];
        kit_settle(kit);
        kit_advance(kit, day_ms + 1000); /* a look at old tombstones */
        assert_int_equal(objects_count(&kit->core->objects), 2);
        AUTO_FREE char *other = mem_printf("{\"id\":\"%zu\",\"pod\":\"gone\"}", i);
        kit_message(kit, NODE_TOPIC "/request/restart/anna", other, LIVE, NO_SEQ); /* makes room, by age */
        assert_int_equal(request_records_count(kit->core), ++requests);
        AUTO_FREE char *calls = kit_calls(kit);
        assert_string_equal(calls, "");
    }
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_state_has(kit, "hello", "\"restarts\":0"));
}

/* A tombstone that was accepted before the clock was set is as old as the setting of it. */
static void a_tombstone_without_a_date_is_not_ninety_days_old(void **state)
{
    struct corekit *kit = *state;
    const uint64_t day_ms = 24 * 3600000ull, right = kit->wall;
    kit_set(kit, "telemetry.interval=0");
    kit->wall = UNSET_MS;
    begin(kit);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    kit->wall = right;
    for (int day = 0; day < 89; day++)
        kit_advance(kit, day_ms);
    assert_int_equal(objects_count(&kit->core->objects), 1);
    for (int day = 0; day < 3; day++)
        kit_advance(kit, day_ms);
    assert_int_equal(objects_count(&kit->core->objects), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_clock_that_was_never_set_tells_no_times),
        TEST(samples_without_a_time_get_theirs_when_it_is_known),
        TEST(expires_is_not_held_against_a_clock_that_was_never_set),
        TEST(a_step_of_the_clock_ends_nothing),
        TEST(a_tombstone_without_a_date_is_not_ninety_days_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Metrics and their history, through the core: when it samples, what it tells, what it keeps and what it then sends. */
#include "telemetrykit.h"

/* ---- metrics */

static void what_moved_is_told_and_what_did_not_after_the_silence(void **state)
{
    struct corekit *kit = *state;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 50 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "ts"), kit->wall);
    assert_int_equal(told(kit, HELLO_METRICS, "restarts_total"), 0);
    measure(kit, 54 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 50 * MI); /* within 10 % */
    measure(kit, 56 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 56 * MI);
    uint64_t last = kit->wall;
    while (kit->wall + INTERVAL_MS < last + SILENCE_MS)
        measure(kit, 57 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 56 * MI);
    measure(kit, 57 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 57 * MI);
}

static void the_node_is_measured_too(void **state)
{
    struct corekit *kit = *state;
    double cores = -1;
    struct error err;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    assert_int_equal(told(kit, METRICS, "memory_bytes"), 100 * MI);
    assert_int_equal(told(kit, METRICS, "memory_available_bytes"), 300 * MI);
    assert_int_equal(told(kit, METRICS, "disk_bytes"), 100 * MI);
    assert_int_equal(told(kit, METRICS, "disk_available_bytes"), 900 * (int64_t)MI);
    assert_int_equal(told(kit, METRICS, "pods"), 1);
    machine.cpu_ns += INTERVAL_MS * INT64_C(500000);
    measure(kit, 50 * MI);
    const char *text = kit_held(kit, METRICS);
    AUTO_JSON struct json *json = json_parse(text, strlen(text), &err);
    assert_true(json_number(json_get(json, "cpu_cores"), &cores) && cores > 0.49 && cores < 0.51);
}

static void one_list_call_an_interval_and_none_where_it_is_off(void **state)
{
    struct corekit *kit = *state;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    free(kit_calls(kit));
    measure(kit, 50 * MI);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, "stats ");
    kit_set(kit, "telemetry.interval=0");
    begin(kit);
    free(kit_calls(kit));
    kit_advance(kit, 10 * INTERVAL_MS);
    AUTO_FREE char *none = kit_calls(kit);
    assert_null(strstr(none, "stats"));
}

static void a_runtime_that_hangs_is_asked_once(void **state)
{
    struct corekit *kit = *state;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    kit->runtime_waits = true;
    free(kit_calls(kit));
    for (int i = 0; i < 6; i++)
        kit_advance(kit, INTERVAL_MS);
    AUTO_FREE char *calls = kit_calls(kit);
    const char *first = strstr(calls, "stats");
    assert_true(first != NULL && strstr(first + 1, "stats") == NULL);
    assert_true(kit->wake_ms > kit->now); /* and nobody spins */
    core_runtime_down(kit->core, "killed");
    kit_settle(kit);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 50 * MI); /* it may well run */
    kit->runtime_waits = false;
    kit_runtime_up(kit);
    measure(kit, 70 * MI);
    measure(kit, 70 * MI);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 70 * MI);
}

static void what_ended_has_no_metrics_and_what_is_gone_no_topic(void **state)
{
    struct corekit *kit = *state;
    begin(kit);
    run_hello(kit, "\"restartPolicy\":\"Never\",");
    measure(kit, 50 * MI);
    kit_exit(kit, 0);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 50 * MI);
    kit->stats = "{\"instances\":[],\"pods\":{}}";
    kit_advance(kit, INTERVAL_MS);
    assert_string_equal(kit_held(kit, HELLO_METRICS), "");
    json_remove(kit->broker, HELLO_METRICS);
    kit_advance(kit, INTERVAL_MS);
    assert_null(kit_held(kit, HELLO_METRICS)); /* once */
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_string_equal(kit_held(kit, HELLO_METRICS), "");
}

static void a_new_connection_hears_the_newest_at_once(void **state)
{
    struct corekit *kit = *state;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    measure(kit, 51 * MI);
    go_away(kit);
    json_remove(kit->broker, HELLO_METRICS);
    json_remove(kit->broker, METRICS);
    kit_connect(kit);
    assert_null(kit_held(kit, HELLO_METRICS)); /* not before the flood is over */
    kit_flood_over(kit);
    assert_int_equal(told(kit, HELLO_METRICS, "memory_bytes"), 51 * MI);
    assert_int_equal(told(kit, METRICS, "pods"), 1);
}

/* ---- history */

static void what_was_measured_meanwhile_is_sent_oldest_first_with_its_own_time(void **state)
{
    struct corekit *kit = *state;
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    go_away(kit);
    measure(kit, 60 * MI);
    uint64_t first = kit->wall;
    measure(kit, 60 * MI); /* the same deadband: not kept */
    measure(kit, 80 * MI);
    uint64_t second = kit->wall;
    assert_int_equal(json_size(kit->history), 0);
    come_back(kit);
    kit_advance(kit, 1000);
    assert_int_equal(json_size(kit->history), 2);
    AUTO_FREE char *begin_one = mem_printf(HELLO_HISTORY " {\"ts\":%" PRIu64 ",", first);
    AUTO_FREE char *begin_other = mem_printf(HELLO_HISTORY " {\"ts\":%" PRIu64 ",", second);
    assert_memory_equal(json_text(json_first(kit->history)), begin_one, strlen(begin_one));
    assert_memory_equal(json_text(json_next(json_first(kit->history))), begin_other, strlen(begin_other));
    kit_advance(kit, 10000);
    assert_int_equal(json_size(kit->history), 2); /* once */
    assert_int_equal(kept, 0); /* nothing is written to flash unasked */
    AUTO_FREE char *folder = mem_printf("%s/history", kit->folder);
    assert_int_not_equal(access(folder, F_OK), 0);
}

static void they_are_sent_no_faster_than_the_rate(void **state)
{
    struct corekit *kit = *state;
    kit_set(kit, "telemetry.history_rate=2");
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    go_away(kit);
    for (int i = 0; i < 5; i++)
        measure(kit, (100 + 50 * i) * (int64_t)MI);
    come_back(kit);
    size_t sent = 0;
    for (int i = 0; i < 4; i++) {
        size_t before = sent;
        sent = json_size(kit->history);
        assert_true(sent <= before + 2);
        kit_advance(kit, 1000);
    }
    assert_int_equal(json_size(kit->history), 5);
}

static void a_full_memory_loses_the_oldest_and_says_so(void **state)
{
    struct corekit *kit = *state;
    kit_set(kit, "telemetry.history_memory=1K");
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    go_away(kit);
    for (int i = 0; i < 20; i++)
        measure(kit, (100 + 100 * i) * (int64_t)MI);
    come_back(kit);
    kit_advance(kit, 1000);
    kit_advance(kit, 1000);
    size_t sent = json_size(kit->history);
    assert_true(sent > 0 && sent < 10);
    assert_non_null(strstr(json_text(json_first(kit->history)), "memory_bytes"));
    assert_int_equal(kit_event_count(kit, "HistoryLost"), 1);
    measure(kit, 50 * MI);
    for (uint64_t i = 0; i < SILENCE_MS; i += INTERVAL_MS)
        measure(kit, 50 * MI);
    assert_true(told(kit, METRICS, "history_lost_total") >= 10);
    assert_int_equal(told(kit, METRICS, "history_samples"), 0);
}

static void use_disk(struct corekit *kit)
{
    kit_set(kit, "telemetry.history_disk=1M");
    begin(kit);
    run_hello(kit, "");
    measure(kit, 50 * MI);
    go_away(kit);
    measure(kit, 60 * MI);
}

static void on_the_disk_they_outlive_davitd(void **state)
{
    struct corekit *kit = *state;
    use_disk(kit);
    uint64_t first = kit->wall;
    for (int i = 0; i < 29; i++)
        measure(kit, 60 * MI);
    assert_int_equal(kept, 0); /* once in five minutes */
    measure(kit, 90 * MI);
    assert_int_equal(kept, 1);
    measure(kit, 200 * MI); /* lost with this davitd, for it is killed */
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    come_back(kit);
    kit_advance(kit, 6000);
    kit_advance(kit, 1000);
    AUTO_FREE char *begin_one = mem_printf(HELLO_HISTORY " {\"ts\":%" PRIu64 ",", first);
    assert_memory_equal(json_text(json_first(kit->history)), begin_one, strlen(begin_one));
    AUTO_FREE char *all = json_print(kit->history);
    assert_non_null(strstr(all, "94371840")); /* 90 Mi */
    assert_null(strstr(all, "209715200"));
    kit_advance(kit, 2000);
    AUTO_FREE char *file = mem_printf("%s/history/00000001.history", kit->folder);
    assert_int_not_equal(access(file, F_OK), 0); /* what was sent is gone */
}

static void an_orderly_end_keeps_all_of_it(void **state)
{
    struct corekit *kit = *state;
    use_disk(kit);
    telemetry_keep_now(kit->core);
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    come_back(kit);
    kit_advance(kit, 6000);
    AUTO_FREE char *all = json_print(kit->history);
    assert_non_null(strstr(all, "62914560")); /* 60 Mi */
}

static void a_disk_that_takes_nothing_loses_nothing_that_memory_holds(void **state)
{
    struct corekit *kit = *state;
    use_disk(kit);
    disk_problem = "no space left";
    for (int i = 0; i < 70; i++)
        measure(kit, 60 * MI);
    assert_int_equal(kept, 2);
    struct history_files files;
    AUTO_FREE char *folder = mem_printf("%s/history", kit->folder);
    history_files_read(folder, &files);
    assert_int_equal(files.count, 0);
    history_files_free(&files);
    come_back(kit);
    kit_advance(kit, 1000);
    AUTO_FREE char *all = json_print(kit->history);
    assert_non_null(strstr(all, "62914560"));
}

static void a_full_quota_of_the_disk_loses_the_oldest_file(void **state)
{
    struct corekit *kit = *state;
    kit_set(kit, "telemetry.history_memory=4K");
    kit_set(kit, "telemetry.history_disk=3000");
    begin(kit);
    run_hello(kit, "");
    go_away(kit);
    for (int i = 0; i < 200; i++)
        measure(kit, (100 + 100 * (i % 7)) * (int64_t)MI);
    AUTO_FREE char *folder = mem_printf("%s/history", kit->folder);
    struct history_files files;
    history_files_read(folder, &files);
    assert_true(files.count >= 1 && files.bytes <= 3000);
    history_files_free(&files);
    come_back(kit);
    for (int i = 0; i < 20; i++)
        kit_advance(kit, 1000);
    assert_int_equal(kit_event_count(kit, "HistoryLost"), 1);
    assert_true(json_size(kit->history) > 5);
}

static void write_file(const struct corekit *kit, uint64_t number, size_t count)
{
    AUTO_FREE char *folder = mem_printf("%s/history", kit->folder);
    AUTO_FREE char *path = history_file_path(folder, number);
    AUTO_STRBUF struct strbuf text;
    struct error err;
    strbuf_init(&text, 65536);
    for (size_t i = 0; i < count; i++) {
        struct history_sample *sample = history_sample_new(kit->wall, kit->now, "boot", mem_strdup(""), mem_strdup("{\"pods\":1}"));
        history_write_line(sample, &text);
        history_sample_free(sample);
    }
    assert_true(history_file_append(path, text.data, text.len, &err));
}

static size_t lost(const struct corekit *kit)
{
    struct metrics metrics = { 0 };
    struct machine ignored;
    (void)telemetry_of_node(kit->core, &metrics, &ignored);
    return (size_t)metrics.values[METRIC_HISTORY_LOST];
}

static void files_that_go_while_the_first_is_read_are_counted_each(void **state)
{
    struct corekit *kit = *state;
    write_file(kit, 1, 10);
    write_file(kit, 2, 40);
    kit_set(kit, "telemetry.history_memory=4K");
    kit_set(kit, "telemetry.history_disk=3000");
    reads_wait = true;
    begin(kit);
    kit_advance(kit, 1000);
    assert_int_equal(late_samples.count, 10);
    run_hello(kit, "");
    go_away(kit);
    for (int i = 0; i < 60 && kept == 0; i++)
        measure(kit, (100 + 100 * (i % 7)) * (int64_t)MI);
    assert_int_equal(kept, 1);
    assert_int_equal(lost(kit), 40);
    core_samples_read(kit->core, &late_samples, 0);
    assert_int_equal(lost(kit), 50);
}

/* ---- discovery */

static void home_assistant_is_told_once_and_forgets_what_goes(void **state)
{
    struct corekit *kit = *state;
    static const char topic[] = "homeassistant/sensor/davit_press-7/default_pods_hello_memory/config";
    static const char node[] = "homeassistant/sensor/davit_press-7/state/config";
    begin(kit);
    run_hello(kit, "");
    assert_null(kit_held(kit, topic)); /* only where the configuration says so */
    kit_set(kit, "telemetry.home_assistant=homeassistant");
    begin(kit);
    assert_non_null(strstr(kit_held(kit, topic), HELLO_METRICS));
    assert_non_null(kit_held(kit, node));
    json_remove(kit->broker, topic);
    kit_message(kit, HELLO, "{}", LIVE, NO_SEQ); /* it is told of again: refused */
    assert_null(kit_held(kit, topic));
    go_away(kit);
    come_back(kit);
    assert_non_null(kit_held(kit, topic));
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_string_equal(kit_held(kit, topic), "");
    assert_non_null(strstr(kit_held(kit, node), "press-7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_moved_is_told_and_what_did_not_after_the_silence),
        TEST(the_node_is_measured_too),
        TEST(one_list_call_an_interval_and_none_where_it_is_off),
        TEST(a_runtime_that_hangs_is_asked_once),
        TEST(what_ended_has_no_metrics_and_what_is_gone_no_topic),
        TEST(a_new_connection_hears_the_newest_at_once),
        TEST(what_was_measured_meanwhile_is_sent_oldest_first_with_its_own_time),
        TEST(they_are_sent_no_faster_than_the_rate),
        TEST(a_full_memory_loses_the_oldest_and_says_so),
        TEST(on_the_disk_they_outlive_davitd),
        TEST(an_orderly_end_keeps_all_of_it),
        TEST(a_disk_that_takes_nothing_loses_nothing_that_memory_holds),
        TEST(a_full_quota_of_the_disk_loses_the_oldest_file),
        TEST(files_that_go_while_the_first_is_read_are_counted_each),
        TEST(home_assistant_is_told_once_and_forgets_what_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

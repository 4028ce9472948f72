/* What is worth telling, how it is written, and what is kept of it while nobody hears. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "core/history_files.h"
#include "model/history.h"
#include "model/metrics.h"
#include "protocol/discovery.h"
#include "protocol/metrics_text.h"
#include "unit.h"

#define MI 1048576.0

static bool moved(const struct deadband *deadband, enum metric metric, double told, double now)
{
    struct metrics before = { 0 }, after = { 0 };
    metrics_set(&before, metric, told);
    metrics_set(&after, metric, now);
    return metrics_moved(deadband, &before, &after);
}

/* ---- the deadband */

static void a_gauge_moves_by_more_than_its_step_and_its_share(void **state)
{
    struct deadband deadband;
    (void)state;
    deadband_init(&deadband);
    assert_false(moved(&deadband, METRIC_CPU_CORES, 0.01, 0.06)); /* five times as much, and still nothing */
    assert_true(moved(&deadband, METRIC_CPU_CORES, 0.01, 0.0601));
    assert_false(moved(&deadband, METRIC_CPU_CORES, 2, 2.4)); /* far over the step, within the share */
    assert_true(moved(&deadband, METRIC_CPU_CORES, 2, 2.41));
    assert_true(moved(&deadband, METRIC_CPU_CORES, 2, 1.59));
    assert_false(moved(&deadband, METRIC_MEMORY_BYTES, 10 * MI, 14 * MI));
    assert_true(moved(&deadband, METRIC_MEMORY_BYTES, 10 * MI, 14 * MI + 1));
    assert_true(moved(&deadband, METRIC_PODS, 3, 4));
}

static void a_counter_moves_by_its_step_alone_and_by_going_back(void **state)
{
    struct deadband deadband;
    (void)state;
    deadband_init(&deadband);
    assert_false(moved(&deadband, METRIC_NETWORK_RECEIVE_BYTES, 1000 * MI, 1001 * MI));
    assert_true(moved(&deadband, METRIC_NETWORK_RECEIVE_BYTES, 1000 * MI, 1001 * MI + 1)); /* a thousandth of it */
    assert_true(moved(&deadband, METRIC_NETWORK_RECEIVE_BYTES, 5, 4));
    assert_true(moved(&deadband, METRIC_RESTARTS, 100, 101));
}

static void a_companion_never_moves_but_coming_and_going_does(void **state)
{
    struct deadband deadband;
    struct metrics one = { 0 }, other = { 0 };
    (void)state;
    deadband_init(&deadband);
    assert_false(moved(&deadband, METRIC_UPTIME_SECONDS, 1, 1e9));
    assert_false(metrics_moved(&deadband, &one, &other));
    metrics_set(&other, METRIC_CPU_CORES, 0);
    assert_true(metrics_moved(&deadband, &one, &other));
    assert_true(metrics_moved(&deadband, &other, &one));
}

static void a_deadband_is_read(void **state)
{
    struct deadband deadband;
    struct error err;
    (void)state;
    assert_true(deadband_read(" 5%, cpu_cores:0.002 memory_bytes:1Mi", &deadband, &err));
    assert_true(fabs(deadband.share - 0.05) < 1e-9);
    assert_true(fabs(deadband.steps[METRIC_CPU_CORES] - 0.002) < 1e-9);
    assert_true(fabs(deadband.steps[METRIC_MEMORY_BYTES] - MI) < 1e-9);
    assert_true(deadband.steps[METRIC_PIDS] == metric_rules[METRIC_PIDS].step);
    assert_true(deadband_read("", &deadband, &err));
    assert_true(deadband.steps[METRIC_CPU_CORES] == metric_rules[METRIC_CPU_CORES].step);
    static const char *const wrong[] = { "5", "%", "-1%", "nan%", "1001%", "cpu:1", "cpu_cores:", "cpu_cores:-1", "cpu_cores:x",
                                         "uptime_seconds:1", ":1", "5%x" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (deadband_read(wrong[i], &deadband, &err))
            fail_msg("\"%s\" was taken", wrong[i]);
}

/* ---- the texts */

static void a_message_is_flat_and_has_only_what_is_known(void **state)
{
    struct metrics metrics = { 0 };
    (void)state;
    AUTO_FREE char *nothing = metrics_write(&metrics);
    AUTO_FREE char *nothing_at = metrics_stamp(nothing, 7);
    assert_string_equal(nothing_at, "{\"ts\":7}");
    metrics_set(&metrics, METRIC_CPU_CORES, 0.123456);
    metrics_set(&metrics, METRIC_MEMORY_BYTES, 83886080);
    AUTO_FREE char *some = metrics_write(&metrics);
    assert_string_equal(some, "{\"cpu_cores\":0.1235,\"memory_bytes\":83886080}");
    AUTO_FREE char *at = metrics_stamp(some, 1795410958123);
    assert_string_equal(at, "{\"ts\":1795410958123,\"cpu_cores\":0.1235,\"memory_bytes\":83886080}");
    AUTO_FREE char *without = metrics_stamp(some, 0);
    assert_string_equal(without, some);
}

static void prometheus_text_is_escaped(void **state)
{
    AUTO_STRBUF struct strbuf out;
    struct prometheus_label labels[] = { { "node", "press-7" }, { "name", "a\"b\\c\nd" } };
    (void)state;
    strbuf_init(&out, 10000);
    prometheus_head(&out, "davit_node_pods", "Pods that run", "gauge");
    prometheus_series(&out, "davit_node_pods", labels, 2, 3);
    prometheus_series(&out, "davit_up", NULL, 0, 0.25);
    assert_string_equal(out.data, "# HELP davit_node_pods Pods that run.\n# TYPE davit_node_pods gauge\n"
                                  "davit_node_pods{node=\"press-7\",name=\"a\\\"b\\\\c\\nd\"} 3\ndavit_up 0.25\n");
}

static void discovery_names_topics_and_keeps_names_apart(void **state)
{
    struct discovery_place place = { .prefix = "homeassistant", .root = "acme/davit", .node = "press.7" };
    struct object_id pod = { .namespace = "default", .resource = "pods", .name = "a.b" };
    struct object_id other = { .namespace = "default", .resource = "pods", .name = "a-b" };
    struct object_id job = { .namespace = "default", .resource = "jobs", .name = "j" };
    struct object_id secret = { .namespace = "default", .resource = "secrets", .name = "s" };
    struct error err;
    (void)state;
    assert_int_equal(discovery_count(NULL), 3);
    assert_int_equal(discovery_count(&pod), 3);
    assert_int_equal(discovery_count(&job), 1);
    assert_int_equal(discovery_count(&secret), 0);
    AUTO_FREE char *topic = discovery_topic(&place, &pod, 0), *other_topic = discovery_topic(&place, &other, 0);
    assert_string_equal(topic, "homeassistant/sensor/acme_davit_press_7/default_pods_a_b_state/config");
    assert_string_not_equal(topic, other_topic);
    AUTO_FREE char *text = discovery_write(&place, &pod, 2);
    AUTO_JSON struct json *json = json_parse(text, strlen(text), &err);
    assert_string_equal(json_get_text(json, "state_topic"), "acme/davit/nodes/press.7/metrics/default/pods/a.b");
    assert_string_equal(json_get_text(json, "value_template"), "{{ value_json.memory_bytes }}");
    assert_string_equal(json_get_text(json, "unit_of_measurement"), "B");
    assert_string_equal(json_get_text(json, "availability_topic"), "acme/davit/nodes/press.7/presence");
    assert_string_equal(json_text(json_first(json_get(json_get(json, "device"), "identifiers"))), "acme_davit_press_7");
    AUTO_FREE char *node = discovery_write(&place, NULL, 0);
    assert_non_null(strstr(node, "\"state_topic\":\"acme/davit/nodes/press.7/state\""));
    assert_non_null(strstr(node, "value_json.ready"));
}

/* ---- the history */

static struct history_sample *sample_at(uint64_t wall_ms, uint64_t boot_ms, const char *of)
{
    return history_sample_new(wall_ms, boot_ms, "0123456789", mem_strdup(of), mem_printf("{\"pids\":%d}", (int)(boot_ms % 10)));
}

static void the_oldest_go_and_are_counted(void **state)
{
    struct history history = { 0 };
    (void)state;
    history_add(&history, sample_at(1, 1, ""), 100000);
    size_t one = history.bytes;
    for (uint64_t i = 2; i <= 5; i++)
        history_add(&history, sample_at(i, i, ""), 3 * one);
    assert_int_equal(history.count, 3);
    assert_int_equal(history.lost, 2);
    struct history_sample *oldest = history_take(&history);
    assert_int_equal(oldest->wall_ms, 3);
    history_sample_free(oldest);
    history_add(&history, sample_at(6, 6, ""), 0); /* no memory at all */
    assert_int_equal(history.count, 0);
    assert_int_equal(history.bytes, 0);
    assert_int_equal(history.lost, 5);
    history_clear(&history);
}

static void what_is_on_its_way_to_the_disk_is_not_lost(void **state)
{
    struct history history = { 0 };
    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        history_add(&history, sample_at(i, i, ""), 100000);
    history.leaving = 2;
    size_t quota = history.bytes;
    for (uint64_t i = 4; i <= 6; i++)
        history_add(&history, sample_at(i, i, ""), quota);
    assert_int_equal(history.leaving, 0);
    assert_int_equal(history.lost, 1); /* the third of those that had to go */
    history_clear(&history);
}

static void a_time_that_was_not_known_is_known_afterwards_in_the_same_boot(void **state)
{
    struct history_sample *sample = sample_at(0, 5000, "");
    struct history_sample *dated = sample_at(77, 5000, "");
    (void)state;
    assert_int_equal(history_sample_ms(sample, "0123456789", 65000, 1795410958000), 1795410898000);
    assert_int_equal(history_sample_ms(sample, "another-boot", 65000, 1795410958000), 0);
    assert_int_equal(history_sample_ms(sample, "0123456789", 4000, 1795410958000), 0); /* that boot has not got so far */
    assert_int_equal(history_sample_ms(dated, "another-boot", 1, 2), 77);
    history_sample_free(sample);
    history_sample_free(dated);
}

static char *lines(size_t count, size_t *len)
{
    struct strbuf out;
    strbuf_init(&out, 100000);
    for (size_t i = 0; i < count; i++) {
        struct history_sample *sample = sample_at(100 + i, i, i == 0 ? "" : "default/pods/hello");
        history_write_line(sample, &out);
        history_sample_free(sample);
    }
    *len = out.len;
    return strbuf_steal(&out);
}

static void lines_are_read_again(void **state)
{
    struct history history = { 0 };
    size_t len;
    (void)state;
    AUTO_FREE char *text = lines(3, &len);
    assert_int_equal(history_read_lines(text, len, &history), 0);
    assert_int_equal(history.count, 3);
    assert_string_equal(history.samples->of, "");
    assert_string_equal(history.samples->payload, "{\"pids\":0}");
    assert_string_equal(history.samples->boot, "01234567");
    assert_string_equal(history.samples->next->of, "default/pods/hello");
    assert_int_equal(history.samples->next->wall_ms, 101);
    assert_int_equal(history.samples->next->boot_ms, 1);
    history_clear(&history);
}

/* A power cut may leave any beginning of what was written. */
static void a_torn_end_costs_its_own_line_alone(void **state)
{
    size_t len;
    (void)state;
    AUTO_FREE char *text = lines(3, &len);
    size_t first = (size_t)(strchr(text, '\n') - text) + 1, second = first + (size_t)(strchr(text + first, '\n') - text - first) + 1;
    for (size_t cut = 0; cut <= len; cut++) {
        struct history history = { 0 };
        size_t whole = cut < first ? 0 : cut < second ? 1 : cut < len ? 2 : 3;
        bool is_clean = cut == 0 || cut == first || cut == second || cut == len;
        assert_int_equal(history_read_lines(text, cut, &history), is_clean ? 0 : 1);
        assert_int_equal(history.count, whole);
        history_clear(&history);
    }
}

static void a_bit_that_fell_over_costs_no_more_than_two_lines(void **state)
{
    size_t len;
    (void)state;
    AUTO_FREE char *text = lines(3, &len);
    for (size_t at = 0; at < len; at++)
        for (int bit = 0; bit < 8; bit++) {
            struct history history = { 0 };
            text[at] ^= (char)(1 << bit);
            assert_true(history_read_lines(text, len, &history) >= 1);
            assert_true(history.count <= 2 && history.count >= 1); /* a line's end that fell joins it to the next */
            history_clear(&history);
            text[at] ^= (char)(1 << bit);
        }
}

static void files_are_appended_listed_and_removed(void **state)
{
    char folder[] = "/tmp/davit-history-XXXXXX";
    struct history_files files;
    struct history history = { 0 };
    struct error err;
    size_t len;
    (void)state;
    assert_non_null(mkdtemp(folder));
    AUTO_FREE char *below = mem_printf("%s/history", folder);
    history_files_read(below, &files); /* it is not there */
    assert_int_equal(files.count, 0);
    history_files_free(&files);
    AUTO_FREE char *text = lines(2, &len);
    AUTO_FREE char *nine = history_file_path(below, 9), *ten = history_file_path(below, 10);
    assert_true(history_file_append(ten, text, len, &err));
    assert_true(history_file_append(nine, text, len, &err));
    assert_true(history_file_append(nine, text, len, &err));
    AUTO_FREE char *stranger = mem_printf("%s/x.history", below);
    assert_true(file_write_atomic(stranger, "", 0, 0600, false, &err));
    history_files_read(below, &files);
    assert_int_equal(files.count, 2);
    assert_int_equal(files.list[0].number, 9);
    assert_int_equal(files.list[0].bytes, 2 * len);
    assert_int_equal(files.last, 10);
    assert_int_equal(history_file_read(nine, &history), 0);
    assert_int_equal(history.count, 4);
    history_file_remove(nine);
    history_files_forget_oldest(&files);
    assert_int_equal(files.count, 1);
    assert_int_equal(files.bytes, len);
    assert_int_not_equal(access(nine, F_OK), 0);
    history_clear(&history);
    history_files_free(&files);
    assert_true(file_remove_tree(folder, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gauge_moves_by_more_than_its_step_and_its_share),
        cmocka_unit_test(a_counter_moves_by_its_step_alone_and_by_going_back),
        cmocka_unit_test(a_companion_never_moves_but_coming_and_going_does),
        cmocka_unit_test(a_deadband_is_read),
        cmocka_unit_test(a_message_is_flat_and_has_only_what_is_known),
        cmocka_unit_test(prometheus_text_is_escaped),
        cmocka_unit_test(discovery_names_topics_and_keeps_names_apart),
        cmocka_unit_test(the_oldest_go_and_are_counted),
        cmocka_unit_test(what_is_on_its_way_to_the_disk_is_not_lost),
        cmocka_unit_test(a_time_that_was_not_known_is_known_afterwards_in_the_same_boot),
        cmocka_unit_test(lines_are_read_again),
        cmocka_unit_test(a_torn_end_costs_its_own_line_alone),
        cmocka_unit_test(a_bit_that_fell_over_costs_no_more_than_two_lines),
        cmocka_unit_test(files_are_appended_listed_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is told of the node. */
#include <string.h>

#include "unit.h"

#include "base/memory.h"
#include "protocol/node_status.h"

static char line_3[] = "line-3";
static char *group_names[] = { line_3 };
static const struct text_list groups = { group_names, 1 };

static struct node_report report_of(const struct json *labels)
{
    return (struct node_report){ .name = "press-7", .agent = "0.1.0", .runtime = "crun 1.8.1", .boot_id = "b",
                                 .verify = "open", .labels = labels, .groups = &groups, .ready = true, .pods = 12,
                                 .pods_ready = 11, .waiting = 1, .cpus = 4, .memory_bytes = 2048ll * 1024 * 1024,
                                 .memory_allocatable_bytes = 1945ll * 1024 * 1024,
                                 .disk_bytes = 1 << 20, .pods_most = 10000,
                                 .kernel = "6.1.0", .architecture = "x86_64", .started_ms = 1795410958000,
                                 .bundle = { .generation = -1 }, .desired = { .generation = -1 } };
}

static void the_state_is_flat(void **state)
{
    (void)state;
    AUTO_JSON struct json *labels = json_new_object();
    struct node_report report = report_of(labels);
    const struct node_problem problem = { "StorageProblem", "CannotCommit", "the disk is full" };
    AUTO_JSON struct json *good = node_state_write(&report);
    AUTO_FREE char *text = json_print(good);
    assert_string_equal(text, "{\"ready\":1,\"pods\":12,\"podsReady\":11,\"vms\":0,\"vmsReady\":0,\"waiting\":1,"
                              "\"problems\":0,\"agent\":\"0.1.0\",\"message\":\"\"}");
    report.problems = &problem;
    report.problem_count = 1;
    AUTO_JSON struct json *bad = node_state_write(&report);
    assert_int_equal(json_get_integer(bad, "problems", 0), 1);
    assert_string_equal(json_get_text(bad, "message"), "CannotCommit: the disk is full");
}

static void the_state_never_outgrows_its_cap(void **state)
{
    (void)state;
    static const char *const parts[] = { "x", "\"", "\\", "\x01", "\xff", "\xe2\x82\xac", "\n", "a\xf0\x9f\x98\x80" };
    AUTO_JSON struct json *labels = json_new_object();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        AUTO_STRBUF struct strbuf message;
        strbuf_init(&message, 4096);
        while (message.len < 1000)
            strbuf_add(&message, parts[i]);
        const struct node_problem problem = { "StorageProblem", "CannotCommit", message.data };
        struct node_report report = report_of(labels);
        report.problems = &problem;
        report.problem_count = 6;
        report.pods = report.pods_ready = report.waiting = 10000;
        AUTO_JSON struct json *flat = node_state_write(&report);
        json_set_integer(flat, "ts", 1795410958123);
        AUTO_FREE char *text = json_print(flat);
        if (strlen(text) > NODE_STATE_BYTES)
            fail_msg("%zu bytes: %s", strlen(text), text);
        assert_memory_equal(json_get_text(flat, "message"), "CannotCommit: ", 14);
        assert_true(strlen(json_get_text(flat, "message")) > 40);
        if (strcmp(parts[i], "\xff") != 0)
            assert_null(strstr(text, "\xef\xbf\xbd")); /* no character is cut in two */
    }
}

static void the_status_is_a_node(void **state)
{
    (void)state;
    AUTO_JSON struct json *labels = json_new_texts("site", "plant-1", NULL);
    struct node_report report = report_of(labels);
    const struct node_problem problem = { "BrokerTruncated", "NoEndOfFlood", "m" };
    report.problems = &problem;
    report.problem_count = 1;
    AUTO_JSON struct json *node = node_status_write(&report);
    AUTO_FREE char *text = json_print(node);
    assert_string_equal(
        text, "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"press-7\",\"labels\":{\"site\":\"plant-1\"}},"
              "\"spec\":{},\"status\":{\"groups\":[\"line-3\"],\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
              "\"reason\":\"DavitReady\",\"message\":\"davitd takes documents and the runtime answers\","
              "\"lastTransitionTime\":\"2026-11-23T05:15:58Z\"},{\"type\":\"OpenMode\",\"status\":\"True\",\"reason\":"
              "\"NoRootDocument\",\"message\":\"documents are taken in open mode: from whoever the broker lets publish "
              "them\"},{\"type\":\"BrokerTruncated\",\"status\":\"True\",\"reason\":\"NoEndOfFlood\",\"message\":\"m\"}],"
              "\"nodeInfo\":{\"bootID\":\"b\",\"kernelVersion\":\"6.1.0\",\"architecture\":\"x86_64\","
              "\"operatingSystem\":\"linux\",\"containerRuntimeVersion\":\"crun 1.8.1\",\"kubeletVersion\":\"davit 0.1.0\"},"
              "\"capacity\":{\"cpu\":\"4\",\"ephemeral-storage\":\"1024Ki\",\"memory\":\"2097152Ki\",\"pods\":\"10000\"},"
              "\"allocatable\":{\"cpu\":\"4\",\"ephemeral-storage\":\"1024Ki\",\"memory\":\"1991680Ki\",\"pods\":\"10000\"},\"images\":[]}}");
    report.ready = false;
    AUTO_JSON struct json *away = node_status_write(&report);
    AUTO_FREE char *away_text = json_print(away);
    assert_non_null(strstr(away_text, "{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"RuntimeNotReady\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_flat),
        cmocka_unit_test(the_state_never_outgrows_its_cap),
        cmocka_unit_test(the_status_is_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

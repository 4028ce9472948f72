/* The desired Node: labels, groups that come and go, cordon and drain. */
#include <stdio.h>

#include "core/report.h"
#include "corekit.h"

#define NODE NODE_TOPIC "/desired/node"
#define STATUS NODE_TOPIC "/status"
#define PRESSES_HELLO "davit/groups/presses/desired/default/pods/hello"

/* `inner`: behind the name in the metadata; `spec`: what is in it. */
static char *node_of(const char *generation, const char *groups, const char *labels, const char *spec)
{
    AUTO_FREE char *in_groups = groups != NULL ? mem_printf(",\"davit/groups\":\"%s\"", groups) : mem_strdup("");
    return mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"press-7\",\"labels\":{%s},"
                      "\"annotations\":{\"davit/generation\":\"%s\"%s}},\"spec\":{%s}}", labels, generation, in_groups, spec);
}

static void say_node(struct corekit *kit, const char *generation, const char *groups, const char *labels, const char *spec)
{
    kit_say(kit, NODE, node_of(generation, groups, labels, spec), LIVE);
    kit_advance(kit, 2000);
}

static bool node_says(struct corekit *kit, const char *text)
{
    kit_advance(kit, 2000);
    return strstr(kit_held(kit, STATUS), text) != NULL;
}

static bool node_state_has(struct corekit *kit, const char *text)
{
    kit_advance(kit, 2000);
    return strstr(kit_held(kit, NODE_TOPIC "/state"), text) != NULL;
}

static void subscriptions_are(const struct corekit *kit, const char *subscribe, const char *unsubscribe)
{
    AUTO_FREE char *topics = json_print(json_get(kit->subscribed, "subscribe"));
    AUTO_FREE char *left = json_print(json_get(kit->subscribed, "unsubscribe"));
    assert_string_equal(topics, subscribe);
    assert_string_equal(left, unsubscribe);
}

static void restart(struct corekit *kit)
{
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_runtime_up(kit);
}

static void labels_and_groups_are_told_and_survive_a_restart(void **state)
{
    struct corekit *kit = *state;
    kit_stop(kit);
    kit_set(kit, "node.labels=site=plant-1,rack=4");
    kit_start(kit);
    kit_connect(kit);
    kit_runtime_up(kit);
    assert_true(node_says(kit, "\"groups\":[\"line-3\"]"));
    assert_true(node_says(kit, "\"site\":\"plant-1\""));
    say_node(kit, "4", "presses,line-3", "\"site\":\"hamburg\",\"kubernetes.io/os\":\"plan9\"", "");
    for (int i = 0; i < 2; i++) {
        assert_true(node_says(kit, "\"site\":\"hamburg\""));
        assert_true(node_says(kit, "\"kubernetes.io/os\":\"plan9\""));
        assert_true(node_says(kit, "\"rack\":\"4\""));
        assert_true(node_says(kit, "\"groups\":[\"presses\",\"line-3\"]"));
        assert_true(node_says(kit, "\"observedGeneration\":4"));
        assert_true(node_says(kit, "\"type\":\"NodeAccepted\",\"status\":\"True\""));
        restart(kit);
    }
    kit_say(kit, NODE, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"press-7\",\"deletionTimestamp\":"
                                  "\"2026-11-23T08:17:00Z\",\"annotations\":{\"davit/generation\":\"5\"}}}"), LIVE);
    assert_true(node_says(kit, "\"groups\":[\"line-3\"]"));
    assert_false(node_says(kit, "hamburg"));
    assert_true(node_says(kit, "\"site\":\"plant-1\""));
}

static void the_presence_names_the_site(void **state)
{
    struct corekit *kit = *state;
    assert_null(strstr(kit_held(kit, NODE_TOPIC "/presence"), "site"));
    kit_stop(kit);
    kit_set(kit, "node.site=hamburg");
    kit_start(kit);
    kit_connect(kit);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/presence"), "\"site\":\"hamburg\""));
}

static void what_is_no_node_is_refused_and_told(void **state)
{
    struct corekit *kit = *state;
    say_node(kit, "4", NULL, "\"site\":\"hamburg\"", "");
    static const struct {
        const char *groups, *spec, *reason;
    } wrong[] = { { "all", "", "InvalidName" }, { "a,a", "", "InvalidName" }, { "A_b", "", "InvalidName" },
                  { "a", "\"unschedulable\":\"yes\"", "InvalidDocument" },
                  { "a", "\"taints\":[{\"key\":\"x\"}]", "InvalidDocument" } };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        AUTO_FREE char *generation = mem_printf("%zu", 10 + i);
        AUTO_FREE char *reason = mem_printf("\"type\":\"NodeAccepted\",\"status\":\"False\",\"reason\":\"%s\"", wrong[i].reason);
        AUTO_FREE char *refused = mem_printf("\"refusedGeneration\":%s", generation);
        say_node(kit, generation, wrong[i].groups, "", wrong[i].spec);
        assert_true(node_says(kit, reason));
        assert_true(node_says(kit, refused));
        assert_true(node_says(kit, "\"site\":\"hamburg\""));
    }
    /* What is not read takes nothing back. */
    kit_say(kit, NODE, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"press-7\"},\"spec\":\"x\"}"), LIVE);
    assert_true(node_says(kit, "\"reason\":\"InvalidDocument\",\"message\":\"spec must be an object\""));
    assert_true(node_says(kit, "\"site\":\"hamburg\""));
    kit_say(kit, NODE, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"other\"}}"), LIVE);
    assert_true(node_says(kit, "NameMismatch"));
    say_node(kit, "3", NULL, "", "");
    assert_true(node_says(kit, "\"reason\":\"Stale\""));
    say_node(kit, "20", NULL, "", "\"podCIDR\":\"10.0.0.0/8\"");
    assert_true(node_says(kit, "\"fields\":[\"spec.podCIDR\"]"));
    kit_message(kit, NODE, "", LIVE, 9);
    assert_int_equal(kit->taken, 9);
    assert_true(node_says(kit, "\"type\":\"NodeRetained\",\"status\":\"False\""));
    assert_true(node_says(kit, "\"observedGeneration\":20"));
}

static void a_group_is_joined_and_left_while_the_connection_lasts(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    assert_int_equal(kit_running(kit), 1);
    say_node(kit, "1", "presses,line-3", "", "");
    subscriptions_are(kit, "[{\"topic\":\"davit/groups/presses/desired/#\",\"qos\":1}]", "[]");
    kit_say(kit, PRESSES_HELLO, kit_pod("demo:2", "1", ""), RETAINED);
    assert_true(kit_status_has(kit, "hello", "\"source\":\"group/presses\""));
    assert_true(kit_status_has(kit, "hello", "\"shadows\":[\"group/line-3\"]"));
    /* The end of the flood is waited for again. */
    kit_link_frame(kit, "{\"op\":\"subscribed\"}", NULL);
    kit_settle(kit);
    assert_false(kit->core->link.flood_over);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"True\""));
    kit_link_frame(kit, "{\"op\":\"subscribed\"}", NULL);
    kit_advance(kit, 11000);
    assert_true(node_says(kit, "BrokerTruncated"));
    /* Another order: the other one rules. */
    say_node(kit, "2", "line-3,presses", "", "");
    assert_true(kit_status_has(kit, "hello", "\"source\":\"group/line-3\""));
    say_node(kit, "3", "presses", "", "");
    subscriptions_are(kit, "[]", "[\"davit/groups/line-3/desired/#\"]");
    assert_true(kit_status_has(kit, "hello", "\"source\":\"group/presses\""));
    assert_false(kit_status_has(kit, "hello", "shadows"));
    kit_say(kit, LINE_HELLO, kit_pod("demo:9", "9", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"source\":\"group/presses\""));
    say_node(kit, "4", "", "", "");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "");
    assert_int_equal(kit_running(kit), 0);
}

static void a_group_that_is_left_during_a_commit_is_left(void **state)
{
    struct corekit *kit = *state;
    kit->disk_waits = true;
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, NODE, node_of("1", "", "", ""), LIVE);
    kit_say(kit, LINE_HELLO, kit_pod("demo:2", "2", ""), LIVE);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_int_equal(kit_running(kit), 0);
    kit_advance(kit, 2000);
    assert_int_equal(objects_count(&kit->core->objects), 0);
}

static void other_labels_let_in_what_was_refused(void **state)
{
    struct corekit *kit = *state;
    const char *selects = "\"nodeSelector\":{\"site\":\"hamburg\"},";
    kit_say(kit, HELLO, kit_pod("demo:1", "1", selects), LIVE);
    assert_true(kit_status_has(kit, "hello", "NodeSelectorMismatch"));
    say_node(kit, "1", NULL, "\"site\":\"hamburg\"", "");
    subscriptions_are(kit, "[{\"topic\":\"davit/nodes/press-7/desired/#\",\"qos\":1},{\"topic\":\"davit/groups/all/desired/#\","
                           "\"qos\":1},{\"topic\":\"davit/groups/line-3/desired/#\",\"qos\":1}]", "[]");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", selects), RETAINED);
    assert_int_equal(kit_running(kit), 1);
    say_node(kit, "2", NULL, "", ""); /* what runs stays */
    kit_say(kit, HELLO, kit_pod("demo:1", "1", selects), RETAINED);
    assert_int_equal(kit_running(kit), 1);
}

#define CORDON "\"unschedulable\":true"
#define DRAIN "\"taints\":[{\"key\":\"davit/drain\",\"effect\":\"NoExecute\"}]"
#define OTHER NODE_TOPIC "/desired/default/pods/other"

static char *other_pod(const char *generation, const char *more)
{
    return mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"other\",\"annotations\":{\"davit/generation\":"
                      "\"%s\"}},\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\"}]%s}}", generation, more);
}

static void a_cordoned_node_keeps_what_it_has_and_takes_nothing_new(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    say_node(kit, "1", NULL, "", CORDON);
    assert_true(node_state_has(kit, "\"unschedulable\":1"));
    assert_true(node_says(kit, "\"unschedulable\":true,\"taints\":[{\"key\":\"node.kubernetes.io/unschedulable\""));
    kit_say(kit, OTHER, other_pod("1", ""), LIVE);
    assert_true(kit_state_has(kit, "other", "\"state\":\"Pending\""));
    assert_true(kit_state_has(kit, "other", "\"reason\":\"NodeUnschedulable\""));
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), LIVE); /* an update waits, and what ran before it runs on */
    assert_true(kit_state_has(kit, "hello", "\"update\":\"NodeUnschedulable\""));
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Running\""));
    assert_int_equal(kit_running(kit), 1);
    kit_exit_of(kit, "hello", 1); /* it restarts */
    kit_advance(kit, 15000);
    assert_int_equal(kit_running(kit), 1);
    restart(kit);
    assert_true(kit_state_has(kit, "other", "\"reason\":\"NodeUnschedulable\""));
    assert_true(kit_state_has(kit, "hello", "\"update\":\"NodeUnschedulable\""));
    kit_say(kit, OTHER, other_pod("2", ",\"tolerations\":[{\"operator\":\"Exists\"}]"), LIVE);
    assert_true(kit_state_has(kit, "other", "\"state\":\"Running\""));
    say_node(kit, "2", NULL, "", "");
    assert_false(node_state_has(kit, "unschedulable"));
    assert_true(kit_status_has(kit, "hello", "\"image\":\"demo:2\""));
    assert_false(kit_state_has(kit, "hello", "\"update\""));
    assert_int_equal(kit_running(kit), 2);
}

static void a_drained_node_ends_what_does_not_tolerate_it_until_the_taint_goes(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", "\"restartPolicy\":\"Never\","), LIVE);
    kit_say(kit, OTHER, other_pod("1", ",\"tolerations\":[{\"key\":\"davit/drain\",\"operator\":\"Exists\"}]"), LIVE);
    assert_int_equal(kit_running(kit), 2);
    say_node(kit, "1", NULL, "", DRAIN);
    AUTO_FREE char *names = kit_running_names(kit);
    assert_string_equal(names, "other ");
    assert_true(node_state_has(kit, "\"drained\":1"));
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Pending\""));
    assert_true(kit_state_has(kit, "hello", "\"reason\":\"NodeDrained\""));
    assert_int_equal(kit_event_count(kit, "TaintManagerEviction"), 1);
    restart(kit);
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_state_has(kit, "hello", "\"reason\":\"NodeDrained\""));
    say_node(kit, "2", NULL, "", CORDON); /* it was here */
    assert_int_equal(kit_running(kit), 2);
    assert_false(node_state_has(kit, "drained"));
    assert_true(kit_state_has(kit, "hello", "\"restarts\":0"));
}

static void what_ended_for_good_is_not_drained(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", "\"restartPolicy\":\"Never\","), LIVE);
    kit_exit_of(kit, "hello", 0);
    kit_settle(kit);
    say_node(kit, "1", NULL, "", DRAIN);
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Succeeded\""));
    assert_int_equal(kit_event_count(kit, "TaintManagerEviction"), 0);
}

static void a_toleration_for_a_time_ends_then(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, OTHER, other_pod("1", ",\"tolerations\":[{\"key\":\"davit/drain\",\"operator\":\"Exists\",\"tolerationSeconds\":60}]"),
            LIVE);
    say_node(kit, "1", NULL, "", DRAIN);
    kit_advance(kit, 30000);
    assert_int_equal(kit_running(kit), 1);
    kit_advance(kit, 40000);
    assert_int_equal(kit_running(kit), 0);
    assert_true(kit_state_has(kit, "other", "\"reason\":\"NodeDrained\""));
    say_node(kit, "2", NULL, "", "");
    assert_int_equal(kit_running(kit), 1);
}

static void every_problem_is_told(void **state)
{
    struct corekit *kit = *state;
    struct core *core = kit->core;
    static const char *const types[] = { "RuntimeProblem", "VirtualMachineProblem", "StorageProblem", "BrokerProblem", "BrokerDenies",
                                         "DuplicateNode", "BrokerTruncated", "ClockUnset", "DatabaseLost", "EventsDropped" };
    struct json *state_json = NULL, *status_json = NULL;
    snprintf(core->runtime.problem, sizeof(core->runtime.problem), "hangs");
    snprintf(core->vms.problem, sizeof(core->vms.problem), "hangs");
    snprintf(core->store_problem, sizeof(core->store_problem), "full");
    snprintf(core->link.problem, sizeof(core->link.problem), "lost");
    snprintf(core->database_lost, sizeof(core->database_lost), "damaged");
    core->vms.wanted = core->link.truncated = true;
    core->link.denied_ms = core->link.rival_ms = core->link.dropped_ms = kit->now;
    kit->wall = 1000;
    report_node_write(core, &state_json, &status_json);
    AUTO_JSON struct json *node = state_json;
    AUTO_JSON struct json *status = status_json;
    AUTO_FREE char *text = json_print(status);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strstr(text, types[i]) == NULL)
            fail_msg("%s is not told", types[i]);
    assert_int_equal(json_get_integer(node, "problems", 0), sizeof(types) / sizeof(types[0]));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        CASE(labels_and_groups_are_told_and_survive_a_restart),
        CASE(the_presence_names_the_site),
        CASE(what_is_no_node_is_refused_and_told),
        CASE(a_group_is_joined_and_left_while_the_connection_lasts),
        CASE(a_group_that_is_left_during_a_commit_is_left),
        CASE(other_labels_let_in_what_was_refused),
        CASE(a_cordoned_node_keeps_what_it_has_and_takes_nothing_new),
        CASE(a_drained_node_ends_what_does_not_tolerate_it_until_the_taint_goes),
        CASE(what_ended_for_good_is_not_drained),
        CASE(a_toleration_for_a_time_ends_then),
        CASE(every_problem_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

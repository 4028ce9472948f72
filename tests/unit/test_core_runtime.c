/* The core and its runtime: away and back, failures, ends, and what is found after a loss. */
#include "corekit.h"

static void calls_are(struct corekit *kit, const char *expected)
{
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, expected);
}

static void a_runtime_that_comes_back_finds_what_ran_on(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    core_runtime_down(kit->core, "signal 9");
    kit_advance(kit, 2000);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "RuntimeNotReady"));
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "the runtime host ended: signal 9"));
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), LIVE);
    calls_are(kit, ""); /* nothing is decided about what is not known */
    kit_runtime_up(kit);
    kit_advance(kit, 2000);
    calls_are(kit, "stop remove release create start ");
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "DavitReady"));
    assert_int_equal(kit_running(kit), 1);
}

static void what_ended_while_the_runtime_was_away_is_started_again(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    core_runtime_down(kit->core, "signal 9");
    json_free(kit->instances); /* without a trace */
    kit->instances = json_new_object();
    calls_are(kit, "create start ");
    kit_runtime_up(kit);
    calls_are(kit, "create start ");
    assert_true(kit_status_has(kit, "hello", "\"exitCode\":137,\"reason\":\"ContainerStatusUnknown\""));
    assert_true(kit_status_has(kit, "hello", "\"restartCount\":1"));
}

static void an_answer_that_was_lost_is_made_up_for_by_the_list(void **state)
{
    struct corekit *kit = *state;
    kit->runtime_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create ");
    core_runtime_down(kit->core, "signal 9");
    kit->runtime_waits = false;
    kit_runtime_up(kit);
    kit_settle(kit);
    assert_int_equal(kit_running(kit), 1);
    assert_int_equal(json_size(kit->instances), 1);
}

static void a_refused_plugin_is_a_problem_of_the_node(void **state)
{
    struct corekit *kit = *state;
    core_runtime_up(kit->core);
    kit_runtime_frame(kit, "{\"op\":\"refused\",\"plugin\":\"crun\",\"reason\":\"UnsupportedAbi\",\"message\":\"abi 9\"}", NULL);
    core_runtime_down(kit->core, "exit 1");
    kit_advance(kit, 2000);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "plugin crun is refused: abi 9"));
}

static void a_list_that_fails_changes_nothing_and_is_asked_again(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    kit->failing = "list";
    kit_advance(kit, 181000);
    kit_advance(kit, 2000);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "cannot list what exists: as asked"));
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    kit->failing = NULL;
    kit_advance(kit, 5000);
    kit_advance(kit, 2000);
    assert_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "cannot list"));
    calls_are(kit, "");
}

static void a_list_that_names_no_instances_at_all_is_no_list(void **state)
{
    struct corekit *kit = *state;
    static const char *const answers[] = { "{}", "{\"instances\":null}", "[]", "no JSON", "" };
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        kit->runtime_waits = true;
        kit_advance(kit, 181000);
        const struct json *call = json_first(kit->calls);
        assert_string_equal(json_get_text(call, "call"), "list");
        AUTO_FREE char *head = mem_printf("{\"op\":\"result\",\"id\":%d,\"ok\":true}", (int)json_get_integer(call, "id", 0));
        json_free(kit->calls);
        kit->calls = json_new_array();
        kit_runtime_frame(kit, head, answers[i]);
        kit->runtime_waits = false;
        kit_settle(kit);
        calls_are(kit, "");
        assert_true(kit_status_has(kit, "hello", "\"restartCount\":0"));
    }
}

static void a_failing_start_is_told_and_tried_again(void **state)
{
    struct corekit *kit = *state;
    kit->failing = "start";
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    assert_true(kit_status_has(kit, "hello", "\"waiting\":{\"reason\":\"TestError\",\"message\":\"as asked\"}"));
    assert_int_equal(kit_event_count(kit, "Failed"), 1);
    assert_int_equal(kit->wake_ms, kit->now + 1000);
    kit_advance(kit, 1000);
    calls_are(kit, "start ");
    assert_int_equal(kit_event_count(kit, "Failed"), 1); /* the same is told once */
    kit->failing = NULL;
    kit_advance(kit, 2000);
    calls_are(kit, "start ");
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    assert_false(kit_status_has(kit, "hello", "TestError"));
}

static void a_failing_stop_is_tried_again(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit->failing = "stop";
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Terminating\""));
    calls_are(kit, "create start stop ");
    kit->failing = NULL;
    kit_advance(kit, 5000);
    calls_are(kit, "stop remove release ");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "");
}

static void an_end_restarts_with_the_ladder(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    kit_exit(kit, 3);
    calls_are(kit, "create start remove ");
    kit_exit(kit, 3);
    assert_true(kit_status_has(kit, "hello", "CrashLoopBackOff"));
    assert_int_equal(kit_event_count(kit, "BackOff"), 1);
    kit_advance(kit, 9999);
    assert_int_equal(kit_running(kit), 0);
    kit_advance(kit, 1);
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_status_has(kit, "hello", "\"restartCount\":2"));
}

static void a_command_that_cannot_be_started_is_an_end(void **state)
{
    struct corekit *kit = *state;
    kit->failing = "create";
    kit->failing_reason = "StartError";
    kit_say(kit, HELLO, kit_pod("demo:1", "1", "\"restartPolicy\":\"Never\","), LIVE);
    calls_are(kit, "create "); /* and never again */
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Failed\""));
    assert_true(kit_status_has(kit, "hello", "\"state\":{\"terminated\":{\"exitCode\":128,\"reason\":\"StartError\",\"message\":\"as asked\""));
    kit_say(kit, HELLO, kit_pod("demo:1", "2", ""), LIVE);
    /* Always: the first restart at once, the next after ten seconds */
    assert_true(kit_status_has(kit, "hello", "\"waiting\":{\"reason\":\"RunContainerError\",\"message\":\"as asked\"}"));
    assert_true(kit_status_has(kit, "hello", "\"lastState\":{\"terminated\":{\"exitCode\":128,\"reason\":\"StartError\""));
    assert_true(kit_status_has(kit, "hello", "\"restartCount\":1"));
    kit_advance(kit, 2000);
    assert_true(kit_status_has(kit, "hello", "\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 10s "));
    kit->failing = NULL;
    kit_advance(kit, 8000);
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_status_has(kit, "hello", "\"restartCount\":2"));
}

static void a_failed_mount_is_an_event_while_the_container_is_made(void **state)
{
    struct corekit *kit = *state;
    kit->failing = "create";
    kit->failing_reason = "FailedMount";
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"waiting\":{\"reason\":\"ContainerCreating\",\"message\":\"as asked\"}"));
    assert_int_equal(kit_event_count(kit, "FailedMount"), 1);
}

static void a_pod_that_must_not_run_twice_does_not(void **state)
{
    struct corekit *kit = *state;
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", "\"restartPolicy\":\"Never\","), LIVE);
    kit->disk_waits = false;
    store_dispatch(kit->store);
    kit->disk_waits = true;
    kit_settle(kit);
    calls_are(kit, "create "); /* its beginning is not on the disk yet */
    kit->disk_waits = false;
    kit_settle(kit);
    calls_are(kit, "start ");
    core_runtime_down(kit->core, "power");
    kit_stop(kit);
    json_free(kit->instances);
    kit->instances = json_new_object();
    kit->env.boot_id = "boot-2";
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    calls_are(kit, "");
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Failed\""));
    assert_true(kit_status_has(kit, "hello", "ContainerStatusUnknown"));
}

static void after_a_lost_database_what_runs_is_an_orphan_until_its_document_comes(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    kit_stop(kit);
    kit_lose_database(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Orphan\",\"status\":\"True\""));
    calls_are(kit, "");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), RETAINED);
    kit_advance(kit, 1000);
    calls_are(kit, ""); /* the same hash: it is adopted, and runs on */
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    assert_true(kit_status_has(kit, "hello", "\"restartCount\":0"));
    assert_false(kit_status_has(kit, "hello", "Orphan"));
}

static void an_orphan_that_another_document_replaces_ends(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_stop(kit);
    kit_lose_database(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_say(kit, HELLO, kit_pod("demo:2", "1", ""), LIVE);
    calls_are(kit, "create start stop remove release create start ");
}

static void an_orphan_that_is_gone_has_no_status_any_more(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_stop(kit);
    kit_lose_database(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "Orphan"));
    json_free(kit->instances);
    kit->instances = json_new_object();
    kit_advance(kit, 181000);
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/state/default/pods/hello"), "");
}

static void labels_and_unknown_fields_restart_nothing(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    kit_say(kit, HELLO, kit_pod("demo:1", "2", "\"priority\":7,"), LIVE);
    calls_are(kit, "");
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":2"));
    assert_true(kit_status_has(kit, "hello", "\"fields\":[\"spec.priority\"]"));
}

static void hosts_files_are_open_only_where_the_device_says_so(void **state)
{
    struct corekit *kit = *state;
    static const char volume[] = "\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"%s\"}}],";
    static const struct {
        const char *path;
        bool allowed;
    } rows[] = { { "/srv/data", true }, { "/srv", true }, { "/srvx", false }, { "/", false }, { "/var/lib/davit", false },
                 { "/var/lib/davit/davit.db", false }, { "/run/davit", false }, { "/etc", false } };
    kit_set(kit, "security.host_paths=/srv/");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_FREE char *generation = mem_printf("%zu", i + 1);
        AUTO_FREE char *more = mem_printf("%.*s%s%s", (int)(strstr(volume, "%s") - volume), volume, rows[i].path,
                                          strstr(volume, "%s") + 2);
        kit_say(kit, HELLO, kit_pod("demo:1", generation, more), LIVE);
        if (kit_running(kit) != rows[i].allowed || kit_status_has(kit, "hello", "is not allowed on this device") == rows[i].allowed)
            fail_msg("%s: %zu run", rows[i].path, kit_running(kit));
    }
}

static void a_wide_door_still_keeps_davits_own_files(void **state)
{
    struct corekit *kit = *state;
    static const char *const own[] = { "/var/lib/davit", "/run/davit/x", "//var//lib/davit", "/var/lib/./davit/",
                                       "/var/lib/davit/." };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        AUTO_FREE char *generation = mem_printf("%zu", i + 1);
        AUTO_FREE char *more = mem_printf("\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"%s\"}}],", own[i]);
        kit_say(kit, HELLO, kit_pod("demo:1", generation, more), LIVE);
        if (!kit_status_has(kit, "hello", "is not allowed on this device"))
            fail_msg("%s is open", own[i]);
    }
}

static void strange_instances_are_left_alone(void **state)
{
    struct corekit *kit = *state;
    static const char *const events[] = {
        "{\"instance\":{}}", "{\"instance\":{\"uid\":\"u\"}}", "{\"instance\":{\"uid\":\"u\",\"container\":\"web\"}}",
        "{\"instance\":{\"uid\":\"u\",\"container\":\"web\",\"state\":\"paused\"}}",
        "{\"instance\":{\"uid\":\"u\",\"container\":\"../web\",\"state\":\"running\"}}",
        "{\"instance\":{\"uid\":\"a-uid-that-is-longer-than-a-uuid-can-ever-be\",\"container\":\"web\",\"state\":\"running\"}}",
        "{\"instance\":{\"uid\":\"u\",\"container\":\"web\",\"state\":\"running\"}}", "[]", "no JSON" };
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        kit_runtime_frame(kit, "{\"op\":\"notify\"}", events[i]);
    kit_settle(kit);
    assert_int_equal(objects_count(&kit->core->objects), 0);
    calls_are(kit, "");
}

int main(void)
{
#define KIT(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        KIT(a_runtime_that_comes_back_finds_what_ran_on),
        KIT(what_ended_while_the_runtime_was_away_is_started_again),
        KIT(an_answer_that_was_lost_is_made_up_for_by_the_list),
        KIT(a_refused_plugin_is_a_problem_of_the_node),
        KIT(a_list_that_fails_changes_nothing_and_is_asked_again),
        KIT(a_list_that_names_no_instances_at_all_is_no_list),
        KIT(a_failing_start_is_told_and_tried_again),
        KIT(a_failing_stop_is_tried_again),
        KIT(an_end_restarts_with_the_ladder),
        KIT(a_command_that_cannot_be_started_is_an_end),
        KIT(a_failed_mount_is_an_event_while_the_container_is_made),
        KIT(a_pod_that_must_not_run_twice_does_not),
        KIT(after_a_lost_database_what_runs_is_an_orphan_until_its_document_comes),
        KIT(an_orphan_that_another_document_replaces_ends),
        KIT(an_orphan_that_is_gone_has_no_status_any_more),
        KIT(labels_and_unknown_fields_restart_nothing),
        KIT(hosts_files_are_open_only_where_the_device_says_so),
        KIT(a_wide_door_still_keeps_davits_own_files),
        KIT(strange_instances_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

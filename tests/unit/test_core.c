/* A document all the way down and back: what comes from the link, and what goes to it. */
#include "corekit.h"
#include "davit/limits.h"

static void calls_are(struct corekit *kit, const char *expected)
{
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, expected);
}

static void a_document_becomes_a_running_pod_and_its_status(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "7", ""), LIVE);
    calls_are(kit, "create start ");
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":7"));
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Accepted\",\"status\":\"True\""));
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"True\""));
    assert_true(kit_status_has(kit, "hello", "\"source\":\"node\""));
    assert_true(kit_state_has(kit, "hello", "\"stateCode\":2,\"ready\":1"));
    assert_int_equal(kit_event_count(kit, "Created"), 1);
    assert_int_equal(kit_event_count(kit, "Started"), 1);
    kit_advance(kit, 2000);
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/state"), "\"ready\":1,\"pods\":1,\"podsReady\":1"));
    /* And it is the store's: a restart brings it back without a broker. */
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    calls_are(kit, "");
    assert_int_equal(kit_running(kit), 1);
}

static void nothing_acts_on_what_is_not_on_the_disk(void **state)
{
    struct corekit *kit = *state;
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "7", ""), LIVE);
    calls_are(kit, "");
    assert_false(kit_status_has(kit, "hello", "\"observedGeneration\":7"));
    kit->disk_waits = false;
    kit_settle(kit);
    calls_are(kit, "create start ");
}

static void a_live_document_by_hand_is_acknowledged_after_the_commit(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *by_hand = kit_pod("demo:1", NULL, "");
    AUTO_FREE char *numbered = kit_pod("demo:2", "9", "");
    kit->disk_waits = true;
    kit_message(kit, HELLO, by_hand, LIVE, 3);
    assert_int_equal(kit->taken, 0);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_int_equal(kit->taken, 3);
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":1"));
    kit->disk_waits = true;
    kit_message(kit, HELLO, numbered, LIVE, 4); /* safe at the broker: it is retained there, and numbered */
    assert_int_equal(kit->taken, 4);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":9"));
}

static void everything_else_live_is_acknowledged_at_once(void **state)
{
    struct corekit *kit = *state;
    static const char *const topics[] = { HELLO, "davit/groups/other/desired/default/pods/hello", NODE_TOPIC "/desired/bad",
                                          NODE_TOPIC "/desired", NODE_TOPIC "/sync", NODE_TOPIC "/presence", "else" };
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        kit_message(kit, topics[i], "no document", LIVE, (int64_t)i + 1);
        assert_int_equal(kit->taken, i + 1);
    }
    kit_message(kit, HELLO, "", LIVE, 50);
    assert_int_equal(kit->taken, 50);
}

static void documents_that_arrive_during_a_commit_wait_in_their_order(void **state)
{
    struct corekit *kit = *state;
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:3", "3", ""), LIVE);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":3"));
    assert_int_equal(kit_event_count(kit, "Stale"), 0);
    assert_int_equal(kit_running(kit), 1);
}

static void too_much_behind_a_commit_pauses_the_link(void **state)
{
    struct corekit *kit = *state;
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    for (int i = 0; i < LIMIT_PENDING_MESSAGES; i++) {
        assert_false(kit->paused);
        kit_link_frame(kit, "{\"op\":\"message\",\"topic\":\"" HELLO "\",\"retain\":true}", "no document");
    }
    assert_true(kit->paused);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_false(kit->paused);
}

static void so_do_few_that_are_large(void **state)
{
    struct corekit *kit = *state;
    char *data = mem_alloc(LIMIT_DOCUMENT_BYTES);
    memset(data, 'x', LIMIT_DOCUMENT_BYTES - 1);
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    for (size_t sent = 0; sent < LIMIT_PENDING_BYTES; sent += LIMIT_DOCUMENT_BYTES - 1) {
        assert_false(kit->paused);
        kit_link_frame(kit, "{\"op\":\"message\",\"topic\":\"" HELLO "\",\"retain\":true}", data);
    }
    assert_true(kit->paused);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_false(kit->paused);
    free(data);
}

static void a_retained_flood_brings_what_is_new_and_confirms_the_rest(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", NULL, ""), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:2", NULL, ""), LIVE);
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    kit_settle(kit);
    kit_connect(kit);
    kit_say(kit, HELLO, kit_pod("demo:1", NULL, ""), RETAINED); /* a broker from yesterday */
    assert_true(kit_status_has(kit, "hello", "\"reason\":\"StaleReplay\""));
    kit_say(kit, HELLO, kit_pod("demo:2", NULL, ""), RETAINED);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"True\""));
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Accepted\",\"status\":\"True\""));
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":2"));
    kit_say(kit, HELLO, kit_pod("demo:3", NULL, ""), RETAINED);
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":3"));
}

static void what_the_flood_does_not_show_is_not_retained_and_runs_on(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"False\",\"reason\":\"NotOnBroker\""));
    assert_int_equal(kit_running(kit), 1);
}

static void without_the_end_of_the_flood_nothing_is_judged(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    kit_connect(kit);
    kit_message(kit, NODE_TOPIC "/sync", "of somebody else", LIVE, NO_SEQ);
    kit_advance(kit, LIMIT_SYNC_MS);
    kit_advance(kit, 2000);
    assert_false(kit_status_has(kit, "hello", "NotOnBroker"));
    assert_non_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "BrokerTruncated"));
    kit_flood_over(kit); /* late, but there */
    kit_advance(kit, 2000);
    assert_null(strstr(kit_held(kit, NODE_TOPIC "/status"), "BrokerTruncated"));
    assert_true(kit_status_has(kit, "hello", "NotOnBroker"));
}

static void an_empty_payload_stops_nothing(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    kit_message(kit, HELLO, "", LIVE, NO_SEQ);
    kit_message(kit, HELLO, NULL, LIVE, NO_SEQ);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"False\""));
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    calls_are(kit, "");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE); /* published again: the same, and held */
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"True\""));
}

static void on_a_bench_an_empty_payload_deletes_but_never_of_a_group(void **state)
{
    struct corekit *kit = *state;
    kit_set(kit, "protocol.empty_deletes=yes");
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_message(kit, LINE_HELLO, "", LIVE, NO_SEQ);
    assert_int_equal(kit_running(kit), 1);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_message(kit, HELLO, "", LIVE, NO_SEQ);
    assert_int_equal(kit_running(kit), 0);
}

static void a_tombstone_ends_the_pod_and_clears_both_topics(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    calls_are(kit, "create start ");
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    calls_are(kit, "stop remove release ");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/state/default/pods/hello"), "");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), RETAINED); /* older than its deletion */
    calls_are(kit, "");
    kit_say(kit, HELLO, kit_pod("demo:1", "3", ""), LIVE);
    calls_are(kit, "create start ");
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
}

static void a_clear_survives_a_restart_without_a_broker(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_true(kit_status_has(kit, "hello", "Running")); /* the broker still has it */
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/state/default/pods/hello"), "");
}

static void a_tombstone_of_the_node_masks_a_group(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"source\":\"group/line-3\""));
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_int_equal(kit_running(kit), 0);
    kit_say(kit, LINE_HELLO, kit_pod("demo:2", "5", ""), LIVE);
    assert_int_equal(kit_running(kit), 0);
}

static void the_node_rules_over_its_group_and_the_group_over_all(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, ALL_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, LINE_HELLO, kit_pod("demo:2", "2", ""), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:3", "3", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"image\":\"demo:3\""));
    assert_true(kit_status_has(kit, "hello", "\"source\":\"node\",\"shadows\":[\"group/line-3\",\"all\"]"));
    kit_say(kit, LINE_HELLO, kit_pod("demo:4", "4", ""), LIVE); /* does not rule: nothing restarts */
    assert_true(kit_status_has(kit, "hello", "\"image\":\"demo:3\""));
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":3"));
    calls_are(kit, "create start stop remove release create start stop remove release create start ");
}

static void leaving_a_group_empties_its_slots(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, ALL_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, LINE_HELLO, kit_pod("demo:2", "2", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"image\":\"demo:2\""));
    kit_stop(kit);
    kit_set(kit, "node.groups=");
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"image\":\"demo:1\""));
    assert_true(kit_status_has(kit, "hello", "\"source\":\"all\""));
    kit_say(kit, LINE_HELLO, kit_pod("demo:5", "5", ""), LIVE); /* not ours any more */
    assert_string_equal(json_text(json_first(json_get(kit->subscribed, "unsubscribe"))), "davit/groups/line-3/desired/#");
    assert_true(kit_status_has(kit, "hello", "\"image\":\"demo:1\""));
}

static void a_refusal_stands_beside_the_untouched_status(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "5", ""), LIVE);
    calls_are(kit, "create start ");
    kit_say(kit, HELLO, kit_pod("demo:2", "4", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"Stale\""));
    assert_true(kit_status_has(kit, "hello", "\"refusedGeneration\":4"));
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":5,\"phase\":\"Running\""));
    kit_say(kit, HELLO, kit_pod("demo:2", "5", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"reason\":\"Conflict\""));
    kit_message(kit, HELLO, "{", LIVE, NO_SEQ);
    assert_true(kit_status_has(kit, "hello", "\"reason\":\"InvalidJSON\""));
    assert_int_equal(kit_event_count(kit, "InvalidJSON"), 1);
    kit_message(kit, HELLO, "{", LIVE, NO_SEQ); /* the same again is no news */
    assert_int_equal(kit_event_count(kit, "InvalidJSON"), 1);
    calls_are(kit, "");
    kit_say(kit, HELLO, kit_pod("demo:1", "5", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Accepted\",\"status\":\"True\""));
}

static void an_object_never_accepted_has_its_refusal_until_it_is_taken_away(void **state)
{
    struct corekit *kit = *state;
    kit_message(kit, HELLO, "{", RETAINED, NO_SEQ);
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Refused\""));
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit); /* the broker does not hold it any more */
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"), "");
    kit_message(kit, HELLO, "{", RETAINED, NO_SEQ);
    kit_message(kit, HELLO, "", LIVE, NO_SEQ);
    assert_string_equal(kit_held(kit, NODE_TOPIC "/state/default/pods/hello"), "");
    assert_int_equal(objects_count(&kit->core->objects), 0);
}

static void bad_addresses_become_events(void **state)
{
    struct corekit *kit = *state;
    kit_message(kit, NODE_TOPIC "/desired/default/pods/Bad", "{}", LIVE, NO_SEQ);
    assert_int_equal(kit_event_count(kit, "InvalidTopic"), 1);
    kit_message(kit, NODE_TOPIC "/desired/default/pods/Bad", "", LIVE, NO_SEQ);
    assert_int_equal(kit_event_count(kit, "InvalidTopic"), 1);
    kit_link_frame(kit, "{\"op\":\"refused-subscription\",\"topic\":\"davit/groups/all/desired/#\",\"code\":135}", NULL);
    assert_int_equal(kit_event_count(kit, "SubscriptionRefused"), 1);
    kit_settle(kit);
}

static void damaged_frames_change_nothing(void **state)
{
    struct corekit *kit = *state;
    static const char *const heads[] = {
        "{}", "[]", "{\"op\":7}", "{\"op\":\"else\"}", "{\"op\":\"message\"}", "{\"op\":\"message\",\"topic\":7}",
        "{\"op\":\"published\"}", "{\"op\":\"published\",\"id\":\"x\",\"ok\":true}",
        "{\"op\":\"published\",\"id\":12345,\"ok\":true}", "{\"op\":\"result\"}", "{\"op\":\"result\",\"id\":99,\"ok\":true}",
        "{\"op\":\"notify\"}", "{\"op\":\"opened\",\"id\":[]}",
    };
    kit_say(kit, HELLO, kit_pod("demo:1", "5", ""), LIVE);
    calls_are(kit, "create start ");
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        kit_link_frame(kit, heads[i], "x");
        kit_runtime_frame(kit, heads[i], "x");
        kit_link_frame(kit, heads[i], NULL);
        kit_runtime_frame(kit, heads[i], NULL);
        kit_settle(kit);
    }
    calls_are(kit, "");
    assert_int_equal(kit_running(kit), 1);
}

static bool says_online(const struct corekit *kit)
{
    return strstr(kit_held(kit, NODE_TOPIC "/presence"), "\"online\":true") != NULL;
}

static void presence_is_said_again_after_a_late_will(void **state)
{
    struct corekit *kit = *state;
    static const char will[] = "{\"v\":1,\"online\":false,\"session\":\"an-earlier-one\"}";
    assert_true(says_online(kit));
    kit_advance(kit, 60000);
    for (int i = 0; i < 2; i++) { /* and once more, right behind it */
        json_set_text(kit->broker, NODE_TOPIC "/presence", will);
        kit_message(kit, NODE_TOPIC "/presence", will, LIVE, NO_SEQ);
        kit_advance(kit, kit->wake_ms > kit->now && kit->wake_ms < kit->now + 10000 ? kit->wake_ms - kit->now : 1);
        assert_true(says_online(kit));
    }
    AUTO_FREE char *own = mem_strdup(kit_held(kit, NODE_TOPIC "/presence"));
    json_remove(kit->broker, NODE_TOPIC "/presence");
    kit_message(kit, NODE_TOPIC "/presence", own, LIVE, NO_SEQ); /* its own echo is no reason to speak */
    assert_null(kit_held(kit, NODE_TOPIC "/presence"));
    core_farewell(kit->core);
    AUTO_FREE char *good_bye = mem_strdup(kit_held(kit, NODE_TOPIC "/presence"));
    kit_message(kit, NODE_TOPIC "/presence", good_bye, LIVE, NO_SEQ); /* nor is that of its good-bye */
    kit_advance(kit, 10000);
    assert_false(says_online(kit));
}

static void a_tombstone_is_forgotten_after_90_days(void **state)
{
    struct corekit *kit = *state;
    const uint64_t day_ms = 24 * 3600000ULL;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    kit_advance(kit, day_ms * 89);
    assert_int_equal(objects_count(&kit->core->objects), 1);
    kit_advance(kit, day_ms * 2);
    kit_advance(kit, day_ms);
    assert_int_equal(objects_count(&kit->core->objects), 0);
}

/* Stored as canonical JSON it is longer than the cap on what arrives. */
static void what_was_accepted_can_be_read_after_a_restart(void **state)
{
    struct corekit *kit = *state;
    AUTO_STRBUF struct strbuf numbers;
    strbuf_init(&numbers, LIMIT_DOCUMENT_BYTES);
    strbuf_add(&numbers, "\"more\":[0");
    for (int i = 0; i < 100000; i++)
        strbuf_add(&numbers, ",1e15");
    strbuf_add(&numbers, "],");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", numbers.data), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    calls_are(kit, "create start stop remove release ");
    kit_say(kit, HELLO, kit_pod("demo:1", "3", numbers.data), LIVE);
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    kit_exit(kit, 1);
    assert_int_equal(kit_running(kit), 1);
}

int main(void)
{
#define KIT(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        KIT(a_document_becomes_a_running_pod_and_its_status),
        KIT(nothing_acts_on_what_is_not_on_the_disk),
        KIT(a_live_document_by_hand_is_acknowledged_after_the_commit),
        KIT(everything_else_live_is_acknowledged_at_once),
        KIT(documents_that_arrive_during_a_commit_wait_in_their_order),
        KIT(too_much_behind_a_commit_pauses_the_link),
        KIT(so_do_few_that_are_large),
        KIT(a_retained_flood_brings_what_is_new_and_confirms_the_rest),
        KIT(what_the_flood_does_not_show_is_not_retained_and_runs_on),
        KIT(without_the_end_of_the_flood_nothing_is_judged),
        KIT(an_empty_payload_stops_nothing),
        KIT(on_a_bench_an_empty_payload_deletes_but_never_of_a_group),
        KIT(a_tombstone_ends_the_pod_and_clears_both_topics),
        KIT(a_clear_survives_a_restart_without_a_broker),
        KIT(a_tombstone_of_the_node_masks_a_group),
        KIT(the_node_rules_over_its_group_and_the_group_over_all),
        KIT(leaving_a_group_empties_its_slots),
        KIT(a_refusal_stands_beside_the_untouched_status),
        KIT(an_object_never_accepted_has_its_refusal_until_it_is_taken_away),
        KIT(bad_addresses_become_events),
        KIT(damaged_frames_change_nothing),
        KIT(presence_is_said_again_after_a_late_will),
        KIT(a_tombstone_is_forgotten_after_90_days),
        KIT(what_was_accepted_can_be_read_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

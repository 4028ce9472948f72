/* What comes at the seams: around `connected`, from a davit-link that has gone, from two groups, from an older version. */
#include "corekit.h"
#include "davit/limits.h"

static void what_comes_in_front_of_connected_is_retained_too(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    core_link_down(kit->core, "the broker went");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), RETAINED);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"True\""));
}

static void a_document_on_its_way_to_the_disk_is_retained(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    core_link_down(kit->core, "the broker went");
    kit_connect(kit);
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), RETAINED);
    kit_flood_over(kit);
    assert_false(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"False\""));
}

static void a_new_link_is_not_told_what_the_last_one_waited_for(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *by_hand = kit_pod("demo:1", NULL, "");
    AUTO_FREE char *next = kit_pod("demo:2", NULL, "");
    kit->disk_waits = true;
    kit_message(kit, HELLO, by_hand, LIVE, 1);
    core_link_down(kit->core, "5 s were over");
    kit_connect(kit);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_int_equal(kit->taken, 0);
    kit_message(kit, HELLO, next, LIVE, 1);
    assert_int_equal(kit->taken, 1);
}

static void a_refusal_of_one_group_outlives_what_another_says(void **state)
{
    struct corekit *kit = *state;
    kit_stop(kit);
    kit_set(kit, "node.groups=line-3, hall-1");
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_say(kit, LINE_HELLO, mem_strdup("no document"), LIVE);
    kit_say(kit, "davit/groups/hall-1/desired/default/pods/hello", kit_pod("demo:1", "1", ""), LIVE);
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_status_has(kit, "hello", "\"reason\":\"InvalidJSON\""));
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    assert_false(kit_status_has(kit, "hello", "\"reason\":\"InvalidJSON\""));
}

#define PRESENCE NODE_TOPIC "/presence"

static bool node_has(const struct corekit *kit, const char *text)
{
    const char *status = kit_held(kit, NODE_TOPIC "/status");
    return status != NULL && strstr(status, text) != NULL;
}

static void twin_says(struct corekit *kit, const char *online, int64_t ts_from_start, bool retained)
{
    AUTO_FREE char *said = mem_printf("{\"v\":1,\"online\":%s,\"session\":\"a-twin\",\"ts\":%lld}", online,
                                      (long long)((int64_t)kit->core->started_ms + ts_from_start));
    kit_message(kit, PRESENCE, said, retained, NO_SEQ);
    kit_advance(kit, 6000);
}

static void another_client_with_our_id_is_an_alarm_for_an_hour(void **state)
{
    struct corekit *kit = *state;
    twin_says(kit, "false", 5000, LIVE); /* a late will */
    twin_says(kit, "true", -5000, LIVE); /* a bridge's replay of an earlier life */
    assert_int_equal(kit->rivals, 0);
    assert_false(node_has(kit, "DuplicateNode"));
    twin_says(kit, "true", 5000, LIVE);
    twin_says(kit, "true", 5001, LIVE);
    assert_int_equal(kit->rivals, 2);
    assert_true(node_has(kit, "\"type\":\"DuplicateNode\",\"status\":\"True\",\"reason\":\"SameClientId\""));
    assert_int_equal(kit_event_count(kit, "DuplicateNode"), 1);
    kit_advance(kit, LIMIT_RIVAL_MS + 10000);
    assert_false(node_has(kit, "DuplicateNode"));
}

static void dropped_events_are_told_until_the_broker_was_back_for_an_hour(void **state)
{
    struct corekit *kit = *state;
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    for (int i = 0; i < LIMIT_EVENTS + 3; i++)
        core_event(kit->core, NULL, true, "Tested", "%d", i);
    kit_advance(kit, 2 * LIMIT_DROPPED_MS);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_advance(kit, 10000);
    assert_true(node_has(kit, "\"type\":\"EventsDropped\",\"status\":\"True\",\"reason\":\"TooMany\""));
    kit_advance(kit, LIMIT_DROPPED_MS / 2);
    assert_true(node_has(kit, "EventsDropped"));
    kit_advance(kit, LIMIT_DROPPED_MS / 2 + 10000);
    assert_false(node_has(kit, "EventsDropped"));
}

static void what_the_broker_kept_of_an_earlier_davitd_is_no_rival(void **state)
{
    struct corekit *kit = *state;
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    twin_says(kit, "true", 5000, RETAINED); /* its clock was ahead */
    assert_int_equal(kit->rivals, 0);
    kit_connect(kit);
    core_link_down(kit->core, "thrown out");
    twin_says(kit, "true", 5000, RETAINED); /* the same once more: from a broker that was restored */
    assert_int_equal(kit->rivals, 0);
    twin_says(kit, "true", 5001, RETAINED); /* somebody spoke after it, and that were not we */
    assert_int_equal(kit->rivals, 1);
}

static void a_session_that_was_taken_over_is_one_too(void **state)
{
    struct corekit *kit = *state;
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"taken\",\"code\":142,\"retryInMs\":30000}", NULL);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_advance(kit, 6000);
    assert_true(node_has(kit, "DuplicateNode"));
}

static void a_broker_that_shows_nothing_to_wildcards_is_not_believed(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    for (unsigned copies = 0; copies < 3; copies++) {
        AUTO_FREE char *own = mem_strdup(kit_held(kit, PRESENCE));
        core_link_down(kit->core, "the broker went");
        for (unsigned i = 0; i < copies; i++)
            kit_message(kit, PRESENCE, own, RETAINED, NO_SEQ);
        kit_connect(kit);
        kit_flood_over(kit);
        kit_advance(kit, 6000);
        assert_int_equal(node_has(kit, "\"reason\":\"NoWildcards\""), copies == 1);
        assert_int_equal(kit_status_has(kit, "hello", "\"type\":\"Retained\",\"status\":\"False\""), copies != 1);
    }
    assert_int_equal(kit->rivals, 0);
}

static void a_status_fits_into_what_the_broker_takes(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    core_link_down(kit->core, "the broker went");
    kit_link_frame(kit, "{\"op\":\"connected\",\"receiveMaximum\":20,\"version\":5,\"maximumPacketSize\":800}", NULL);
    kit_flood_over(kit);
    kit_settle(kit);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Truncated\",\"status\":\"True\",\"reason\":\"PacketTooLarge\""));
    assert_true(strlen(kit_held(kit, NODE_TOPIC "/status/default/pods/hello")) < 800);
}

static void what_the_rules_forbid_is_not_said_again_and_again(void **state)
{
    struct corekit *kit = *state;
    int64_t id = 0;
    kit_advance(kit, 6000);
    core_event(kit->core, NULL, false, "First", "it flies");
    JSON_EACH(one, kit->unacked)
        (void)json_integer(one, &id);
    AUTO_FREE char *frame = mem_printf("{\"op\":\"published\",\"id\":%lld,\"ok\":false,\"reason\":\"Refused\",\"code\":135}",
                                       (long long)id);
    kit_link_frame(kit, frame, NULL);
    core_link_down(kit->core, "Mosquitto 2.0 hangs up, too");
    kit_connect(kit);
    kit_flood_over(kit);
    core_event(kit->core, NULL, false, "Second", "it is thrown away");
    kit_advance(kit, 6000);
    assert_int_equal(kit_event_count(kit, "Second"), 0);
    assert_true(node_has(kit, "\"type\":\"BrokerDenies\",\"status\":\"True\",\"reason\":\"NotAuthorized\""));
    assert_true(node_has(kit, NODE_TOPIC "/events, which"));
    kit_advance(kit, LIMIT_DENIED_MS + 1000);
    core_event(kit->core, NULL, false, "Third", "it is tried again");
    kit_advance(kit, 6000);
    assert_int_equal(kit_event_count(kit, "Third"), 1);
    assert_false(node_has(kit, "BrokerDenies"));
}

static void one_message_that_ends_each_connection_is_found(void **state)
{
    struct corekit *kit = *state;
    kit_advance(kit, 60000);
    for (int i = 0; i < 6; i++) {
        json_free(kit->unacked);
        kit->unacked = json_new_array();
        core_event(kit->core, NULL, false, "Fatal", "nobody answers it");
        assert_int_equal(json_size(kit->unacked), i < 5);
        core_link_down(kit->core, "hung up");
        kit_link_frame(kit, "{\"op\":\"connected\",\"receiveMaximum\":20,\"version\":5}", NULL);
        kit_settle(kit);
    }
    kit_advance(kit, 6000);
    assert_true(node_has(kit, "BrokerDenies"));
}

static void a_broker_that_flaps_forbids_nothing(void **state)
{
    struct corekit *kit = *state;
    for (int i = 0; i < 20; i++) {
        core_event(kit->core, NULL, false, "Flap", "in flight");
        core_link_down(kit->core, "the broker went");
        kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"connection refused\",\"code\":0}", NULL);
        kit_connect(kit);
        kit_flood_over(kit);
    }
    kit_advance(kit, 6000);
    assert_false(node_has(kit, "BrokerDenies"));
}

static void tombstones_of_two_sources_are_forgotten_too(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, LINE_HELLO, kit_tombstone("2"), LIVE);
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    kit_advance(kit, 92ull * 24 * 3600000);
    assert_int_equal(objects_count(&kit->core->objects), 0);
}

static void a_kind_that_is_not_run_is_told_of_as_one(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, NODE_TOPIC "/desired/default/virtualmachines/web",
            mem_strdup("{\"apiVersion\":\"kubevirt.io/v2\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"web\"},\"spec\":{}}"),
            LIVE);
    const char *status = kit_held(kit, NODE_TOPIC "/status/default/virtualmachines/web");
    assert_non_null(status);
    assert_non_null(strstr(status, "\"kind\":\"VirtualMachine\""));
    assert_non_null(strstr(status, "\"reason\":\"UnsupportedKind\""));
}

static void what_cannot_be_read_any_more_runs_on_and_says_why(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "7", ""), LIVE);
    struct object *object = kit->core->objects.table;
    struct slot_row row = { .id = object->id, .source = "node", .group = "", .generation = 7, .text = "{}",
                            .content = object->slots[0].content, .hash = object->slots[0].hash };
    struct store_txn *txn = store_begin(kit->store);
    store_put_slot(txn, &row);
    store_commit(txn, NULL, NULL);
    kit_settle(kit);
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"InvalidDocument\""));
    kit_say(kit, HELLO, kit_pod("demo:1", "8", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"type\":\"Accepted\",\"status\":\"True\""));
    assert_int_equal(kit_running(kit), 1);
}

int main(void)
{
#define KIT(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        KIT(what_comes_in_front_of_connected_is_retained_too),
        KIT(a_document_on_its_way_to_the_disk_is_retained),
        KIT(a_new_link_is_not_told_what_the_last_one_waited_for),
        KIT(a_refusal_of_one_group_outlives_what_another_says),
        KIT(tombstones_of_two_sources_are_forgotten_too),
        KIT(another_client_with_our_id_is_an_alarm_for_an_hour),
        KIT(dropped_events_are_told_until_the_broker_was_back_for_an_hour),
        KIT(what_the_broker_kept_of_an_earlier_davitd_is_no_rival),
        KIT(a_session_that_was_taken_over_is_one_too),
        KIT(a_broker_that_shows_nothing_to_wildcards_is_not_believed),
        KIT(a_status_fits_into_what_the_broker_takes),
        KIT(what_the_rules_forbid_is_not_said_again_and_again),
        KIT(one_message_that_ends_each_connection_is_found),
        KIT(a_broker_that_flaps_forbids_nothing),
        KIT(a_kind_that_is_not_run_is_told_of_as_one),
        KIT(what_cannot_be_read_any_more_runs_on_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

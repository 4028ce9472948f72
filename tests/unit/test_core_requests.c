/* Requests in the core: answered, remembered, carried out once. */
#include "core/request_record.h"
#include "corekit.h"
#include "davit/limits.h"

#define ASK NODE_TOPIC "/request/"
#define REPLY NODE_TOPIC "/response/anna/"

static void ask(struct corekit *kit, const char *verb, const char *payload, int64_t seq)
{
    AUTO_FREE char *topic = mem_printf(ASK "%s/anna", verb);
    kit_message(kit, topic, payload, LIVE, seq);
}

static bool answered(const struct corekit *kit, const char *id, const char *text)
{
    AUTO_FREE char *topic = mem_printf(REPLY "%s", id);
    const char *said = kit_held(kit, topic);
    return said != NULL && strstr(said, text) != NULL;
}

static void forget(struct corekit *kit, const char *id)
{
    AUTO_FREE char *topic = mem_printf(REPLY "%s", id);
    json_remove(kit->broker, topic);
}

static void run_hello(struct corekit *kit)
{
    kit_say(kit, HELLO, kit_pod("demo:1", "7", ""), LIVE);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_int_equal(kit_running(kit), 1);
}

static void each_verb_answers_and_others_are_unsupported(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    ask(kit, "ping", "{\"id\":1}", 5);
    assert_true(answered(kit, "1", "{\"id\":1,\"ok\":true,\"node\":\"press-7\""));
    assert_int_equal(kit->taken, 5);
    ask(kit, "describe", "{\"id\":\"d\",\"pod\":\"hello\"}", NO_SEQ);
    assert_true(answered(kit, "d", "\"phase\":\"Running\""));
    ask(kit, "describe", "{\"id\":\"e\",\"pod\":\"none\"}", NO_SEQ);
    assert_true(answered(kit, "e", "\"ok\":false,\"reason\":\"NotFound\""));
    ask(kit, "explode", "{\"id\":2}", NO_SEQ);
    assert_true(answered(kit, "2", "\"reason\":\"Unsupported\""));
    assert_true(answered(kit, "2", "ping describe revisions events restart"));
    ask(kit, "restart", "{\"id\":3}", NO_SEQ);
    assert_true(answered(kit, "3", "\"reason\":\"InvalidRequest\""));
    ask(kit, "ping", "{\"id\":4,\"stream\":true}", NO_SEQ);
    assert_true(answered(kit, "4", "\"seq\":1,\"last\":true"));
}

static void a_restart_is_another_incarnation_that_begins_anew(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    kit_exit(kit, 1);
    kit_advance(kit, 1000);
    assert_true(kit_state_has(kit, "hello", "\"restarts\":1"));
    AUTO_FREE char *before = mem_strdup(kit_held(kit, NODE_TOPIC "/status/default/pods/hello"));
    AUTO_FREE char *ignored = kit_calls(kit);
    ask(kit, "restart", "{\"id\":17,\"pod\":\"hello\"}", 3);
    assert_true(answered(kit, "17", "{\"id\":17,\"ok\":true,\"pods\":1}"));
    assert_int_equal(kit->taken, 3);
    kit_advance(kit, 1000);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_non_null(strstr(calls, "stop"));
    assert_non_null(strstr(calls, "create start"));
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_state_has(kit, "hello", "\"restarts\":0"));
    assert_string_not_equal(before, kit_held(kit, NODE_TOPIC "/status/default/pods/hello"));
}

static void the_same_again_is_answered_from_memory(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    ask(kit, "restart", "{\"id\":17,\"pod\":\"hello\"}", NO_SEQ);
    kit_advance(kit, 1000);
    AUTO_FREE char *ignored = kit_calls(kit);
    AUTO_FREE char *uid = mem_strdup(kit->core->objects.table->uid);
    for (int i = 0; i < 2; i++) {
        forget(kit, "17");
        ask(kit, "restart", "{\"id\":17,\"pod\":\"hello\"}", NO_SEQ);
        assert_true(answered(kit, "17", "\"ok\":true"));
        assert_string_equal(kit->core->objects.table->uid, uid);
        /* And over a restart of davitd. */
        kit_stop(kit);
        kit_start(kit);
        kit_connect(kit);
    }
    /* Asked for something else, the same id is another request. */
    ask(kit, "ping", "{\"id\":17}", NO_SEQ);
    assert_true(answered(kit, "17", "\"node\":\"press-7\""));
    /* Of another requester it is another request. */
    kit_message(kit, ASK "restart/bob", "{\"id\":17,\"pod\":\"hello\"}", LIVE, NO_SEQ);
    assert_string_equal(kit_held(kit, NODE_TOPIC "/response/bob/17"), "{\"id\":17,\"ok\":true,\"pods\":1}");
    assert_string_not_equal(kit->core->objects.table->uid, uid);
}

static void it_is_on_the_disk_before_it_is_done_and_acknowledged(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    AUTO_FREE char *uid = mem_strdup(kit->core->objects.table->uid);
    kit->disk_waits = true;
    ask(kit, "restart", "{\"id\":17,\"pod\":\"hello\"}", 4);
    assert_int_equal(kit->taken, 0);
    assert_string_equal(kit->core->objects.table->uid, uid);
    /* The broker sends it again while it is on its way: once is enough. */
    ask(kit, "restart", "{\"id\":17,\"pod\":\"hello\"}", NO_SEQ);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_int_equal(kit->taken, 4);
    assert_string_not_equal(kit->core->objects.table->uid, uid);
}

static void what_was_begun_when_davitd_died_is_interrupted(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    /* What it had written by then. */
    struct store_txn *txn = store_begin(kit->store);
    store_put_request(txn, &(struct request_row){ .key = "anna/restart/17", .begun_ms = kit->wall, .reply = REPLY "17", .correlation = "",
                                                  .answer = "{\"id\":17,\"ok\":false,\"reason\":\"Interrupted\"}" });
    store_commit(txn, NULL, NULL);
    kit_stop(kit);
    kit_start(kit);
    AUTO_FREE char *uid = mem_strdup(kit->core->objects.table->uid);
    kit_connect(kit);
    assert_true(answered(kit, "17", "\"reason\":\"Interrupted\""));
    forget(kit, "17");
    ask(kit, "restart", "{\"id\":17,\"pod\":\"hello\"}", NO_SEQ);
    assert_true(answered(kit, "17", "\"reason\":\"Interrupted\""));
    assert_string_equal(kit->core->objects.table->uid, uid);
}

static void nothing_is_said_on_a_foreign_topic(void **state)
{
    struct corekit *kit = *state;
    for (int i = 0; i < 100; i++)
        ask(kit, "ping", "{\"id\":1,\"replyTo\":\"" HELLO "\"}", NO_SEQ);
    assert_null(kit_held(kit, HELLO));
    assert_null(kit_held(kit, REPLY "1"));
    assert_int_equal(kit_event_count(kit, "ForeignReply"), 1);
    kit_advance(kit, 10001);
    ask(kit, "ping", "{\"id\":1,\"replyTo\":\"" HELLO "\"}", NO_SEQ);
    assert_int_equal(kit_event_count(kit, "ForeignReply"), 2);
    kit_message(kit, ASK "ping", "{}", LIVE, 9);
    assert_int_equal(kit->taken, 9);
    kit_message(kit, ASK "ping/anna", "{\"id\":5}", RETAINED, NO_SEQ);
    assert_true(answered(kit, "5", "\"reason\":\"Retained\""));
}

static void what_is_remembered_has_a_cap(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    for (int i = 0; i < LIMIT_REQUESTS_KNOWN_EACH + 20; i++) {
        AUTO_FREE char *payload = mem_printf("{\"id\":%d,\"pod\":\"none\"}", i);
        ask(kit, "restart", payload, NO_SEQ);
        kit_advance(kit, 1);
    }
    kit_message(kit, ASK "restart/bob", "{\"id\":1,\"pod\":\"none\"}", LIVE, NO_SEQ);
    assert_int_equal(request_records_count(kit->core), LIMIT_REQUESTS_KNOWN_EACH + 1);
    kit_stop(kit);
    kit_start(kit);
    assert_int_equal(request_records_count(kit->core), LIMIT_REQUESTS_KNOWN_EACH + 1);
    kit_advance(kit, (LIMIT_REQUESTS_KNOWN_DAYS + 1) * 24ull * 3600 * 1000);
    kit_connect(kit);
    kit_message(kit, ASK "restart/bob", "{\"id\":2,\"pod\":\"none\"}", LIVE, NO_SEQ);
    assert_int_equal(request_records_count(kit->core), 1);
}

/* Nothing is carried out before it is on the disk, and the disk is slow. */
static void one_requester_leaves_room_for_the_others(void **state)
{
    struct corekit *kit = *state;
    run_hello(kit);
    kit->disk_waits = true;
    for (int i = 0; i <= LIMIT_REQUESTS_RUNNING_EACH; i++) {
        AUTO_FREE char *payload = mem_printf("{\"id\":%d,\"pod\":\"hello\"}", i);
        ask(kit, "restart", payload, NO_SEQ);
    }
    AUTO_FREE char *last = mem_printf("%d", LIMIT_REQUESTS_RUNNING_EACH);
    assert_true(answered(kit, last, "TooManyRequests"));
    kit_message(kit, ASK "ping/bob", "{\"id\":1}", LIVE, NO_SEQ);
    assert_non_null(kit_held(kit, NODE_TOPIC "/response/bob/1"));
    kit->disk_waits = false;
    kit_settle(kit);
}

#define WEB NODE_TOPIC "/desired/default/deployments/web"

static void a_deployments_pods_go_one_after_the_other(void **state)
{
    struct corekit *kit = *state;
    kit_message(kit, WEB, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":2,"
                          "\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"demo:1\"}]}}}}", LIVE, NO_SEQ);
    assert_int_equal(kit_running(kit), 2);
    kit->runtime_waits = true;
    ask(kit, "restart", "{\"id\":1,\"object\":\"deployments/web\"}", NO_SEQ);
    assert_true(answered(kit, "1", "\"ok\":true,\"pods\":2"));
    size_t renewed = 0;
    for (const struct object *object = kit->core->objects.table; object != NULL; object = object->hh.next)
        renewed += object->uid[0] != '\0' && object->restart_uid[0] != '\0' && strcmp(object->uid, object->restart_uid) != 0;
    assert_int_equal(renewed, 1); /* the other waits for it to be ready */
    /* davitd dies in the middle: what is left is done by the next. */
    kit->runtime_waits = false;
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_runtime_up(kit);
    kit_advance(kit, 2000);
    assert_int_equal(kit_running(kit), 2);
    AUTO_FREE char *calls = kit_calls(kit);
    const char *second = strstr(calls, "stop");
    assert_non_null(second != NULL ? strstr(second + 1, "stop") : NULL);
    kit_stop(kit);
    kit_start(kit);
    for (const struct object *object = kit->core->objects.table; object != NULL; object = object->hh.next)
        assert_string_equal(object->restart_uid, ""); /* no row is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_verb_answers_and_others_are_unsupported, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_restart_is_another_incarnation_that_begins_anew, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(the_same_again_is_answered_from_memory, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(it_is_on_the_disk_before_it_is_done_and_acknowledged, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_was_begun_when_davitd_died_is_interrupted, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_said_on_a_foreign_topic, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_is_remembered_has_a_cap, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(one_requester_leaves_room_for_the_others, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_deployments_pods_go_one_after_the_other, kit_setup, kit_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

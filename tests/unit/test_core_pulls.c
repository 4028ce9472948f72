/* The core and its images: when one is pulled, who waits, and what goes on running meanwhile. */
#include "corekit.h"

#define DEMO1 "docker.io/library/demo:1"
#define DEMO2 "docker.io/library/demo:2"
#define LATEST "docker.io/library/demo:latest"
#define ID1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define ID2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define OTHER NODE_TOPIC "/desired/default/pods/other"

static int setup(void **state)
{
    if (kit_setup(state) != 0)
        return 1;
    struct corekit *kit = *state;
    core_runtime_down(kit->core, "again");
    kit->needs_images = true;
    kit_runtime_up(kit);
    return 0;
}

static void calls_are(struct corekit *kit, const char *expected)
{
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, expected);
}

static void restart_davitd(struct corekit *kit)
{
    kit_stop(kit);
    json_free(kit->pulls);
    kit->pulls = json_new_object();
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_runtime_up(kit);
}

static void an_absent_image_is_pulled_once_for_all_that_want_it(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    AUTO_FREE char *other = kit_pod("docker.io/library/demo:1", "1", "");
    memcpy(strstr(other, "hello"), "other", 5);
    kit_message(kit, OTHER, other, LIVE, NO_SEQ);
    assert_int_equal(json_size(kit->pulls), 1);
    assert_true(kit_state_has(kit, "hello", "\"reason\":\"ContainerCreating\",\"message\":\"pulling image: asking"));
    calls_are(kit, "");
    kit_pulled(kit, DEMO1, ID1);
    assert_int_equal(kit_running(kit), 2);
    assert_int_equal(kit_event_count(kit, "Pulling"), 1);
    assert_int_equal(kit_event_count(kit, "Pulled"), 2);
    assert_int_equal(json_size(kit->pulls), 0);
}

static void what_cannot_be_pulled_says_why_and_is_tried_again(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_not_pulled(kit, DEMO1, "NotFound");
    assert_true(kit_state_has(kit, "hello", "\"reason\":\"ErrImagePull\",\"message\":\"NotFound: as asked\""));
    kit_advance(kit, 2000);
    assert_true(kit_state_has(kit, "hello", "\"reason\":\"ImagePullBackOff\""));
    assert_true(kit_status_has(kit, "hello", "Back-off pulling image \\\"demo:1\\\": NotFound: as asked"));
    kit_advance(kit, 7999);
    assert_int_equal(json_size(kit->pulls), 0);
    kit_advance(kit, 1);
    assert_int_equal(json_size(kit->pulls), 1);
    kit_not_pulled(kit, DEMO1, "NotFound");
    kit_advance(kit, 19999);
    assert_int_equal(json_size(kit->pulls), 0);
    kit_advance(kit, 1);
    kit_pulled(kit, DEMO1, ID1);
    assert_int_equal(kit_running(kit), 1);
    assert_int_equal(kit_event_count(kit, "Failed"), 1); /* not one a try */
}

static void never_is_never(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1\",\"imagePullPolicy\":\"Never", "1", ""), LIVE);
    assert_int_equal(json_size(kit->pulls), 0);
    assert_true(kit_state_has(kit, "hello", "ErrImageNeverPull"));
}

/* An update has its image complete before anything that runs is touched. */
static void an_update_waits_for_its_image(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_pulled(kit, DEMO1, ID1);
    calls_are(kit, "create start ");
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), LIVE);
    assert_non_null(json_get(kit->pulls, DEMO2));
    calls_are(kit, "");
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":2"));
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Running\""));
    assert_true(kit_state_has(kit, "hello", "\"update\":\"Pulling\""));
    assert_true(kit_state_has(kit, "hello", "\"image\":\"demo:1\""));
    kit_not_pulled(kit, DEMO2, "Unreachable");
    assert_true(kit_state_has(kit, "hello", "\"update\":\"ErrImagePull\""));
    /* What runs is the line: it is started again meanwhile. */
    kit_exit(kit, 1);
    kit_settle(kit);
    calls_are(kit, "create start remove ");
    kit_advance(kit, 10000);
    kit_pulled(kit, DEMO2, ID2);
    calls_are(kit, "stop remove release create start ");
    assert_true(kit_state_has(kit, "hello", "\"image\":\"demo:2\""));
    assert_false(kit_state_has(kit, "hello", "\"update\""));
}

static void an_update_waits_over_a_restart_of_davitd(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_pulled(kit, DEMO1, ID1);
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), LIVE);
    calls_are(kit, "create start ");
    restart_davitd(kit);
    assert_non_null(json_get(kit->pulls, DEMO2));
    calls_are(kit, "");
    assert_true(kit_state_has(kit, "hello", "\"state\":\"Running\""));
    kit_pulled(kit, DEMO2, ID2);
    calls_are(kit, "stop remove release create start ");
}

static void an_update_taken_back_touches_nothing(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_pulled(kit, DEMO1, ID1);
    kit_say(kit, HELLO, kit_pod("demo:2", "2", ""), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:1", "3", ""), LIVE);
    assert_int_equal(json_size(kit->cancelled), 1);
    assert_false(kit_state_has(kit, "hello", "\"update\""));
    kit_not_pulled(kit, DEMO2, "Cancelled");
    calls_are(kit, "create start ");
    assert_int_equal(kit_event_count(kit, "Failed"), 0);
}

static void a_deleted_pod_ends_its_pull(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_int_equal(json_size(kit->cancelled), 1);
    kit_not_pulled(kit, DEMO1, "Cancelled");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/state/default/pods/hello"), "");
}

static void always_asks_at_each_start(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo", "1", ""), LIVE);
    kit_pulled(kit, LATEST, ID1);
    calls_are(kit, "create start ");
    kit_advance(kit, 1000);
    kit_exit(kit, 1);
    kit_settle(kit);
    calls_are(kit, "remove ");
    assert_non_null(json_get(kit->pulls, LATEST));
    kit_pulled(kit, LATEST, ID2);
    calls_are(kit, "create start ");
}

static void always_without_a_registry_starts_what_is_here_and_says_so(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo", "1", ""), LIVE);
    kit_pulled(kit, LATEST, ID1);
    kit_advance(kit, 1000);
    kit_exit(kit, 1);
    kit_settle(kit);
    kit_not_pulled(kit, LATEST, "Unreachable");
    calls_are(kit, "create start remove create start ");
    assert_true(kit_status_has(kit, "hello", "\"type\":\"ImageStale\",\"status\":\"True\""));
}

static void a_registry_that_does_not_answer_is_not_waited_for(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo", "1", ""), LIVE);
    kit_pulled(kit, LATEST, ID1);
    kit_advance(kit, 1000);
    kit_exit(kit, 1);
    kit_settle(kit);
    kit_advance(kit, 4999);
    calls_are(kit, "create start remove ");
    kit_advance(kit, 1);
    calls_are(kit, "create start ");
}

static void too_many_pulls_wait_for_one_another(void **state)
{
    struct corekit *kit = *state;
    for (int i = 0; i < LIMIT_PULLS + 2; i++) {
        AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/desired/default/pods/pod-%d", i);
        AUTO_FREE char *image = mem_printf("many:%d", i);
        AUTO_FREE char *pod = kit_pod(image, "1", "");
        AUTO_FREE char *renamed = mem_printf("%.*spod-%d%s", (int)(strstr(pod, "hello") - pod), pod, i, strstr(pod, "hello") + 5);
        kit_message(kit, topic, renamed, LIVE, NO_SEQ);
    }
    assert_int_equal(json_size(kit->pulls), LIMIT_PULLS);
    kit_not_pulled(kit, "docker.io/library/many:0", "NotFound");
    assert_int_equal(json_size(kit->pulls), LIMIT_PULLS);
    kit_pulled(kit, "docker.io/library/many:1", ID1);
    assert_int_equal(json_size(kit->pulls), LIMIT_PULLS);
}

#define SECRET NODE_TOPIC "/desired/default/secrets/hub"
#define SECRET_OF(user) \
    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"hub\"},\"type\":\"kubernetes.io/dockerconfigjson\"," \
    "\"stringData\":{\".dockerconfigjson\":\"{\\\"auths\\\":{\\\"hub\\\":{\\\"username\\\":\\\"" user "\\\"}}}\"}}"

static void a_secret_is_used_once_it_is_there_and_never_told(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1\"}],\"imagePullSecrets\":[{\"name\":\"hub", "1", ""), LIVE);
    AUTO_FREE char *without = json_print(json_get(kit->pulls, DEMO1));
    assert_string_equal(without, "[]");
    kit_not_pulled(kit, DEMO1, "Unauthorized");
    assert_true(kit_status_has(kit, "hello", "imagePullSecrets that are not here: default/hub"));
    /* Its coming ends the back-off. */
    kit_say(kit, SECRET, mem_strdup(SECRET_OF("kiosk-user")), LIVE);
    AUTO_FREE char *with = json_print(json_get(kit->pulls, DEMO1));
    assert_string_equal(with, "[{\"auths\":{\"hub\":{\"username\":\"kiosk-user\"}}}]");
    kit_not_pulled(kit, DEMO1, "Unauthorized");
    assert_false(kit_status_has(kit, "hello", "imagePullSecrets that are not here"));
    AUTO_FREE char *broker = json_print(kit->broker);
    AUTO_FREE char *events = json_print(kit->events);
    assert_non_null(strstr(broker, "status/default/secrets/hub"));
    assert_non_null(strstr(broker, "Stored"));
    assert_null(strstr(broker, "dockerconfigjson\\\":"));
    assert_null(strstr(broker, "kiosk-user"));
    assert_null(strstr(events, "kiosk-user"));
    /* It is there after a restart too, and gone without a trace once it is deleted. */
    restart_davitd(kit);
    AUTO_FREE char *again = json_print(json_get(kit->pulls, DEMO1));
    assert_string_equal(again, with);
    kit_say(kit, SECRET, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"hub\","
                                    "\"deletionTimestamp\":\"2026-11-24T00:00:00Z\"}}"), LIVE);
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/secrets/hub"), "");
    assert_string_equal(kit_held(kit, NODE_TOPIC "/state/default/secrets/hub"), "");
}

static void progress_is_told(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    struct pull_progress progress = { .bytes = 34100000, .total = 120000000, .bytes_per_second = 11000000, .layer = 2,
                                      .layers = 5 };
    core_pull_progress(kit->core, DEMO1, &progress);
    kit_settle(kit);
    assert_true(kit_state_has(kit, "hello", "34.1 MB of 120.0 MB, 2 of 5 layers, 11.0 MB/s"));
    assert_true(kit_status_has(kit, "hello", "\"images\":[{\"image\":\"demo:1\",\"bytes\":34100000,\"total\":120000000,"
                                             "\"bytesPerSecond\":11000000,\"layer\":2,\"layers\":5}]"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_absent_image_is_pulled_once_for_all_that_want_it),
        TEST(what_cannot_be_pulled_says_why_and_is_tried_again),
        TEST(never_is_never),
        TEST(an_update_waits_for_its_image),
        TEST(an_update_waits_over_a_restart_of_davitd),
        TEST(an_update_taken_back_touches_nothing),
        TEST(a_deleted_pod_ends_its_pull),
        TEST(always_asks_at_each_start),
        TEST(always_without_a_registry_starts_what_is_here_and_says_so),
        TEST(a_registry_that_does_not_answer_is_not_waited_for),
        TEST(too_many_pulls_wait_for_one_another),
        TEST(a_secret_is_used_once_it_is_there_and_never_told),
        TEST(progress_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

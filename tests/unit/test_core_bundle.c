/* Bundles: one List, taken as a whole or not at all. */
#include <stdarg.h>
#include <stdio.h>

#include "corekit.h"
#include "davit/limits.h"

#define BUNDLE NODE_TOPIC "/desired"
#define STATUS NODE_TOPIC "/status"

static char *pod_item(const char *name, const char *image)
{
    return mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},"
                      "\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"%s\"}]}}", name, image);
}

/* `generation` NULL: a person's hand. `pods`: "name=image name=image". */
static char *bundle_of(const char *generation, const char *pods)
{
    AUTO_STRBUF struct strbuf items;
    AUTO_FREE char *words = mem_strdup(pods);
    char *rest = NULL;
    strbuf_init(&items, 1024 * 1024);
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *image = strchr(word, '=');
        *image++ = '\0';
        AUTO_FREE char *item = pod_item(word, image);
        strbuf_printf(&items, "%s%s", items.len > 0 ? "," : "", item);
    }
    AUTO_FREE char *annotations = generation != NULL ? mem_printf("\"annotations\":{\"davit/generation\":\"%s\"}", generation)
                                                     : mem_strdup("");
    return mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{%s},\"items\":[%s]}", annotations,
                      items.data != NULL ? items.data : "");
}

static void say(struct corekit *kit, const char *generation, const char *pods)
{
    kit_say(kit, BUNDLE, bundle_of(generation, pods), LIVE);
    kit_advance(kit, 2000); /* the node's own status comes at most once a second */
}

static void running_are(struct corekit *kit, const char *expected)
{
    AUTO_FREE char *names = kit_running_names(kit);
    assert_string_equal(names, expected);
}

static bool node_says(struct corekit *kit, const char *text)
{
    kit_advance(kit, 2000);
    return strstr(kit_held(kit, STATUS), text) != NULL;
}

static void all_of_it_runs_and_the_node_says_so(void **state)
{
    struct corekit *kit = *state;
    say(kit, "17", "a=demo:1 b=demo:1");
    running_are(kit, "a b ");
    assert_true(kit_status_has(kit, "a", "\"observedGeneration\":17"));
    assert_true(kit_status_has(kit, "a", "\"source\":\"bundle\""));
    assert_true(node_says(kit, "\"bundle\":{\"observedGeneration\":17,\"objects\":2}"));
    assert_true(node_says(kit, "\"type\":\"BundleAccepted\",\"status\":\"True\""));
}

static void what_a_bundle_does_not_hold_any_more_goes(void **state)
{
    struct corekit *kit = *state;
    say(kit, "1", "a=demo:1 b=demo:1");
    free(kit_calls(kit));
    say(kit, "2", "b=demo:1 c=demo:1");
    running_are(kit, "b c ");
    AUTO_FREE char *calls = kit_calls(kit);
    assert_null(strstr(calls, "create start create"));
    assert_string_equal(kit_held(kit, NODE_TOPIC "/status/default/pods/a"), "");
    /* What stayed the same was not touched, and has the bundle's generation. */
    assert_true(kit_status_has(kit, "b", "\"observedGeneration\":2"));
}

static void one_bad_item_refuses_all_of_it(void **state)
{
    struct corekit *kit = *state;
    say(kit, "1", "a=demo:1");
    static const char *const wrong[] = {
        "{}", "5", "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"x\"}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"spec\":{}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"nodeSelector\":{\"a\":\"b\"},"
        "\"containers\":[{\"name\":\"main\",\"image\":\"demo:1\"}]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"new\"},\"spec\":{\"containers\":[{\"name\":\"main\","
        "\"image\":\"demo:1\"}]}}", /* twice */
    };
    AUTO_FREE char *good = pod_item("new", "demo:1");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        kit_say(kit, BUNDLE, mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{\"annotations\":"
                                        "{\"davit/generation\":\"%zu\"}},\"items\":[%s,%s]}", i + 10, good, wrong[i]), LIVE);
        AUTO_FREE char *generation = mem_printf("\"refusedGeneration\":%zu", i + 10);
        assert_true(node_says(kit, generation));
        assert_true(node_says(kit, "\"type\":\"BundleAccepted\",\"status\":\"False\""));
        assert_true(node_says(kit, "\"bundle\":{\"observedGeneration\":1,\"objects\":1}"));
        running_are(kit, "a ");
        assert_null(kit_held(kit, NODE_TOPIC "/status/default/pods/new"));
        assert_int_equal(objects_count(&kit->core->objects), 1);
    }
    assert_true(node_says(kit, "default/pods/new is in it twice"));
    say(kit, "30", "a=demo:1");
    assert_true(node_says(kit, "\"type\":\"BundleAccepted\",\"status\":\"True\""));
}

static void the_order_is_that_of_documents(void **state)
{
    struct corekit *kit = *state;
    say(kit, "5", "a=demo:1");
    say(kit, "4", "b=demo:1");
    assert_true(node_says(kit, "\"reason\":\"Stale\""));
    assert_true(node_says(kit, "\"refusedGeneration\":4"));
    say(kit, "5", "b=demo:1");
    assert_true(node_says(kit, "\"reason\":\"Conflict\""));
    say(kit, "5", "a=demo:1");
    assert_true(node_says(kit, "\"type\":\"BundleAccepted\",\"status\":\"True\""));
    say(kit, NULL, "b=demo:1"); /* by hand, live: newer */
    running_are(kit, "b ");
    assert_true(node_says(kit, "\"observedGeneration\":6,\"objects\":1"));
    kit_say(kit, BUNDLE, bundle_of(NULL, "a=demo:1"), RETAINED); /* a broker from yesterday */
    assert_true(node_says(kit, "\"reason\":\"StaleReplay\""));
    running_are(kit, "b ");
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_runtime_up(kit);
    kit_say(kit, BUNDLE, bundle_of(NULL, "a=demo:1"), RETAINED); /* remembered over a restart */
    assert_true(node_says(kit, "\"reason\":\"StaleReplay\""));
    running_are(kit, "b ");
}

static void a_restart_keeps_it(void **state)
{
    struct corekit *kit = *state;
    say(kit, "1", "a=demo:1 b=demo:1");
    say(kit, "2", "a=demo:1 b=demo:2");
    free(kit_calls(kit));
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_runtime_up(kit);
    kit_say(kit, BUNDLE, bundle_of("2", "a=demo:1 b=demo:2"), RETAINED);
    kit_flood_over(kit);
    running_are(kit, "a b ");
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, "");
    assert_true(kit_status_has(kit, "a", "\"observedGeneration\":2"));
    assert_true(kit_status_has(kit, "a", "\"type\":\"Retained\",\"status\":\"True\""));
    assert_true(node_says(kit, "\"bundle\":{\"observedGeneration\":2,\"objects\":2}"));
    assert_true(node_says(kit, "\"type\":\"BundleRetained\",\"status\":\"True\""));
}

static void a_tombstone_takes_all_of_it_away_and_an_empty_payload_nothing(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    say(kit, "1", "a=demo:1 b=demo:1");
    kit_message(kit, BUNDLE, "", LIVE, 9);
    assert_int_equal(kit->taken, 9);
    running_are(kit, "a b hello ");
    assert_true(node_says(kit, "\"type\":\"BundleRetained\",\"status\":\"False\",\"reason\":\"NotOnBroker\""));
    assert_true(kit_status_has(kit, "a", "\"type\":\"Retained\",\"status\":\"False\""));
    kit_say(kit, BUNDLE, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{\"deletionTimestamp\":"
                                    "\"2026-11-23T08:17:00Z\",\"annotations\":{\"davit/generation\":\"2\"}}}"), LIVE);
    running_are(kit, "hello ");
    assert_true(node_says(kit, "\"bundle\":{\"observedGeneration\":2,\"objects\":0}"));
    say(kit, "1", "a=demo:1");
    assert_true(node_says(kit, "\"reason\":\"Stale\""));
    running_are(kit, "hello ");
}

static void the_flood_judges_it_as_a_whole(void **state)
{
    struct corekit *kit = *state;
    say(kit, "1", "a=demo:1");
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_true(node_says(kit, "\"type\":\"BundleRetained\",\"status\":\"False\""));
    assert_true(kit_status_has(kit, "a", "\"type\":\"Retained\",\"status\":\"False\""));
    running_are(kit, "a ");
    kit_say(kit, BUNDLE, bundle_of("1", "a=demo:1"), LIVE);
    assert_true(kit_status_has(kit, "a", "\"type\":\"Retained\",\"status\":\"True\""));
}

static void it_ranks_between_the_node_and_its_groups(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"source\":\"group/line-3\""));
    say(kit, "7", "hello=demo:2");
    assert_true(kit_status_has(kit, "hello", "\"source\":\"bundle\""));
    assert_true(kit_status_has(kit, "hello", "\"shadows\":[\"group/line-3\"]"));
    kit_say(kit, HELLO, kit_pod("demo:3", "2", ""), LIVE);
    assert_true(kit_status_has(kit, "hello", "\"source\":\"node\""));
    assert_true(kit_status_has(kit, "hello", "\"shadows\":[\"bundle\",\"group/line-3\"]"));
    say(kit, "8", "");
    assert_true(kit_status_has(kit, "hello", "\"shadows\":[\"group/line-3\"]"));
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":2"));
}

static void nothing_of_it_is_before_all_of_it_is_on_the_disk(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *by_hand = bundle_of(NULL, "a=demo:1 hello=demo:2");
    kit->disk_waits = true;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE); /* its commit is under way: the bundle waits for it */
    kit_message(kit, BUNDLE, by_hand, LIVE, 5);
    kit_say(kit, HELLO, kit_pod("demo:3", "3", ""), LIVE); /* and this one for the bundle's */
    assert_int_equal(kit->taken, 0);
    running_are(kit, "");
    kit->disk_waits = false;
    kit_settle(kit);
    assert_int_equal(kit->taken, 5);
    running_are(kit, "a hello ");
    assert_true(kit_status_has(kit, "hello", "\"observedGeneration\":3"));
    assert_true(kit_status_has(kit, "hello", "\"shadows\":[\"bundle\"]"));
}

static void one_after_the_other(void **state)
{
    struct corekit *kit = *state;
    kit->disk_waits = true;
    say(kit, "1", "a=demo:1");
    say(kit, "2", "b=demo:1");
    say(kit, "3", "c=demo:1");
    kit->disk_waits = false;
    kit_settle(kit);
    running_are(kit, "c ");
    assert_true(node_says(kit, "\"bundle\":{\"observedGeneration\":3,\"objects\":1}"));
}

static void more_than_it_may_hold_is_refused(void **state)
{
    struct corekit *kit = *state;
    AUTO_STRBUF struct strbuf pods;
    strbuf_init(&pods, 65536);
    for (int i = 0; i <= LIMIT_BUNDLE_OBJECTS; i++)
        strbuf_printf(&pods, "p%d=demo:1 ", i);
    say(kit, "1", pods.data);
    assert_true(node_says(kit, "\"reason\":\"TooManyObjects\""));
    assert_int_equal(objects_count(&kit->core->objects), 0);
    size_t len = LIMIT_BUNDLE_BYTES + 1;
    char *large = mem_alloc(len + 1);
    memset(large, ' ', len);
    kit_say(kit, BUNDLE, large, LIVE);
    assert_true(node_says(kit, "\"reason\":\"TooLarge\""));
    kit_say(kit, BUNDLE, mem_strdup("{\"kind\":\"List\""), LIVE);
    assert_true(node_says(kit, "\"reason\":\"InvalidJSON\""));
    kit_say(kit, BUNDLE, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":\"x\",\"items\":[]}"), LIVE);
    assert_true(node_says(kit, "metadata must be an object"));
    kit_say(kit, BUNDLE, kit_pod("demo:1", "1", ""), LIVE);
    assert_true(node_says(kit, "\"reason\":\"UnsupportedKind\""));
    assert_int_equal(kit_event_count(kit, "TooLarge"), 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        CASE(all_of_it_runs_and_the_node_says_so),
        CASE(what_a_bundle_does_not_hold_any_more_goes),
        CASE(one_bad_item_refuses_all_of_it),
        CASE(the_order_is_that_of_documents),
        CASE(a_restart_keeps_it),
        CASE(a_tombstone_takes_all_of_it_away_and_an_empty_payload_nothing),
        CASE(the_flood_judges_it_as_a_whole),
        CASE(it_ranks_between_the_node_and_its_groups),
        CASE(nothing_of_it_is_before_all_of_it_is_on_the_disk),
        CASE(one_after_the_other),
        CASE(more_than_it_may_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

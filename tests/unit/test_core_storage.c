/* Stats and eviction, in the core. */
#include "corekit.h"

#include <stdio.h>

#include "core/stats.h"

#define WITH_CLAIM "\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"hist\"}}],"
#define LIMITED "\"volumes\":[{\"name\":\"d\",\"emptyDir\":{\"sizeLimit\":\"1Mi\"}}],"

/* ---- stats */

struct heard {
    struct json *answer;
    int count;
};

static void on_stats(void *ctx, struct json *answer_taken)
{
    struct heard *heard = ctx;
    json_free(heard->answer);
    heard->answer = answer_taken;
    heard->count++;
}

static const char *uid_of(const struct corekit *kit)
{
    return json_get_text(json_first(kit->instances), "uid");
}

/* An answer in which web of hello has used so many ns at that time. The caller frees. */
static char *sample(const struct corekit *kit, long long cpu_ns)
{
    return mem_printf("{\"instances\":[{\"uid\":\"%s\",\"namespace\":\"default\",\"pod\":\"hello\",\"container\":\"web\",\"attempt\":0,"
                      "\"takenBootMs\":%llu,\"cpuNs\":%lld,\"workingSetBytes\":2097152,\"pids\":3}],"
                      "\"pods\":{\"%s\":{\"rxBytes\":7,\"volumes\":[]}}}",
                      uid_of(kit), (unsigned long long)kit->now, cpu_ns, uid_of(kit));
}

static void ask(struct corekit *kit, struct heard *heard, const char *request)
{
    struct error err;
    AUTO_JSON struct json *json = json_parse(request, strlen(request), &err);
    stats_ask(kit->core, json, on_stats, heard);
    kit_settle(kit);
}

static double cores_of(const struct heard *heard)
{
    double cores = -1;
    const struct json *pod = json_first(json_get(heard->answer, "pods"));
    assert_true(json_number(json_get(pod, "cpu_cores"), &cores));
    return cores;
}

static void two_samples_make_a_rate_and_the_last_one_is_used_again(void **state)
{
    struct corekit *kit = *state;
    struct heard heard = { 0 };
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    AUTO_FREE char *first = sample(kit, 1000000000);
    kit->stats = first;
    ask(kit, &heard, "{}");
    assert_int_equal(heard.count, 0);
    assert_true(kit->wake_ms <= kit->now + 500);
    kit->now += 500; /* before the sample is made: it has its own time */
    AUTO_FREE char *second = sample(kit, 1100000000);
    kit->stats = second;
    kit_settle(kit);
    assert_int_equal(heard.count, 1);
    assert_true(cores_of(&heard) > 0.19 && cores_of(&heard) < 0.21);
    kit->now += 10000;
    AUTO_FREE char *third = sample(kit, 6100000000);
    kit->stats = third;
    ask(kit, &heard, "{}");
    assert_int_equal(heard.count, 2); /* at once */
    assert_true(cores_of(&heard) > 0.49 && cores_of(&heard) < 0.51);
    const struct json *pod = json_first(json_get(heard.answer, "pods"));
    assert_string_equal(json_get_text(pod, "name"), "hello");
    assert_int_equal(json_get_integer(pod, "memory_bytes", 0), 2097152);
    assert_int_equal(json_get_integer(pod, "network_rx_bytes", 0), 7);
    assert_int_equal(json_get_integer(json_first(json_get(pod, "containers")), "pids", 0), 3);
    json_free(heard.answer);
}

static void what_began_since_the_last_sample_needs_another_one(void **state)
{
    struct corekit *kit = *state;
    struct heard heard = { 0 };
    ask(kit, &heard, "{}");
    kit_advance(kit, 500);
    assert_int_equal(heard.count, 1);
    assert_int_equal(json_size(json_get(heard.answer, "pods")), 0);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit->now += 5000;
    AUTO_FREE char *first = sample(kit, 0);
    kit->stats = first;
    ask(kit, &heard, "{}");
    assert_int_equal(heard.count, 1);
    kit_advance(kit, 500);
    assert_int_equal(heard.count, 2);
    json_free(heard.answer);
}

static void nothing_is_sampled_when_nobody_asks(void **state)
{
    struct corekit *kit = *state;
    struct heard heard = { 0 };
    kit_say(kit, HELLO, kit_pod("demo:1", "1", WITH_CLAIM), LIVE);
    free(kit_calls(kit));
    for (int i = 0; i < 20; i++)
        kit_advance(kit, 30000);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_null(strstr(calls, "stats"));
    ask(kit, &heard, "{}");
    stats_forget(kit->core, &heard);
    kit_advance(kit, 500);
    assert_int_equal(heard.count, 0);
}

static void whoever_asks_gets_an_answer_when_the_runtime_goes(void **state)
{
    struct corekit *kit = *state;
    struct heard heard = { 0 };
    kit->runtime_waits = true;
    ask(kit, &heard, "{}");
    core_runtime_down(kit->core, "signal 9");
    assert_int_equal(heard.count, 1);
    assert_string_equal(json_get_text(heard.answer, "reason"), "RuntimeUnavailable");
    ask(kit, &heard, "{}");
    assert_int_equal(heard.count, 2);
    kit->runtime_waits = false;
    kit->failing = "stats";
    kit_runtime_up(kit);
    ask(kit, &heard, "{}");
    assert_string_equal(json_get_text(heard.answer, "reason"), "TestError");
    json_free(heard.answer);
}

/* ---- eviction */

static char *volume_of(const struct corekit *kit, long long bytes)
{
    return mem_printf("{\"instances\":[],\"pods\":{\"%s\":{\"volumes\":[{\"name\":\"d\",\"bytes\":%lld}]}}}", uid_of(kit), bytes);
}

static void a_pod_over_its_limit_is_evicted_for_good(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", LIMITED), LIVE);
    AUTO_FREE char *within = volume_of(kit, 1048576);
    kit->stats = within;
    kit_advance(kit, 10000);
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Running\""));
    AUTO_FREE char *over = volume_of(kit, 1048577);
    kit->stats = over;
    free(kit_calls(kit));
    kit_advance(kit, 10000);
    assert_true(kit_status_has(kit, "hello", "\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"Usage of EmptyDir volume "
                                             "\\\"d\\\" exceeds the limit \\\"1Mi\\\". \""));
    assert_int_equal(kit_event_count(kit, "Evicted"), 1);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, "stats stop remove release ");
    kit_stop(kit); /* and it stays so */
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_advance(kit, 60000);
    assert_int_equal(kit_running(kit), 0);
    assert_true(kit_status_has(kit, "hello", "\"reason\":\"Evicted\""));
    free(kit_calls(kit));
    kit_advance(kit, 60000); /* nothing is left to look at */
    AUTO_FREE char *later = kit_calls(kit);
    assert_string_equal(later, "");
}

static void only_pods_with_a_limit_wake_anybody(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", "\"volumes\":[{\"name\":\"d\",\"emptyDir\":{}}],"), LIVE);
    kit_advance(kit, 60000);
    assert_true(kit->wake_ms >= kit->now + 60000);
    kit_say(kit, HELLO, kit_pod("demo:1", "2", LIMITED), LIVE);
    assert_true(kit->wake_ms <= kit->now + 10000);
}

static void an_evicted_pod_of_a_deployment_is_made_again(void **state)
{
    static const char deployment[] =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":{\"matchLabels\":"
        "{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{" LIMITED
        "\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\"}]}}}}";
    struct corekit *kit = *state;
    kit_message(kit, NODE_TOPIC "/desired/default/deployments/web", deployment, LIVE, NO_SEQ);
    assert_int_equal(kit_running(kit), 1);
    AUTO_FREE char *uid = mem_strdup(uid_of(kit));
    AUTO_FREE char *over = volume_of(kit, 2097152);
    kit->stats = over;
    kit_advance(kit, 10000);
    assert_int_equal(kit_event_count(kit, "Evicted"), 1);
    assert_int_equal(kit_running(kit), 1);
    assert_string_not_equal(uid_of(kit), uid);
    assert_true(kit_status_has(kit, "web-0", "\"phase\":\"Running\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_samples_make_a_rate_and_the_last_one_is_used_again),
        TEST(what_began_since_the_last_sample_needs_another_one),
        TEST(nothing_is_sampled_when_nobody_asks),
        TEST(whoever_asks_gets_an_answer_when_the_runtime_goes),
        TEST(a_pod_over_its_limit_is_evicted_for_good),
        TEST(only_pods_with_a_limit_wake_anybody),
        TEST(an_evicted_pod_of_a_deployment_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

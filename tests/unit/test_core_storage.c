/* Stats, eviction and claims, in the core. */
#include "corekit.h"

#include <stdio.h>

#include "core/stats.h"

#define CLAIM NODE_TOPIC "/desired/default/persistentvolumeclaims/hist"
#define CLAIM_STATUS NODE_TOPIC "/status/default/persistentvolumeclaims/hist"
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

/* ---- claims */

static void say_claim(struct corekit *kit, const char *generation, const char *size, const char *annotations, const char *modes)
{
    AUTO_FREE char *text = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"hist\","
                                      "\"annotations\":{%s\"davit/generation\":\"%s\"}},\"spec\":{\"accessModes\":[\"%s\"],"
                                      "\"resources\":{\"requests\":{\"storage\":\"%s\"}}}}", annotations, generation, modes, size);
    kit_message(kit, CLAIM, text, LIVE, NO_SEQ);
}

static void delete_claim(struct corekit *kit, const char *generation, const char *annotations)
{
    AUTO_FREE char *text = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"hist\","
                                      "\"deletionTimestamp\":\"2026-11-23T08:17:00Z\",\"annotations\":{%s\"davit/generation\":\"%s\"}}}",
                                      annotations, generation);
    kit_message(kit, CLAIM, text, LIVE, NO_SEQ);
}

#define PURGE "\"davit/purge\":\"true\","
#define DELETE "\"davit/reclaim-policy\":\"Delete\","
#define ONCE "ReadWriteOnce"

static bool claim_has(const struct corekit *kit, const char *text)
{
    const char *held = kit_held(kit, CLAIM_STATUS);
    return held != NULL && strstr(held, text) != NULL;
}

static void a_claim_grows_and_does_not_shrink(void **state)
{
    struct corekit *kit = *state;
    say_claim(kit, "1", "10Mi", "", ONCE);
    assert_true(claim_has(kit, "\"phase\":\"Bound\""));
    say_claim(kit, "2", "20Mi", "", ONCE);
    assert_true(claim_has(kit, "\"capacity\":{\"storage\":\"20Mi\"}"));
    say_claim(kit, "3", "19Mi", "", ONCE);
    assert_true(claim_has(kit, "\"capacity\":{\"storage\":\"20Mi\"}"));
    assert_true(claim_has(kit, "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"));
    say_claim(kit, "4", "20Mi", "", ONCE);
    assert_false(claim_has(kit, "Forbidden"));
}

static void a_pod_waits_for_its_claim(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", WITH_CLAIM), LIVE);
    assert_true(kit_status_has(kit, "hello", "persistentvolumeclaim \\\"hist\\\" not found"));
    say_claim(kit, "1", "10Mi", "", ONCE);
    assert_int_equal(kit_running(kit), 1);
}

static void a_claim_in_use_is_kept_until_nobody_uses_it(void **state)
{
    struct corekit *kit = *state;
    say_claim(kit, "1", "10Mi", "", ONCE);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", WITH_CLAIM), LIVE);
    delete_claim(kit, "2", PURGE);
    assert_true(claim_has(kit, "\"type\":\"Terminating\""));
    assert_int_equal(json_size(kit->purged), 0);
    kit_exit(kit, 1); /* it starts again, with its claim */
    assert_int_equal(kit_running(kit), 1);
    kit_stop(kit); /* whatever is known of it is known after a restart */
    kit_start(kit);
    assert_int_equal(json_size(kit->purged), 0);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_int_equal(json_size(kit->purged), 0);
    assert_true(claim_has(kit, "\"type\":\"Terminating\""));
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_int_equal(json_size(kit->purged), 1);
    assert_string_equal(json_text(json_first(kit->purged)), "default/hist");
    core_claim_purged(kit->core, "default", "hist", NULL);
    kit_settle(kit);
    assert_string_equal(kit_held(kit, CLAIM_STATUS), "");
    assert_int_equal(kit_event_count(kit, "Purged"), 1);
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    assert_int_equal(json_size(kit->purged), 1);
}

static void a_purge_that_was_cut_off_or_failed_goes_on(void **state)
{
    struct corekit *kit = *state;
    say_claim(kit, "1", "10Mi", "", ONCE);
    delete_claim(kit, "2", PURGE);
    assert_int_equal(json_size(kit->purged), 1);
    kit_stop(kit); /* killed before it was done */
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_int_equal(json_size(kit->purged), 2);
    core_claim_purged(kit->core, "default", "hist", "no such luck");
    kit_settle(kit);
    assert_int_equal(kit_event_count(kit, "PurgeFailed"), 1);
    assert_int_equal(json_size(kit->purged), 2);
    kit_advance(kit, 30000);
    assert_int_equal(json_size(kit->purged), 3);
}

static void what_stays_and_what_goes_with_a_claim(void **state)
{
    struct corekit *kit = *state;
    say_claim(kit, "1", "10Mi", "", ONCE);
    delete_claim(kit, "2", "");
    assert_int_equal(json_size(kit->purged), 0); /* Retain */
    assert_string_equal(kit_held(kit, CLAIM_STATUS), "");
    say_claim(kit, "3", "5Mi", DELETE, ONCE); /* another object: it may be smaller */
    assert_true(claim_has(kit, "\"reclaimPolicy\":\"Delete\""));
    delete_claim(kit, "4", "");
    assert_int_equal(json_size(kit->purged), 1);
}

static void a_claim_that_is_wanted_again_keeps_its_data(void **state)
{
    struct corekit *kit = *state;
    say_claim(kit, "1", "10Mi", "", ONCE);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", WITH_CLAIM), LIVE);
    delete_claim(kit, "2", PURGE);
    say_claim(kit, "3", "10Mi", "", ONCE);
    assert_true(claim_has(kit, "\"phase\":\"Bound\""));
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    assert_int_equal(json_size(kit->purged), 0);
}

static void leaving_a_group_removes_no_data(void **state)
{
    static const char text[] = "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"hist\","
                               "\"annotations\":{\"davit/reclaim-policy\":\"Delete\"}},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
                               "\"resources\":{\"requests\":{\"storage\":\"1Mi\"}}}}";
    struct corekit *kit = *state;
    kit_message(kit, "davit/groups/line-3/desired/default/persistentvolumeclaims/hist", text, LIVE, NO_SEQ);
    assert_true(claim_has(kit, "\"phase\":\"Bound\""));
    kit_stop(kit);
    kit_set(kit, "node.groups=line-4");
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_int_equal(json_size(kit->purged), 0);
    assert_string_equal(kit_held(kit, CLAIM_STATUS), "");
}

static void a_claim_for_one_pod_has_one(void **state)
{
    struct corekit *kit = *state;
    static const char other[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"other\"},\"spec\":{" WITH_CLAIM
                                "\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\"}]}}";
    say_claim(kit, "1", "10Mi", "", "ReadWriteOncePod");
    kit_say(kit, HELLO, kit_pod("demo:1", "1", WITH_CLAIM), LIVE);
    kit_message(kit, NODE_TOPIC "/desired/default/pods/other", other, LIVE, NO_SEQ);
    assert_int_equal(kit_running(kit), 1);
    assert_true(kit_status_has(kit, "other", "ReadWriteOncePod access mode and is already in use by another pod (hello)"));
    kit_say(kit, HELLO, kit_tombstone("2"), LIVE);
    kit_advance(kit, 60000);
    assert_true(kit_status_has(kit, "other", "\"phase\":\"Running\""));
}

static void what_is_in_a_claim_is_counted_seldom_and_told_roughly(void **state)
{
    struct corekit *kit = *state;
    say_claim(kit, "1", "10Mi", "", ONCE);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", WITH_CLAIM), LIVE);
    AUTO_FREE char *some = mem_printf("{\"folders\":[{\"path\":\"%s/claims/default/hist\",\"bytes\":3145728}]}",
                                      kit->config->state_dir);
    AUTO_FREE char *little_more = mem_printf("{\"folders\":[{\"path\":\"%s/claims/default/hist\",\"bytes\":3149824}]}",
                                             kit->config->state_dir);
    AUTO_FREE char *too_much = mem_printf("{\"folders\":[{\"path\":\"%s/claims/default/hist\",\"bytes\":11534336}]}",
                                          kit->config->state_dir);
    kit->stats = some;
    kit_advance(kit, 60000);
    kit_advance(kit, 60000);
    assert_true(claim_has(kit, "\"used\":\"3Mi\""));
    free(kit_calls(kit));
    kit->stats = little_more;
    kit_advance(kit, 300000);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, ""); /* not again so soon */
    kit_advance(kit, 300000);
    kit_advance(kit, 60000);
    assert_true(claim_has(kit, "\"used\":\"3Mi\""));
    kit->stats = too_much;
    kit_advance(kit, 600000);
    kit_advance(kit, 60000);
    assert_true(claim_has(kit, "\"type\":\"OverCapacity\""));
    assert_int_equal(kit_event_count(kit, "ClaimOverCapacity"), 1);
    assert_int_equal(kit_running(kit), 1); /* nobody is stopped for that */
}

/* ---- anything, in any order */

#define STORM_STEPS 400
#define STORM_SEEDS 12

static unsigned dice(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

static void restart(struct corekit *kit)
{
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
}

static void storm_step(struct corekit *kit, unsigned *seed, int generation)
{
    AUTO_FREE char *number = mem_printf("%d", generation);
    switch (dice(seed, 9)) {
    case 0:
        say_claim(kit, number, "10Mi", dice(seed, 2) != 0 ? DELETE : "", dice(seed, 2) != 0 ? ONCE : "ReadWriteOncePod");
        break;
    case 1:
        delete_claim(kit, number, dice(seed, 2) != 0 ? PURGE : "");
        break;
    case 2:
        kit_say(kit, HELLO, kit_pod(dice(seed, 2) != 0 ? "demo:1" : "demo:2", number, dice(seed, 4) != 0 ? WITH_CLAIM : ""), LIVE);
        break;
    case 3:
        kit_say(kit, HELLO, kit_tombstone(number), LIVE);
        break;
    case 4:
        restart(kit);
        break;
    case 5:
        if (kit_running(kit) > 0)
            kit_exit(kit, 1);
        break;
    case 6:
        core_claim_purged(kit->core, "default", "hist", dice(seed, 3) != 0 ? NULL : "no such luck");
        kit_settle(kit);
        break;
    case 7:
        kit->runtime_waits = !kit->runtime_waits; /* what is under way is under way for a while */
        kit_settle(kit);
        break;
    default:
        kit_advance(kit, 40000);
    }
}

/* Whatever happens: nothing is purged under a container, nor while the claim is wanted; and in the end all comes to rest. */
static void a_purge_never_comes_under_a_container(void **state)
{
    struct corekit *kit = *state;
    for (unsigned first = 1; first <= STORM_SEEDS; first++) {
        unsigned seed = first;
        for (int step = 0; step < STORM_STEPS; step++) {
            storm_step(kit, &seed, (int)first * STORM_STEPS + step);
            if (kit->purged_wrongly)
                fail_msg("seed %u, step %d: purged under a container", first, step);
        }
    }
    kit->runtime_waits = false;
    kit_settle(kit);
    delete_claim(kit, "1000000", PURGE);
    kit_say(kit, HELLO, kit_tombstone("1000000"), LIVE);
    kit_advance(kit, 60000);
    core_claim_purged(kit->core, "default", "hist", NULL);
    kit_advance(kit, 60000);
    assert_string_equal(kit_held(kit, CLAIM_STATUS), "");
    assert_int_equal(json_size(kit->instances), 0);
    assert_true(kit->wake_ms >= kit->now + 59000);
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
        TEST(a_claim_grows_and_does_not_shrink),
        TEST(a_pod_waits_for_its_claim),
        TEST(a_claim_in_use_is_kept_until_nobody_uses_it),
        TEST(a_purge_that_was_cut_off_or_failed_goes_on),
        TEST(what_stays_and_what_goes_with_a_claim),
        TEST(a_claim_that_is_wanted_again_keeps_its_data),
        TEST(leaving_a_group_removes_no_data),
        TEST(a_claim_for_one_pod_has_one),
        TEST(what_is_in_a_claim_is_counted_seldom_and_told_roughly),
        TEST(a_purge_never_comes_under_a_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

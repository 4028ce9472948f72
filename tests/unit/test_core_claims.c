/* Claims, in the core: who has one, when its data goes, and what is told of it. */
#include "corekit.h"

#include <stdio.h>

#define CLAIM NODE_TOPIC "/desired/default/persistentvolumeclaims/hist"
#define CLAIM_STATUS NODE_TOPIC "/status/default/persistentvolumeclaims/hist"
#define WITH_CLAIM "\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"hist\"}}],"

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
    kit_advance(kit, 180000);
    kit_advance(kit, 180000);
    assert_true(claim_has(kit, "\"used\":\"3Mi\""));
    free(kit_calls(kit));
    kit->stats = little_more;
    kit_advance(kit, 300000);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_string_equal(calls, ""); /* not again so soon */
    kit_advance(kit, 300000);
    kit_advance(kit, 180000);
    assert_true(claim_has(kit, "\"used\":\"3Mi\""));
    kit->stats = too_much;
    kit_advance(kit, 600000);
    kit_advance(kit, 180000);
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

/* Admission in the core: who waits, who is counted, and that nothing is stopped for it. */
#include "corekit.h"

#define MI INT64_C(1048576)

static struct machine disk = { .disk_bytes = 10240 * MI, .disk_free_bytes = 8192 * MI };

static void look_at_disk(void *ctx, struct machine *out)
{
    (void)ctx;
    *out = disk;
}

/* 512 MiB of memory, and 448 of them for pods. */
static int setup(void **state)
{
    int failed = kit_setup(state);
    struct corekit *kit = *state;
    kit->env.memory_bytes = 512 * MI;
    kit->env.machine = look_at_disk;
    disk.disk_free_bytes = 8192 * MI;
    return failed;
}

/* `asks`: "memory":"100Mi", of the one container. */
static void say(struct corekit *kit, const char *name, const char *generation, const char *image, const char *asks)
{
    AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/desired/default/pods/%s", name);
    kit_say(kit, topic, mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
                                   "\"annotations\":{\"davit/generation\":\"%s\"}},\"spec\":{\"containers\":[{\"name\":\"web\","
                                   "\"image\":\"%s\",\"resources\":{\"requests\":{%s}}}]}}", name, generation, image, asks), LIVE);
    kit_advance(kit, 1);
}

static void delete(struct corekit *kit, const char *name, const char *generation)
{
    AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/desired/default/pods/%s", name);
    kit_say(kit, topic, mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"annotations\":"
                                   "{\"davit/generation\":\"%s\"},\"deletionTimestamp\":\"2026-11-23T08:17:00Z\"}}", name, generation),
            LIVE);
    kit_advance(kit, 1);
}

static void running_are(const struct corekit *kit, const char *names)
{
    AUTO_FREE char *running = kit_running_names(kit);
    assert_string_equal(running, names);
}

static void restart_davitd(struct corekit *kit)
{
    kit_stop(kit);
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_settle(kit);
}

static void what_does_not_fit_waits_and_starts_when_it_does(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"300Mi\"");
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    running_are(kit, "a ");
    assert_true(kit_state_has(kit, "b", "\"state\":\"Pending\""));
    assert_true(kit_state_has(kit, "b", "\"reason\":\"InsufficientMemory\""));
    assert_true(kit_status_has(kit, "b", "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":"
                                         "\"0/1 nodes are available: 1 Insufficient memory: it requests 200Mi, 148Mi of 448Mi are free"));
    assert_false(kit_status_has(kit, "b", "containerStatuses"));
    kit_advance(kit, 600000);
    assert_int_equal(kit_event_count(kit, "FailedScheduling"), 1); /* not one a look */
    delete(kit, "a", "2");
    running_are(kit, "b ");
    assert_true(kit_status_has(kit, "b", "{\"type\":\"PodScheduled\",\"status\":\"True\""));
    assert_true(kit_status_has(kit, "b", "containerStatuses"));
    assert_int_equal(kit_event_count(kit, "Scheduled"), 1);
}

static void a_smaller_one_passes_and_one_that_requests_nothing_too(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"300Mi\"");
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    say(kit, "c", "1", "demo:1", "\"memory\":\"100Mi\"");
    say(kit, "d", "1", "demo:1", "");
    running_are(kit, "a c d ");
    delete(kit, "a", "2");
    running_are(kit, "b c d ");
}

/* All come at once after the machine's start: the first that was created comes first. */
static void the_order_is_that_of_creation(void **state)
{
    struct corekit *kit = *state;
    say(kit, "z", "1", "demo:1", "\"memory\":\"300Mi\"");
    say(kit, "m", "1", "demo:1", "\"memory\":\"250Mi\"");
    say(kit, "a", "1", "demo:1", "\"memory\":\"200Mi\"");
    running_are(kit, "z ");
    kit_stop(kit);
    json_free(kit->instances);
    kit->instances = json_new_object();
    kit_start(kit);
    kit_runtime_up(kit);
    kit_settle(kit);
    running_are(kit, "z ");
    delete(kit, "z", "2");
    running_are(kit, "m ");
}

static void a_restart_of_a_container_is_not_asked_about(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"300Mi\"");
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    kit_exit_of(kit, "a", 1);
    kit_settle(kit);
    running_are(kit, "a ");
    kit_exit_of(kit, "a", 1); /* now it waits in its back-off, and holds its place */
    kit_advance(kit, 5000);
    running_are(kit, "");
    assert_true(kit_state_has(kit, "a", "CrashLoopBackOff"));
    assert_true(kit_state_has(kit, "b", "InsufficientMemory"));
    kit_advance(kit, 10000);
    running_are(kit, "a ");
}

static void what_runs_runs_on_where_more_runs_than_fits(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"200Mi\"");
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    kit_set(kit, "node.reserved_memory=400Mi");
    restart_davitd(kit);
    running_are(kit, "a b ");
    kit_exit_of(kit, "a", 1);
    kit_settle(kit);
    running_are(kit, "a b ");
    say(kit, "a", "2", "demo:2", "\"memory\":\"200Mi\""); /* no more than it has */
    running_are(kit, "a b ");
    assert_true(kit_state_has(kit, "a", "\"image\":\"demo:2\""));
    say(kit, "c", "1", "demo:1", "\"memory\":\"1Mi\"");
    running_are(kit, "a b ");
    delete(kit, "a", "3");
    delete(kit, "b", "2");
    running_are(kit, "c ");
}

static void an_update_that_does_not_fit_stops_nothing(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"200Mi\"");
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    say(kit, "a", "2", "demo:2", "\"memory\":\"2Gi\"");
    running_are(kit, "a b ");
    assert_true(kit_state_has(kit, "a", "\"image\":\"demo:1\""));
    assert_true(kit_state_has(kit, "a", "\"update\":\"InsufficientMemory\""));
    assert_true(kit_status_has(kit, "a", "{\"type\":\"Updating\",\"status\":\"True\",\"reason\":\"InsufficientMemory\""));
    assert_true(kit_status_has(kit, "a", "{\"type\":\"PodScheduled\",\"status\":\"True\""));
    restart_davitd(kit);
    running_are(kit, "a b ");
    assert_true(kit_state_has(kit, "a", "\"update\":\"InsufficientMemory\""));
    say(kit, "a", "3", "demo:3", "\"memory\":\"248Mi\""); /* with what it has itself, it fits */
    running_are(kit, "a b ");
    assert_true(kit_state_has(kit, "a", "\"image\":\"demo:3\""));
    assert_false(kit_state_has(kit, "a", "\"update\""));
}

/* It is told before its image is here, and without a promise while that comes. */
static void an_update_that_never_fits_is_told_at_once(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"100Mi\"");
    kit_stop(kit);
    kit->needs_images = true;
    kit_start(kit);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    say(kit, "a", "2", "demo:2", "\"memory\":\"300Mi\"");
    assert_true(kit_state_has(kit, "a", "\"update\":\"Pulling\""));
    assert_int_equal(kit->core->admission.promised.memory_bytes, 100 * MI);
    say(kit, "a", "3", "demo:2", "\"memory\":\"2Gi\"");
    assert_true(kit_state_has(kit, "a", "\"update\":\"InsufficientMemory\""));
    running_are(kit, "a ");
}

static void an_update_goes_on_when_others_have_ended(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"200Mi\"");
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    say(kit, "a", "2", "demo:2", "\"memory\":\"300Mi\"");
    assert_true(kit_state_has(kit, "a", "\"image\":\"demo:1\""));
    delete(kit, "b", "2");
    running_are(kit, "a ");
    assert_true(kit_state_has(kit, "a", "\"image\":\"demo:2\""));
    say(kit, "c", "1", "demo:1", "\"memory\":\"200Mi\"");
    running_are(kit, "a ");
}

/* Between the decision and its commit the room is nobody else's. */
static void an_update_keeps_its_room_while_it_is_written(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"200Mi\"");
    kit->runtime_waits = true;
    say(kit, "c", "1", "demo:1", "");
    kit_say(kit, NODE_TOPIC "/desired/default/pods/b",
            mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\",\"annotations\":"
                       "{\"davit/after\":\"pods/c\"}},\"spec\":{\"containers\":[{\"name\":\"web\","
                       "\"image\":\"demo:1\",\"resources\":{\"requests\":{\"memory\":\"200Mi\"}}}]}}"), LIVE);
    assert_true(kit_state_has(kit, "b", "WaitingForDependency"));
    kit->disk_waits = true;
    say(kit, "a", "2", "demo:2", "\"memory\":\"300Mi\"");
    kit_exit_of(kit, "a", 1);
    kit->runtime_waits = false;
    kit_advance(kit, 1);
    running_are(kit, "c ");
    assert_true(kit_state_has(kit, "b", "InsufficientMemory"));
    kit->disk_waits = false;
    kit_advance(kit, 1);
    running_are(kit, "a c ");
    assert_true(kit_state_has(kit, "a", "\"image\":\"demo:2\""));
}

/* The old one still ends when davitd comes back and knows no document of what it is. */
static void what_ends_is_counted_until_it_has(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"300Mi\"");
    kit->failing = "stop";
    delete(kit, "a", "2");
    restart_davitd(kit);
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    running_are(kit, "a ");
    assert_true(kit_state_has(kit, "b", "InsufficientMemory"));
    kit->failing = NULL;
    kit_advance(kit, 60000);
    running_are(kit, "b ");
}

static void one_that_starts_after_another_takes_no_place_before(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, NODE_TOPIC "/desired/default/pods/a",
            mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"annotations\":"
                       "{\"davit/after\":\"pods/b\",\"davit/generation\":\"1\"}},\"spec\":{\"containers\":[{\"name\":\"web\","
                       "\"image\":\"demo:1\",\"resources\":{\"requests\":{\"memory\":\"300Mi\"}}}]}}"), LIVE);
    assert_true(kit_state_has(kit, "a", "WaitingForDependency"));
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    running_are(kit, "b ");
    assert_true(kit_state_has(kit, "a", "InsufficientMemory"));
}

static void a_request_that_rises_while_it_runs_counts_when_it_fits(void **state)
{
    struct corekit *kit = *state;
    say(kit, "a", "1", "demo:1", "\"memory\":\"100Mi\"");
    say(kit, "a", "2", "demo:1", "\"memory\":\"1Ti\""); /* a slip of the pen keeps nobody out */
    say(kit, "b", "1", "demo:1", "\"memory\":\"340Mi\"");
    running_are(kit, "a b ");
    kit_exit_of(kit, "a", 1);
    kit_settle(kit);
    running_are(kit, "a b ");
    say(kit, "a", "3", "demo:1", "\"memory\":\"108Mi\"");
    assert_int_equal(kit->core->admission.promised.memory_bytes, 448 * MI);
    say(kit, "a", "4", "demo:1", "\"memory\":\"8Mi\"");
    say(kit, "c", "1", "demo:1", "\"memory\":\"100Mi\"");
    running_are(kit, "a b c ");
}

static void the_disk_is_looked_at_again(void **state)
{
    struct corekit *kit = *state;
    disk.disk_free_bytes = 2048 * MI;
    say(kit, "a", "1", "demo:1", "\"ephemeral-storage\":\"1Gi\"");
    say(kit, "b", "1", "demo:1", "\"ephemeral-storage\":\"1500Mi\"");
    running_are(kit, "a ");
    assert_true(kit_state_has(kit, "b", "\"reason\":\"InsufficientDisk\""));
    assert_true(kit_state_has(kit, "b", "it requests 1500Mi, 1Gi are free on the disk"));
    disk.disk_free_bytes = 4096 * MI;
    assert_true(kit->wake_ms > kit->now && kit->wake_ms <= kit->now + 20000);
    kit_advance(kit, 20000);
    running_are(kit, "a b ");
}

/* What was written of what was promised is not free any more: it is not counted twice. */
static void what_was_written_is_counted_once(void **state)
{
    struct corekit *kit = *state;
    disk.disk_free_bytes = 3072 * MI;
    say(kit, "a", "1", "demo:1", "\"ephemeral-storage\":\"2Gi\"");
    AUTO_FREE char *stats = mem_printf("{\"instances\":[{\"uid\":\"%s\",\"container\":\"web\",\"attempt\":0,"
                                       "\"writableBytes\":%lld}],\"pods\":{}}",
                                       json_get_text(json_first(kit->instances), "uid"), (long long)(2048 * MI));
    kit->stats = stats;
    kit_advance(kit, 60000);
    AUTO_FREE char *calls = kit_calls(kit);
    assert_null(strstr(calls, "stats")); /* nobody waits for it */
    disk.disk_free_bytes = 1024 * MI;
    say(kit, "b", "1", "demo:1", "\"ephemeral-storage\":\"900Mi\"");
    assert_true(kit_state_has(kit, "b", "\"reason\":\"InsufficientDisk\""));
    kit_advance(kit, 10000);
    running_are(kit, "a b ");
}

/* It still lies there when nothing of it runs any more. */
static void after_a_power_cut_what_was_written_is_not_asked_for_again(void **state)
{
    struct corekit *kit = *state;
    disk.disk_free_bytes = 3072 * MI;
    say(kit, "a", "1", "demo:1", "\"ephemeral-storage\":\"2Gi\"");
    running_are(kit, "a ");
    disk.disk_free_bytes = 1024 * MI;
    kit_stop(kit);
    json_free(kit->instances);
    kit->instances = json_new_object();
    kit_start(kit);
    kit_runtime_up(kit);
    kit_settle(kit);
    running_are(kit, "a ");
    kit_connect(kit);
    kit_flood_over(kit);
    say(kit, "b", "1", "demo:1", "\"ephemeral-storage\":\"900Mi\"");
    running_are(kit, "a ");
}

static void the_end_of_a_run_frees_its_place(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, HELLO, mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"hello\"},\"spec\":"
                                   "{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\","
                                   "\"resources\":{\"requests\":{\"memory\":\"300Mi\"}}}]}}"), LIVE);
    say(kit, "b", "1", "demo:1", "\"memory\":\"200Mi\"");
    running_are(kit, "hello ");
    kit_exit_of(kit, "hello", 0);
    kit_settle(kit);
    running_are(kit, "b ");
    assert_true(kit_state_has(kit, "hello", "Succeeded"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_fit_waits_and_starts_when_it_does),
        TEST(a_smaller_one_passes_and_one_that_requests_nothing_too),
        TEST(the_order_is_that_of_creation),
        TEST(a_restart_of_a_container_is_not_asked_about),
        TEST(what_runs_runs_on_where_more_runs_than_fits),
        TEST(an_update_that_does_not_fit_stops_nothing),
        TEST(an_update_that_never_fits_is_told_at_once),
        TEST(an_update_goes_on_when_others_have_ended),
        TEST(an_update_keeps_its_room_while_it_is_written),
        TEST(what_ends_is_counted_until_it_has),
        TEST(one_that_starts_after_another_takes_no_place_before),
        TEST(a_request_that_rises_while_it_runs_counts_when_it_fits),
        TEST(the_disk_is_looked_at_again),
        TEST(what_was_written_is_counted_once),
        TEST(after_a_power_cut_what_was_written_is_not_asked_for_again),
        TEST(the_end_of_a_run_frees_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Job and CronJob in the core: what runs, how often, and what no restart, reboot or clock makes run again. */
#include "ownerkit.h"

#define NEVER "\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"a\",\"image\":\"demo:1\"}]}}"
#define JOB "Job", "batch/v1"
#define CRON "CronJob", "batch/v1"
#define MINUTE_MS 60000u
#define DAY_MS (24 * 60 * MINUTE_MS)

static size_t starts(struct corekit *kit)
{
    AUTO_FREE char *calls = kit_calls(kit);
    size_t count = 0;
    for (const char *at = calls; (at = strstr(at, "start")) != NULL; at++)
        count++;
    return count;
}

static void a_job_runs_its_completions(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"completions\":3,\"parallelism\":2," NEVER);
    running_are(kit, "pi-0 pi-1 ");
    assert_told(kit, "status", "jobs/pi", "\"active\":2,\"ready\":2,\"succeeded\":0");
    kit_exit_of(kit, "pi-0", 0);
    running_are(kit, "pi-1 pi-2 ");
    restart_davitd(kit);
    running_are(kit, "pi-1 pi-2 ");
    kit_exit_of(kit, "pi-2", 0);
    running_are(kit, "pi-1 ");
    kit_exit_of(kit, "pi-1", 0);
    assert_told(kit, "status", "jobs/pi", "\"type\":\"Complete\",\"status\":\"True\",\"reason\":\"CompletionsReached\"");
    assert_told(kit, "status", "jobs/pi", "\"completionTime\":");
    assert_told(kit, "state", "jobs/pi", "\"state\":\"Succeeded\",\"stateCode\":3");
    assert_true(kit_status_has(kit, "pi-0", "\"phase\":\"Succeeded\"")); /* visible until the Job goes */
    assert_int_equal(starts(kit), 3);
    restart_davitd(kit);
    reboot(kit);
    kit_advance(kit, DAY_MS);
    assert_int_equal(starts(kit), 0);
    assert_told(kit, "status", "jobs/pi", "\"succeeded\":3");
    bury(kit, "jobs/pi", JOB);
    kit_advance(kit, 1000);
    assert_true(is_silent(kit, "pods/pi-0"));
    assert_true(is_silent(kit, "jobs/pi"));
    /* Deleted, and said again: that is another run. */
    want(kit, "jobs/pi", JOB, "\"completions\":3,\"parallelism\":2," NEVER);
    assert_int_equal(kit_running(kit), 2);
}

static void what_a_reboot_took_counts_as_failed_and_is_tried_again(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"completions\":2,\"parallelism\":1," NEVER);
    kit_exit_of(kit, "pi-0", 0);
    running_are(kit, "pi-1 ");
    reboot(kit);
    assert_true(kit_status_has(kit, "pi-1", "\"phase\":\"Failed\""));
    running_are(kit, "pi-2 ");
    kit_exit_of(kit, "pi-2", 0);
    assert_told(kit, "status", "jobs/pi", "\"succeeded\":2,\"failed\":1");
    assert_told(kit, "status", "jobs/pi", "\"type\":\"Complete\"");
}

static void failures_wait_and_are_limited(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"backoffLimit\":1," NEVER);
    kit_exit_of(kit, "pi-0", 3);
    running_are(kit, "");
    kit_advance(kit, 9000);
    running_are(kit, "");
    kit_advance(kit, 1000);
    running_are(kit, "pi-1 ");
    kit_exit_of(kit, "pi-1", 3);
    assert_told(kit, "status", "jobs/pi", "\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\"");
    assert_told(kit, "state", "jobs/pi", "\"state\":\"Failed\"");
    assert_int_equal(kit_event_count(kit, "BackoffLimitExceeded"), 1);
    kit_advance(kit, DAY_MS);
    running_are(kit, "");
    assert_int_equal(starts(kit), 2);
}

static void an_indexed_job_tries_an_index_again(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"completions\":3,\"parallelism\":3,\"completionMode\":\"Indexed\"," NEVER);
    running_are(kit, "pi-0 pi-1 pi-2 ");
    kit_exit_of(kit, "pi-1", 1);
    kit_exit_of(kit, "pi-2", 0);
    kit_advance(kit, 10000);
    running_are(kit, "pi-0 pi-1-1 ");
    kit_exit_of(kit, "pi-1-1", 0);
    kit_exit_of(kit, "pi-0", 0);
    assert_told(kit, "status", "jobs/pi", "\"completedIndexes\":\"0-2\"");
    assert_told(kit, "status", "jobs/pi", "\"type\":\"Complete\"");
}

static void a_job_that_is_over_goes_after_its_time(void **state)
{
    struct corekit *kit = *state;
    static const char spec[] = "\"ttlSecondsAfterFinished\":60," NEVER;
    want(kit, "jobs/pi", JOB, spec);
    kit_exit_of(kit, "pi-0", 0);
    kit_advance(kit, 59000);
    assert_true(kit_status_has(kit, "pi-0", "\"phase\":\"Succeeded\""));
    kit->wall += 10ull * 365 * DAY_MS; /* a clock that is set shortens nothing */
    kit_advance(kit, 500);
    assert_true(kit_status_has(kit, "pi-0", "\"phase\":\"Succeeded\""));
    kit_advance(kit, 500);
    kit_advance(kit, 500);
    assert_true(is_silent(kit, "pods/pi-0"));
    assert_true(is_silent(kit, "jobs/pi"));
    assert_int_equal(starts(kit), 1);
    /* The broker holds its document still: it is known, and over. */
    restart_davitd(kit);
    AUTO_FREE char *document = mem_printf("{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"pi\"},\"spec\":{%s}}",
                                          spec);
    kit_message(kit, DESIRED "jobs/pi", document, RETAINED, NO_SEQ);
    kit_advance(kit, DAY_MS);
    assert_int_equal(starts(kit), 0);
    assert_true(is_silent(kit, "jobs/pi"));
    bury(kit, "jobs/pi", JOB);
    want(kit, "jobs/pi", JOB, spec);
    running_are(kit, "pi-0 ");
}

static void a_deadline_counts_no_clock_that_is_set(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"activeDeadlineSeconds\":100," NEVER);
    kit->wall += 3600000;
    kit_advance(kit, 99000);
    running_are(kit, "pi-0 ");
    kit_advance(kit, 1000);
    kit_advance(kit, 1000);
    running_are(kit, "");
    assert_told(kit, "status", "jobs/pi", "\"reason\":\"DeadlineExceeded\",\"message\":\"Job was active longer than specified deadline\"");
}

static void a_job_can_be_suspended_and_changed(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"suspend\":true," NEVER);
    running_are(kit, "");
    assert_told(kit, "status", "jobs/pi", "\"type\":\"Suspended\",\"status\":\"True\",\"reason\":\"JobSuspended\"");
    assert_false(told(kit, "status", "jobs/pi", "startTime"));
    want(kit, "jobs/pi", JOB, "\"suspend\":false," NEVER);
    running_are(kit, "pi-0 ");
    assert_told(kit, "status", "jobs/pi", "startTime");
    want(kit, "jobs/pi", JOB, "\"suspend\":true," NEVER);
    kit_advance(kit, 1000);
    running_are(kit, "");
    want(kit, "jobs/pi", JOB, NEVER);
    kit_advance(kit, 1000);
    assert_int_equal(kit_running(kit), 1);
    /* Another template is another run, and only when the last has ended. */
    want(kit, "jobs/pi", JOB, "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\",\"containers\":[{\"name\":\"a\",\"image\":\"demo:2\"}]}}");
    kit_advance(kit, 1000);
    kit_advance(kit, 1000);
    running_are(kit, "pi-0 ");
    assert_true(kit_state_has(kit, "pi-0", "\"image\":\"demo:2\""));
}

static void restarts_count_with_on_failure(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"backoffLimit\":2,\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\",\"containers\":[{\"name\":\"a\","
                              "\"image\":\"demo:1\"}]}}");
    kit_exit_of(kit, "pi-0", 1);
    running_are(kit, "pi-0 ");
    assert_true(kit_state_has(kit, "pi-0", "\"restarts\":1"));
    kit_exit_of(kit, "pi-0", 1);
    kit_advance(kit, 11000);
    kit_advance(kit, 1000);
    running_are(kit, "");
    assert_told(kit, "status", "jobs/pi", "\"reason\":\"BackoffLimitExceeded\"");
}

static void a_name_that_is_taken_is_left_alone(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *pod = kit_pod("demo:9", NULL, "");
    memcpy(strstr(pod, "hello"), "pi-01", 5);
    kit_message(kit, DESIRED "pods/pi-01", pod, LIVE, NO_SEQ);
    want(kit, "jobs/pi", JOB, "\"completions\":2,\"parallelism\":2," NEVER);
    running_are(kit, "pi-0 pi-01 pi-1 ");
}

static void what_is_still_leaving_counts_as_running(void **state)
{
    struct corekit *kit = *state;
    want(kit, "jobs/pi", JOB, "\"completions\":4,\"parallelism\":2," NEVER);
    kit->failing = "stop";
    want(kit, "jobs/pi", JOB, "\"completions\":4,\"parallelism\":2,\"suspend\":true," NEVER);
    kit_advance(kit, 1000);
    want(kit, "jobs/pi", JOB, "\"completions\":4,\"parallelism\":2," NEVER);
    kit_advance(kit, 1000);
    running_are(kit, "pi-0 pi-1 ");
    kit->failing = NULL;
    for (int i = 0; i < 10; i++)
        kit_advance(kit, 1000);
    assert_int_equal(kit_running(kit), 2);
    assert_told(kit, "status", "jobs/pi", "\"active\":2");
}

/* ---- CronJob */

#define EACH_MINUTE "\"schedule\":\"* * * * *\",\"jobTemplate\":{\"spec\":{" NEVER "}}"
/* The kit's clock begins at 05:15:58; its first whole minute: */
#define FIRST 29923516ull

static void at_minute(struct corekit *kit, uint64_t minutes)
{
    uint64_t due = (FIRST + minutes) * MINUTE_MS;
    kit_advance(kit, due - kit->wall);
}

static void a_cron_job_runs_each_minute_once(void **state)
{
    struct corekit *kit = *state;
    want(kit, "cronjobs/tick", CRON, EACH_MINUTE);
    running_are(kit, "");
    at_minute(kit, 0);
    running_are(kit, "tick-29923516-0 ");
    assert_told(kit, "status", "cronjobs/tick", "\"active\":[{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"name\":\"tick-29923516\"");
    assert_told(kit, "status", "cronjobs/tick", "\"lastScheduleTime\":\"2026-11-23T05:16:00Z\"");
    kit_exit_of(kit, "tick-29923516-0", 0);
    assert_told(kit, "status", "cronjobs/tick", "\"lastSuccessfulTime\":\"2026-11-23T05:16:00Z\"");
    restart_davitd(kit);
    kit_advance(kit, 30000);
    running_are(kit, "");
    for (uint64_t minute = 1; minute <= 5; minute++) {
        at_minute(kit, minute);
        assert_int_equal(kit_running(kit), 1);
        kit_exit(kit, 0);
    }
    assert_int_equal(starts(kit), 6);
    /* Three of them are kept. */
    assert_true(is_silent(kit, "jobs/tick-29923518"));
    assert_false(is_silent(kit, "jobs/tick-29923519"));
    assert_false(is_silent(kit, "pods/tick-29923521-0"));
    bury(kit, "cronjobs/tick", CRON);
    kit_advance(kit, 1000);
    assert_true(is_silent(kit, "jobs/tick-29923521"));
    assert_true(is_silent(kit, "pods/tick-29923521-0"));
    assert_true(is_silent(kit, "cronjobs/tick"));
}

static void of_what_was_missed_the_last_one_runs(void **state)
{
    struct corekit *kit = *state;
    want(kit, "cronjobs/tick", CRON, EACH_MINUTE);
    at_minute(kit, 0);
    kit_exit(kit, 0);
    kit_stop(kit);
    kit->now += 90 * MINUTE_MS;
    kit->wall += 90 * MINUTE_MS;
    kit_start(kit);
    kit_runtime_up(kit);
    running_are(kit, "tick-29923606-0 ");
    assert_int_equal(starts(kit), 2);
    kit_exit(kit, 0);
    want(kit, "cronjobs/tick", CRON, "\"startingDeadlineSeconds\":10," EACH_MINUTE);
    kit_stop(kit);
    kit->now += 131 * 1000; /* eleven seconds behind the second minute: too late */
    kit->wall += 131 * 1000;
    kit_start(kit);
    kit_runtime_up(kit);
    running_are(kit, "");
    kit_advance(kit, 49 * 1000);
    running_are(kit, "tick-29923609-0 ");
}

static void steps_of_the_clock_make_no_storm_and_no_run_twice(void **state)
{
    struct corekit *kit = *state;
    want(kit, "cronjobs/tick", CRON, EACH_MINUTE);
    for (uint64_t minute = 0; minute < 10; minute++) {
        at_minute(kit, minute);
        kit_exit(kit, 0);
    }
    assert_int_equal(starts(kit), 10);
    /* Ten years ahead: one run, of that time. */
    kit->wall += 3652ull * DAY_MS;
    kit_advance(kit, MINUTE_MS);
    kit_exit(kit, 0);
    assert_int_equal(starts(kit), 1);
    restart_davitd(kit);
    /* Back, into the middle of what ran: nothing until that is over. */
    kit->wall = (FIRST + 5) * MINUTE_MS + 1000;
    for (int i = 0; i < 4; i++)
        kit_advance(kit, MINUTE_MS);
    assert_int_equal(starts(kit), 0);
    at_minute(kit, 10);
    running_are(kit, "tick-29923526-0 ");
    kit_exit(kit, 0);
    assert_int_equal(starts(kit), 1);
    /* Before any Davit was: a clock that was never set. */
    kit->wall = 1000;
    restart_davitd(kit);
    kit_advance(kit, 10 * MINUTE_MS);
    assert_int_equal(starts(kit), 0);
    assert_told(kit, "status", "cronjobs/tick", "\"reason\":\"ClockNotSet\"");
    at_minute(kit, 12);
    assert_int_equal(starts(kit), 1);
}

static void a_clock_behind_all_that_it_knows_begins_anew(void **state)
{
    struct corekit *kit = *state;
    kit->wall += 3652ull * DAY_MS;
    want(kit, "cronjobs/tick", CRON, EACH_MINUTE);
    kit->wall -= 3652ull * DAY_MS;
    kit_advance(kit, MINUTE_MS);
    assert_int_equal(starts(kit), 0);
    kit_advance(kit, MINUTE_MS);
    assert_int_equal(starts(kit), 1);
}

static void concurrency_is_what_is_said(void **state)
{
    struct corekit *kit = *state;
    want(kit, "cronjobs/tick", CRON, EACH_MINUTE);
    at_minute(kit, 0);
    at_minute(kit, 1);
    assert_int_equal(kit_running(kit), 2);
    want(kit, "cronjobs/tick", CRON, "\"concurrencyPolicy\":\"Forbid\"," EACH_MINUTE);
    at_minute(kit, 2);
    assert_int_equal(kit_running(kit), 2);
    kit_exit(kit, 0);
    assert_int_equal(kit_running(kit), 1);
    kit_exit(kit, 0);
    running_are(kit, "tick-29923518-0 "); /* late, but it was due */
    want(kit, "cronjobs/tick", CRON, "\"concurrencyPolicy\":\"Replace\"," EACH_MINUTE);
    at_minute(kit, 3);
    kit_advance(kit, 1000);
    running_are(kit, "tick-29923519-0 ");
    want(kit, "cronjobs/tick", CRON, "\"suspend\":true," EACH_MINUTE);
    kit_exit(kit, 0);
    at_minute(kit, 5);
    running_are(kit, "");
    assert_told(kit, "state", "cronjobs/tick", "\"state\":\"Suspended\"");
}

static void a_time_is_begun_once_whatever_ends_between(void **state)
{
    struct corekit *kit = *state;
    want(kit, "cronjobs/tick", CRON, EACH_MINUTE);
    kit->disk_waits = true;
    at_minute(kit, 0);
    kit->disk_waits = false;
    kit_stop(kit); /* its memo is on the disk, and no Job */
    kit_start(kit);
    kit_runtime_up(kit);
    running_are(kit, "tick-29923516-0 ");
    restart_davitd(kit);
    kit_advance(kit, 20000);
    assert_int_equal(starts(kit), 1);
}

static void an_unknown_zone_is_refused(void **state)
{
    struct corekit *kit = *state;
    want(kit, "cronjobs/tick", CRON, "\"timeZone\":\"Mars/Olympus\"," EACH_MINUTE);
    assert_told(kit, "status", "cronjobs/tick", "\"reason\":\"UnknownTimeZone\"");
    want(kit, "cronjobs/tick", CRON, "\"timeZone\":\"Etc/UTC\"," EACH_MINUTE);
    assert_told(kit, "status", "cronjobs/tick", "\"type\":\"Accepted\",\"status\":\"True\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT(a_job_runs_its_completions),
        KIT(what_a_reboot_took_counts_as_failed_and_is_tried_again),
        KIT(failures_wait_and_are_limited),
        KIT(an_indexed_job_tries_an_index_again),
        KIT(a_job_that_is_over_goes_after_its_time),
        KIT(a_deadline_counts_no_clock_that_is_set),
        KIT(a_job_can_be_suspended_and_changed),
        KIT(restarts_count_with_on_failure),
        KIT(a_name_that_is_taken_is_left_alone),
        KIT(what_is_still_leaving_counts_as_running),
        KIT(a_cron_job_runs_each_minute_once),
        KIT(of_what_was_missed_the_last_one_runs),
        KIT(steps_of_the_clock_make_no_storm_and_no_run_twice),
        KIT(a_clock_behind_all_that_it_knows_begins_anew),
        KIT(concurrency_is_what_is_said),
        KIT(a_time_is_begun_once_whatever_ends_between),
        KIT(an_unknown_zone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

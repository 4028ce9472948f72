/* Job: how many pods begin and end, when it is over; its pods and what is told of it. */
#include <string.h>

#include "base/memory.h"
#include "protocol/job.h"
#include "unit.h"

#define NOW 1000000u

/* 'a' active, 's' succeeded, 'f' failed, 'l' leaving; each letter one pod, of the index of its place. */
static struct job_next step_of(const struct job_rule *rule, const char *pods, uint64_t failed_ago_ms, uint64_t age_ms)
{
    static struct job_pod list[16];
    struct job_next next;
    size_t count = strlen(pods);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct job_pod){ .index = rule->indexed ? (int64_t)i : JOB_UNSET,
                                    .state = (enum job_pod_state)(strchr("asfl", pods[i]) - "asfl"),
                                    .finished_ms = 100 + i,
                                    .finished_boot_ms = pods[i] == 'f' ? NOW - failed_ago_ms : 0 };
    job_step(&(struct job_view){ .rule = rule, .pods = list, .count = count, .age_ms = age_ms }, NOW, &next);
    return next;
}

static void as_many_as_are_missing_and_may_run_begin(void **state)
{
    struct job_rule rule = { .completions = 3, .parallelism = 2, .backoff_limit = 6, .deadline_s = JOB_UNSET };
    (void)state;
    assert_int_equal(step_of(&rule, "", 0, 0).begin, 2);
    assert_int_equal(step_of(&rule, "a", 0, 0).begin, 1);
    assert_int_equal(step_of(&rule, "aa", 0, 0).begin, 0);
    assert_int_equal(step_of(&rule, "al", 0, 0).begin, 0); /* what leaves may run */
    assert_int_equal(step_of(&rule, "ssa", 0, 0).begin, 0);
    assert_int_equal(step_of(&rule, "ssaa", 0, 0).end, 1);
    assert_int_equal(step_of(&rule, "sss", 0, 0).verdict, JOB_COMPLETE);
    assert_string_equal(step_of(&rule, "sss", 0, 0).reason, "CompletionsReached");
    rule.suspended = true;
    assert_int_equal(step_of(&rule, "aa", 0, 0).end, 2);
    rule = (struct job_rule){ .completions = 0, .parallelism = 1, .backoff_limit = 6, .deadline_s = JOB_UNSET };
    assert_int_equal(step_of(&rule, "", 0, 0).verdict, JOB_COMPLETE);
}

static void a_work_queue_is_over_with_its_last_pod(void **state)
{
    struct job_rule rule = { .completions = JOB_UNSET, .parallelism = 3, .backoff_limit = 6, .deadline_s = JOB_UNSET };
    (void)state;
    assert_int_equal(step_of(&rule, "aa", 0, 0).begin, 1);
    assert_int_equal(step_of(&rule, "sa", 0, 0).begin, 0);
    assert_int_equal(step_of(&rule, "sa", 0, 0).verdict, JOB_GOES_ON);
    assert_int_equal(step_of(&rule, "ss", 0, 0).verdict, JOB_COMPLETE);
}

static void failures_wait_longer_each_time_up_to_the_limit(void **state)
{
    struct job_rule rule = { .completions = 1, .parallelism = 1, .backoff_limit = 2, .deadline_s = JOB_UNSET };
    (void)state;
    struct job_next next = step_of(&rule, "f", 4000, 0);
    assert_int_equal(next.begin, 0);
    assert_int_equal(next.wake_boot_ms, NOW + 6000);
    assert_int_equal(step_of(&rule, "f", 10000, 0).begin, 1);
    assert_int_equal(step_of(&rule, "ff", 10000, 0).begin, 0);
    assert_int_equal(step_of(&rule, "ff", 20000, 0).begin, 1);
    next = step_of(&rule, "fff", 0, 0);
    assert_int_equal(next.verdict, JOB_FAILED);
    assert_string_equal(next.reason, "BackoffLimitExceeded");
    assert_int_equal(job_backoff_ms(0), 0);
    assert_int_equal(job_backoff_ms(1), 10000);
    assert_int_equal(job_backoff_ms(6), 320000);
    assert_int_equal(job_backoff_ms(7), 360000);
    assert_int_equal(job_backoff_ms(100), 360000);
    /* A success ends the row. */
    rule.completions = 5;
    rule.backoff_limit = 6;
    assert_int_equal(step_of(&rule, "ffs", 0, 0).begin, 1);
}

static void restarts_count_where_containers_are_restarted(void **state)
{
    struct job_rule rule = { .completions = 1, .parallelism = 1, .backoff_limit = 3, .deadline_s = JOB_UNSET, .on_failure = true };
    struct job_pod pod = { .index = JOB_UNSET, .restarts = 2 };
    struct job_view view = { .rule = &rule, .pods = &pod, .count = 1 };
    struct job_next next;
    (void)state;
    job_step(&view, NOW, &next);
    assert_int_equal(next.verdict, JOB_GOES_ON);
    pod.restarts = 3;
    job_step(&view, NOW, &next);
    assert_int_equal(next.verdict, JOB_FAILED);
    rule.backoff_limit = 0;
    pod.restarts = 0;
    job_step(&view, NOW, &next);
    assert_int_equal(next.verdict, JOB_GOES_ON);
}

static void a_deadline_ends_it(void **state)
{
    struct job_rule rule = { .completions = 1, .parallelism = 1, .backoff_limit = 6, .deadline_s = 100 };
    (void)state;
    assert_int_equal(step_of(&rule, "a", 0, 99000).wake_boot_ms, NOW + 1000);
    struct job_next next = step_of(&rule, "a", 0, 100000);
    assert_int_equal(next.verdict, JOB_FAILED);
    assert_string_equal(next.reason, "DeadlineExceeded");
    assert_string_equal(next.message, "Job was active longer than specified deadline");
    rule.suspended = true;
    assert_int_equal(step_of(&rule, "", 0, 100000).verdict, JOB_GOES_ON);
}

static void an_index_runs_once_at_a_time(void **state)
{
    struct job_rule rule = { .completions = 4, .parallelism = 4, .backoff_limit = 6, .deadline_s = JOB_UNSET, .indexed = true };
    struct job_pod pods[] = { { .index = 0, .state = JOB_POD_SUCCEEDED }, { .index = 1, .state = JOB_POD_ACTIVE },
                              { .index = 2, .state = JOB_POD_FAILED },    { .index = 3, .state = JOB_POD_LEAVING },
                              { .index = 0, .state = JOB_POD_SUCCEEDED } };
    struct job_view view = { .rule = &rule, .pods = pods, .count = 5 };
    struct job_next next;
    (void)state;
    assert_int_equal(job_free_index(&view, 0), 2);
    assert_int_equal(job_free_index(&view, 3), JOB_UNSET);
    job_step(&view, NOW, &next);
    assert_int_equal(next.succeeded, 1); /* an index counts once */
}

/* ---- documents */

static struct json *job_of(const char *spec, struct error *err, struct ignored_fields *ignored)
{
    AUTO_FREE char *text = mem_printf("{\"metadata\":{\"name\":\"pi\"},\"spec\":{%s}}", spec);
    AUTO_JSON struct json *document = json_parse(text, strlen(text), err);
    assert_non_null(document);
    return job_read("jobs", document, ignored, err);
}

#define NEVER "\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"pi\",\"image\":\"x\"}]}}"

static void its_defaults_are_kubernetes_own(void **state)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    struct job_rule rule;
    (void)state;
    AUTO_JSON struct json *one = job_of(NEVER ",\"podFailurePolicy\":{},\"selector\":{}", &err, &ignored);
    job_rule(one, &rule);
    assert_int_equal(rule.completions, 1);
    assert_int_equal(rule.parallelism, 1);
    assert_int_equal(rule.backoff_limit, 6);
    assert_int_equal(job_ttl_s(one), JOB_UNSET);
    assert_int_equal(ignored.count, 2);
    ignored_free(&ignored);
    AUTO_JSON struct json *queue = job_of(NEVER ",\"parallelism\":3", &err, &ignored);
    job_rule(queue, &rule);
    assert_int_equal(rule.completions, JOB_UNSET);
    assert_string_not_equal(job_identity(one), job_identity(queue));
    AUTO_JSON struct json *faster = job_of(NEVER ",\"completions\":1,\"parallelism\":3,\"suspend\":true", &err, &ignored);
    assert_string_equal(job_identity(one), job_identity(faster));
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *spec, *message;
    } cases[] = {
        { "\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}",
          "spec.template.spec.restartPolicy must be OnFailure or Never" },
        { NEVER ",\"completions\":5000", "spec.completions must be a whole number from 0 to 1000" },
        { NEVER ",\"completionMode\":\"Indexed\"", "spec.completions is required where completionMode is Indexed" },
        { NEVER ",\"activeDeadlineSeconds\":0", "spec.activeDeadlineSeconds must be at least 1" },
        { NEVER ",\"suspend\":\"yes\"", "spec.suspend must be true or false" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { .message = "" };
        struct ignored_fields ignored = { 0 };
        assert_null(job_of(cases[i].spec, &err, &ignored));
        assert_string_equal(err.message, cases[i].message);
        ignored_free(&ignored);
    }
}

static void an_indexed_pod_knows_its_index(void **state)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    struct object_id id = { .namespace = "ns", .resource = "jobs", .name = "pi" }, child;
    int64_t number = -1;
    (void)state;
    AUTO_JSON struct json *job = job_of(NEVER ",\"completionMode\":\"Indexed\",\"completions\":3", &err, &ignored);
    job_child_id(&id, 2, 1, &child);
    assert_string_equal(child.name, "pi-2-1");
    assert_true(job_is_child(&id, child.name, &number));
    assert_int_equal(number, 2);
    assert_false(job_is_child(&id, "pi-x", &number));
    assert_false(job_is_child(&id, "pi-2-1-1", &number));
    assert_false(job_is_child(&id, "pie-2", &number));
    AUTO_JSON struct json *pod = job_child(&id, job, "u-1", &child, 2);
    AUTO_FREE char *text = json_print(pod);
    assert_string_equal(text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"pi-2-1\",\"namespace\":\"ns\","
                              "\"ownerReferences\":[{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"name\":\"pi\"}],\"labels\":{"
                              "\"batch.kubernetes.io/job-name\":\"pi\",\"job-name\":\"pi\",\"batch.kubernetes.io/controller-uid\":"
                              "\"u-1\",\"batch.kubernetes.io/job-completion-index\":\"2\"},\"annotations\":{"
                              "\"batch.kubernetes.io/job-completion-index\":\"2\"}},\"spec\":{\"restartPolicy\":\"Never\","
                              "\"containers\":[{\"name\":\"pi\",\"image\":\"x\",\"env\":[{\"name\":\"JOB_COMPLETION_INDEX\","
                              "\"value\":\"2\"}]}],\"hostname\":\"pi-2\"}}");
}

static void its_status_is_kubernetes_own(void **state)
{
    struct object_id id = { .namespace = "ns", .resource = "jobs", .name = "pi" };
    struct job_rule rule = { .completions = 6, .parallelism = 2, .indexed = true };
    struct job_pod pods[] = { { .index = 0, .state = JOB_POD_SUCCEEDED }, { .index = 1, .state = JOB_POD_SUCCEEDED },
                              { .index = 2, .state = JOB_POD_SUCCEEDED }, { .index = 4, .state = JOB_POD_SUCCEEDED } };
    struct job_view view = { .rule = &rule, .pods = pods, .count = 4 };
    struct job_next next = { .succeeded = 4, .failed = 1 };
    struct job_report report = { .told = { .id = &id, .uid = "u", .generation = 3, .source = "node" }, .rule = &rule,
                                 .next = &next, .view = &view, .end = "Failed", .reason = "DeadlineExceeded", .message = "late",
                                 .started_ms = 1795410900000, .ended_ms = 1795410960000 };
    (void)state;
    AUTO_JSON struct json *status = job_status_write(&report);
    AUTO_FREE char *text = json_print(json_get(status, "status"));
    assert_string_equal(text, "{\"observedGeneration\":3,\"startTime\":\"2026-11-23T05:15:00Z\",\"active\":0,\"ready\":0,"
                              "\"succeeded\":4,\"failed\":1,\"terminating\":0,\"completedIndexes\":\"0-2,4\",\"conditions\":["
                              "{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"DeadlineExceeded\",\"message\":\"late\","
                              "\"lastTransitionTime\":\"2026-11-23T05:16:00Z\"},{\"type\":\"Accepted\",\"status\":\"True\","
                              "\"reason\":\"Accepted\"}],\"source\":\"node\"}");
    AUTO_JSON struct json *flat = job_state_write(&report);
    assert_string_equal(json_get_text(flat, "state"), "Failed");
    assert_string_equal(json_get_text(flat, "reason"), "DeadlineExceeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_are_missing_and_may_run_begin), cmocka_unit_test(a_work_queue_is_over_with_its_last_pod),
        cmocka_unit_test(failures_wait_longer_each_time_up_to_the_limit),
        cmocka_unit_test(restarts_count_where_containers_are_restarted), cmocka_unit_test(a_deadline_ends_it),
        cmocka_unit_test(an_index_runs_once_at_a_time), cmocka_unit_test(its_defaults_are_kubernetes_own),
        cmocka_unit_test(what_is_wrong_is_named), cmocka_unit_test(an_indexed_pod_knows_its_index),
        cmocka_unit_test(its_status_is_kubernetes_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

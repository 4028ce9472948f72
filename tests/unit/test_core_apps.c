/* App and davit/after in the core. */
#include "ownerkit.h"

static void say_app(struct corekit *kit, const char *name, const char *flat)
{
    AUTO_FREE char *topic = mem_printf(DESIRED "apps/%s", name);
    kit_message(kit, topic, flat, LIVE, NO_SEQ);
}

static void say_pod(struct corekit *kit, const char *name, const char *after)
{
    AUTO_FREE char *topic = mem_printf(DESIRED "pods/%s", name);
    AUTO_FREE char *document = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"annotations\":{"
                                          "\"davit/after\":\"%s\"}},\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\"}]}}",
                                          name, after);
    kit_message(kit, topic, document, LIVE, NO_SEQ);
}

static void one_line_becomes_all_that_it_means(void **state)
{
    struct corekit *kit = *state;
    say_app(kit, "hist", "{\"image\":\"demo:1\",\"volumes\":[\"data:/d\"]}");
    running_are(kit, "hist-0 ");
    assert_told(kit, "status", "apps/hist", "\"kind\":\"App\"");
    assert_told(kit, "status", "apps/hist", "\"expansion\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"");
    assert_told(kit, "state", "apps/hist", "\"state\":\"Running\",\"stateCode\":2,\"ready\":1");
    assert_told(kit, "status", "persistentvolumeclaims/data", "\"source\":\"apps/hist\"");
    assert_told(kit, "status", "deployments/hist", "\"source\":\"apps/hist\"");
    /* Without the volume its claim goes; with the App everything. */
    say_app(kit, "hist", "{\"image\":\"demo:2\"}");
    kit_advance(kit, 1000);
    assert_true(is_silent(kit, "persistentvolumeclaims/data"));
    assert_true(kit_state_has(kit, "hist-0", "\"image\":\"demo:2\""));
    restart_davitd(kit);
    running_are(kit, "hist-0 ");
    say_app(kit, "hist", "{\"deletionTimestamp\":\"2026-11-23T08:17:00Z\"}");
    kit_advance(kit, 1000);
    running_are(kit, "");
    assert_true(is_silent(kit, "deployments/hist"));
    assert_true(is_silent(kit, "apps/hist"));
}

static void a_mistake_is_refused_and_what_runs_runs_on(void **state)
{
    struct corekit *kit = *state;
    say_app(kit, "hist", "{\"image\":\"demo:1\"}");
    say_app(kit, "hist", "{\"image\":\"demo:2\",\"port\":[\"80\"]}");
    assert_told(kit, "status", "apps/hist", "\\\"port\\\" is no field of an App. Did you mean ports?");
    running_are(kit, "hist-0 ");
    assert_true(kit_state_has(kit, "hist-0", "\"image\":\"demo:1\""));
}

static void an_app_that_ends_is_a_job(void **state)
{
    struct corekit *kit = *state;
    say_app(kit, "load", "{\"image\":\"demo:1\",\"restart\":\"no\"}");
    running_are(kit, "load-0 ");
    kit_exit(kit, 0);
    running_are(kit, "");
    assert_told(kit, "state", "apps/load", "\"state\":\"Succeeded\"");
}

static void a_pod_starts_after_what_it_names(void **state)
{
    struct corekit *kit = *state;
    say_app(kit, "hist", "{\"image\":\"demo:1\",\"after\":[\"pods/db\",\"vms/hmi\"]}");
    running_are(kit, "");
    assert_true(kit_state_has(kit, "hist-0", "\"reason\":\"WaitingForDependency\",\"message\":\"waits for pods/db, which is not on this node\""));
    assert_told(kit, "state", "apps/hist", "waits for pods/db");
    say_app(kit, "hist", "{\"image\":\"demo:1\",\"after\":[\"pods/db\"]}");
    kit->failing = "start";
    say_pod(kit, "db", "");
    assert_true(kit_state_has(kit, "hist-0", "waits for pods/db, which is not ready"));
    kit->failing = NULL;
    kit_advance(kit, 2000);
    running_are(kit, "db hist-0 ");
    /* It gates the start: what runs is not stopped, nor kept from its restart or its update. */
    kit_say(kit, DESIRED "pods/db", mem_strdup("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"db\","
                                               "\"deletionTimestamp\":\"2026-11-23T08:17:00Z\"}}"), LIVE);
    running_are(kit, "hist-0 ");
    kit_exit_of(kit, "hist-0", 1);
    kit_advance(kit, 10000);
    running_are(kit, "hist-0 ");
    say_app(kit, "hist", "{\"image\":\"demo:2\",\"after\":[\"pods/db\"]}");
    running_are(kit, "hist-0 ");
    restart_davitd(kit);
    running_are(kit, "hist-0 ");
    /* The machine's start is a start. */
    reboot(kit);
    running_are(kit, "");
    assert_true(kit_state_has(kit, "hist-0", "\"reason\":\"WaitingForDependency\""));
}

static void a_job_that_is_done_is_waited_for(void **state)
{
    struct corekit *kit = *state;
    say_app(kit, "load", "{\"image\":\"demo:1\",\"restart\":\"no\"}");
    say_pod(kit, "main", "apps/load");
    running_are(kit, "load-0 ");
    kit_exit(kit, 0);
    running_are(kit, "main ");
}

static void a_circle_is_said(void **state)
{
    struct corekit *kit = *state;
    say_app(kit, "a", "{\"image\":\"demo:1\",\"after\":[\"apps/b\"]}");
    say_app(kit, "b", "{\"image\":\"demo:1\",\"after\":[\"pods/c\"]}");
    say_pod(kit, "c", "deployments/a");
    running_are(kit, "");
    kit_advance(kit, 1000);
    assert_true(kit_state_has(kit, "c", "waits for deployments/a, which waits for this in turn: a circle"));
    say_pod(kit, "c", "");
    running_are(kit, "a-0 b-0 c ");
}

static void what_cannot_be_read_is_refused(void **state)
{
    struct corekit *kit = *state;
    say_pod(kit, "x", "db");
    assert_true(kit_status_has(kit, "x", "\"reason\":\"InvalidPod\",\"message\":\"metadata.annotations: after: \\\"db\\\" is no object"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT(one_line_becomes_all_that_it_means), KIT(a_mistake_is_refused_and_what_runs_runs_on),
        KIT(an_app_that_ends_is_a_job),          KIT(a_pod_starts_after_what_it_names),
        KIT(a_job_that_is_done_is_waited_for),   KIT(a_circle_is_said),
        KIT(what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

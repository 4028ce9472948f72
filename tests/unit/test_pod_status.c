/* What is told of a pod, byte for byte. */
#include "unit.h"

#include "model/vm.h"
#include "podkit.h"
#include "protocol/event.h"
#include "protocol/pod_status.h"
#include "protocol/vm_status.h"

#define UID_DIGITS "111111111111"
#define ACCEPTED_MS 1795410900000ULL

static const struct object_id hello = { .namespace = "default", .resource = "pods", .name = "hello" };
static const char *const image_ids[] = { "sha256:1", NULL };

/* A report over a podkit. */
struct told {
    struct podkit kit;
    struct container_shown shown[2];
    struct pod_report report;
};

static void told_begin(struct told *told, enum restart_policy policy, size_t containers)
{
    podkit_begin(&told->kit, policy, containers);
    told->report = (struct pod_report){ .id = &hello, .uid = POD_UID, .generation = 7, .source = "node",
                                        .accepted_ms = ACCEPTED_MS, .view = &told->kit.view, .shown = told->shown,
                                        .image_ids = image_ids, .runtime = "crun" };
}

static void told_look(struct told *told)
{
    for (size_t i = 0; told->kit.view.pod != NULL && i < told->kit.pod.containers.count; i++)
        container_show(&told->kit.view, i, told->kit.now, &told->shown[i]);
}

static void state_is(struct told *told, const char *expected)
{
    told_look(told);
    AUTO_JSON struct json *json = pod_state_write(&told->report);
    AUTO_FREE char *text = json_print(json);
    assert_string_equal(text, expected);
}

static void status_is(struct told *told, const char *expected)
{
    told_look(told);
    AUTO_JSON struct json *json = pod_status_write(&told->report);
    AUTO_FREE char *text = json_print(json);
    assert_string_equal(text, expected);
    AUTO_JSON struct json *again = pod_status_write(&told->report);
    AUTO_FREE char *same = json_print(again);
    assert_string_equal(same, text);
}

#define HEAD "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"hello\",\"namespace\":\"default\","

static void a_running_pod_is_told(void **state)
{
    (void)state;
    struct told told;
    told_begin(&told, RESTART_ALWAYS, 1);
    podkit_see(&told.kit, "web", 0, INSTANCE_RUNNING);
    state_is(&told, "{\"state\":\"Running\",\"stateCode\":2,\"ready\":1,\"restarts\":0,\"image\":\"demo:1\","
                    "\"containers\":1,\"containersReady\":1,\"createdAt\":1795410900000,\"message\":\"\"}");
    status_is(&told,
              HEAD "\"uid\":\"" POD_UID "\",\"generation\":7,\"creationTimestamp\":\"2026-11-23T05:15:00Z\"},"
              "\"status\":{\"observedGeneration\":7,\"phase\":\"Running\",\"startTime\":\"2026-11-23T05:15:00Z\","
              "\"qosClass\":\"BestEffort\",\"conditions\":["
              "{\"type\":\"PodScheduled\",\"status\":\"True\",\"observedGeneration\":7,\"lastTransitionTime\":\"2026-11-23T05:15:00Z\"},"
              "{\"type\":\"PodReadyToStartContainers\",\"status\":\"True\",\"observedGeneration\":7,"
              "\"lastTransitionTime\":\"2026-11-23T05:15:00Z\"},"
              "{\"type\":\"Initialized\",\"status\":\"True\",\"observedGeneration\":7,\"lastTransitionTime\":\"2026-11-23T05:15:00Z\"},"
              "{\"type\":\"ContainersReady\",\"status\":\"True\",\"observedGeneration\":7,\"lastTransitionTime\":\"2026-11-23T05:15:58Z\"},"
              "{\"type\":\"Ready\",\"status\":\"True\",\"observedGeneration\":7,\"lastTransitionTime\":\"2026-11-23T05:15:58Z\"},"
              "{\"type\":\"Accepted\",\"status\":\"True\",\"reason\":\"Accepted\","
              "\"lastTransitionTime\":\"2026-11-23T05:15:00Z\"}],"
              "\"containerStatuses\":[{\"containerID\":\"crun://" UID_DIGITS "-web-0\",\"name\":\"web\",\"image\":\"demo:1\",\"imageID\":\"sha256:1\",\"ready\":true,"
              "\"started\":true,\"restartCount\":0,\"state\":{\"running\":{\"startedAt\":\"2026-11-23T05:15:58Z\"}},"
              "\"lastState\":{}}],\"source\":\"node\"}}");
    podkit_end(&told.kit);
}

static void a_crash_loop_is_told(void **state)
{
    (void)state;
    struct told told;
    told_begin(&told, RESTART_ALWAYS, 2);
    podkit_see(&told.kit, "log", 0, INSTANCE_RUNNING);
    told.kit.memory[0].begun = told.kit.memory[0].ended = 1;
    told.kit.memory[0].backoff = 2;
    told.kit.memory[0].last = (struct ending){ .exit_code = 137, .signal = 9, .started_ms = told.kit.wall - 3000,
                                               .finished_ms = told.kit.wall - 1000,
                                               .finished_boot_ms = told.kit.now - 1000 };
    state_is(&told, "{\"state\":\"Running\",\"stateCode\":2,\"ready\":0,\"restarts\":1,\"image\":\"demo:1\","
                    "\"containers\":2,\"containersReady\":1,\"createdAt\":1795410900000,\"reason\":\"CrashLoopBackOff\","
                    "\"message\":\"back-off 10s restarting failed container=web pod=hello_default(" POD_UID ")\"}");
    AUTO_JSON struct json *json = pod_status_write(&told.report);
    AUTO_FREE char *text = json_print(json);
    assert_non_null(strstr(text, "\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 10s "));
    assert_non_null(strstr(text, "\"lastState\":{\"terminated\":{\"exitCode\":137,\"signal\":9,\"reason\":\"Error\","
                                 "\"startedAt\":\"2026-11-23T05:15:55Z\",\"finishedAt\":\"2026-11-23T05:15:57Z\","
                                 "\"containerID\":\"crun://" UID_DIGITS "-web-1\"}}"));
    const char *log = strstr(text, "{\"containerID\":\"crun://" UID_DIGITS "-log-0\",\"name\":\"log\"");
    const char *web = strstr(text, "{\"containerID\":\"crun://" UID_DIGITS "-web-1\",\"name\":\"web\"");
    assert_true(log != NULL && log < web); /* in the order of their names */
    assert_non_null(strstr(text, "{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"ContainersNotReady\",\"message\":"
                                 "\"containers with unready status: [web]\",\"observedGeneration\":7,\"lastTransitionTime\":"));
    assert_non_null(strstr(text, "\"imageID\":\"\"")); /* of the second: not on this device */
    podkit_end(&told.kit);
}

static void ends_are_told_with_exit_code_and_reason(void **state)
{
    (void)state;
    struct told told;
    told_begin(&told, RESTART_NEVER, 1);
    told.kit.memory[0].begun = told.kit.memory[0].ended = 0;
    told.kit.memory[0].last = (struct ending){ .exit_code = 0, .started_ms = 1000, .finished_ms = told.kit.wall };
    state_is(&told, "{\"state\":\"Succeeded\",\"stateCode\":3,\"ready\":0,\"restarts\":0,\"image\":\"demo:1\","
                    "\"containers\":1,\"containersReady\":0,\"createdAt\":1795410900000,\"message\":\"\"}");
    AUTO_JSON struct json *json = pod_status_write(&told.report);
    AUTO_FREE char *text = json_print(json);
    assert_non_null(strstr(text, "\"reason\":\"Completed\""));
    assert_non_null(strstr(text, "\"reason\":\"PodCompleted\""));
    assert_non_null(strstr(text, "\"phase\":\"Succeeded\""));
    snprintf(told.kit.memory[0].last.reason, sizeof(told.kit.memory[0].last.reason), "%s", "ContainerStatusUnknown");
    told.kit.memory[0].last.exit_code = 137;
    state_is(&told, "{\"state\":\"Failed\",\"stateCode\":4,\"ready\":0,\"restarts\":0,\"image\":\"demo:1\","
                    "\"containers\":1,\"containersReady\":0,\"createdAt\":1795410900000,"
                    "\"reason\":\"ContainerStatusUnknown\",\"message\":\"exit code 137\"}");
    podkit_end(&told.kit);
}

static void a_refused_document_is_told_beside_the_untouched_rest(void **state)
{
    (void)state;
    struct told told;
    const struct refusal refusal = { .reason = "Stale", .message = "generation 7 is accepted", .generation = 3 };
    told_begin(&told, RESTART_ALWAYS, 1);
    podkit_see(&told.kit, "web", 0, INSTANCE_RUNNING);
    told.report.refusal = &refusal;
    state_is(&told, "{\"state\":\"Running\",\"stateCode\":2,\"ready\":1,\"restarts\":0,\"image\":\"demo:1\","
                    "\"containers\":1,\"containersReady\":1,\"createdAt\":1795410900000,\"reason\":\"Stale\","
                    "\"message\":\"refused: Stale: generation 7 is accepted\"}");
    AUTO_JSON struct json *json = pod_status_write(&told.report);
    AUTO_FREE char *text = json_print(json);
    assert_non_null(strstr(text, "{\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"Stale\",\"message\":"
                                 "\"generation 7 is accepted\",\"refusedGeneration\":3}"));
    assert_non_null(strstr(text, "\"observedGeneration\":7,\"phase\":\"Running\""));
    podkit_end(&told.kit);
}

static void an_object_never_accepted_has_only_its_refusal(void **state)
{
    (void)state;
    struct told told;
    const struct refusal refusal = { .reason = "InvalidJSON", .message = "at byte 0", .generation = -1 };
    told_begin(&told, RESTART_ALWAYS, 1);
    told.kit.view.pod = NULL;
    told.report = (struct pod_report){ .id = &hello, .uid = "", .generation = -1, .refusal = &refusal,
                                       .view = &told.kit.view, .shown = told.shown, .image_ids = image_ids };
    state_is(&told, "{\"state\":\"Refused\",\"stateCode\":6,\"ready\":0,\"restarts\":0,\"containers\":0,"
                    "\"containersReady\":0,\"reason\":\"InvalidJSON\",\"message\":\"refused: InvalidJSON: at byte 0\"}");
    status_is(&told, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"hello\",\"namespace\":\"default\"},"
                     "\"status\":{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"InvalidJSON\","
                     "\"message\":\"at byte 0\"}]}}");
}

static void sources_shadows_retained_and_ignored_fields_are_told(void **state)
{
    (void)state;
    struct told told;
    char group[] = "group/line-3", all[] = "all", path[] = "spec.priority";
    char *names[] = { group, all }, *paths[] = { path };
    const struct text_list shadows = { names, 2 };
    const struct ignored_fields ignored = { { paths, 1 }, 3 };
    told_begin(&told, RESTART_ALWAYS, 1);
    podkit_see(&told.kit, "web", 0, INSTANCE_RUNNING)->supervised = false;
    told.report.shadows = &shadows;
    told.report.ignored = &ignored;
    told.report.retained = RETAINED_NO;
    told_look(&told);
    AUTO_JSON struct json *json = pod_status_write(&told.report);
    AUTO_FREE char *text = json_print(json);
    assert_non_null(strstr(text, "\"source\":\"node\",\"shadows\":[\"group/line-3\",\"all\"]"));
    assert_non_null(strstr(text, "{\"type\":\"IgnoredFields\",\"status\":\"True\",\"reason\":\"NotHonoured\",\"message\":"
                                 "\"spec.priority and 2 more\",\"fields\":[\"spec.priority\"]}"));
    assert_non_null(strstr(text, "{\"type\":\"Retained\",\"status\":\"False\",\"reason\":\"NotOnBroker\""));
    assert_non_null(strstr(text, "{\"type\":\"Unsupervised\",\"status\":\"True\""));
    told.report.retained = RETAINED_YES;
    AUTO_JSON struct json *held = pod_status_write(&told.report);
    AUTO_FREE char *held_text = json_print(held);
    assert_non_null(strstr(held_text, "{\"type\":\"Retained\",\"status\":\"True\",\"reason\":\"Retained\"}"));
    podkit_end(&told.kit);
}

static void terminating_and_orphaned_pods_are_told(void **state)
{
    (void)state;
    struct told told;
    told_begin(&told, RESTART_ALWAYS, 1);
    told.kit.view.pod = NULL;
    told.report.generation = -1;
    told.report.source = NULL;
    told.report.terminating = true;
    state_is(&told, "{\"state\":\"Terminating\",\"stateCode\":5,\"ready\":0,\"restarts\":0,\"containers\":0,"
                    "\"containersReady\":0,\"createdAt\":1795410900000,\"message\":\"\"}");
    status_is(&told, HEAD "\"uid\":\"" POD_UID "\",\"creationTimestamp\":\"2026-11-23T05:15:00Z\"},"
                     "\"status\":{\"phase\":\"Running\",\"conditions\":[]}}");
    told.report.terminating = false;
    told.report.orphan = true;
    told.report.accepted_ms = 0;
    state_is(&told, "{\"state\":\"Unknown\",\"stateCode\":0,\"ready\":0,\"restarts\":0,\"containers\":0,"
                    "\"containersReady\":0,\"reason\":\"Orphan\","
                    "\"message\":\"it runs, and no document of it is known here: it is left alone\"}");
}

static void printable_is(struct told *told, const char *word, bool stopped)
{
    told_look(told);
    assert_string_equal(vm_printable_status(&told->report), word);
    assert_int_equal(vm_is_stopped(&told->report), stopped);
}

static void a_machine_whose_former_life_goes_on_is_stopping(void **state)
{
    struct vm vm = { 0 };
    struct told told;
    (void)state;
    told_begin(&told, RESTART_ALWAYS, 1);
    told.kit.pod.vm = &vm;
    struct instance *old = run_add(podkit_run(&told.kit, OLD_UID), "web", 0);
    old->state = INSTANCE_RUNNING;
    printable_is(&told, "Stopping", false);
    told.kit.view.power = VM_POWER_OFF;
    printable_is(&told, "Stopping", false);
    old->state = INSTANCE_EXITED;
    printable_is(&told, "Stopped", true);
    told.kit.view.power = VM_POWER_ON;
    printable_is(&told, "Starting", false);
    podkit_end(&told.kit);
}

static void a_guest_that_runs_on_is_told(void **state)
{
    static const struct object_id id = { .namespace = "default", .resource = "virtualmachines", .name = "hmi" };
    struct vm vm = { 0 };
    struct told told;
    (void)state;
    told_begin(&told, RESTART_ALWAYS, 1);
    told.kit.pod.vm = &vm;
    told.report.id = &id;
    podkit_see(&told.kit, "web", 0, INSTANCE_RUNNING);
    for (int overdue = 0; overdue < 2; overdue++) {
        told.report.overdue = overdue != 0;
        told_look(&told);
        AUTO_JSON struct json *status = pod_status_write(&told.report);
        AUTO_FREE char *text = json_print(status);
        assert_int_equal(strstr(text, "\"ShutdownOverdue\"") != NULL, overdue);
        assert_int_equal(strstr(text, "davit stop vm/hmi --force") != NULL, overdue);
    }
    podkit_end(&told.kit);
}

static void state_codes_never_change(void **state)
{
    (void)state;
    assert_int_equal(STATE_UNKNOWN, 0);
    assert_int_equal(STATE_PENDING, 1);
    assert_int_equal(STATE_RUNNING, 2);
    assert_int_equal(STATE_SUCCEEDED, 3);
    assert_int_equal(STATE_FAILED, 4);
    assert_int_equal(STATE_TERMINATING, 5);
    assert_int_equal(STATE_REFUSED, 6);
}

static void events_have_kubernetes_shape(void **state)
{
    (void)state;
    const struct event event = { .id = &hello, .uid = POD_UID, .reason = "Started", .message = "Started container web" };
    AUTO_FREE char *text = event_write(&event, "press-7", 1795410958123, 5);
    assert_string_equal(text,
                        "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"hello.1a206d5172b0005\","
                        "\"namespace\":\"default\"},\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"default\","
                        "\"name\":\"hello\",\"uid\":\"" POD_UID "\"},\"type\":\"Normal\",\"reason\":\"Started\","
                        "\"message\":\"Started container web\",\"firstTimestamp\":\"2026-11-23T05:15:58Z\","
                        "\"lastTimestamp\":\"2026-11-23T05:15:58Z\",\"count\":1,\"source\":{\"component\":\"davitd\","
                        "\"host\":\"press-7\"}}");
    const struct event about_node = { .warning = true, .reason = "InvalidTopic", .message = "m" };
    AUTO_FREE char *node_text = event_write(&about_node, "press-7", 1795410958123, 0x12345);
    assert_non_null(strstr(node_text, "\"involvedObject\":{\"kind\":\"Node\",\"name\":\"press-7\"}"));
    assert_non_null(strstr(node_text, "\"type\":\"Warning\""));
    assert_non_null(strstr(node_text, "2345\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_pod_is_told),
        cmocka_unit_test(a_crash_loop_is_told),
        cmocka_unit_test(ends_are_told_with_exit_code_and_reason),
        cmocka_unit_test(a_refused_document_is_told_beside_the_untouched_rest),
        cmocka_unit_test(an_object_never_accepted_has_only_its_refusal),
        cmocka_unit_test(sources_shadows_retained_and_ignored_fields_are_told),
        cmocka_unit_test(terminating_and_orphaned_pods_are_told),
        cmocka_unit_test(a_machine_whose_former_life_goes_on_is_stopping),
        cmocka_unit_test(a_guest_that_runs_on_is_told),
        cmocka_unit_test(state_codes_never_change),
        cmocka_unit_test(events_have_kubernetes_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a person is told of a pod: Kubernetes' phases and container states. */
#include "unit.h"

#include "model/restart.h"
#include "podkit.h"

/* One container, in a letter. */
enum { WAITS = 'w', BACK_OFF = 'b', RUNS = 'r', DONE = '0', FAILED = '1' };

static const struct ending good = { .exit_code = 0 };
static const struct ending bad = { .exit_code = 1 };

static void show_letter(char letter, struct container_shown *shown)
{
    memset(shown, 0, sizeof(*shown));
    if (letter == RUNS) {
        shown->state = SHOWN_RUNNING;
    } else if (letter == DONE || letter == FAILED) {
        shown->state = SHOWN_TERMINATED;
        shown->ending = letter == DONE ? &good : &bad;
    } else {
        shown->state = SHOWN_WAITING;
        shown->last = letter == BACK_OFF ? &bad : NULL;
    }
}

static void phases_are_kubernetes(void **state)
{
    (void)state;
    static const struct {
        const char *containers;
        enum pod_phase always, on_failure, never;
    } rows[] = {
        { "ww", PHASE_PENDING, PHASE_PENDING, PHASE_PENDING },
        { "wr", PHASE_PENDING, PHASE_PENDING, PHASE_PENDING }, /* one that never started */
        { "w0", PHASE_PENDING, PHASE_PENDING, PHASE_PENDING },
        { "w1", PHASE_PENDING, PHASE_PENDING, PHASE_PENDING },
        { "rr", PHASE_RUNNING, PHASE_RUNNING, PHASE_RUNNING },
        { "r0", PHASE_RUNNING, PHASE_RUNNING, PHASE_RUNNING },
        { "r1", PHASE_RUNNING, PHASE_RUNNING, PHASE_RUNNING },
        { "rb", PHASE_RUNNING, PHASE_RUNNING, PHASE_RUNNING },
        { "bb", PHASE_RUNNING, PHASE_RUNNING, PHASE_RUNNING },
        { "00", PHASE_RUNNING, PHASE_SUCCEEDED, PHASE_SUCCEEDED },
        { "01", PHASE_RUNNING, PHASE_RUNNING, PHASE_FAILED },
        { "11", PHASE_RUNNING, PHASE_RUNNING, PHASE_FAILED },
    };
    struct podkit kit;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum pod_phase wanted[] = { rows[i].always, rows[i].on_failure, rows[i].never };
        for (int policy = RESTART_ALWAYS; policy <= RESTART_NEVER; policy++) {
            struct container_shown shown[2];
            podkit_begin(&kit, (enum restart_policy)policy, 2);
            show_letter(rows[i].containers[0], &shown[0]);
            show_letter(rows[i].containers[1], &shown[1]);
            enum pod_phase phase = pod_phase(&kit.pod, shown, NULL);
            if (phase != wanted[policy])
                fail_msg("%s, policy %d: %s", rows[i].containers, policy, pod_phase_name(phase));
        }
    }
}

static void phases_have_kubernetes_names(void **state)
{
    (void)state;
    assert_string_equal(pod_phase_name(PHASE_PENDING), "Pending");
    assert_string_equal(pod_phase_name(PHASE_RUNNING), "Running");
    assert_string_equal(pod_phase_name(PHASE_SUCCEEDED), "Succeeded");
    assert_string_equal(pod_phase_name(PHASE_FAILED), "Failed");
}

static struct container_shown show(const struct podkit *kit)
{
    struct container_shown shown;
    container_show(&kit->view, 0, kit->now, &shown);
    return shown;
}

static void a_new_container_waits_with_the_reason(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    struct container_shown shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_WAITING);
    assert_string_equal(shown.reason, "ContainerCreating");
    assert_null(shown.last);
    assert_int_equal(shown.restarts, 0);
    assert_true(shown.supervised);
    kit.images[0].verdict.state = IMAGE_BACKOFF;
    snprintf(kit.images[0].reason, REASON_BYTES, "ImagePullBackOff");
    shown = show(&kit);
    assert_string_equal(shown.reason, "ImagePullBackOff");
    snprintf(kit.memory[0].reason, sizeof(kit.memory[0].reason), "%s", "CreateContainerError");
    snprintf(kit.memory[0].message, sizeof(kit.memory[0].message), "%s", "no such user");
    shown = show(&kit);
    assert_string_equal(shown.reason, "CreateContainerError");
    assert_string_equal(shown.message, "no such user");
    podkit_run(&kit, OLD_UID);
    shown = show(&kit);
    assert_string_equal(shown.reason, "ContainerCreating");
    assert_non_null(strstr(shown.message, "previous incarnation"));
    podkit_end(&kit);
}

static void a_running_container_says_since_when_and_how_it_ended_before(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    podkit_see(&kit, "web", 0, INSTANCE_RUNNING);
    struct container_shown shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_RUNNING);
    assert_int_equal(shown.started_ms, kit.wall);
    assert_null(shown.last);
    assert_int_equal(shown.restarts, 0);
    kit.memory[0].ended = 0;
    kit.memory[0].last.exit_code = 7;
    podkit_see(&kit, "web", 1, INSTANCE_RUNNING)->supervised = false;
    shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_RUNNING);
    assert_int_equal(shown.restarts, 1);
    assert_int_equal(shown.last->exit_code, 7);
    assert_false(shown.supervised);
    podkit_end(&kit);
}

static void an_end_is_shown_before_it_is_remembered_and_in_last_state_after(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.memory[0].ended = 0;
    kit.memory[0].backoff = 1;
    struct instance *one = podkit_see(&kit, "web", 1, INSTANCE_RUNNING);
    podkit_finish(&kit, one, 9, 50);
    struct container_shown shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_TERMINATED);
    assert_int_equal(shown.ending->exit_code, 9);
    step_remembers(&kit);
    shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_WAITING);
    assert_string_equal(shown.reason, "CrashLoopBackOff");
    assert_int_equal(shown.last->exit_code, 9);
    assert_int_equal(shown.restarts, 1);
    run_remove(kit.run, "web", 1);
    shown = show(&kit);
    assert_string_equal(shown.reason, "CrashLoopBackOff");
    assert_int_equal(shown.restarts, 1);
    kit.now += restart_delay_ms(kit.memory[0].backoff);
    shown = show(&kit);
    assert_string_equal(shown.reason, "ContainerCreating");
    podkit_end(&kit);
}

static void a_container_that_does_not_run_again_stays_terminated(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_NEVER, 1);
    kit.memory[0].begun = kit.memory[0].ended = 0;
    kit.memory[0].last.exit_code = 4;
    struct container_shown shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_TERMINATED);
    assert_int_equal(shown.ending->exit_code, 4);
    assert_null(shown.last);
    assert_int_equal(pod_phase(&kit.pod, &shown, NULL), PHASE_FAILED);
    kit.pod.restart_policy = RESTART_ON_FAILURE;
    shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_WAITING);
    kit.memory[0].last.exit_code = 0;
    shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_TERMINATED);
    assert_int_equal(pod_phase(&kit.pod, &shown, NULL), PHASE_SUCCEEDED);
    podkit_end(&kit);
}

static void what_was_created_again_waits_and_keeps_its_last_state(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.memory[0].begun = kit.memory[0].ended = 0;
    kit.memory[0].last.exit_code = 4;
    podkit_see(&kit, "web", 1, INSTANCE_CREATED);
    struct container_shown shown = show(&kit);
    assert_int_equal(shown.state, SHOWN_WAITING);
    assert_string_equal(shown.reason, "ContainerCreating");
    assert_int_equal(shown.last->exit_code, 4);
    assert_int_equal(shown.restarts, 1);
    assert_int_equal(pod_phase(&kit.pod, &shown, NULL), PHASE_RUNNING);
    podkit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_are_kubernetes),
        cmocka_unit_test(phases_have_kubernetes_names),
        cmocka_unit_test(a_new_container_waits_with_the_reason),
        cmocka_unit_test(a_running_container_says_since_when_and_how_it_ended_before),
        cmocka_unit_test(an_end_is_shown_before_it_is_remembered_and_in_last_state_after),
        cmocka_unit_test(a_container_that_does_not_run_again_stays_terminated),
        cmocka_unit_test(what_was_created_again_waits_and_keeps_its_last_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

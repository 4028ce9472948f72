/* The life of a pod, step by step. */
#include "unit.h"

#include "model/pod_end.h"
#include "model/restart.h"
#include "model/vm.h"
#include "podkit.h"

static void a_new_pod_is_created_then_started(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    step_is(&kit, POD_CREATE);
    assert_string_equal(kit.next.action.uid, POD_UID);
    assert_string_equal(kit.next.action.container, "web");
    assert_int_equal(kit.next.action.attempt, 0);
    assert_int_equal(kit.next.action.container_index, 0);
    podkit_see(&kit, "web", 0, INSTANCE_CREATED);
    step_is(&kit, POD_START);
    assert_int_equal(kit.next.action.attempt, 0);
    podkit_see(&kit, "web", 0, INSTANCE_RUNNING);
    step_remembers(&kit); /* off the path of the start */
    assert_int_equal(kit.memory[0].begun, 0);
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, 0);
    podkit_end(&kit);
}

static void containers_begin_in_their_order_and_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 2);
    podkit_see(&kit, "web", 0, INSTANCE_CREATED);
    step_is(&kit, POD_START);
    assert_string_equal(kit.next.action.container, "web");
    podkit_see(&kit, "web", 0, INSTANCE_RUNNING);
    step_is(&kit, POD_CREATE);
    assert_string_equal(kit.next.action.container, "log");
    assert_int_equal(kit.next.action.container_index, 1);
    /* One without an image keeps nobody else waiting. */
    kit.images[0].verdict.state = IMAGE_PULLING;
    run_remove(kit.run, "web", 0);
    step_is(&kit, POD_CREATE);
    assert_string_equal(kit.next.action.container, "log");
    podkit_end(&kit);
}

static void without_an_image_nothing_is_created(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.images[0].verdict.state = IMAGE_PULLING;
    step_is(&kit, POD_NOTHING);
    podkit_end(&kit);
}

static void restarts_climb_the_ladder_from_the_end(void **state)
{
    (void)state;
    static const uint64_t delays_ms[] = { 0, 10000, 20000, 40000, 80000, 160000, 300000, 300000 };
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    for (size_t i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
        struct instance *one = podkit_see(&kit, "web", (int64_t)i, INSTANCE_RUNNING);
        podkit_finish(&kit, one, 1, 50);
        step_remembers(&kit);
        assert_int_equal(kit.memory[0].ended, i);
        if (delays_ms[i] > 0) {
            step_is(&kit, POD_REMOVE);
            assert_int_equal(kit.next.wake_boot_ms, kit.now + delays_ms[i]);
            while (podkit_step(&kit) == POD_REMOVE) /* tidied while it waits */
                run_remove(kit.run, "web", kit.next.action.attempt);
            kit.now += delays_ms[i] - 1;
            step_is(&kit, POD_NOTHING);
            assert_int_equal(kit.next.wake_boot_ms, kit.now + 1);
            kit.now++;
        }
        step_is(&kit, POD_CREATE);
        assert_int_equal(kit.next.action.attempt, i + 1);
    }
    podkit_end(&kit);
}

static void ten_good_minutes_bring_the_next_restart_at_once(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.memory[0].begun = kit.memory[0].ended = 6;
    kit.memory[0].backoff = 7;
    struct instance *one = podkit_see(&kit, "web", 7, INSTANCE_RUNNING);
    podkit_finish(&kit, one, 1, RESTART_RESET_MS);
    step_remembers(&kit);
    step_is(&kit, POD_CREATE);
    assert_int_equal(kit.next.action.attempt, 8);
    podkit_end(&kit);
}

static void what_must_not_run_twice_has_begun_on_the_disk_before_it_starts(void **state)
{
    (void)state;
    static const enum restart_policy policies[] = { RESTART_NEVER, RESTART_ON_FAILURE };
    for (size_t i = 0; i < 2; i++) {
        struct podkit kit;
        podkit_begin(&kit, policies[i], 1);
        podkit_see(&kit, "web", 0, INSTANCE_CREATED);
        step_is(&kit, POD_REMEMBER);
        assert_int_equal(kit.next.action.remember.begun, 0);
        assert_int_equal(kit.next.action.remember.ended, -1);
        step_is(&kit, POD_REMEMBER); /* and not before the disk has it */
        step_remembers(&kit);
        step_is(&kit, POD_START);
        podkit_end(&kit);
    }
}

static void a_finished_pod_stays_finished(void **state)
{
    (void)state;
    static const struct {
        enum restart_policy policy;
        int64_t exit_code;
        enum pod_action_kind then;
    } ends[] = { { RESTART_NEVER, 0, POD_NOTHING }, { RESTART_NEVER, 1, POD_NOTHING },
                 { RESTART_ON_FAILURE, 0, POD_NOTHING }, { RESTART_ON_FAILURE, 1, POD_CREATE },
                 { RESTART_ALWAYS, 0, POD_CREATE } };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct podkit kit;
        podkit_begin(&kit, ends[i].policy, 1);
        kit.memory[0].begun = 0;
        podkit_finish(&kit, podkit_see(&kit, "web", 0, INSTANCE_RUNNING), ends[i].exit_code, 50);
        step_remembers(&kit);
        if (ends[i].then == POD_NOTHING) {
            step_is(&kit, POD_REMOVE);
            run_remove(kit.run, "web", 0);
            kit.now += 1000000000;
        }
        step_is(&kit, ends[i].then);
        podkit_end(&kit);
    }
}

static void an_older_end_that_is_still_there_does_not_hide_one_without_a_trace(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ON_FAILURE, 1);
    podkit_finish(&kit, podkit_see(&kit, "web", 0, INSTANCE_RUNNING), 1, 1000);
    step_remembers(&kit);
    kit.memory[0].begun = 1; /* and started, and gone before attempt 0 was removed */
    step_remembers(&kit);
    assert_int_equal(kit.memory[0].ended, 1);
    assert_int_equal(kit.memory[0].last.exit_code, 137);
    step_is(&kit, POD_CREATE);
    assert_int_equal(kit.next.action.attempt, 2);
    podkit_end(&kit);
}

static void what_began_and_is_gone_without_a_trace_ended_with_137(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_NEVER, 1);
    kit.memory[0].begun = 0;
    step_remembers(&kit);
    assert_int_equal(kit.memory[0].ended, 0);
    assert_int_equal(kit.memory[0].last.exit_code, 137);
    assert_string_equal(kit.memory[0].last.reason, "ContainerStatusUnknown");
    assert_int_equal(kit.memory[0].last.finished_ms, kit.wall);
    step_is(&kit, POD_NOTHING); /* it ran, or may have: never twice */
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.memory[0].begun = 4;
    kit.memory[0].ended = 3;
    kit.memory[0].backoff = 4;
    step_remembers(&kit);
    step_is(&kit, POD_CREATE); /* a reboot delays nothing */
    assert_int_equal(kit.next.action.attempt, 5);
    podkit_end(&kit);
}

/* Of an earlier incarnation: `running` and `created`. */
static struct run *stale_run(struct podkit *kit)
{
    struct run *old = podkit_run(kit, OLD_UID);
    struct instance *one = run_add(old, "web", 3);
    one->state = INSTANCE_RUNNING;
    one->grace_ms = 30000;
    return old;
}

static void a_stale_incarnation_ends_first_with_grace_then_by_force(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    struct run *old = stale_run(&kit);
    struct instance *one = run_find(old, "web", 3);
    step_is(&kit, POD_STOP);
    assert_string_equal(kit.next.action.uid, OLD_UID);
    assert_int_equal(kit.next.action.attempt, 3);
    assert_false(kit.next.action.force);
    one->stop_sent_boot_ms = one->ending_boot_ms = old->ending_boot_ms = kit.now;
    step_is(&kit, POD_NOTHING); /* the new one waits for it */
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 30000);
    kit.now += 30000;
    step_is(&kit, POD_STOP);
    assert_true(kit.next.action.force);
    one->kill_sent_boot_ms = kit.now;
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 10000);
    kit.now += 10000;
    step_is(&kit, POD_STOP); /* a kill that did not help is sent again */
    assert_true(kit.next.action.force);
    one->state = INSTANCE_EXITED;
    step_is(&kit, POD_REMOVE);
    run_remove(old, "web", 3);
    step_is(&kit, POD_RELEASE);
    assert_string_equal(kit.next.action.uid, OLD_UID);
    old->shared = false;
    step_is(&kit, POD_NOTHING); /* until the caller drops the run */
    kit.view.runs = NULL;
    run_free(old);
    step_is(&kit, POD_CREATE);
    assert_string_equal(kit.next.action.uid, POD_UID);
    podkit_end(&kit);
}

static void everyone_is_asked_to_end_before_anyone_is_removed(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 2);
    kit.view.pod = NULL;
    podkit_finish(&kit, podkit_see(&kit, "web", 0, INSTANCE_RUNNING), 0, 50);
    podkit_see(&kit, "log", 0, INSTANCE_RUNNING);
    step_is(&kit, POD_STOP);
    assert_string_equal(kit.next.action.container, "log");
    run_find(kit.run, "log", 0)->stop_sent_boot_ms = kit.now;
    step_is(&kit, POD_REMOVE);
    assert_string_equal(kit.next.action.container, "web");
    podkit_end(&kit);
}

static void what_never_started_is_ended_by_force_at_once(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.view.pod = NULL;
    struct instance *one = podkit_see(&kit, "web", 0, INSTANCE_CREATED);
    step_is(&kit, POD_STOP);
    assert_true(kit.next.action.force);
    one->stop_sent_boot_ms = one->kill_sent_boot_ms = kit.now;
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 10000);
    podkit_end(&kit);
}

static void no_grace_is_a_kill_right_after_the_stop(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.view.pod = NULL;
    struct instance *one = podkit_see(&kit, "web", 0, INSTANCE_RUNNING);
    one->grace_ms = 0;
    step_is(&kit, POD_STOP);
    assert_false(kit.next.action.force);
    one->stop_sent_boot_ms = kit.now;
    step_is(&kit, POD_STOP);
    assert_true(kit.next.action.force);
    podkit_end(&kit);
}

static void a_guest_that_does_not_hear_is_asked_again_and_told_when_its_grace_is_over(void **state)
{
    struct vm vm = { 0 };
    struct podkit kit;
    (void)state;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.pod.vm = &vm;
    kit.view.power = VM_POWER_OFF;
    kit.memory[0].begun = 0;
    struct instance *one = podkit_see(&kit, "web", 0, INSTANCE_RUNNING);
    one->grace_ms = 5000;
    step_is(&kit, POD_STOP);
    assert_false(kit.next.action.force);
    assert_false(end_is_overdue(kit.view.runs, kit.now + 60000)); /* nobody asked it */
    one->stop_sent_boot_ms = one->ending_boot_ms = kit.run->ending_boot_ms = kit.now;
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 5000);
    assert_false(end_is_overdue(kit.view.runs, kit.now + 4999));
    kit.now += 5000;
    assert_true(end_is_overdue(kit.view.runs, kit.now));
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 15000);
    kit.now += 15000;
    step_is(&kit, POD_STOP);
    assert_false(kit.next.action.force);
    one->state = INSTANCE_EXITED;
    assert_false(end_is_overdue(kit.view.runs, kit.now));
    podkit_end(&kit);
}

static void a_pod_that_is_wanted_no_more_is_released_and_gone(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    podkit_finish(&kit, podkit_see(&kit, "web", 0, INSTANCE_RUNNING), 0, 50);
    kit.view.pod = NULL;
    assert_false(pod_is_gone(&kit.view));
    step_is(&kit, POD_REMOVE); /* its end is nobody's memory any more */
    run_remove(kit.run, "web", 0);
    step_is(&kit, POD_RELEASE);
    podkit_end(&kit);
    kit.view.runs = NULL;
    step_is(&kit, POD_NOTHING);
    assert_true(pod_is_gone(&kit.view));
}

static void a_failed_ending_call_is_tried_again_later(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    struct run *old = stale_run(&kit);
    old->retry_boot_ms = kit.now + 5000;
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 5000);
    kit.now += 5000;
    step_is(&kit, POD_STOP);
    podkit_end(&kit);
}

static void a_failed_create_or_start_is_tried_again_later(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    kit.memory[0].retry_boot_ms = kit.now + 4000;
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 4000);
    podkit_see(&kit, "web", 0, INSTANCE_CREATED);
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 4000);
    kit.now += 4000;
    step_is(&kit, POD_START);
    podkit_end(&kit);
}

static void old_attempts_are_removed_off_the_path_of_a_start(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    podkit_finish(&kit, podkit_see(&kit, "web", 0, INSTANCE_RUNNING), 1, 50);
    step_remembers(&kit);
    step_is(&kit, POD_CREATE); /* before the ended one is cleared away */
    podkit_see(&kit, "web", 1, INSTANCE_CREATED);
    step_is(&kit, POD_START);
    podkit_see(&kit, "web", 1, INSTANCE_RUNNING);
    step_remembers(&kit);
    assert_int_equal(kit.memory[0].begun, 1);
    kit.run->retry_boot_ms = kit.now + 100;
    step_is(&kit, POD_NOTHING); /* a removal that failed */
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 100);
    kit.now += 100;
    step_is(&kit, POD_REMOVE);
    assert_int_equal(kit.next.action.attempt, 0);
    podkit_end(&kit);
}

static void a_start_waits_for_no_ending_that_failed(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 1);
    podkit_see(&kit, "web", 0, INSTANCE_CREATED);
    kit.run->retry_boot_ms = kit.now + 5000;
    step_is(&kit, POD_START);
    podkit_end(&kit);
}

static void the_earliest_reason_to_look_again_counts(void **state)
{
    (void)state;
    struct podkit kit;
    podkit_begin(&kit, RESTART_ALWAYS, 2);
    kit.memory[0].retry_boot_ms = kit.now + 9000;
    kit.memory[1].retry_boot_ms = kit.now + 2000;
    step_is(&kit, POD_NOTHING);
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 2000);
    podkit_end(&kit);
}

static void an_instance_never_goes_back(void **state)
{
    (void)state;
    struct instance known = { .state = INSTANCE_RUNNING, .supervised = true, .grace_ms = 5, .stop_sent_boot_ms = 9 };
    known.ending.started_ms = 700;
    const struct instance late = { .state = INSTANCE_CREATED };
    instance_merge(&known, &late);
    assert_int_equal(known.state, INSTANCE_RUNNING);
    assert_true(known.supervised);
    const struct instance end = { .state = INSTANCE_EXITED, .supervised = true, .ending = { .exit_code = 3 } };
    instance_merge(&known, &end);
    assert_int_equal(known.state, INSTANCE_EXITED);
    assert_int_equal(known.ending.exit_code, 3);
    assert_int_equal(known.ending.started_ms, 700);
    assert_int_equal(known.grace_ms, 5);
    assert_int_equal(known.stop_sent_boot_ms, 9);
    const struct instance other = { .state = INSTANCE_EXITED, .grace_ms = 6, .ending = { .exit_code = 137 } };
    instance_merge(&known, &other);
    assert_int_equal(known.ending.exit_code, 3); /* the first account of an end stays */
    assert_int_equal(known.grace_ms, 6);
}

static void runs_keep_attempts_apart(void **state)
{
    (void)state;
    struct run *run = run_new(POD_UID);
    run_add(run, "web", 0)->state = INSTANCE_EXITED;
    run_add(run, "web", 2);
    run_add(run, "log", 5);
    assert_ptr_equal(run_add(run, "web", 0), run_find(run, "web", 0));
    assert_int_equal(run->count, 3);
    assert_int_equal(run_newest(run, "web")->attempt, 2);
    assert_null(run_newest(run, "db"));
    assert_null(run_find(run, "web", 1));
    run_remove(run, "web", 1);
    run_remove(run, "web", 0);
    assert_int_equal(run->count, 2);
    assert_non_null(run_find(run, "web", 2));
    assert_non_null(run_find(run, "log", 5));
    run_free(run);
    run_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_pod_is_created_then_started),
        cmocka_unit_test(containers_begin_in_their_order_and_do_not_wait_for_each_other),
        cmocka_unit_test(without_an_image_nothing_is_created),
        cmocka_unit_test(restarts_climb_the_ladder_from_the_end),
        cmocka_unit_test(ten_good_minutes_bring_the_next_restart_at_once),
        cmocka_unit_test(what_must_not_run_twice_has_begun_on_the_disk_before_it_starts),
        cmocka_unit_test(a_finished_pod_stays_finished),
        cmocka_unit_test(an_older_end_that_is_still_there_does_not_hide_one_without_a_trace),
        cmocka_unit_test(what_began_and_is_gone_without_a_trace_ended_with_137),
        cmocka_unit_test(a_stale_incarnation_ends_first_with_grace_then_by_force),
        cmocka_unit_test(everyone_is_asked_to_end_before_anyone_is_removed),
        cmocka_unit_test(what_never_started_is_ended_by_force_at_once),
        cmocka_unit_test(no_grace_is_a_kill_right_after_the_stop),
        cmocka_unit_test(a_guest_that_does_not_hear_is_asked_again_and_told_when_its_grace_is_over),
        cmocka_unit_test(a_pod_that_is_wanted_no_more_is_released_and_gone),
        cmocka_unit_test(a_failed_ending_call_is_tried_again_later),
        cmocka_unit_test(a_failed_create_or_start_is_tried_again_later),
        cmocka_unit_test(old_attempts_are_removed_off_the_path_of_a_start),
        cmocka_unit_test(a_start_waits_for_no_ending_that_failed),
        cmocka_unit_test(the_earliest_reason_to_look_again_counts),
        cmocka_unit_test(an_instance_never_goes_back),
        cmocka_unit_test(runs_keep_attempts_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

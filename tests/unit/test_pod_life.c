/* The order of a pod's life: init containers, sidecars, hooks, probes, deadlines, and the way to its end. */
#include <string.h>

#include "base/json.h"
#include "model/probe.h"
#include "podkit.h"

/* A pod of an init container, a sidecar and a main container, with its hooks and probes as a test wants them. */
struct lifekit {
    struct container inits[2], mains[1];
    struct pod pod;
    struct container_memory memory[3];
    struct container_image images[3];
    struct run *run;
    struct pod_view view;
    struct pod_next next;
    uint64_t now, wall;
};

static void life_begin(struct lifekit *kit, enum restart_policy policy)
{
    static char init[] = "init", side[] = "side", web[] = "web", image[] = "demo:1";
    memset(kit, 0, sizeof(*kit));
    kit->inits[0] = (struct container){ .name = init, .image = image };
    kit->inits[1] = (struct container){ .name = side, .image = image, .sidecar = 1 };
    kit->mains[0] = (struct container){ .name = web, .image = image };
    kit->pod = (struct pod){ .init_containers = { kit->inits, 2 }, .containers = { kit->mains, 1 },
                             .restart_policy = policy, .grace_seconds = 30, .deadline_seconds = POD_UNSET };
    for (size_t i = 0; i < 3; i++) {
        kit->memory[i] = (struct container_memory){ .begun = -1, .ended = -1 };
        snprintf(kit->memory[i].name, sizeof(kit->memory[i].name), "%s", pod_container(&kit->pod, i)->name);
    }
    kit->now = 1000000;
    kit->wall = 1795410958000;
    kit->run = run_new(POD_UID);
    kit->run->shared = true;
    kit->view = (struct pod_view){ .pod = &kit->pod, .uid = POD_UID, .runs = kit->run, .memory = kit->memory,
                                   .images = kit->images };
}

static void life_end(struct lifekit *kit)
{
    run_free(kit->run);
}

static void step(struct lifekit *kit)
{
    pod_step(&kit->view, kit->now, kit->wall, &kit->next);
}

static void does(struct lifekit *kit, enum pod_action_kind kind, const char *container)
{
    step(kit);
    assert_int_equal(kit->next.action.kind, kind);
    assert_string_equal(kit->next.action.container, container);
}

static struct instance *runs(struct lifekit *kit, const char *container, int64_t attempt)
{
    struct instance *one = run_add(kit->run, container, attempt);
    one->state = INSTANCE_RUNNING;
    one->grace_ms = 30000;
    one->seen_boot_ms = kit->now;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(kit->memory[i].name, container) == 0) {
            one->role = pod_role(&kit->pod, i);
            one->order = (int64_t)i;
            kit->memory[i].begun = attempt;
        }
    return one;
}

static void ended(struct lifekit *kit, size_t index, int64_t exit_code)
{
    struct container_memory *memory = &kit->memory[index];
    run_remove(kit->run, memory->name, memory->begun);
    struct ending ending = { .exit_code = exit_code, .finished_ms = kit->wall, .finished_boot_ms = kit->now };
    restart_remember(memory, memory->begun, &ending);
}

static void containers_begin_in_their_order(void **state)
{
    struct lifekit kit;
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    does(&kit, POD_CREATE, "init");
    runs(&kit, "init", 0);
    does(&kit, POD_NOTHING, ""); /* the sidecar waits */
    ended(&kit, 0, 0);
    does(&kit, POD_CREATE, "side");
    runs(&kit, "side", 0);
    does(&kit, POD_CREATE, "web");
    runs(&kit, "web", 0);
    does(&kit, POD_NOTHING, "");
    life_end(&kit);
}

static void a_failed_init_container_is_tried_again_or_ends_the_pod(void **state)
{
    struct lifekit kit;
    (void)state;
    life_begin(&kit, RESTART_ON_FAILURE);
    runs(&kit, "init", 0);
    ended(&kit, 0, 1);
    does(&kit, POD_CREATE, "init");
    assert_int_equal(kit.next.action.attempt, 1);
    life_end(&kit);
    life_begin(&kit, RESTART_NEVER);
    runs(&kit, "init", 0);
    ended(&kit, 0, 1);
    does(&kit, POD_NOTHING, "");
    life_end(&kit);
}

static void a_reboot_runs_init_containers_again_unless_the_pod_is_done(void **state)
{
    struct lifekit kit;
    (void)state;
    life_begin(&kit, RESTART_ON_FAILURE);
    runs(&kit, "init", 0);
    ended(&kit, 0, 0);
    kit.memory[0].last.finished_boot_ms = 0; /* of an earlier boot */
    kit.memory[2].begun = 0;                 /* gone with it */
    does(&kit, POD_REMEMBER, "web");
    kit.memory[2] = kit.next.action.remember;
    does(&kit, POD_CREATE, "init");
    kit.memory[2].last.exit_code = 0; /* it had done its work */
    does(&kit, POD_NOTHING, "");
    life_end(&kit);
}

static void a_sidecar_has_started_when_its_startup_probe_says_so(void **state)
{
    struct lifekit kit;
    struct probe probe = { .period_s = 1, .failure_threshold = 1 };
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    kit.inits[1].startup = &probe;
    runs(&kit, "init", 0);
    ended(&kit, 0, 0);
    struct instance *side = runs(&kit, "side", 0);
    kit.now += 2000;
    does(&kit, POD_PROBE, "side");
    probe_begun(&side->probes[PROBE_STARTUP], &probe, kit.now);
    does(&kit, POD_NOTHING, "");
    assert_true(probe_answered(&side->probes[PROBE_STARTUP], &probe, true, kit.now, kit.wall));
    does(&kit, POD_CREATE, "web");
    life_end(&kit);
}

static void post_start_holds_back_the_next_container_and_the_probes(void **state)
{
    struct lifekit kit;
    struct handler hook = { 0 };
    struct lifecycle lifecycle = { .post_start = &hook };
    struct probe probe = { .period_s = 1 };
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    kit.mains[0].lifecycle = &lifecycle;
    kit.mains[0].readiness = &probe;
    runs(&kit, "init", 0);
    ended(&kit, 0, 0);
    runs(&kit, "side", 0);
    struct instance *web = runs(&kit, "web", 0);
    kit.now += 5000;
    does(&kit, POD_HOOK, "web");
    assert_false(kit.next.action.hook_is_pre_stop);
    web->post_start = HOOK_RUNS;
    does(&kit, POD_NOTHING, "");
    assert_false(container_is_started(&kit.mains[0], web));
    web->post_start = HOOK_DONE;
    does(&kit, POD_PROBE, "web");
    assert_false(container_is_ready(&kit.mains[0], web));
    web->post_start = HOOK_FAILED;
    does(&kit, POD_STOP, "web");
    life_end(&kit);
}

static void thresholds_turn_a_verdict_and_liveness_ends_the_container(void **state)
{
    struct lifekit kit;
    struct probe probe = { .period_s = 1, .failure_threshold = 3, .grace_s = 5 };
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    kit.mains[0].liveness = &probe;
    runs(&kit, "init", 0);
    ended(&kit, 0, 0);
    runs(&kit, "side", 0);
    struct instance *web = runs(&kit, "web", 0);
    struct probe_state *liveness = &web->probes[PROBE_LIVENESS];
    for (int i = 0; i < 2; i++)
        assert_false(probe_answered(liveness, &probe, false, kit.now, kit.wall));
    liveness->due_boot_ms = kit.now + 500;
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 500);
    assert_true(probe_answered(liveness, &probe, false, kit.now, kit.wall));
    does(&kit, POD_STOP, "web");
    web->ending_boot_ms = web->stop_sent_boot_ms = kit.now;
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 5000); /* the probe's own grace */
    kit.now += 5000;
    does(&kit, POD_STOP, "web");
    assert_true(kit.next.action.force);
    life_end(&kit);
}

static void a_pod_ends_mains_first_then_sidecars_in_one_grace(void **state)
{
    struct lifekit kit;
    AUTO_JSON struct json *hook = json_new_object();
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    struct instance *side = runs(&kit, "side", 0);
    struct instance *web = runs(&kit, "web", 0);
    side = run_find(kit.run, "side", 0); /* the list may have moved */
    web->pre_stop = json_copy(hook);
    kit.view.pod = NULL; /* it was deleted */
    does(&kit, POD_HOOK, "web");
    assert_true(kit.next.action.hook_is_pre_stop);
    assert_int_equal(kit.next.action.grace_ms, 30000);
    web->pre_stop_state = HOOK_RUNS;
    web->ending_boot_ms = kit.run->ending_boot_ms = kit.now;
    kit.now += 29500;
    does(&kit, POD_NOTHING, "");
    web->pre_stop_state = HOOK_DONE;
    does(&kit, POD_STOP, "web");
    web->stop_sent_boot_ms = kit.now;
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + STOP_FLOOR_MS); /* the hook took the rest */
    web->state = INSTANCE_EXITED;
    does(&kit, POD_STOP, "side");
    side->ending_boot_ms = side->stop_sent_boot_ms = kit.now;
    does(&kit, POD_REMOVE, "web");
    run_remove(kit.run, "web", 0);
    side = run_find(kit.run, "side", 0);
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + STOP_FLOOR_MS);
    side->state = INSTANCE_EXITED;
    does(&kit, POD_REMOVE, "side");
    run_remove(kit.run, "side", 0);
    kit.run->connected = true;
    does(&kit, POD_RELEASE, "");
    kit.run->shared = false;
    does(&kit, POD_DISCONNECT, "");
    life_end(&kit);
}

static void what_was_ending_already_when_the_pod_goes_is_ended_in_time(void **state)
{
    struct lifekit kit;
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    struct instance *web = runs(&kit, "web", 0);
    web->ending_boot_ms = web->stop_sent_boot_ms = kit.now; /* a probe failed */
    kit.view.pod = NULL;
    kit.now += 10000;
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 20000);
    kit.now += 20000;
    does(&kit, POD_STOP, "web");
    assert_true(kit.next.action.force);
    life_end(&kit);
}

static void sidecars_never_keep_a_pod_from_completing(void **state)
{
    struct lifekit kit;
    (void)state;
    life_begin(&kit, RESTART_NEVER);
    runs(&kit, "init", 0);
    ended(&kit, 0, 0);
    runs(&kit, "side", 0);
    runs(&kit, "web", 0);
    ended(&kit, 2, 0);
    does(&kit, POD_STOP, "side");
    ended(&kit, 1, 143);
    does(&kit, POD_NOTHING, "");
    struct container_shown shown[3];
    for (size_t i = 0; i < 3; i++)
        container_show(&kit.view, i, kit.now, &shown[i]);
    assert_int_equal(pod_phase(&kit.pod, shown, NULL), PHASE_SUCCEEDED);
    assert_int_equal(shown[1].state, SHOWN_TERMINATED);
    life_end(&kit);
}

static void a_deadline_ends_the_pod_for_good(void **state)
{
    struct lifekit kit;
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    kit.pod.deadline_seconds = 10;
    runs(&kit, "init", 0);
    ended(&kit, 0, 0);
    runs(&kit, "side", 0);
    runs(&kit, "web", 0);
    kit.view.age_ms = 4000;
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 6000);
    kit.view.age_ms = 10000;
    does(&kit, POD_OVER, "");
    assert_string_equal(kit.next.action.end.reason, "DeadlineExceeded");
    struct pod_end end = kit.next.action.end;
    kit.view.end = &end;
    does(&kit, POD_STOP, "web");
    ended(&kit, 2, 137);
    does(&kit, POD_STOP, "side");
    ended(&kit, 1, 137);
    does(&kit, POD_EMPTY, "");
    kit.run->emptied = true;
    does(&kit, POD_NOTHING, "");
    life_end(&kit);
}

static void the_network_comes_before_the_first_container(void **state)
{
    struct lifekit kit;
    struct pod_network network = { .state = NETWORK_WANTED };
    (void)state;
    life_begin(&kit, RESTART_ALWAYS);
    kit.view.network = &network;
    does(&kit, POD_CONNECT, "");
    network = (struct pod_network){ .state = NETWORK_FAILED, .retry_boot_ms = kit.now + 5000 };
    does(&kit, POD_NOTHING, "");
    assert_int_equal(kit.next.wake_boot_ms, kit.now + 5000);
    network.state = NETWORK_READY;
    does(&kit, POD_CREATE, "init");
    life_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_begin_in_their_order),
        cmocka_unit_test(a_failed_init_container_is_tried_again_or_ends_the_pod),
        cmocka_unit_test(a_reboot_runs_init_containers_again_unless_the_pod_is_done),
        cmocka_unit_test(a_sidecar_has_started_when_its_startup_probe_says_so),
        cmocka_unit_test(post_start_holds_back_the_next_container_and_the_probes),
        cmocka_unit_test(thresholds_turn_a_verdict_and_liveness_ends_the_container),
        cmocka_unit_test(a_pod_ends_mains_first_then_sidecars_in_one_grace),
        cmocka_unit_test(what_was_ending_already_when_the_pod_goes_is_ended_in_time),
        cmocka_unit_test(sidecars_never_keep_a_pod_from_completing),
        cmocka_unit_test(a_deadline_ends_the_pod_for_good),
        cmocka_unit_test(the_network_comes_before_the_first_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

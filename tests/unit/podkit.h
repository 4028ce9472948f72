/* A pod, what is remembered of it and what is seen, put together in a line or two: for the tests of src/model. */
#ifndef TESTS_PODKIT_H
#define TESTS_PODKIT_H

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/pod_phase.h"
#include "model/restart.h"
#include "unit.h"

#define POD_UID "11111111-1111-4111-8111-111111111111"
#define OLD_UID "00000000-0000-4000-8000-000000000000"

/* A pod of one or two containers, "web" and "log". */
struct podkit {
    struct container containers[2];
    struct pod pod;
    struct container_memory memory[2];
    struct container_image images[2]; /* ready */
    struct run *run; /* of POD_UID; NULL until something is seen */
    struct pod_view view;
    struct pod_next next;
    uint64_t now;  /* boot */
    uint64_t wall;
};

static inline void podkit_begin(struct podkit *kit, enum restart_policy policy, size_t containers)
{
    static char web[] = "web", log[] = "log", image[] = "demo:1";
    memset(kit, 0, sizeof(*kit));
    kit->containers[0] = (struct container){ .name = web, .image = image };
    kit->containers[1] = (struct container){ .name = log, .image = image };
    kit->pod = (struct pod){ .containers = { kit->containers, containers }, .restart_policy = policy,
                             .grace_seconds = 30 };
    for (size_t i = 0; i < 2; i++) {
        kit->memory[i] = (struct container_memory){ .begun = -1, .ended = -1 };
        snprintf(kit->memory[i].name, sizeof(kit->memory[i].name), "%s", kit->containers[i].name);
    }
    kit->now = 1000000;
    kit->wall = 1795410958000;
    kit->view = (struct pod_view){ .pod = &kit->pod, .uid = POD_UID, .memory = kit->memory,
                                   .images = kit->images };
}

static inline void podkit_end(struct podkit *kit)
{
    for (struct run *run = (struct run *)kit->view.runs, *next; run != NULL; run = next) {
        next = run->next;
        run_free(run);
    }
}

/* Something of incarnation `uid` is seen. */
static inline struct run *podkit_run(struct podkit *kit, const char *uid)
{
    struct run *run = run_new(uid);
    run->next = (struct run *)kit->view.runs;
    run->shared = true;
    kit->view.runs = run;
    return run;
}

/* An attempt of `container` in the wanted incarnation is seen in `state`. */
static inline struct instance *podkit_see(struct podkit *kit, const char *container, int64_t attempt,
                                          enum instance_state state)
{
    if (kit->run == NULL)
        kit->run = podkit_run(kit, POD_UID);
    struct instance *one = run_add(kit->run, container, attempt);
    one->state = state;
    one->grace_ms = 30000;
    if (state != INSTANCE_CREATED)
        one->ending.started_ms = kit->wall;
    return one;
}

/* It ends now, after `ran_ms`. */
static inline void podkit_finish(struct podkit *kit, struct instance *one, int64_t exit_code, uint64_t ran_ms)
{
    one->state = INSTANCE_EXITED;
    one->ending.exit_code = exit_code;
    one->ending.started_ms = kit->wall - ran_ms;
    one->ending.finished_ms = kit->wall;
    one->ending.finished_boot_ms = kit->now;
}

static inline enum pod_action_kind podkit_step(struct podkit *kit)
{
    pod_step(&kit->view, kit->now, kit->wall, &kit->next);
    return kit->next.action.kind;
}

#define step_is(kit, wanted) assert_int_equal(podkit_step(kit), wanted)

/* The step is a REMEMBER, and the disk took it. */
#define step_remembers(kit)                                                                         \
    do {                                                                                            \
        step_is(kit, POD_REMEMBER);                                                                 \
        (kit)->memory[(kit)->next.action.container_index] = (kit)->next.action.remember;            \
    } while (0)

#endif

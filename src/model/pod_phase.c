#include "model/pod_phase.h"

#include <string.h>

#include "model/restart.h"

static void show_waiting(struct container_shown *shown, const char *reason, const char *message)
{
    shown->state = SHOWN_WAITING;
    shown->reason = reason;
    shown->message = message;
}

static void show_absent(const struct pod_view *view, size_t index, bool others, uint64_t now,
                        struct container_shown *shown)
{
    const struct container_memory *memory = &view->memory[index];
    if (others)
        show_waiting(shown, "ContainerCreating", "waiting for the previous incarnation of this pod to end");
    else if (memory->reason[0] != '\0')
        show_waiting(shown, memory->reason, memory->message);
    else if (now < restart_due_boot_ms(memory))
        show_waiting(shown, "CrashLoopBackOff", "it ended too soon, too often; it is started again after a delay");
    else if (view->images[index].verdict.state != IMAGE_READY)
        show_waiting(shown, view->images[index].reason, view->images[index].message);
    else
        show_waiting(shown, "ContainerCreating", NULL);
}

void container_show(const struct pod_view *view, size_t index, uint64_t now_boot_ms, struct container_shown *shown)
{
    const struct container_memory *memory = &view->memory[index];
    const struct run *wanted = NULL;
    bool others = false;
    for (const struct run *run = view->runs; run != NULL; run = run->next) {
        if (strcmp(run->uid, view->uid) == 0)
            wanted = run;
        else
            others = true;
    }
    const struct instance *newest = run_newest(wanted, pod_container(view->pod, index)->name);
    memset(shown, 0, sizeof(*shown));
    shown->supervised = newest == NULL || newest->supervised;
    shown->last = memory->ended >= 0 ? &memory->last : NULL;
    shown->restarts = newest != NULL ? newest->attempt : memory->begun > 0 ? memory->begun : 0;
    if (newest != NULL && newest->state == INSTANCE_RUNNING) {
        shown->state = SHOWN_RUNNING;
        shown->started_ms = newest->ending.started_ms;
    } else if (newest != NULL && newest->state == INSTANCE_EXITED && newest->attempt > memory->ended) {
        shown->state = SHOWN_TERMINATED;
        shown->ending = &newest->ending;
    } else if (memory->ended >= 0 &&
               !restart_wanted((enum restart_policy)view->pod->restart_policy, &memory->last)) {
        shown->state = SHOWN_TERMINATED;
        shown->ending = &memory->last;
        shown->last = NULL;
    } else {
        show_absent(view, index, others, now_boot_ms, shown);
    }
}

struct tally {
    size_t running;
    size_t succeeded;
    size_t failed;
    size_t never_started;
    size_t between; /* ended before, and waits for its next start */
};

static struct tally tally_of(const struct pod *pod, const struct container_shown *shown)
{
    struct tally tally = { 0 };
    for (size_t i = 0; i < pod->containers.count; i++) {
        if (shown[i].state == SHOWN_RUNNING)
            tally.running++;
        else if (shown[i].state == SHOWN_TERMINATED && shown[i].ending->exit_code == 0)
            tally.succeeded++;
        else if (shown[i].state == SHOWN_TERMINATED)
            tally.failed++;
        else if (shown[i].last == NULL)
            tally.never_started++;
        else
            tally.between++;
    }
    return tally;
}

enum pod_phase pod_phase(const struct pod *pod, const struct container_shown *shown)
{
    struct tally tally = tally_of(pod, shown);
    if (tally.never_started > 0)
        return PHASE_PENDING;
    if (tally.running > 0 || tally.between > 0 || pod->restart_policy == RESTART_ALWAYS)
        return PHASE_RUNNING;
    if (tally.failed == 0)
        return PHASE_SUCCEEDED;
    return pod->restart_policy == RESTART_NEVER ? PHASE_FAILED : PHASE_RUNNING;
}

const char *pod_phase_name(enum pod_phase phase)
{
    static const char *const names[] = { "Pending", "Running", "Succeeded", "Failed" };
    return names[phase];
}

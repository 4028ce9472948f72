#include "model/pod_phase.h"

#include <string.h>

#include "model/probe.h"
#include "model/restart.h"

static void show_waiting(struct container_shown *shown, const char *reason, const char *message)
{
    shown->state = SHOWN_WAITING;
    shown->reason = reason;
    shown->message = message;
}

/* Init containers are not done, and it is not its turn. */
static bool waits_for_init(const struct pod_view *view, const struct run *wanted, size_t index)
{
    struct pod_progress progress;
    pod_progress(view, wanted, &progress);
    return !progress.initialized && index > progress.next_init;
}

static void show_absent(const struct pod_view *view, const struct run *wanted, size_t index, bool others, uint64_t now,
                        struct container_shown *shown)
{
    const struct container_memory *memory = &view->memory[index];
    bool has_inits = pod_init_count(view->pod) > 0;
    if (view->power != VM_POWER_ON)
        show_waiting(shown, "Stopped", "it is not to run");
    else if (view->wait != NULL)
        show_waiting(shown, view->wait->reason, view->wait->message);
    else if (others)
        show_waiting(shown, "ContainerCreating", "waiting for the previous incarnation of this pod to end");
    else if (waits_for_init(view, wanted, index))
        show_waiting(shown, "PodInitializing", NULL);
    else if (memory->reason[0] != '\0')
        show_waiting(shown, memory->reason, memory->message);
    else if (now < restart_failed_until_ms(memory))
        show_waiting(shown, "RunContainerError", memory->last.message);
    else if (now < restart_due_boot_ms(memory, view->pod->vm != NULL)) {
        show_waiting(shown, "CrashLoopBackOff", NULL);
        shown->backoff_ms = restart_due_boot_ms(memory, view->pod->vm != NULL) - memory->last.finished_boot_ms;
    }
    else if (view->images[index].verdict.state != IMAGE_READY)
        show_waiting(shown, view->images[index].reason, view->images[index].message);
    else if (view->waits_for != NULL && view->waits_for[0] != '\0')
        show_waiting(shown, "WaitingForDependency", view->waits_for);
    else if (view->network != NULL && view->network->state == NETWORK_FAILED)
        show_waiting(shown, "ContainerCreating", view->network->message);
    else
        show_waiting(shown, "ContainerCreating", NULL);
    /* Kubernetes: what a container of a pod with init containers is in before it is made. */
    if (has_inits && strcmp(shown->reason, "ContainerCreating") == 0)
        shown->reason = "PodInitializing";
}

static bool is_terminated(const struct pod_view *view, const struct run *wanted, size_t index)
{
    const struct container_memory *memory = &view->memory[index];
    struct pod_progress progress;
    pod_progress(view, wanted, &progress);
    bool over = progress.finished || (view->end != NULL && view->end->reason[0] != '\0');
    return memory->ended >= 0 && (over || !container_restarts(view->pod, index, &memory->last));
}

static void show_running(const struct pod_view *view, size_t index, const struct instance *one,
                         struct container_shown *shown)
{
    const struct container *container = pod_container(view->pod, index);
    shown->state = SHOWN_RUNNING;
    shown->started_ms = one->ending.started_ms;
    for (size_t kind = 0; kind < PROBE_KINDS; kind++)
        if (kind != PROBE_LIVENESS && one->probes[kind].turned_ms > shown->turned_ms)
            shown->turned_ms = one->probes[kind].turned_ms;
    shown->started = container_is_started(container, one);
    shown->ready = container_is_ready(container, one);
    /* Kubernetes: a container does not run before its postStart is over. */
    if (one->post_start == HOOK_RUNS)
        show_waiting(shown, pod_init_count(view->pod) > 0 ? "PodInitializing" : "ContainerCreating", NULL);
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
    shown->attempt = shown->last_attempt = -1;
    shown->supervised = newest == NULL || newest->supervised;
    shown->last = memory->ended >= 0 ? &memory->last : NULL;
    shown->last_attempt = memory->ended;
    shown->restarts = newest != NULL ? newest->attempt : memory->begun > 0 ? memory->begun : 0;
    if (newest != NULL && newest->state == INSTANCE_RUNNING) {
        show_running(view, index, newest, shown);
        shown->attempt = newest->attempt;
    } else if (newest != NULL && newest->state == INSTANCE_EXITED && newest->attempt > memory->ended) {
        shown->state = SHOWN_TERMINATED;
        shown->attempt = newest->attempt;
        shown->ending = &newest->ending;
    } else if (is_terminated(view, wanted, index)) {
        shown->state = SHOWN_TERMINATED;
        shown->ending = &memory->last;
        shown->attempt = memory->ended;
        shown->last = NULL;
        shown->last_attempt = -1;
    } else {
        show_absent(view, wanted, index, others, now_boot_ms, shown);
    }
    /* Kubernetes: an init container that did its work is ready. */
    if (pod_role(view->pod, index) == ROLE_INIT)
        shown->ready = shown->state == SHOWN_TERMINATED && shown->ending->exit_code == 0;
}

struct tally {
    size_t running;
    size_t succeeded;
    size_t failed;
    size_t never_started;
    size_t between; /* ended before, and waits for its next start */
    size_t restarting; /* ended, and is to start again */
};

static struct tally tally_of(const struct pod *pod, const struct container_shown *shown)
{
    struct tally tally = { 0 };
    for (size_t i = pod_init_count(pod); i < pod_count(pod); i++) {
        if (shown[i].state == SHOWN_TERMINATED && container_restarts(pod, i, shown[i].ending))
            tally.restarting++;
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

/* An init container that is not done, or a sidecar that has not started: PHASE_PENDING. One that failed for good: FAILED. */
static enum pod_phase init_phase(const struct pod *pod, const struct container_shown *shown)
{
    enum pod_phase phase = PHASE_RUNNING;
    for (size_t i = 0; i < pod_init_count(pod); i++) {
        bool terminated = shown[i].state == SHOWN_TERMINATED;
        if (pod_role(pod, i) == ROLE_SIDECAR) {
            if (shown[i].state == SHOWN_WAITING && shown[i].last == NULL)
                phase = PHASE_PENDING;
            continue;
        }
        if (terminated && shown[i].ending->exit_code != 0 && !container_restarts(pod, i, shown[i].ending))
            return PHASE_FAILED;
        if (!terminated || shown[i].ending->exit_code != 0)
            phase = PHASE_PENDING;
    }
    return phase;
}

enum pod_phase pod_phase(const struct pod *pod, const struct container_shown *shown, const struct pod_end *end)
{
    if (end != NULL && end->reason[0] != '\0')
        return PHASE_FAILED;
    enum pod_phase init = init_phase(pod, shown);
    struct tally tally = tally_of(pod, shown);
    if (init == PHASE_FAILED)
        return PHASE_FAILED;
    bool none_yet = tally.running + tally.between + tally.succeeded + tally.failed == 0;
    if (tally.never_started > 0 || (init == PHASE_PENDING && none_yet))
        return PHASE_PENDING;
    if (tally.running > 0 || tally.between > 0 || tally.restarting > 0)
        return PHASE_RUNNING;
    return tally.failed == 0 ? PHASE_SUCCEEDED : PHASE_FAILED;
}

const char *pod_phase_name(enum pod_phase phase)
{
    static const char *const names[] = { "Pending", "Running", "Succeeded", "Failed" };
    return names[phase];
}

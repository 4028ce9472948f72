#include "model/pod_step.h"

#include <string.h>

#include "base/json.h"
#include "model/pod_end.h"
#include "model/probe.h"
#include "model/restart.h"

static void remember(const struct pod_view *view, size_t index, struct pod_next *next)
{
    step_act(next, POD_REMEMBER, view->uid, pod_container(view->pod, index)->name, 0);
    next->action.container_index = index;
    next->action.remember = view->memory[index];
}

/* An end that is seen but not remembered yet (`newest` has ended, or there is none), or that can only be concluded:
 * begun, and gone without a trace.
 */
static bool remember_end(const struct pod_view *view, size_t index, const struct instance *newest, uint64_t now_wall,
                         struct pod_next *next)
{
    const struct container_memory *memory = &view->memory[index];
    if (newest != NULL && newest->attempt > memory->ended) {
        remember(view, index, next);
        restart_remember(&next->action.remember, newest->attempt, &newest->ending);
        return true;
    }
    if (memory->begun <= memory->ended)
        return false;
    /* No boot time: what a reboot took starts again at once. */
    struct ending lost = { .exit_code = 137, .reason = "ContainerStatusUnknown", .finished_ms = now_wall };
    remember(view, index, next);
    restart_remember(&next->action.remember, memory->begun, &lost);
    return true;
}

/* Kubernetes: Container restart rules. Nothing is known of how it ended: no rule is about that. */
static bool rule_restarts(const struct container *container, const struct ending *ending)
{
    const struct restart_rule *rules = container->restart_rules.items;
    for (size_t i = 0; i < container->restart_rules.count; i++) {
        const struct exit_codes *codes = rules[i].codes;
        bool among = false;
        JSON_EACH(value, codes->values) {
            int64_t code = -1;
            among = among || (json_integer(value, &code) && code == ending->exit_code);
        }
        if (among != (codes->not_in == 1))
            return true;
    }
    return false;
}

bool container_restarts(const struct pod *pod, size_t index, const struct ending *ending)
{
    enum restart_policy policy = pod_policy(pod, index);
    if (rule_restarts(pod_container(pod, index), ending) && (pod_role(pod, index) != ROLE_INIT || ending->exit_code != 0))
        return true;
    switch (pod_role(pod, index)) {
    case ROLE_SIDECAR:
        return true;
    case ROLE_INIT:
        return ending->exit_code != 0 && policy != RESTART_NEVER;
    case ROLE_MAIN:
        break;
    }
    return restart_wanted(policy, ending);
}

/* Something of it ran, or runs, since the machine started. */
static bool has_begun(const struct pod_view *view, const struct run *run, size_t index)
{
    const struct container_memory *memory = &view->memory[index];
    return run_newest(run, pod_container(view->pod, index)->name) != NULL ||
           (memory->ended >= 0 && memory->last.finished_boot_ms != 0);
}

static bool has_main_begun(const struct pod_view *view, const struct run *run)
{
    for (size_t i = pod_init_count(view->pod); i < pod_count(view->pod); i++)
        if (has_begun(view, run, i))
            return true;
    return false;
}

/* Kubernetes: a pod that is started anew (after a reboot) runs its init containers again. */
bool init_is_done(const struct pod_view *view, const struct run *run, size_t index)
{
    const struct container_memory *memory = &view->memory[index];
    const struct container *container = pod_container(view->pod, index);
    const struct instance *newest = run_newest(run, container->name);
    if (pod_role(view->pod, index) == ROLE_SIDECAR)
        return newest != NULL && container_is_started(container, newest);
    return memory->ended >= 0 && memory->last.exit_code == 0 && memory->last.finished_boot_ms != 0 &&
           (newest == NULL || newest->state == INSTANCE_EXITED);
}

static bool is_over(const struct pod_view *view, size_t index)
{
    const struct container_memory *memory = &view->memory[index];
    return memory->ended >= 0 && memory->begun <= memory->ended &&
           !container_restarts(view->pod, index, &memory->last);
}

void pod_progress(const struct pod_view *view, const struct run *run, struct pod_progress *progress)
{
    size_t inits = pod_init_count(view->pod);
    *progress = (struct pod_progress){ .next_init = inits, .finished = true };
    bool begun = has_main_begun(view, run);
    for (size_t i = 0; i < inits && !begun; i++) {
        bool failed = pod_role(view->pod, i) == ROLE_INIT && is_over(view, i) && view->memory[i].last.exit_code != 0;
        progress->init_failed = progress->init_failed || failed;
        if (progress->next_init == inits && !init_is_done(view, run, i))
            progress->next_init = i;
    }
    progress->initialized = progress->next_init == inits;
    for (size_t i = inits; i < pod_count(view->pod); i++)
        progress->finished = progress->finished && is_over(view, i);
    progress->finished = progress->finished || progress->init_failed;
}

static bool connect_first(const struct pod_view *view, uint64_t now, struct pod_next *next)
{
    if (view->network->state == NETWORK_FAILED && now < view->network->retry_boot_ms) {
        step_wake(next, view->network->retry_boot_ms);
        return false;
    }
    step_act(next, POD_CONNECT, view->uid, "", 0);
    return true;
}

/* Its back-off, or that of a call that failed. */
static bool is_due(const struct pod_view *view, const struct container_memory *memory, uint64_t now, struct pod_next *next)
{
    uint64_t due = restart_due_boot_ms(memory, view->pod->vm != NULL);
    uint64_t failed_until = restart_failed_until_ms(memory);
    if (due < memory->retry_boot_ms)
        due = memory->retry_boot_ms;
    if (now < due)
        step_wake(next, now < failed_until && failed_until < due ? failed_until : due);
    return now >= due;
}

static bool create_next(const struct pod_view *view, size_t index, const struct instance *newest, uint64_t now,
                        struct pod_next *next)
{
    const struct container_memory *memory = &view->memory[index];
    bool again = pod_role(view->pod, index) == ROLE_INIT && memory->last.exit_code == 0; /* the last boot's does not count */
    if (memory->ended >= 0 && !again && !container_restarts(view->pod, index, &memory->last))
        return false;
    if (!is_due(view, memory, now, next) || view->wait != NULL)
        return false;
    const struct image_verdict *image = &view->images[index].verdict;
    if (image->wake_ms != 0)
        step_wake(next, image->wake_ms);
    if (image->state != IMAGE_READY) {
        next->wants_image[index] = true;
        return false;
    }
    if (view->waits_for != NULL && view->waits_for[0] != '\0')
        return false;
    if (view->network != NULL && view->network->state != NETWORK_READY)
        return connect_first(view, now, next);
    int64_t attempt = memory->ended + 1;
    if (newest != NULL && newest->attempt >= attempt)
        attempt = newest->attempt + 1;
    step_act(next, POD_CREATE, view->uid, pod_container(view->pod, index)->name, attempt);
    next->action.container_index = index;
    return true;
}

static bool start_created(const struct pod_view *view, size_t index, const struct instance *created, uint64_t now,
                          struct pod_next *next)
{
    const struct container_memory *memory = &view->memory[index];
    if (now < memory->retry_boot_ms) {
        step_wake(next, memory->retry_boot_ms);
        return false;
    }
    /* What must not run twice has begun on the disk before it begins. */
    bool once = pod_policy(view->pod, index) != RESTART_ALWAYS;
    if (once && memory->begun < created->attempt) {
        remember(view, index, next);
        next->action.remember.begun = created->attempt;
        return true;
    }
    step_act(next, POD_START, view->uid, created->container, created->attempt);
    next->action.container_index = index;
    return true;
}

static uint64_t seed_of(const struct pod_view *view, const char *name, enum probe_kind kind)
{
    uint64_t seed = 14695981039346656037u; /* FNV-1a: any spread will do */
    for (const char *c = view->uid; *c != '\0'; c++)
        seed = (seed ^ (unsigned char)*c) * 1099511628211u;
    for (const char *c = name; *c != '\0'; c++)
        seed = (seed ^ (unsigned char)*c) * 1099511628211u;
    return (seed ^ kind) * 1099511628211u >> 16;
}

/* Hooks and probes of what runs. */
static bool tend(const struct pod_view *view, const struct run *run, size_t index, const struct instance *one,
                 uint64_t now, struct pod_next *next)
{
    const struct container *container = pod_container(view->pod, index);
    bool must = container_must_end(container, one) != NULL;
    next->gentle = next->gentle && !must;
    if (one->ending_boot_ms != 0 || must)
        return now < run->retry_boot_ms
                   ? (step_wake(next, run->retry_boot_ms), false)
                   : end_instance(run, one, container_end_grace_ms(container, one), now, next);
    bool has_hook = container->lifecycle != NULL && container->lifecycle->post_start != NULL;
    if (has_hook && one->post_start == HOOK_NONE && !one->adopted) {
        step_act(next, POD_HOOK, run->uid, one->container, one->attempt);
        next->action.container_index = index;
        return true;
    }
    if (one->post_start == HOOK_RUNS)
        return false;
    for (enum probe_kind kind = 0; kind < PROBE_KINDS; kind++) {
        uint64_t due = probe_due_ms(container, one, kind, seed_of(view, container->name, kind));
        if (due == UINT64_MAX)
            continue;
        if (now < due) {
            step_wake(next, due);
            continue;
        }
        step_act(next, POD_PROBE, run->uid, one->container, one->attempt);
        next->action.container_index = index;
        next->action.probe = kind;
        return true;
    }
    return false;
}

/* `may_begin`: its turn has come. */
static bool step_container(const struct pod_view *view, const struct run *run, size_t index, bool may_begin, uint64_t now,
                           struct pod_next *next)
{
    const struct instance *newest = run_newest(run, pod_container(view->pod, index)->name);
    if (newest != NULL && newest->state == INSTANCE_RUNNING)
        return tend(view, run, index, newest, now, next);
    if (newest != NULL && newest->state == INSTANCE_CREATED)
        return may_begin && start_created(view, index, newest, now, next);
    return may_begin && create_next(view, index, newest, now, next);
}

/* Its postStart is over: the one behind it may begin. Kubernetes starts containers one after the other. */
static bool lets_on(const struct pod_view *view, const struct run *run, size_t index)
{
    const struct container *container = pod_container(view->pod, index);
    const struct instance *newest = run_newest(run, container->name);
    if (container->lifecycle == NULL || container->lifecycle->post_start == NULL || newest == NULL)
        return true;
    return newest->state == INSTANCE_EXITED || newest->post_start == HOOK_DONE || newest->post_start == HOOK_FAILED ||
           newest->adopted;
}

static bool step_containers(const struct pod_view *view, const struct run *run, const struct pod_progress *progress,
                            uint64_t now, struct pod_next *next)
{
    size_t inits = pod_init_count(view->pod);
    bool turn = view->power == VM_POWER_ON;
    for (size_t i = 0; i < pod_count(view->pod); i++) {
        bool may_begin = turn && progress->initialized;
        if (pod_role(view->pod, i) == ROLE_INIT)
            may_begin = !progress->initialized && i == progress->next_init;
        else if (i < inits)
            may_begin = i <= progress->next_init;
        if (step_container(view, run, i, may_begin, now, next))
            return true;
        turn = turn && (i < inits || lets_on(view, run, i));
    }
    return false;
}

/* Before anything is decided, what has ended is remembered. */
static bool remember_ends(const struct pod_view *view, const struct run *run, uint64_t now_wall, struct pod_next *next)
{
    for (size_t i = 0; i < pod_count(view->pod); i++) {
        const struct instance *newest = run_newest(run, pod_container(view->pod, i)->name);
        bool ended = newest == NULL || newest->state == INSTANCE_EXITED;
        if (ended && remember_end(view, i, newest, now_wall, next))
            return true;
    }
    return false;
}

static bool is_condemned(const struct pod_view *view, struct pod_next *next)
{
    if (view->verdict == NULL || view->verdict->reason[0] == '\0')
        return false;
    step_act(next, POD_OVER, view->uid, "", 0);
    next->action.end = *view->verdict;
    return true;
}

/* Nothing of a pod that was ended as a whole runs again: what it had in its volumes goes, as in Kubernetes. */
static bool empty(const struct pod_view *view, const struct run *run, struct pod_next *next)
{
    if (view->end == NULL || view->end->reason[0] == '\0' || run == NULL || run->count > 0 || !run->shared || run->emptied)
        return false;
    step_act(next, POD_EMPTY, run->uid, "", 0);
    return true;
}

/* The pod is over: sidecars, and whatever else still runs, are brought to their end. */
static bool step_over(const struct run *run, uint64_t now, struct pod_next *next)
{
    if (run != NULL && now < run->retry_boot_ms) {
        step_wake(next, run->retry_boot_ms);
        return false;
    }
    return run != NULL && end_running(run, now, next);
}

static bool is_past_deadline(const struct pod_view *view, uint64_t now, struct pod_next *next)
{
    if (view->pod->deadline_seconds <= 0)
        return false;
    uint64_t deadline_ms = (uint64_t)view->pod->deadline_seconds * 1000;
    if (view->age_ms < deadline_ms) {
        step_wake(next, now + (deadline_ms - view->age_ms));
        return false;
    }
    step_act(next, POD_OVER, view->uid, "", 0);
    next->action.end = (struct pod_end){ .reason = "DeadlineExceeded",
                                         .message = "Pod was active on the node longer than the specified deadline" };
    return true;
}

/* Off the path of a start: attempts that began are remembered, ended ones removed. */
static bool tidy(const struct pod_view *view, const struct run *run, struct pod_next *next)
{
    for (size_t i = 0; i < pod_count(view->pod); i++) {
        const char *name = pod_container(view->pod, i)->name;
        const struct instance *newest = run_newest(run, name);
        if (newest != NULL && newest->state == INSTANCE_RUNNING && view->memory[i].begun < newest->attempt) {
            remember(view, i, next);
            next->action.remember.begun = newest->attempt;
            return true;
        }
    }
    for (size_t i = 0; run != NULL && i < run->count; i++)
        if (run->instances[i].state == INSTANCE_EXITED) {
            step_act(next, POD_REMOVE, run->uid, run->instances[i].container, run->instances[i].attempt);
            return true;
        }
    return false;
}

static void step_wanted(const struct pod_view *view, const struct run *run, uint64_t now, uint64_t now_wall,
                        struct pod_next *next)
{
    if (remember_ends(view, run, now_wall, next))
        return;
    struct pod_progress progress;
    pod_progress(view, run, &progress);
    bool over = progress.finished || view->power == VM_POWER_OFF || (view->end != NULL && view->end->reason[0] != '\0');
    if (!over && (is_condemned(view, next) || is_past_deadline(view, now, next)))
        return;
    if (over ? step_over(run, now, next) : step_containers(view, run, &progress, now, next))
        return;
    if (run != NULL && now < run->retry_boot_ms)
        step_wake(next, run->retry_boot_ms);
    else if (!tidy(view, run, next))
        empty(view, run, next);
}

void pod_step(const struct pod_view *view, uint64_t now_boot_ms, uint64_t now_wall_ms, struct pod_next *next)
{
    memset(next, 0, sizeof(*next));
    next->at_once = view->power == VM_POWER_OFF && view->power_force;
    next->gentle = view->pod != NULL && view->pod->vm != NULL && !next->at_once;
    const struct run *wanted = NULL;
    bool others = false;
    for (const struct run *run = view->runs; run != NULL; run = run->next) {
        if (view->pod != NULL && strcmp(run->uid, view->uid) == 0) {
            wanted = run;
            continue;
        }
        others = true;
        if (end_run(run, now_boot_ms, next))
            return;
    }
    /* Two incarnations never run at once: the next one waits until the last is gone. */
    if (view->pod != NULL && !others)
        step_wanted(view, wanted, now_boot_ms, now_wall_ms, next);
}

bool pod_is_over(const struct pod_view *view)
{
    struct pod_progress progress;
    if (view->pod == NULL)
        return false;
    for (const struct run *run = view->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++)
            if (run->instances[i].state != INSTANCE_EXITED)
                return false;
    const struct run *run = view->runs;
    while (run != NULL && strcmp(run->uid, view->uid) != 0)
        run = run->next;
    pod_progress(view, run, &progress);
    return progress.finished || (view->end != NULL && view->end->reason[0] != '\0');
}

bool pod_is_gone(const struct pod_view *view)
{
    return view->runs == NULL;
}

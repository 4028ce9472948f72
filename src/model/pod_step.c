#include "model/pod_step.h"

#include <stdio.h>
#include <string.h>

#include "model/restart.h"

#define STOP_REPEAT_MS 10000u /* a kill that did not help is sent again so often */

static void act(struct pod_next *next, enum pod_action_kind kind, const char *uid, const char *container, int64_t attempt)
{
    next->action.kind = kind;
    snprintf(next->action.uid, sizeof(next->action.uid), "%s", uid);
    snprintf(next->action.container, sizeof(next->action.container), "%s", container);
    next->action.attempt = attempt;
}

static void wake(struct pod_next *next, uint64_t boot_ms)
{
    if (next->wake_boot_ms == 0 || boot_ms < next->wake_boot_ms)
        next->wake_boot_ms = boot_ms;
}

/* Brings one instance to its end. True when there is something to do now. */
static bool end_instance(const struct run *run, const struct instance *one, uint64_t now, struct pod_next *next)
{
    if (one->state == INSTANCE_EXITED) {
        act(next, POD_REMOVE, run->uid, one->container, one->attempt);
        return true;
    }
    bool never_started = one->state == INSTANCE_CREATED;
    if (!never_started && one->stop_sent_boot_ms == 0) {
        act(next, POD_STOP, run->uid, one->container, one->attempt);
        return true;
    }
    uint64_t due = never_started ? 0 : one->stop_sent_boot_ms + one->grace_ms;
    if (one->kill_sent_boot_ms != 0)
        due = one->kill_sent_boot_ms + STOP_REPEAT_MS;
    if (now < due) {
        wake(next, due);
        return false;
    }
    act(next, POD_STOP, run->uid, one->container, one->attempt);
    next->action.force = true;
    return true;
}

/* Ends a whole incarnation: everyone is asked first, then removed, then what they shared is released. */
static bool end_run(const struct run *run, uint64_t now, struct pod_next *next)
{
    if (now < run->retry_boot_ms) {
        wake(next, run->retry_boot_ms);
        return false;
    }
    for (size_t i = 0; i < run->count; i++)
        if (run->instances[i].state != INSTANCE_EXITED && end_instance(run, &run->instances[i], now, next))
            return true;
    for (size_t i = 0; i < run->count; i++)
        if (run->instances[i].state == INSTANCE_EXITED && end_instance(run, &run->instances[i], now, next))
            return true;
    if (run->count == 0 && run->shared) {
        act(next, POD_RELEASE, run->uid, "", 0);
        return true;
    }
    return false;
}

static void remember(const struct pod_view *view, size_t index, struct pod_next *next)
{
    act(next, POD_REMEMBER, view->uid, pod_container(view->pod, index)->name, 0);
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

static bool create_next(const struct pod_view *view, size_t index, const struct instance *newest, uint64_t now,
                        struct pod_next *next)
{
    const struct container_memory *memory = &view->memory[index];
    if (memory->ended >= 0 && !restart_wanted((enum restart_policy)view->pod->restart_policy, &memory->last))
        return false;
    uint64_t due = restart_due_boot_ms(memory);
    if (due < memory->retry_boot_ms)
        due = memory->retry_boot_ms;
    if (now < due) {
        wake(next, due);
        return false;
    }
    const struct image_verdict *image = &view->images[index].verdict;
    if (image->wake_ms != 0)
        wake(next, image->wake_ms);
    if (image->state != IMAGE_READY) {
        next->wants_image[index] = true;
        return false;
    }
    int64_t attempt = memory->ended + 1;
    if (newest != NULL && newest->attempt >= attempt)
        attempt = newest->attempt + 1;
    act(next, POD_CREATE, view->uid, pod_container(view->pod, index)->name, attempt);
    next->action.container_index = index;
    return true;
}

static bool start_created(const struct pod_view *view, size_t index, const struct instance *created, uint64_t now,
                          struct pod_next *next)
{
    const struct container_memory *memory = &view->memory[index];
    if (now < memory->retry_boot_ms) {
        wake(next, memory->retry_boot_ms);
        return false;
    }
    /* What must not run twice has begun on the disk before it begins. */
    if (view->pod->restart_policy != RESTART_ALWAYS && memory->begun < created->attempt) {
        remember(view, index, next);
        next->action.remember.begun = created->attempt;
        return true;
    }
    act(next, POD_START, view->uid, created->container, created->attempt);
    next->action.container_index = index;
    return true;
}

static bool step_container(const struct pod_view *view, const struct run *run, size_t index, uint64_t now,
                           uint64_t now_wall, struct pod_next *next)
{
    const struct instance *newest = run_newest(run, pod_container(view->pod, index)->name);
    if (newest != NULL && newest->state == INSTANCE_RUNNING)
        return false;
    if (newest != NULL && newest->state == INSTANCE_CREATED)
        return start_created(view, index, newest, now, next);
    if (remember_end(view, index, newest, now_wall, next))
        return true;
    return create_next(view, index, newest, now, next);
}

/* Off the path of a start: attempts that began are remembered, ended ones removed. */
static bool tidy(const struct pod_view *view, const struct run *run, struct pod_next *next)
{
    for (size_t i = 0; i < view->pod->containers.count; i++) {
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
            act(next, POD_REMOVE, run->uid, run->instances[i].container, run->instances[i].attempt);
            return true;
        }
    return false;
}

void pod_step(const struct pod_view *view, uint64_t now_boot_ms, uint64_t now_wall_ms, struct pod_next *next)
{
    memset(next, 0, sizeof(*next));
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
    if (view->pod == NULL || others)
        return;
    for (size_t i = 0; i < view->pod->containers.count; i++)
        if (step_container(view, wanted, i, now_boot_ms, now_wall_ms, next))
            return;
    if (wanted == NULL || now_boot_ms >= wanted->retry_boot_ms)
        tidy(view, wanted, next);
    else
        wake(next, wanted->retry_boot_ms);
}

bool pod_is_gone(const struct pod_view *view)
{
    return view->runs == NULL;
}

#include "model/pod_end.h"

#include <stdio.h>

#include "model/probe.h"

#define ASK_AGAIN_MS 20000u
#define STOP_REPEAT_MS 10000u /* a kill that did not help is sent again so often */

void step_act(struct pod_next *next, enum pod_action_kind kind, const char *uid, const char *container, int64_t attempt)
{
    next->action.kind = kind;
    snprintf(next->action.uid, sizeof(next->action.uid), "%s", uid);
    snprintf(next->action.container, sizeof(next->action.container), "%s", container);
    next->action.attempt = attempt;
}

void step_wake(struct pod_next *next, uint64_t boot_ms)
{
    if (next->wake_boot_ms == 0 || boot_ms < next->wake_boot_ms)
        next->wake_boot_ms = boot_ms;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void stop(const struct run *run, const struct instance *one, bool force, struct pod_next *next)
{
    step_act(next, POD_STOP, run->uid, one->container, one->attempt);
    next->action.force = force;
}

/* It was asked, and runs on: when more is done. */
static uint64_t insist_ms(const struct instance *one, uint64_t until, const struct pod_next *next)
{
    if (next->gentle) /* a guest that is still starting does not hear it */
        return one->stop_sent_boot_ms + ASK_AGAIN_MS;
    if (one->kill_sent_boot_ms != 0)
        return one->kill_sent_boot_ms + STOP_REPEAT_MS;
    if (next->at_once)
        return 0;
    /* What waited for its turn, or for its hook, has a moment for the signal all the same. */
    bool waited = one->pre_stop_state != HOOK_NONE || one->role == ROLE_SIDECAR;
    return waited ? later(until, one->stop_sent_boot_ms + STOP_FLOOR_MS) : until;
}

/* `until`: when the grace of its end is over. */
static bool end_by(const struct run *run, const struct instance *one, uint64_t until, uint64_t now, struct pod_next *next)
{
    bool never_started = one->state == INSTANCE_CREATED;
    if (never_started && one->kill_sent_boot_ms == 0) {
        stop(run, one, true, next);
        return true;
    }
    if (!never_started && one->ending_boot_ms == 0 && one->pre_stop != NULL && until > now) {
        step_act(next, POD_HOOK, run->uid, one->container, one->attempt);
        next->action.hook_is_pre_stop = true;
        next->action.grace_ms = until - now;
        return true;
    }
    if (one->pre_stop_state == HOOK_RUNS && now < until) {
        step_wake(next, until);
        return false;
    }
    if (!never_started && one->stop_sent_boot_ms == 0) {
        stop(run, one, false, next);
        return true;
    }
    uint64_t due = insist_ms(one, until, next);
    if (now < due) {
        if (next->gentle && now < until) /* that it does not hear is told then */
            step_wake(next, until);
        step_wake(next, due);
        return false;
    }
    stop(run, one, !next->gentle, next);
    return true;
}

bool end_instance(const struct run *run, const struct instance *one, uint64_t grace_ms, uint64_t now, struct pod_next *next)
{
    uint64_t begun = one->ending_boot_ms != 0 ? one->ending_boot_ms : now;
    return one->state != INSTANCE_EXITED && end_by(run, one, begun + grace_ms, now, next);
}

/* The sidecar whose turn it is: the last that has not ended. */
static const struct instance *last_sidecar(const struct run *run)
{
    const struct instance *last = NULL;
    for (size_t i = 0; i < run->count; i++) {
        const struct instance *one = &run->instances[i];
        if (one->role == ROLE_SIDECAR && one->state != INSTANCE_EXITED && (last == NULL || one->order > last->order))
            last = one;
    }
    return last;
}

/* When the end of all of it began. Where everything was on its way to its end already, nothing marked it: the last did. */
static uint64_t begun_ms(const struct run *run, uint64_t now)
{
    uint64_t last = 0;
    if (run->ending_boot_ms != 0)
        return run->ending_boot_ms;
    for (size_t i = 0; i < run->count; i++) {
        const struct instance *one = &run->instances[i];
        if (one->state != INSTANCE_EXITED && one->ending_boot_ms == 0)
            return now;
        if (one->state != INSTANCE_EXITED)
            last = later(last, one->ending_boot_ms);
    }
    return last != 0 ? last : now;
}

/* One that was being ended by itself before goes on with that. */
static uint64_t until_ms(const struct instance *one, uint64_t begun)
{
    bool sooner = one->ending_boot_ms != 0 && one->ending_boot_ms < begun;
    return (sooner ? one->ending_boot_ms : begun) + one->grace_ms;
}

bool end_running(const struct run *run, uint64_t now, struct pod_next *next)
{
    uint64_t begun = begun_ms(run, now);
    bool mains_left = false;
    for (size_t i = 0; i < run->count; i++) {
        const struct instance *one = &run->instances[i];
        if (one->role == ROLE_SIDECAR || one->state == INSTANCE_EXITED)
            continue;
        mains_left = true;
        if (end_by(run, one, until_ms(one, begun), now, next))
            return true;
    }
    const struct instance *sidecar = last_sidecar(run);
    if (mains_left || sidecar == NULL)
        return false;
    if (end_by(run, sidecar, begun + sidecar->grace_ms, now, next))
        return true;
    /* The grace is over: nobody waits for the one behind it any more. */
    for (size_t i = 0; i < run->count && now >= begun + sidecar->grace_ms; i++) {
        const struct instance *one = &run->instances[i];
        if (one->state != INSTANCE_EXITED && end_by(run, one, begun + one->grace_ms, now, next))
            return true;
    }
    return false;
}

bool end_run(const struct run *run, uint64_t now, struct pod_next *next)
{
    if (now < run->retry_boot_ms) {
        step_wake(next, run->retry_boot_ms);
        return false;
    }
    if (end_running(run, now, next))
        return true;
    for (size_t i = 0; i < run->count; i++)
        if (run->instances[i].state == INSTANCE_EXITED) {
            step_act(next, POD_REMOVE, run->uid, run->instances[i].container, run->instances[i].attempt);
            return true;
        }
    if (run->count == 0 && run->shared) {
        step_act(next, POD_RELEASE, run->uid, "", 0);
        return true;
    }
    if (run->count == 0 && run->connected) {
        step_act(next, POD_DISCONNECT, run->uid, "", 0);
        return true;
    }
    return false;
}

bool end_is_overdue(const struct run *runs, uint64_t now)
{
    for (const struct run *run = runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++) {
            const struct instance *one = &run->instances[i];
            if (one->state == INSTANCE_RUNNING && one->stop_sent_boot_ms != 0 &&
                now >= one->ending_boot_ms + one->grace_ms)
                return true;
        }
    return false;
}

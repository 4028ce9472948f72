#include "model/job_step.h"

#include <string.h>

uint64_t job_backoff_ms(int64_t failures_in_a_row)
{
    uint64_t delay_ms = failures_in_a_row > 0 ? JOB_BACKOFF_FIRST_MS : 0;
    while (failures_in_a_row-- > 1 && delay_ms < JOB_BACKOFF_MAX_MS)
        delay_ms *= 2;
    return delay_ms < JOB_BACKOFF_MAX_MS ? delay_ms : JOB_BACKOFF_MAX_MS;
}

static bool has_succeeded(const struct job_view *view, int64_t index)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->pods[i].index == index && view->pods[i].state == JOB_POD_SUCCEEDED)
            return true;
    return false;
}

static bool is_counted_before(const struct job_view *view, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (view->pods[i].state == JOB_POD_SUCCEEDED && view->pods[i].index == view->pods[place].index)
            return true;
    return false;
}

int64_t job_free_index(const struct job_view *view, int64_t from)
{
    for (int64_t index = from; index < view->rule->completions; index++) {
        bool taken = has_succeeded(view, index);
        for (size_t i = 0; i < view->count && !taken; i++) {
            enum job_pod_state state = view->pods[i].state;
            taken = view->pods[i].index == index && (state == JOB_POD_ACTIVE || state == JOB_POD_LEAVING);
        }
        if (!taken)
            return index;
    }
    return JOB_UNSET;
}

static void count(const struct job_view *view, struct job_next *next)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct job_pod *pod = &view->pods[i];
        bool again = view->rule->indexed && pod->state == JOB_POD_SUCCEEDED && is_counted_before(view, i);
        next->active += pod->state == JOB_POD_ACTIVE;
        next->ready += pod->state == JOB_POD_ACTIVE && pod->ready;
        next->succeeded += pod->state == JOB_POD_SUCCEEDED && !again;
        next->failed += pod->state == JOB_POD_FAILED;
        next->leaving += pod->state == JOB_POD_LEAVING;
    }
}

/* Kubernetes: with OnFailure it is the restarts of what still runs that count, with Never the pods that failed. */
static bool is_past_limit(const struct job_view *view, const struct job_next *next)
{
    int64_t restarts = 0, limit = view->rule->backoff_limit;
    if (next->failed > limit)
        return true;
    for (size_t i = 0; view->rule->on_failure && i < view->count; i++)
        restarts += view->pods[i].state == JOB_POD_ACTIVE ? view->pods[i].restarts : 0;
    return limit == 0 ? restarts > 0 : restarts >= limit;
}

static bool is_complete(const struct job_view *view, const struct job_next *next)
{
    if (view->rule->completions == JOB_UNSET)
        return next->succeeded > 0 && next->active == 0 && next->leaving == 0;
    return next->succeeded >= view->rule->completions;
}

/* When the next pod may begin: the back-off counts from the last failure, and a success ends it. */
static uint64_t due_ms(const struct job_view *view)
{
    uint64_t succeeded_ms = 0, last_boot_ms = 0;
    int64_t in_a_row = 0;
    for (size_t i = 0; i < view->count; i++)
        if (view->pods[i].state == JOB_POD_SUCCEEDED && view->pods[i].finished_ms > succeeded_ms)
            succeeded_ms = view->pods[i].finished_ms;
    for (size_t i = 0; i < view->count; i++) {
        const struct job_pod *pod = &view->pods[i];
        if (pod->state != JOB_POD_FAILED || pod->finished_ms < succeeded_ms)
            continue;
        in_a_row++;
        if (pod->finished_boot_ms > last_boot_ms)
            last_boot_ms = pod->finished_boot_ms;
    }
    return last_boot_ms != 0 ? last_boot_ms + job_backoff_ms(in_a_row) : 0;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void go_on(const struct job_view *view, uint64_t now, struct job_next *next)
{
    const struct job_rule *rule = view->rule;
    int64_t wanted = rule->parallelism;
    if (rule->completions == JOB_UNSET && next->succeeded > 0)
        wanted = smaller(wanted, next->active);
    else if (rule->completions != JOB_UNSET)
        wanted = smaller(wanted, rule->completions - next->succeeded);
    if (rule->suspended)
        wanted = 0;
    if (next->active > wanted)
        next->end = (size_t)(next->active - wanted);
    int64_t room = wanted - next->active - next->leaving;
    if (room <= 0)
        return;
    uint64_t due = due_ms(view);
    if (now < due)
        next->wake_boot_ms = due;
    else
        next->begin = (size_t)room;
}

static void end_with(struct job_next *next, enum job_verdict verdict, const char *reason, const char *message)
{
    next->verdict = verdict;
    next->reason = reason;
    next->message = message;
}

void job_step(const struct job_view *view, uint64_t now_boot_ms, struct job_next *next)
{
    memset(next, 0, sizeof(*next));
    count(view, next);
    const struct job_rule *rule = view->rule;
    uint64_t deadline_ms = rule->deadline_s > 0 && !rule->suspended ? (uint64_t)rule->deadline_s * 1000 : 0;
    if (is_past_limit(view, next)) {
        end_with(next, JOB_FAILED, "BackoffLimitExceeded", "Job has reached the specified backoff limit");
    } else if (is_complete(view, next)) {
        end_with(next, JOB_COMPLETE, "CompletionsReached", "Reached expected number of succeeded pods");
    } else if (deadline_ms != 0 && view->age_ms >= deadline_ms) {
        end_with(next, JOB_FAILED, "DeadlineExceeded", "Job was active longer than specified deadline");
    } else {
        go_on(view, now_boot_ms, next);
        uint64_t due = deadline_ms != 0 ? now_boot_ms + (deadline_ms - view->age_ms) : 0;
        if (due != 0 && (next->wake_boot_ms == 0 || due < next->wake_boot_ms))
            next->wake_boot_ms = due;
    }
}

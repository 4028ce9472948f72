/* What a Job does next: how many of its pods begin and end, and whether it is over. Pure.
 * Kubernetes: Jobs; the numbers are those of its Job controller.
 */
#ifndef MODEL_JOB_STEP_H
#define MODEL_JOB_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_BACKOFF_FIRST_MS 10000u
#define JOB_BACKOFF_MAX_MS 360000u
#define JOB_UNSET (-1)

enum job_pod_state { JOB_POD_ACTIVE, JOB_POD_SUCCEEDED, JOB_POD_FAILED, JOB_POD_LEAVING };

struct job_pod {
    int64_t index; /* of an Indexed Job; else JOB_UNSET */
    enum job_pod_state state;
    bool ready;
    int64_t restarts;
    uint64_t finished_ms;      /* wall: the order of ends */
    uint64_t finished_boot_ms; /* 0: in an earlier boot */
};

struct job_rule {
    int64_t completions; /* JOB_UNSET: one success is enough, and nothing new begins behind it */
    int64_t parallelism;
    int64_t backoff_limit;
    int64_t deadline_s;  /* JOB_UNSET: none */
    bool indexed;
    bool suspended;
    bool on_failure;     /* restartPolicy OnFailure: restarts count too */
};

struct job_view {
    const struct job_rule *rule;
    const struct job_pod *pods;
    size_t count;
    uint64_t age_ms; /* since it was started, or resumed */
};

enum job_verdict { JOB_GOES_ON, JOB_COMPLETE, JOB_FAILED };

struct job_next {
    enum job_verdict verdict;
    const char *reason, *message; /* of an end */
    int64_t active, ready, succeeded, failed, leaving;
    size_t begin;          /* so many more pods may run now */
    size_t end;            /* so many of the active ones are to go, the newest first */
    uint64_t wake_boot_ms; /* look again then; 0: no need */
};

void job_step(const struct job_view *view, uint64_t now_boot_ms, struct job_next *next);
/* The lowest index, from `from` on, that neither succeeded nor runs; JOB_UNSET: none is left. */
int64_t job_free_index(const struct job_view *view, int64_t from);
/* Kubernetes: 10 s, doubling with each failure in a row, at most six minutes. */
uint64_t job_backoff_ms(int64_t failures_in_a_row);

#endif

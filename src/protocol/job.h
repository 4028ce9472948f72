/* Job: what a document says, its pods, and what is told of it. Pure.
 *
 * Kept of a document: {"completions","parallelism","backoffLimit","deadlineSeconds","ttlSeconds","indexed","suspend",
 * "onFailure","template","identity"}; what is not said and has no default is not there.
 */
#ifndef PROTOCOL_JOB_H
#define PROTOCOL_JOB_H

#include "model/job_step.h"
#include "protocol/owner.h"

#define JOB_INDEX "batch.kubernetes.io/job-completion-index"
#define JOB_UID "batch.kubernetes.io/controller-uid"

struct json *job_read(const char *resource, const struct json *document, struct ignored_fields *ignored, struct error *err);
/* The same of the `jobTemplate` of a CronJob. */
MUST_CHECK struct json *job_spec_read(const struct json *spec, struct ignored_fields *ignored, struct error *err);
void job_rule(const struct json *job, struct job_rule *rule);
/* A digest of what a run of it is: another one is another run. */
const char *job_identity(const struct json *job);
int64_t job_ttl_s(const struct json *job); /* JOB_UNSET: it stays */

/* NAME-0, NAME-1 …; of an Indexed one NAME-INDEX, and NAME-INDEX-1 … where an index is tried again. */
void job_child_id(const struct object_id *id, int64_t number, int64_t again, struct object_id *child);
/* Whether it is a name that a pod of this Job may have; *number is the first in it: the index of an Indexed one. */
bool job_is_child(const struct object_id *id, const char *child, int64_t *number);
/* `uid`: of this run; `index` JOB_UNSET: it has none. The caller frees. */
struct json *job_child(const struct object_id *id, const struct json *job, const char *uid, const struct object_id *child,
                       int64_t index);

struct job_report {
    struct owner_told told;
    const struct job_rule *rule;
    const struct job_next *next;
    const struct job_view *view;
    const char *end;    /* "Complete", "Failed": it is over; NULL: it is not */
    const char *reason, *message; /* of the end */
    uint64_t started_ms, ended_ms;
    const char *problem, *problem_message; /* a pod that cannot be; NULL: none */
};

struct json *job_state_write(const struct job_report *report);
struct json *job_status_write(const struct job_report *report);

#endif

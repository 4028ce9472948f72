/* CronJob: what a document says, its Jobs, and what is told of it. Pure.
 *
 * Kept of a document: {"schedule","timeZone","concurrency","suspend","deadlineSeconds","keepSucceeded","keepFailed",
 * "jobTemplate"}.
 */
#ifndef PROTOCOL_CRON_JOB_H
#define PROTOCOL_CRON_JOB_H

#include "protocol/owner.h"

enum cron_concurrency { CRON_ALLOW, CRON_FORBID, CRON_REPLACE };

struct json *cron_job_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                           struct error *err);
enum cron_concurrency cron_job_concurrency(const struct json *cron);
/* Kubernetes: NAME- and the minutes since 1970. `time` in seconds. */
void cron_job_child_id(const struct object_id *id, int64_t time, struct object_id *child);
bool cron_job_time(const struct object_id *id, const char *child, int64_t *time);
struct json *cron_job_child(const struct object_id *id, const struct json *cron, int64_t time);

struct cron_report {
    struct owner_told told;
    const struct json *cron;
    const struct json *active; /* array of the names of Jobs that run */
    uint64_t last_ms, last_success_ms, next_ms; /* 0: none */
    const char *problem, *message; /* why nothing is begun; NULL: no reason */
};

struct json *cron_job_state_write(const struct cron_report *report);
struct json *cron_job_status_write(const struct cron_report *report);

#endif

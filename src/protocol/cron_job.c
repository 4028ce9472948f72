#include "protocol/cron_job.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/schedule.h"
#include "protocol/container_status.h"
#include "protocol/job.h"
#include "protocol/kind_fields.h"

#define SECONDS_MAX 2147483647

static bool check_schedule(const struct json *spec, struct error *err)
{
    struct schedule schedule;
    const char *text = json_get_text(spec, "schedule"), *zone = json_get_text(spec, "timeZone");
    if (text == NULL)
        return error_set(err, ERROR_INVALID, "spec.schedule is required");
    if (!schedule_parse(text, &schedule, err))
        return error_wrap(err, "spec.schedule");
    struct zone *utc = zone_utc();
    bool comes = schedule_next(&schedule, utc, (int64_t)(LIMIT_CLOCK_SET_MS / 1000)) != SCHEDULE_NEVER;
    zone_free(utc);
    if (!comes)
        return error_set(err, ERROR_INVALID, "spec.schedule: there is no such day");
    return (json_get(spec, "timeZone") == NULL || (zone != NULL && zone_name_is_safe(zone))) ||
           error_set(err, ERROR_INVALID, "spec.timeZone must be the name of a time zone, as Europe/Berlin");
}

struct cron_words {
    size_t concurrency;
    int64_t deadline, succeeded, failed;
    bool suspend;
};

static bool read_words(const struct json *spec, struct cron_words *words, struct error *err)
{
    return owner_read_word(spec, "spec.", "concurrencyPolicy", concurrency_words, &words->concurrency, err) &&
           owner_read_integer(spec, "spec.", "startingDeadlineSeconds", SECONDS_MAX, &words->deadline, err) &&
           owner_read_integer(spec, "spec.", "successfulJobsHistoryLimit", LIMIT_REPLICAS, &words->succeeded, err) &&
           owner_read_integer(spec, "spec.", "failedJobsHistoryLimit", LIMIT_REPLICAS, &words->failed, err) &&
           owner_read_flag(spec, "spec.", "suspend", &words->suspend, err);
}

/* The template is read as a Job, and thrown away: it is kept as JSON, for its children. */
static bool check_template(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    const struct json *job = json_get(json_get(spec, "jobTemplate"), "spec");
    struct ignored_fields own = { 0 };
    if (job == NULL)
        return error_set(err, ERROR_INVALID, "spec.jobTemplate.spec is required");
    struct json *read = job_spec_read(job, &own, err);
    for (size_t i = 0; i < own.paths.count; i++) {
        AUTO_FREE char *path = mem_printf("spec.jobTemplate.%s", own.paths.items[i]);
        ignored_add(ignored, path);
    }
    ignored_free(&own);
    if (read == NULL)
        return error_wrap(err, "spec.jobTemplate");
    json_free(read);
    return true;
}

struct json *cron_job_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                           struct error *err)
{
    const struct json *spec = json_get(document, "spec");
    const char *name = json_get_text(json_get(document, "metadata"), "name"), *zone = json_get_text(spec, "timeZone");
    struct cron_words words = { .deadline = -1, .succeeded = 3, .failed = 1 };
    (void)resource;
    if (name != NULL && strlen(name) > 52) {
        error_set(err, ERROR_INVALID, "metadata.name must have at most 52 characters: its Jobs' names are longer");
        return NULL;
    }
    if (!check_schedule(spec, err) || !read_words(spec, &words, err) || !check_template(spec, ignored, err) ||
        !kind_read_others(&cron_job_spec_table, spec, "spec.", ignored, err))
        return NULL;
    struct json *cron = json_new_texts("schedule", json_get_text(spec, "schedule"), NULL);
    json_set_text(cron, "timeZone", zone);
    json_set_integer(cron, "concurrency", (int64_t)words.concurrency);
    json_set_boolean(cron, "suspend", words.suspend);
    json_set_integer(cron, "deadlineSeconds", words.deadline);
    json_set_integer(cron, "keepSucceeded", words.succeeded);
    json_set_integer(cron, "keepFailed", words.failed);
    json_set(cron, "jobTemplate", json_copy(json_get(spec, "jobTemplate")));
    return cron;
}

enum cron_concurrency cron_job_concurrency(const struct json *cron)
{
    return (enum cron_concurrency)json_get_integer(cron, "concurrency", CRON_ALLOW);
}

void cron_job_child_id(const struct object_id *id, int64_t time, struct object_id *child)
{
    owner_child_id(id, "jobs", child, "%.60s-%" PRId64, id->name, time / 60);
}

bool cron_job_time(const struct object_id *id, const char *child, int64_t *time)
{
    size_t len = strlen(id->name);
    char *end = NULL;
    if (strncmp(child, id->name, len) != 0 || child[len] != '-' || child[len + 1] < '0' || child[len + 1] > '9')
        return false;
    *time = strtoll(child + len + 1, &end, 10) * 60;
    return *end == '\0';
}

struct json *cron_job_child(const struct object_id *id, const struct json *cron, int64_t time)
{
    const struct json *template = json_get(cron, "jobTemplate");
    char text[CLOCK_RFC3339_BYTES];
    struct object_id child;
    cron_job_child_id(id, time, &child);
    struct json *job = owner_child_new(id, &child, template, true);
    owner_child_set(job, "annotations", "batch.kubernetes.io/cronjob-scheduled-timestamp",
                    clock_rfc3339((uint64_t)time * 1000, text));
    json_set(job, "spec", json_copy(json_get(template, "spec")));
    return job;
}

/* ---- what is told */

struct json *cron_job_state_write(const struct cron_report *report)
{
    bool suspended = json_get_boolean(report->cron, "suspend", false);
    struct json *flat = owner_state_begin(&report->told, suspended ? "Suspended" : "Scheduled", 2, report->problem == NULL);
    json_set_text(flat, "schedule", json_get_text(report->cron, "schedule"));
    json_set_text(flat, "timeZone", json_get_text(report->cron, "timeZone"));
    json_set_integer(flat, "suspend", suspended);
    json_set_integer(flat, "active", (int64_t)json_size(report->active));
    if (report->last_ms != 0)
        json_set_integer(flat, "lastScheduleAt", (int64_t)report->last_ms);
    if (report->next_ms != 0)
        json_set_integer(flat, "nextScheduleAt", (int64_t)report->next_ms);
    owner_state_end(flat, report->problem, report->message);
    return flat;
}

struct json *cron_job_status_write(const struct cron_report *report)
{
    struct json *object = owner_status_begin(&report->told);
    struct json *status = json_get_mutable(object, "status");
    struct json *active = json_set_array(status, "active");
    JSON_EACH(name, report->active)
        json_add(active, json_new_texts("apiVersion", "batch/v1", "kind", "Job", "name", json_text(name), "namespace",
                                        report->told.id->namespace, NULL));
    status_set_time(status, "lastScheduleTime", report->last_ms);
    status_set_time(status, "lastSuccessfulTime", report->last_success_ms);
    status_set_time(status, "nextScheduleTime", report->next_ms);
    struct json *conditions = json_set_array(status, "conditions");
    if (report->problem != NULL)
        owner_add_condition(conditions, "Scheduling", false, report->problem, report->message);
    owner_status_end(&report->told, object);
    return object;
}

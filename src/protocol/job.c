#include "protocol/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "protocol/container_status.h"
#include "protocol/kind_fields.h"
#include "protocol/names.h"

#define SECONDS_MAX 2147483647

struct job_numbers {
    int64_t completions, parallelism, backoff, deadline, ttl;
    size_t mode;
    bool suspend;
};

static bool read_numbers(const struct json *spec, struct job_numbers *numbers, struct error *err)
{
    if (!owner_read_integer(spec, "spec.", "completions", LIMIT_COMPLETIONS, &numbers->completions, err) ||
        !owner_read_integer(spec, "spec.", "parallelism", LIMIT_PARALLELISM, &numbers->parallelism, err) ||
        !owner_read_integer(spec, "spec.", "backoffLimit", SECONDS_MAX, &numbers->backoff, err) ||
        !owner_read_integer(spec, "spec.", "activeDeadlineSeconds", SECONDS_MAX, &numbers->deadline, err) ||
        !owner_read_integer(spec, "spec.", "ttlSecondsAfterFinished", SECONDS_MAX, &numbers->ttl, err) ||
        !owner_read_word(spec, "spec.", "completionMode", completion_words, &numbers->mode, err) ||
        !owner_read_flag(spec, "spec.", "suspend", &numbers->suspend, err))
        return false;
    if (numbers->deadline == 0)
        return error_set(err, ERROR_INVALID, "spec.activeDeadlineSeconds must be at least 1");
    return numbers->mode == 0 || numbers->completions != JOB_UNSET ||
           error_set(err, ERROR_INVALID, "spec.completions is required where completionMode is Indexed");
}

static void set_identity(struct json *job)
{
    AUTO_JSON struct json *run = json_new_object();
    char digest[DIGEST_HEX_BYTES];
    json_set(run, "template", json_copy(json_get(job, "template")));
    json_set_integer(run, "completions", json_get_integer(job, "completions", JOB_UNSET));
    json_set_boolean(run, "indexed", json_get_boolean(job, "indexed", false));
    AUTO_FREE char *text = json_print_canonical(run);
    digest_of(text, strlen(text), digest);
    json_set_text(job, "identity", digest);
}

struct json *job_spec_read(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    struct job_numbers numbers = { .completions = JOB_UNSET, .parallelism = JOB_UNSET, .backoff = 6, .deadline = JOB_UNSET,
                                   .ttl = JOB_UNSET };
    if (!owner_read_template(spec, false, ignored, err) || !read_numbers(spec, &numbers, err) ||
        !kind_read_others(&job_spec_table, spec, "spec.", ignored, err))
        return NULL;
    /* Kubernetes: without both numbers one pod does it; with parallelism alone it is a work queue. */
    if (numbers.completions == JOB_UNSET && numbers.parallelism == JOB_UNSET)
        numbers.completions = 1;
    if (numbers.parallelism == JOB_UNSET)
        numbers.parallelism = 1;
    const char *policy = json_get_text(json_get(json_get(spec, "template"), "spec"), "restartPolicy");
    struct json *job = json_new_object();
    if (numbers.completions != JOB_UNSET)
        json_set_integer(job, "completions", numbers.completions);
    json_set_integer(job, "parallelism", numbers.parallelism);
    json_set_integer(job, "backoffLimit", numbers.backoff);
    if (numbers.deadline != JOB_UNSET)
        json_set_integer(job, "deadlineSeconds", numbers.deadline);
    if (numbers.ttl != JOB_UNSET)
        json_set_integer(job, "ttlSeconds", numbers.ttl);
    json_set_boolean(job, "indexed", numbers.mode == 1);
    json_set_boolean(job, "suspend", numbers.suspend);
    json_set_boolean(job, "onFailure", policy != NULL && strcmp(policy, "OnFailure") == 0);
    json_set(job, "template", json_copy(json_get(spec, "template")));
    set_identity(job);
    return job;
}

struct json *job_read(const char *resource, const struct json *document, struct ignored_fields *ignored, struct error *err)
{
    (void)resource;
    return job_spec_read(json_get(document, "spec"), ignored, err);
}

void job_rule(const struct json *job, struct job_rule *rule)
{
    *rule = (struct job_rule){
        .completions = json_get_integer(job, "completions", JOB_UNSET),
        .parallelism = json_get_integer(job, "parallelism", 1),
        .backoff_limit = json_get_integer(job, "backoffLimit", 6),
        .deadline_s = json_get_integer(job, "deadlineSeconds", JOB_UNSET),
        .indexed = json_get_boolean(job, "indexed", false),
        .suspended = json_get_boolean(job, "suspend", false),
        .on_failure = json_get_boolean(job, "onFailure", false),
    };
}

const char *job_identity(const struct json *job)
{
    return json_get_text(job, "identity");
}

int64_t job_ttl_s(const struct json *job)
{
    return json_get_integer(job, "ttlSeconds", JOB_UNSET);
}

void job_child_id(const struct object_id *id, int64_t number, int64_t again, struct object_id *child)
{
    if (again == 0)
        owner_child_id(id, "pods", child, "%.230s-%" PRId64, id->name, number);
    else
        owner_child_id(id, "pods", child, "%.230s-%" PRId64 "-%" PRId64, id->name, number, again);
}

bool job_is_child(const struct object_id *id, const char *child, int64_t *number)
{
    size_t len = strlen(id->name);
    if (strncmp(child, id->name, len) != 0 || child[len] != '-')
        return false;
    const char *rest = child + len + 1;
    size_t digits = strspn(rest, "0123456789");
    *number = strtoll(rest, NULL, 10);
    if (digits > 0 && rest[digits] == '-') {
        rest += digits + 1;
        digits = strspn(rest, "0123456789");
    }
    return digits > 0 && rest[digits] == '\0';
}

static void give_index(struct json *spec, const char *list, const char *index)
{
    struct json *copy = json_new_array();
    JSON_EACH(container, json_get(spec, list)) {
        struct json *one = json_copy(container);
        struct json *env = json_get_mutable(one, "env");
        bool has = false;
        JSON_EACH(variable, env)
            has = has || (json_get_text(variable, "name") != NULL &&
                          strcmp(json_get_text(variable, "name"), "JOB_COMPLETION_INDEX") == 0);
        if (!has)
            json_add(env != NULL ? env : json_set_array(one, "env"),
                     json_new_texts("name", "JOB_COMPLETION_INDEX", "value", index, NULL));
        json_add(copy, one);
    }
    json_set(spec, list, copy);
}

struct json *job_child(const struct object_id *id, const struct json *job, const char *uid, const struct object_id *child,
                       int64_t index)
{
    const struct json *template = json_get(job, "template");
    struct json *pod = owner_child_new(id, child, template, true);
    owner_child_set(pod, "labels", "batch.kubernetes.io/job-name", id->name);
    owner_child_set(pod, "labels", "job-name", id->name);
    owner_child_set(pod, "labels", JOB_UID, uid);
    json_set(pod, "spec", json_copy(json_get(template, "spec")));
    if (index == JOB_UNSET)
        return pod;
    AUTO_FREE char *text = mem_printf("%" PRId64, index);
    owner_child_set(pod, "labels", JOB_INDEX, text);
    owner_child_set(pod, "annotations", JOB_INDEX, text);
    struct json *spec = json_get_mutable(pod, "spec");
    give_index(spec, "containers", text);
    if (json_get(spec, "initContainers") != NULL)
        give_index(spec, "initContainers", text);
    AUTO_FREE char *hostname = mem_printf("%s-%s", id->name, text);
    if (json_get(spec, "hostname") == NULL && name_is_label(hostname))
        json_set_text(spec, "hostname", hostname);
    return pod;
}

/* ---- what is told */

/* Kubernetes: "0-2,5". The caller frees. */
static char *indexes_text(const struct job_view *view)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, 16384);
    AUTO_FREE bool *done = mem_array((size_t)view->rule->completions + 1, sizeof(*done));
    for (size_t i = 0; i < view->count; i++)
        if (view->pods[i].state == JOB_POD_SUCCEEDED && view->pods[i].index >= 0 &&
            view->pods[i].index < view->rule->completions)
            done[view->pods[i].index] = true;
    for (int64_t i = 0; i < view->rule->completions; i++) {
        int64_t last = i;
        if (!done[i])
            continue;
        while (done[last + 1])
            last++;
        strbuf_printf(&text, "%s%" PRId64, text.len > 0 ? "," : "", i);
        if (last > i)
            strbuf_printf(&text, "%s%" PRId64, last > i + 1 ? "-" : ",", last);
        i = last;
    }
    return strbuf_steal(&text);
}

static bool is_failed(const struct job_report *report)
{
    return report->end != NULL && strcmp(report->end, "Failed") == 0;
}

struct json *job_state_write(const struct job_report *report)
{
    static const struct {
        const char *word;
        int64_t code;
    } states[] = { { "Running", 2 }, { "Pending", 1 }, { "Succeeded", 3 }, { "Failed", 4 } };
    size_t state = report->end != NULL ? (is_failed(report) ? 3 : 2) : report->next->active > 0 ? 0 : 1;
    struct json *flat = owner_state_begin(&report->told, states[state].word, states[state].code, state == 2);
    json_set_integer(flat, "active", report->next->active);
    json_set_integer(flat, "succeeded", report->next->succeeded);
    json_set_integer(flat, "failed", report->next->failed);
    if (report->rule->completions != JOB_UNSET)
        json_set_integer(flat, "completions", report->rule->completions);
    json_set_integer(flat, "parallelism", report->rule->parallelism);
    status_set_ms(flat, "startedAt", report->started_ms);
    status_set_ms(flat, "finishedAt", report->ended_ms);
    const char *waits = report->rule->suspended && report->end == NULL ? "Suspended" : NULL;
    owner_state_end(flat, is_failed(report) ? report->reason : waits != NULL ? waits : report->problem,
                    is_failed(report) ? report->message : report->problem_message);
    return flat;
}

static void write_conditions(const struct job_report *report, struct json *conditions)
{
    if (report->rule->suspended && report->end == NULL)
        owner_add_condition(conditions, "Suspended", true, "JobSuspended", "Job suspended");
    if (report->end != NULL)
        status_set_time(owner_add_condition(conditions, report->end, true, report->reason, report->message),
                        "lastTransitionTime", report->ended_ms);
    if (report->problem != NULL)
        owner_add_condition(conditions, "Progressing", false, report->problem, report->problem_message);
}

struct json *job_status_write(const struct job_report *report)
{
    struct json *object = owner_status_begin(&report->told);
    struct json *status = json_get_mutable(object, "status");
    status_set_time(status, "startTime", report->started_ms);
    if (report->end != NULL && !is_failed(report))
        status_set_time(status, "completionTime", report->ended_ms);
    json_set_integer(status, "active", report->next->active);
    json_set_integer(status, "ready", report->next->ready);
    json_set_integer(status, "succeeded", report->next->succeeded);
    json_set_integer(status, "failed", report->next->failed);
    json_set_integer(status, "terminating", report->next->leaving);
    if (report->rule->indexed) {
        AUTO_FREE char *done = indexes_text(report->view);
        json_set_text(status, "completedIndexes", done);
    }
    write_conditions(report, json_set_array(status, "conditions"));
    owner_status_end(&report->told, object);
    return object;
}

/* CronJob. Its memo, {"sinceMs","schedule","zone","spans","lastMs","begin","lastSuccessMs"}, is committed before a Job is made:
 * `begin` is the time whose Job is to be made, until that is on the disk too.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/owner_kinds.h"
#include "core/zones.h"
#include "model/cron_past.h"
#include "model/schedule.h"
#include "protocol/cron_job.h"
#include "protocol/job.h"

#define NOTHING (-1) /* no time */

struct cron {
    const struct json *spec;
    struct schedule schedule;
    struct zone *zone; /* NULL: not here */
    struct cron_past past;
    int64_t now, since; /* seconds */
    struct error error;
};

static void cron_open(struct core *core, const struct object *owner, const struct json *spec, struct cron *cron)
{
    memset(cron, 0, sizeof(*cron));
    cron->spec = spec;
    cron->now = (int64_t)(core_wall_ms(core) / 1000);
    cron->since = json_get_integer(owner->memo, "sinceMs", 0) / 1000;
    if (schedule_parse(json_get_text(spec, "schedule"), &cron->schedule, &cron->error))
        cron->zone = zone_load(json_get_text(spec, "timeZone"), &cron->error);
    JSON_EACH(span, json_get(owner->memo, "spans")) {
        const struct json *from = json_first(span);
        struct cron_span *one = &cron->past.spans[cron->past.count];
        if (cron->past.count < LIMIT_CRON_SPANS && json_integer(from, &one->from) && json_integer(json_next(from), &one->to))
            cron->past.count++;
    }
}

static void set_spans(struct json *memo, const struct cron_past *past)
{
    struct json *spans = json_set_array(memo, "spans");
    for (size_t i = 0; i < past->count; i++) {
        struct json *span = json_new_array();
        json_add(span, json_new_integer(past->spans[i].from));
        json_add(span, json_new_integer(past->spans[i].to));
        json_add(spans, span);
    }
}

static bool is_same_text(const struct json *a, const char *key_a, const struct json *b, const char *key_b)
{
    const char *left = json_get_text(a, key_a), *right = json_get_text(b, key_b);
    return strcmp(left != NULL ? left : "", right != NULL ? right : "") == 0;
}

/* From when on its times count: since it came here, or since it has this schedule. A clock that was set back behind all that
 * it knows begins anew there, and what ran is not forgotten.
 */
static bool follow_since(struct core *core, struct object *owner, const struct cron *cron)
{
    bool same = owner->memo != NULL && is_same_text(owner->memo, "schedule", cron->spec, "schedule") &&
                is_same_text(owner->memo, "zone", cron->spec, "timeZone");
    bool behind = same && cron->since > cron->now && cron_past_newest(&cron->past, cron->now, NOTHING) == NOTHING;
    if (same && !behind)
        return false;
    struct json *memo = owner->memo != NULL ? json_copy(owner->memo) : json_new_object();
    json_set_text(memo, "schedule", json_get_text(cron->spec, "schedule"));
    json_remove(memo, "zone");
    json_set_text(memo, "zone", json_get_text(cron->spec, "timeZone"));
    json_set_integer(memo, "sinceMs", cron->now * 1000);
    owned_memo_save(core, owner, memo);
    return true;
}

/* ---- its Jobs */

struct jobs {
    const struct object *owner;
    const char *group;
    struct object *list[LIMIT_OBJECTS / 10];
    int64_t times[LIMIT_OBJECTS / 10];
    size_t count;
};

static void add_job(struct core *core, struct object *child, void *ctx)
{
    struct jobs *jobs = ctx;
    (void)core;
    if (jobs->count == sizeof(jobs->list) / sizeof(jobs->list[0]) || owned_slot(child, jobs->group)->left ||
        !cron_job_time(&jobs->owner->id, child->id.name, &jobs->times[jobs->count]))
        return;
    jobs->list[jobs->count++] = child;
}

static const char *end_of(const struct object *job)
{
    return json_get_text(job->memo, "end");
}

static bool is_active(const struct object *job)
{
    return end_of(job) == NULL;
}

static size_t count_active(const struct jobs *jobs)
{
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++)
        count += is_active(jobs->list[i]);
    return count;
}

/* The oldest go, beyond so many of those that ended so; those whose own time is over go in any case. */
static void prune(struct core *core, const struct jobs *jobs, const char *end, int64_t keep)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct object *one = jobs->list[i];
        int64_t newer = 0;
        if (is_active(one) || strcmp(end_of(one), end) != 0)
            continue;
        for (size_t j = 0; j < jobs->count; j++)
            newer += !is_active(jobs->list[j]) && strcmp(end_of(jobs->list[j]), end) == 0 && jobs->times[j] > jobs->times[i];
        if (newer >= keep || one->expired)
            owned_empty(core, one, jobs->group);
    }
}

/* Successes are noted before their Jobs may go. */
static bool follow_success(struct core *core, struct object *owner, const struct jobs *jobs)
{
    int64_t newest = json_get_integer(owner->memo, "lastSuccessMs", 0), before = newest;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct object *one = jobs->list[i];
        int64_t ended = json_get_integer(one->memo, "endedMs", 0);
        if (!is_active(one) && strcmp(end_of(one), "Complete") == 0 && ended > newest)
            newest = ended;
    }
    if (newest == before)
        return false;
    struct json *memo = json_copy(owner->memo);
    json_set_integer(memo, "lastSuccessMs", newest);
    owned_memo_save(core, owner, memo);
    return true;
}

/* ---- the next one */

/* The time whose Job is due; SCHEDULE_NEVER: none is. Kubernetes: of what was missed, the last. */
static int64_t due_time(const struct cron *cron)
{
    int64_t newest = cron_past_newest(&cron->past, cron->now, NOTHING), after = cron->since;
    int64_t deadline = json_get_integer(cron->spec, "deadlineSeconds", -1);
    if (after > cron->now || newest > after)
        after = newest;
    if (deadline >= 0 && after < cron->now - deadline - 1)
        after = cron->now - deadline - 1;
    int64_t time = schedule_last(&cron->schedule, cron->zone, after, cron->now);
    return time != SCHEDULE_NEVER && !cron_past_has(&cron->past, time) ? time : SCHEDULE_NEVER;
}

static void begin(struct core *core, struct object *owner, struct cron *cron, int64_t time)
{
    /* The time before it in the schedule, if that is near enough to be known. */
    int64_t before = schedule_last(&cron->schedule, cron->zone, time - 400 * 86400, time - 1);
    cron_past_add(&cron->past, time, before);
    struct json *memo = json_copy(owner->memo);
    set_spans(memo, &cron->past);
    json_set_integer(memo, "begin", time);
    json_set_integer(memo, "lastMs", time * 1000);
    owned_memo_save(core, owner, memo);
}

/* The Job of a time that is noted as begun. True: there is something to wait for. */
static bool make_job(struct core *core, struct object *owner, const struct cron *cron, const char *group)
{
    int64_t time = json_get_integer(owner->memo, "begin", NOTHING);
    struct object_id id;
    if (time == NOTHING)
        return false;
    cron_job_child_id(&owner->id, time, &id);
    const struct object *child = objects_find(&core->objects, &id);
    const char *message = NULL, *problem = owned_problem(core, child, group, &message);
    if (owned_slot(child, group) != NULL || problem != NULL) {
        struct json *memo = json_copy(owner->memo);
        json_remove(memo, "begin");
        if (problem != NULL)
            core_event(core, owner, true, "FailedCreate", "%.100s: %.300s", id.name, message);
        else
            core_event(core, owner, false, "SuccessfulCreate", "Created job %s", id.name);
        owned_memo_save(core, owner, memo);
        return true;
    }
    AUTO_JSON struct json *document = cron_job_child(&owner->id, cron->spec, time);
    owned_fill(core, &id, group, document);
    return true;
}

static void look_for_time(struct core *core, struct object *owner, struct cron *cron, const struct jobs *jobs)
{
    size_t active = count_active(jobs);
    int64_t due = due_time(cron), next = schedule_next(&cron->schedule, cron->zone, cron->now);
    enum cron_concurrency concurrency = cron_job_concurrency(cron->spec);
    if (next != SCHEDULE_NEVER) {
        /* The wall clock may be set meanwhile: looked at again at least each minute while it is near. */
        uint64_t wait_ms = (uint64_t)next * 1000 - core_wall_ms(core);
        core_wake_object(core, owner, core_boot_ms(core) + (wait_ms < 60000 ? wait_ms : 60000));
    }
    if (due == SCHEDULE_NEVER || (concurrency == CRON_FORBID && active > 0))
        return;
    for (size_t i = 0; concurrency == CRON_REPLACE && i < jobs->count; i++)
        if (is_active(jobs->list[i]))
            owned_empty(core, jobs->list[i], jobs->group);
    begin(core, owner, cron, due);
}

static void drop(struct core *core, struct object *child, void *ctx)
{
    owned_empty(core, child, ctx);
}

static bool is_clock_set(const struct core *core)
{
    return core_set_wall_ms(core) != 0;
}

void crons_step(struct core *core, struct object *owner, const struct json *spec, const char *group)
{
    struct cron cron;
    if (spec == NULL) {
        AUTO_FREE char *of = mem_strdup(group);
        owned_each(core, owner, group, drop, of);
        return;
    }
    if (!is_clock_set(core)) {
        core_wake_object(core, owner, core_boot_ms(core) + 60000);
        return;
    }
    cron_open(core, owner, spec, &cron);
    AUTO_FREE struct jobs *jobs = mem_alloc(sizeof(*jobs));
    jobs->owner = owner;
    jobs->group = group;
    owned_each(core, owner, group, add_job, jobs);
    bool busy = cron.zone == NULL || follow_since(core, owner, &cron) || make_job(core, owner, &cron, group) ||
                follow_success(core, owner, jobs);
    if (!busy) {
        prune(core, jobs, "Complete", json_get_integer(spec, "keepSucceeded", 3));
        prune(core, jobs, "Failed", json_get_integer(spec, "keepFailed", 1));
    }
    if (!busy && !json_get_boolean(spec, "suspend", false))
        look_for_time(core, owner, &cron, jobs);
    zone_free(cron.zone);
}

void crons_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                  const struct owner_told *told)
{
    struct cron cron;
    cron_open(core, owner, spec, &cron);
    AUTO_FREE struct jobs *jobs = mem_alloc(sizeof(*jobs));
    AUTO_JSON struct json *active = json_new_array();
    jobs->owner = owner;
    jobs->group = group;
    owned_each(core, owner, group, add_job, jobs);
    for (size_t i = 0; i < jobs->count; i++)
        if (is_active(jobs->list[i]))
            json_add_text(active, jobs->list[i]->id.name);
    bool waits = is_clock_set(core) && cron.zone != NULL && !json_get_boolean(spec, "suspend", false);
    int64_t next = waits ? schedule_next(&cron.schedule, cron.zone, cron.now) : SCHEDULE_NEVER;
    struct cron_report report = {
        .told = *told, .cron = spec, .active = active,
        .last_ms = (uint64_t)json_get_integer(owner->memo, "lastMs", 0),
        .last_success_ms = (uint64_t)json_get_integer(owner->memo, "lastSuccessMs", 0),
        .next_ms = next != SCHEDULE_NEVER ? (uint64_t)next * 1000 : 0,
    };
    if (!is_clock_set(core)) {
        report.problem = "ClockNotSet";
        report.message = "the clock of this device was never set: nothing runs by it";
    } else if (cron.zone == NULL) {
        report.problem = "UnknownTimeZone";
        report.message = cron.error.message;
    }
    AUTO_JSON struct json *status = cron_job_status_write(&report);
    owned_tell(core, owner, told, cron_job_state_write(&report), status);
    zone_free(cron.zone);
}

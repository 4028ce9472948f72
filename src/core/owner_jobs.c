/* Job. What of it must not be forgotten is in its memo, {"uid","identity","startedMs","end","reason","message","endedMs",
 * "endedAgeMs",
 * "suspended","expired"}: committed before a pod begins, and before an end is told. How its pods ended is in their own rows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/owner_kinds.h"
#include "protocol/job.h"

#define LOOK_AGAIN_MS 500u

struct survey {
    const struct object *owner;
    const char *group, *uid;
    struct job_rule rule;
    struct job_view view;
    struct job_pod *pods;
    struct object **objects; /* beside them; NULL for what leaves */
    size_t size;
    bool strangers; /* pods of an earlier run are left */
    const char *problem, *message;
};

static struct job_pod *add_pod(struct survey *survey, struct object *object, int64_t number)
{
    if (survey->view.count == survey->size) {
        survey->size = survey->size == 0 ? 16 : survey->size * 2;
        survey->pods = mem_resize(survey->pods, survey->size, sizeof(*survey->pods));
        survey->objects = mem_resize(survey->objects, survey->size, sizeof(struct object *));
    }
    struct job_pod *pod = &survey->pods[survey->view.count];
    survey->objects[survey->view.count++] = object;
    *pod = (struct job_pod){ .index = survey->rule.indexed ? number : JOB_UNSET };
    return pod;
}

static bool is_of_run(const struct slot *slot, const char *uid)
{
    const char *label = slot->pod != NULL ? json_get_text(slot->pod->labels, JOB_UID) : NULL;
    return uid != NULL && label != NULL && strcmp(label, uid) == 0;
}

static void look_at_pod(struct core *core, struct object *child, int64_t number, struct survey *survey)
{
    const struct slot *slot = owned_slot(child, survey->group);
    if (slot != NULL && !is_of_run(slot, survey->uid)) {
        survey->strangers = true;
        return;
    }
    /* On its way out, or in: it runs, or is about to. */
    if (slot == NULL || slot->left) {
        if (slot != NULL || (object_ruling(child) == NULL && (child->uid[0] != '\0' || child->committing)))
            add_pod(survey, NULL, number)->state = JOB_POD_LEAVING;
        return;
    }
    struct job_pod *pod = add_pod(survey, child, number);
    struct ending last;
    const char *problem = owned_problem(core, child, survey->group, &survey->message);
    survey->problem = problem != NULL ? problem : survey->problem;
    pod->ready = owned_is_ready(child);
    pod->restarts = json_get_integer(child->summary, "restarts", 0);
    enum owned_end end = owned_end(core, child, &last);
    pod->state = end == OWNED_SUCCEEDED ? JOB_POD_SUCCEEDED : end == OWNED_FAILED ? JOB_POD_FAILED : JOB_POD_ACTIVE;
    /* Kubernetes: one that was deleted by hand has failed. */
    if (object_ruling(child) == NULL && child->uid[0] == '\0' && !child->committing)
        pod->state = JOB_POD_FAILED;
    pod->finished_ms = last.finished_ms;
    pod->finished_boot_ms = last.finished_boot_ms;
}

static void look(struct core *core, const struct object *owner, const struct json *spec, const char *group,
                 struct survey *survey)
{
    memset(survey, 0, sizeof(*survey));
    survey->owner = owner;
    survey->group = group;
    survey->uid = json_get_text(owner->memo, "uid");
    job_rule(spec, &survey->rule);
    for (struct object *child = core->objects.table; child != NULL; child = child->hh.next) {
        bool is_pod = strcmp(child->id.resource, "pods") == 0 && strcmp(child->id.namespace, owner->id.namespace) == 0;
        int64_t number;
        if (!is_pod || !job_is_child(&owner->id, child->id.name, &number))
            continue;
        const char *message = NULL, *problem = owned_slot(child, group) == NULL ? owned_problem(core, child, group, &message) : NULL;
        if (problem != NULL) {
            survey->problem = problem;
            survey->message = message;
            continue;
        }
        look_at_pod(core, child, number, survey);
    }
    survey->view = (struct job_view){ .rule = &survey->rule, .pods = survey->pods, .count = survey->view.count,
                                      .age_ms = owned_memo_age_ms(core, owner) };
}

static void survey_free(struct survey *survey)
{
    free(survey->pods);
    free(survey->objects);
}

/* ---- its memo */

static void begin_run(struct core *core, struct object *owner, const struct json *spec)
{
    char uid[POD_UID_BYTES];
    core_new_uid(core, uid);
    struct json *memo = json_new_texts("uid", uid, "identity", job_identity(spec), NULL);
    json_set_integer(memo, "startedMs", (int64_t)core_wall_ms(core));
    json_set_boolean(memo, "suspended", json_get_boolean(spec, "suspend", false));
    owned_memo_save(core, owner, memo);
}

static bool is_same_run(const struct object *owner, const struct json *spec)
{
    const char *known = json_get_text(owner->memo, "identity"), *wanted = job_identity(spec);
    return known != NULL && strcmp(known, wanted) == 0;
}

static const char *end_of(const struct object *owner)
{
    return json_get_text(owner->memo, "end");
}

/* Kubernetes: a Job that is resumed starts anew, as far as its deadline goes. */
static bool follow_suspension(struct core *core, struct object *owner, const struct job_rule *rule)
{
    if (end_of(owner) != NULL || json_get_boolean(owner->memo, "suspended", false) == rule->suspended)
        return false;
    struct json *memo = json_copy(owner->memo);
    json_set_boolean(memo, "suspended", rule->suspended);
    json_set_integer(memo, "startedMs", (int64_t)core_wall_ms(core));
    core_event(core, owner, false, rule->suspended ? "Suspended" : "Resumed", rule->suspended ? "Job suspended" : "Job resumed");
    owned_memo_save(core, owner, memo);
    return true;
}

static void save_end(struct core *core, struct object *owner, const struct job_next *next)
{
    struct json *memo = json_copy(owner->memo);
    bool failed = next->verdict == JOB_FAILED;
    json_set_text(memo, "end", failed ? "Failed" : "Complete");
    json_set_text(memo, "reason", next->reason);
    json_set_text(memo, "message", next->message);
    json_set_integer(memo, "endedMs", (int64_t)core_wall_ms(core));
    json_set_integer(memo, "endedAgeMs", (int64_t)owned_memo_age_ms(core, owner));
    core_event(core, owner, failed, failed ? next->reason : "Completed", "%s", failed ? next->message : "Job completed");
    owned_memo_save(core, owner, memo);
}

/* ---- what it does */

/* A name that no pod has, nor had in this run. */
static bool free_name(struct core *core, const struct object *owner, int64_t index, struct object_id *id)
{
    for (int64_t i = 0; i < LIMIT_OBJECTS; i++) {
        job_child_id(&owner->id, index == JOB_UNSET ? i : index, index == JOB_UNSET ? 0 : i, id);
        const struct object *taken = objects_find(&core->objects, id);
        if (taken == NULL)
            return true;
        if (taken->refused && taken->slot_count == 0)
            return false;
    }
    return false;
}

static void begin_pods(struct core *core, struct object *owner, const struct json *spec, const struct survey *survey,
                       size_t count)
{
    int64_t index = -1;
    for (size_t i = 0; i < count; i++) {
        struct object_id id;
        if (survey->rule.indexed && (index = job_free_index(&survey->view, index + 1)) == JOB_UNSET)
            return;
        if (!free_name(core, owner, survey->rule.indexed ? index : JOB_UNSET, &id))
            return;
        AUTO_JSON struct json *document =
            job_child(&owner->id, spec, survey->uid, &id, survey->rule.indexed ? index : JOB_UNSET);
        owned_fill(core, &id, survey->group, document);
    }
}

/* The newest go first: they have done the least. */
static void end_pods(struct core *core, const struct survey *survey, size_t count)
{
    for (; count > 0; count--) {
        struct object *newest = NULL;
        for (size_t i = 0; i < survey->view.count; i++) {
            struct object *one = survey->objects[i];
            if (one == NULL || survey->pods[i].state != JOB_POD_ACTIVE || owned_slot(one, survey->group)->left)
                continue;
            if (newest == NULL || one->created_ms >= newest->created_ms)
                newest = one;
        }
        if (newest == NULL || newest->committing)
            return;
        owned_empty(core, newest, survey->group);
    }
}

static void empty_child(struct core *core, struct object *child, void *ctx)
{
    const struct survey *survey = ctx;
    if (survey->uid == NULL || !is_of_run(owned_slot(child, survey->group), survey->uid))
        owned_empty(core, child, survey->group);
}

/* What is over goes after its time, with all that it had; what it was is remembered as long as its document. */
static void expire(struct core *core, struct object *owner, const struct json *spec)
{
    int64_t ttl_s = job_ttl_s(spec);
    if (end_of(owner) == NULL || ttl_s == JOB_UNSET || owner->expired)
        return;
    uint64_t age_ms = owned_memo_age_ms(core, owner);
    uint64_t due_ms = (uint64_t)json_get_integer(owner->memo, "endedAgeMs", 0) + (uint64_t)ttl_s * 1000;
    if (age_ms < due_ms) {
        core_wake_object(core, owner, core_boot_ms(core) + (due_ms - age_ms));
        return;
    }
    struct json *memo = json_copy(owner->memo);
    json_set_boolean(memo, "expired", true);
    owned_memo_save(core, owner, memo);
}

static void go_on(struct core *core, struct object *owner, const struct json *spec, struct survey *survey)
{
    struct job_next next;
    job_step(&survey->view, core_boot_ms(core), &next);
    if (end_of(owner) != NULL) {
        end_pods(core, survey, (size_t)next.active);
        expire(core, owner, spec);
    } else if (next.verdict != JOB_GOES_ON) {
        save_end(core, owner, &next);
    } else {
        end_pods(core, survey, next.end);
        begin_pods(core, owner, spec, survey, next.begin);
    }
    if (next.leaving > 0)
        core_wake_object(core, owner, core_boot_ms(core) + LOOK_AGAIN_MS);
    if (next.wake_boot_ms != 0)
        core_wake_object(core, owner, next.wake_boot_ms);
}

void jobs_step(struct core *core, struct object *owner, const struct json *spec, const char *group)
{
    struct survey none = { .group = group };
    if (spec == NULL || (owner->expired && is_same_run(owner, spec))) {
        owned_each(core, owner, group, empty_child, &none);
        return;
    }
    if (!is_same_run(owner, spec)) {
        begin_run(core, owner, spec);
        return;
    }
    struct survey survey;
    look(core, owner, spec, group, &survey);
    if (survey.strangers) {
        owned_each(core, owner, group, empty_child, &survey);
        core_wake_object(core, owner, core_boot_ms(core) + LOOK_AGAIN_MS);
    } else if (!follow_suspension(core, owner, &survey.rule)) {
        go_on(core, owner, spec, &survey);
    }
    survey_free(&survey);
}

void jobs_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                 const struct owner_told *told)
{
    struct survey survey;
    struct job_next next;
    look(core, owner, spec, group, &survey);
    job_step(&survey.view, core_boot_ms(core), &next);
    bool started = owner->memo != NULL && !survey.rule.suspended;
    struct job_report report = {
        .told = *told, .rule = &survey.rule, .next = &next, .view = &survey.view, .end = end_of(owner),
        .reason = json_get_text(owner->memo, "reason"), .message = json_get_text(owner->memo, "message"),
        .started_ms = started || end_of(owner) != NULL ? (uint64_t)json_get_integer(owner->memo, "startedMs", 0) : 0,
        .ended_ms = (uint64_t)json_get_integer(owner->memo, "endedMs", 0),
        .problem = survey.problem, .problem_message = survey.message,
    };
    AUTO_JSON struct json *status = job_status_write(&report);
    owned_tell(core, owner, told, job_state_write(&report), status);
    survey_free(&survey);
}

#include "protocol/pod_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "protocol/names.h"

static const char *const state_words[] = { "Unknown", "Pending",     "Running", "Succeeded",
                                           "Failed",  "Terminating", "Refused", "Stored" };

enum state_code pod_state_code(const struct pod_report *report)
{
    static const enum state_code by_phase[] = { STATE_PENDING, STATE_RUNNING, STATE_SUCCEEDED, STATE_FAILED };
    if (report->terminating)
        return STATE_TERMINATING;
    if (report->view->pod != NULL)
        return by_phase[pod_phase(report->view->pod, report->shown)];
    if (report->stored)
        return STATE_STORED;
    return report->refusal != NULL ? STATE_REFUSED : STATE_UNKNOWN;
}

static size_t container_count(const struct pod_report *report)
{
    return report->view->pod != NULL ? report->view->pod->containers.count : 0;
}

static size_t ready_count(const struct pod_report *report)
{
    size_t ready = 0;
    for (size_t i = 0; i < container_count(report); i++)
        ready += report->shown[i].state == SHOWN_RUNNING;
    return ready;
}

/* The one container a person should look at: the first that waits, else the first that ended badly. */
static const struct container_shown *troubled(const struct pod_report *report)
{
    for (size_t i = 0; i < container_count(report); i++)
        if (report->shown[i].state == SHOWN_WAITING)
            return &report->shown[i];
    for (size_t i = 0; i < container_count(report); i++)
        if (report->shown[i].state == SHOWN_TERMINATED && report->shown[i].ending->exit_code != 0)
            return &report->shown[i];
    return NULL;
}

static const char *ending_reason(const struct ending *ending)
{
    if (ending->reason[0] != '\0')
        return ending->reason;
    return ending->exit_code == 0 ? "Completed" : "Error";
}

static void set_trouble(const struct pod_report *report, struct json *flat)
{
    const struct container_shown *one = troubled(report);
    const char *reason = NULL;
    AUTO_FREE char *message = NULL;
    if (report->orphan) {
        reason = "Orphan";
        message = mem_strdup("it runs, and no document of it is known here: it is left alone");
    } else if (one != NULL && one->state == SHOWN_WAITING) {
        reason = one->reason;
        message = mem_strdup(one->message);
    } else if (one != NULL) {
        reason = ending_reason(one->ending);
        message = mem_printf("exit code %" PRId64, one->ending->exit_code);
    }
    if (report->refusal != NULL) {
        reason = reason != NULL ? reason : report->refusal->reason;
        if (message == NULL)
            message = mem_printf("refused: %s: %.200s", report->refusal->reason, report->refusal->message);
    }
    json_set_text(flat, "reason", reason);
    json_set_text(flat, "message", message != NULL ? message : "");
}

struct json *pod_state_write(const struct pod_report *report)
{
    struct json *flat = json_new_object();
    enum state_code code = pod_state_code(report);
    size_t count = container_count(report);
    size_t ready = ready_count(report);
    json_set_text(flat, "state", state_words[code]);
    json_set_integer(flat, "stateCode", code);
    json_set_integer(flat, "ready", code == STATE_RUNNING && count > 0 && ready == count);
    int64_t restarts = 0;
    for (size_t i = 0; i < count; i++)
        restarts += report->shown[i].restarts;
    json_set_integer(flat, "restarts", restarts);
    if (count > 0)
        json_set_text(flat, "image", pod_container(report->view->pod, 0)->image);
    json_set_integer(flat, "containers", (int64_t)count);
    json_set_integer(flat, "containersReady", (int64_t)ready);
    if (report->accepted_ms != 0)
        json_set_integer(flat, "createdAt", (int64_t)report->accepted_ms);
    json_set_text(flat, "update", report->update);
    json_set_text(flat, "updateReason", report->update != NULL ? report->update_message : NULL);
    set_trouble(report, flat);
    return flat;
}

static void set_time(struct json *object, const char *key, uint64_t wall_ms)
{
    char text[CLOCK_RFC3339_BYTES];
    if (wall_ms != 0)
        json_set_text(object, key, clock_rfc3339(wall_ms, text));
}

static void write_ending(struct json *state, const struct ending *ending)
{
    struct json *terminated = json_set_object(state, "terminated");
    json_set_integer(terminated, "exitCode", ending->exit_code);
    if (ending->signal != 0)
        json_set_integer(terminated, "signal", ending->signal);
    json_set_text(terminated, "reason", ending_reason(ending));
    set_time(terminated, "startedAt", ending->started_ms);
    set_time(terminated, "finishedAt", ending->finished_ms);
}

static void write_state(struct json *status, const struct container_shown *shown)
{
    struct json *state = json_set_object(status, "state");
    if (shown->state == SHOWN_RUNNING) {
        set_time(json_set_object(state, "running"), "startedAt", shown->started_ms);
    } else if (shown->state == SHOWN_TERMINATED) {
        write_ending(state, shown->ending);
    } else {
        struct json *waiting = json_set_object(state, "waiting");
        json_set_text(waiting, "reason", shown->reason);
        json_set_text(waiting, "message", shown->message);
    }
    struct json *last = json_set_object(status, "lastState");
    if (shown->last != NULL)
        write_ending(last, shown->last);
}

static void write_containers(const struct pod_report *report, struct json *status)
{
    struct json *statuses = json_set_array(status, "containerStatuses");
    for (size_t i = 0; i < container_count(report); i++) {
        const struct container *container = pod_container(report->view->pod, i);
        const struct container_shown *shown = &report->shown[i];
        struct json *one = json_add_object(statuses);
        json_set_text(one, "name", container->name);
        json_set_text(one, "image", container->image);
        json_set_text(one, "imageID", report->image_ids[i] != NULL ? report->image_ids[i] : "");
        json_set_boolean(one, "ready", shown->state == SHOWN_RUNNING);
        json_set_boolean(one, "started", shown->state == SHOWN_RUNNING);
        json_set_integer(one, "restartCount", shown->restarts);
        write_state(one, shown);
    }
}

static struct json *add_condition(struct json *conditions, const char *type, bool is_true, const char *reason,
                                  const char *message)
{
    struct json *condition = json_add_object(conditions);
    json_set_text(condition, "type", type);
    json_set_text(condition, "status", is_true ? "True" : "False");
    json_set_text(condition, "reason", reason);
    json_set_text(condition, "message", message);
    return condition;
}

/* When the pod became as ready as it is: the newest start, or the newest end. Derived, so a restart of Davit keeps it. */
static uint64_t turned_ms(const struct pod_report *report, bool ready)
{
    uint64_t newest = report->accepted_ms;
    for (size_t i = 0; i < container_count(report); i++) {
        const struct container_shown *shown = &report->shown[i];
        uint64_t time = shown->started_ms;
        if (!ready && shown->state == SHOWN_TERMINATED)
            time = shown->ending->finished_ms;
        else if (!ready && shown->last != NULL && shown->state == SHOWN_WAITING)
            time = shown->last->finished_ms;
        newest = time > newest ? time : newest;
    }
    return newest;
}

static void write_readiness(const struct pod_report *report, struct json *conditions)
{
    size_t count = container_count(report);
    bool ready = count > 0 && ready_count(report) == count && !report->terminating;
    enum state_code code = pod_state_code(report);
    const char *reason = ready ? NULL : code == STATE_SUCCEEDED ? "PodCompleted" : "ContainersNotReady";
    AUTO_STRBUF struct strbuf names;
    strbuf_init(&names, 4096);
    for (size_t i = 0; i < count; i++)
        if (report->shown[i].state != SHOWN_RUNNING)
            strbuf_printf(&names, "%s%s", names.len > 0 ? " " : "containers with unready status: [",
                          pod_container(report->view->pod, i)->name);
    if (names.len > 0)
        strbuf_add(&names, "]");
    set_time(add_condition(conditions, "PodScheduled", true, NULL, NULL), "lastTransitionTime", report->accepted_ms);
    set_time(add_condition(conditions, "Initialized", true, NULL, NULL), "lastTransitionTime", report->accepted_ms);
    uint64_t turned = turned_ms(report, ready);
    set_time(add_condition(conditions, "ContainersReady", ready, reason, names.data), "lastTransitionTime", turned);
    set_time(add_condition(conditions, "Ready", ready, reason, names.data), "lastTransitionTime", turned);
}

static void write_ignored(const struct ignored_fields *ignored, struct json *conditions)
{
    if (ignored == NULL || ignored->count == 0)
        return;
    AUTO_STRBUF struct strbuf list;
    strbuf_init(&list, 16384);
    for (size_t i = 0; i < ignored->paths.count; i++)
        strbuf_printf(&list, "%s%s", i > 0 ? ", " : "", ignored->paths.items[i]);
    if (ignored->count > ignored->paths.count)
        strbuf_printf(&list, " and %zu more", ignored->count - ignored->paths.count);
    struct json *condition = add_condition(conditions, "IgnoredFields", true, "NotHonoured", list.data);
    struct json *fields = json_set_array(condition, "fields");
    for (size_t i = 0; i < ignored->paths.count; i++)
        json_add_text(fields, ignored->paths.items[i]);
}

static void write_acceptance(const struct pod_report *report, struct json *conditions)
{
    const struct refusal *refusal = report->refusal;
    if (refusal != NULL) {
        struct json *condition = add_condition(conditions, "Accepted", false, refusal->reason, refusal->message);
        if (refusal->generation >= 0)
            json_set_integer(condition, "refusedGeneration", refusal->generation);
    } else if (report->generation >= 0) {
        set_time(add_condition(conditions, "Accepted", true, "Accepted", NULL), "lastTransitionTime", report->accepted_ms);
    }
    if (report->retained != RETAINED_UNKNOWN)
        add_condition(conditions, "Retained", report->retained == RETAINED_YES,
                      report->retained == RETAINED_YES ? "Retained" : "NotOnBroker",
                      report->retained == RETAINED_YES ? NULL
                          : "the broker does not hold this object any more; it runs on, and only a tombstone deletes it");
    if (report->update != NULL)
        add_condition(conditions, "Updating", true, report->update, report->update_message);
    if (report->stale != NULL)
        add_condition(conditions, "ImageStale", true, "RegistryOutOfReach", report->stale);
    if (report->orphan)
        add_condition(conditions, "Orphan", true, "NoDocument",
                      "it runs, and no document of it is known here: it is left alone");
    bool supervised = true;
    for (size_t i = 0; i < container_count(report); i++)
        supervised = supervised && report->shown[i].supervised;
    if (!supervised)
        add_condition(conditions, "Unsupervised", true, "ConmonGone",
                      "nobody will see the exit code of a container of this pod: its conmon is gone");
}

static void write_source(const struct pod_report *report, struct json *status)
{
    json_set_text(status, "source", report->source);
    if (report->shadows == NULL || report->shadows->count == 0)
        return;
    struct json *shadows = json_set_array(status, "shadows");
    for (size_t i = 0; i < report->shadows->count; i++)
        json_add_text(shadows, report->shadows->items[i]);
}

struct json *pod_status_write(const struct pod_report *report)
{
    /* Of what is refused there are other kinds too. */
    const struct resource *resource = resource_by_plural(report->id->resource);
    struct json *pod = json_new_texts("apiVersion", resource != NULL ? resource->api_version : "v1", "kind",
                                      resource != NULL ? resource->kind : "Pod", NULL);
    struct json *metadata = json_set_object(pod, "metadata");
    json_set_text(metadata, "name", report->id->name);
    json_set_text(metadata, "namespace", report->id->namespace);
    if (report->uid[0] != '\0')
        json_set_text(metadata, "uid", report->uid);
    if (report->generation >= 0)
        json_set_integer(metadata, "generation", report->generation);
    set_time(metadata, "creationTimestamp", report->accepted_ms);
    struct json *status = json_set_object(pod, "status");
    if (report->generation >= 0)
        json_set_integer(status, "observedGeneration", report->generation);
    if (report->view->pod != NULL)
        json_set_text(status, "phase", pod_phase_name(pod_phase(report->view->pod, report->shown)));
    else if (report->terminating || report->orphan)
        json_set_text(status, "phase", "Running");
    struct json *conditions = json_set_array(status, "conditions");
    if (report->view->pod != NULL)
        write_readiness(report, conditions);
    write_acceptance(report, conditions);
    write_ignored(report->ignored, conditions);
    if (report->view->pod != NULL) {
        write_containers(report, status);
        set_time(status, "startTime", report->accepted_ms);
    }
    if (report->images != NULL && json_size(report->images) > 0)
        json_set(status, "images", json_copy(report->images));
    write_source(report, status);
    return pod;
}

#include "protocol/container_status.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

const char *status_ending_reason(const struct ending *ending)
{
    if (ending->reason[0] != '\0')
        return ending->reason;
    return ending->exit_code == 0 ? "Completed" : "Error";
}

void status_set_time(struct json *object, const char *key, uint64_t wall_ms)
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
    json_set_text(terminated, "reason", status_ending_reason(ending));
    json_set_text(terminated, "message", ending->message);
    status_set_time(terminated, "startedAt", ending->started_ms);
    status_set_time(terminated, "finishedAt", ending->finished_ms);
}

static void write_state(struct json *status, const struct container_shown *shown)
{
    struct json *state = json_set_object(status, "state");
    if (shown->state == SHOWN_RUNNING) {
        status_set_time(json_set_object(state, "running"), "startedAt", shown->started_ms);
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

static void write_resources(const struct container *container, struct json *one)
{
    const struct resources *said = container->resources;
    if (said == NULL || (said->limits == NULL && said->requests == NULL))
        return;
    struct json *resources = json_set_object(one, "resources");
    if (said->limits != NULL)
        json_set(resources, "limits", json_copy(said->limits));
    if (said->requests != NULL)
        json_set(resources, "requests", json_copy(said->requests));
}

static void write_container(const struct pod_report *report, size_t index, struct json *one)
{
    const struct container *container = pod_container(report->view->pod, index);
    const struct container_shown *shown = &report->shown[index];
    json_set_text(one, "name", container->name);
    json_set_text(one, "image", container->image);
    json_set_text(one, "imageID", report->image_ids[index] != NULL ? report->image_ids[index] : "");
    json_set_boolean(one, "ready", shown->ready);
    json_set_boolean(one, "started", shown->started);
    json_set_integer(one, "restartCount", shown->restarts);
    write_resources(container, one);
    write_state(one, shown);
}

void container_statuses_write(const struct pod_report *report, struct json *status)
{
    const struct pod *pod = report->view->pod;
    size_t inits = pod_init_count(pod);
    struct json *statuses = inits > 0 ? json_set_array(status, "initContainerStatuses") : NULL;
    for (size_t i = 0; i < inits; i++)
        write_container(report, i, json_add_object(statuses));
    statuses = json_set_array(status, "containerStatuses");
    for (size_t i = inits; i < pod_count(pod); i++)
        write_container(report, i, json_add_object(statuses));
}

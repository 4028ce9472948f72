#include "protocol/container_status.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "davit/limits.h"

#define ID_DIGITS 12 /* of the pod's uid */

const char *status_ending_reason(const struct ending *ending)
{
    if (ending->reason[0] != '\0')
        return ending->reason;
    return ending->exit_code == 0 ? "Completed" : "Error";
}

void status_set_time(struct json *object, const char *key, uint64_t wall_ms)
{
    char text[CLOCK_RFC3339_BYTES];
    if (wall_ms >= LIMIT_CLOCK_SET_MS)
        json_set_text(object, key, clock_rfc3339(wall_ms, text));
}

void status_set_ms(struct json *object, const char *key, uint64_t wall_ms)
{
    if (wall_ms >= LIMIT_CLOCK_SET_MS)
        json_set_integer(object, key, (int64_t)wall_ms);
}

/* "crun://5ab1c0de9f7d-web-2": the runtime, and what it knows an attempt by. */
static void write_id(const struct pod_report *report, const char *container, int64_t attempt, struct json *out)
{
    char digits[ID_DIGITS + 1] = "";
    size_t count = 0;
    for (const char *at = report->uid; *at != '\0' && count < ID_DIGITS; at++)
        if (*at != '-')
            digits[count++] = *at;
    if (attempt < 0 || report->runtime == NULL)
        return;
    AUTO_FREE char *id = mem_printf("%s://%s-%s-%" PRId64, report->runtime, digits, container, attempt);
    json_set_text(out, "containerID", id);
}

static struct json *write_ending(struct json *state, const struct ending *ending)
{
    struct json *terminated = json_set_object(state, "terminated");
    json_set_integer(terminated, "exitCode", ending->exit_code);
    if (ending->signal != 0)
        json_set_integer(terminated, "signal", ending->signal);
    json_set_text(terminated, "reason", status_ending_reason(ending));
    json_set_text(terminated, "message", ending->message);
    status_set_time(terminated, "startedAt", ending->started_ms);
    status_set_time(terminated, "finishedAt", ending->finished_ms);
    return terminated;
}

/* As Go writes a duration: 10s, 1m20s, 5m0s. */
static char *duration(uint64_t ms)
{
    unsigned long long seconds = ms / 1000;
    return seconds < 60 ? mem_printf("%llus", seconds) : mem_printf("%llum%llus", seconds / 60, seconds % 60);
}

char *status_waiting_message(const struct pod_report *report, size_t index)
{
    const struct container_shown *shown = &report->shown[index];
    if (shown->backoff_ms == 0)
        return mem_strdup(shown->message);
    AUTO_FREE char *delay = duration(shown->backoff_ms);
    return mem_printf("back-off %s restarting failed container=%s pod=%s_%s(%s)", delay,
                      pod_container(report->view->pod, index)->name, report->id->name, report->id->namespace, report->uid);
}

static void write_state(const struct pod_report *report, size_t index, struct json *status)
{
    const struct container_shown *shown = &report->shown[index];
    const char *name = pod_container(report->view->pod, index)->name;
    struct json *state = json_set_object(status, "state");
    if (shown->state == SHOWN_RUNNING) {
        status_set_time(json_set_object(state, "running"), "startedAt", shown->started_ms);
    } else if (shown->state == SHOWN_TERMINATED) {
        write_id(report, name, shown->attempt, write_ending(state, shown->ending));
    } else {
        AUTO_FREE char *message = status_waiting_message(report, index);
        struct json *waiting = json_set_object(state, "waiting");
        json_set_text(waiting, "reason", shown->reason);
        json_set_text(waiting, "message", message);
    }
    struct json *last = json_set_object(status, "lastState");
    if (shown->last != NULL)
        write_id(report, name, shown->last_attempt, write_ending(last, shown->last));
}

/* Kubernetes: of CPU and memory a limit alone is a request too. NULL: nothing is asked for. */
static struct json *requests_of(const struct resources *said)
{
    static const char *const defaulted[] = { "cpu", "memory" };
    struct json *requests = said->requests != NULL ? json_copy(said->requests) : json_new_object();
    for (size_t i = 0; i < sizeof(defaulted) / sizeof(defaulted[0]); i++) {
        const struct json *limit = json_get(said->limits, defaulted[i]);
        if (limit != NULL && json_get(requests, defaulted[i]) == NULL)
            json_set(requests, defaulted[i], json_copy(limit));
    }
    if (json_size(requests) > 0)
        return requests;
    json_free(requests);
    return NULL;
}

static void write_resources(const struct container *container, struct json *one)
{
    const struct resources *said = container->resources;
    if (said == NULL || (said->limits == NULL && said->requests == NULL))
        return;
    struct json *requests = requests_of(said);
    if (requests != NULL)
        json_set(one, "allocatedResources", json_copy(requests));
    struct json *resources = json_set_object(one, "resources");
    if (said->limits != NULL)
        json_set(resources, "limits", json_copy(said->limits));
    if (requests != NULL)
        json_set(resources, "requests", requests);
}

static void write_mounts(const struct container *container, struct json *one)
{
    static const char *const recursive[] = { "Disabled", "IfPossible", "Enabled" };
    const struct volume_mount *mounts = container->mounts.items;
    struct json *list = container->mounts.count > 0 ? json_set_array(one, "volumeMounts") : NULL;
    for (size_t i = 0; i < container->mounts.count; i++) {
        struct json *mount = json_new_texts("mountPath", mounts[i].mount_path, "name", mounts[i].name, NULL);
        if (mounts[i].read_only) {
            json_set_boolean(mount, "readOnly", true);
            json_set_text(mount, "recursiveReadOnly", recursive[mounts[i].recursive_read_only]);
        }
        json_add(list, mount);
    }
}

static void write_container(const struct pod_report *report, size_t index, struct json *one)
{
    const struct container *container = pod_container(report->view->pod, index);
    const struct container_shown *shown = &report->shown[index];
    bool waits = shown->state == SHOWN_WAITING;
    write_id(report, container->name, waits ? shown->last_attempt : shown->attempt, one);
    json_set_text(one, "name", container->name);
    json_set_text(one, "image", container->image);
    json_set_text(one, "imageID", report->image_ids[index] != NULL ? report->image_ids[index] : "");
    json_set_boolean(one, "ready", shown->ready);
    json_set_boolean(one, "started", shown->started);
    json_set_integer(one, "restartCount", shown->restarts);
    write_resources(container, one);
    write_state(report, index, one);
    write_mounts(container, one);
}

/* Kubernetes has them in the order of their names. */
static void sort_by_name(const struct pod *pod, size_t order[LIMIT_CONTAINERS])
{
    size_t inits = pod_init_count(pod);
    for (size_t i = inits; i < pod_count(pod); i++) {
        size_t at = i;
        for (; at > inits && strcmp(pod_container(pod, order[at - 1])->name, pod_container(pod, i)->name) > 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

void container_statuses_write(const struct pod_report *report, struct json *status)
{
    const struct pod *pod = report->view->pod;
    size_t inits = pod_init_count(pod), order[LIMIT_CONTAINERS];
    sort_by_name(pod, order);
    struct json *statuses = inits > 0 ? json_set_array(status, "initContainerStatuses") : NULL;
    for (size_t i = 0; i < inits; i++)
        write_container(report, i, json_add_object(statuses));
    statuses = json_set_array(status, "containerStatuses");
    for (size_t i = inits; i < pod_count(pod); i++)
        write_container(report, order[i], json_add_object(statuses));
}

/* What is told of a Deployment, a DaemonSet and a StatefulSet. */
#include <string.h>

#include "base/memory.h"
#include "protocol/replicas.h"

static bool is_available(const struct replicas_report *report)
{
    int64_t missing = report->wanted - report->available;
    return missing <= 0 || (report->unavailable_max > 1 && missing < report->unavailable_max);
}

static bool is_done(const struct replicas_report *report)
{
    return report->updated == report->wanted && report->present == report->wanted && report->available >= report->wanted;
}

/* Also while an update waits: what is asked of a plant is whether it is served. */
struct json *replicas_state_write(const struct replicas_report *report)
{
    bool good = report->present == report->wanted && report->available >= report->wanted;
    struct json *flat = owner_state_begin(&report->told, good ? "Running" : "Pending", good ? 2 : 1, good && report->wanted > 0);
    json_set_integer(flat, "restarts", report->restarts);
    json_set_integer(flat, "containers", report->wanted);
    json_set_integer(flat, "containersReady", report->ready);
    json_set_integer(flat, "updated", report->updated);
    json_set_integer(flat, "available", report->available);
    owner_state_end(flat, report->problem, report->message);
    return flat;
}

static void write_progress(const struct replicas_report *report, struct json *conditions)
{
    if (report->problem != NULL)
        owner_add_condition(conditions, "Progressing", false, report->problem, report->message);
    else if (report->late)
        owner_add_condition(conditions, "Progressing", false, "ProgressDeadlineExceeded",
                            report->message != NULL ? report->message : "It has not progressed for longer than it may.");
    else if (report->paused)
        owner_add_condition(conditions, "Progressing", true, "DeploymentPaused", "Deployment is paused");
    else
        owner_add_condition(conditions, "Progressing", true, is_done(report) ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                            report->message);
}

static void write_deployment(const struct replicas_report *report, struct json *status)
{
    json_set_integer(status, "replicas", report->present);
    json_set_integer(status, "updatedReplicas", report->updated);
    json_set_integer(status, "readyReplicas", report->ready);
    json_set_integer(status, "availableReplicas", report->available);
    int64_t missing = report->wanted - report->available;
    json_set_integer(status, "unavailableReplicas", missing > 0 ? missing : 0);
    struct json *conditions = json_set_array(status, "conditions");
    bool available = is_available(report);
    owner_add_condition(conditions, "Available", available,
                        available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                        available ? "Deployment has minimum availability." : "Deployment does not have minimum availability.");
    write_progress(report, conditions);
}

static void write_daemonset(const struct replicas_report *report, struct json *status)
{
    json_set_integer(status, "desiredNumberScheduled", report->wanted);
    json_set_integer(status, "currentNumberScheduled", report->present);
    json_set_integer(status, "updatedNumberScheduled", report->updated);
    json_set_integer(status, "numberReady", report->ready);
    json_set_integer(status, "numberAvailable", report->available);
    json_set_integer(status, "numberMisscheduled", 0);
}

static void write_set(const struct replicas_report *report, struct json *status)
{
    bool done = report->updated == report->present;
    json_set_integer(status, "replicas", report->present);
    json_set_integer(status, "readyReplicas", report->ready);
    json_set_integer(status, "availableReplicas", report->available);
    json_set_integer(status, "currentReplicas", done ? report->present : report->present - report->updated);
    json_set_integer(status, "updatedReplicas", report->updated);
    json_set_text(status, "updateRevision", report->revision);
}

struct json *replicas_status_write(const struct replicas_report *report)
{
    struct json *object = owner_status_begin(&report->told);
    struct json *status = json_get_mutable(object, "status");
    bool is_deployment = strcmp(report->told.id->resource, "deployments") == 0;
    if (is_deployment)
        write_deployment(report, status);
    else if (report->is_set)
        write_set(report, status);
    else
        write_daemonset(report, status);
    struct json *conditions = json_get_mutable(status, "conditions");
    if (conditions == NULL)
        conditions = json_set_array(status, "conditions");
    if (!is_deployment)
        owner_add_condition(conditions, "Ready", is_done(report), is_done(report) ? NULL : "PodsNotReady", report->message);
    if (!is_deployment && report->problem != NULL)
        owner_add_condition(conditions, "Progressing", false, report->problem, report->message);
    owner_status_end(&report->told, object);
    return object;
}

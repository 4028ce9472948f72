#include "protocol/owner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/container_status.h"
#include "protocol/names.h"
#include "protocol/pod_fields.h"

#define REPLICAS_MAX 100 /* on one device */

bool owner_is_one(const char *resource)
{
    return strcmp(resource, "deployments") == 0 || strcmp(resource, "daemonsets") == 0;
}

static void ignore_others(const struct json *object, const char *prefix, const char *const *known,
                          struct ignored_fields *ignored)
{
    JSON_EACH(child, object) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], json_key(child)) != 0)
            i++;
        AUTO_FREE char *path = mem_printf("%s%s", prefix, json_key(child));
        if (known[i] == NULL)
            ignored_add(ignored, path);
    }
}

/* Kubernetes: the selector must match the template's labels. */
static bool check_selector(const struct json *spec, const struct json *template, struct error *err)
{
    const struct json *labels = json_get(json_get(template, "metadata"), "labels");
    const struct json *wanted = json_get(json_get(spec, "selector"), "matchLabels");
    JSON_EACH(label, wanted) {
        const char *has = json_get_text(labels, json_key(label));
        if (json_text(label) == NULL || has == NULL || strcmp(has, json_text(label)) != 0)
            return error_set(err, ERROR_INVALID, "spec.template.metadata.labels: `selector` does not match template `labels` (%.80s)",
                             json_key(label));
    }
    return true;
}

/* The template is read as a Pod, and thrown away: it is kept as JSON, for its children. */
static bool check_template(const struct json *template, struct ignored_fields *ignored, struct error *err)
{
    struct ignored_fields own = { 0 };
    const struct json *spec = json_get(template, "spec");
    if (spec == NULL)
        return error_set(err, ERROR_INVALID, "spec.template.spec is required");
    struct pod *pod = pod_read(spec, &own, err);
    for (size_t i = 0; i < own.paths.count; i++) {
        AUTO_FREE char *path = mem_printf("spec.template.%s", own.paths.items[i]);
        ignored_add(ignored, path);
    }
    ignored_free(&own);
    bool good = pod != NULL;
    if (good && pod->restart_policy != RESTART_ALWAYS)
        good = error_set(err, ERROR_INVALID, "spec.template.spec.restartPolicy must be Always");
    pod_free(pod);
    return good || error_wrap(err, "spec.template");
}

static bool read_replicas(const struct json *spec, int64_t *replicas, struct error *err)
{
    const struct json *value = json_get(spec, "replicas");
    *replicas = 1;
    if (value == NULL || json_type(value) == JSON_NULL)
        return true;
    return (json_integer(value, replicas) && *replicas >= 0 && *replicas <= REPLICAS_MAX) ||
           error_set(err, ERROR_INVALID, "spec.replicas must be a whole number from 0 to %d", REPLICAS_MAX);
}

static bool has_claim(const struct json *template)
{
    JSON_EACH(volume, json_get(json_get(template, "spec"), "volumes"))
        if (json_get(volume, "persistentVolumeClaim") != NULL)
            return true;
    return false;
}

struct json *owner_read(const char *resource, const struct json *document, struct ignored_fields *ignored, struct error *err)
{
    static const char *const deployment[] = { "replicas", "selector", "template", "strategy", NULL };
    static const char *const daemonset[] = { "selector", "template", NULL };
    bool is_deployment = strcmp(resource, "deployments") == 0;
    const struct json *spec = json_get(document, "spec"), *template = json_get(spec, "template");
    int64_t replicas = 1;
    if (json_type(template) != JSON_OBJECT) {
        error_set(err, ERROR_INVALID, "spec.template is required");
        return NULL;
    }
    ignore_others(spec, "spec.", is_deployment ? deployment : daemonset, ignored);
    if (!check_selector(spec, template, err) || !check_template(template, ignored, err) ||
        (is_deployment && !read_replicas(spec, &replicas, err)))
        return NULL;
    const char *strategy = json_get_text(json_get(spec, "strategy"), "type");
    struct json *owner = json_new_object();
    json_set_integer(owner, "replicas", replicas);
    /* A local claim is for one at a time. */
    json_set_boolean(owner, "recreate", (strategy != NULL && strcmp(strategy, "Recreate") == 0) || has_claim(template));
    json_set(owner, "template", json_copy(template));
    return owner;
}

int64_t owner_replicas(const struct json *owner)
{
    return json_get_integer(owner, "replicas", 1);
}

bool owner_recreates(const struct json *owner)
{
    return json_get_boolean(owner, "recreate", false);
}

void owner_child_id(const struct object_id *id, int64_t index, struct object_id *child)
{
    memset(child, 0, sizeof(*child));
    memcpy(child->namespace, id->namespace, sizeof(child->namespace));
    snprintf(child->resource, sizeof(child->resource), "pods");
    snprintf(child->name, sizeof(child->name), "%.240s-%" PRId64, id->name, index);
}

struct json *owner_child(const struct object_id *id, const struct json *owner, int64_t index)
{
    const struct json *template = json_get(owner, "template");
    const struct json *labels = json_get(json_get(template, "metadata"), "labels");
    const struct json *annotations = json_get(json_get(template, "metadata"), "annotations");
    const struct resource *resource = resource_by_plural(id->resource);
    struct object_id child;
    owner_child_id(id, index, &child);
    struct json *pod = json_new_texts("apiVersion", "v1", "kind", "Pod", NULL);
    struct json *metadata = json_set_object(pod, "metadata");
    json_set_text(metadata, "name", child.name);
    json_set_text(metadata, "namespace", child.namespace);
    if (labels != NULL)
        json_set(metadata, "labels", json_copy(labels));
    if (annotations != NULL)
        json_set(metadata, "annotations", json_copy(annotations));
    json_add(json_set_array(metadata, "ownerReferences"),
             json_new_texts("apiVersion", resource->api_version, "kind", resource->kind, "name", id->name, NULL));
    json_set(pod, "spec", json_copy(json_get(template, "spec")));
    return pod;
}

/* ---- what is told */

static bool is_available(const struct owner_report *report)
{
    return report->ready >= report->wanted;
}

static bool is_updated(const struct owner_report *report)
{
    return report->updated == report->wanted && report->present == report->wanted;
}

struct json *owner_state_write(const struct owner_report *report)
{
    bool good = is_available(report) && is_updated(report);
    struct json *flat = json_new_texts("state", good ? "Running" : "Pending", NULL);
    json_set_integer(flat, "stateCode", good ? 2 : 1);
    json_set_integer(flat, "ready", good && report->wanted > 0);
    json_set_integer(flat, "restarts", report->restarts);
    json_set_integer(flat, "containers", report->wanted);
    json_set_integer(flat, "containersReady", report->ready);
    json_set_integer(flat, "createdAt", (int64_t)report->accepted_ms);
    json_set_text(flat, "reason", report->problem);
    json_set_text(flat, "message", report->message != NULL ? report->message : "");
    return flat;
}

static void add_condition(struct json *conditions, const char *type, bool is_true, const char *reason, const char *message)
{
    struct json *condition = json_add_object(conditions);
    json_set_text(condition, "type", type);
    json_set_text(condition, "status", is_true ? "True" : "False");
    json_set_text(condition, "reason", reason);
    json_set_text(condition, "message", message);
}

static void write_deployment(const struct owner_report *report, struct json *status)
{
    json_set_integer(status, "replicas", report->present);
    json_set_integer(status, "updatedReplicas", report->updated);
    json_set_integer(status, "readyReplicas", report->ready);
    json_set_integer(status, "availableReplicas", report->ready);
    json_set_integer(status, "unavailableReplicas", report->wanted > report->ready ? report->wanted - report->ready : 0);
    struct json *conditions = json_set_array(status, "conditions");
    bool available = is_available(report), done = available && is_updated(report);
    add_condition(conditions, "Available", available, available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                  available ? "Deployment has minimum availability." : "Deployment does not have minimum availability.");
    add_condition(conditions, "Progressing", report->problem == NULL,
                  report->problem != NULL ? report->problem : done ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                  report->message);
}

static void write_daemonset(const struct owner_report *report, struct json *status)
{
    json_set_integer(status, "desiredNumberScheduled", report->wanted);
    json_set_integer(status, "currentNumberScheduled", report->present);
    json_set_integer(status, "updatedNumberScheduled", report->updated);
    json_set_integer(status, "numberReady", report->ready);
    json_set_integer(status, "numberAvailable", report->ready);
    json_set_integer(status, "numberMisscheduled", 0);
    json_set_array(status, "conditions");
}

struct json *owner_status_write(const struct owner_report *report)
{
    const struct resource *resource = resource_by_plural(report->id->resource);
    struct json *object = json_new_texts("apiVersion", resource->api_version, "kind", resource->kind, NULL);
    struct json *metadata = json_set_object(object, "metadata");
    json_set_text(metadata, "name", report->id->name);
    json_set_text(metadata, "namespace", report->id->namespace);
    json_set_integer(metadata, "generation", report->generation);
    status_set_time(metadata, "creationTimestamp", report->accepted_ms);
    struct json *status = json_set_object(object, "status");
    json_set_integer(status, "observedGeneration", report->generation);
    if (strcmp(report->id->resource, "deployments") == 0)
        write_deployment(report, status);
    else
        write_daemonset(report, status);
    struct json *conditions = json_get_mutable(status, "conditions");
    add_condition(conditions, "Accepted", true, "Accepted", NULL);
    ignored_write(report->ignored, conditions);
    json_set_text(status, "source", report->source);
    return object;
}

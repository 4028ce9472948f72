#include "protocol/owner.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/after.h"
#include "protocol/app.h"
#include "protocol/container_status.h"
#include "protocol/document.h"
#include "protocol/cron_job.h"
#include "protocol/job.h"
#include "protocol/names.h"
#include "protocol/pod_fields.h"
#include "protocol/replicas.h"
#include "protocol/selector.h"

static const struct {
    const char *resource;
    struct json *(*read)(const char *resource, const struct json *document, struct ignored_fields *ignored,
                         struct error *err);
} kinds[] = { { "deployments", deployment_read }, { "daemonsets", deployment_read }, { "statefulsets", stateful_set_read },
              { "jobs", job_read },               { "cronjobs", cron_job_read },     { "apps", app_read } };

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static size_t kind_of(const char *resource)
{
    size_t i = 0;
    while (i < KIND_COUNT && strcmp(kinds[i].resource, resource) != 0)
        i++;
    return i;
}

struct json *owner_read(const char *resource, const struct json *document, struct ignored_fields *ignored, struct error *err)
{
    return kinds[kind_of(resource)].read(resource, document, ignored, err);
}

/* ---- reading */

static const struct json *said(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value != NULL && json_type(value) != JSON_NULL ? value : NULL;
}

bool owner_read_integer(const struct json *object, const char *path, const char *key, int64_t max, int64_t *value,
                        struct error *err)
{
    const struct json *found = said(object, key);
    int64_t number = 0;
    if (found == NULL)
        return true;
    if (!json_integer(found, &number) || number < 0 || number > max)
        return error_set(err, ERROR_INVALID, "%s%s must be a whole number from 0 to %" PRId64, path, key, max);
    *value = number;
    return true;
}

bool owner_read_flag(const struct json *object, const char *path, const char *key, bool *value, struct error *err)
{
    const struct json *found = said(object, key);
    return found == NULL || json_boolean(found, value) ||
           error_set(err, ERROR_INVALID, "%s%s must be true or false", path, key);
}

bool owner_read_word(const struct json *object, const char *path, const char *key, const char *const *words, size_t *index,
                     struct error *err)
{
    const struct json *found = said(object, key);
    const char *word = found != NULL ? json_text(found) : NULL;
    if (found == NULL)
        return true;
    for (size_t i = 0; word != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0) {
            *index = i;
            return true;
        }
    AUTO_FREE char *list = mem_strdup(words[0]);
    for (size_t i = 1; words[i] != NULL; i++) {
        char *longer = mem_printf("%s, %s", list, words[i]);
        free(list);
        list = longer;
    }
    return error_set(err, ERROR_INVALID, "%s%s must be one of %s", path, key, list);
}

static bool check_policy(const struct pod *pod, bool always, struct error *err)
{
    if (always == (pod->restart_policy == RESTART_ALWAYS))
        return true;
    return error_set(err, ERROR_INVALID, "spec.template.spec.restartPolicy must be %s",
                     always ? "Always" : "OnFailure or Never");
}

/* The template is read as a Pod, and thrown away: it is kept as JSON, for its children. */
bool owner_read_template(const struct json *spec, bool always, struct ignored_fields *ignored, struct error *err)
{
    struct ignored_fields own = { 0 };
    const struct json *template = json_get(spec, "template"), *inner = json_get(template, "spec");
    if (json_type(template) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "spec.template is required");
    if (inner == NULL)
        return error_set(err, ERROR_INVALID, "spec.template.spec is required");
    struct pod *pod = pod_read(inner, &own, err);
    for (size_t i = 0; i < own.paths.count; i++) {
        AUTO_FREE char *path = mem_printf("spec.template.%s", own.paths.items[i]);
        ignored_add(ignored, path);
    }
    ignored_free(&own);
    if (pod == NULL)
        return error_wrap(err, "spec.template");
    bool good = check_policy(pod, always, err) && after_check(json_get(json_get(template, "metadata"), "annotations"), err);
    pod_free(pod);
    return good;
}

bool owner_check_selector(const struct json *spec, struct error *err)
{
    const struct json *labels = json_get(json_get(json_get(spec, "template"), "metadata"), "labels");
    return selector_check(json_get(spec, "selector"), labels, err);
}

/* ---- children */

void owner_child_id(const struct object_id *owner, const char *resource, struct object_id *child, const char *format, ...)
{
    va_list args;
    memset(child, 0, sizeof(*child));
    memcpy(child->namespace, owner->namespace, sizeof(child->namespace));
    snprintf(child->resource, sizeof(child->resource), "%s", resource);
    va_start(args, format);
    vsnprintf(child->name, sizeof(child->name), format, args);
    va_end(args);
}

struct json *owner_child_new(const struct object_id *owner, const struct object_id *child, const struct json *template,
                             bool owned)
{
    const struct json *labels = json_get(json_get(template, "metadata"), "labels");
    const struct json *annotations = json_get(json_get(template, "metadata"), "annotations");
    const struct resource *of = resource_by_plural(owner->resource), *is = resource_by_plural(child->resource);
    struct json *document = json_new_texts("apiVersion", is->api_version, "kind", is->kind, NULL);
    struct json *metadata = json_set_object(document, "metadata");
    json_set_text(metadata, "name", child->name);
    json_set_text(metadata, "namespace", child->namespace);
    if (json_type(labels) == JSON_OBJECT)
        json_set(metadata, "labels", json_copy(labels));
    if (json_type(annotations) == JSON_OBJECT)
        json_set(metadata, "annotations", json_copy(annotations));
    if (owned)
        json_add(json_set_array(metadata, "ownerReferences"),
                 json_new_texts("apiVersion", of->api_version, "kind", of->kind, "name", owner->name, NULL));
    return document;
}

void owner_child_set(struct json *child, const char *map, const char *key, const char *value)
{
    struct json *metadata = json_get_mutable(child, "metadata");
    struct json *texts = json_get_mutable(metadata, map);
    json_set_text(texts != NULL ? texts : json_set_object(metadata, map), key, value);
}

/* ---- what is told */

struct json *owner_add_condition(struct json *conditions, const char *type, bool is_true, const char *reason,
                                 const char *message)
{
    struct json *condition = json_add_object(conditions);
    json_set_text(condition, "type", type);
    json_set_text(condition, "status", is_true ? "True" : "False");
    json_set_text(condition, "reason", reason);
    json_set_text(condition, "message", message);
    return condition;
}

struct json *owner_status_begin(const struct owner_told *told)
{
    const struct resource *resource = resource_by_plural(told->id->resource);
    struct json *object = json_new_texts("apiVersion", resource->api_version, "kind", resource->kind, NULL);
    struct json *metadata = json_set_object(object, "metadata");
    json_set_text(metadata, "name", told->id->name);
    json_set_text(metadata, "namespace", told->id->namespace);
    json_set_text(metadata, "uid", told->uid);
    json_set_integer(metadata, "generation", told->generation);
    status_set_time(metadata, "creationTimestamp", told->created_ms);
    json_set_integer(json_set_object(object, "status"), "observedGeneration", told->generation);
    return object;
}

void owner_add_acceptance(struct json *conditions, const struct refusal *refusal)
{
    struct json *condition = owner_add_condition(conditions, "Accepted", refusal == NULL,
                                                 refusal != NULL ? refusal->reason : "Accepted",
                                                 refusal != NULL ? refusal->message : NULL);
    if (refusal != NULL && refusal->generation >= 0)
        json_set_integer(condition, "refusedGeneration", refusal->generation);
}

void owner_status_end(const struct owner_told *told, struct json *object)
{
    struct json *status = json_get_mutable(object, "status");
    struct json *conditions = json_get_mutable(status, "conditions");
    if (conditions == NULL)
        conditions = json_set_array(status, "conditions");
    owner_add_acceptance(conditions, told->refusal);
    ignored_write(told->ignored, conditions);
    json_set_text(status, "source", told->source);
}

struct json *owner_state_begin(const struct owner_told *told, const char *state, int64_t code, bool ready)
{
    struct json *flat = json_new_texts("state", state, NULL);
    json_set_integer(flat, "stateCode", code);
    json_set_integer(flat, "ready", ready);
    status_set_ms(flat, "createdAt", told->created_ms);
    return flat;
}

void owner_state_end(struct json *flat, const char *reason, const char *message)
{
    json_set_text(flat, "reason", reason);
    json_set_text(flat, "message", message != NULL ? message : "");
}

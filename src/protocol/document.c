#include "protocol/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/after.h"
#include "protocol/app.h"
#include "protocol/claim.h"
#include "protocol/names.h"
#include "protocol/owner.h"
#include "protocol/secret_fields.h"
#include "protocol/service_fields.h"
#include "protocol/vm_pod.h"

void refusal_set(struct refusal *refusal, const char *reason, const char *format, ...)
{
    snprintf(refusal->reason, sizeof(refusal->reason), "%s", reason);
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof(refusal->message), format, args);
    va_end(args);
}

void document_strip(struct json *json)
{
    static const char *const written[] = { "uid", "resourceVersion", "managedFields", "generation",
                                           "creationTimestamp", "selfLink" };
    json_remove(json, "status");
    struct json *metadata = json_get_mutable(json, "metadata");
    if (metadata == NULL)
        return;
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
        json_remove(metadata, written[i]);
    struct json *annotations = json_get_mutable(metadata, "annotations");
    if (annotations == NULL)
        return;
    json_remove(annotations, DOCUMENT_GENERATION);
    json_remove(annotations, "kubectl.kubernetes.io/last-applied-configuration");
    if (json_size(annotations) == 0)
        json_remove(metadata, "annotations");
}

/* A string of digits, as annotations are; a bare number from a person's hand is understood too. */
static bool read_generation(const struct json *metadata, struct document *document, struct refusal *refusal)
{
    const struct json *value = json_get(json_get(metadata, "annotations"), DOCUMENT_GENERATION);
    if (value == NULL)
        return true;
    document->has_generation = true;
    const char *text = json_text(value);
    char *end = NULL;
    errno = 0;
    bool is_number = text == NULL ? json_integer(value, &document->generation) : false;
    if (text != NULL && text[0] >= '0' && text[0] <= '9') {
        document->generation = strtoll(text, &end, 10);
        is_number = errno == 0 && *end == '\0';
    }
    if (is_number && document->generation >= 0 && document->generation <= DOCUMENT_GENERATION_MAX) {
        refusal->generation = document->generation;
        return true;
    }
    refusal_set(refusal, "InvalidGeneration", "annotation " DOCUMENT_GENERATION " must be a whole number from 0 to 2^52");
    return false;
}

static bool texts_only(const struct json *metadata, const char *key, struct refusal *refusal)
{
    const struct json *map = json_get(metadata, key);
    if (map == NULL || json_type(map) == JSON_NULL)
        return true;
    bool good = json_type(map) == JSON_OBJECT;
    JSON_EACH(value, map)
        good = good && (json_text(value) != NULL || strcmp(json_key(value), DOCUMENT_GENERATION) == 0);
    if (!good)
        refusal_set(refusal, "InvalidDocument", "metadata.%s must map strings to strings", key);
    return good;
}

static bool read_kind(const struct json *json, struct document *document, struct refusal *refusal)
{
    const char *kind = json_get_text(json, "kind");
    const char *version = json_get_text(json, "apiVersion");
    if (kind == NULL || version == NULL) {
        refusal_set(refusal, "InvalidDocument", "kind and apiVersion are required");
        return false;
    }
    const struct resource *resource = resource_by_kind(kind);
    bool old_kubevirt = resource != NULL && strcmp(version, "kubevirt.io/v1alpha3") == 0 &&
                        strcmp(resource->api_version, "kubevirt.io/v1") == 0; /* the same fields */
    if (resource == NULL || !resource->honoured || (strcmp(resource->api_version, version) != 0 && !old_kubevirt)) {
        refusal_set(refusal, "UnsupportedKind", "%.60s of %.60s is not run by this version of Davit", kind, version);
        return false;
    }
    snprintf(document->id.resource, sizeof(document->id.resource), "%s", resource->plural);
    return true;
}

static bool read_identity(const struct object_id *id, const struct json *metadata, struct document *document,
                          struct refusal *refusal)
{
    const char *name = json_get_text(metadata, "name");
    const char *namespace = json_get_text(metadata, "namespace");
    if (namespace == NULL || namespace[0] == '\0')
        namespace = id != NULL ? id->namespace : "default";
    if (!name_is_subdomain(name) || !name_is_label(namespace)) {
        refusal_set(refusal, "InvalidName", "metadata.name must be a DNS subdomain, metadata.namespace a DNS label");
        return false;
    }
    snprintf(document->id.name, sizeof(document->id.name), "%s", name);
    snprintf(document->id.namespace, sizeof(document->id.namespace), "%s", namespace);
    if (id == NULL || object_id_compare(id, &document->id) == 0)
        return true;
    refusal_set(refusal, "NameMismatch", "the topic says %s/%s/%.100s, the document %s/%s/%.100s", id->namespace,
                id->resource, id->name, document->id.namespace, document->id.resource, document->id.name);
    return false;
}

static void ignore_metadata(const struct json *json, struct document *document)
{
    static const char *const known_metadata[] = { "name", "namespace", "labels", "annotations", "deletionTimestamp",
                                                  "uid", "resourceVersion", "managedFields", "generation",
                                                  "creationTimestamp", "selfLink", "ownerReferences", NULL };
    ignored_add_others(json_get(json, "metadata"), "metadata.", known_metadata, &document->ignored);
}

static bool read_secret(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable",
                                         "status", NULL };
    struct error err;
    ignored_add_others(json, "", known, &document->ignored);
    ignore_metadata(json, document);
    document->data = secret_read(json, &err);
    if (document->data == NULL)
        refusal_set(refusal, "InvalidSecret", "%s", err.message);
    return document->data != NULL;
}

static bool read_config_map(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "data", "binaryData", "immutable", NULL };
    struct error err;
    ignored_add_others(json, "", known, &document->ignored);
    ignore_metadata(json, document);
    document->data = config_map_read(json, &err);
    if (document->data == NULL)
        refusal_set(refusal, "InvalidConfigMap", "%s", err.message);
    return document->data != NULL;
}

/* A Pod has no such field, whatever pod_write makes. */
static struct pod *read_pod_spec(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    if (json_get(spec, POD_WRITTEN_VM) == NULL)
        return pod_read(spec, ignored, err);
    AUTO_JSON struct json *rest = json_copy(spec);
    json_remove(rest, POD_WRITTEN_VM);
    ignored_add(ignored, "spec." POD_WRITTEN_VM);
    return pod_read(rest, ignored, err);
}

/* What selects a machine is the labels of its instances; `metadata` of the object itself says the rest. */
static void take_metadata(struct pod *pod, const struct json *json)
{
    const struct json *own = json_get(json, "metadata");
    const struct json *inner = pod->vm != NULL ? json_get(json_get(json_get(json, "spec"), "template"), "metadata") : NULL;
    const struct json *labels = json_get(inner != NULL ? inner : own, "labels"), *annotations = json_get(own, "annotations");
    pod->labels = json_type(labels) == JSON_OBJECT ? json_copy(labels) : NULL;
    pod->annotations = json_type(annotations) == JSON_OBJECT ? json_copy(annotations) : NULL;
}

static bool read_workload(const struct json *json, struct document *document, struct refusal *refusal, const char *reason,
                          struct pod *(*read)(const struct json *spec, struct ignored_fields *ignored, struct error *err))
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
    ignored_add_others(json, "", known, &document->ignored);
    ignore_metadata(json, document);
    const struct json *spec = json_get(json, "spec");
    if (spec == NULL) {
        refusal_set(refusal, reason, "spec is required");
        return false;
    }
    struct error err;
    document->pod = read(spec, &document->ignored, &err);
    if (document->pod == NULL) {
        refusal_set(refusal, reason, "%s", err.message);
        return false;
    }
    take_metadata(document->pod, json);
    if (!after_check(json_get(json_get(json, "metadata"), "annotations"), &err)) {
        refusal_set(refusal, reason, "%s", err.message);
        return false;
    }
    if (document->pod->annotations != NULL) /* Davit's own; a pod's file of annotations does not change with each apply */
        json_remove(document->pod->annotations, DOCUMENT_GENERATION);
    pod_hash(document->pod, document->hash);
    return true;
}

static bool read_pod(const struct json *json, struct document *document, struct refusal *refusal)
{
    return read_workload(json, document, refusal, "InvalidPod", read_pod_spec);
}

/* KubeVirt: annotations that change the domain. */
static void ignore_hooks(const struct json *json, const char *path, struct document *document)
{
    static const char *const acted_upon[] = { "hooks.kubevirt.io/", "smbios.vm.kubevirt.io/" };
    JSON_EACH(annotation, json_get(json_get(json, "metadata"), "annotations"))
        for (size_t i = 0; i < sizeof(acted_upon) / sizeof(acted_upon[0]); i++) {
            AUTO_FREE char *below = mem_printf("%smetadata.annotations.%s", path, json_key(annotation));
            if (strncmp(json_key(annotation), acted_upon[i], strlen(acted_upon[i])) == 0)
                ignored_add(&document->ignored, below);
        }
}

static bool read_vm(const struct json *json, struct document *document, struct refusal *refusal)
{
    ignore_hooks(json_get(json_get(json, "spec"), "template"), "spec.template.", document);
    return read_workload(json, document, refusal, "InvalidVirtualMachine", vm_read);
}

static bool read_vm_instance(const struct json *json, struct document *document, struct refusal *refusal)
{
    ignore_hooks(json, "", document);
    return read_workload(json, document, refusal, "InvalidVirtualMachine", vm_instance_read);
}

static bool read_claim(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
    struct error err;
    ignored_add_others(json, "", known, &document->ignored);
    ignore_metadata(json, document);
    document->data = claim_read(json, &document->ignored, &err);
    if (document->data == NULL)
        refusal_set(refusal, "InvalidClaim", "%s", err.message);
    return document->data != NULL;
}

static bool read_owner(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
    struct error err;
    ignored_add_others(json, "", known, &document->ignored);
    ignore_metadata(json, document);
    document->data = owner_read(document->id.resource, json, &document->ignored, &err);
    if (document->data == NULL)
        refusal_set(refusal, "InvalidOwner", "%s", err.message);
    return document->data != NULL;
}

static bool read_service(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
    struct error err;
    ignored_add_others(json, "", known, &document->ignored);
    ignore_metadata(json, document);
    struct service *service = json_get(json, "spec") != NULL ? service_read(json_get(json, "spec"), &document->ignored, &err)
                                                             : (error_set(&err, ERROR_INVALID, "spec is required"), NULL);
    if (service == NULL) {
        refusal_set(refusal, "InvalidService", "%s", err.message);
        return false;
    }
    document->data = service_write(service);
    service_free(service);
    return true;
}

static bool read_content(const struct json *json, struct document *document, struct refusal *refusal)
{
    static const struct {
        const char *resource;
        bool (*read)(const struct json *json, struct document *document, struct refusal *refusal);
    } readers[] = { { "pods", read_pod }, { "virtualmachines", read_vm }, { "virtualmachineinstances", read_vm_instance },
                  { "secrets", read_secret }, { "configmaps", read_config_map }, { "persistentvolumeclaims", read_claim },
                  { "services", read_service }, { "deployments", read_owner }, { "daemonsets", read_owner }, { "statefulsets", read_owner },
                  { "jobs", read_owner }, { "cronjobs", read_owner }, { "apps", read_owner } };
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (strcmp(readers[i].resource, document->id.resource) == 0)
            return readers[i].read(json, document, refusal);
    refusal_set(refusal, "UnsupportedKind", "%s are not run by this version of Davit", document->id.resource);
    return false;
}

bool document_says(const struct json *document, const char *annotation)
{
    const char *word = json_get_text(json_get(json_get(document, "metadata"), "annotations"), annotation);
    return word != NULL && strcmp(word, "true") == 0;
}

/* Deleting is never a guess: `false`, 0 or "" in the place of a time is refused. */
static bool read_deletion(const struct json *json, struct document *document, struct refusal *refusal)
{
    const struct json *deleted = json_get(json_get(json, "metadata"), "deletionTimestamp");
    if (deleted == NULL || json_type(deleted) == JSON_NULL)
        return true;
    const char *time = json_text(deleted);
    document->tombstone = time != NULL && time[0] >= '0' && time[0] <= '9';
    document->purge = document->tombstone && document_says(json, CLAIM_PURGE);
    document->unmask = document->tombstone && document_says(json, DOCUMENT_UNMASK);
    if (!document->tombstone)
        refusal_set(refusal, "InvalidDocument", "metadata.deletionTimestamp must be a time, as 2026-11-23T08:17:00Z");
    return document->tombstone;
}

bool document_read_head(const struct json *json, struct document *document, struct refusal *refusal)
{
    const struct json *metadata = json_get(json, "metadata");
    if (metadata != NULL && json_type(metadata) != JSON_OBJECT) {
        refusal_set(refusal, "InvalidDocument", "metadata must be an object");
        return false;
    }
    return read_generation(metadata, document, refusal) && texts_only(metadata, "labels", refusal) &&
           texts_only(metadata, "annotations", refusal) && read_deletion(json, document, refusal);
}

static bool read_parts(const struct object_id *id, const struct json *json, struct document *document,
                       struct refusal *refusal)
{
    const struct json *metadata = json_get(json, "metadata");
    if (json_type(json) != JSON_OBJECT || metadata == NULL || json_type(metadata) != JSON_OBJECT) {
        refusal_set(refusal, "InvalidDocument", "a Kubernetes object with metadata is expected");
        return false;
    }
    if (!read_generation(metadata, document, refusal) || !texts_only(metadata, "labels", refusal) ||
        !texts_only(metadata, "annotations", refusal) || !read_kind(json, document, refusal) ||
        !read_identity(id, metadata, document, refusal))
        return false;
    document->owned = json_size(json_get(metadata, "ownerReferences")) > 0;
    if (json_size(json_get(metadata, "labels")) > 0)
        document->labels = json_copy(json_get(metadata, "labels"));
    return read_deletion(json, document, refusal) && (document->tombstone || read_content(json, document, refusal));
}

void document_content(const struct json *json, char content[DIGEST_HEX_BYTES])
{
    AUTO_JSON struct json *copy = json_copy(json);
    document_strip(copy);
    AUTO_FREE char *text = json_print_canonical(copy);
    digest_of(text, strlen(text), content);
}

bool document_read_json(const struct object_id *id, const struct json *json, struct document *document,
                        struct refusal *refusal)
{
    memset(document, 0, sizeof(*document));
    refusal->generation = -1;
    AUTO_JSON struct json *content = app_unfold(id, json);
    content = content != NULL ? content : json_copy(json);
    if (!read_parts(id, content, document, refusal)) {
        document_free(document);
        return false;
    }
    document_strip(content);
    document->text = json_print_canonical(content);
    digest_of(document->text, strlen(document->text), document->content);
    return true;
}

bool document_read(const struct object_id *id, const char *data, size_t len, struct document *document,
                   struct refusal *refusal)
{
    refusal->generation = -1;
    if (len > LIMIT_DOCUMENT_BYTES) {
        refusal_set(refusal, "TooLarge", "%zu bytes; a document has at most %d", len, LIMIT_DOCUMENT_BYTES);
        return false;
    }
    struct error err;
    AUTO_JSON struct json *json = json_parse(data, len, &err);
    if (json == NULL) {
        refusal_set(refusal, "InvalidJSON", "%s", err.message);
        return false;
    }
    return document_read_json(id, json, document, refusal);
}

void document_free(struct document *document)
{
    free(document->text);
    pod_free(document->pod);
    json_free(document->data);
    json_free(document->labels);
    ignored_free(&document->ignored);
    memset(document, 0, sizeof(*document));
}

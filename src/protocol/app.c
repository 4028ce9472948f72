#include "protocol/app.h"

#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "protocol/after.h"
#include "protocol/app_parts.h"
#include "protocol/document.h"
#include "protocol/job.h"
#include "protocol/kind_fields.h"
#include "protocol/names.h"
#include "protocol/replicas.h"

#define APP_LABEL "app.kubernetes.io/name"

enum app_restart { APP_ALWAYS, APP_ON_FAILURE, APP_NO };

struct json *app_unfold(const struct object_id *id, const struct json *json)
{
    static const char *const of_object[] = { "generation", "deletionTimestamp", "metadata" };
    if (id == NULL || strcmp(id->resource, "apps") != 0 || json_type(json) != JSON_OBJECT ||
        json_get(json, "kind") != NULL || json_get(json, "apiVersion") != NULL)
        return NULL;
    struct json *app = json_new_texts("apiVersion", "davit/v1", "kind", "App", NULL);
    const struct json *given = json_get(json, "metadata");
    struct json *metadata = json_type(given) == JSON_OBJECT ? json_copy(given) : json_new_object();
    json_set_text(metadata, "name", id->name);
    json_set_text(metadata, "namespace", id->namespace);
    if (json_get(json, "deletionTimestamp") != NULL)
        json_set(metadata, "deletionTimestamp", json_copy(json_get(json, "deletionTimestamp")));
    if (json_get(json, "generation") != NULL) {
        struct json *annotations = json_get_mutable(metadata, "annotations");
        json_set(annotations != NULL ? annotations : json_set_object(metadata, "annotations"), DOCUMENT_GENERATION,
                 json_copy(json_get(json, "generation")));
    }
    json_set(app, "metadata", metadata);
    struct json *spec = json_copy(json);
    for (size_t i = 0; i < sizeof(of_object) / sizeof(of_object[0]); i++)
        json_remove(spec, of_object[i]);
    json_set(app, "spec", spec);
    return app;
}

/* A shorthand has no room for silent mistakes. */
static bool check_fields(const struct json *spec, struct error *err)
{
    struct ignored_fields others = { 0 };
    bool read = kind_read_others(&app_spec_table, spec, "", &others, err);
    const char *first = read && others.count > 0 ? others.paths.items[0] : NULL;
    bool good = read && first == NULL;
    const char *near = first != NULL ? nearest_word(first, app_spec_table.fields, field_count(&app_spec_table), sizeof(struct field))
                                     : NULL;
    if (near != NULL)
        error_set(err, ERROR_INVALID, "\"%.60s\" is no field of an App. Did you mean %s?", first, near);
    else if (first != NULL)
        error_set(err, ERROR_INVALID, "\"%.60s\" is no field of an App: image, command, args, env, ports, volumes, devices, "
                                      "memory, cpu, restart, health, after, replicas and labels are", first);
    ignored_free(&others);
    return good;
}

static bool read_after(const struct json *spec, const char *ns, struct json *annotations, struct error *err)
{
    const struct json *said = json_get(spec, "after");
    struct object_id ids[LIMIT_AFTER];
    size_t count = 0;
    if (said == NULL || json_type(said) == JSON_NULL)
        return true;
    AUTO_STRBUF struct strbuf words;
    strbuf_init(&words, 8192);
    bool good = json_type(said) == JSON_ARRAY;
    JSON_EACH(one, said) {
        good = good && json_text(one) != NULL && json_text(one)[0] != '\0';
        strbuf_printf(&words, "%s%s", words.len > 0 ? "," : "", json_text(one) != NULL ? json_text(one) : "");
    }
    if (!good)
        return error_set(err, ERROR_INVALID, "after must be a list of objects, as [\"apps/db\"]");
    if (words.len == 0)
        return true;
    json_set_text(annotations, AFTER_ANNOTATION, words.data);
    return after_parse(words.data, ns, ids, &count, err);
}

static bool read_labels(const struct json *spec, struct json *labels, struct error *err)
{
    const struct json *said = json_get(spec, "labels");
    bool good = said == NULL || json_type(said) == JSON_NULL || json_type(said) == JSON_OBJECT;
    JSON_EACH(label, said) {
        good = good && json_text(label) != NULL && strcmp(json_key(label), APP_LABEL) != 0;
        if (good)
            json_set_text(labels, json_key(label), json_text(label));
    }
    return good || error_set(err, ERROR_INVALID, "labels must map texts to texts, other than " APP_LABEL);
}

/* ---- the documents */

static void add_claims(const struct app_parts *parts, struct json *documents)
{
    JSON_EACH(claim, parts->claims) {
        struct object_id id;
        bool again = false;
        owner_child_id(parts->id, "persistentvolumeclaims", &id, "%s", json_get_text(claim, "name"));
        JSON_EACH(other, documents) {
            const char *name = json_get_text(json_get(other, "metadata"), "name");
            again = again || strcmp(name, id.name) == 0;
        }
        if (again)
            continue;
        struct json *document = owner_child_new(parts->id, &id, NULL, true);
        struct json *spec = json_set_object(document, "spec");
        json_add_text(json_set_array(spec, "accessModes"), "ReadWriteOnce");
        json_set_text(json_set_object(json_set_object(spec, "resources"), "requests"), "storage", json_get_text(claim, "size"));
        json_add(documents, document);
    }
}

static void add_service(const struct app_parts *parts, struct json *documents)
{
    struct object_id id;
    if (json_size(parts->ports) == 0 || !resource_by_plural("services")->honoured)
        return;
    owner_child_id(parts->id, "services", &id, "%s", parts->id->name);
    struct json *document = owner_child_new(parts->id, &id, NULL, true);
    struct json *spec = json_set_object(document, "spec");
    json_set_text(json_set_object(spec, "selector"), APP_LABEL, parts->id->name);
    json_set(spec, "ports", json_copy(parts->ports));
    json_add(documents, document);
}

static struct json *main_document(const struct app_parts *parts, enum app_restart restart, int64_t replicas,
                                  struct json *template)
{
    struct object_id id;
    owner_child_id(parts->id, restart == APP_ALWAYS ? "deployments" : "jobs", &id, "%s", parts->id->name);
    struct json *document = owner_child_new(parts->id, &id, NULL, true);
    struct json *spec = json_set_object(document, "spec");
    if (restart == APP_ALWAYS) {
        json_set_integer(spec, "replicas", replicas);
        json_set_text(json_set_object(json_set_object(spec, "selector"), "matchLabels"), APP_LABEL, parts->id->name);
        if (json_size(parts->claims) > 0)
            json_set_text(json_set_object(spec, "strategy"), "type", "Recreate");
    } else {
        json_set_integer(spec, "completions", replicas);
        json_set_integer(spec, "parallelism", replicas);
        json_set_integer(spec, "backoffLimit", restart == APP_NO ? 0 : INT32_MAX);
    }
    json_set(spec, "template", template);
    return document;
}

static void drop_empty(struct json *object, const char *key)
{
    if (json_size(json_get(object, key)) == 0)
        json_remove(object, key);
}

static struct json *make_documents(struct app_parts *parts, struct json *template, enum app_restart restart, int64_t replicas)
{
    static const char *const policies[] = { "Always", "OnFailure", "Never" };
    struct json *documents = json_new_array();
    struct json *metadata = json_get_mutable(template, "metadata");
    drop_empty(metadata, "annotations");
    drop_empty(parts->pod, "volumes");
    drop_empty(parts->container, "volumeMounts");
    if (restart != APP_ALWAYS)
        json_set_text(parts->pod, "restartPolicy", policies[restart]);
    struct json *pod = json_copy(parts->pod);
    json_add(json_set_array(pod, "containers"), json_copy(parts->container));
    json_set(template, "spec", pod);
    json_add(documents, main_document(parts, restart, replicas, json_copy(template)));
    AUTO_JSON struct json *claims = json_new_array();
    add_claims(parts, claims);
    JSON_EACH(claim, claims)
        json_add(documents, json_copy(claim));
    add_service(parts, documents);
    return documents;
}

struct json *app_expand(const struct object_id *id, const struct json *spec, struct error *err)
{
    AUTO_JSON struct json *pod = json_new_object();
    AUTO_JSON struct json *container = json_new_texts("name", "main", NULL);
    AUTO_JSON struct json *claims = json_new_array();
    AUTO_JSON struct json *ports = json_new_array();
    AUTO_JSON struct json *template = json_new_object();
    struct json *metadata = json_set_object(template, "metadata");
    struct json *labels = json_set_object(metadata, "labels");
    struct app_parts parts = { .id = id, .spec = spec, .pod = pod, .container = container, .claims = claims, .ports = ports };
    int64_t replicas = 1;
    size_t restart = APP_ALWAYS;
    json_set_text(labels, APP_LABEL, id->name);
    if (!check_fields(spec, err) || !app_read_command(&parts, err) || !app_read_env(&parts, err) ||
        !app_read_ports(&parts, err) || !app_read_volumes(&parts, err) || !app_read_devices(&parts, err) ||
        !app_read_limits(&parts, err) || !app_read_health(&parts, err) || !read_labels(spec, labels, err) ||
        !read_after(spec, id->namespace, json_set_object(metadata, "annotations"), err) ||
        !owner_read_integer(spec, "", "replicas", LIMIT_REPLICAS, &replicas, err) ||
        !owner_read_word(spec, "", "restart", app_restart_words, &restart, err))
        return NULL;
    if (replicas > 1 && parts.host_ports) {
        error_set(err, ERROR_INVALID, "replicas: only one can have a port of the host; give the container's port alone");
        return NULL;
    }
    return make_documents(&parts, template, (enum app_restart)restart, replicas);
}

/* What it means is read as it will be: what is wrong is said of the App. */
static bool check_main(const struct json *expansion, struct error *err)
{
    struct ignored_fields own = { 0 };
    const struct json *main = json_first(expansion);
    const char *kind = json_get_text(main, "kind");
    struct json *read = strcmp(kind, "Job") == 0 ? job_read("jobs", main, &own, err) : deployment_read("deployments", main, &own, err);
    ignored_free(&own);
    json_free(read);
    return read != NULL;
}

struct json *app_read(const char *resource, const struct json *document, struct ignored_fields *ignored, struct error *err)
{
    static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
    const struct json *metadata = json_get(document, "metadata"), *spec = json_get(document, "spec");
    const char *ns = json_get_text(metadata, "namespace"), *name = json_get_text(metadata, "name");
    struct object_id here = { .namespace = "default" }, id;
    (void)ignored;
    JSON_EACH(field, document) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], json_key(field)) != 0)
            i++;
        if (known[i] != NULL)
            continue;
        error_set(err, ERROR_INVALID, "\"%.60s\" must be below spec", json_key(field));
        return NULL;
    }
    if (json_type(spec) != JSON_OBJECT) {
        error_set(err, ERROR_INVALID, "spec is required, with image at least");
        return NULL;
    }
    if (ns != NULL && strlen(ns) <= LIMIT_LABEL_BYTES)
        memcpy(here.namespace, ns, strlen(ns) + 1);
    owner_child_id(&here, resource, &id, "%s", name);
    AUTO_JSON struct json *expansion = app_expand(&id, spec, err);
    if (expansion == NULL || !check_main(expansion, err))
        return NULL;
    struct json *app = json_new_object();
    json_set(app, "spec", json_copy(spec));
    return app;
}

/* ---- what is told */

struct json *app_state_write(const struct app_report *report)
{
    static const char *const copied[] = { "restarts", "containers", "containersReady", "active", "succeeded", "failed" };
    const char *state = json_get_text(report->main, "state");
    bool good = report->problem == NULL;
    struct json *flat = owner_state_begin(&report->told, good && state != NULL ? state : "Pending",
                                          good ? json_get_integer(report->main, "stateCode", 1) : 1,
                                          good && json_get_integer(report->main, "ready", 0) == 1);
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        if (json_get(report->main, copied[i]) != NULL)
            json_set_integer(flat, copied[i], json_get_integer(report->main, copied[i], 0));
    owner_state_end(flat, good ? json_get_text(report->main, "reason") : report->problem,
                    good ? json_get_text(report->main, "message") : report->message);
    return flat;
}

struct json *app_status_write(const struct app_report *report)
{
    struct json *object = owner_status_begin(&report->told);
    struct json *status = json_get_mutable(object, "status");
    bool ready = report->problem == NULL && json_get_integer(report->main, "ready", 0) == 1;
    const char *reason = report->problem != NULL ? report->problem : json_get_text(report->main, "reason");
    const char *message = report->problem != NULL ? report->message : json_get_text(report->main, "message");
    bool done = json_get_integer(report->main, "stateCode", 0) == 3; /* it ran to its end */
    owner_add_condition(json_set_array(status, "conditions"), "Ready", ready, ready ? done ? "Completed" : NULL : reason,
                        ready || (message != NULL && message[0] == '\0') ? NULL : message);
    json_set(status, "expansion", json_copy(report->expansion));
    owner_status_end(&report->told, object);
    return object;
}

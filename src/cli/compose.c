#include "config.h"

#include "cli/compose.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/compose_service.h"
#include "cli/compose_values.h"
#include "davit/limits.h"
#include "protocol/names.h"

#define LABEL "app.kubernetes.io/name"
#define PROJECT "app.kubernetes.io/part-of"

bool compose_error(const struct compose_service *service, const char *key, struct error *err, const char *format, ...)
{
    va_list args;
    err->code = ERROR_INVALID;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return error_wrap(err, "services.%s.%s", service->name, key);
}

bool compose_remark(const struct compose_service *service, const char *key, const char *what, struct error *err)
{
    AUTO_FREE char *text = mem_printf("services.%s.%s: %s", service->name, key, what);
    return service->compose->source->remark(service->compose->source->ctx, text, err);
}

struct json *compose_object(struct json *parent, const char *key)
{
    struct json *object = json_get_mutable(parent, key);
    return object != NULL ? object : json_set_object(parent, key);
}

struct json *compose_array(struct json *parent, const char *key)
{
    struct json *array = json_get_mutable(parent, key);
    return array != NULL ? array : json_set_array(parent, key);
}

bool compose_is_one(const struct json *document)
{
    return json_type(json_get(document, "services")) == JSON_OBJECT && json_get(document, "kind") == NULL &&
           json_get(document, "apiVersion") == NULL;
}

/* Some other service waits until this one has run to its end. */
static bool is_awaited_to_end(const struct json *file, const char *service)
{
    JSON_EACH(other, json_get(file, "services")) {
        const char *condition = json_get_text(json_get(json_get(other, "depends_on"), service), "condition");
        if (condition != NULL && strcmp(condition, "service_completed_successfully") == 0)
            return true;
    }
    return false;
}

static bool is_on_failure(const char *restart)
{
    return restart != NULL && strncmp(restart, "on-failure", 10) == 0;
}

/* Who says nothing of restarts is a service all the same: a device starts by itself what is to run on it. */
const char *compose_resource(const struct json *file, const char *service)
{
    const char *restart = json_get_text(json_get(json_get(file, "services"), service), "restart");
    bool ends = restart != NULL ? strcmp(restart, "no") == 0 || is_on_failure(restart) : is_awaited_to_end(file, service);
    return ends ? "jobs" : "deployments";
}

static struct json *object_new(const struct compose *compose, const char *version, const char *kind, const char *name)
{
    struct json *object = json_new_texts("apiVersion", version, "kind", kind, NULL);
    struct json *metadata = json_set_object(object, "metadata");
    const char *project = json_get_text(compose->file, "name");
    json_set_text(metadata, "name", name);
    struct json *labels = json_set_object(metadata, "labels");
    json_set_text(labels, LABEL, name);
    json_set_text(labels, PROJECT, project);
    return object;
}

static bool read_replicas(const struct compose_service *service, int64_t *replicas, struct error *err)
{
    const struct json *deploy = json_get(json_get(service->said, "deploy"), "replicas"), *scale = json_get(service->said, "scale");
    const struct json *value = deploy != NULL ? deploy : scale;
    *replicas = 1;
    if (value != NULL && (!json_integer(value, replicas) || *replicas < 0 || *replicas > LIMIT_REPLICAS))
        return compose_error(service, deploy != NULL ? "deploy.replicas" : "scale", err, "a number up to %d is expected", LIMIT_REPLICAS);
    if (*replicas > 1 && service->host_ports)
        return compose_error(service, "ports", err, "%lld replicas cannot have one port of the device", (long long)*replicas);
    return true;
}

/* What runs it: a Deployment, or a Job. */
static bool add_workload(struct compose_service *service, struct json *template, struct error *err)
{
    struct compose *compose = service->compose;
    bool is_job = strcmp(compose_resource(compose->file, service->name), "jobs") == 0;
    const char *restart = json_get_text(service->said, "restart");
    bool again = is_on_failure(restart);
    int64_t replicas = 1, tries = again ? INT32_MAX : 0;
    if (!read_replicas(service, &replicas, err))
        return false;
    if (again && restart[10] == ':' && sscanf(restart + 11, "%9" SCNd64, &tries) != 1)
        return compose_error(service, "restart", err, "a number is expected behind on-failure:");
    struct json *object = is_job ? object_new(compose, "batch/v1", "Job", service->name)
                                 : object_new(compose, "apps/v1", "Deployment", service->name);
    json_add(compose->objects, object);
    struct json *spec = json_set_object(object, "spec");
    if (is_job) {
        json_set_integer(spec, "backoffLimit", tries);
        json_set_text(json_get_mutable(template, "spec"), "restartPolicy", again ? "OnFailure" : "Never");
    } else {
        json_set_integer(spec, "replicas", replicas);
        json_set_text(json_set_object(json_set_object(spec, "selector"), "matchLabels"), LABEL, service->name);
        if (service->claims || service->host_ports)
            json_set_text(json_set_object(spec, "strategy"), "type", "Recreate");
    }
    json_set(spec, "template", json_copy(template));
    return true;
}

/* Compose: all services of a project reach each other by name. Headless: whatever port, and also before they are ready. */
static void add_name(struct compose_service *service)
{
    struct json *object = object_new(service->compose, "v1", "Service", service->name);
    struct json *spec = json_set_object(object, "spec");
    json_set_text(spec, "clusterIP", "None");
    json_set_boolean(spec, "publishNotReadyAddresses", true);
    json_set_text(json_set_object(spec, "selector"), LABEL, service->name);
    json_add(service->compose->objects, object);
}

static bool read_service(struct compose *compose, const struct json *said, struct error *err)
{
    AUTO_JSON struct json *template = json_new_object();
    struct compose_service service = {.compose = compose, .name = json_key(said), .said = said};
    if (json_type(said) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "services.%s: a map is expected", service.name);
    if (!name_is_label(service.name))
        return error_set(err, ERROR_INVALID, "services.%s: a name of an object is a-z, 0-9 and -, at most 63", service.name);
    service.metadata = json_set_object(template, "metadata");
    struct json *labels = json_set_object(service.metadata, "labels");
    json_set_text(labels, LABEL, service.name);
    json_set_text(labels, PROJECT, json_get_text(compose->file, "name"));
    service.pod = json_set_object(template, "spec");
    service.container = json_add_object(json_set_array(service.pod, "containers"));
    json_set_text(service.container, "name", service.name);
    if (json_get(said, "profiles") != NULL)
        return compose_remark(&service, "profiles", "the service is left out, as Compose does without --profile", err);
    if (!compose_read_fields(&service, err))
        return false;
    bool own_address = !json_get_boolean(service.pod, "hostNetwork", false);
    if (!add_workload(&service, template, err))
        return false;
    if (own_address)
        add_name(&service);
    return true;
}

static bool check_top(const struct compose *compose, struct error *err)
{
    static const char *const KNOWN[] = {"name", "version", "services", "volumes", "configs", "secrets"};
    JSON_EACH(field, compose->file) {
        size_t i = 0;
        while (i < 6 && strcmp(KNOWN[i], json_key(field)) != 0)
            i++;
        if (i < 6 || strncmp(json_key(field), "x-", 2) == 0)
            continue;
        if (strcmp(json_key(field), "networks") != 0)
            return error_set(err, ERROR_UNSUPPORTED, "%s: Davit has nothing for it", json_key(field));
        if (!compose->source->remark(compose->source->ctx,
                                     "networks: left out, all services of a device reach each other by name", err))
            return false;
    }
    const char *name = json_get_text(compose->file, "name");
    return name == NULL || name_is_label(name) || error_set(err, ERROR_INVALID, "name: \"%s\" is none: a-z, 0-9 and -", name);
}

struct json *compose_convert(const struct json *document, const struct compose_source *source, struct error *err)
{
    AUTO_JSON struct json *file = compose_interpolate(document, source, err);
    AUTO_JSON struct json *objects = json_new_array();
    struct compose compose = {.file = file, .source = source, .objects = objects};
    if (file == NULL || !check_top(&compose, err) || !compose_read_claims(&compose, err) || !compose_read_stores(&compose, err))
        return NULL;
    JSON_EACH(service, json_get(file, "services"))
        if (!read_service(&compose, service, err))
            return NULL;
    return mem_steal(&objects);
}

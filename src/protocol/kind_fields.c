#include "protocol/kind_fields.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/pod_fields.h"
#include "protocol/service_fields.h"
#include "protocol/vm_fields.h"

#define NAMES(...) { 0, (const struct field[]){ __VA_ARGS__, { 0 } } }
#define SECONDS_MAX 2147483647

const char *const deployment_strategy_words[] = { "RollingUpdate", "Recreate", NULL };
const char *const set_strategy_words[] = { "RollingUpdate", "OnDelete", NULL };
const char *const management_words[] = { "OrderedReady", "Parallel", NULL };
const char *const retention_words[] = { "Retain", "Delete", NULL };
const char *const completion_words[] = { "NonIndexed", "Indexed", NULL };
const char *const concurrency_words[] = { "Allow", "Forbid", "Replace", NULL };
const char *const app_restart_words[] = { "always", "on-failure", "no", NULL };

/* ---- what all have */

static const struct field_table metadata_table = NAMES(
    { .name = "name", .type = FIELD_TEXT, .required = true },
    { .name = "namespace", .type = FIELD_TEXT },
    { .name = "labels", .type = FIELD_JSON },
    { .name = "annotations", .type = FIELD_JSON });

static const struct field_table template_metadata_table = NAMES(
    { .name = "labels", .type = FIELD_JSON },
    { .name = "annotations", .type = FIELD_JSON });

#define OBJECT_FIELDS                                                                                                  \
    { .name = "apiVersion", .type = FIELD_TEXT, .required = true }, { .name = "kind", .type = FIELD_TEXT, .required = true }, \
    { .name = "metadata", .type = FIELD_OBJECT, .required = true, .nested = &metadata_table }
#define OBJECT(of) NAMES(OBJECT_FIELDS, { .name = "spec", .type = FIELD_OBJECT, .required = true, .nested = &of })

static const struct field_table template_table = NAMES(
    { .name = "metadata", .type = FIELD_OBJECT, .nested = &template_metadata_table },
    { .name = "spec", .type = FIELD_OBJECT, .required = true, .nested = &pod_table });

static const struct field_table selector_table = NAMES(
    { .name = "matchLabels", .type = FIELD_JSON },
    { .name = "matchExpressions", .type = FIELD_JSON });

#define TEMPLATE { .name = "template", .type = FIELD_OBJECT, .required = true, .nested = &template_table }
#define SELECTOR { .name = "selector", .type = FIELD_OBJECT, .nested = &selector_table }
#define REPLICAS { .name = "replicas", .type = FIELD_INTEGER, .fallback = 1, .max = LIMIT_REPLICAS }
#define HISTORY { .name = "revisionHistoryLimit", .type = FIELD_INTEGER, .fallback = 10, .max = SECONDS_MAX }
#define MIN_READY { .name = "minReadySeconds", .type = FIELD_INTEGER, .max = SECONDS_MAX }

/* ---- Deployment, DaemonSet */

static const struct field_table unavailable_table = NAMES({ .name = "maxUnavailable", .type = FIELD_PORT });

static const struct field_table strategy_table = NAMES(
    { .name = "type", .type = FIELD_WORD, .words = deployment_strategy_words },
    { .name = "rollingUpdate", .type = FIELD_OBJECT, .nested = &unavailable_table });

static const struct field_table update_table = NAMES(
    { .name = "type", .type = FIELD_WORD, .words = set_strategy_words },
    { .name = "rollingUpdate", .type = FIELD_OBJECT, .nested = &unavailable_table });

const struct field_table deployment_spec_table = NAMES(
    REPLICAS, SELECTOR, TEMPLATE, HISTORY,
    { .name = "strategy", .type = FIELD_OBJECT, .nested = &strategy_table },
    MIN_READY,
    { .name = "progressDeadlineSeconds", .type = FIELD_INTEGER, .fallback = 600, .max = SECONDS_MAX },
    { .name = "paused", .type = FIELD_BOOL });

const struct field_table daemon_set_spec_table = NAMES(
    SELECTOR, TEMPLATE, HISTORY, MIN_READY,
    { .name = "updateStrategy", .type = FIELD_OBJECT, .nested = &update_table });

/* ---- StatefulSet */

static const char *const access_words[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod", NULL };

static const struct field_table partition_table = NAMES(
    { .name = "partition", .type = FIELD_INTEGER, .max = LIMIT_REPLICAS });

static const struct field_table set_update_table = NAMES(
    { .name = "type", .type = FIELD_WORD, .words = set_strategy_words },
    { .name = "rollingUpdate", .type = FIELD_OBJECT, .nested = &partition_table });

static const struct field_table ordinals_table = NAMES({ .name = "start", .type = FIELD_INTEGER, .max = 1000000 });

static const struct field_table retention_table = NAMES(
    { .name = "whenScaled", .type = FIELD_WORD, .words = retention_words },
    { .name = "whenDeleted", .type = FIELD_WORD, .words = retention_words });

static const struct field_table claim_requests_table = NAMES(
    { .name = "storage", .type = FIELD_QUANTITY, .required = true });

static const struct field_table claim_resources_table = NAMES(
    { .name = "requests", .type = FIELD_OBJECT, .required = true, .nested = &claim_requests_table });

static const char *const volume_modes[] = { "Filesystem", "Block", NULL };

const struct field_table claim_spec_table = NAMES(
    { .name = "accessModes", .type = FIELD_TEXTS, .required = true, .words = access_words, .max = 4 },
    { .name = "resources", .type = FIELD_OBJECT, .required = true, .nested = &claim_resources_table },
    { .name = "volumeMode", .type = FIELD_WORD, .words = volume_modes });

static const struct field_table claim_template_table = NAMES(
    { .name = "metadata", .type = FIELD_OBJECT, .required = true, .nested = &metadata_table },
    { .name = "spec", .type = FIELD_OBJECT, .required = true, .nested = &claim_spec_table });

const struct field_table stateful_set_spec_table = NAMES(
    REPLICAS, SELECTOR, TEMPLATE, HISTORY,
    { .name = "serviceName", .type = FIELD_TEXT },
    { .name = "podManagementPolicy", .type = FIELD_WORD, .words = management_words },
    { .name = "updateStrategy", .type = FIELD_OBJECT, .nested = &set_update_table },
    MIN_READY,
    { .name = "ordinals", .type = FIELD_OBJECT, .nested = &ordinals_table },
    { .name = "volumeClaimTemplates", .type = FIELD_OBJECTS, .nested = &claim_template_table, .max = LIMIT_VOLUMES },
    { .name = "persistentVolumeClaimRetentionPolicy", .type = FIELD_OBJECT, .nested = &retention_table });

/* ---- Job, CronJob */

const struct field_table job_spec_table = NAMES(
    TEMPLATE,
    { .name = "completions", .type = FIELD_INTEGER, .fallback = POD_UNSET, .max = LIMIT_COMPLETIONS },
    { .name = "parallelism", .type = FIELD_INTEGER, .fallback = 1, .max = LIMIT_PARALLELISM },
    { .name = "backoffLimit", .type = FIELD_INTEGER, .fallback = 6, .max = SECONDS_MAX },
    { .name = "activeDeadlineSeconds", .type = FIELD_INTEGER, .fallback = POD_UNSET, .max = SECONDS_MAX },
    { .name = "ttlSecondsAfterFinished", .type = FIELD_INTEGER, .fallback = POD_UNSET, .max = SECONDS_MAX },
    { .name = "completionMode", .type = FIELD_WORD, .words = completion_words },
    { .name = "suspend", .type = FIELD_BOOL });

static const struct field_table job_template_table = NAMES(
    { .name = "metadata", .type = FIELD_OBJECT, .nested = &template_metadata_table },
    { .name = "spec", .type = FIELD_OBJECT, .required = true, .nested = &job_spec_table });

const struct field_table cron_job_spec_table = NAMES(
    { .name = "schedule", .type = FIELD_TEXT, .required = true },
    { .name = "timeZone", .type = FIELD_TEXT },
    { .name = "concurrencyPolicy", .type = FIELD_WORD, .words = concurrency_words },
    { .name = "suspend", .type = FIELD_BOOL },
    { .name = "startingDeadlineSeconds", .type = FIELD_INTEGER, .fallback = POD_UNSET, .max = SECONDS_MAX },
    { .name = "successfulJobsHistoryLimit", .type = FIELD_INTEGER, .fallback = 3, .max = LIMIT_REPLICAS },
    { .name = "failedJobsHistoryLimit", .type = FIELD_INTEGER, .fallback = 1, .max = LIMIT_REPLICAS },
    { .name = "jobTemplate", .type = FIELD_OBJECT, .required = true, .nested = &job_template_table });

/* ---- App */

const struct field_table app_spec_table = NAMES(
    { .name = "image", .type = FIELD_TEXT, .required = true },
    { .name = "command", .type = FIELD_JSON },
    { .name = "args", .type = FIELD_TEXTS, .max = LIMIT_ARGS },
    { .name = "env", .type = FIELD_JSON },
    { .name = "ports", .type = FIELD_JSON },
    { .name = "volumes", .type = FIELD_JSON },
    { .name = "devices", .type = FIELD_JSON },
    { .name = "memory", .type = FIELD_QUANTITY },
    { .name = "cpu", .type = FIELD_QUANTITY },
    { .name = "restart", .type = FIELD_WORD, .words = app_restart_words },
    { .name = "health", .type = FIELD_JSON },
    { .name = "after", .type = FIELD_TEXTS, .max = LIMIT_AFTER },
    REPLICAS,
    { .name = "labels", .type = FIELD_JSON });

/* ---- the kinds */

static const struct field_table pod_object = OBJECT(pod_table);
static const struct field_table service_object = OBJECT(service_table);
static const struct field_table vm_object = OBJECT(vm_table);
static const struct field_table vm_instance_object = OBJECT(vm_spec_table);
static const struct field_table deployment_object = OBJECT(deployment_spec_table);
static const struct field_table daemon_set_object = OBJECT(daemon_set_spec_table);
static const struct field_table stateful_set_object = OBJECT(stateful_set_spec_table);
static const struct field_table job_object = OBJECT(job_spec_table);
static const struct field_table cron_job_object = OBJECT(cron_job_spec_table);
static const struct field_table claim_object = OBJECT(claim_spec_table);
static const struct field_table app_object = OBJECT(app_spec_table);
static const struct field_table config_map_object = NAMES(
    OBJECT_FIELDS,
    { .name = "data", .type = FIELD_JSON },
    { .name = "binaryData", .type = FIELD_JSON },
    { .name = "immutable", .type = FIELD_BOOL });
static const struct field_table secret_object = NAMES(
    OBJECT_FIELDS,
    { .name = "type", .type = FIELD_TEXT },
    { .name = "data", .type = FIELD_JSON },
    { .name = "stringData", .type = FIELD_JSON },
    { .name = "immutable", .type = FIELD_BOOL });

static const struct {
    const char *resource;
    const struct field_table *table;
} kinds[] = {
    { "pods", &pod_object },
    { "deployments", &deployment_object },
    { "daemonsets", &daemon_set_object },
    { "statefulsets", &stateful_set_object },
    { "jobs", &job_object },
    { "cronjobs", &cron_job_object },
    { "services", &service_object },
    { "configmaps", &config_map_object },
    { "secrets", &secret_object },
    { "persistentvolumeclaims", &claim_object },
    { "virtualmachines", &vm_object },
    { "virtualmachineinstances", &vm_instance_object },
    { "apps", &app_object },
};

const struct field_table *kind_table(const char *resource)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].resource, resource) == 0)
            return kinds[i].table;
    return NULL;
}

/* Read as a Pod or a Job of its own. */
static bool is_template(const struct field *field)
{
    return field->nested == &template_table || field->nested == &job_template_table;
}

bool kind_read_others(const struct field_table *table, const struct json *object, const char *prefix,
                      struct ignored_fields *ignored, struct error *err)
{
    if (json_type(object) != JSON_OBJECT && json_type(object) != JSON_NULL)
        return error_set(err, ERROR_INVALID, "%.*s must be an object, and is of type %s", (int)(strlen(prefix) - (prefix[0] != '\0')), prefix,
                         json_type_name(json_type(object)));
    JSON_EACH(child, object) {
        const struct field *field = field_named(table, json_key(child));
        AUTO_FREE char *path = mem_printf("%s%s", prefix, json_key(child));
        if (field == NULL) {
            ignored_add(ignored, path);
        } else if (field->type == FIELD_OBJECT && field->nested->size == 0 && !is_template(field)) {
            AUTO_FREE char *below = mem_printf("%s.", path);
            if (!kind_read_others(field->nested, child, below, ignored, err))
                return false;
        }
    }
    return true;
}

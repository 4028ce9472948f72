#include "protocol/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/quantity.h"
#include "protocol/container_status.h"
#include "protocol/kind_fields.h"

static const char *const modes[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod" };

static bool read_modes(const struct json *spec, struct json *out, struct error *err)
{
    const struct json *said = json_get(spec, "accessModes");
    JSON_EACH(mode, said) {
        const char *word = json_text(mode);
        size_t i = 0;
        while (word != NULL && i < sizeof(modes) / sizeof(modes[0]) && strcmp(modes[i], word) != 0)
            i++;
        if (word == NULL || i == sizeof(modes) / sizeof(modes[0]))
            return error_set(err, ERROR_INVALID, "spec.accessModes: Unsupported value: \"%.40s\"", word != NULL ? word : "");
        if (i == 3 && json_size(said) > 1)
            return error_set(err, ERROR_INVALID, "spec.accessModes: may not use ReadWriteOncePod with other access modes");
        json_add_text(out, word);
    }
    if (json_size(out) == 0)
        return error_set(err, ERROR_INVALID, "spec.accessModes: Required value: at least 1 access mode is required");
    return true;
}

static bool read_size(const struct json *spec, struct json *out, struct error *err)
{
    const struct json *size = json_get(json_get(json_get(spec, "resources"), "requests"), "storage");
    int64_t bytes = 0;
    AUTO_FREE char *printed = size != NULL ? json_print(size) : NULL;
    const char *text = json_text(size) != NULL ? json_text(size) : printed;
    if (size == NULL || !quantity_read(text, 1, &bytes) || bytes == 0)
        return error_set(err, ERROR_INVALID, "spec.resources.requests.storage must be a quantity above 0, as 1Gi");
    json_set_integer(out, "storageBytes", bytes);
    json_set_text(out, "storage", text);
    return true;
}

static bool read_policy(const struct json *metadata, struct json *out, struct error *err)
{
    const char *policy = json_get_text(json_get(metadata, "annotations"), CLAIM_POLICY);
    bool deletes = policy != NULL && strcmp(policy, "Delete") == 0;
    if (policy != NULL && !deletes && strcmp(policy, "Retain") != 0)
        return error_set(err, ERROR_INVALID, "annotation " CLAIM_POLICY " must be Retain or Delete, and is \"%.40s\"", policy);
    json_set_boolean(out, "delete", deletes);
    return true;
}

struct json *claim_read(const struct json *document, struct ignored_fields *ignored, struct error *err)
{
    const struct json *spec = json_get(document, "spec");
    const char *mode = json_get_text(spec, "volumeMode");
    AUTO_JSON struct json *out = json_new_object();
    if (mode != NULL && strcmp(mode, "Filesystem") != 0 && strcmp(mode, "Block") != 0) {
        error_set(err, ERROR_INVALID, "spec.volumeMode: Unsupported value: \"%.40s\": supported values: \"Block\", \"Filesystem\"",
                  mode);
        return NULL;
    }
    /* Nothing of a claim chooses where it is: there is one place. */
    if (!kind_read_others(&claim_spec_table, spec, "spec.", ignored, err))
        return NULL;
    if (mode != NULL && strcmp(mode, "Block") == 0) /* it is a folder all the same; a virtual machine's disk in it is what was meant */
        ignored_add(ignored, "spec.volumeMode");
    if (!read_size(spec, out, err) || !read_modes(spec, json_set_array(out, "accessModes"), err) ||
        !read_policy(json_get(document, "metadata"), out, err))
        return NULL;
    return mem_steal(&out);
}

int64_t claim_bytes(const struct json *claim)
{
    return json_get_integer(claim, "storageBytes", 0);
}

bool claim_deletes(const struct json *claim)
{
    return json_get_boolean(claim, "delete", false);
}

bool claim_is_for_one_pod(const struct json *claim)
{
    const char *first = json_text(json_first(json_get(claim, "accessModes")));
    return first != NULL && strcmp(first, "ReadWriteOncePod") == 0;
}

bool claim_is_over(const struct json *claim, int64_t used_bytes)
{
    return claim != NULL && used_bytes > claim_bytes(claim);
}

/* ---- what is told */

struct json *claim_state_write(const struct claim_report *report)
{
    const struct refusal *refusal = report->common->refusal;
    enum state_code code = report->terminating ? STATE_TERMINATING : STATE_STORED;
    struct json *flat = json_new_texts("state", report->terminating ? "Terminating" : "Stored", NULL);
    json_set_integer(flat, "stateCode", code);
    json_set_integer(flat, "ready", 0);
    json_set_integer(flat, "restarts", 0);
    json_set_integer(flat, "containers", 0);
    json_set_integer(flat, "containersReady", 0);
    status_set_ms(flat, "createdAt", report->common->accepted_ms);
    if (report->claim != NULL)
        json_set_integer(flat, "capacityBytes", claim_bytes(report->claim));
    if (report->used_bytes >= 0)
        json_set_integer(flat, "usedBytes", report->used_bytes);
    AUTO_FREE char *message = NULL;
    if (refusal != NULL)
        message = mem_printf("refused: %s: %.200s", refusal->reason, refusal->message);
    else if (report->terminating && report->users != NULL && report->users[0] != '\0')
        message = mem_printf("used by %.200s", report->users);
    json_set_text(flat, "reason", refusal != NULL ? refusal->reason : NULL);
    json_set_text(flat, "message", message != NULL ? message : "");
    return flat;
}

static struct json *add_condition(struct json *conditions, const char *type, const char *reason, const char *message)
{
    struct json *condition = json_add_object(conditions);
    json_set_text(condition, "type", type);
    json_set_text(condition, "status", "True");
    json_set_text(condition, "reason", reason);
    json_set_text(condition, "message", message);
    return condition;
}

static void write_conditions(const struct claim_report *report, struct json *conditions)
{
    char used[QUANTITY_BYTES];
    conditions_write(report->common, conditions);
    if (claim_is_over(report->claim, report->used_bytes)) {
        AUTO_FREE char *message = mem_printf("it holds %s, and asks for %s: nothing is removed and nobody is stopped for that",
                                             quantity_bytes(report->used_bytes, used),
                                             json_get_text(report->claim, "storage"));
        add_condition(conditions, "OverCapacity", "UsageOverRequest", message);
    }
    if (!report->terminating)
        return;
    bool used_by_some = report->users != NULL && report->users[0] != '\0';
    AUTO_FREE char *message = mem_printf("%s%s%s%s", used_by_some ? "used by " : "what is in it is being removed",
                                         used_by_some ? report->users : "",
                                         used_by_some && report->purging ? "; what is in it goes when they do" : "",
                                         used_by_some && !report->purging ? "; what is in it stays" : "");
    add_condition(conditions, "Terminating", used_by_some ? "InUse" : "Purging", message);
}

static void write_spec(const struct claim_report *report, struct json *object)
{
    const struct object_id *id = report->common->id;
    AUTO_FREE char *volume = mem_printf("claims/%s/%s", id->namespace, id->name);
    struct json *spec = json_set_object(object, "spec");
    if (report->claim != NULL) {
        json_set(spec, "accessModes", json_copy(json_get(report->claim, "accessModes")));
        json_set_text(json_set_object(json_set_object(spec, "resources"), "requests"), "storage",
                      json_get_text(report->claim, "storage"));
    }
    json_set_text(spec, "volumeName", volume);
    json_set_text(spec, "volumeMode", "Filesystem");
}

static void write_status(const struct claim_report *report, struct json *status)
{
    char used[QUANTITY_BYTES];
    if (report->common->generation >= 0)
        json_set_integer(status, "observedGeneration", report->common->generation);
    json_set_text(status, "phase", "Bound"); /* a folder is nowhere else */
    if (report->claim != NULL) {
        json_set(status, "accessModes", json_copy(json_get(report->claim, "accessModes")));
        json_set_text(json_set_object(status, "capacity"), "storage", json_get_text(report->claim, "storage"));
        json_set_text(status, "reclaimPolicy", claim_deletes(report->claim) ? "Delete" : "Retain");
    }
    if (report->used_bytes >= 0)
        json_set_text(status, "used", quantity_bytes(report->used_bytes, used));
    write_conditions(report, json_set_array(status, "conditions"));
    json_set_text(status, "source", report->common->source);
}

struct json *claim_status_write(const struct claim_report *report)
{
    const struct object_id *id = report->common->id;
    struct json *object = json_new_texts("apiVersion", "v1", "kind", "PersistentVolumeClaim", NULL);
    struct json *metadata = json_set_object(object, "metadata");
    json_set_text(metadata, "name", id->name);
    json_set_text(metadata, "namespace", id->namespace);
    if (report->common->generation >= 0)
        json_set_integer(metadata, "generation", report->common->generation);
    status_set_time(metadata, report->terminating ? "deletionTimestamp" : "creationTimestamp", report->common->accepted_ms);
    json_add_text(json_set_array(metadata, "finalizers"), "kubernetes.io/pvc-protection");
    write_spec(report, object);
    write_status(report, json_set_object(object, "status"));
    return object;
}

#include "config.h"

#include "record.h"

#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#define RECORD_BYTES (512 * 1024)
#define RECORD_MODE 0600

static char *record_path(const struct vms *vms, const char *id)
{
    return mem_printf("%s/vms/%s/record.json", vms->run_dir, id);
}

static void set_end(struct json *json, const struct end *end)
{
    struct json *part = json_new_texts("reason", end->reason, "message", end->message, NULL);

    json_set_integer(part, "exitCode", end->exit_code);
    json_set_integer(part, "wallMs", (int64_t)end->wall_ms);
    json_set_integer(part, "bootMs", (int64_t)end->boot_ms);
    json_set(json, "end", part);
}

bool record_write(const struct vms *vms, const struct instance *instance, struct error *err)
{
    AUTO_JSON struct json *json = json_new_texts(
        "bootId", clock_boot_id(), "uid", instance->uid, "namespace", instance->namespace_, "name", instance->name,
        "container", instance->container, "logPath", instance->log_path, NULL);
    AUTO_FREE char *path = record_path(vms, instance->id);
    AUTO_FREE char *text = NULL;

    json_set_integer(json, "attempt", instance->attempt);
    json_set_integer(json, "createdAtMs", (int64_t)instance->created_ms);
    json_set_integer(json, "startedAtMs", (int64_t)instance->started_ms);
    json_set_integer(json, "reboots", instance->reboots);
    json_set_boolean(json, "emulated", instance->emulated);
    json_set_boolean(json, "destroying", instance->destroying);
    json_set_boolean(json, "frozen", instance->frozen);
    if (instance->state == INSTANCE_EXITED)
        set_end(json, &instance->end);
    if (instance->snapshots != NULL)
        json_set(json, "snapshots", json_copy(instance->snapshots));
    if (instance->record != NULL)
        json_set(json, "record", json_copy(instance->record));
    text = json_print(json);
    if (strlen(text) > RECORD_BYTES)
        return error_set(err, ERROR_INVALID, "what is to be kept of %s is larger than %d bytes", instance->id, RECORD_BYTES);
    return file_write_atomic(path, text, strlen(text), RECORD_MODE, false, err);
}

/* Reasons are compared and printed, and never freed. */
static const char *known_reason(const char *text)
{
    static const char *const reasons[] = {"Completed", "Crashed", "Destroyed", "WatchdogExpired"};

    for (size_t i = 0; text != NULL && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(reasons[i], text) == 0)
            return reasons[i];
    }
    return "ContainerStatusUnknown";
}

static void get_end(struct instance *instance, const struct json *json)
{
    instance->state = INSTANCE_EXITED;
    instance->end_seen = true;
    instance->end = (struct end){
        .exit_code = (int)json_get_integer(json, "exitCode", 0),
        .reason = known_reason(json_get_text(json, "reason")),
        .message = mem_strdup(json_get_text(json, "message")),
        .wall_ms = (uint64_t)json_get_integer(json, "wallMs", 0),
        .boot_ms = (uint64_t)json_get_integer(json, "bootMs", 0),
    };
}

static struct instance *from_json(const struct json *json)
{
    struct instance *instance = instance_new(json_get_text(json, "uid"), json_get_text(json, "namespace"),
                                             json_get_text(json, "name"), json_get_text(json, "container"),
                                             json_get_integer(json, "attempt", 0));
    const struct json *record = json_get(json, "record"), *end = json_get(json, "end");
    const struct json *snapshots = json_get(json, "snapshots");

    instance->log_path = mem_strdup(json_get_text(json, "logPath"));
    instance->created_ms = (uint64_t)json_get_integer(json, "createdAtMs", 0);
    instance->started_ms = (uint64_t)json_get_integer(json, "startedAtMs", 0);
    instance->reboots = json_get_integer(json, "reboots", 0);
    instance->emulated = json_get_boolean(json, "emulated", false);
    instance->destroying = json_get_boolean(json, "destroying", false);
    instance->frozen = json_get_boolean(json, "frozen", false);
    instance->record = record != NULL ? json_copy(record) : NULL;
    instance->snapshots = snapshots != NULL ? json_copy(snapshots) : NULL;
    instance->state = instance->started_ms != 0 ? INSTANCE_RUNNING : INSTANCE_CREATED;
    if (end != NULL)
        get_end(instance, end);
    return instance;
}

struct instance *record_read(const struct vms *vms, const char *id, struct error *err)
{
    AUTO_FREE char *path = record_path(vms, id);
    AUTO_FREE char *text = NULL;
    AUTO_JSON struct json *json = NULL;
    struct instance *instance;
    const char *boot_id;
    size_t len;

    if (!file_read_regular(path, RECORD_BYTES, &text, &len, err))
        return NULL;
    json = json_parse(text, len, err);
    if (json == NULL)
        return NULL;
    boot_id = json_get_text(json, "bootId");
    if (boot_id == NULL || strcmp(boot_id, clock_boot_id()) != 0) {
        error_set(err, ERROR_NOT_FOUND, "%s is of another boot", path);
        return NULL;
    }
    if (!address_check(json_get_text(json, "uid"), json_get_text(json, "container"), json_get_integer(json, "attempt", -1), err) ||
        json_get_text(json, "namespace") == NULL || json_get_text(json, "name") == NULL) {
        error_set(err, ERROR_INVALID, "%s is not whole", path);
        return NULL;
    }
    instance = from_json(json);
    if (strcmp(instance->id, id) == 0)
        return instance;
    instance_free(instance);
    error_set(err, ERROR_INVALID, "%s is another attempt's", path);
    return NULL;
}

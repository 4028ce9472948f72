#include "config.h"

#include "record.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#define RECORD_BYTES (256 * 1024)
#define RECORD_MODE 0600

static char *record_path(const struct crun *crun, const char *id)
{
    return mem_printf("%s/bundles/%s/record.json", crun->run_dir, id);
}

static void set_process(struct json *json, const char *key, const struct process *process)
{
    struct json *part = json_set_object(json, key);

    json_set_integer(part, "pid", process->pid);
    json_set_integer(part, "startTicks", (int64_t)process->start_ticks);
}

bool record_write(const struct crun *crun, const struct instance *instance, struct error *err)
{
    AUTO_JSON struct json *json = json_new_texts(
        "bootId", clock_boot_id(), "uid", instance->uid, "namespace", instance->namespace_, "pod", instance->pod,
        "container", instance->container, "logPath", instance->log_path, NULL);
    AUTO_FREE char *path = record_path(crun, instance->id);
    AUTO_FREE char *text = NULL;

    json_set_integer(json, "attempt", instance->attempt);
    json_set_integer(json, "stopSignal", instance->stop_signal);
    json_set_boolean(json, "messageFromLog", instance->message_from_log);
    json_set_integer(json, "createdAtMs", (int64_t)instance->created_ms);
    json_set_integer(json, "startedAtMs", (int64_t)instance->started_ms);
    set_process(json, "conmon", &instance->conmon);
    set_process(json, "init", &instance->init);
    if (instance->record != NULL)
        json_set(json, "record", json_copy(instance->record));
    text = json_print(json);
    if (strlen(text) > RECORD_BYTES)
        return error_set(err, ERROR_INVALID, "what is to be kept of %s is larger than %d bytes", instance->id, RECORD_BYTES);
    return file_write_atomic(path, text, strlen(text), RECORD_MODE, false, err);
}

static struct process get_process(const struct json *json, const char *key)
{
    const struct json *part = json_get(json, key);

    return (struct process){.pid = (pid_t)json_get_integer(part, "pid", 0),
                            .start_ticks = (uint64_t)json_get_integer(part, "startTicks", 0), .pidfd = -1};
}

static struct instance *from_json(const char *id, const struct json *json)
{
    struct instance *instance = mem_alloc(sizeof(*instance));
    const struct json *record = json_get(json, "record");

    instance->id = mem_strdup(id);
    instance->uid = mem_strdup(json_get_text(json, "uid"));
    instance->namespace_ = mem_strdup(json_get_text(json, "namespace"));
    instance->pod = mem_strdup(json_get_text(json, "pod"));
    instance->container = mem_strdup(json_get_text(json, "container"));
    instance->log_path = mem_strdup(json_get_text(json, "logPath"));
    instance->attempt = json_get_integer(json, "attempt", 0);
    instance->stop_signal = (int)json_get_integer(json, "stopSignal", 0);
    instance->message_from_log = json_get_boolean(json, "messageFromLog", false);
    instance->created_ms = (uint64_t)json_get_integer(json, "createdAtMs", 0);
    instance->started_ms = (uint64_t)json_get_integer(json, "startedAtMs", 0);
    instance->conmon = get_process(json, "conmon");
    instance->init = get_process(json, "init");
    instance->record = record != NULL ? json_copy(record) : NULL;
    instance->supervised = true;
    return instance;
}

struct instance *record_read(const struct crun *crun, const char *id, struct error *err)
{
    AUTO_FREE char *path = record_path(crun, id);
    AUTO_FREE char *text = NULL;
    AUTO_JSON struct json *json = NULL;
    const char *boot_id;
    size_t len;

    if (!file_read(path, RECORD_BYTES, &text, &len, err))
        return NULL;
    json = json_parse(text, len, err);
    if (json == NULL)
        return NULL;
    boot_id = json_get_text(json, "bootId");
    if (boot_id == NULL || strcmp(boot_id, clock_boot_id()) != 0) {
        error_set(err, ERROR_NOT_FOUND, "%s is of another boot", path);
        return NULL;
    }
    if (json_get_text(json, "uid") == NULL || json_get_text(json, "container") == NULL) {
        error_set(err, ERROR_INVALID, "%s is not whole", path);
        return NULL;
    }
    return from_json(id, json);
}

void record_remove(const struct crun *crun, const char *id)
{
    AUTO_FREE char *path = record_path(crun, id);

    unlink(path);
}

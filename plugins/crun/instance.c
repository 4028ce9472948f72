#include "config.h"

#include "instance.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cgroup.h"
#include "command.h"
#include "message.h"

#define EXIT_FILE_BYTES 32
#define EXIT_KILLED 137 /* 128 + SIGKILL */
#define EXIT_UNKNOWN 137 /* as Kubernetes has it: ContainerStatusUnknown */
#define SIGNAL_BASE 128

struct instance *instance_new(const struct document *document)
{
    struct instance *instance = mem_alloc(sizeof(*instance));
    const char *stop_signal = json_get_text(document->image, "StopSignal");

    instance->id = mem_strdup(document->id);
    instance->uid = mem_strdup(document->uid);
    instance->namespace_ = mem_strdup(document->namespace_);
    instance->pod = mem_strdup(document->pod);
    instance->container = mem_strdup(document->container_name);
    instance->attempt = document->attempt;
    instance->record = document->record != NULL ? json_copy(document->record) : NULL;
    instance->stop_signal = stop_signal != NULL ? command_signal(stop_signal) : 0;
    if (instance->stop_signal == 0)
        instance->stop_signal = SIGTERM;
    const char *policy = json_get_text(document->container, "terminationMessagePolicy");
    const char *own_signal = json_get_text(document->container, "stopSignal");
    if (own_signal != NULL && command_signal(own_signal) != 0)
        instance->stop_signal = command_signal(own_signal);
    instance->message_from_log = policy != NULL && strcmp(policy, "FallbackToLogsOnError") == 0;
    instance->stdin_open = json_get_boolean(document->container, "stdin", false);
    instance->tty = json_get_boolean(document->container, "tty", false);
    instance->supervised = true;
    process_init(&instance->conmon);
    process_init(&instance->init);
    return instance;
}

void instance_free(struct instance *instance)
{
    if (instance == NULL)
        return;
    process_close(&instance->conmon);
    process_close(&instance->init);
    json_free(instance->record);
    free(instance->id);
    free(instance->uid);
    free(instance->namespace_);
    free(instance->pod);
    free(instance->container);
    free(instance->log_path);
    free(instance->message);
    free(instance);
}

struct instance *instance_find(const struct crun *crun, const char *id)
{
    struct instance *instance = crun->instances;

    while (instance != NULL && strcmp(instance->id, id) != 0)
        instance = instance->next;
    return instance;
}

void instance_add(struct crun *crun, struct instance *taken)
{
    static uint64_t last_serial; /* under the lock */

    taken->serial = ++last_serial;
    taken->next = crun->instances;
    crun->instances = taken;
}

void instance_drop(struct crun *crun, struct instance *instance)
{
    struct instance **at = &crun->instances;

    while (*at != instance)
        at = &(*at)->next;
    *at = instance->next;
    instance_free(instance);
}

static void describe_end(const struct instance *instance, struct json *out)
{
    json_set_integer(out, "exitCode", instance->exit_code);
    if (instance->exit_code > SIGNAL_BASE)
        json_set_integer(out, "signal", instance->exit_code - SIGNAL_BASE);
    json_set_text(out, "reason", instance->reason);
    json_set_text(out, "message", instance->message);
    json_set_integer(out, "finishedAtMs", (int64_t)instance->finished_ms);
    json_set_integer(out, "finishedBootMs", (int64_t)instance->finished_boot_ms);
}

struct json *instance_describe(const struct instance *instance)
{
    static const char *const states[] = {"created", "running", "exited"};
    struct json *out = json_new_texts("uid", instance->uid, "namespace", instance->namespace_, "pod", instance->pod,
                                      "container", instance->container, "state", states[instance->state], "logPath",
                                      instance->log_path, NULL);

    json_set_integer(out, "attempt", instance->attempt);
    if (instance->started_ms != 0)
        json_set_integer(out, "startedAtMs", (int64_t)instance->started_ms);
    if (instance->record != NULL)
        json_set(out, "record", json_copy(instance->record));
    json_set_boolean(out, "supervised", instance->supervised);
    if (instance->state == INSTANCE_EXITED)
        describe_end(instance, out);
    return out;
}

void instance_changed(const struct crun *crun, const struct instance *instance)
{
    AUTO_JSON struct json *event = NULL;
    AUTO_FREE char *text = NULL;

    if (!crun->open || instance->removing)
        return;
    event = json_new_texts("event", "changed", NULL);
    json_set(event, "instance", instance_describe(instance));
    text = json_print(event);
    crun->host->notify(crun->host, text);
}

static void set_end(struct instance *instance, int exit_code, const char *reason, uint64_t wall_ms)
{
    uint64_t now_wall_ms = clock_wall_ms(), now_boot_ms = clock_boot_ms();
    uint64_t ago_ms = wall_ms < now_wall_ms ? now_wall_ms - wall_ms : 0;

    instance->state = INSTANCE_EXITED;
    instance->exit_code = exit_code;
    instance->reason = reason;
    instance->finished_ms = wall_ms;
    instance->finished_boot_ms = ago_ms < now_boot_ms ? now_boot_ms - ago_ms : 0;
}

/* In a PID namespace that is not its own, what a container forked does not end with it. */
static void end_rest(const struct crun *crun, const struct instance *instance)
{
    AUTO_FREE char *cgroup = cgroup_of(crun, instance->id);

    if (cgroup != NULL)
        cgroup_kill(cgroup);
}

/* conmon writes it by rename, so it is whole. */
static bool read_exit_file(const struct crun *crun, struct instance *instance)
{
    AUTO_FREE char *path = crun_exit_path(crun, instance->id);
    AUTO_FREE char *text = NULL;
    struct error err;
    struct stat stat_now;
    size_t len;
    int code;

    if (stat(path, &stat_now) != 0 || !file_read(path, EXIT_FILE_BYTES, &text, &len, &err))
        return false;
    code = (int)strtol(text, NULL, 10);
    bool killed = code != 0 && cgroup_was_oom(crun, instance->uid, instance->id, code == EXIT_KILLED);
    end_rest(crun, instance);
    instance->message = message_read(crun, instance->id, instance->log_path, instance->message_from_log && code != 0);
    set_end(instance, code, killed ? "OOMKilled" : code == 0 ? "Completed" : "Error",
            (uint64_t)stat_now.st_mtim.tv_sec * 1000 + (uint64_t)stat_now.st_mtim.tv_nsec / 1000000);
    return true;
}

void instance_look(struct crun *crun, struct instance *instance)
{
    bool conmon_lives;

    if (instance->state == INSTANCE_EXITED)
        return;
    conmon_lives = process_is_alive(&instance->conmon); /* before the file, which is conmon's last work */
    if (!read_exit_file(crun, instance)) {
        if (conmon_lives || (process_is_alive(&instance->init) && !instance->supervised))
            return;
        if (process_is_alive(&instance->init)) {
            instance->supervised = false;
            crun_log(crun, 4, "%s runs on without its conmon: its exit code will not be known", instance->id);
        } else {
            end_rest(crun, instance);
            set_end(instance, EXIT_UNKNOWN, "ContainerStatusUnknown", clock_wall_ms());
        }
    }
    instance_changed(crun, instance);
}

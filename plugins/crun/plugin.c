/* Containers by conmon and crun. The vtable: each operation reads its document and leaves the work to its noun. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "adopt.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "bundle.h"
#include "cgroup.h"
#include "conmon.h"
#include "create.h"
#include "exec.h"
#include "limits.h"
#include "pod.h"
#include "record.h"
#include "stream.h"
#include "stats.h"
#include "update.h"
#include "volume.h"
#include "watch.h"

#define LOG_BYTES (10 * 1024 * 1024) /* as the kubelet has it */
#define LOG_FILES 5

static enum davit_result fail(const struct crun *crun, struct davit_call *call, const char *reason,
                              const struct error *err)
{
    enum davit_result result = err->code == ERROR_INVALID ? DAVIT_INVALID : DAVIT_FAILED;

    return crun->host->fail(call, result, reason, err->message);
}

static void answer_taken(const struct crun *crun, struct davit_call *call, struct json *taken)
{
    AUTO_FREE char *text = json_print(taken);

    crun->host->answer(call, text);
    json_free(taken);
}

/* Lock held. */
static void answer_instance(const struct crun *crun, struct davit_call *call, const struct instance *instance)
{
    struct json *answer = json_new_object();

    json_set(answer, "instance", instance_describe(instance));
    answer_taken(crun, call, answer);
}

static char *find_program(const char *name, struct error *err)
{
    char *path = spawn_find(name);

    if (path == NULL)
        error_set(err, ERROR_NOT_FOUND, "%s is not installed: install the packages crun and conmon", name);
    return path;
}

static bool take_folder(const struct json *config, const char *key, char **out, struct error *err)
{
    const char *path = json_get_text(config, key);

    if (path == NULL || !file_path_is_safe(path) || strpbrk(path, ":,\\") != NULL)
        return error_set(err, ERROR_INVALID, "the configuration's %s must be an absolute path without .. : , \\", key);
    *out = mem_strdup(path);
    return true;
}

static bool read_config(struct crun *crun, const char *text, struct error *err)
{
    AUTO_JSON struct json *config = json_parse(text, strlen(text), err);
    const char *manager = json_get_text(json_get(config, "options"), "cgroup_manager");

    if (config == NULL || !take_folder(config, "stateDir", &crun->state_dir, err) ||
        !take_folder(config, "runDir", &crun->run_dir, err) || !take_folder(config, "logDir", &crun->log_dir, err))
        return false;
    crun->systemd = manager != NULL && strcmp(manager, "systemd") == 0;
    if (manager != NULL && !crun->systemd && strcmp(manager, "cgroupfs") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "[runtime.crun] cgroup_manager=%s: it is cgroupfs or systemd", manager);
    if (crun->systemd && (!crun->cgroup_v2 || access("/run/systemd/system", F_OK) != 0))
        return error_set(err, ERROR_UNSUPPORTED, "[runtime.crun] cgroup_manager=systemd needs systemd as process 1, and cgroup v2");
    crun->log_bytes = (off_t)json_get_integer(config, "logMaxBytes", LOG_BYTES);
    crun->log_files = (size_t)json_get_integer(config, "logMaxFiles", LOG_FILES);
    crun->crun_path = find_program("crun", err);
    crun->conmon_path = crun->crun_path != NULL ? find_program("conmon", err) : NULL;
    return crun->conmon_path != NULL;
}

static enum davit_result plugin_open(const struct davit_runtime_host *host, const char *config, void **ctx,
                                     struct davit_call *call)
{
    struct crun *crun = mem_alloc(sizeof(*crun));
    struct error err;

    crun->host = host;
    pthread_mutex_init(&crun->lock, NULL);
    spawn_raise_file_limit();
    crun->cgroup_v2 = cgroup_is_v2();
    crun->conmon_cgroup_fd = cgroup_open_conmon();
    if (crun->cgroup_v2 && crun->conmon_cgroup_fd < 0)
        crun_log(crun, 4, "no cgroup for conmon can be made (%s): what ends this unit's cgroup ends them too", strerror(errno));
    if (!read_config(crun, config, &err))
        return host->fail(call, err.code == ERROR_NOT_FOUND ? DAVIT_UNAVAILABLE : DAVIT_INVALID, "CannotOpen", err.message);
    if (!adopt_all(crun, &err))
        return fail(crun, call, "CannotOpen", &err);
    crun->open = true;
    host->answer(call, crun->cgroup_v2 ? "{\"images\":true,\"cgroups\":\"v2\"}"
                                        : "{\"images\":true,\"cgroups\":\"v1\"}");
    *ctx = crun;
    return DAVIT_OK;
}

static void plugin_close(void *ctx)
{
    (void)ctx; /* the process ends, and what runs needs nothing from it */
    stream_end_all();
}

static enum davit_result plugin_list(void *ctx, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct json *answer = json_new_object(), *instances = json_set_array(answer, "instances");

    pthread_mutex_lock(&crun->lock);
    for (const struct instance *instance = crun->instances; instance != NULL; instance = instance->next)
        json_add(instances, instance_describe(instance));
    pthread_mutex_unlock(&crun->lock);
    pod_list(crun, json_set_array(answer, "pods"));
    answer_taken(crun, call, answer);
    return DAVIT_OK;
}

/* True: there is one already, or another pod has its id; *result says which. */
static bool is_there(struct crun *crun, const struct document *document, struct davit_call *call,
                     enum davit_result *result)
{
    const struct instance *instance;

    pthread_mutex_lock(&crun->lock);
    instance = instance_find(crun, document->id);
    *result = DAVIT_OK;
    if (instance != NULL && strcmp(instance->uid, document->uid) != 0)
        *result = crun->host->fail(call, DAVIT_FAILED, "CreateContainerError",
                                   "another pod's uid begins with the same 12 digits: remove one of them");
    else if (instance != NULL)
        answer_instance(crun, call, instance);
    pthread_mutex_unlock(&crun->lock);
    return instance != NULL;
}

static enum davit_result create(struct crun *crun, const struct document *document, struct davit_call *call)
{
    struct instance *instance;
    enum davit_result result;
    const char *reason;
    struct error err;

    if (is_there(crun, document, call, &result))
        return result;
    instance = create_instance(crun, document, crun->host->cancel_fd(call), &reason, &err);
    if (instance == NULL)
        return fail(crun, call, reason, &err);
    pthread_mutex_lock(&crun->lock);
    instance_add(crun, instance);
    instance_changed(crun, instance);
    watch_add(crun, instance);
    answer_instance(crun, call, instance);
    pthread_mutex_unlock(&crun->lock);
    return DAVIT_OK;
}

static enum davit_result plugin_create(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct document document;
    struct error err;
    enum davit_result result;

    if (document_parse(text, &document, &err))
        result = create(crun, &document, call);
    else
        result = fail(crun, call, "InvalidDocument", &err);
    document_free(&document);
    return result;
}

/* Reads the address and finds what it names; the lane keeps it there. False: *result is the call's. */
static bool find_named(struct crun *crun, const char *text, struct address *address, struct instance **instance,
                       struct davit_call *call, enum davit_result *result)
{
    struct error err;

    if (!address_parse(text, true, address, &err)) {
        *result = fail(crun, call, "InvalidDocument", &err);
        return false;
    }
    pthread_mutex_lock(&crun->lock);
    *instance = instance_find(crun, address->id);
    if (*instance != NULL && strcmp((*instance)->uid, address->uid) != 0)
        *instance = NULL;
    pthread_mutex_unlock(&crun->lock);
    *result = DAVIT_OK;
    return *instance != NULL;
}

static enum davit_result start(struct crun *crun, struct instance *instance, struct davit_call *call)
{
    struct error err;
    bool started;

    pthread_mutex_lock(&crun->lock);
    started = instance->state != INSTANCE_CREATED;
    if (!started)
        instance->started_ms = clock_wall_ms(); /* before, so that a killed host's successor knows it */
    pthread_mutex_unlock(&crun->lock);
    if (started)
        return DAVIT_OK;
    if (!record_write(crun, instance, &err) ||
        !conmon_start(crun, instance, crun->host->cancel_fd(call), &err))
        return fail(crun, call, "RunContainerError", &err);
    pthread_mutex_lock(&crun->lock);
    if (instance->state == INSTANCE_CREATED) { /* it may have ended already */
        instance->state = INSTANCE_RUNNING;
        instance_changed(crun, instance);
    }
    answer_instance(crun, call, instance);
    pthread_mutex_unlock(&crun->lock);
    return DAVIT_OK;
}

static enum davit_result plugin_start(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct address address;
    struct instance *instance = NULL;
    enum davit_result result;

    if (find_named(crun, text, &address, &instance, call, &result))
        result = start(crun, instance, call);
    else if (result == DAVIT_OK)
        result = crun->host->fail(call, DAVIT_NOT_FOUND, "NotFound", "no such instance was created");
    address_free(&address);
    return result;
}

static enum davit_result plugin_stop(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct address address;
    struct instance *instance = NULL;
    enum davit_result result;
    struct error err;
    int number;

    if (find_named(crun, text, &address, &instance, call, &result)) {
        pthread_mutex_lock(&crun->lock);
        /* One that was not started waits inside crun, and listens to nothing else. */
        number = address.force || instance->state == INSTANCE_CREATED ? SIGKILL : instance->stop_signal;
        if (process_is_alive(&instance->init) && pidfd_send_signal(instance->init.pidfd, number, NULL, 0) != 0 &&
            errno != ESRCH) {
            error_set_errno(&err, errno, "cannot send signal %d to process %d", number, instance->init.pid);
            result = fail(crun, call, "KillContainerError", &err);
        }
        pthread_mutex_unlock(&crun->lock);
    }
    address_free(&address);
    return result;
}

static enum davit_result remove_instance(struct crun *crun, struct instance *instance, struct davit_call *call)
{
    struct error err;
    bool ended;

    pthread_mutex_lock(&crun->lock);
    instance_look(crun, instance);
    ended = instance->state == INSTANCE_EXITED;
    if (instance->state != INSTANCE_RUNNING)
        instance->removing = true;
    pthread_mutex_unlock(&crun->lock);
    if (!instance->removing)
        return crun->host->fail(call, DAVIT_FAILED, "StillRunning", "the container runs: stop it first");
    if (!bundle_destroy(crun, instance->id, !ended, crun->host->cancel_fd(call), &err))
        return fail(crun, call, "RemoveContainerError", &err);
    pthread_mutex_lock(&crun->lock);
    watch_remove(crun, instance);
    instance_drop(crun, instance);
    pthread_mutex_unlock(&crun->lock);
    return DAVIT_OK;
}

static enum davit_result plugin_remove(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct address address;
    struct instance *instance = NULL;
    enum davit_result result;

    if (find_named(crun, text, &address, &instance, call, &result))
        result = remove_instance(crun, instance, call);
    address_free(&address);
    return result;
}

static bool has_instances(struct crun *crun, const char *uid)
{
    const struct instance *instance;

    pthread_mutex_lock(&crun->lock);
    instance = crun->instances;
    while (instance != NULL && strcmp(instance->uid, uid) != 0)
        instance = instance->next;
    pthread_mutex_unlock(&crun->lock);
    return instance != NULL;
}

static enum davit_result plugin_release(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct address address;
    struct error err;
    enum davit_result result = DAVIT_OK;

    if (!address_parse(text, false, &address, &err))
        result = fail(crun, call, "InvalidDocument", &err);
    else if (has_instances(crun, address.uid))
        result = crun->host->fail(call, DAVIT_FAILED, "StillInUse", "the pod has instances: remove them first");
    else if (json_get_boolean(address.json, "keep", false) ? !pod_empty(crun, address.uid, &err)
                                                           : !pod_release(crun, address.uid, true, &err))
        result = fail(crun, call, "ReleaseError", &err);
    address_free(&address);
    return result;
}

static enum davit_result plugin_update(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct address address;
    struct error err;
    enum davit_result result = DAVIT_OK;

    if (!address_parse(text, false, &address, &err))
        result = fail(crun, call, "InvalidDocument", &err);
    else if (!volume_update(crun, address.uid, json_get(address.json, "volumes"),
                            json_get_integer(address.json, "fsGroup", -1), &err) ||
             !update_pod(crun, address.json, address.uid, true, &err) ||
             !update_limits(crun, address.uid, json_get(address.json, "containers"), &err) ||
             !update_pod(crun, address.json, address.uid, false, &err))
        result = fail(crun, call, "UpdateError", &err);
    address_free(&address);
    return result;
}

static int call_fd(const struct crun *crun, struct davit_call *call, const char *name)
{
    bool known = crun->host->size >= offsetof(struct davit_runtime_host, call_fd) + sizeof(crun->host->call_fd);

    return known ? crun->host->call_fd(call, name) : -1;
}

/* The instance may be removed meanwhile: what is needed of it is held. -1: it has ended. */
static int hold_init(struct crun *crun, const char *id)
{
    const struct instance *instance;
    int fd = -1;

    pthread_mutex_lock(&crun->lock);
    instance = instance_find(crun, id);
    if (instance != NULL && process_is_alive(&instance->init))
        fd = fcntl(instance->init.pidfd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_unlock(&crun->lock);
    return fd;
}

static enum davit_result run_stream(struct crun *crun, const struct address *address, struct davit_call *call)
{
    AUTO_CLOSE int init_pidfd = hold_init(crun, address->id);
    const struct json *document = address->json;
    const struct stream_request request = {
        .command = json_get(document, "command"),
        .in = json_get_boolean(document, "stdin", false) ? call_fd(crun, call, "stdin") : -1,
        .out = call_fd(crun, call, "stdout"),
        .err = call_fd(crun, call, "stderr"),
        .control = call_fd(crun, call, "control"),
        .init_pidfd = init_pidfd,
        .cancel_fd = crun->host->cancel_fd(call),
        .tty = json_get_boolean(document, "tty", false),
        .terminal = {json_get_integer(document, "columns", 0), json_get_integer(document, "rows", 0)},
    };
    struct json *answer;
    struct error err;
    int exit_code;

    if (init_pidfd < 0)
        return crun->host->fail(call, DAVIT_NOT_FOUND, "NotRunning", "the container has ended");
    if (!stream_run(crun, address->id, &request, &exit_code, &err))
        return fail(crun, call, "ExecError", &err);
    answer = json_new_object();
    json_set_integer(answer, "exitCode", exit_code);
    answer_taken(crun, call, answer);
    return DAVIT_OK;
}

static enum davit_result run_exec(struct crun *crun, const struct address *address, struct davit_call *call)
{
    struct exec_result result;
    struct error err;
    struct json *answer;

    if (!exec_capture(crun, address->id, json_get(address->json, "command"),
                      json_get_integer(address->json, "timeoutMs", 0), crun->host->cancel_fd(call), &result, &err))
        return fail(crun, call, "ExecError", &err);
    answer = json_new_object();
    json_set_integer(answer, "exitCode", result.exit_code);
    json_set_boolean(answer, "timedOut", result.timed_out);
    json_set_text(answer, "output", result.output);
    answer_taken(crun, call, answer);
    free(result.output);
    return DAVIT_OK;
}

static enum davit_result plugin_exec(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct address address;
    struct instance *instance = NULL;
    enum davit_result result;

    if (find_named(crun, text, &address, &instance, call, &result))
        result = json_get_boolean(address.json, "stream", false) ? run_stream(crun, &address, call)
                                                                  : run_exec(crun, &address, call);
    else if (result == DAVIT_OK)
        result = crun->host->fail(call, DAVIT_NOT_FOUND, "NotFound", "no such instance runs");
    address_free(&address);
    return result;
}

static enum davit_result plugin_stats(void *ctx, const char *text, struct davit_call *call)
{
    struct crun *crun = ctx;
    struct error err;
    AUTO_JSON struct json *asked = json_parse(text, strlen(text), &err);

    if (asked == NULL)
        return fail(crun, call, "InvalidDocument", &err);
    answer_taken(crun, call, stats_read(crun, asked, crun->host->cancel_fd(call)));
    return DAVIT_OK;
}

__attribute__((visibility("default"))) const struct davit_runtime_plugin davit_runtime_plugin = {
    .abi = DAVIT_RUNTIME_ABI,
    .size = sizeof(davit_runtime_plugin),
    .name = "crun",
    .open = plugin_open,
    .close = plugin_close,
    .list = plugin_list,
    .create = plugin_create,
    .start = plugin_start,
    .stop = plugin_stop,
    .remove = plugin_remove,
    .release = plugin_release,
    .update = plugin_update,
    .exec = plugin_exec,
    .stats = plugin_stats,
};

/* Virtual machines by libvirt and QEMU. The vtable: each operation reads its document and leaves the work to its noun. */
#include "config.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "adopt.h"
#include "agent.h"
#include "base/address.h"
#include "base/file.h"
#include "base/kvm.h"
#include "base/memory.h"
#include "connection.h"
#include "console.h"
#include "create.h"
#include "life.h"
#include "snapshot.h"
#include "stats.h"
#include "workload.h"

#define DEFAULT_URI "qemu:///system"
#define FIRST_TRY_MS 5000u /* so long open waits for a libvirtd that is slow; then it goes on without */

static enum davit_result fail(const struct vms *vms, struct davit_call *call, const char *reason, const struct error *err)
{
    if (err->code == ERROR_UNAVAILABLE)
        return vms->host->fail(call, DAVIT_UNAVAILABLE, VMS_AWAY, err->message);
    return vms->host->fail(call, err->code == ERROR_INVALID ? DAVIT_INVALID : DAVIT_FAILED, reason, err->message);
}

static void answer_taken(const struct vms *vms, struct davit_call *call, struct json *taken)
{
    AUTO_FREE char *text = json_print(taken);

    vms->host->answer(call, text);
    json_free(taken);
}

/* Lock held. */
static void answer_instance(const struct vms *vms, struct davit_call *call, const struct instance *instance)
{
    struct json *answer = json_new_object();

    json_set(answer, "instance", instance_describe(instance));
    answer_taken(vms, call, answer);
}

/* ---- open, list */

static bool take_folder(const struct json *config, const char *key, char **out, struct error *err)
{
    const char *path = json_get_text(config, key);

    if (path == NULL || !file_path_is_safe(path))
        return error_set(err, ERROR_INVALID, "the configuration's %s must be an absolute path without ..", key);
    *out = mem_strdup(path);
    return true;
}

static bool read_options(struct vms *vms, const struct json *options, struct error *err)
{
    const char *uri = json_get_text(options, "uri"), *emulated = json_get_text(options, "emulated"), *why = NULL;

    vms->uri = mem_strdup(uri != NULL ? uri : DEFAULT_URI);
    if (strncmp(vms->uri, "qemu:", strlen("qemu:")) != 0)
        return error_set(err, ERROR_UNSUPPORTED, "[runtime.libvirt] uri=%s: only QEMU on this device is supported, qemu:///system", vms->uri);
    if (emulated != NULL && strcmp(emulated, "auto") != 0 && strcmp(emulated, "yes") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "[runtime.libvirt] emulated=%s: it is auto (where there is no KVM) or yes", emulated);
    vms->kvm = (emulated == NULL || strcmp(emulated, "auto") == 0) && kvm_is_usable(&why);
    return true;
}

static bool read_config(struct vms *vms, const char *text, struct error *err)
{
    AUTO_JSON struct json *config = json_parse(text, strlen(text), err);
    const char *node = json_get_text(config, "node");
    AUTO_FREE char *libexec = NULL;

    if (config == NULL || !take_folder(config, "stateDir", &vms->state_dir, err) ||
        !take_folder(config, "runDir", &vms->run_dir, err) || !take_folder(config, "logDir", &vms->log_dir, err) ||
        !take_folder(config, "libexecDir", &libexec, err))
        return false;
    vms->unpack = mem_printf("%s/davit-unpack", libexec);
    vms->node = mem_strdup(node != NULL ? node : "");
    return read_options(vms, json_get(config, "options"), err);
}

static void answer_open(struct vms *vms, struct davit_call *call, bool there)
{
    struct json *answer = json_new_texts("version", there ? vms->version : "libvirt (away)", NULL);

    json_set_boolean(answer, "images", true);
    json_set_boolean(answer, "kvm", vms->kvm);
    answer_taken(vms, call, answer);
}

static enum davit_result plugin_open(const struct davit_runtime_host *host, const char *config, void **ctx,
                                     struct davit_call *call)
{
    struct vms *vms = mem_alloc(sizeof(*vms));
    pthread_condattr_t monotonic;
    struct error err;
    bool there;

    vms->host = host;
    pthread_mutex_init(&vms->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&vms->news, &monotonic);
    if (!read_config(vms, config, &err))
        return host->fail(call, DAVIT_INVALID, "CannotOpen", err.message);
    if (!adopt_all(vms, &err) || !connection_start(vms, &err))
        return fail(vms, call, "CannotOpen", &err);
    there = connection_wait(vms, FIRST_TRY_MS);
    pthread_mutex_lock(&vms->lock);
    vms->open = true;
    vms->told_lost = !there;
    answer_open(vms, call, there);
    pthread_mutex_unlock(&vms->lock);
    *ctx = vms;
    return DAVIT_OK;
}

static void plugin_close(void *ctx)
{
    (void)ctx; /* the process ends, and what runs needs nothing from it */
}

static enum davit_result plugin_list(void *ctx, struct davit_call *call)
{
    struct vms *vms = ctx;
    struct error err;
    virConnectPtr connection = connection_get(vms, &err);
    struct json *answer, *instances;

    if (connection == NULL) /* what runs is not known: better none than a wrong answer */
        return fail(vms, call, VMS_AWAY, &err);
    virConnectClose(connection);
    answer = json_new_object();
    instances = json_set_array(answer, "instances");
    pthread_mutex_lock(&vms->lock);
    for (const struct instance *instance = vms->instances; instance != NULL; instance = instance->next)
        json_add(instances, instance_describe(instance));
    pthread_mutex_unlock(&vms->lock);
    workload_list(vms, json_set_array(answer, "pods"));
    answer_taken(vms, call, answer);
    return DAVIT_OK;
}

/* ---- create, remove, release */

/* True: there is one already, or another workload has its id; *result says which. */
static bool is_there(struct vms *vms, const struct json *document, struct davit_call *call, enum davit_result *result)
{
    const char *uid = json_get_text(json_get(document, "pod"), "uid");
    AUTO_FREE char *id = address_make_id(uid, json_get_text(json_get(document, "container"), "name"),
                                         json_get_integer(document, "attempt", 0));
    const struct instance *instance;

    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, id);
    *result = DAVIT_OK;
    if (instance != NULL && strcmp(instance->uid, uid) != 0)
        *result = vms->host->fail(call, DAVIT_FAILED, "CreateContainerError",
                                  "another virtual machine's uid begins with the same 12 digits: remove one of them");
    else if (instance != NULL)
        answer_instance(vms, call, instance);
    pthread_mutex_unlock(&vms->lock);
    return instance != NULL;
}

static enum davit_result create(struct vms *vms, const struct json *document, struct davit_call *call)
{
    struct instance *instance;
    virConnectPtr connection;
    enum davit_result result;
    const char *reason;
    struct error err;

    if (is_there(vms, document, call, &result))
        return result;
    connection = connection_get(vms, &err);
    if (connection == NULL)
        return fail(vms, call, VMS_AWAY, &err);
    virConnectClose(connection); /* whom its files belong to is known, then */
    instance = create_instance(vms, document, vms->host->cancel_fd(call), &reason, &err);
    if (instance == NULL)
        return fail(vms, call, reason, &err);
    pthread_mutex_lock(&vms->lock);
    instance_add(vms, instance);
    instance_changed(vms, instance);
    answer_instance(vms, call, instance);
    pthread_mutex_unlock(&vms->lock);
    return DAVIT_OK;
}

static enum davit_result plugin_create(void *ctx, const char *text, struct davit_call *call)
{
    struct vms *vms = ctx;
    struct error err;
    AUTO_JSON struct json *document = json_parse(text, strlen(text), &err);

    if (document == NULL || !create_check(document, &err))
        return fail(vms, call, "InvalidDocument", &err);
    return create(vms, document, call);
}

static enum davit_result plugin_start(void *ctx, const char *text, struct davit_call *call)
{
    return errand_run(ctx, call, text, ERRAND_NAMES_ATTEMPT, life_start);
}

static enum davit_result plugin_stop(void *ctx, const char *text, struct davit_call *call)
{
    return errand_run(ctx, call, text, ERRAND_NAMES_ATTEMPT, life_stop);
}

static enum davit_result remove_instance(struct vms *vms, const struct address *address, struct davit_call *call)
{
    struct instance *instance;
    struct error err;
    bool runs;

    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, address->id);
    if (instance != NULL && strcmp(instance->uid, address->uid) != 0)
        instance = NULL;
    runs = instance != NULL && (instance->state == INSTANCE_RUNNING || instance->busy);
    if (instance != NULL)
        instance->removing = !runs;
    pthread_mutex_unlock(&vms->lock);
    if (instance == NULL)
        return DAVIT_OK;
    if (runs)
        return vms->host->fail(call, DAVIT_FAILED, "StillRunning", "the virtual machine runs: stop it first");
    if (!create_undo(vms, instance->id, vms->host->cancel_fd(call), &err))
        return fail(vms, call, "RemoveContainerError", &err);
    pthread_mutex_lock(&vms->lock);
    instance_drop(vms, instance);
    pthread_mutex_unlock(&vms->lock);
    return DAVIT_OK;
}

static enum davit_result plugin_remove(void *ctx, const char *text, struct davit_call *call)
{
    struct vms *vms = ctx;
    struct address address;
    enum davit_result result;
    struct error err;

    if (address_parse(text, true, &address, &err))
        result = remove_instance(vms, &address, call);
    else
        result = fail(vms, call, "InvalidDocument", &err);
    address_free(&address);
    return result;
}

static bool has_instances(struct vms *vms, const char *uid)
{
    const struct instance *instance;

    pthread_mutex_lock(&vms->lock);
    instance = vms->instances;
    while (instance != NULL && strcmp(instance->uid, uid) != 0)
        instance = instance->next;
    pthread_mutex_unlock(&vms->lock);
    return instance != NULL;
}

static enum davit_result plugin_release(void *ctx, const char *text, struct davit_call *call)
{
    struct vms *vms = ctx;
    struct address address;
    struct error err;
    enum davit_result result = DAVIT_OK;

    if (!address_parse(text, false, &address, &err))
        result = fail(vms, call, "InvalidDocument", &err);
    else if (has_instances(vms, address.uid))
        result = vms->host->fail(call, DAVIT_FAILED, "StillInUse", "the virtual machine has instances: remove them first");
    /* What an eviction would empty is a virtual machine's own disk, and that is its work. */
    else if (!json_get_boolean(address.json, "keep", false) &&
             !workload_release(vms, address.uid, json_get_boolean(address.json, "gone", false),
                               json_get_text(address.json, "object"), &err))
        result = fail(vms, call, "ReleaseError", &err);
    address_free(&address);
    return result;
}

/* ---- exec, stats, snapshot */

/* A serial line has one end, a screen can be looked at by several. True: it is this call's. */
static bool take_console(struct vms *vms, const struct address *address, bool serial, struct davit_call *call,
                         enum davit_result *result)
{
    struct instance *instance;
    bool taken;

    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, address->id);
    *result = DAVIT_OK;
    if (instance == NULL || instance->state != INSTANCE_RUNNING)
        *result = vms->host->fail(call, DAVIT_NOT_FOUND, "NotRunning", "the virtual machine does not run");
    else if (serial && instance->console_taken)
        *result = vms->host->fail(call, DAVIT_FAILED, "ConsoleInUse",
                                  "somebody is at the serial console already, and it has room for one");
    taken = *result == DAVIT_OK;
    if (taken && serial)
        instance->console_taken = true;
    pthread_mutex_unlock(&vms->lock);
    return taken;
}

static void give_console_back(struct vms *vms, const struct address *address)
{
    struct instance *instance;

    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, address->id);
    if (instance != NULL)
        instance->console_taken = false;
    pthread_mutex_unlock(&vms->lock);
}

static enum davit_result run_console(struct vms *vms, const struct address *address, const char *which,
                                     struct davit_call *call)
{
    bool serial = strcmp(which, "serial") == 0;
    AUTO_FREE char *folder = vms_folder(vms, address->id);
    AUTO_FREE char *path = mem_printf("%s/%s", folder, serial ? CREATE_CONSOLE : CREATE_VNC);
    const struct console_ends ends = {.in = vms_call_fd(vms, call, "stdin"), .out = vms_call_fd(vms, call, "stdout"),
                                      .control = vms_call_fd(vms, call, "control"), .cancel_fd = vms->host->cancel_fd(call)};
    enum davit_result result;
    struct error err;
    bool joined;

    if (!serial && strcmp(which, "vnc") != 0)
        return vms->host->fail(call, DAVIT_INVALID, "InvalidDocument", "console is serial or vnc");
    if (!take_console(vms, address, serial, call, &result))
        return result;
    joined = console_join(path, &ends, &err);
    if (serial)
        give_console_back(vms, address);
    if (!joined)
        return fail(vms, call, "ConsoleError", &err);
    vms->host->answer(call, "{\"exitCode\":0}");
    return DAVIT_OK;
}

static enum davit_result plugin_exec(void *ctx, const char *text, struct davit_call *call)
{
    struct vms *vms = ctx;
    struct address address;
    enum davit_result result;
    const char *console;
    struct error err;

    if (!address_parse(text, true, &address, &err))
        result = fail(vms, call, "InvalidDocument", &err);
    else if ((console = json_get_text(address.json, "console")) != NULL)
        result = run_console(vms, &address, console, call);
    else if (json_get_boolean(address.json, "stdin", false) || json_get_boolean(address.json, "tty", false))
        result = vms->host->fail(call, DAVIT_INVALID, "Unsupported",
                                 "a command in a virtual machine has no input and no terminal: use davit console, or ssh");
    else
        result = errand_run(vms, call, text, ERRAND_NAMES_ATTEMPT,
                            json_get_boolean(address.json, "stream", false) ? agent_stream : agent_exec);
    address_free(&address);
    return result;
}

static enum davit_result plugin_stats(void *ctx, const char *text, struct davit_call *call)
{
    return errand_run(ctx, call, text, ERRAND_NAMES_NOTHING, stats_read);
}

static enum davit_result plugin_snapshot(void *ctx, const char *text, struct davit_call *call)
{
    return errand_run(ctx, call, text, ERRAND_NAMES_ATTEMPT, snapshot_do);
}

__attribute__((visibility("default"))) const struct davit_runtime_plugin davit_runtime_plugin = {
    .abi = DAVIT_RUNTIME_ABI,
    .size = sizeof(davit_runtime_plugin),
    .name = "libvirt",
    .open = plugin_open,
    .close = plugin_close,
    .list = plugin_list,
    .create = plugin_create,
    .start = plugin_start,
    .stop = plugin_stop,
    .remove = plugin_remove,
    .release = plugin_release,
    .exec = plugin_exec,
    .stats = plugin_stats,
    .snapshot = plugin_snapshot,
};

#include "config.h"

#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "bundle.h"
#include "cgroup.h"
#include "command.h"
#include "conmon.h"
#include "device.h"
#include "limits.h"
#include "message.h"
#include "pod.h"
#include "record.h"
#include "rootfs.h"
#include "security.h"
#include "spec.h"
#include "volume.h"

#define CONFIG_MODE 0600 /* it holds the environment */
#define HOSTNAME_BYTES 64
#define SECCOMP_DIR "/var/lib/kubelet/seccomp" /* where Kubernetes looks for profiles of type Localhost */

/* Everything that is found out on the way. */
struct creation {
    struct crun *crun;
    const struct document *document;
    const char *reason; /* of the step that runs */
    bool pod_made, bundle_touched;
    char hostname[HOSTNAME_BYTES];
    char *bundle, *cgroups_path, *netns;
    struct volume_mounts volumes;
    struct json *args, *env, *seccomp;
    struct user user;
    struct devices devices;
};

/* The core's word; else (a document of an older one) the pod's name, cut to what a hostname may have. */
static void choose_hostname(struct creation *creation)
{
    const char *given = json_get_text(creation->document->pod_json, "hostname");
    char *name = creation->hostname;

    if (given == NULL && creation->document->host_network) {
        if (gethostname(name, HOSTNAME_BYTES) != 0)
            name[0] = '\0';
        name[HOSTNAME_BYTES - 1] = '\0';
        return;
    }
    strncpy(name, given != NULL ? given : creation->document->pod, HOSTNAME_BYTES - 1);
    for (size_t len = strlen(name); len > 0 && strchr("-.", name[len - 1]) != NULL; len--)
        name[len - 1] = '\0';
}

static bool resolve_command(struct creation *creation, struct error *err)
{
    const struct document *document = creation->document;

    creation->reason = "CreateContainerConfigError";
    creation->args = command_args(document->container, document->image, err);
    if (creation->args == NULL)
        return false;
    creation->env = command_env(document->container, document->image, creation->hostname, err);
    return creation->env != NULL;
}

static bool resolve_rootfs(struct creation *creation, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/rootfs", creation->bundle);
    AUTO_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *user = json_get_text(creation->document->image, "User");

    creation->reason = "InvalidImage";
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open %s", path);
    if (!rootfs_check(fd, err))
        return false;
    creation->reason = "CreateContainerConfigError";
    return user_apply(fd, user == NULL ? "" : user, json_get(creation->document->container, "securityContext"),
                      json_get(creation->document->pod_json, "securityContext"), &creation->user, err);
}

static bool is_bidirectional(const struct volume_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (strcmp(mounts->mounts[i].propagation, "rshared") == 0)
            return true;
    return false;
}

/* The score goes as low as the kernel lets this process go: crun would fail with one that it does not. */
static int64_t choose_oom_score(const struct creation *creation)
{
    bool clamped = false;
    int64_t wanted = json_get_integer(json_get(creation->document->container, "linux"), "oomScoreAdj", 0);
    int64_t score = limits_oom_score(wanted, &clamped);

    if (clamped && !creation->crun->oom_told) {
        creation->crun->oom_told = true;
        crun_log(creation->crun, 4, "the kernel gives no oom_score_adj below %lld to this process (asked for: %lld)",
                 (long long)score, (long long)wanted);
    }
    return score;
}

static bool write_config(struct creation *creation, struct error *err)
{
    const struct document *document = creation->document;
    AUTO_FREE char *message = message_path(creation->crun, document->id);
    const char *netns = document->netns != NULL ? document->netns : creation->netns;
    bool own_name = !document->host_network || json_get_text(document->pod_json, "hostname") != NULL;
    struct spec spec = {
        .args = creation->args, .env = creation->env, .cwd = command_cwd(document->container, document->image),
        .user = &creation->user, .hostname = own_name ? creation->hostname : NULL,
        .netns = document->host_network ? NULL : netns, .cgroups_path = creation->cgroups_path,
        .cgroup_namespace = creation->crun->cgroup_v2, .cgroup_v2 = creation->crun->cgroup_v2,
        .bundle = creation->bundle, .mounts = creation->volumes.mounts, .mount_count = creation->volumes.count,
        .pod = document->pod_json, .container = document->container,
        .context = json_get(document->container, "securityContext"), .seccomp = creation->seccomp,
        .oom_score_adj = choose_oom_score(creation), .message = message,
        .bidirectional = is_bidirectional(&creation->volumes), .devices = creation->devices.list,
        .device_count = creation->devices.count, .more_mounts = creation->devices.mounts,
    };
    AUTO_JSON struct json *config = NULL;
    AUTO_FREE char *path = mem_printf("%s/config.json", creation->bundle);
    AUTO_FREE char *text = NULL;

    creation->reason = "CreateContainerConfigError";
    if (!file_path_is_safe(spec.cwd))
        return error_set(err, ERROR_INVALID, "workingDir %s must be an absolute path without ..", spec.cwd);
    config = spec_build(&spec);
    text = json_print(config);
    return file_write_atomic(path, text, strlen(text), CONFIG_MODE, false, err);
}

static bool resolve_rights(struct creation *creation, struct error *err)
{
    const struct document *document = creation->document;

    if (!device_prepare(document, &creation->devices, &creation->reason, err))
        return false;
    JSON_EACH(pair, creation->devices.env)
        json_add_text(creation->env, json_text(pair));
    creation->reason = "CreateContainerError";
    return security_seccomp(json_get(document->container, "securityContext"), SECCOMP_DIR, &creation->seccomp, err);
}

static bool prepare(struct creation *creation, struct error *err)
{
    struct crun *crun = creation->crun;
    const struct document *document = creation->document;

    choose_hostname(creation);
    if (!resolve_command(creation, err))
        return false;
    creation->reason = "CreateContainerError";
    if (!pod_prepare(crun, document, &creation->pod_made, err))
        return false;
    creation->bundle_touched = true;
    if (!bundle_make(crun, document, creation->hostname, creation->cgroups_path, err) ||
        !rootfs_mount(crun, document->id, document->layers, err) || !message_make(crun, document->id, err))
        return false;
    creation->reason = "FailedMount";
    if (!volume_prepare(crun, document, &creation->volumes, err)) {
        creation->reason = err->code == ERROR_NO_SPACE ? "InsufficientDisk" : creation->reason;
        return false;
    }
    return resolve_rootfs(creation, err) && resolve_rights(creation, err) && write_config(creation, err);
}

static struct instance *launch(struct creation *creation, int cancel_fd, struct error *err)
{
    struct instance *instance = instance_new(creation->document);

    creation->reason = "CreateContainerError";
    instance->log_path = pod_log_path(creation->crun, creation->document);
    if (conmon_create(creation->crun, instance, cancel_fd, err)) {
        instance->created_ms = clock_wall_ms();
        if (record_write(creation->crun, instance, err))
            return instance;
    }
    instance_free(instance);
    return NULL;
}

/* Takes back what this try made, and nothing that the pod had before. */
static void take_back(struct creation *creation)
{
    const struct document *document = creation->document;
    struct error err;

    if (creation->bundle_touched && !bundle_destroy(creation->crun, document->id, true, -1, &err))
        crun_log(creation->crun, 4, "%s: what a failed create left cannot be removed: %s", document->id, err.message);
    if (creation->pod_made && !pod_release(creation->crun, document->uid, &err))
        crun_log(creation->crun, 4, "pod %s: what a failed create left cannot be removed: %s", document->uid,
                 err.message);
}

struct instance *create_instance(struct crun *crun, const struct document *document, int cancel_fd,
                                 const char **reason, struct error *err)
{
    struct creation creation = {.crun = crun, .document = document};
    struct instance *instance = NULL;

    creation.bundle = crun_bundle_path(crun, document->id);
    creation.cgroups_path = cgroup_container_path(document->uid, document->container_name, document->attempt);
    creation.netns = pod_netns_path(crun, document->uid);
    if (prepare(&creation, err))
        instance = launch(&creation, cancel_fd, err);
    if (instance == NULL)
        take_back(&creation);
    *reason = creation.reason;
    volume_mounts_free(&creation.volumes);
    json_free(creation.args);
    json_free(creation.env);
    json_free(creation.seccomp);
    device_free(&creation.devices);
    free(creation.bundle);
    free(creation.cgroups_path);
    free(creation.netns);
    return instance;
}

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
#include "pod.h"
#include "record.h"
#include "rootfs.h"
#include "spec.h"
#include "volume.h"

#define CONFIG_MODE 0600 /* it holds the environment */
#define HOSTNAME_BYTES 64

/* Everything that is found out on the way. */
struct creation {
    struct crun *crun;
    const struct document *document;
    const char *reason; /* of the step that runs */
    bool pod_made, bundle_touched;
    char hostname[HOSTNAME_BYTES];
    char *bundle, *cgroups_path, *netns;
    struct volume_mounts volumes;
    struct json *args, *env;
    struct user user;
};

/* Kubernetes cuts a pod's name to 63 bytes, and what then ends in - or . further. */
static void choose_hostname(struct creation *creation)
{
    char *name = creation->hostname;

    if (creation->document->host_network) {
        if (gethostname(name, HOSTNAME_BYTES) != 0)
            name[0] = '\0';
        name[HOSTNAME_BYTES - 1] = '\0';
        return;
    }
    strncpy(name, creation->document->pod, HOSTNAME_BYTES - 1);
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
    return user_resolve(fd, user == NULL ? "" : user, &creation->user, err);
}

static bool write_config(struct creation *creation, struct error *err)
{
    const struct document *document = creation->document;
    struct spec spec = {
        .args = creation->args, .env = creation->env, .cwd = command_cwd(document->container, document->image),
        .user = &creation->user, .hostname = document->host_network ? NULL : creation->hostname,
        .netns = document->host_network ? NULL : creation->netns, .cgroups_path = creation->cgroups_path,
        .cgroup_namespace = creation->crun->cgroup_v2, .bundle = creation->bundle,
        .mounts = creation->volumes.mounts, .mount_count = creation->volumes.count,
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
    creation->reason = "FailedMount";
    if (!volume_prepare(crun, document, &creation->volumes, err))
        return false;
    creation->reason = "CreateContainerError";
    creation->bundle_touched = true;
    return bundle_make(crun, document, creation->hostname, creation->cgroups_path, err) &&
           rootfs_mount(crun, document->id, document->layers, err) && resolve_rootfs(creation, err) &&
           write_config(creation, err);
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
    free(creation.bundle);
    free(creation.cgroups_path);
    free(creation.netns);
    return instance;
}

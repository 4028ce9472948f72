#include "config.h"

#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apparmor.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "bundle.h"
#include "cgroup.h"
#include "command.h"
#include "conmon.h"
#include "device.h"
#include "filter.h"
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
#define BUNDLE_MODE 0710 /* the group is the pod's root */
#define PASS 0011
#define SECCOMP_DIR "/var/lib/kubelet/seccomp" /* where Kubernetes looks for profiles of type Localhost */

/* Everything that is found out on the way. */
struct creation {
    struct crun *crun;
    const struct document *document;
    const char *reason; /* of the step that runs */
    bool pod_made, bundle_touched;
    char hostname[HOSTNAME_BYTES];
    char *bundle, *cgroups_path, *cgroup, *netns;
    struct shared shared;
    struct volume_mounts volumes;
    struct json *args, *env, *seccomp;
    bool usual_seccomp;
    char *filter;
    char *apparmor;
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

static bool check_user(struct creation *creation, struct error *err)
{
    const struct document *document = creation->document;
    const char *user = json_get_text(document->image, "User");
    AUTO_FREE char *where = mem_printf("pod: \"%s_%s(%s)\", container: %s", document->pod, document->namespace_, document->uid,
                                       document->container_name);

    creation->reason = "CreateContainerConfigError";
    return user_check_non_root(user == NULL ? "" : user, json_get(document->container, "securityContext"), where, err);
}

static bool resolve_command(struct creation *creation, struct error *err)
{
    const struct document *document = creation->document;

    creation->reason = "CreateContainerError";
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
    creation->reason = "CreateContainerError";
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
        .netns = document->host_network ? NULL : netns, .ipc = creation->shared.ipc, .pid = creation->shared.pid,
        .shm = creation->shared.shm, .userns = creation->shared.user, .first_id = creation->shared.first, .cgroups_path = creation->cgroups_path,
        .cgroup_namespace = creation->crun->cgroup_v2, .cgroup_v2 = creation->crun->cgroup_v2,
        .bundle = creation->bundle, .mounts = creation->volumes.mounts, .mount_count = creation->volumes.count,
        .pod = document->pod_json, .container = document->container,
        .context = json_get(document->container, "securityContext"), .seccomp = creation->seccomp,
        .apparmor = creation->apparmor,
        .oom_score_adj = choose_oom_score(creation), .message = message,
        .bidirectional = is_bidirectional(&creation->volumes), .devices = creation->devices.list,
        .device_count = creation->devices.count, .more_mounts = creation->devices.mounts,
    };
    AUTO_JSON struct json *config = NULL;
    AUTO_FREE char *path = mem_printf("%s/config.json", creation->bundle);
    AUTO_FREE char *text = NULL;

    if (creation->usual_seccomp)
        spec.filter = creation->filter = filter_known(creation->crun);
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
    const struct json *context = json_get(document->container, "securityContext");
    return security_seccomp(context, SECCOMP_DIR, &creation->seccomp, &creation->usual_seccomp, err) &&
           apparmor_choose(context, &apparmor_host, &creation->apparmor, err);
}

/* Others may pass, and see no more than what they can name. */
static bool let_pass(const char *folder, const char *more)
{
    AUTO_FREE char *path = mem_printf("%s%s", folder, more);
    struct stat info;

    return stat(path, &info) == 0 && ((info.st_mode & PASS) == PASS || chmod(path, (info.st_mode & 07777) | PASS) == 0);
}

/* What is bound as it is must belong to who is root in there; and crun, which is that by then, finds its way. */
static bool own_shared_files(const struct creation *creation, struct error *err)
{
    AUTO_FREE char *message = message_path(creation->crun, creation->document->id);
    uid_t owner = (uid_t)creation->shared.first;

    if (creation->shared.userns < 0)
        return true;
    return (chown(message, owner, owner) == 0 && chown(creation->shared.shm, owner, owner) == 0 &&
            chown(creation->bundle, (uid_t)-1, owner) == 0 && chmod(creation->bundle, BUNDLE_MODE) == 0 &&
            let_pass(creation->crun->run_dir, "/..") && let_pass(creation->crun->run_dir, "") &&
            let_pass(creation->crun->run_dir, "/bundles")) ||
           error_set_errno(err, errno, "cannot give %s to the pod", creation->bundle);
}

static bool prepare(struct creation *creation, struct error *err)
{
    struct crun *crun = creation->crun;
    const struct document *document = creation->document;

    choose_hostname(creation);
    if (!check_user(creation, err) || !resolve_command(creation, err))
        return false;
    creation->reason = "CreateContainerError";
    if (!pod_prepare(crun, document, &creation->pod_made, &creation->shared, err))
        return false;
    creation->bundle_touched = true;
    struct document mapped = *document;
    mapped.userns = creation->shared.userns;
    if (!bundle_make(crun, document, creation->hostname, creation->cgroup, err) ||
        !rootfs_mount(crun, document->id, document->layers, mapped.userns,
                      (uid_t)creation->shared.first, err) || !message_make(crun, document->id, err) ||
        !own_shared_files(creation, err))
        return false;
    creation->reason = "FailedMount";
    if (!volume_prepare(crun, &mapped, &creation->volumes, err)) {
        creation->reason = err->code == ERROR_NO_SPACE ? "InsufficientDisk" : creation->reason;
        return false;
    }
    return resolve_rootfs(creation, err) && resolve_rights(creation, err) && write_config(creation, err);
}

/* The command is not there, or is no program: to Kubernetes a container that was made, and ended before it began. */
static bool is_start_error(const struct error *err)
{
    static const char *const words[] = {"executable file ", "open executable", "cannot find executable"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(err->message, words[i]) != NULL)
            return true;
    return false;
}

/* The folder is crun's by now. A kernel that does not take them leaves the containers' own, which were set. */
static void limit_pod(const struct creation *creation)
{
    const struct json *limits = json_get(creation->document->pod_json, "linux");
    AUTO_FREE char *path = cgroup_pod_path(creation->crun, creation->document->uid);
    struct error err;

    if (limits != NULL && !cgroup_limit(creation->crun, path, limits, &err))
        crun_log(creation->crun, 4, "pod %s: %s", creation->document->uid, err.message);
}

static struct instance *launch(struct creation *creation, int cancel_fd, struct error *err)
{
    struct instance *instance = instance_new(creation->document);

    creation->reason = "CreateContainerError";
    instance->log_path = pod_log_path(creation->crun, creation->document);
    if (conmon_create(creation->crun, instance, cancel_fd, err)) {
        instance->created_ms = clock_wall_ms();
        if (creation->usual_seccomp && creation->filter == NULL)
            filter_learn(creation->crun, instance->id);
        limit_pod(creation);
        if (record_write(creation->crun, instance, err))
            return instance;
    } else if (is_start_error(err)) {
        creation->reason = "StartError";
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
    if (creation->pod_made && !pod_release(creation->crun, document->uid, document->netns == NULL, &err))
        crun_log(creation->crun, 4, "pod %s: what a failed create left cannot be removed: %s", document->uid,
                 err.message);
}

struct instance *create_instance(struct crun *crun, const struct document *document, int cancel_fd,
                                 const char **reason, struct error *err)
{
    struct creation creation = {.crun = crun, .document = document, .shared = {.userns = -1}};
    struct instance *instance = NULL;

    creation.bundle = crun_bundle_path(crun, document->id);
    creation.cgroups_path = cgroup_spec_path(crun, document);
    creation.cgroup = cgroup_container_path(crun, document);
    creation.netns = pod_netns_path(crun, document->uid);
    if (prepare(&creation, err))
        instance = launch(&creation, cancel_fd, err);
    if (instance == NULL)
        take_back(&creation);
    *reason = creation.reason;
    volume_mounts_free(&creation.volumes);
    shared_free(&creation.shared);
    json_free(creation.args);
    json_free(creation.env);
    json_free(creation.seccomp);
    free(creation.apparmor);
    device_free(&creation.devices);
    free(creation.bundle);
    free(creation.filter);
    free(creation.cgroups_path);
    free(creation.cgroup);
    free(creation.netns);
    return instance;
}

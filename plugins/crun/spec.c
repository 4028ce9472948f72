#include "config.h"

#include "spec.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "filter.h"
#include "security.h"
#include "spec_linux.h"

static const struct {
    const char *target, *type, *source, *options;
    bool read_only;
} system_mounts[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev", false},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k", false},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5", false},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", false},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev", true},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime", true},
};

/* Read-only, for they lie in the run directory, and a workload must not fill a tmpfs. */
static const char *const pod_files[][2] = {
    {"hosts", "/etc/hosts"}, {"hostname", "/etc/hostname"}, {"resolv.conf", "/etc/resolv.conf"},
};

#define MESSAGE_PATH "/dev/termination-log"

static void set_capabilities(const struct spec *spec, struct json *process)
{
    struct json *part = json_set_object(process, "capabilities");
    struct json *capabilities = security_capabilities(spec->context);

    /* Never inheritable: CVE-2022-29162's kin. */
    json_set(part, "bounding", json_copy(capabilities));
    json_set(part, "effective", json_copy(capabilities));
    json_set(part, "permitted", capabilities);
    json_set_boolean(process, "noNewPrivileges",
                     !json_get_boolean(spec->context, "allowPrivilegeEscalation", true) &&
                         !security_is_privileged(spec->context));
}

static void set_process(struct json *config, const struct spec *spec)
{
    struct json *process = json_set_object(config, "process"), *part;

    json_set_boolean(process, "terminal", json_get_boolean(spec->container, "tty", false));
    part = json_set_object(process, "user");
    json_set_integer(part, "uid", spec->user->uid);
    json_set_integer(part, "gid", spec->user->gid);
    if (spec->user->group_count > 0) {
        struct json *groups = json_set_array(part, "additionalGids");

        for (size_t i = 0; i < spec->user->group_count; i++)
            json_add(groups, json_new_integer(spec->user->groups[i]));
    }
    json_set(process, "args", json_copy(spec->args));
    json_set(process, "env", json_copy(spec->env));
    json_set_text(process, "cwd", spec->cwd);
    set_capabilities(spec, process);
    json_set_integer(process, "oomScoreAdj", spec->oom_score_adj);
    json_set_text(process, "apparmorProfile", spec->apparmor);
}

static struct json *add_mount(struct json *mounts, const char *target, const char *type, const char *source)
{
    struct json *mount = json_add_object(mounts);

    json_set_text(mount, "destination", target);
    json_set_text(mount, "type", type);
    json_set_text(mount, "source", source);
    return json_set_array(mount, "options");
}

static struct json *add_bind(struct json *mounts, const char *target, const char *source, bool read_only,
                             const char *propagation)
{
    struct json *options = add_mount(mounts, target, "bind", source);

    json_add_text(options, "rbind");
    json_add_text(options, propagation != NULL ? propagation : "rprivate");
    json_add_text(options, read_only ? "ro" : "rw");
    return options;
}

static void add_options(struct json *options, const char *list)
{
    AUTO_FREE char *words = mem_strdup(list);
    char *rest = words, *word;

    while ((word = strsep(&rest, ",")) != NULL)
        json_add_text(options, word);
}

/* A privileged container changes the host's /sys. */
static void add_system_mounts(struct json *mounts, bool privileged)
{
    for (size_t i = 0; i < sizeof(system_mounts) / sizeof(system_mounts[0]); i++) {
        struct json *options =
            add_mount(mounts, system_mounts[i].target, system_mounts[i].type, system_mounts[i].source);

        add_options(options, system_mounts[i].options);
        if (system_mounts[i].read_only)
            json_add_text(options, privileged ? "rw" : "ro");
    }
}

static bool is_mounted_by_user(const struct spec *spec, const char *target)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (strcmp(spec->mounts[i].target, target) == 0)
            return true;
    }
    return false;
}

static size_t depth(const char *path)
{
    size_t slashes = 0;

    for (; *path != '\0'; path++)
        slashes += *path == '/';
    return slashes;
}

static void add_volume(struct json *mounts, const struct spec_mount *mount)
{
    struct json *options = add_bind(mounts, mount->target, mount->source, mount->read_only, mount->propagation);

    if (mount->inert)
        add_options(options, "nosuid,nodev,noexec");
}

/* Parents before what is mounted below them, whatever order the document has. */
static void add_user_mounts(struct json *mounts, const struct spec *spec)
{
    size_t deepest = 0;

    for (size_t i = 0; i < spec->mount_count; i++) {
        size_t here = depth(spec->mounts[i].target);

        deepest = here > deepest ? here : deepest;
    }
    for (size_t level = 0; level <= deepest; level++) {
        for (size_t i = 0; i < spec->mount_count; i++) {
            const struct spec_mount *mount = &spec->mounts[i];

            if (depth(mount->target) == level)
                add_volume(mounts, mount);
        }
    }
}

static void add_tmpfs(struct json *mounts, const char *target)
{
    struct json *options = add_mount(mounts, target, "tmpfs", "tmpfs");

    json_add_text(options, "nosuid");
    json_add_text(options, "nodev");
    json_add_text(options, "mode=1777");
    json_add_text(options, "size=65536k");
}

static void set_mounts(struct json *config, const struct spec *spec)
{
    const char *path = json_get_text(spec->container, "terminationMessagePath");
    struct json *mounts = json_set_array(config, "mounts");

    add_system_mounts(mounts, security_is_privileged(spec->context));
    if (spec->shm != NULL && !is_mounted_by_user(spec, "/dev/shm"))
        add_options(add_mount(mounts, "/dev/shm", "bind", spec->shm), "rbind,rprivate,rw,nosuid,noexec,nodev");
    for (size_t i = 0; i < sizeof(pod_files) / sizeof(pod_files[0]); i++) {
        AUTO_FREE char *source = mem_printf("%s/%s", spec->bundle, pod_files[i][0]);

        if (!is_mounted_by_user(spec, pod_files[i][1]))
            add_bind(mounts, pod_files[i][1], source, true, NULL);
    }
    JSON_EACH(folder, json_get(spec->container, "tmpfs"))
        if (!is_mounted_by_user(spec, json_text(folder)))
            add_tmpfs(mounts, json_text(folder));
    add_user_mounts(mounts, spec);
    JSON_EACH(mount, spec->more_mounts)
        if (json_get_text(mount, "hostPath") != NULL && json_get_text(mount, "containerPath") != NULL)
            add_bind(mounts, json_get_text(mount, "containerPath"), json_get_text(mount, "hostPath"), true, NULL);
    if (spec->message != NULL)
        add_bind(mounts, path != NULL ? path : MESSAGE_PATH, spec->message, false, NULL);
}

struct json *spec_build(const struct spec *spec)
{
    struct json *config = json_new_texts("ociVersion", "1.0.2", NULL), *root;

    set_process(config, spec);
    root = json_set_object(config, "root");
    json_set_text(root, "path", "rootfs");
    json_set_boolean(root, "readonly", json_get_boolean(spec->context, "readOnlyRootFilesystem", false));
    json_set_text(config, "hostname", spec->hostname);
    set_mounts(config, spec);
    json_set(config, "linux", spec_linux(spec));
    if (spec->seccomp != NULL && spec->filter != NULL)
        json_set_text(json_set_object(config, "annotations"), FILTER_ANNOTATION, spec->filter);
    return config;
}

#include "config.h"

#include "spec.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* What containerd gives a container in Kubernetes, unless told otherwise. Never inheritable: CVE-2022-29162's kin. */
static const char *const capabilities[] = {
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
    "CAP_AUDIT_WRITE", NULL,
};

static const char *const masked_paths[] = {
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap", NULL,
};

static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static const struct {
    const char *target, *type, *source, *options;
} system_mounts[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
};

/* Read-only, for they lie in the run directory, and a workload must not fill a tmpfs. */
static const char *const pod_files[][2] = {
    {"hosts", "/etc/hosts"}, {"hostname", "/etc/hostname"}, {"resolv.conf", "/etc/resolv.conf"},
};

static void set_texts(struct json *object, const char *key, const char *const texts[])
{
    struct json *array = json_set_array(object, key);

    for (; *texts != NULL; texts++)
        json_add_text(array, *texts);
}

static void set_process(struct json *config, const struct spec *spec)
{
    struct json *process = json_set_object(config, "process"), *part;

    json_set_boolean(process, "terminal", false);
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
    part = json_set_object(process, "capabilities");
    set_texts(part, "bounding", capabilities);
    set_texts(part, "effective", capabilities);
    set_texts(part, "permitted", capabilities);
    json_set_boolean(process, "noNewPrivileges", false);
}

static struct json *add_mount(struct json *mounts, const char *target, const char *type, const char *source)
{
    struct json *mount = json_add_object(mounts);

    json_set_text(mount, "destination", target);
    json_set_text(mount, "type", type);
    json_set_text(mount, "source", source);
    return json_set_array(mount, "options");
}

static void add_bind(struct json *mounts, const char *target, const char *source, bool read_only)
{
    struct json *options = add_mount(mounts, target, "bind", source);

    json_add_text(options, "rbind");
    json_add_text(options, "rprivate");
    json_add_text(options, read_only ? "ro" : "rw");
}

static void add_system_mount(struct json *mounts, size_t index)
{
    AUTO_FREE char *words = mem_strdup(system_mounts[index].options);
    struct json *options = add_mount(mounts, system_mounts[index].target, system_mounts[index].type,
                                     system_mounts[index].source);
    char *rest = words, *word;

    while ((word = strsep(&rest, ",")) != NULL)
        json_add_text(options, word);
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
                add_bind(mounts, mount->target, mount->source, mount->read_only);
        }
    }
}

static void set_mounts(struct json *config, const struct spec *spec)
{
    struct json *mounts = json_set_array(config, "mounts");

    for (size_t i = 0; i < sizeof(system_mounts) / sizeof(system_mounts[0]); i++)
        add_system_mount(mounts, i);
    for (size_t i = 0; i < sizeof(pod_files) / sizeof(pod_files[0]); i++) {
        AUTO_FREE char *source = mem_printf("%s/%s", spec->bundle, pod_files[i][0]);

        if (!is_mounted_by_user(spec, pod_files[i][1]))
            add_bind(mounts, pod_files[i][1], source, true);
    }
    add_user_mounts(mounts, spec);
}

static void add_namespace(struct json *namespaces, const char *type, const char *path)
{
    struct json *entry = json_add_object(namespaces);

    json_set_text(entry, "type", type);
    json_set_text(entry, "path", path);
}

static void set_linux(struct json *config, const struct spec *spec)
{
    struct json *linux_part = json_set_object(config, "linux"), *part;

    part = json_set_array(linux_part, "namespaces");
    add_namespace(part, "pid", NULL);
    add_namespace(part, "mount", NULL);
    add_namespace(part, "ipc", NULL);
    add_namespace(part, "uts", NULL);
    if (spec->cgroup_namespace)
        add_namespace(part, "cgroup", NULL);
    if (spec->netns != NULL)
        add_namespace(part, "network", spec->netns);
    json_set_text(linux_part, "cgroupsPath", spec->cgroups_path);
    /* without this rule every device of the host can be made with mknod and opened */
    part = json_add_object(json_set_array(json_set_object(linux_part, "resources"), "devices"));
    json_set_boolean(part, "allow", false);
    json_set_text(part, "access", "rwm");
    set_texts(linux_part, "maskedPaths", masked_paths);
    set_texts(linux_part, "readonlyPaths", readonly_paths);
}

struct json *spec_build(const struct spec *spec)
{
    struct json *config = json_new_texts("ociVersion", "1.0.2", NULL), *root;

    set_process(config, spec);
    root = json_set_object(config, "root");
    json_set_text(root, "path", "rootfs");
    json_set_boolean(root, "readonly", false);
    json_set_text(config, "hostname", spec->hostname);
    set_mounts(config, spec);
    set_linux(config, spec);
    return config;
}

#include "config.h"

#include "spec_linux.h"

#include <string.h>

#include "base/userns.h"
#include "limits.h"
#include "security.h"

static const char *const masked_paths[] = {
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap", NULL,
};

static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static void set_texts(struct json *object, const char *key, const char *const texts[])
{
    struct json *array = json_set_array(object, key);

    for (; *texts != NULL; texts++)
        json_add_text(array, *texts);
}

static void add_namespace(struct json *namespaces, const char *type, const char *path)
{
    struct json *entry = json_add_object(namespaces);

    json_set_text(entry, "type", type);
    json_set_text(entry, "path", path);
}

static void set_mapping(struct json *out, const char *key, int64_t first)
{
    struct json *map = json_add_object(json_set_array(out, key));

    json_set_integer(map, "containerID", 0);
    json_set_integer(map, "hostID", first);
    json_set_integer(map, "size", USERNS_IDS);
}

static void set_namespaces(const struct spec *spec, struct json *out)
{
    struct json *namespaces = json_set_array(out, "namespaces");

    if (!json_get_boolean(spec->pod, "hostPID", false))
        add_namespace(namespaces, "pid", spec->pid);
    add_namespace(namespaces, "mount", NULL);
    if (!json_get_boolean(spec->pod, "hostIPC", false))
        add_namespace(namespaces, "ipc", spec->ipc);
    if (spec->hostname != NULL)
        add_namespace(namespaces, "uts", NULL);
    if (spec->cgroup_namespace)
        add_namespace(namespaces, "cgroup", NULL);
    if (spec->netns != NULL)
        add_namespace(namespaces, "network", spec->netns);
    if (spec->userns == NULL)
        return;
    add_namespace(namespaces, "user", spec->userns);
    set_mapping(out, "uidMappings", spec->first_id);
    set_mapping(out, "gidMappings", spec->first_id);
}

static void add_rule(struct json *rules, bool allow, const struct spec_device *device)
{
    struct json *rule = json_add_object(rules);

    json_set_boolean(rule, "allow", allow);
    if (device != NULL) {
        json_set_text(rule, "type", device->type);
        json_set_integer(rule, "major", device->major);
        json_set_integer(rule, "minor", device->minor);
    }
    json_set_text(rule, "access", "rwm");
}

/* Without the first rule every device of the host can be made with mknod and opened. */
static void set_devices(const struct spec *spec, struct json *resources, struct json *out)
{
    struct json *rules = json_set_array(resources, "devices"), *nodes = json_set_array(out, "devices");

    add_rule(rules, security_is_privileged(spec->context), NULL);
    for (size_t i = 0; i < spec->device_count; i++) {
        const struct spec_device *device = &spec->devices[i];
        struct json *node = json_add_object(nodes);

        json_set_text(node, "path", device->path);
        json_set_text(node, "type", device->type);
        json_set_integer(node, "major", device->major);
        json_set_integer(node, "minor", device->minor);
        json_set_integer(node, "fileMode", device->mode);
        json_set_integer(node, "uid", device->uid);
        json_set_integer(node, "gid", device->gid);
        if (!security_is_privileged(spec->context))
            add_rule(rules, true, device);
    }
}

static void set_sysctls(const struct spec *spec, struct json *out)
{
    const struct json *asked = json_get(json_get(spec->pod, "securityContext"), "sysctls");
    struct json *sysctl = json_size(asked) > 0 ? json_set_object(out, "sysctl") : NULL;

    JSON_EACH(one, asked)
        json_set_text(sysctl, json_get_text(one, "name"), json_get_text(one, "value"));
}

static void set_paths(const struct spec *spec, struct json *out)
{
    const char *mount = json_get_text(spec->context, "procMount");

    if (security_is_privileged(spec->context) || (mount != NULL && strcmp(mount, "Unmasked") == 0))
        return;
    set_texts(out, "maskedPaths", masked_paths);
    JSON_EACH(more, json_get(spec->context, "maskedPaths"))
        json_add_text(json_get_mutable(out, "maskedPaths"), json_text(more));
    set_texts(out, "readonlyPaths", readonly_paths);
}

struct json *spec_linux(const struct spec *spec)
{
    struct json *out = json_new_object(), *resources;

    set_namespaces(spec, out);
    json_set_text(out, "cgroupsPath", spec->cgroups_path);
    resources = limits_write(json_get(spec->container, "linux"), spec->cgroup_v2);
    json_set(out, "resources", resources);
    set_devices(spec, resources, out);
    set_sysctls(spec, out);
    set_paths(spec, out);
    if (spec->bidirectional)
        json_set_text(out, "rootfsPropagation", "rshared");
    if (spec->seccomp != NULL)
        json_set(out, "seccomp", json_copy(spec->seccomp));
    return out;
}

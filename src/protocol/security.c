#include "protocol/security.h"

#include <string.h>

#include "base/memory.h"
#include "model/vm.h"

const char *const security_level_words[] = { "baseline", "restricted", "privileged", NULL };

/* Pod Security Standards, baseline: what may be added. */
static const char *const baseline_capabilities[] = { "AUDIT_WRITE", "CHOWN",   "DAC_OVERRIDE", "FOWNER", "FSETID",
                                                     "KILL",        "MKNOD",   "NET_BIND_SERVICE",       "SETFCAP",
                                                     "SETGID",      "SETPCAP", "SETUID",       "SYS_CHROOT", NULL };
static const char *const restricted_capabilities[] = { "NET_BIND_SERVICE", NULL };
static const char *const safe_sysctls[] = { "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
                                            "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
                                            "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
                                            "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
                                            "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
                                            "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", NULL };

static bool is_among(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static bool violates(enum security_level level, const char *where, const char *what, struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "violates profile \"%s\": %s must not %s; see [security] profile= in davitd.conf",
                     security_level_words[level], where, what);
}

static const char *plain_capability(const char *name)
{
    return strncmp(name, "CAP_", 4) == 0 ? name + 4 : name;
}

static bool capabilities_allowed(enum security_level level, const char *where, const struct capabilities *asked,
                                 struct error *err)
{
    const char *const *allowed = level == LEVEL_RESTRICTED ? restricted_capabilities : baseline_capabilities;
    for (size_t i = 0; asked != NULL && i < asked->add.count; i++)
        if (!is_among(plain_capability(asked->add.items[i]), allowed)) {
            AUTO_FREE char *what = mem_printf("add the capability %.40s", asked->add.items[i]);
            return violates(level, where, what, err);
        }
    return true;
}

static bool container_allowed(enum security_level level, const struct container *container, struct error *err)
{
    AUTO_FREE char *where = mem_printf("container \"%s\"", container->name);
    const struct security *security = container->security;
    if (security == NULL)
        return true;
    if (security->privileged == 1)
        return violates(level, where, "be privileged", err);
    if (security->unmasked_proc == 1)
        return violates(level, where, "set procMount Unmasked", err);
    if (security->seccomp != NULL && security->seccomp->type == PROFILE_UNCONFINED)
        return violates(level, where, "set seccompProfile Unconfined", err);
    if (security->app_armor != NULL && security->app_armor->type == PROFILE_UNCONFINED)
        return violates(level, where, "set appArmorProfile Unconfined", err);
    if (level == LEVEL_RESTRICTED && security->escalation == 1)
        return violates(level, where, "set allowPrivilegeEscalation", err);
    if (level == LEVEL_RESTRICTED && (security->run_as_user == 0 || security->run_as_non_root == 0))
        return violates(level, where, "run as root", err);
    return capabilities_allowed(level, where, security->capabilities, err);
}

char *security_sysctl_name(const char *name)
{
    char *out = mem_strdup(name);
    size_t first = strcspn(name, "./");
    for (char *at = name[first] == '/' ? out : NULL; at != NULL && *at != '\0'; at++)
        *at = *at == '/' ? '.' : *at == '.' ? '/' : *at;
    return out;
}

static bool pod_security_allowed(enum security_level level, const struct pod_security *security, struct error *err)
{
    const struct sysctl *sysctls = security != NULL ? security->sysctls.items : NULL;
    if (security == NULL)
        return true;
    if (security->seccomp != NULL && security->seccomp->type == PROFILE_UNCONFINED)
        return violates(level, "the pod", "set seccompProfile Unconfined", err);
    if (level == LEVEL_RESTRICTED && (security->run_as_user == 0 || security->run_as_non_root == 0))
        return violates(level, "the pod", "run as root", err);
    for (size_t i = 0; i < security->sysctls.count; i++) {
        AUTO_FREE char *name = security_sysctl_name(sysctls[i].name);
        AUTO_FREE char *what = mem_printf("set the sysctl %.80s", name);
        if (!is_among(name, safe_sysctls))
            return violates(level, "the pod", what, err);
    }
    return true;
}

/* A machine without the pods' network is on none, or on bridges: never on the host's own. */
static bool machine_allowed(enum security_level level, const struct vm *vm, struct error *err)
{
    const struct vm_devices *devices = vm_devices(vm);
    if (devices->host_devices.count > 0 || devices->serial_ports.count > 0)
        return violates(level, "the machine", "have devices of the host", err);
    for (size_t i = 0; i < vm->template->spec->networks.count; i++)
        if (vm_network(vm, i)->multus != NULL)
            return violates(level, "the machine", "be on a bridge of the host", err);
    return true;
}

bool security_allows(enum security_level level, const struct pod *pod, struct error *err)
{
    if (level == LEVEL_PRIVILEGED)
        return true;
    if (pod->host_pid)
        return violates(level, "the pod", "use hostPID", err);
    if (pod->host_ipc)
        return violates(level, "the pod", "use hostIPC", err);
    if (level == LEVEL_RESTRICTED && pod->vm != NULL && !machine_allowed(level, pod->vm, err))
        return false;
    if (level == LEVEL_RESTRICTED && pod->host_network && pod->vm == NULL)
        return violates(level, "the pod", "use hostNetwork", err);
    for (size_t i = 0; i < pod_count(pod); i++)
        if (!container_allowed(level, pod_container(pod, i), err))
            return false;
    return pod_security_allowed(level, pod->security, err);
}

/* ---- what a container gets */

static int64_t first_said(int64_t own, int64_t pods, int64_t fallback)
{
    return own != POD_UNSET ? own : pods != POD_UNSET ? pods : fallback;
}

static void set_number(struct json *out, const char *key, int64_t value)
{
    if (value != POD_UNSET)
        json_set_integer(out, key, value);
}

static void set_profile(struct json *out, const char *key, const struct security_profile *own,
                        const struct security_profile *pods)
{
    static const char *const words[] = { "RuntimeDefault", "Unconfined", "Localhost" };
    const struct security_profile *profile = own != NULL ? own : pods;
    struct json *json = json_set_object(out, key);
    json_set_text(json, "type", profile != NULL ? words[profile->type] : words[PROFILE_RUNTIME_DEFAULT]);
    json_set_text(json, "localhostProfile", profile != NULL ? profile->localhost : NULL);
}

static void add_names(struct json *array, const struct text_list *names)
{
    for (size_t i = 0; i < names->count; i++)
        json_add_text(array, plain_capability(names->items[i]));
}

static void set_capabilities(struct json *out, bool restricted, const struct capabilities *asked)
{
    struct json *json = json_set_object(out, "capabilities");
    struct json *add = json_set_array(json, "add"), *drop = json_set_array(json, "drop");
    if (restricted)
        json_add_text(drop, "ALL");
    if (asked == NULL)
        return;
    add_names(add, &asked->add);
    add_names(drop, &asked->drop);
}

/* Kubernetes' own list is the runtime's; these are Docker's and Podman's on top. */
static void set_masks(struct json *out)
{
    static const char *const more[] = { "/proc/interrupts", "/sys/dev/block", "/sys/fs/selinux", NULL };
    struct json *array = json_set_array(out, "maskedPaths");
    for (size_t i = 0; more[i] != NULL; i++)
        json_add_text(array, more[i]);
}

struct json *security_effective(enum security_level level, const struct pod *pod, const struct container *container)
{
    static const struct security none = { POD_UNSET, POD_UNSET, POD_UNSET, POD_UNSET, POD_UNSET, POD_UNSET,
                                          NULL,      NULL,      NULL,      0 };
    static const struct pod_security pod_none = { .run_as_user = POD_UNSET, .run_as_group = POD_UNSET,
                                                  .run_as_non_root = POD_UNSET, .fs_group = POD_UNSET };
    const struct security *own = container->security != NULL ? container->security : &none;
    const struct pod_security *pods = pod->security != NULL ? pod->security : &pod_none;
    bool restricted = level == LEVEL_RESTRICTED;
    bool privileged = own->privileged == 1;
    struct json *out = json_new_object();
    set_number(out, "runAsUser", first_said(own->run_as_user, pods->run_as_user, POD_UNSET));
    set_number(out, "runAsGroup", first_said(own->run_as_group, pods->run_as_group, POD_UNSET));
    json_set_boolean(out, "runAsNonRoot", first_said(own->run_as_non_root, pods->run_as_non_root, restricted) == 1);
    json_set_boolean(out, "privileged", privileged);
    json_set_boolean(out, "readOnlyRootFilesystem", first_said(own->read_only_root, POD_UNSET, restricted) == 1);
    json_set_boolean(out, "allowPrivilegeEscalation", first_said(own->escalation, POD_UNSET, !restricted) == 1);
    set_capabilities(out, restricted, own->capabilities);
    set_profile(out, "seccompProfile", own->seccomp, pods->seccomp);
    if (own->app_armor != NULL || pods->app_armor != NULL)
        set_profile(out, "appArmorProfile", own->app_armor, pods->app_armor);
    if (restricted)
        set_masks(out);
    json_set_text(out, "procMount", own->unmasked_proc == 1 ? "Unmasked" : "Default");
    return out;
}

struct json *security_of_pod(const struct pod *pod)
{
    const struct pod_security *security = pod->security;
    struct json *out = json_new_object();
    if (security == NULL)
        return out;
    if (security->groups != NULL)
        json_set(out, "supplementalGroups", json_copy(security->groups));
    json_set_text(out, "supplementalGroupsPolicy", security->strict_groups ? "Strict" : "Merge");
    set_number(out, "fsGroup", security->fs_group);
    json_set_text(out, "fsGroupChangePolicy", security->fs_group_on_mismatch == 1 ? "OnRootMismatch" : "Always");
    const struct sysctl *sysctls = security->sysctls.items;
    struct json *list = json_set_array(out, "sysctls");
    for (size_t i = 0; i < security->sysctls.count; i++) {
        AUTO_FREE char *name = security_sysctl_name(sysctls[i].name);
        json_add(list, json_new_texts("name", name, "value", sysctls[i].value != NULL ? sysctls[i].value : "", NULL));
    }
    return out;
}

#include "protocol/pod_check.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"
#include "protocol/names.h"
#include "protocol/resolve.h"
#include "protocol/resources_check.h"
#include "protocol/security.h"
#include "protocol/volume_fields.h"

/* "spec.containers[1]"; the caller frees. */
static char *path_of(const struct pod *pod, size_t index)
{
    size_t inits = pod_init_count(pod);
    if (pod->vm != NULL)
        return mem_strdup("spec.template.spec");
    return index < inits ? mem_printf("spec.initContainers[%zu]", index)
                         : mem_printf("spec.containers[%zu]", index - inits);
}

static const struct volume *volume_named(const struct pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->volumes.count; i++)
        if (strcmp(pod_volume(pod, i)->name, name) == 0)
            return pod_volume(pod, i);
    return NULL;
}

static bool check_volumes(const struct pod *pod, struct error *err)
{
    for (size_t i = 0; i < pod->volumes.count; i++) {
        AUTO_FREE char *path = mem_printf("spec.volumes[%zu]", i);
        if (!volume_check(pod_volume(pod, i), path, err))
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(pod_volume(pod, j)->name, pod_volume(pod, i)->name) == 0)
                return error_set(err, ERROR_INVALID, "%s.name: Duplicate value: \"%s\"", path, pod_volume(pod, i)->name);
    }
    return true;
}

static bool check_mounts(const struct pod *pod, const struct container *container, const char *path, struct error *err)
{
    const struct volume_mount *mounts = container->mounts.items;
    for (size_t i = 0; i < container->mounts.count; i++) {
        if (volume_named(pod, mounts[i].name) == NULL)
            return error_set(err, ERROR_INVALID, "%s.volumeMounts[%zu].name: Not found: \"%s\"", path, i, mounts[i].name);
        if (mounts[i].sub_path != NULL && mounts[i].sub_path[0] != '\0' && mounts[i].sub_path_expr != NULL)
            return error_set(err, ERROR_INVALID, "%s.volumeMounts[%zu].subPathExpr: Invalid value: \"%.80s\": subPathExpr and "
                             "subPath are mutually exclusive", path, i, mounts[i].sub_path_expr);
        for (size_t j = 0; j < i; j++)
            if (strcmp(mounts[j].mount_path, mounts[i].mount_path) == 0)
                return error_set(err, ERROR_INVALID, "%s.volumeMounts[%zu].mountPath: Invalid value: \"%s\": must be unique",
                                 path, i, mounts[i].mount_path);
    }
    const struct volume_device *devices = container->devices.items;
    for (size_t i = 0; i < container->devices.count; i++)
        if (volume_named(pod, devices[i].name) == NULL)
            return error_set(err, ERROR_INVALID, "%s.volumeDevices[%zu].name: Not found: \"%s\"", path, i, devices[i].name);
    return true;
}

static bool check_env(const struct container *container, const char *path, struct error *err)
{
    const struct env_var *vars = container->env.items;
    for (size_t i = 0; i < container->env.count; i++) {
        const struct env_source *from = vars[i].from;
        if (from == NULL)
            continue;
        int sources = (from->config_map != NULL) + (from->secret != NULL) + (from->field != NULL) +
                      (from->resource != NULL);
        if (sources == 0)
            return error_set(err, ERROR_INVALID, "%s.env[%zu].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, "
                             "`resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`", path, i);
        if (sources > 1)
            return error_set(err, ERROR_INVALID, "%s.env[%zu].valueFrom: Invalid value: \"\": may not have more than one field "
                             "specified at a time", path, i);
        if (vars[i].value != NULL && vars[i].value[0] != '\0')
            return error_set(err, ERROR_INVALID, "%s.env[%zu].valueFrom: Invalid value: \"\": may not be specified when `value` "
                             "is not empty", path, i);
        AUTO_FREE char *below = mem_printf("%s.env[%zu].valueFrom", path, i);
        if (!downward_check(from->field, from->resource, true, below, err))
            return false;
    }
    const struct env_from *sources = container->env_from.items;
    for (size_t i = 0; i < container->env_from.count; i++)
        if ((sources[i].config_map != NULL) == (sources[i].secret != NULL))
            return error_set(err, ERROR_INVALID, "%s.envFrom[%zu]: Invalid value: \"\": %s", path, i,
                             sources[i].secret != NULL ? "may not have more than one field specified at a time"
                                                       : "must specify one of: `configMapRef` or `secretRef`");
    return true;
}

static bool port_is_known(const struct container *container, const char *port)
{
    const struct container_port *ports = container->ports.items;
    if (port[strspn(port, "0123456789")] == '\0')
        return true;
    for (size_t i = 0; i < container->ports.count; i++)
        if (ports[i].name != NULL && strcmp(ports[i].name, port) == 0)
            return true;
    return false;
}

static bool check_handler(const struct container *container, const struct handler *handler, const char *path,
                          const char *what, struct error *err)
{
    static const char one_only[] = "may not specify more than 1 handler type";
    int count = (handler->exec != NULL) + (handler->http != NULL) + (handler->tcp != NULL) + (handler->grpc != NULL) +
                (handler->sleep != NULL) + (handler->ping != NULL);
    const char *port = handler->http != NULL ? handler->http->port : handler->tcp != NULL ? handler->tcp->port : NULL;
    if (count == 0)
        return error_set(err, ERROR_INVALID, "%s.%s: Required value: must specify a handler type", path, what);
    if (count > 1)
        return error_set(err, ERROR_INVALID, "%s.%s: Forbidden: %s", path, what, one_only);
    if (port != NULL && !port_is_known(container, port))
        return error_set(err, ERROR_INVALID, "%s.%s.port: Invalid value: \"%s\": the container has no port of that name", path,
                         what, port);
    return true;
}

static bool check_probes(const struct container *container, const char *path, struct error *err)
{
    const struct {
        const struct probe *probe;
        const char *name;
        bool kills;
    } probes[] = { { container->startup, "startupProbe", true },
                   { container->liveness, "livenessProbe", true },
                   { container->readiness, "readinessProbe", false } };
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        const struct probe *probe = probes[i].probe;
        if (probe == NULL)
            continue;
        if (!check_handler(container, &probe->handler, path, probes[i].name, err))
            return false;
        if (probes[i].kills && probe->success_threshold > 1)
            return error_set(err, ERROR_INVALID, "%s.%s.successThreshold: Invalid value: %" PRId64 ": must be 1", path,
                             probes[i].name, probe->success_threshold);
        if (!probes[i].kills && probe->grace_s != POD_UNSET)
            return error_set(err, ERROR_INVALID, "%s.%s.terminationGracePeriodSeconds: Invalid value: %" PRId64 ": must not be "
                             "set for readinessProbes", path, probes[i].name, probe->grace_s);
    }
    return true;
}

/* Kubernetes: a sleep is over within the grace that the pod has. */
static bool check_sleep(const struct pod *pod, const struct handler *hook, const char *path, const char *name, struct error *err)
{
    int64_t seconds = hook != NULL && hook->sleep != NULL ? hook->sleep->seconds : 0;
    return seconds <= pod->grace_seconds ||
           error_set(err, ERROR_INVALID, "%s.lifecycle.%s.sleep: Invalid value: %" PRId64 ": must be non-negative and less than "
                     "terminationGracePeriodSeconds (%" PRId64 ")", path, name, seconds, pod->grace_seconds);
}

static bool check_lifecycle(const struct pod *pod, const struct container *container, const char *path, struct error *err)
{
    const struct lifecycle *lifecycle = container->lifecycle;
    if (lifecycle == NULL)
        return true;
    if (lifecycle->post_start != NULL &&
        !check_handler(container, lifecycle->post_start, path, "lifecycle.postStart", err))
        return false;
    if (lifecycle->pre_stop != NULL && !check_handler(container, lifecycle->pre_stop, path, "lifecycle.preStop", err))
        return false;
    return check_sleep(pod, lifecycle->post_start, path, "postStart", err) &&
           check_sleep(pod, lifecycle->pre_stop, path, "preStop", err);
}

/* Kubernetes: what runs to its end has no probes and no hooks, unless it is a sidecar. */
static bool check_init(const struct container *container, const char *path, struct error *err)
{
    static const char *const words[] = { "startupProbe", "livenessProbe", "readinessProbe", "lifecycle" };
    const void *const parts[] = { container->startup, container->liveness, container->readiness, container->lifecycle };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (parts[i] != NULL)
            return error_set(err, ERROR_INVALID, "%s.%s: Forbidden: may not be set for init containers without restartPolicy=Always",
                             path, words[i]);
    return true;
}

static bool check_ports(const struct pod *pod, const struct container *container, const char *path, struct error *err)
{
    const struct container_port *ports = container->ports.items;
    for (size_t i = 0; i < container->ports.count; i++) {
        if (pod->host_network && ports[i].host_port != 0 && ports[i].host_port != ports[i].port)
            return error_set(err, ERROR_INVALID, "%s.ports[%zu].hostPort: Invalid value: %" PRId64 ": must match "
                             "`containerPort` when `hostNetwork` is true", path, i, ports[i].host_port);
        for (size_t j = 0; j < i; j++)
            if (ports[i].name != NULL && ports[j].name != NULL && strcmp(ports[i].name, ports[j].name) == 0)
                return error_set(err, ERROR_INVALID, "%s.ports[%zu].name: Duplicate value: \"%s\"", path, i, ports[i].name);
    }
    return true;
}

static bool check_container(const struct pod *pod, size_t index, struct error *err)
{
    const struct container *container = pod_container(pod, index);
    AUTO_FREE char *path = path_of(pod, index);
    for (size_t j = 0; j < index; j++)
        if (strcmp(pod_container(pod, j)->name, container->name) == 0)
            return error_set(err, ERROR_INVALID, "%s.name: Duplicate value: \"%s\"", path, container->name);
    if (pod->vm == NULL && container->image == NULL)
        return error_set(err, ERROR_INVALID, "%s.image: Required value", path);
    if (container->restart_rules.count > 0 && container->restart_policy == OWN_NONE)
        return error_set(err, ERROR_INVALID, "%s.restartPolicy: Required value: must specify restartPolicy when restart rules are "
                         "used", path);
    if (pod_role(pod, index) == ROLE_INIT && !check_init(container, path, err))
        return false;
    return check_mounts(pod, container, path, err) && check_env(container, path, err) &&
           check_probes(container, path, err) && check_lifecycle(pod, container, path, err) &&
           check_ports(pod, container, path, err) && resources_check(container, path, err);
}

static const struct container_port *host_port_before(const struct pod *pod, size_t index, size_t port)
{
    const struct container_port *wanted = &((const struct container_port *)pod_container(pod, index)->ports.items)[port];
    for (size_t i = pod_init_count(pod); i <= index; i++) {
        const struct container_port *ports = pod_container(pod, i)->ports.items;
        size_t count = i < index ? pod_container(pod, i)->ports.count : port;
        for (size_t j = 0; j < count; j++)
            if (ports[j].host_port == wanted->host_port && ports[j].protocol == wanted->protocol &&
                strcmp(ports[j].host_ip != NULL ? ports[j].host_ip : "", wanted->host_ip != NULL ? wanted->host_ip : "") == 0)
                return &ports[j];
    }
    return NULL;
}

/* Kubernetes: no two containers of a pod have the same port of the host; init containers run at other times. */
static bool check_host_ports(const struct pod *pod, struct error *err)
{
    static const char *const protocols[] = { "TCP", "UDP", "SCTP" };
    for (size_t i = pod_init_count(pod); i < pod_count(pod); i++) {
        const struct container_port *ports = pod_container(pod, i)->ports.items;
        for (size_t j = 0; j < pod_container(pod, i)->ports.count; j++)
            if (ports[j].host_port != 0 && host_port_before(pod, i, j) != NULL) {
                AUTO_FREE char *path = path_of(pod, i);
                return error_set(err, ERROR_INVALID, "%s.ports[%zu].hostPort: Duplicate value: \"%s/%s/%" PRId64 "\"", path, j,
                                 protocols[ports[j].protocol], ports[j].host_ip != NULL ? ports[j].host_ip : "",
                                 ports[j].host_port);
            }
    }
    return true;
}

/* Kubernetes: User Namespaces, limitations. */
static bool check_own_users(const struct pod *pod, struct error *err)
{
    static const char *const words[] = { "hostNetwork", "hostPID", "hostIPC" };
    const bool set[] = { pod->host_network, pod->host_pid, pod->host_ipc };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (set[i])
            return error_set(err, ERROR_INVALID, "spec.%s cannot be true when spec.hostUsers is false", words[i]);
    for (size_t i = 0; i < pod_count(pod); i++)
        if (pod_container(pod, i)->devices.count > 0)
            return error_set(err, ERROR_INVALID, "container \"%s\": volumeDevices cannot be used when spec.hostUsers is false",
                             pod_container(pod, i)->name);
    return true;
}

/* Kubernetes: in the host's namespaces they would be the host's. */
static bool check_sysctls(const struct pod *pod, struct error *err)
{
    const struct sysctl *sysctls = pod->security != NULL ? pod->security->sysctls.items : NULL;
    for (size_t i = 0; pod->security != NULL && i < pod->security->sysctls.count; i++) {
        AUTO_FREE char *name = security_sysctl_name(sysctls[i].name);
        bool net = strncmp(name, "net.", 4) == 0;
        bool ipc = strncmp(name, "kernel.shm", 10) == 0 || strncmp(name, "kernel.msg", 10) == 0 ||
                   strcmp(name, "kernel.sem") == 0 || strncmp(name, "fs.mqueue.", 10) == 0;
        if ((net && pod->host_network) || (ipc && pod->host_ipc))
            return error_set(err, ERROR_INVALID, "spec.securityContext.sysctls[%zu].name: Invalid value: \"%s\": may not be specified "
                             "when '%s' is true", i, sysctls[i].name, net ? "hostNetwork" : "hostIPC");
        for (size_t j = 0; j < i; j++)
            if (strcmp(sysctls[j].name, sysctls[i].name) == 0)
                return error_set(err, ERROR_INVALID, "spec.securityContext.sysctls[%zu].name: Duplicate value: \"%s\"", i,
                                 sysctls[i].name);
    }
    return true;
}

bool pod_check(const struct pod *pod, struct error *err)
{
    if (pod_count(pod) > LIMIT_CONTAINERS)
        return error_set(err, ERROR_LIMIT, "spec has more than %d containers, init containers included", LIMIT_CONTAINERS);
    for (size_t i = 0; i < pod_count(pod); i++)
        if (!check_container(pod, i, err))
            return false;
    if (pod->share_processes && pod->host_pid)
        return error_set(err, ERROR_INVALID, "spec.shareProcessNamespace and spec.hostPID cannot both be true");
    if (!pod->host_users && !check_own_users(pod, err))
        return false;
    if (pod->dns_policy == DNS_NONE && (pod->dns == NULL || pod->dns->servers.count == 0))
        return error_set(err, ERROR_INVALID, "spec.dnsConfig.nameservers: Required value: must provide at least one "
                         "DNS nameserver when `dnsPolicy` is None");
    return check_sysctls(pod, err) && check_host_ports(pod, err) && check_volumes(pod, err);
}

#include "core/create.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "core/admission.h"
#include "core/claims.h"
#include "core/create_vm.h"
#include "core/handler.h"
#include "core/network.h"
#include "core/policy.h"
#include "model/disk_limit.h"
#include "model/quantity.h"
#include "model/resources.h"
#include "protocol/resolve.h"
#include "protocol/security.h"

_Static_assert(SETTINGS_BYTES == DIGEST_HEX_BYTES, "a digest");

#define PIDS_RESTRICTED 256

struct creating {
    const struct core *core;
    const struct object *object;
    const struct pod *pod;
    struct resolve resolve;
    struct text_list addresses; /* borrowed texts */
    char *address_items[2];
};

static const struct json *lookup(void *ctx, const char *resource, const char *name)
{
    const struct creating *creating = ctx;
    struct object_id id = { .name = "" };
    snprintf(id.namespace, sizeof(id.namespace), "%s", creating->object->id.namespace);
    snprintf(id.resource, sizeof(id.resource), "%s", resource);
    snprintf(id.name, sizeof(id.name), "%s", name);
    const struct object *object = objects_find(&creating->core->objects, &id);
    const struct slot *slot = object != NULL ? object_ruling(object) : NULL;
    return slot != NULL ? slot->data : NULL;
}

static void creating_init(struct creating *creating, const struct core *core, const struct object *object,
                          const char *uid, const struct pod *pod)
{
    *creating = (struct creating){ .core = core, .object = object, .pod = pod };
    creating->addresses.items = creating->address_items;
    creating->addresses.count = network_addresses(core, uid, creating->address_items);
    creating->resolve = (struct resolve){ .pod = pod,
                                          .id = &object->id,
                                          .uid = uid,
                                          .node = core->config->node,
                                          .host_address = core->network.host_address,
                                          .addresses = &creating->addresses,
                                          .capacity_cpu_m = core->env->cpu_m,
                                          .capacity_memory = core->env->memory_bytes,
                                          .capacity_disk = core->env->disk_bytes,
                                          .lookup = lookup,
                                          .ctx = creating };
}

static bool refuse(struct create_refusal *refusal, const char *reason, const char *event, const char *message)
{
    refusal->reason = reason;
    refusal->event = event;
    snprintf(refusal->message, sizeof(refusal->message), "%s", message);
    return false;
}

/* ---- volumes */

static bool refuse_mount(struct create_refusal *refusal, const struct volume *volume, const char *why)
{
    AUTO_FREE char *message = mem_printf("MountVolume.SetUp failed for volume \"%s\" : %s", volume->name, why);
    return refuse(refusal, "ContainerCreating", "FailedMount", message);
}

static bool write_claim(const struct creating *creating, const struct volume *volume, struct json *out,
                        struct create_refusal *refusal)
{
    AUTO_FREE char *why = claims_mount(creating->core, creating->object, volume->claim, out);
    return why == NULL || refuse_mount(refusal, volume, why);
}

/* Kubernetes: no more than the pod may have of memory, where all its containers have a limit, nor than the machine has. */
static int64_t memory_left(const struct creating *creating)
{
    const struct pod *pod = creating->pod;
    int64_t most = creating->core->env->memory_bytes;
    for (size_t i = 0; i < pod_count(pod); i++) {
        struct container_resources said;
        container_resources(pod_container(pod, i), &said);
        if (said.memory_limit <= 0)
            return most;
    }
    int64_t limit = pod_limit_of(pod, "memory");
    return limit > 0 && (most <= 0 || limit < most) ? limit : most;
}

static bool write_empty_dir(const struct creating *creating, const struct volume *volume, struct json *out)
{
    struct json *empty = json_set_object(out, "emptyDir");
    bool memory = volume->empty_dir != NULL && volume->empty_dir->memory;
    int64_t bytes = 0, most = memory ? memory_left(creating) : 0;
    json_set_text(empty, "medium", memory ? "Memory" : "");
    bool limited = volume->empty_dir != NULL && quantity_read(volume->empty_dir->size_limit, 1, &bytes) && bytes > 0;
    if (memory && most > 0 && (!limited || most < bytes))
        bytes = most;
    if (limited || memory)
        json_set_integer(empty, "sizeLimitBytes", bytes);
    return true;
}

static bool write_host_path(const struct creating *creating, const struct volume *volume, struct json *out,
                            struct create_refusal *refusal)
{
    const struct host_path *source = volume->host_path;
    if (!policy_host_path_allowed(creating->core->config, source->path)) {
        AUTO_FREE char *why = mem_printf("hostPath %s is not allowed on this device: see [security] host_paths= in davitd.conf",
                                         source->path);
        return refuse_mount(refusal, volume, why);
    }
    struct json *host = json_set_object(out, "hostPath");
    json_set_text(host, "path", source->path);
    json_set_text(host, "type", source->type);
    policy_host_path_limits(creating->core->config, host);
    return true;
}

/* Without its layers where it is not here: then no container that mounts it is made. */
static bool write_image(const struct creating *creating, const struct volume *volume, struct json *out)
{
    const struct core *core = creating->core;
    const struct image *image = images_find(&core->images, volume->image->reference);
    struct json *written = image != NULL ? image_write(&core->images, image, core->config->state_dir)
                                         : json_new_texts("reference", volume->image->reference, NULL);
    json_remove(written, "config");
    json_set(out, "image", written);
    return true;
}

static bool write_volume(const struct creating *creating, const struct volume *volume, struct json *out,
                         struct create_refusal *refusal)
{
    struct error err;
    json_set_text(out, "name", volume->name);
    if (volume->host_path != NULL)
        return write_host_path(creating, volume, out, refusal);
    if (volume->claim != NULL)
        return write_claim(creating, volume, out, refusal);
    if (volume->image != NULL)
        return write_image(creating, volume, out);
    if (!volume_has_files(volume))
        return write_empty_dir(creating, volume, out);
    struct json *files = resolve_files(&creating->resolve, volume, &err);
    if (files == NULL)
        return refuse_mount(refusal, volume, err.message);
    json_set(out, "files", files);
    return true;
}

static bool write_volumes(const struct creating *creating, bool only_files, struct json *array,
                          struct create_refusal *refusal)
{
    for (size_t i = 0; i < creating->pod->volumes.count; i++) {
        const struct volume *volume = pod_volume(creating->pod, i);
        if (only_files && !volume_has_files(volume))
            continue;
        if (!write_volume(creating, volume, json_add_object(array), refusal))
            return false;
    }
    return true;
}

/* ---- the container */

static struct json *write_kernel_limits(const struct kernel_limits *limits)
{
    struct json *out = json_new_object();
    json_set_integer(out, "cpuShares", limits->cpu_shares);
    if (limits->cpu_quota_us > 0) {
        json_set_integer(out, "cpuQuotaUs", limits->cpu_quota_us);
        json_set_integer(out, "cpuPeriodUs", limits->cpu_period_us);
    }
    if (limits->memory_bytes > 0)
        json_set_integer(out, "memoryLimitBytes", limits->memory_bytes);
    return out;
}

static struct json *write_pod_limits(const struct pod *pod)
{
    struct kernel_limits limits;
    pod_limits(pod, &limits);
    return write_kernel_limits(&limits);
}

static struct json *write_limits(const struct creating *creating, const struct container *container)
{
    struct kernel_limits limits;
    container_limits(creating->pod, container, creating->core->env->memory_bytes, &limits);
    struct json *out = write_kernel_limits(&limits);
    json_set_integer(out, "oomScoreAdj", limits.oom_score_adj);
    if (creating->core->config->profile == LEVEL_RESTRICTED)
        json_set_integer(out, "pidsLimit", PIDS_RESTRICTED);
    return out;
}

static bool write_mounts(const struct container *container, const struct json *env, struct json *array, struct error *err)
{
    static const char *const propagations[] = { "None", "HostToContainer", "Bidirectional" };
    static const char *const recursive[] = { "Disabled", "IfPossible", "Enabled" };
    const struct volume_mount *mounts = container->mounts.items;
    for (size_t i = 0; i < container->mounts.count; i++) {
        struct json *mount = json_add_object(array);
        AUTO_FREE char *sub_path = NULL;
        if (!resolve_sub_path(&mounts[i], env, &sub_path, err))
            return false;
        json_set_text(mount, "name", mounts[i].name);
        json_set_text(mount, "mountPath", mounts[i].mount_path);
        json_set_boolean(mount, "readOnly", mounts[i].read_only);
        json_set_text(mount, "subPath", sub_path);
        json_set_text(mount, "mountPropagation", propagations[mounts[i].propagation]);
        json_set_text(mount, "recursiveReadOnly", recursive[mounts[i].recursive_read_only]);
    }
    return true;
}

/* "vendor.com/class=name" is one device by its CDI name; "vendor.com/class": N is the first N, by number. */
static void write_cdi(const struct container *container, struct json *out)
{
    struct json *cdi = json_set_array(out, "cdi");
    JSON_EACH(value, container->resources != NULL ? container->resources->limits : NULL) {
        const char *name = json_key(value);
        int64_t count = resource_value(container->resources->limits, name, 1);
        if (!resource_is_device(name) || count <= 0)
            continue;
        if (strchr(name, '=') != NULL)
            json_add_text(cdi, name);
        for (int64_t i = 0; strchr(name, '=') == NULL && i < count && i < LIMIT_RESOURCES; i++) {
            AUTO_FREE char *one = mem_printf("%s=%lld", name, (long long)i);
            json_add_text(cdi, one);
        }
    }
}

static void write_terminal(const struct container *container, struct json *out)
{
    json_set_boolean(out, "stdin", container->stdin_open);
    json_set_boolean(out, "stdinOnce", container->stdin_once);
    json_set_boolean(out, "tty", container->tty);
    json_set_text(out, "terminationMessagePath",
                  container->message_path != NULL ? container->message_path : "/dev/termination-log");
    json_set_text(out, "terminationMessagePolicy",
                  container->message_policy == MESSAGE_FALLBACK_TO_LOGS ? "FallbackToLogsOnError" : "File");
    json_set_text(out, "stopSignal", container->lifecycle != NULL ? container->lifecycle->stop_signal : NULL);
}

static bool write_container(const struct creating *creating, const struct container *container, struct json *out,
                            struct create_refusal *refusal)
{
    struct error err;
    struct json *env = resolve_env(&creating->resolve, container, &err);
    if (env == NULL)
        return refuse(refusal, "CreateContainerConfigError", "Failed", err.message);
    json_set_text(out, "name", container->name);
    json_set_text(out, "image", container->image);
    json_set(out, "env", env);
    json_set(out, "command", resolve_texts(&container->command, env));
    json_set(out, "args", resolve_texts(&container->args, env));
    json_set_text(out, "workingDir", container->working_dir);
    if (!write_mounts(container, env, json_set_array(out, "volumeMounts"), &err))
        return refuse(refusal, "CreateContainerConfigError", "Failed", err.message);
    const struct volume_device *devices = container->devices.items;
    struct json *list = json_set_array(out, "volumeDevices");
    for (size_t i = 0; i < container->devices.count; i++)
        json_add(list, json_new_texts("name", devices[i].name, "devicePath", devices[i].path, NULL));
    enum security_level level = creating->core->config->profile;
    struct json *security = security_effective(level, creating->pod, container);
    json_set(out, "securityContext", security);
    if (level == LEVEL_RESTRICTED && json_get_boolean(security, "readOnlyRootFilesystem", false)) {
        struct json *tmpfs = json_set_array(out, "tmpfs");
        json_add_text(tmpfs, "/tmp");
        json_add_text(tmpfs, "/run");
    }
    json_set(out, "linux", write_limits(creating, container));
    write_cdi(container, out);
    write_terminal(container, out);
    return true;
}

/* ---- the pod */

static void write_pod(const struct creating *creating, const char *uid, struct json *out)
{
    const struct pod *pod = creating->pod;
    const struct core *core = creating->core;
    json_set_text(out, "namespace", creating->object->id.namespace);
    json_set_text(out, "name", creating->object->id.name);
    json_set_text(out, "uid", uid);
    json_set_boolean(out, "hostNetwork", pod->host_network);
    json_set_boolean(out, "hostPID", pod->host_pid);
    json_set_boolean(out, "hostIPC", pod->host_ipc);
    json_set_boolean(out, "shareProcessNamespace", pod->share_processes);
    struct json *users = policy_users(core->config, pod);
    if (users != NULL)
        json_set(out, "users", users);
    AUTO_FREE char *hostname = network_hostname(&creating->object->id, pod);
    json_set_text(out, "hostname", hostname);
    AUTO_FREE char *netns = network_namespace(core, uid, pod);
    json_set_text(out, "netns", netns);
    AUTO_FREE char *hosts = network_hosts(&creating->object->id, pod, hostname, &creating->addresses);
    json_set_text(out, "hosts", hosts);
    AUTO_FREE char *resolv = network_resolv(core, &creating->object->id, pod);
    json_set_text(out, "resolvConf", resolv);
    struct json *dns = resolv == NULL ? network_dns(pod) : NULL;
    if (dns != NULL)
        json_set(out, "dns", dns);
    AUTO_FREE char *aliases = pod->host_network ? network_aliases(pod) : NULL;
    json_set_text(out, "hostAliases", aliases);
    json_set(out, "securityContext", security_of_pod(pod));
    json_set(out, "linux", write_pod_limits(pod));
}

/* What is needed to end it, whatever the document says by then. */
static void write_record(const struct creating *creating, const struct pod_action *action, const struct image *image,
                         struct json *record)
{
    static const char *const roles[] = { "main", "init", "sidecar" };
    const struct container *container = pod_container(creating->pod, action->container_index);
    const struct handler *pre_stop = container->lifecycle != NULL ? container->lifecycle->pre_stop : NULL;
    json_set_text(record, "hash", creating->object->hash);
    json_set_integer(record, "graceMs", creating->pod->grace_seconds * 1000);
    json_set_text(record, "role", roles[pod_role(creating->pod, action->container_index)]);
    json_set_integer(record, "order", (int64_t)action->container_index);
    admission_record(creating->pod, record);
    if (image != NULL)
        json_set_text(record, "imageId", image->id);
    if (pre_stop != NULL)
        json_set(record, "preStop", handler_write(container, pre_stop));
    struct json *claims = claims_of(creating->pod);
    if (claims != NULL)
        json_set(record, "claims", claims);
    const struct volume_mount *mounts = container->mounts.items;
    struct json *ids = NULL;
    for (size_t i = 0; i < container->mounts.count; i++) {
        const struct image_source *source = pod_mount_image(creating->pod, &mounts[i]);
        const struct image *mounted = source != NULL ? images_find(&creating->core->images, source->reference) : NULL;
        if (mounted == NULL)
            continue;
        ids = ids != NULL ? ids : json_set_array(record, "volumeImages");
        json_add_text(ids, mounted->id);
    }
}

struct json *create_document(const struct core *core, const struct object *object, const struct pod_action *action,
                             const struct pod *pod, struct create_refusal *refusal)
{
    const struct container *container = pod_container(pod, action->container_index);
    struct creating creating;
    creating_init(&creating, core, object, action->uid, pod);
    AUTO_JSON struct json *json = json_new_object();
    write_pod(&creating, action->uid, json_set_object(json, "pod"));
    json_set_integer(json, "attempt", action->attempt);
    if (!write_volumes(&creating, false, json_set_array(json, "volumes"), refusal) ||
        !write_container(&creating, container, json_set_object(json, "container"), refusal))
        return NULL;
    const struct image *image = container->image != NULL ? images_find(&core->images, container->image) : NULL;
    if (image != NULL)
        json_set(json, "image", image_write(&core->images, image, core->config->state_dir));
    struct json *record = json_set_object(json, "record");
    char settings[SETTINGS_BYTES];
    if (pod->vm != NULL) {
        struct json *vm = create_vm(core, object, action->uid, pod, json_get(json, "volumes"), refusal);
        if (vm == NULL)
            return NULL;
        json_set(json, "vm", vm);
        json_set_text(record, "resource", object->id.resource);
    }
    create_settings(core, object, pod, action->uid, settings);
    json_set_text(record, "settings", settings);
    write_record(&creating, action, image, record);
    return mem_steal(&json);
}

void create_settings(const struct core *core, const struct object *object, const struct pod *pod, const char *uid,
                     char out[SETTINGS_BYTES])
{
    struct creating creating;
    struct create_refusal refusal;
    creating_init(&creating, core, object, uid, pod);
    AUTO_JSON struct json *json = json_new_object();
    out[0] = '\0';
    if (!write_volumes(&creating, true, json_set_array(json, "volumes"), &refusal))
        return;
    struct json *limits = json_set_array(json, "limits");
    for (size_t i = 0; i < pod_count(pod); i++)
        json_add(limits, write_limits(&creating, pod_container(pod, i)));
    AUTO_FREE char *text = json_print(json);
    digest_of(text, strlen(text), out);
}

struct json *create_update(const struct core *core, const struct object *object, const struct pod *pod,
                           struct create_refusal *refusal)
{
    struct creating creating;
    creating_init(&creating, core, object, object->uid, pod);
    AUTO_JSON struct json *json = json_new_texts("uid", object->uid, NULL);
    struct json *containers = json_set_array(json, "containers");
    json_set(json, "linux", write_pod_limits(pod));
    if (pod->security != NULL && pod->security->fs_group != POD_UNSET)
        json_set_integer(json, "fsGroup", pod->security->fs_group);
    const struct run *run = object_run(object, object->uid);
    for (size_t i = 0; i < pod_count(pod); i++) {
        const struct instance *newest = run_newest(run, pod_container(pod, i)->name);
        if (newest == NULL || newest->state != INSTANCE_RUNNING)
            continue;
        struct json *one = json_add_object(containers);
        json_set_text(one, "container", newest->container);
        json_set_integer(one, "attempt", newest->attempt);
        json_set(one, "linux", write_limits(&creating, pod_container(pod, i)));
    }
    return write_volumes(&creating, true, json_set_array(json, "volumes"), refusal) ? mem_steal(&json) : NULL;
}

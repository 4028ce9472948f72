#include "protocol/vm_pod.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/container_fields.h"
#include "protocol/pod_check.h"
#include "protocol/pod_fields.h"
#include "protocol/vm_fields.h"

char *vm_data_reference(const struct vm_data_template *data)
{
    const struct vm_source *source = data->spec->source;
    if (source->registry != NULL)
        return mem_strdup(source->registry->url + strlen("docker://"));
    if (source->http == NULL)
        return NULL;
    const char *sum = source->http->checksum, *colon = sum != NULL ? strchr(sum, ':') : NULL;
    return colon != NULL ? mem_printf("%s#%.*s=%s", source->http->url, (int)(colon - sum), sum, colon + 1)
                         : mem_strdup(source->http->url);
}

/* What is being written: the `spec` of a Pod. */
struct writing {
    const struct vm *vm;
    struct json *volumes, *mounts, *secrets;
};

static void add_image(const struct writing *writing, const char *name, const char *reference, int64_t policy,
                      const char *secret)
{
    struct json *volume = json_add_object(writing->volumes), *mount = json_add_object(writing->mounts);
    struct json *image = json_set_object(volume, "image");
    json_set_text(volume, "name", name);
    json_set_text(image, "reference", reference);
    /* A tag that moved would give the machine another disk at its next start, and what it wrote would be gone: nobody asked
     * for that, unless the document says Always. */
    json_set_text(image, "pullPolicy", pull_words[policy != PULL_BY_TAG ? policy : PULL_IF_NOT_PRESENT]);
    AUTO_FREE char *path = mem_printf("/%s", name);
    json_set_text(mount, "name", name);
    json_set_text(mount, "mountPath", path);
    if (secret != NULL && secret[0] != '\0')
        json_set_text(json_add_object(writing->secrets), "name", secret);
}

static void add_map(const struct writing *writing, const char *volume, bool secret, const char *name, bool optional)
{
    struct json *out = json_add_object(writing->volumes);
    struct json *source = json_set_object(out, secret ? "secret" : "configMap");
    json_set_text(out, "name", volume);
    json_set_text(source, secret ? "secretName" : "name", name);
    json_set_boolean(source, "optional", optional);
}

static void add_maps(const struct writing *writing, const struct vm_volume *volume)
{
    const struct vm_sysprep *sysprep = volume->sysprep;
    if (volume->config_map != NULL)
        add_map(writing, volume->name, false, volume->config_map->name, volume->config_map->optional);
    if (volume->secret != NULL)
        add_map(writing, volume->name, true, volume->secret->name, volume->secret->optional);
    if (sysprep != NULL)
        add_map(writing, volume->name, sysprep->secret != NULL,
                sysprep->secret != NULL ? sysprep->secret->name : sysprep->config_map->name, false);
}

/* The Secrets of a seed, as files whose names are their keys. */
static void add_seed(const struct writing *writing, const struct vm_volume *volume)
{
    const struct vm_secret_ref *const refs[] = { vm_seed(volume)->user_secret, vm_seed(volume)->network_secret };
    if (refs[0] == NULL && refs[1] == NULL)
        return;
    bool same = refs[0] != NULL && refs[1] != NULL && strcmp(refs[0]->name, refs[1]->name) == 0;
    struct json *out = json_add_object(writing->volumes);
    struct json *sources = json_set_array(json_set_object(out, "projected"), "sources");
    json_set_text(out, "name", volume->name);
    for (size_t i = 0; i < (same ? 1u : 2u); i++)
        if (refs[i] != NULL)
            json_set_text(json_set_object(json_add_object(sources), "secret"), "name", refs[i]->name);
}

static void add_volume(const struct writing *writing, const struct vm_volume *volume)
{
    const struct vm_container_disk *disk = volume->container_disk;
    if (disk != NULL)
        add_image(writing, volume->name, disk->image, disk->pull_policy, disk->pull_secret);
    if (volume->data_volume != NULL) {
        AUTO_FREE char *reference = vm_data_reference(vm_data_template(writing->vm, volume->data_volume->name));
        if (reference != NULL)
            add_image(writing, volume->name, reference, PULL_IF_NOT_PRESENT, NULL);
    }
    if (volume->claim != NULL) {
        struct json *out = json_add_object(writing->volumes);
        struct json *claim = json_set_object(out, "persistentVolumeClaim");
        json_set_text(out, "name", volume->name);
        json_set_text(claim, "claimName", volume->claim->claim);
        json_set_boolean(claim, "readOnly", volume->claim->read_only);
    }
    add_maps(writing, volume);
    if (vm_seed(volume) != NULL)
        add_seed(writing, volume);
}

/* Listed ports are the device's: KubeVirt's masquerade lists what reaches the machine at all. */
static void add_ports(const struct vm *vm, struct json *ports)
{
    const struct vm_interface *interface = vm_pod_interface(vm);
    for (size_t i = 0; interface != NULL && i < interface->ports.count; i++) {
        const struct vm_port *port = &((const struct vm_port *)interface->ports.items)[i];
        struct json *out = json_add_object(ports);
        json_set_text(out, "name", port->name);
        json_set_integer(out, "containerPort", port->port);
        json_set_integer(out, "hostPort", port->host_port != POD_UNSET ? port->host_port : port->port);
        json_set_text(out, "protocol", protocol_words[port->protocol]);
    }
}

/* Of one that is halted: when somebody starts it all the same. */
static const char *restart_word(const struct vm *vm)
{
    static const char *const words[] = { [VM_ALWAYS] = "Always", [VM_RERUN_ON_FAILURE] = "OnFailure", [VM_MANUAL] = "Never",
                                         [VM_HALTED] = "Always", [VM_ONCE] = "Never" };
    return words[vm_strategy(vm)];
}

static struct json *write_spec(const struct vm *vm)
{
    const struct vm_spec *spec = vm->template->spec;
    const struct vm_firmware *firmware = spec->domain->firmware;
    const struct vm_kernel_boot *boot = firmware != NULL ? firmware->kernel_boot : NULL;
    struct json *out = json_new_object();
    struct json *container = json_add_object(json_set_array(out, "containers"));
    json_set_text(container, "name", VM_CONTAINER);
    struct writing writing = { .vm = vm, .volumes = json_set_array(out, "volumes"),
                               .mounts = json_set_array(container, "volumeMounts"),
                               .secrets = json_set_array(out, "imagePullSecrets") };
    for (size_t i = 0; i < spec->volumes.count; i++)
        add_volume(&writing, vm_volume(vm, i));
    if (boot != NULL)
        add_image(&writing, VM_KERNEL_VOLUME, boot->container->image, boot->container->pull_policy,
                  boot->container->pull_secret);
    add_ports(vm, json_set_array(container, "ports"));
    if (spec->liveness != NULL)
        json_set(container, "livenessProbe", fields_write(&vm_probe_table, spec->liveness));
    if (spec->readiness != NULL)
        json_set(container, "readinessProbe", fields_write(&vm_probe_table, spec->readiness));
    json_set_boolean(out, "hostNetwork", !vm_has_pod_network(vm));
    json_set_text(out, "restartPolicy", restart_word(vm));
    json_set_integer(out, "terminationGracePeriodSeconds", spec->grace_seconds);
    json_set_text(out, "hostname", spec->hostname);
    json_set_text(out, "subdomain", spec->subdomain);
    if (spec->node_selector != NULL)
        json_set(out, "nodeSelector", json_copy(spec->node_selector));
    if (spec->tolerations != NULL)
        json_set(out, "tolerations", json_copy(spec->tolerations));
    return out;
}

struct json *vm_write(const struct vm *vm)
{
    return fields_write(&vm_table, vm);
}

/* A pod has no such probe: what its machine has is borrowed. */
static void take_pings(struct pod *pod, const struct vm_spec *spec)
{
    struct container *machine = pod->containers.items;
    if (spec->liveness != NULL)
        machine->liveness->handler.ping = spec->liveness->handler.ping;
    if (spec->readiness != NULL)
        machine->readiness->handler.ping = spec->readiness->handler.ping;
}

struct pod *vm_read(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    struct vm *vm = mem_alloc(sizeof(*vm));
    struct ignored_fields none = { 0 };
    if (!fields_read(&vm_table, spec, "spec", vm, ignored, err)) {
        free(vm);
        return NULL;
    }
    struct pod *pod = mem_alloc(sizeof(*pod));
    bool good = vm_check(vm, err);
    if (good) {
        AUTO_JSON struct json *derived = write_spec(vm);
        good = fields_read(&pod_table, derived, "spec", pod, &none, err);
    }
    if (good)
        take_pings(pod, vm->template->spec);
    ignored_free(&none);
    pod->vm = vm;
    if (good && pod_check(pod, err))
        return pod;
    pod_free(pod);
    return NULL;
}

/* What was read is an instance's document: its paths are shorter. */
static void shorten(char *text)
{
    static const char within[] = "spec.template.spec";
    for (char *at = strstr(text, within); at != NULL; at = strstr(at + 1, within)) {
        const char *rest = at + strlen(within);
        memmove(at + strlen("spec"), rest, strlen(rest) + 1);
    }
}

struct pod *vm_instance_read(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    AUTO_JSON struct json *wrapped = json_new_texts("runStrategy", "Once", NULL);
    json_set(json_set_object(wrapped, "template"), "spec", json_copy(spec));
    struct pod *pod = vm_read(wrapped, ignored, err);
    for (size_t i = 0; i < ignored->paths.count; i++)
        shorten(ignored->paths.items[i]);
    if (pod == NULL)
        shorten(err->message);
    return pod;
}

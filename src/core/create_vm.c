#include "core/create_vm.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/ifname.h"
#include "base/memory.h"
#include "core/network.h"
#include "core/policy.h"
#include "model/quantity.h"
#include "model/vm.h"
#include "protocol/vm_pod.h"

#define SYSPREP_LABEL "unattend" /* KubeVirt's */

/* What is being written. */
struct writing {
    const struct core *core;
    const struct object *object;
    const struct vm *vm;
    const char *hostname;
    const struct json *volumes; /* of the pod that it is */
};

static int64_t bytes_of(const char *quantity)
{
    int64_t bytes = 0;
    return quantity != NULL && quantity_read(quantity, 1, &bytes) ? bytes : 0;
}

static const struct json *pod_volume_named(const struct writing *writing, const char *name)
{
    JSON_EACH(volume, writing->volumes)
        if (strcmp(json_get_text(volume, "name"), name) == 0)
            return volume;
    return NULL;
}

/* "52:54:00" is QEMU's own. */
static void derived_mac(const struct object *object, const char *interface, char out[VM_MAC_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    AUTO_FREE char *text = mem_printf("%s/%s/%s/%s", object->id.namespace, object->id.resource, object->id.name, interface);
    digest_of(text, strlen(text), hex);
    snprintf(out, VM_MAC_BYTES, "52:54:00:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4);
}

static void mac_of(const struct object *object, const struct vm_interface *interface, char out[VM_MAC_BYTES])
{
    if (interface == NULL || interface->mac == NULL || interface->mac[0] == '\0') {
        derived_mac(object, interface != NULL ? interface->name : "default", out);
        return;
    }
    snprintf(out, VM_MAC_BYTES, "%s", interface->mac);
    for (char *c = out; *c != '\0'; c++)
        *c = *c == '-' ? ':' : *c >= 'A' && *c <= 'F' ? (char)(*c - 'A' + 'a') : *c;
}

void create_vm_mac(const struct object *object, const struct vm *vm, char out[VM_MAC_BYTES])
{
    mac_of(object, vm_pod_interface(vm), out);
}

/* ---- the domain */

static void write_cpu(const struct vm *vm, struct json *out)
{
    struct vm_cpu cpu = vm_topology(vm);
    json_set_integer(out, "sockets", cpu.sockets);
    json_set_integer(out, "cores", cpu.cores);
    json_set_integer(out, "threads", cpu.threads);
    json_set_text(out, "model", cpu.model);
}

static void write_firmware(const struct writing *writing, struct json *out)
{
    const struct vm_firmware *firmware = writing->vm->template->spec->domain->firmware;
    const struct vm_bootloader *loader = firmware != NULL ? firmware->bootloader : NULL;
    const struct vm_kernel_boot *boot = firmware != NULL ? firmware->kernel_boot : NULL;
    json_set_text(out, "bootloader", loader != NULL && loader->efi != NULL ? "efi" : "bios");
    json_set_boolean(out, "secureBoot", vm_secure_boot(writing->vm));
    if (firmware == NULL)
        return;
    json_set_text(out, "uuid", firmware->uuid);
    json_set_text(out, "serial", firmware->serial);
    if (boot == NULL)
        return;
    struct json *kernel = json_set_object(out, "kernelBoot");
    const struct json *image = json_get(pod_volume_named(writing, VM_KERNEL_VOLUME), "image");
    json_set_text(kernel, "kernelArgs", boot->args);
    json_set_text(kernel, "kernelPath", boot->container->kernel_path);
    json_set_text(kernel, "initrdPath", boot->container->initrd_path);
    if (image != NULL)
        json_set(kernel, "image", json_copy(image));
}

static void write_clock(const struct vm_clock *clock, struct json *out)
{
    if (clock != NULL && clock->timezone != NULL) {
        json_set_text(out, "timezone", clock->timezone);
        return;
    }
    json_set_boolean(out, "utc", true);
    json_set_integer(out, "offsetSeconds", clock != NULL && clock->utc != NULL ? clock->utc->offset_s : 0);
}

static void write_features(const struct vm_features *features, struct json *out)
{
    json_set_boolean(out, "acpi", features == NULL || features->acpi == NULL || features->acpi->enabled);
    json_set_boolean(out, "apic", features == NULL || features->apic == NULL || features->apic->enabled);
    json_set_boolean(out, "smm", features != NULL && features->smm != NULL && features->smm->enabled);
    struct json *hyperv = NULL;
    JSON_EACH(one, features != NULL ? features->hyperv : NULL) {
        hyperv = hyperv != NULL ? hyperv : json_set_object(out, "hyperv");
        if (json_get_boolean(one, "enabled", true))
            json_set(hyperv, json_key(one), json_copy(one));
    }
}

static void write_disks(const struct vm *vm, struct json *array)
{
    for (size_t i = 0; i < vm_devices(vm)->disks.count; i++) {
        const struct vm_disk *disk = vm_disk(vm, i);
        const struct vm_disk_target *target = vm_disk_target(disk);
        struct json *out = json_add_object(array);
        json_set_text(out, "name", disk->name);
        json_set_text(out, "kind", disk->cdrom != NULL ? "cdrom" : disk->lun != NULL ? "lun" : "disk");
        json_set_text(out, "bus", target != NULL ? target->bus : NULL);
        json_set_boolean(out, "readonly", disk->cdrom != NULL || (target != NULL && target->read_only));
        if (disk->boot_order != POD_UNSET)
            json_set_integer(out, "bootOrder", disk->boot_order);
        json_set_text(out, "serial", disk->serial);
        json_set_text(out, "cache", disk->cache);
    }
}

static void write_interface(const struct writing *writing, const struct vm_interface *interface, struct json *array)
{
    struct json *out = json_add_object(array);
    char mac[VM_MAC_BYTES];
    mac_of(writing->object, interface, mac);
    json_set_text(out, "name", interface != NULL ? interface->name : "default");
    json_set_text(out, "binding", interface != NULL && interface->bridge != NULL ? "bridge" : "masquerade");
    json_set_text(out, "model", interface != NULL && interface->model != NULL ? interface->model : "virtio");
    json_set_text(out, "macAddress", mac);
    if (interface != NULL && interface->boot_order != POD_UNSET)
        json_set_integer(out, "bootOrder", interface->boot_order);
}

static void write_host_devices(const struct vm_devices *devices, struct json *array)
{
    for (size_t i = 0; i < devices->host_devices.count; i++) {
        const struct vm_host_device *device = &((const struct vm_host_device *)devices->host_devices.items)[i];
        struct json *out = json_add_object(array);
        json_set_text(out, "name", device->name);
        if (strncmp(device->device, "pci:", 4) == 0) {
            json_set_text(out, "pci", device->device + 4);
            continue;
        }
        AUTO_FREE char *vendor = mem_printf("0x%.4s", device->device + 4);
        AUTO_FREE char *product = mem_printf("0x%.4s", device->device + 9);
        json_set(out, "usb", json_new_texts("vendor", vendor, "product", product, NULL));
    }
}

static void write_devices(const struct writing *writing, struct json *out)
{
    const struct vm_devices *devices = vm_devices(writing->vm);
    bool nothing_said = devices->interfaces.count == 0 && vm_has_pod_network(writing->vm);
    write_disks(writing->vm, json_set_array(out, "disks"));
    struct json *interfaces = json_set_array(out, "interfaces");
    for (size_t i = 0; i < devices->interfaces.count; i++)
        write_interface(writing, vm_interface(writing->vm, i), interfaces);
    if (nothing_said)
        write_interface(writing, NULL, interfaces);
    if (devices->watchdog != NULL) {
        const char *action = devices->watchdog->i6300esb->action;
        json_set(out, "watchdog", json_new_texts("name", devices->watchdog->name, "action", action != NULL ? action : "reset",
                                                 NULL));
    }
    json_set_boolean(out, "rng", devices->rng != NULL);
    json_set_boolean(out, "balloon", devices->balloon);
    json_set_boolean(out, "serialConsole", devices->serial_console);
    json_set_boolean(out, "graphics", devices->graphics);
    json_set_boolean(out, "tablet", devices->inputs.count > 0 || devices->graphics);
    struct json *ports = json_set_array(out, "serialPorts");
    for (size_t i = 0; i < devices->serial_ports.count; i++) {
        const struct vm_serial_port *port = &((const struct vm_serial_port *)devices->serial_ports.items)[i];
        json_add(ports, json_new_texts("name", port->name, "path", port->path, NULL));
    }
    write_host_devices(devices, json_set_array(out, "hostDevices"));
}

static void write_domain(const struct writing *writing, struct json *out)
{
    const struct vm_domain *domain = writing->vm->template->spec->domain;
    write_cpu(writing->vm, json_set_object(out, "cpu"));
    json_set_integer(out, "memoryBytes", vm_memory_bytes(writing->vm));
    json_set(out, "machine", json_new_texts("type", vm_machine(writing->vm), NULL));
    write_firmware(writing, json_set_object(out, "firmware"));
    write_clock(domain->clock, json_set_object(out, "clock"));
    write_features(domain->features, json_set_object(out, "features"));
    write_devices(writing, json_set_object(out, "devices"));
}

/* ---- volumes */

/* KubeVirt's keys of a Secret that has a text of a seed. */
static const char *const user_keys[] = { "userdata", "userData", NULL };
static const char *const network_keys[] = { "networkdata", "networkData", NULL };

/* A text of a seed: as it stands, in base64, or by a Secret. NULL: there is none. The caller frees. */
static char *seed_text(const char *plain, const char *base64, const struct json *files, const char *const *keys)
{
    char *text = NULL;
    size_t len;
    if (plain != NULL)
        return mem_strdup(plain);
    if (base64 != NULL)
        return base64_decode(base64, strlen(base64), &text, &len) ? text : NULL;
    JSON_EACH(item, json_get(files, "items"))
        for (size_t i = 0; keys[i] != NULL; i++) {
            const char *path = json_get_text(item, "path"), *data = json_get_text(item, "data");
            if (strcmp(path, keys[i]) == 0 && base64_decode(data, strlen(data), &text, &len))
                return text;
        }
    return NULL;
}

static bool write_seed(const struct writing *writing, const struct vm_volume *volume, struct json *out,
                       struct create_refusal *refusal)
{
    const struct vm_cloud_init *seed = vm_seed(volume);
    const struct object_id *id = &writing->object->id;
    const struct json *files = json_get(pod_volume_named(writing, volume->name), "files");
    AUTO_FREE char *user = seed_text(seed->user_data, seed->user_data_base64, seed->user_secret != NULL ? files : NULL, user_keys);
    AUTO_FREE char *network = seed_text(seed->network_data, seed->network_data_base64,
                                        seed->network_secret != NULL ? files : NULL, network_keys);
    bool user_wanted = seed->user_data_base64 != NULL || seed->user_secret != NULL;
    bool network_wanted = seed->network_data_base64 != NULL || seed->network_secret != NULL;
    if ((user_wanted && user == NULL) || (network_wanted && network == NULL)) {
        refusal->reason = "CreateContainerConfigError";
        refusal->event = "Failed";
        snprintf(refusal->message, sizeof(refusal->message), "volume \"%s\": its %s cannot be had: it is no base64, or its Secret "
                 "has no key %s", volume->name, user_wanted && user == NULL ? "userData" : "networkData",
                 user_wanted && user == NULL ? user_keys[0] : network_keys[0]);
        return false;
    }
    struct json *cloud = json_set_object(out, "cloudInit");
    AUTO_FREE char *meta = mem_printf("instance-id: %s.%s\nlocal-hostname: %s\n", id->name, id->namespace, writing->hostname);
    json_set_text(cloud, "userData", user != NULL ? user : "");
    json_set_text(cloud, "networkData", network);
    if (volume->config_drive != NULL)
        json_set_boolean(cloud, "configDrive", true);
    else
        json_set_text(cloud, "metaData", meta);
    return true;
}

static void write_data_volume(const struct writing *writing, const struct vm_volume *volume, struct json *out)
{
    const struct vm_data_template *data = vm_data_template(writing->vm, volume->data_volume->name);
    const struct json *image = json_get(pod_volume_named(writing, volume->name), "image");
    if (data->spec->source->blank != NULL) {
        json_set_integer(json_set_object(out, "emptyDisk"), "capacityBytes", vm_data_size(data));
        return;
    }
    if (image != NULL)
        json_set(out, "image", json_copy(image));
    json_set_integer(out, "capacityBytes", vm_data_size(data));
}

static bool write_host_disk(const struct writing *writing, const struct vm_volume *volume, struct json *out,
                            struct create_refusal *refusal)
{
    const struct vm_host_disk *disk = volume->host_disk;
    if (!policy_host_path_allowed(writing->core->config, disk->path)) {
        refusal->reason = "ContainerCreating";
        refusal->event = "FailedMount";
        snprintf(refusal->message, sizeof(refusal->message), "hostDisk %.200s is not allowed on this device: see [security] "
                 "host_paths= in davitd.conf", disk->path);
        return false;
    }
    struct json *host = json_set_object(out, "hostDisk");
    json_set_text(host, "path", disk->path);
    json_set_text(host, "type", disk->type);
    json_set_integer(host, "capacityBytes", bytes_of(disk->capacity));
    policy_host_path_limits(writing->core->config, host);
    return true;
}

static bool write_volume(const struct writing *writing, const struct vm_volume *volume, struct json *out,
                         struct create_refusal *refusal)
{
    const struct json *of_pod = pod_volume_named(writing, volume->name);
    const struct vm_map_disk *map = volume->config_map != NULL ? volume->config_map : volume->secret;
    json_set_text(out, "name", volume->name);
    if (vm_seed(volume) != NULL)
        return write_seed(writing, volume, out, refusal);
    if (volume->host_disk != NULL)
        return write_host_disk(writing, volume, out, refusal);
    if (volume->empty_disk != NULL)
        json_set_integer(json_set_object(out, "emptyDisk"), "capacityBytes", bytes_of(volume->empty_disk->capacity));
    if (volume->data_volume != NULL)
        write_data_volume(writing, volume, out);
    if (volume->container_disk != NULL && json_get(of_pod, "image") != NULL) {
        json_set(out, "image", json_copy(json_get(of_pod, "image")));
        json_set_text(out, "path", volume->container_disk->path);
    }
    if (volume->claim != NULL)
        json_set(out, "claim", json_copy(json_get(of_pod, "claim")));
    if (map != NULL || volume->sysprep != NULL) {
        json_set(out, "files", json_copy(json_get(of_pod, "files")));
        json_set_text(out, "label", map == NULL ? SYSPREP_LABEL : map->label != NULL ? map->label : "");
    }
    return true;
}

/* ---- networks */

static void write_networks(const struct writing *writing, const char *uid, struct json *array)
{
    const struct vm *vm = writing->vm;
    const struct vm_interface *main = vm_pod_interface(vm);
    if (vm_has_pod_network(vm)) {
        char mac[VM_MAC_BYTES], tap[IFNAME_BYTES];
        create_vm_mac(writing->object, vm, mac);
        ifname_of(uid, tap);
        json_add(array, json_new_texts("name", main != NULL ? main->name : "default", "tap", tap, "mac", mac, NULL));
    }
    for (size_t i = 0; i < vm->template->spec->networks.count; i++)
        if (vm_network(vm, i)->multus != NULL)
            json_add(array, json_new_texts("name", vm_network(vm, i)->name, "bridge", vm_bridge(vm_network(vm, i)->multus), NULL));
}

/* There is a guard at each end of the pods' own bridge that davit-net makes: it makes none of such a card. */
static bool check_bridges(const struct writing *writing, struct create_refusal *refusal)
{
    const char *own = writing->core->config->network.bridge;
    for (size_t i = 0; i < writing->vm->template->spec->networks.count; i++) {
        const struct vm_network *network = vm_network(writing->vm, i);
        if (network->multus == NULL || strcmp(network->multus->network, own) != 0)
            continue;
        refusal->reason = "CreateContainerConfigError";
        refusal->event = "Failed";
        snprintf(refusal->message, sizeof(refusal->message), "network \"%s\": %s is the bridge of the pods: let it be \"pod\": {}, or "
                 "name another bridge of this device", network->name, own);
        return false;
    }
    return true;
}

struct json *create_vm(const struct core *core, const struct object *object, const char *uid, const struct pod *pod,
                       const struct json *volumes, struct create_refusal *refusal)
{
    AUTO_FREE char *hostname = network_hostname(&object->id, pod);
    AUTO_FREE char *name = mem_printf("%s/%s/%s", object->id.namespace, object->id.resource, object->id.name);
    struct writing writing = { .core = core, .object = object, .vm = pod->vm, .volumes = volumes,
                               .hostname = hostname != NULL ? hostname : object->id.name };
    AUTO_JSON struct json *out = json_new_object();
    if (!check_bridges(&writing, refusal))
        return NULL;
    json_set_text(out, "object", name);
    json_set_text(out, "hostname", writing.hostname);
    json_set_integer(out, "graceMs", pod->grace_seconds * 1000);
    write_domain(&writing, json_set_object(out, "domain"));
    struct json *list = json_set_array(out, "volumes");
    for (size_t i = 0; i < pod->vm->template->spec->volumes.count; i++)
        if (!write_volume(&writing, vm_volume(pod->vm, i), json_add_object(list), refusal))
            return NULL;
    write_networks(&writing, uid, json_set_array(out, "networks"));
    return mem_steal(&out);
}

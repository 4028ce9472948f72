/* What field tables cannot say of a virtual machine. The messages are KubeVirt's where it has one. */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/vm_fields.h"
#include "protocol/vm_pod.h"

#define SPEC "spec.template.spec"

static bool check_strategy(const struct vm *vm, struct error *err)
{
    if (vm->running != POD_UNSET && vm->strategy != VM_UNSAID)
        return error_set(err, ERROR_INVALID, "Running and RunStrategy are mutually exclusive");
    return vm->running != POD_UNSET || vm->strategy != VM_UNSAID ||
           error_set(err, ERROR_INVALID, "One of Running or RunStrategy must be specified");
}

static bool check_volume(const struct vm *vm, size_t index, struct error *err)
{
    const struct vm_volume *volume = vm_volume(vm, index);
    int sources = (volume->container_disk != NULL) + (volume->data_volume != NULL) + (volume->claim != NULL) +
                  (volume->host_disk != NULL) + (volume->empty_disk != NULL) + (volume->cloud_init != NULL) +
                  (volume->config_drive != NULL) + (volume->sysprep != NULL) + (volume->config_map != NULL) +
                  (volume->secret != NULL);
    for (size_t i = 0; i < index; i++)
        if (strcmp(vm_volume(vm, i)->name, volume->name) == 0)
            return error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].name: Duplicate value: \"%s\"", index, volume->name);
    if (strcmp(volume->name, VM_KERNEL_VOLUME) == 0)
        return error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].name: \"%s\" is the name of kernelBoot's image", index,
                         volume->name);
    if (sources != 1)
        return error_set(err, ERROR_INVALID, SPEC ".volumes[%zu] must have exactly one source set, of the kinds that are run here: "
                         "containerDisk dataVolume persistentVolumeClaim hostDisk emptyDisk cloudInitNoCloud cloudInitConfigDrive "
                         "sysprep configMap secret", index);
    if (volume->sysprep != NULL && (volume->sysprep->config_map != NULL) == (volume->sysprep->secret != NULL))
        return error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].sysprep must have a configMap or a secret", index);
    if (volume->data_volume != NULL && vm_data_template(vm, volume->data_volume->name) == NULL)
        return error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].dataVolume.name: \"%s\" is none of spec.dataVolumeTemplates: "
                         "a DataVolume of its own is not run here", index, volume->data_volume->name);
    return volume->host_disk == NULL || volume->host_disk->capacity != NULL || strcmp(volume->host_disk->type, "Disk") == 0 ||
           error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].hostDisk.capacity: Required value: DiskOrCreate needs it", index);
}

static bool check_seed(const struct vm *vm, size_t index, struct error *err)
{
    const struct vm_cloud_init *seed = vm_seed(vm_volume(vm, index));
    const char *kind = vm_volume(vm, index)->cloud_init != NULL ? "cloudInitNoCloud" : "cloudInitConfigDrive";
    if (seed == NULL)
        return true;
    int users = (seed->user_data != NULL) + (seed->user_data_base64 != NULL) + (seed->user_secret != NULL);
    int networks = (seed->network_data != NULL) + (seed->network_data_base64 != NULL) + (seed->network_secret != NULL);
    if (users > 1 || networks > 1)
        return error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].%s must have only one %s source set", index, kind,
                         users > 1 ? "userdata" : "networkdata");
    return (users > 0 || networks > 0) ||
           error_set(err, ERROR_INVALID, SPEC ".volumes[%zu].%s requires userdata or networkdata", index, kind);
}

static bool check_bus(const struct vm *vm, size_t index, struct error *err)
{
    const struct vm_disk *disk = vm_disk(vm, index);
    const struct vm_disk_target *target = vm_disk_target(disk);
    const char *bus = target != NULL && target->bus != NULL ? target->bus : "";
    bool old_bus = strcmp(bus, "ide") == 0 || strcmp(bus, "sata") == 0;
    if (disk->cdrom != NULL && strcmp(bus, "virtio") == 0)
        return error_set(err, ERROR_INVALID, "Bus type virtio is invalid for CD-ROM device (" SPEC ".domain.devices.disks[%zu])",
                         index);
    if (disk->lun != NULL && bus[0] != '\0' && strcmp(bus, "scsi") != 0 && strcmp(bus, "sata") != 0)
        return error_set(err, ERROR_INVALID, "Bus type %s is invalid for LUN device (" SPEC ".domain.devices.disks[%zu])", bus, index);
    if (disk->cdrom == NULL && old_bus && target->read_only)
        return error_set(err, ERROR_INVALID, SPEC ".domain.devices.disks[%zu].disk.readonly: the bus %s knows only read-only "
                         "CD-ROMs", index, bus);
    return strcmp(bus, "ide") != 0 || strcmp(vm_machine(vm), "pc") == 0 ||
           error_set(err, ERROR_INVALID, SPEC ".domain.devices.disks[%zu]: bus ide needs domain.machine.type pc", index);
}

static bool check_disk(const struct vm *vm, size_t index, struct error *err)
{
    const struct vm_disk *disk = vm_disk(vm, index);
    if ((disk->disk != NULL) + (disk->cdrom != NULL) + (disk->lun != NULL) > 1)
        return error_set(err, ERROR_INVALID, SPEC ".domain.devices.disks[%zu] can only have a single target type defined", index);
    for (size_t i = 0; i < index; i++)
        if (strcmp(vm_disk(vm, i)->name, disk->name) == 0)
            return error_set(err, ERROR_INVALID, SPEC ".domain.devices.disks[%zu] and disks[%zu] must not have the same Name", i,
                             index);
    if (vm_volume_named(vm, disk->name) == NULL)
        return error_set(err, ERROR_INVALID, SPEC ".domain.devices.disks[%zu].Name '%s' not found.", index, disk->name);
    return check_bus(vm, index, err);
}

static const struct vm_network *network_named(const struct vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->template->spec->networks.count; i++)
        if (strcmp(vm_network(vm, i)->name, name) == 0)
            return vm_network(vm, i);
    return NULL;
}

static bool check_network(const struct vm *vm, size_t index, struct error *err)
{
    const struct vm_network *network = vm_network(vm, index);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(vm_network(vm, i)->name, network->name) == 0)
            return error_set(err, ERROR_INVALID, SPEC ".networks[%zu].name: Duplicate value: \"%s\"", index, network->name);
        if (network->pod != NULL && vm_network(vm, i)->pod != NULL)
            return error_set(err, ERROR_INVALID, SPEC ".networks: more than one interface is connected to a pod network");
    }
    return (network->pod != NULL) != (network->multus != NULL) ||
           error_set(err, ERROR_INVALID, SPEC ".networks[%zu] must have one network type: pod or multus", index);
}

static bool check_interface(const struct vm *vm, size_t index, struct error *err)
{
    const struct vm_interface *interface = vm_interface(vm, index);
    const struct vm_network *network = network_named(vm, interface->name);
    if (network == NULL)
        return error_set(err, ERROR_INVALID, SPEC ".domain.devices.interfaces[%zu].name '%s' not found.", index, interface->name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(vm_interface(vm, i)->name, interface->name) == 0)
            return error_set(err, ERROR_INVALID, SPEC ".domain.devices.interfaces[%zu].name: Duplicate value: \"%s\"", index,
                             interface->name);
    if (interface->masquerade != NULL && (interface->bridge != NULL || network->pod == NULL))
        return error_set(err, ERROR_INVALID, SPEC ".domain.devices.interfaces[%zu]: Masquerade interface only implemented with pod "
                         "network", index);
    return network->pod != NULL || interface->ports.count == 0 ||
           error_set(err, ERROR_INVALID, SPEC ".domain.devices.interfaces[%zu].ports: only ports of the pod network are forwarded",
                     index);
}

static bool check_templates(const struct vm *vm, struct error *err)
{
    const struct vm_data_template *templates = vm->data_templates.items;
    for (size_t i = 0; i < vm->data_templates.count; i++) {
        const struct vm_source *source = templates[i].spec->source;
        if ((source->http != NULL) + (source->registry != NULL) + (source->blank != NULL) != 1)
            return error_set(err, ERROR_INVALID, "spec.dataVolumeTemplates[%zu].spec.source must have exactly one source, of the "
                             "kinds that are run here: http registry blank", i);
        if (source->blank != NULL && vm_data_size(&templates[i]) == 0)
            return error_set(err, ERROR_INVALID, "spec.dataVolumeTemplates[%zu].spec.storage.resources.requests.storage: Required "
                             "value: a blank disk needs a size", i);
    }
    return true;
}

static bool check_firmware(const struct vm *vm, struct error *err)
{
    const struct vm_domain *domain = vm->template->spec->domain;
    const struct vm_firmware *firmware = domain->firmware;
    const struct vm_kernel_boot *boot = firmware != NULL ? firmware->kernel_boot : NULL;
    const struct vm_bootloader *loader = firmware != NULL ? firmware->bootloader : NULL;
    const struct vm_features *features = domain->features;
    if (loader != NULL && loader->bios != NULL && loader->efi != NULL)
        return error_set(err, ERROR_INVALID, SPEC ".domain.firmware.bootloader has both EFI and BIOS configured, but they are "
                         "mutually exclusive.");
    if (vm_secure_boot(vm) && (features == NULL || features->smm == NULL || !features->smm->enabled))
        return error_set(err, ERROR_INVALID, SPEC ".domain.firmware.bootloader.efi has EFI SecureBoot enabled. SecureBoot requires "
                         "SMM, which is currently disabled.");
    return boot == NULL || (boot->container != NULL && boot->container->kernel_path != NULL) ||
           error_set(err, ERROR_INVALID, SPEC ".domain.firmware.kernelBoot: a container with a kernelPath is required");
}

static bool check_domain(const struct vm *vm, struct error *err)
{
    const struct vm_domain *domain = vm->template->spec->domain;
    if (vm_cpus(vm) > LIMIT_VM_CPUS)
        return error_set(err, ERROR_INVALID, SPEC ".domain.cpu: sockets * cores * threads is %" PRId64 "; a machine has at most %d",
                         vm_cpus(vm), LIMIT_VM_CPUS);
    if (vm_memory_bytes(vm) <= 0)
        return error_set(err, ERROR_INVALID, "no memory requested, one of " SPEC ".domain.memory.guest, " SPEC
                         ".domain.resources.limits.memory or " SPEC ".domain.resources.requests.memory must be set");
    if (domain->clock != NULL && domain->clock->utc != NULL && domain->clock->timezone != NULL)
        return error_set(err, ERROR_INVALID, SPEC ".domain.clock: utc and timezone are mutually exclusive");
    return check_firmware(vm, err);
}

/* Without an address of its own the device itself would be asked, and answer for the guest. */
static bool check_probes(const struct vm *vm, struct error *err)
{
    static const char *const words[] = { "livenessProbe", "readinessProbe" };
    const struct probe *const probes[] = { vm->template->spec->liveness, vm->template->spec->readiness };
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]) && !vm_has_pod_network(vm); i++) {
        const struct handler *asks = probes[i] != NULL ? &probes[i]->handler : NULL;
        const char *host = asks == NULL ? NULL : asks->http != NULL ? asks->http->host : asks->tcp != NULL ? asks->tcp->host : NULL;
        if (asks != NULL && (asks->http != NULL || asks->tcp != NULL) && (host == NULL || host[0] == '\0'))
            return error_set(err, ERROR_INVALID, SPEC ".%s: a machine that is not in the pod network has no address to ask: name "
                             "a host, or use exec or guestAgentPing", words[i]);
    }
    return true;
}

bool vm_check(const struct vm *vm, struct error *err)
{
    const struct vm_spec *spec = vm->template->spec;
    if (!check_strategy(vm, err) || !check_domain(vm, err) || !check_templates(vm, err) || !check_probes(vm, err))
        return false;
    for (size_t i = 0; i < spec->volumes.count; i++)
        if (!check_volume(vm, i, err) || !check_seed(vm, i, err))
            return false;
    for (size_t i = 0; i < vm_devices(vm)->disks.count; i++)
        if (!check_disk(vm, i, err))
            return false;
    for (size_t i = 0; i < spec->networks.count; i++)
        if (!check_network(vm, i, err))
            return false;
    for (size_t i = 0; i < vm_devices(vm)->interfaces.count; i++)
        if (!check_interface(vm, i, err))
            return false;
    return true;
}

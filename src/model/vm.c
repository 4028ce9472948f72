#include "model/vm.h"

#include <string.h>

#include "base/json.h"
#include "model/quantity.h"

const struct vm_volume *vm_volume_named(const struct vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->template->spec->volumes.count; i++)
        if (strcmp(vm_volume(vm, i)->name, name) == 0)
            return vm_volume(vm, i);
    return NULL;
}

const struct vm_data_template *vm_data_template(const struct vm *vm, const char *name)
{
    const struct vm_data_template *templates = vm->data_templates.items;
    for (size_t i = 0; i < vm->data_templates.count; i++)
        if (strcmp(templates[i].metadata->name, name) == 0)
            return &templates[i];
    return NULL;
}

const struct vm_cloud_init *vm_seed(const struct vm_volume *volume)
{
    return volume->cloud_init != NULL ? volume->cloud_init : volume->config_drive;
}

int64_t vm_data_size(const struct vm_data_template *data)
{
    const struct vm_storage *storage = data->spec->storage != NULL ? data->spec->storage : data->spec->pvc;
    const struct vm_storage_resources *resources = storage != NULL ? storage->resources : NULL;
    const struct vm_requests *requests = resources != NULL ? resources->requests : NULL;
    int64_t bytes = 0;
    return requests != NULL && requests->storage != NULL && quantity_read(requests->storage, 1, &bytes) ? bytes : 0;
}

const struct vm_disk_target *vm_disk_target(const struct vm_disk *disk)
{
    return disk->cdrom != NULL ? disk->cdrom : disk->lun != NULL ? disk->lun : disk->disk;
}

const char *vm_machine(const struct vm *vm)
{
    const struct vm_machine *machine = vm->template->spec->domain->machine;
    const char *type = machine != NULL && machine->type != NULL ? machine->type : "";
    return strncmp(type, "pc", 2) == 0 && strncmp(type, "pc-q35", 6) != 0 ? "pc" : "q35";
}

const char *vm_bridge(const struct vm_multus *multus)
{
    const char *slash = strrchr(multus->network, '/');
    return slash != NULL ? slash + 1 : multus->network;
}

static int64_t quantity_of(const struct json *map, const char *key)
{
    const struct json *value = json_get(map, key);
    int64_t number = 0;
    if (json_text(value) != NULL)
        return quantity_read(json_text(value), 1, &number) ? number : 0;
    return json_integer(value, &number) ? number : 0;
}

/* KubeVirt: where no topology is said, as many sockets as the container would have processors. */
struct vm_cpu vm_topology(const struct vm *vm)
{
    const struct vm_domain *domain = vm->template->spec->domain;
    struct vm_cpu cpu = domain->cpu != NULL ? *domain->cpu : (struct vm_cpu){ .sockets = 0 };
    if (cpu.sockets == 0 && cpu.cores == 0 && cpu.threads == 0 && domain->resources != NULL) {
        cpu.sockets = quantity_of(domain->resources->limits, "cpu");
        if (cpu.sockets == 0)
            cpu.sockets = quantity_of(domain->resources->requests, "cpu");
    }
    cpu.sockets = cpu.sockets > 0 ? cpu.sockets : 1;
    cpu.cores = cpu.cores > 0 ? cpu.cores : 1;
    cpu.threads = cpu.threads > 0 ? cpu.threads : 1;
    return cpu;
}

int64_t vm_cpus(const struct vm *vm)
{
    struct vm_cpu cpu = vm_topology(vm);
    return cpu.sockets * cpu.cores * cpu.threads;
}

int64_t vm_memory_bytes(const struct vm *vm)
{
    const struct vm_domain *domain = vm->template->spec->domain;
    int64_t bytes = 0;
    if (domain->memory != NULL && domain->memory->guest != NULL)
        return quantity_read(domain->memory->guest, 1, &bytes) ? bytes : 0;
    if (domain->resources == NULL)
        return 0;
    bytes = quantity_of(domain->resources->requests, "memory");
    return bytes > 0 ? bytes : quantity_of(domain->resources->limits, "memory");
}

bool vm_secure_boot(const struct vm *vm)
{
    const struct vm_firmware *firmware = vm->template->spec->domain->firmware;
    const struct vm_bootloader *loader = firmware != NULL ? firmware->bootloader : NULL;
    return loader != NULL && loader->efi != NULL && loader->efi->secure_boot;
}

const struct vm_interface *vm_pod_interface(const struct vm *vm)
{
    for (size_t i = 0; i < vm->template->spec->networks.count; i++) {
        const struct vm_network *network = vm_network(vm, i);
        for (size_t j = 0; network->pod != NULL && j < vm_devices(vm)->interfaces.count; j++)
            if (strcmp(vm_interface(vm, j)->name, network->name) == 0)
                return vm_interface(vm, j);
    }
    return NULL;
}

bool vm_has_pod_network(const struct vm *vm)
{
    bool nothing_said = vm_devices(vm)->interfaces.count == 0 && vm->template->spec->networks.count == 0;
    return vm_pod_interface(vm) != NULL || (nothing_said && vm_devices(vm)->pod_interface);
}

const char *vm_image(const struct vm *vm)
{
    for (size_t i = 0; i < vm->template->spec->volumes.count; i++) {
        const struct vm_volume *volume = vm_volume(vm, i);
        const struct vm_data_template *data =
            volume->data_volume != NULL ? vm_data_template(vm, volume->data_volume->name) : NULL;
        if (volume->container_disk != NULL)
            return volume->container_disk->image;
        if (data != NULL && data->spec->source->http != NULL)
            return data->spec->source->http->url;
        if (data != NULL && data->spec->source->registry != NULL)
            return data->spec->source->registry->url;
    }
    return NULL;
}

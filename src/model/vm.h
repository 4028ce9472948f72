/* A virtual machine as Davit honours it: what a pod has beside its one container. Filled, hashed and freed by
 * protocol/vm_fields. The names are KubeVirt's; docs/virtual-machines.md lists them.
 */
#ifndef MODEL_VM_H
#define MODEL_VM_H

#include "model/pod.h"

#define VM_CONTAINER "compute" /* KubeVirt's name of the container that a VM runs in */

/* An object in which nothing is to be said: rng, masquerade, bios. */
struct vm_nothing {
    bool unused;
};

struct vm_switch { /* {"enabled":true}; the bare object means true */
    bool enabled;
};

struct vm_cpu {
    int64_t sockets, cores, threads; /* 0: nothing is said */
    char *model;
};

struct vm_memory {
    char *guest;
};

struct vm_machine {
    char *type;
};

struct vm_efi {
    bool secure_boot;
};

struct vm_bootloader {
    struct vm_nothing *bios;
    struct vm_efi *efi;
};

struct vm_kernel_image {
    char *image;
    int64_t pull_policy;
    char *pull_secret;
    char *kernel_path, *initrd_path;
};

struct vm_kernel_boot {
    char *args;
    struct vm_kernel_image *container;
};

struct vm_firmware {
    char *uuid, *serial;
    struct vm_bootloader *bootloader;
    struct vm_kernel_boot *kernel_boot;
};

struct vm_utc {
    int64_t offset_s;
};

struct vm_clock {
    struct vm_utc *utc;
    char *timezone;  /* a real-time clock that shows local time */
};

struct vm_features {
    struct vm_switch *acpi, *apic, *smm;
    struct json *hyperv;
};

/* ---- devices */

struct vm_disk_target {
    char *bus;
    bool read_only;
};

struct vm_disk {
    char *name;
    struct vm_disk_target *disk, *cdrom, *lun; /* at most one; none is a disk */
    int64_t boot_order; /* POD_UNSET: none */
    char *serial;
    char *cache;
};

struct vm_port {
    char *name;
    int64_t port;
    int64_t protocol;  /* enum port_protocol */
    int64_t host_port; /* Davit's own; POD_UNSET: the same */
};

struct vm_interface {
    char *name;
    struct vm_nothing *masquerade, *bridge;
    char *model;
    char *mac;
    int64_t boot_order;
    struct item_list ports; /* struct vm_port */
};

struct vm_i6300esb {
    char *action;
};

struct vm_watchdog {
    char *name;
    struct vm_i6300esb *i6300esb;
};

struct vm_input {
    char *name, *type, *bus;
};

struct vm_host_device {
    char *name;
    char *device; /* usb:1234:5678, pci:0000:03:00.0 */
};

struct vm_serial_port { /* Davit's own */
    char *name;
    char *path;
};

struct vm_devices {
    struct item_list disks;        /* struct vm_disk */
    struct item_list interfaces;   /* struct vm_interface */
    struct vm_watchdog *watchdog;
    struct vm_nothing *rng;
    bool balloon, serial_console, graphics, pod_interface; /* autoattach… */
    struct item_list inputs;       /* struct vm_input */
    struct item_list host_devices; /* struct vm_host_device */
    struct item_list serial_ports; /* struct vm_serial_port */
};

struct vm_domain {
    struct vm_cpu *cpu;
    struct vm_memory *memory;
    struct resources *resources;
    struct vm_machine *machine;
    struct vm_firmware *firmware;
    struct vm_clock *clock;
    struct vm_features *features;
    struct vm_devices *devices;
};

/* ---- networks and volumes */

struct vm_multus {
    char *network; /* the name of a bridge of the host, behind the namespace that KubeVirt's users write: plant, default/plant */
};

struct vm_network {
    char *name;
    struct vm_nothing *pod;
    struct vm_multus *multus;
};

struct vm_container_disk {
    char *image;
    char *path;
    int64_t pull_policy;
    char *pull_secret;
};

struct vm_data_volume {
    char *name;
};

struct vm_host_disk {
    char *path;
    char *type; /* Disk, DiskOrCreate */
    char *capacity;
};

struct vm_empty_disk {
    char *capacity;
};

struct vm_secret_ref { /* a ConfigMap's, too */
    char *name;
};

struct vm_cloud_init {
    char *user_data, *user_data_base64, *network_data, *network_data_base64;
    struct vm_secret_ref *user_secret, *network_secret;
};

struct vm_map_disk { /* of a ConfigMap or a Secret */
    char *name;
    bool optional;
    char *label;
};

struct vm_sysprep { /* what Windows answers its installer's questions with */
    struct vm_secret_ref *config_map, *secret;
};

struct vm_volume {
    char *name;
    struct vm_container_disk *container_disk;
    struct vm_data_volume *data_volume;
    struct claim_source *claim;
    struct vm_host_disk *host_disk;
    struct vm_empty_disk *empty_disk;
    struct vm_cloud_init *cloud_init, *config_drive; /* NoCloud; OpenStack's */
    struct vm_sysprep *sysprep;
    struct vm_map_disk *config_map, *secret;
};

/* ---- dataVolumeTemplates */

struct vm_http_source {
    char *url;
    char *checksum; /* "sha256:HEX", of what is served; NULL: none */
};

struct vm_registry_source {
    char *url; /* docker://IMAGE */
};

struct vm_source {
    struct vm_http_source *http;
    struct vm_registry_source *registry;
    struct vm_nothing *blank;
};

struct vm_named {
    char *name;
};

struct vm_requests {
    char *storage;
};

struct vm_storage {
    struct vm_storage_resources *resources;
};

struct vm_storage_resources {
    struct vm_requests *requests;
};

struct vm_data_spec {
    struct vm_source *source;
    struct vm_storage *pvc, *storage; /* at most one; none: as large as its source */
};

struct vm_data_template {
    struct vm_named *metadata;
    struct vm_data_spec *spec;
};

/* ---- the whole */

struct vm_spec { /* of a VirtualMachineInstance */
    struct vm_domain *domain;
    struct item_list networks;  /* struct vm_network */
    struct item_list volumes;   /* struct vm_volume */
    struct probe *liveness, *readiness;
    int64_t grace_seconds;
    char *hostname, *subdomain;
    struct json *node_selector; /* label -> value */
    struct json *tolerations;
};

struct vm_template {
    struct json *metadata; /* labels of its instances */
    struct vm_spec *spec;
};

/* Which of them, a running machine does not notice: not part of the hash. */
enum vm_strategy { VM_UNSAID, VM_ALWAYS, VM_RERUN_ON_FAILURE, VM_MANUAL, VM_HALTED, VM_ONCE };

struct vm {
    int64_t running;  /* KubeVirt's older word: 0 is Halted, 1 Always */
    int64_t strategy; /* enum vm_strategy */
    struct vm_template *template;
    struct item_list data_templates; /* struct vm_data_template */
};

static inline enum vm_strategy vm_strategy(const struct vm *vm)
{
    if (vm->strategy != VM_UNSAID)
        return (enum vm_strategy)vm->strategy;
    return vm->running == 1 ? VM_ALWAYS : VM_HALTED;
}

static inline const struct vm_devices *vm_devices(const struct vm *vm)
{
    return vm->template->spec->domain->devices;
}

static inline const struct vm_volume *vm_volume(const struct vm *vm, size_t index)
{
    return &((const struct vm_volume *)vm->template->spec->volumes.items)[index];
}

static inline const struct vm_disk *vm_disk(const struct vm *vm, size_t index)
{
    return &((const struct vm_disk *)vm_devices(vm)->disks.items)[index];
}

static inline const struct vm_interface *vm_interface(const struct vm *vm, size_t index)
{
    return &((const struct vm_interface *)vm_devices(vm)->interfaces.items)[index];
}

static inline const struct vm_network *vm_network(const struct vm *vm, size_t index)
{
    return &((const struct vm_network *)vm->template->spec->networks.items)[index];
}

/* What is said of it, with KubeVirt's defaults. Pointers are borrowed. */
const struct vm_volume *vm_volume_named(const struct vm *vm, const char *name); /* NULL */
const struct vm_data_template *vm_data_template(const struct vm *vm, const char *name); /* NULL */
const struct vm_cloud_init *vm_seed(const struct vm_volume *volume); /* NULL */
int64_t vm_data_size(const struct vm_data_template *data); /* 0: nothing is said */
const struct vm_disk_target *vm_disk_target(const struct vm_disk *disk); /* NULL: a disk, of which nothing more is said */
const char *vm_machine(const struct vm *vm); /* q35 or pc, whatever version is said */
const char *vm_bridge(const struct vm_multus *multus);
struct vm_cpu vm_topology(const struct vm *vm); /* the model is borrowed */
int64_t vm_cpus(const struct vm *vm);
int64_t vm_memory_bytes(const struct vm *vm); /* 0: nothing is said */
bool vm_secure_boot(const struct vm *vm);
/* The interface in the network that pods have; NULL: it has none, or the default one, of which nothing is said. */
const struct vm_interface *vm_pod_interface(const struct vm *vm);
bool vm_has_pod_network(const struct vm *vm);
/* The image of its first disk, for a person's eye; NULL: it has none. */
const char *vm_image(const struct vm *vm);

#endif

#include "protocol/vm_fields.h"

#include <string.h>

#include "base/file.h"
#include "base/ifname.h"
#include "base/memory.h"
#include "model/taint.h"
#include "protocol/container_fields.h"
#include "protocol/names.h"
#include "protocol/volume_fields.h"

#define LIMIT_SECONDS (86400 * 366)
#define GRACE_SECONDS 180 /* KubeVirt's default */
#define LINE_BYTES 2048
#define NET_NAME "name of letters, digits, - and _"

static const char *const strategy_words[] = { "", "Always", "RerunOnFailure", "Manual", "Halted", "Once", NULL };

/* ---- what a text may be */

bool vm_is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_disk_bus(const char *text)
{
    return vm_is_one_of(text, (const char *const[]){ "virtio", "sata", "scsi", "usb", "ide", NULL });
}

static bool is_cache(const char *text)
{
    return vm_is_one_of(text, (const char *const[]){ "none", "writethrough", "writeback", NULL });
}

static bool is_net_model(const char *text)
{
    return vm_is_one_of(text, (const char *const[]){ "virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", NULL });
}

/* KubeVirt's machines have versions behind a dash; which of them there are, QEMU knows. */
static bool is_machine(const char *text)
{
    bool plain = strlen(text) <= LIMIT_LABEL_BYTES && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0';
    return plain && (vm_is_one_of(text, (const char *const[]){ "q35", "pc", NULL }) || strncmp(text, "pc-", 3) == 0);
}

static bool is_watchdog_action(const char *text)
{
    return vm_is_one_of(text, (const char *const[]){ "reset", "poweroff", "shutdown", NULL });
}

bool vm_is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdefABCDEF") >= len;
}

static bool is_mac(const char *text)
{
    if (strlen(text) != 17 || strchr("02468aceACE", text[1]) == NULL) /* the lowest bit is for groups */
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!vm_is_hex(text + 3 * i, 2) || (i < 5 && text[3 * i + 2] != ':' && text[3 * i + 2] != '-'))
            return false;
    return true;
}

static bool is_uuid(const char *text)
{
    static const size_t parts[] = { 8, 4, 4, 4, 12 };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!vm_is_hex(text, parts[i]) || text[parts[i]] != (i < 4 ? '-' : '\0'))
            return false;
        text += parts[i] + 1;
    }
    return true;
}

/* What goes to QEMU and libvirt as a word of its own. */
bool vm_is_word(const char *text)
{
    return name_is_word(text, "-_.:+ ", LIMIT_LABEL_BYTES);
}

static bool is_line(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return strlen(text) <= LINE_BYTES;
}

static bool is_time_zone(const char *text)
{
    return name_is_word(text, "-_/+", LIMIT_LABEL_BYTES) && text[0] != '/' && strstr(text, "..") == NULL;
}

/* A bridge of the host; KubeVirt's users write a namespace before it, and there is none here that it could be of. */
static bool is_bridge(const char *text)
{
    const char *slash = strchr(text, '/');
    AUTO_FREE char *namespace = slash != NULL ? mem_strndup(text, (size_t)(slash - text)) : mem_strdup("default");
    return name_is_label(namespace) && name_is_word(slash != NULL ? slash + 1 : text, "-_.", IFNAME_BYTES - 1);
}

/* KubeVirt: of an interface, and of the network that it is in. */
static bool is_net_name(const char *text)
{
    return name_is_word(text, "-_", LIMIT_LABEL_BYTES);
}

static bool is_serial_path(const char *text)
{
    return file_path_is_safe(text) && strncmp(text, "/dev/", 5) == 0;
}

/* "usb:1234:5678", "pci:0000:03:00.0" */
static bool is_host_device(const char *text)
{
    if (strncmp(text, "usb:", 4) == 0)
        return strlen(text) == 13 && vm_is_hex(text + 4, 4) && text[8] == ':' && vm_is_hex(text + 9, 4);
    return strncmp(text, "pci:", 4) == 0 && strlen(text) == 16 && vm_is_hex(text + 4, 4) && text[8] == ':' &&
           vm_is_hex(text + 9, 2) && text[11] == ':' && vm_is_hex(text + 12, 2) && text[14] == '.' && text[15] >= '0' &&
           text[15] <= '7';
}

static bool check_hyperv(const struct json *json, const char *path, struct error *err)
{
    static const char *const known[] = { "relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "synictimer", "reset",
                                         "vendorid", "frequencies", "reenlightenment", "tlbflush", "ipi", "evmcs", NULL };
    if (json_type(json) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "%s must be an object", path);
    JSON_EACH(one, json) {
        const char *vendor = json_get_text(one, "vendorid");
        if (json_type(one) != JSON_OBJECT || !vm_is_one_of(json_key(one), known))
            return error_set(err, ERROR_INVALID, "%s.%.60s: Unsupported value: it is no enlightenment that is known", path,
                             json_key(one));
        if (vendor != NULL && (strlen(vendor) > 12 || !vm_is_word(vendor)))
            return error_set(err, ERROR_INVALID, "%s.vendorid.vendorid: Invalid value: at most 12 letters", path);
    }
    return true;
}

static bool check_selector(const struct json *json, const char *path, struct error *err)
{
    bool good = json_type(json) == JSON_OBJECT;
    JSON_EACH(value, json)
        good = good && json_text(value) != NULL;
    return good || error_set(err, ERROR_INVALID, "%s must map labels to strings", path);
}

static bool check_metadata(const struct json *json, const char *path, struct error *err)
{
    const struct json *labels = json_get(json, "labels");
    return json_type(json) == JSON_OBJECT
               ? labels == NULL || check_selector(labels, path, err)
               : error_set(err, ERROR_INVALID, "%s must be an object", path);
}

/* ---- the domain */

static const struct field_table switch_table = { sizeof(struct vm_switch), (const struct field[]){
    { FIELD("enabled", FIELD_BOOL, struct vm_switch, enabled), .fallback = true },
    { 0 } } };

static const struct field_table cpu_table = { sizeof(struct vm_cpu), (const struct field[]){
    { FIELD("sockets", FIELD_INTEGER, struct vm_cpu, sockets), .max = LIMIT_VM_CPUS },
    { FIELD("cores", FIELD_INTEGER, struct vm_cpu, cores), .max = LIMIT_VM_CPUS },
    { FIELD("threads", FIELD_INTEGER, struct vm_cpu, threads), .max = LIMIT_VM_CPUS },
    { FIELD("model", FIELD_TEXT, struct vm_cpu, model), .check = vm_is_word, .expected = "CPU model" },
    { 0 } } };

static const struct field_table memory_table = { sizeof(struct vm_memory), (const struct field[]){
    { FIELD("guest", FIELD_QUANTITY, struct vm_memory, guest) },
    { 0 } } };

/* A machine's cannot change while it runs, as a container's can. */
static const struct field_table vm_resources_table = { sizeof(struct resources), (const struct field[]){
    { FIELD("limits", FIELD_JSON, struct resources, limits), .check_json = quantities_check },
    { FIELD("requests", FIELD_JSON, struct resources, requests), .check_json = quantities_check },
    { 0 } } };

static const struct field_table machine_table = { sizeof(struct vm_machine), (const struct field[]){
    { FIELD("type", FIELD_TEXT, struct vm_machine, type), .check = is_machine, .expected = "machine, q35 or pc" },
    { 0 } } };

static const struct field_table efi_table = { sizeof(struct vm_efi), (const struct field[]){
    { FIELD("secureBoot", FIELD_BOOL, struct vm_efi, secure_boot), .fallback = true },
    { 0 } } };

static const struct field_table bootloader_table = { sizeof(struct vm_bootloader), (const struct field[]){
    { FIELD("bios", FIELD_OBJECT, struct vm_bootloader, bios), .nested = &nothing_table },
    { FIELD("efi", FIELD_OBJECT, struct vm_bootloader, efi), .nested = &efi_table },
    { 0 } } };

static const struct field_table kernel_image_table = { sizeof(struct vm_kernel_image), (const struct field[]){
    { FIELD("image", FIELD_TEXT, struct vm_kernel_image, image), .required = true, .check = image_name_is_valid,
      .expected = "image reference" },
    { FIELD("imagePullPolicy", FIELD_WORD, struct vm_kernel_image, pull_policy), .words = pull_words, .unhashed = true },
    { FIELD("imagePullSecret", FIELD_TEXT, struct vm_kernel_image, pull_secret), .check = name_is_subdomain,
      .expected = "name of a Secret", .unhashed = true },
    { FIELD("kernelPath", FIELD_TEXT, struct vm_kernel_image, kernel_path), .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { FIELD("initrdPath", FIELD_TEXT, struct vm_kernel_image, initrd_path), .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { 0 } } };

static const struct field_table kernel_boot_table = { sizeof(struct vm_kernel_boot), (const struct field[]){
    { FIELD("kernelArgs", FIELD_TEXT, struct vm_kernel_boot, args), .check = is_line, .expected = "line" },
    { FIELD("container", FIELD_OBJECT, struct vm_kernel_boot, container), .nested = &kernel_image_table },
    { 0 } } };

static const struct field_table firmware_table = { sizeof(struct vm_firmware), (const struct field[]){
    { FIELD("uuid", FIELD_TEXT, struct vm_firmware, uuid), .check = is_uuid, .expected = "UUID" },
    { FIELD("serial", FIELD_TEXT, struct vm_firmware, serial), .check = vm_is_word, .expected = "serial number" },
    { FIELD("bootloader", FIELD_OBJECT, struct vm_firmware, bootloader), .nested = &bootloader_table },
    { FIELD("kernelBoot", FIELD_OBJECT, struct vm_firmware, kernel_boot), .nested = &kernel_boot_table },
    { 0 } } };

static const struct field_table utc_table = { sizeof(struct vm_utc), (const struct field[]){
    { FIELD("offsetSeconds", FIELD_INTEGER, struct vm_utc, offset_s), .min = -LIMIT_SECONDS, .max = LIMIT_SECONDS },
    { 0 } } };

static const struct field_table clock_table = { sizeof(struct vm_clock), (const struct field[]){
    { FIELD("utc", FIELD_OBJECT, struct vm_clock, utc), .nested = &utc_table },
    { FIELD("timezone", FIELD_TEXT, struct vm_clock, timezone), .check = is_time_zone, .expected = "time zone" },
    { 0 } } };

static const struct field_table features_table = { sizeof(struct vm_features), (const struct field[]){
    { FIELD("acpi", FIELD_OBJECT, struct vm_features, acpi), .nested = &switch_table },
    { FIELD("apic", FIELD_OBJECT, struct vm_features, apic), .nested = &switch_table },
    { FIELD("smm", FIELD_OBJECT, struct vm_features, smm), .nested = &switch_table },
    { FIELD("hyperv", FIELD_JSON, struct vm_features, hyperv), .check_json = check_hyperv },
    { 0 } } };

static const struct field_table target_table = { sizeof(struct vm_disk_target), (const struct field[]){
    { FIELD("bus", FIELD_TEXT, struct vm_disk_target, bus), .check = is_disk_bus,
      .expected = "bus: virtio, sata, scsi, usb or ide" },
    { FIELD("readonly", FIELD_BOOL, struct vm_disk_target, read_only) },
    { 0 } } };

static const struct field_table disk_table = { sizeof(struct vm_disk), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_disk, name), .required = true, .check = name_is_label, .expected = "DNS label" },
    { FIELD("disk", FIELD_OBJECT, struct vm_disk, disk), .nested = &target_table },
    { FIELD("cdrom", FIELD_OBJECT, struct vm_disk, cdrom), .nested = &target_table },
    { FIELD("lun", FIELD_OBJECT, struct vm_disk, lun), .nested = &target_table },
    { FIELD("bootOrder", FIELD_INTEGER, struct vm_disk, boot_order), .fallback = POD_UNSET, .min = 1, .max = 1000 },
    { FIELD("serial", FIELD_TEXT, struct vm_disk, serial), .check = vm_is_word, .expected = "serial number" },
    { FIELD("cache", FIELD_TEXT, struct vm_disk, cache), .check = is_cache, .expected = "cache: none, writethrough or writeback" },
    { 0 } } };

static const struct field_table port_table = { sizeof(struct vm_port), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_port, name), .check = name_is_label, .expected = "port name" },
    { FIELD("port", FIELD_INTEGER, struct vm_port, port), .required = true, .min = 1, .max = 65535 },
    { FIELD("protocol", FIELD_WORD, struct vm_port, protocol), .words = protocol_words },
    { FIELD("hostPort", FIELD_INTEGER, struct vm_port, host_port), .fallback = POD_UNSET, .min = 1, .max = 65535 },
    { 0 } } };

static const struct field_table interface_table = { sizeof(struct vm_interface), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_interface, name), .required = true, .check = is_net_name, .expected = NET_NAME },
    { FIELD("masquerade", FIELD_OBJECT, struct vm_interface, masquerade), .nested = &nothing_table },
    { FIELD("bridge", FIELD_OBJECT, struct vm_interface, bridge), .nested = &nothing_table },
    { FIELD("model", FIELD_TEXT, struct vm_interface, model), .check = is_net_model, .expected = "network card" },
    { FIELD("macAddress", FIELD_TEXT, struct vm_interface, mac), .check = is_mac, .expected = "MAC address" },
    { FIELD("bootOrder", FIELD_INTEGER, struct vm_interface, boot_order), .fallback = POD_UNSET, .min = 1, .max = 1000 },
    { FIELD("ports", FIELD_OBJECTS, struct vm_interface, ports), .max = LIMIT_PORTS, .nested = &port_table },
    { 0 } } };

static const struct field_table i6300esb_table = { sizeof(struct vm_i6300esb), (const struct field[]){
    { FIELD("action", FIELD_TEXT, struct vm_i6300esb, action), .check = is_watchdog_action,
      .expected = "watchdog action: reset, poweroff or shutdown" },
    { 0 } } };

static const struct field_table watchdog_table = { sizeof(struct vm_watchdog), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_watchdog, name), .required = true, .check = name_is_label, .expected = "DNS label" },
    { FIELD("i6300esb", FIELD_OBJECT, struct vm_watchdog, i6300esb), .required = true, .nested = &i6300esb_table },
    { 0 } } };

static const struct field_table input_table = { sizeof(struct vm_input), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_input, name), .required = true, .check = name_is_label, .expected = "DNS label" },
    { FIELD("type", FIELD_TEXT, struct vm_input, type), .required = true, .check = vm_is_word, .expected = "input device" },
    { FIELD("bus", FIELD_TEXT, struct vm_input, bus), .check = vm_is_word, .expected = "bus" },
    { 0 } } };

static const struct field_table host_device_table = { sizeof(struct vm_host_device), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_host_device, name), .required = true, .check = name_is_label,
      .expected = "DNS label" },
    { FIELD("deviceName", FIELD_TEXT, struct vm_host_device, device), .required = true, .check = is_host_device,
      .expected = "device of this machine, as usb:1234:5678 or pci:0000:03:00.0" },
    { 0 } } };

static const struct field_table serial_port_table = { sizeof(struct vm_serial_port), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_serial_port, name), .required = true, .check = name_is_label,
      .expected = "DNS label" },
    { FIELD("path", FIELD_TEXT, struct vm_serial_port, path), .required = true, .check = is_serial_path,
      .expected = "serial port of this machine, as /dev/ttyS0" },
    { 0 } } };

static const struct field_table devices_table = { sizeof(struct vm_devices), (const struct field[]){
    { FIELD("disks", FIELD_OBJECTS, struct vm_devices, disks), .max = LIMIT_VOLUMES, .nested = &disk_table },
    { FIELD("interfaces", FIELD_OBJECTS, struct vm_devices, interfaces), .max = LIMIT_VM_DEVICES, .nested = &interface_table },
    { FIELD("watchdog", FIELD_OBJECT, struct vm_devices, watchdog), .nested = &watchdog_table },
    { FIELD("rng", FIELD_OBJECT, struct vm_devices, rng), .nested = &nothing_table },
    { FIELD("autoattachMemBalloon", FIELD_BOOL, struct vm_devices, balloon), .fallback = true },
    { FIELD("autoattachSerialConsole", FIELD_BOOL, struct vm_devices, serial_console), .fallback = true },
    { FIELD("autoattachGraphicsDevice", FIELD_BOOL, struct vm_devices, graphics), .fallback = true },
    { FIELD("autoattachPodInterface", FIELD_BOOL, struct vm_devices, pod_interface), .fallback = true },
    { FIELD("inputs", FIELD_OBJECTS, struct vm_devices, inputs), .max = LIMIT_VM_DEVICES, .nested = &input_table },
    { FIELD("hostDevices", FIELD_OBJECTS, struct vm_devices, host_devices), .max = LIMIT_VM_DEVICES,
      .nested = &host_device_table },
    { FIELD("serialPorts", FIELD_OBJECTS, struct vm_devices, serial_ports), .max = 4, .nested = &serial_port_table },
    { 0 } } };

static const struct field_table domain_table = { sizeof(struct vm_domain), (const struct field[]){
    { FIELD("cpu", FIELD_OBJECT, struct vm_domain, cpu), .nested = &cpu_table },
    { FIELD("memory", FIELD_OBJECT, struct vm_domain, memory), .nested = &memory_table },
    { FIELD("resources", FIELD_OBJECT, struct vm_domain, resources), .nested = &vm_resources_table },
    { FIELD("machine", FIELD_OBJECT, struct vm_domain, machine), .nested = &machine_table },
    { FIELD("firmware", FIELD_OBJECT, struct vm_domain, firmware), .nested = &firmware_table },
    { FIELD("clock", FIELD_OBJECT, struct vm_domain, clock), .nested = &clock_table },
    { FIELD("features", FIELD_OBJECT, struct vm_domain, features), .nested = &features_table },
    { FIELD("devices", FIELD_OBJECT, struct vm_domain, devices), .required = true, .nested = &devices_table },
    { 0 } } };

/* ---- networks and volumes */

static const struct field_table multus_table = { sizeof(struct vm_multus), (const struct field[]){
    { FIELD("networkName", FIELD_TEXT, struct vm_multus, network), .required = true, .check = is_bridge,
      .expected = "name of a bridge of this device" },
    { 0 } } };

static const struct field_table network_table = { sizeof(struct vm_network), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct vm_network, name), .required = true, .check = is_net_name, .expected = NET_NAME },
    { FIELD("pod", FIELD_OBJECT, struct vm_network, pod), .nested = &nothing_table },
    { FIELD("multus", FIELD_OBJECT, struct vm_network, multus), .nested = &multus_table },
    { 0 } } };

/* ---- the machine */

const struct field_table vm_spec_table = { sizeof(struct vm_spec), (const struct field[]){
    { FIELD("domain", FIELD_OBJECT, struct vm_spec, domain), .required = true, .nested = &domain_table },
    { FIELD("networks", FIELD_OBJECTS, struct vm_spec, networks), .max = LIMIT_VM_DEVICES, .nested = &network_table },
    { FIELD("volumes", FIELD_OBJECTS, struct vm_spec, volumes), .max = LIMIT_VOLUMES, .nested = &vm_volume_table },
    { FIELD("livenessProbe", FIELD_OBJECT, struct vm_spec, liveness), .nested = &vm_probe_table, .unhashed = true },
    { FIELD("readinessProbe", FIELD_OBJECT, struct vm_spec, readiness), .nested = &vm_probe_table, .unhashed = true },
    { FIELD("terminationGracePeriodSeconds", FIELD_INTEGER, struct vm_spec, grace_seconds), .fallback = GRACE_SECONDS,
      .max = LIMIT_SECONDS, .unhashed = true },
    { FIELD("hostname", FIELD_TEXT, struct vm_spec, hostname), .check = name_is_label, .expected = "DNS label" },
    { FIELD("subdomain", FIELD_TEXT, struct vm_spec, subdomain), .check = name_is_label, .expected = "DNS label" },
    { FIELD("nodeSelector", FIELD_JSON, struct vm_spec, node_selector), .check_json = check_selector, .unhashed = true },
    { FIELD("tolerations", FIELD_JSON, struct vm_spec, tolerations), .check_json = tolerations_check, .unhashed = true },
    { 0 } } };

static const struct field_table template_table = { sizeof(struct vm_template), (const struct field[]){
    { FIELD("metadata", FIELD_JSON, struct vm_template, metadata), .check_json = check_metadata, .unhashed = true },
    { FIELD("spec", FIELD_OBJECT, struct vm_template, spec), .required = true, .nested = &vm_spec_table },
    { 0 } } };

const struct field_table vm_table = { sizeof(struct vm), (const struct field[]){
    { FIELD("running", FIELD_FLAG, struct vm, running), .fallback = POD_UNSET, .unhashed = true },
    { FIELD("runStrategy", FIELD_WORD, struct vm, strategy), .words = strategy_words, .unhashed = true },
    { FIELD("template", FIELD_OBJECT, struct vm, template), .required = true, .nested = &template_table },
    { FIELD("dataVolumeTemplates", FIELD_OBJECTS, struct vm, data_templates), .max = LIMIT_VOLUMES,
      .nested = &vm_data_template_table },
    { 0 } } };

/* A domain's devices, disks and network cards apart. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "davit/limits.h"
#include "domain_part.h"

#define ISA_SERIAL_PORTS 4 /* as a PC has them */
#define BALLOON_STATS_S "10"
#define ALIAS_BYTES (sizeof(DOMAIN_ALIAS_SERIAL) + LIMIT_LABEL_BYTES)

static bool is_wanted(const struct domain *domain, const char *key, bool usual)
{
    return json_get_boolean(domain->devices, key, usual);
}

static bool has_tablet(const struct domain *domain)
{
    return is_wanted(domain, "graphics", true) && is_wanted(domain, "tablet", false);
}

static bool has_usb(const struct domain *domain)
{
    JSON_EACH(device, json_get(domain->devices, "hostDevices")) {
        if (json_get(device, "usb") != NULL)
            return true;
    }
    return domain->usb_disks || has_tablet(domain);
}

/* None where nothing needs one: libvirt would add it unasked, and it costs an idle guest wake-ups. */
static void write_usb(struct domain *domain)
{
    const char *model = domain->q35 ? "qemu-xhci" : "piix3-uhci"; /* old guests know the latter */

    xml_leaf(domain->xml, "controller", "type", "usb", "index", "0", "model", has_usb(domain) ? model : "none", NULL);
}

static void write_console(struct domain *domain)
{
    if (!is_wanted(domain, "serialConsole", true))
        return;
    xml_open(domain->xml, "serial", "type", "unix", NULL);
    xml_leaf(domain->xml, "source", "mode", "bind", "path", domain->host->console_socket, NULL);
    xml_leaf(domain->xml, "log", "file", domain->host->console_log, "append", "on", NULL);
    xml_leaf(domain->xml, "target", "type", "isa-serial", "port", "0", NULL);
    xml_leaf(domain->xml, "alias", "name", DOMAIN_ALIAS_CONSOLE, NULL);
    xml_close(domain->xml, "serial");
}

static bool write_serial_ports(struct domain *domain, struct error *err)
{
    int64_t port = is_wanted(domain, "serialConsole", true) ? 1 : 0;

    JSON_EACH(serial, json_get(domain->devices, "serialPorts")) {
        const char *name = json_get_text(serial, "name"), *path = json_get_text(serial, "path");
        char alias[ALIAS_BYTES];

        if (!domain_is_label(name))
            return error_set(err, ERROR_INVALID, "a serial port's name must be a DNS label");
        if (path == NULL || !file_path_is_safe(path) || strncmp(path, "/dev/", 5) != 0)
            return error_set(err, ERROR_INVALID, "serial port %s: its path must be below /dev, without ..", name);
        if (port == ISA_SERIAL_PORTS)
            return error_set(err, ERROR_INVALID, "serial port %s: a machine has %d, the console among them", name,
                             ISA_SERIAL_PORTS);
        snprintf(alias, sizeof(alias), DOMAIN_ALIAS_SERIAL "%s", name);
        xml_open(domain->xml, "serial", "type", "dev", NULL);
        xml_leaf(domain->xml, "source", "path", path, NULL);
        xml_leaf(domain->xml, "target", "type", "isa-serial", "port", xml_number(port++).text, NULL);
        xml_leaf(domain->xml, "alias", "name", alias, NULL);
        xml_close(domain->xml, "serial");
    }
    return true;
}

static void write_agent(struct domain *domain)
{
    xml_open(domain->xml, "channel", "type", "unix", NULL);
    xml_leaf(domain->xml, "source", "mode", "bind", "path", domain->host->agent_socket, NULL);
    xml_leaf(domain->xml, "target", "type", "virtio", "name", "org.qemu.guest_agent.0", NULL);
    xml_leaf(domain->xml, "alias", "name", DOMAIN_ALIAS_AGENT, NULL);
    xml_close(domain->xml, "channel");
}

/* The plain card that every guest knows, from a firmware's first line on. */
static void write_graphics(struct domain *domain)
{
    if (!is_wanted(domain, "graphics", true))
        return;
    if (has_tablet(domain))
        xml_leaf(domain->xml, "input", "type", "tablet", "bus", "usb", NULL);
    xml_open(domain->xml, "graphics", "type", "vnc", NULL);
    xml_leaf(domain->xml, "listen", "type", "socket", "socket", domain->host->vnc_socket, NULL);
    xml_close(domain->xml, "graphics");
    xml_leaf(domain->xml, "audio", "id", "1", "type", "none", NULL);
    xml_open(domain->xml, "video", NULL);
    xml_leaf(domain->xml, "model", "type", "vga", NULL);
    xml_close(domain->xml, "video");
}

static bool is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdefABCDEF") >= digits;
}

static bool is_usb_id(const char *text)
{
    return text != NULL && strncmp(text, "0x", 2) == 0 && strlen(text) == 6 && is_hex(text + 2, 4);
}

static bool write_usb_device(struct domain *domain, const char *name, const struct json *usb, struct error *err)
{
    const char *vendor = json_get_text(usb, "vendor"), *product = json_get_text(usb, "product");

    if (!is_usb_id(vendor) || !is_usb_id(product))
        return error_set(err, ERROR_INVALID, "host device %s: vendor and product are four hex digits after 0x", name);
    xml_open(domain->xml, "hostdev", "mode", "subsystem", "type", "usb", "managed", "yes", NULL);
    xml_open(domain->xml, "source", NULL);
    xml_leaf(domain->xml, "vendor", "id", vendor, NULL);
    xml_leaf(domain->xml, "product", "id", product, NULL);
    xml_close(domain->xml, "source");
    return true;
}

/* "0000:03:00.0" */
static bool write_pci_device(struct domain *domain, const char *name, const char *pci, struct error *err)
{
    char domain_id[7], bus[5], slot[5], function[4];

    if (pci == NULL || strlen(pci) != 12 || !is_hex(pci, 4) || pci[4] != ':' || !is_hex(pci + 5, 2) || pci[7] != ':' ||
        !is_hex(pci + 8, 2) || pci[10] != '.' || pci[11] < '0' || pci[11] > '7')
        return error_set(err, ERROR_INVALID, "host device %s: pci must be an address as 0000:03:00.0", name);
    snprintf(domain_id, sizeof(domain_id), "0x%.4s", pci);
    snprintf(bus, sizeof(bus), "0x%.2s", pci + 5);
    snprintf(slot, sizeof(slot), "0x%.2s", pci + 8);
    snprintf(function, sizeof(function), "0x%c", pci[11]);
    xml_open(domain->xml, "hostdev", "mode", "subsystem", "type", "pci", "managed", "yes", NULL);
    xml_leaf(domain->xml, "driver", "name", "vfio", NULL);
    xml_open(domain->xml, "source", NULL);
    xml_leaf(domain->xml, "address", "domain", domain_id, "bus", bus, "slot", slot, "function", function, NULL);
    xml_close(domain->xml, "source");
    return true;
}

static bool write_host_devices(struct domain *domain, struct error *err)
{
    JSON_EACH(device, json_get(domain->devices, "hostDevices")) {
        const char *name = json_get_text(device, "name");
        const struct json *usb = json_get(device, "usb");
        char alias[ALIAS_BYTES];

        if (!domain_is_label(name))
            return error_set(err, ERROR_INVALID, "a host device's name must be a DNS label");
        if (!(usb != NULL ? write_usb_device(domain, name, usb, err)
                          : write_pci_device(domain, name, json_get_text(device, "pci"), err)))
            return false;
        snprintf(alias, sizeof(alias), DOMAIN_ALIAS_HOST_DEVICE "%s", name);
        xml_leaf(domain->xml, "alias", "name", alias, NULL);
        xml_close(domain->xml, "hostdev");
    }
    return true;
}

static bool write_watchdog(struct domain *domain, struct error *err)
{
    static const char *const actions[] = {"reset", "poweroff", "shutdown", NULL};
    const struct json *watchdog = json_get(domain->devices, "watchdog");
    int action = domain_word(json_get_text(watchdog, "action"), actions);

    if (watchdog == NULL || json_type(watchdog) == JSON_NULL)
        return true;
    if (action < 0)
        return error_set(err, ERROR_INVALID, "the watchdog's action is none of reset, poweroff and shutdown");
    xml_leaf(domain->xml, "watchdog", "model", "i6300esb", "action", actions[action], NULL);
    return true;
}

static void write_balloon(struct domain *domain)
{
    if (!is_wanted(domain, "balloon", true)) {
        xml_leaf(domain->xml, "memballoon", "model", "none", NULL);
        return;
    }
    xml_open(domain->xml, "memballoon", "model", "virtio", NULL);
    xml_leaf(domain->xml, "stats", "period", BALLOON_STATS_S, NULL);
    xml_close(domain->xml, "memballoon");
}

static void write_rng(struct domain *domain)
{
    if (!is_wanted(domain, "rng", false))
        return;
    xml_open(domain->xml, "rng", "model", "virtio", NULL);
    xml_text(domain->xml, "backend", "/dev/urandom", "model", "random", NULL);
    xml_close(domain->xml, "rng");
}

bool domain_write_devices(struct domain *domain, struct error *err)
{
    write_usb(domain);
    write_console(domain);
    if (!write_serial_ports(domain, err))
        return false;
    write_agent(domain);
    write_graphics(domain);
    if (!write_host_devices(domain, err) || !write_watchdog(domain, err))
        return false;
    write_balloon(domain);
    write_rng(domain);
    xml_leaf(domain->xml, "panic", "model", "isa", NULL);
    return true;
}

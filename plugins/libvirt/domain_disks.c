/* A domain's disks, and the controllers that they hang on. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "davit/limits.h"
#include "domain_part.h"

#define LETTERS 26
#define IDE_DISKS 4
#define SATA_PORTS 6
#define TARGET_BYTES 8
#define SERIAL_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+- " /* libvirt's */

enum bus { BUS_VIRTIO, BUS_SATA, BUS_SCSI, BUS_USB, BUS_IDE, BUSES };
static const char *const bus_words[] = {"virtio", "sata", "scsi", "usb", "ide", NULL};

enum kind { KIND_DISK, KIND_CDROM, KIND_LUN };
static const char *const kind_words[] = {"disk", "cdrom", "lun", NULL};

/* How many there are by now: of each bus, and of each prefix that the buses' names share. */
struct disk_counts {
    unsigned bus[BUSES];
    unsigned vd, sd, hd;
};

struct wanted_disk {
    const char *name, *cache, *serial;
    const struct disk *disk;
    enum kind kind;
    enum bus bus;
    bool read_only;
    int64_t boot_order;
};

/* "vda" … "vdz", "vdaa" … */
static void name_target(struct disk_counts *counts, enum bus bus, char out[TARGET_BYTES])
{
    unsigned *count = bus == BUS_VIRTIO ? &counts->vd : bus == BUS_IDE ? &counts->hd : &counts->sd;
    const char *prefix = bus == BUS_VIRTIO ? "vd" : bus == BUS_IDE ? "hd" : "sd";
    unsigned index = (*count)++;

    if (index < LETTERS)
        snprintf(out, TARGET_BYTES, "%s%c", prefix, 'a' + (int)index);
    else
        snprintf(out, TARGET_BYTES, "%s%c%c", prefix, 'a' + (int)(index / LETTERS - 1) % LETTERS,
                 'a' + (int)(index % LETTERS));
}

/* Said where the name would not say it: the prefix sd is of three buses. */
static void write_address(struct domain *domain, enum bus bus, unsigned index)
{
    if (bus == BUS_SCSI)
        xml_leaf(domain->xml, "address", "type", "drive", "controller", "0", "bus", "0", "target", "0", "unit",
                 xml_number(index).text, NULL);
    else if (bus == BUS_SATA)
        xml_leaf(domain->xml, "address", "type", "drive", "controller", xml_number(index / SATA_PORTS).text, "bus", "0",
                 "target", "0", "unit", xml_number(index % SATA_PORTS).text, NULL);
    else if (bus == BUS_IDE)
        xml_leaf(domain->xml, "address", "type", "drive", "controller", "0", "bus", xml_number(index / 2).text, "target",
                 "0", "unit", xml_number(index % 2).text, NULL);
}

/* The whole chain is said, to its end: nothing that lies in a file is believed. */
static void write_source(struct domain *domain, const struct disk *disk)
{
    xml_leaf(domain->xml, "source", "file", disk->path, NULL);
    if (disk->base == NULL) {
        xml_leaf(domain->xml, "backingStore", NULL);
        return;
    }
    xml_open(domain->xml, "backingStore", "type", "file", NULL);
    xml_leaf(domain->xml, "format", "type", disk->base_format, NULL);
    xml_leaf(domain->xml, "source", "file", disk->base, NULL);
    xml_leaf(domain->xml, "backingStore", NULL);
    xml_close(domain->xml, "backingStore");
}

static void write_disk(struct domain *domain, const struct wanted_disk *wanted, struct disk_counts *counts)
{
    bool cdrom = wanted->kind == KIND_CDROM;
    char target[TARGET_BYTES], alias[sizeof(DOMAIN_ALIAS_DISK) + LIMIT_LABEL_BYTES];

    name_target(counts, wanted->bus, target);
    snprintf(alias, sizeof(alias), DOMAIN_ALIAS_DISK "%s", wanted->name);
    /* A `lun` is a disk here: a file has no commands to pass through. */
    xml_open(domain->xml, "disk", "type", "file", "device", cdrom ? "cdrom" : "disk", NULL);
    xml_leaf(domain->xml, "driver", "name", "qemu", "type", wanted->disk->format, "cache", wanted->cache, "error_policy",
             "stop", "discard", cdrom || wanted->read_only ? NULL : "unmap", NULL);
    write_source(domain, wanted->disk);
    xml_leaf(domain->xml, "target", "dev", target, "bus", bus_words[wanted->bus], NULL);
    if (wanted->read_only || cdrom)
        xml_leaf(domain->xml, "readonly", NULL);
    if (wanted->boot_order > 0)
        xml_leaf(domain->xml, "boot", "order", xml_number(wanted->boot_order).text, NULL);
    if (wanted->serial != NULL)
        xml_text(domain->xml, "serial", wanted->serial, NULL);
    xml_leaf(domain->xml, "alias", "name", alias, NULL);
    write_address(domain, wanted->bus, counts->bus[wanted->bus]++);
    xml_close(domain->xml, "disk");
}

static bool check_bus(const struct domain *domain, const struct wanted_disk *wanted, const struct disk_counts *counts,
                      struct error *err)
{
    if (wanted->bus == BUS_IDE && domain->q35)
        return error_set(err, ERROR_INVALID, "disk %s: the bus ide needs the machine pc", wanted->name);
    if (wanted->bus == BUS_IDE && counts->bus[BUS_IDE] == IDE_DISKS)
        return error_set(err, ERROR_INVALID, "disk %s: the bus ide has room for %d", wanted->name, IDE_DISKS);
    if (wanted->kind == KIND_CDROM && wanted->bus == BUS_VIRTIO)
        return error_set(err, ERROR_INVALID, "disk %s: a cdrom needs the bus sata, scsi, usb or ide", wanted->name);
    if (wanted->kind == KIND_LUN && wanted->bus != BUS_SCSI && wanted->bus != BUS_SATA)
        return error_set(err, ERROR_INVALID, "disk %s: a lun needs the bus scsi or sata", wanted->name);
    return wanted->kind == KIND_CDROM || (wanted->bus != BUS_IDE && wanted->bus != BUS_SATA) || !wanted->read_only ||
           error_set(err, ERROR_INVALID, "disk %s is read-only, and the bus %s knows that of cdroms only", wanted->name,
                     bus_words[wanted->bus]);
}

/* KubeVirt: what every guest has a driver for; its only machine is q35. Neither bus knows read-only disks. */
static enum bus usual_bus(const struct domain *domain, const struct wanted_disk *wanted)
{
    if (wanted->kind != KIND_CDROM && wanted->read_only)
        return BUS_VIRTIO;
    return domain->q35 ? BUS_SATA : BUS_IDE;
}

static const struct json *find_named(const struct domain *domain, const char *volume)
{
    JSON_EACH(disk, json_get(domain->devices, "disks")) {
        const char *name = json_get_text(disk, "name");

        if (name != NULL && strcmp(name, volume) == 0)
            return disk;
    }
    return NULL;
}

static bool read_disk(struct domain *domain, const struct json *from, const struct disk_counts *counts,
                      struct wanted_disk *out, struct error *err)
{
    static const char *const caches[] = {"none", "writethrough", "writeback", NULL};
    const char *bus_text = json_get_text(from, "bus");
    int kind = domain_word(json_get_text(from, "kind"), kind_words);
    int bus = domain_word(bus_text, bus_words);

    *out = (struct wanted_disk){.name = json_get_text(from, "name"), .cache = json_get_text(from, "cache"),
                                .serial = json_get_text(from, "serial")};
    if (!domain_is_label(out->name))
        return error_set(err, ERROR_INVALID, "a disk's name must be a DNS label");
    if (find_named(domain, out->name) != from)
        return error_set(err, ERROR_INVALID, "disk %s is there twice", out->name);
    out->disk = disk_find(domain->disks, out->name);
    if (out->disk == NULL)
        return error_set(err, ERROR_INVALID, "disk %s has no volume", out->name);
    if (kind < 0 || bus < 0)
        return error_set(err, ERROR_INVALID, "disk %s is of an unknown %s", out->name, kind < 0 ? "kind" : "bus");
    if (out->serial != NULL && (out->serial[0] == '\0' || out->serial[strspn(out->serial, SERIAL_CHARS)] != '\0'))
        return error_set(err, ERROR_INVALID, "disk %s: a serial is of letters, digits, spaces and _.+-", out->name);
    if (domain_word(out->cache, caches) < 0)
        return error_set(err, ERROR_INVALID, "disk %s: cache %s is none of none, writethrough and writeback", out->name,
                         out->cache);
    out->kind = (enum kind)kind;
    out->read_only = out->disk->read_only || json_get_boolean(from, "readonly", false);
    out->bus = bus_text != NULL ? (enum bus)bus : usual_bus(domain, out);
    return check_bus(domain, out, counts, err) && domain_boot_order(domain, from, &out->boot_order, err);
}

/* libvirt would make controllers of its own choice: the one for SCSI is a card of 1997. */
static void write_controllers(struct domain *domain, const struct disk_counts *counts)
{
    if (counts->bus[BUS_SCSI] > 0)
        xml_leaf(domain->xml, "controller", "type", "scsi", "index", "0", "model", "virtio-scsi", NULL);
    for (unsigned i = 0; i * SATA_PORTS < counts->bus[BUS_SATA]; i++)
        xml_leaf(domain->xml, "controller", "type", "sata", "index", xml_number(i).text, NULL);
    domain->usb_disks = counts->bus[BUS_USB] > 0;
}

bool domain_write_disks(struct domain *domain, struct error *err)
{
    struct disk_counts counts = {0};
    struct wanted_disk wanted;

    if (json_size(json_get(domain->devices, "disks")) > LIMIT_VOLUMES)
        return error_set(err, ERROR_INVALID, "a machine can have %d disks", LIMIT_VOLUMES);
    JSON_EACH(disk, json_get(domain->devices, "disks")) {
        if (!read_disk(domain, disk, &counts, &wanted, err))
            return false;
        write_disk(domain, &wanted, &counts);
    }
    /* KubeVirt: a volume that no disk names is a disk of which nothing is said. */
    for (size_t i = 0; i < domain->disks->count; i++) {
        const struct disk *disk = &domain->disks->disks[i];

        if (find_named(domain, disk->volume) != NULL)
            continue;
        wanted = (struct wanted_disk){.name = disk->volume, .disk = disk, .read_only = disk->read_only};
        wanted.bus = usual_bus(domain, &wanted);
        if (!check_bus(domain, &wanted, &counts, err))
            return false;
        write_disk(domain, &wanted, &counts);
    }
    write_controllers(domain, &counts);
    return true;
}

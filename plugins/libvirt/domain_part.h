/* Within domain_*.c: what the parts of one domain share. A part that cannot be written returns false with *err. */
#ifndef VMS_DOMAIN_PART_H
#define VMS_DOMAIN_PART_H

#include "domain.h"
#include "domain_xml.h"

struct domain {
    const struct json *document, *wanted, *devices; /* wanted: vm.domain; devices: its own */
    const char *object;                             /* "default/virtualmachines/hmi" */
    const struct domain_host *host;
    const struct disk_list *disks;
    struct xml *xml;
    bool q35;  /* else pc */
    bool efi, secure;
    bool usb_disks;       /* set by domain_write_disks */
    uint64_t boot_orders; /* a bit for each that is taken */
};

/* By index in the strings of `words`, which end with NULL; `text` NULL: the first. -1: none of them. */
int domain_word(const char *text, const char *const *words);
bool domain_is_label(const char *text); /* usable in an alias */
bool domain_is_net_name(const char *text); /* the same, of an interface */
/* Of a disk or an interface: 0 for none. Each is there once. */
MUST_CHECK bool domain_boot_order(struct domain *domain, const struct json *device, int64_t *order, struct error *err);

MUST_CHECK bool domain_write_machine(struct domain *domain, struct error *err);
MUST_CHECK bool domain_write_disks(struct domain *domain, struct error *err);
MUST_CHECK bool domain_write_interfaces(struct domain *domain, struct error *err);
MUST_CHECK bool domain_write_devices(struct domain *domain, struct error *err);

/* 32 hex digits of what tells this device's VM, and `what` of it, from all others: the same whenever it is asked. */
struct domain_digits {
    char text[33];
};
struct domain_digits domain_digits(const struct domain *domain, const char *what);

#endif

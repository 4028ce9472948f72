/* A virtual machine's domain XML, from the document of create and the disks that are ready. Pure: the same in gives the
 * same out. Formats are named and never probed, text is escaped, and what XML cannot hold is refused.
 */
#ifndef VMS_DOMAIN_H
#define VMS_DOMAIN_H

#include <stdbool.h>

#include "base/json.h"
#include "disk.h"

#define DOMAIN_NAME_BYTES sizeof("davit-0123456789ab")
#define DOMAIN_NAMESPACE "https://davit.dev/libvirt/1" /* of the element `davit:instance` in the metadata */
/* Aliases that the plugin finds devices by: a name cannot hold the `_`, so none meets another. */
#define DOMAIN_ALIAS_DISK "ua-"             /* and the disk's name */
#define DOMAIN_ALIAS_NET "ua-net_"          /* and the interface's name */
#define DOMAIN_ALIAS_HOST_DEVICE "ua-dev_"  /* and its name */
#define DOMAIN_ALIAS_SERIAL "ua-serial_"    /* and the host port's name */
#define DOMAIN_ALIAS_CONSOLE "ua-_console"
#define DOMAIN_ALIAS_AGENT "ua-_agent"

/* What the machine can, and where this attempt's sockets and files are. Paths are absolute. */
struct domain_host {
    const char *node;          /* this device's name: where nobody says a UUID or a MAC, one is made of it; NULL: "" */
    bool kvm;                  /* false: it is emulated, type='qemu' */
    const char *emulator;      /* NULL: libvirt's choice */
    const char *console_socket, *console_log; /* of the first serial port; libvirt or QEMU makes both */
    const char *vnc_socket;
    const char *agent_socket;  /* of the guest agent's channel */
    const char *nvram;         /* of an EFI guest; made from the template where it is absent, kept otherwise */
    const char *loader, *loader_vars;               /* OVMF and its template; NULL: not on this device */
    const char *secure_loader, *secure_loader_vars; /* the same with secure boot and SMM */
};

/* The domain of a workload; false: no uid of 12 hex digits and more. */
MUST_CHECK bool domain_name(const char *uid, char out[DOMAIN_NAME_BYTES], struct error *err);
/* `document` is create's whole one. ERROR_INVALID: only another document helps; ERROR_UNSUPPORTED: this device cannot
 * (no OVMF). NULL on error; the caller frees.
 */
char *domain_write(const struct json *document, const struct domain_host *host, const struct disk_list *disks,
                   struct error *err) MUST_CHECK;

#endif

/* Snapshots inside qcow2 files. A disk that a running QEMU has open is changed by that QEMU alone. */
#ifndef VMS_SNAPSHOT_DISKS_H
#define VMS_SNAPSHOT_DISKS_H

#include "vms.h"

struct snapshot_disks {
    char *paths[LIMIT_VOLUMES];
    size_t count;
};

/* The qcow2 files in a folder. An absent folder has none. */
void snapshot_disks_find(const char *folder, struct snapshot_disks *out);
void snapshot_disks_free(struct snapshot_disks *disks);
/* Adds what a file holds to [{"name","createdMs"}], each name once. It only reads, and may be open elsewhere. */
MUST_CHECK bool snapshot_disks_list(const char *path, struct json *list, int cancel_fd, struct error *err);
bool snapshot_disks_has(const struct json *list, const char *name);
/* By qemu-img, of files that nobody has open: "-c" makes one, "-d" removes it, "-a" goes back to it. */
MUST_CHECK bool snapshot_disks_change(const char *path, const char *option, const char *name, int cancel_fd, struct error *err);
/* By the QEMU that runs, of all disks in one transaction. */
MUST_CHECK bool snapshot_disks_take_live(virDomainPtr domain, const struct snapshot_disks *disks, const char *name, struct error *err);
MUST_CHECK bool snapshot_disks_delete_live(virDomainPtr domain, const struct snapshot_disks *disks, const char *name, struct error *err);

#endif

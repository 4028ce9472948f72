/* A virtual machine's disks: made, found, checked, forgotten. What an image brings is hostile, and what a guest wrote
 * is too: a format is looked at only in what no guest can write, and named ever after.
 *
 * state_dir/disks/NAMESPACE.NAME/ holds VOLUME.qcow2 (over a base in the image store, or empty) and VOLUME.base (the
 * base's image id): they outlive attempts, documents and reboots. run_dir holds VOLUME.iso. VOLUME.raw, in one of both,
 * is a claim's or the host's file under a name that no workload can change: a link, or a mount.
 */
#ifndef VMS_DISK_H
#define VMS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "davit/limits.h"

/* Paths are absolute. */
struct disk_place {
    const char *state_dir; /* the plugin's stateDir */
    const char *run_dir;   /* runDir/vms/ID: this attempt's own, made when absent */
    const char *qemu_img;  /* /usr/bin/qemu-img */
    const char *unpack;    /* LIBEXEC/davit-unpack */
    int cancel_fd;         /* readable: the call's time is over, and programs that run for it are ended; -1: none */
};

struct disk {
    char *volume;            /* its name in the document */
    char *path;
    const char *format;      /* "qcow2", "raw" */
    char *base;              /* NULL: it stands alone */
    const char *base_format; /* of base */
    bool read_only;          /* whatever the document's disk says */
};

struct disk_list {
    struct disk disks[LIMIT_VOLUMES];
    size_t count;
    char *kernel, *initrd; /* of kernelBoot; NULL: none */
};

/* All volumes and the kernelBoot of create's document. Doing it again finds the same. False: *reason is Kubernetes' word
 * for it (InvalidImage, InsufficientDisk, FailedMount), static; with ERROR_INVALID only another document or image helps.
 * What is in *out is freed by disk_list_free, after an error too.
 */
MUST_CHECK bool disk_prepare(const struct disk_place *place, const struct json *document, struct disk_list *out,
                             const char **reason, struct error *err);
void disk_list_free(struct disk_list *list);
const struct disk *disk_find(const struct disk_list *list, const char *volume); /* NULL: no such */
/* Takes away what disk_prepare mounted in run_dir. Before run_dir is removed. Nothing there: true. */
MUST_CHECK bool disk_leave(const struct disk_place *place, struct error *err);
/* The folder of a VM's own disks, for snapshots. `object` as the document has it: "default/virtualmachines/hmi". NULL: it
 * is no such name. The caller frees.
 */
char *disk_folder(const struct disk_place *place, const char *object, struct error *err) MUST_CHECK;
/* The object itself is gone: its disks go. Claims' and the host's files stay. Nothing there: true. */
MUST_CHECK bool disk_forget(const struct disk_place *place, const char *object, struct error *err);

#endif

/* Within disk_*.c: one disk_prepare under way, and its parts. False with *err; the reason is FailedMount unless `reason`
 * says otherwise.
 */
#ifndef VMS_DISK_PART_H
#define VMS_DISK_PART_H

#include "disk.h"
#include "qcow2.h"

struct disk_job {
    const struct disk_place *place;
    const struct json *document;
    char *folder;       /* of the VM's own disks */
    const char *reason; /* NULL: the usual one */
};

/* A file that an image brings, looked at and not named by any link. */
struct disk_file {
    char *path;
    int fd;
};

/* The one of `layers` (lowest first) that a container of them would see at `path` (NULL: the only file below /disk). The
 * caller closes and frees, after an error too.
 */
MUST_CHECK bool disk_file_find(struct disk_job *job, const struct json *layers, const char *path, struct disk_file *out,
                               struct error *err);
void disk_file_close(struct disk_file *file);

/* Runs a program of disk_place: its standard input from `in_fd`, -1 for none. The message holds what it said. */
MUST_CHECK bool disk_run(const struct disk_place *place, const char *const *argv, int in_fd, struct error *err);
/* Room on the disk of `path`, which is there, for what is promised to be there. */
MUST_CHECK bool disk_check_room(const char *path, uint64_t bytes, struct error *err);

/* One volume each; `disk` has its name. */
MUST_CHECK bool disk_prepare_image(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err);
MUST_CHECK bool disk_prepare_empty(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err);
MUST_CHECK bool disk_prepare_claim(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err);
MUST_CHECK bool disk_prepare_host(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err);
MUST_CHECK bool disk_prepare_cloud_init(struct disk_job *job, const struct json *volume, struct disk *disk,
                                        struct error *err);
MUST_CHECK bool disk_prepare_files(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err);

/* Removes the links that earlier attempts had to files of claims and of the host. */
MUST_CHECK bool disk_drop_links(const struct disk_job *job, struct error *err);

#endif

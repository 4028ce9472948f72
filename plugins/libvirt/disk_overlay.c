/* Disks in qcow2, which are the VM's own: over an image's disk, or empty. They stay until the VM itself goes. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "disk_part.h"

#define SECTOR_BYTES 512
#define ID_BYTES 256
#define PART ".part" /* what a killed host may leave; the next one writes over it */
#define OWN_MODE 0600

static const char *id_of(const struct json *volume)
{
    const char *id = json_get_text(json_get(volume, "image"), "id");

    return id != NULL && strncmp(id, "sha256:", 7) == 0 && strlen(id) == 7 + 64 &&
                   strspn(id + 7, "0123456789abcdef") == 64
               ? id
               : NULL;
}

static bool read_size(const struct json *from, uint64_t *bytes, struct error *err)
{
    int64_t wanted = json_get_integer(from, "capacityBytes", 0);

    *bytes = ((uint64_t)(wanted > 0 ? wanted : 0) + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
    return (wanted >= 0 && wanted <= LIMIT_VM_DISK_BYTES) ||
           error_set(err, ERROR_INVALID, "capacityBytes must be from 0 to %lld", (long long)LIMIT_VM_DISK_BYTES);
}

/* Whole, or not there. `base` NULL: none. The size is said, and the base not opened (-u): what a stranger has written is
 * read by the QEMU that runs the guest, which has no rights, and not by this program, which has all of them.
 */
static bool make_overlay(const struct disk_job *job, const struct disk *disk, uint64_t bytes, struct error *err)
{
    AUTO_FREE char *part = mem_printf("%s" PART, disk->path);
    char size[24];
    const char *over[] = {job->place->qemu_img, "create", "-q", "-u", "-f", "qcow2", "-F", disk->base_format, "-b",
                          disk->base, part, size, NULL};
    const char *alone[] = {job->place->qemu_img, "create", "-q", "-f", "qcow2", part, size, NULL};

    snprintf(size, sizeof(size), "%" PRIu64, bytes);
    if (unlink(part) != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove %s", part);
    if (!disk_run(job->place, disk->base != NULL ? over : alone, -1, err))
        return false;
    AUTO_CLOSE int fd = open(part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    /* On the disk before it has its name: after a power cut it would be there, and empty. */
    return (fd >= 0 && fchmod(fd, OWN_MODE) == 0 && fsync(fd) == 0 && rename(part, disk->path) == 0) ||
           error_set_errno(err, errno, "cannot put %s in its place", disk->path);
}

/* A name by which QEMU opens the overlay alone, for the same reason. The caller frees. */
static char *name_alone(const char *path)
{
    AUTO_JSON struct json *node = json_new_texts("driver", "qcow2", NULL);

    json_set(node, "file", json_new_texts("driver", "file", "filename", path, NULL));
    json_set(node, "backing", json_new_null());
    AUTO_FREE char *text = json_print(node);
    return mem_printf("json:%s", text);
}

/* Of what is there: as large as wanted, and on the base as it lies today. */
static bool fit_overlay(const struct disk_job *job, const struct disk *disk, uint64_t bytes, struct error *err)
{
    AUTO_CLOSE int fd = open(disk->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO_FREE char *alone = name_alone(disk->path);
    char backing[QCOW2_BACKING_BYTES], size[24];
    const char *resize[] = {job->place->qemu_img, "resize", "-q", alone, size, NULL};
    const char *rebase[] = {job->place->qemu_img, "rebase", "-q", "-u", "-f", "qcow2", "-F", disk->base_format, "-b",
                            disk->base, disk->path, NULL};
    uint64_t is;

    if (fd < 0)
        return error_set_errno(err, errno, "cannot open %s", disk->path);
    if (!qcow2_read_own(fd, &is, backing, err))
        return error_wrap(err, "%s", disk->path);
    if (bytes != 0 && bytes < is)
        return error_set(err, ERROR_INVALID, "it has %" PRIu64 " bytes, and a disk cannot shrink to %" PRIu64, is, bytes);
    if (disk->base != NULL && strcmp(backing, disk->base) != 0 && !disk_run(job->place, rebase, -1, err))
        return false;
    snprintf(size, sizeof(size), "%" PRIu64, bytes);
    return bytes <= is || disk_run(job->place, resize, -1, err);
}

static bool has_base(const char *path, const char *id)
{
    AUTO_FREE char *is = NULL;
    struct error ignored;
    size_t len;

    return file_read_regular(path, ID_BYTES, &is, &len, &ignored) && strlen(id) == strcspn(is, "\n") &&
           strncmp(is, id, strlen(id)) == 0;
}

/* Another image, or none yet: what the guest wrote over the old one goes with it. The id goes first and comes last. */
static bool replace_overlay(const struct disk_job *job, const struct disk *disk, const char *id_path, const char *id,
                            uint64_t bytes, struct error *err)
{
    if (unlink(id_path) != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove %s", id_path);
    return make_overlay(job, disk, bytes, err) &&
           file_write_atomic(id_path, id, strlen(id), OWN_MODE, true, err);
}

bool disk_prepare_image(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err)
{
    AUTO_FREE char *id_path = mem_printf("%s/%s.base", job->folder, disk->volume);
    struct disk_file file = {.fd = -1};
    struct qcow2 base;
    const char *id = id_of(volume);
    uint64_t bytes;

    if (id == NULL)
        return error_set(err, ERROR_NOT_FOUND, "its image is not on this device");
    if (!read_size(volume, &bytes, err))
        return false;
    bool found = disk_file_find(job, json_get(json_get(volume, "image"), "layers"), json_get_text(volume, "path"), &file,
                                err);
    bool fine = found && qcow2_inspect(file.fd, &base, err);
    if (found && !fine) {
        job->reason = "InvalidImage";
        error_wrap(err, "the image's disk %s", strrchr(file.path, '/') + 1);
    }
    disk->base = mem_steal(&file.path);
    disk_file_close(&file);
    if (!fine)
        return false;
    if (strlen(disk->base) >= QCOW2_BACKING_BYTES)
        return error_set(err, ERROR_INVALID, "the path of its image's disk is longer than %d bytes", QCOW2_BACKING_BYTES);
    disk->path = mem_printf("%s/%s.qcow2", job->folder, disk->volume);
    disk->format = "qcow2";
    disk->base_format = base.format;
    base.virtual_bytes = (base.virtual_bytes + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
    if (bytes != 0 && bytes < base.virtual_bytes)
        return error_set(err, ERROR_INVALID, "its image's disk has %" PRIu64 " bytes, more than the %" PRIu64 " asked for",
                         base.virtual_bytes, bytes);
    if (access(disk->path, F_OK) == 0 && has_base(id_path, id))
        return fit_overlay(job, disk, bytes, err);
    return replace_overlay(job, disk, id_path, id, bytes != 0 ? bytes : base.virtual_bytes, err);
}

bool disk_prepare_empty(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err)
{
    AUTO_FREE char *id_path = mem_printf("%s/%s.base", job->folder, disk->volume);
    uint64_t bytes;

    if (!read_size(json_get(volume, "emptyDisk"), &bytes, err))
        return false;
    if (bytes == 0)
        return error_set(err, ERROR_INVALID, "emptyDisk has no capacity");
    disk->path = mem_printf("%s/%s.qcow2", job->folder, disk->volume);
    disk->format = "qcow2";
    /* The volume of that name was an image's before: another disk. */
    if (access(id_path, F_OK) == 0 && ((unlink(disk->path) != 0 && errno != ENOENT) || unlink(id_path) != 0))
        return error_set_errno(err, errno, "cannot remove %s", disk->path);
    return access(disk->path, F_OK) == 0 ? fit_overlay(job, disk, bytes, err) : make_overlay(job, disk, bytes, err);
}

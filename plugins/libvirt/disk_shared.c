/* Disks in files that others can reach: a claim's, which pods have too, and the host's. They are raw, whatever stands in
 * them: a guest that could write another format's header would name a file of this host with it. QEMU gets what was looked
 * at under a name that none of the others can change.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/host_path.h"
#include "base/memory.h"
#include "disk_part.h"

#define CLAIM_FILE "disk.img" /* KubeVirt's name for it */
#define CLAIM_FOLDER_MODE 0700
#define CLAIM_SHARED_MODE 0777 /* as pods have it */
#define FILE_MODE 0600
#define LINKED ".raw"

static bool bind_file(const struct disk_job *job, struct disk *disk, const char *held, struct error *err)
{
    disk->path = mem_printf("%s/%s" LINKED, job->place->run_dir, disk->volume);
    AUTO_CLOSE int made = open(disk->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

    if (made < 0)
        return error_set_errno(err, errno, "cannot make %s", disk->path);
    return mount(held, disk->path, NULL, MS_BIND, NULL) == 0 || error_set_errno(err, errno, "cannot mount %s", disk->path);
}

/* A link where the filesystem is the same, else a mount. */
static bool hold_file(const struct disk_job *job, int fd, struct disk *disk, struct error *err)
{
    AUTO_FREE char *held = mem_printf("/proc/self/fd/%d", fd);

    disk->format = "raw";
    disk->path = mem_printf("%s/%s" LINKED, job->folder, disk->volume);
    if (linkat(AT_FDCWD, held, AT_FDCWD, disk->path, AT_SYMLINK_FOLLOW) == 0)
        return true;
    if (errno != EXDEV && errno != EPERM && errno != EMLINK)
        return error_set_errno(err, errno, "cannot link %s", disk->path);
    free(mem_steal(&disk->path));
    return bind_file(job, disk, held, err);
}

/* The names of `folder` that hold_file made. */
static bool drop_held(const char *folder, struct error *err)
{
    DIR *list = opendir(folder);
    struct dirent *entry;
    bool good = list != NULL || errno == ENOENT || error_set_errno(err, errno, "cannot read %s", folder);

    while (good && list != NULL && (entry = readdir(list)) != NULL) {
        size_t len = strlen(entry->d_name), end = strlen(LINKED);
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);

        if (len <= end || strcmp(entry->d_name + len - end, LINKED) != 0)
            continue;
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
            ;
        good = unlink(path) == 0 || error_set_errno(err, errno, "cannot remove %s", path);
    }
    if (list != NULL)
        closedir(list);
    return good;
}

bool disk_leave(const struct disk_place *place, struct error *err)
{
    return drop_held(place->run_dir, err);
}

bool disk_drop_links(const struct disk_job *job, struct error *err)
{
    return drop_held(job->folder, err) && drop_held(job->place->run_dir, err);
}

/* Longer, never shorter, and its room is looked at the first time only: later it was promised already. */
static bool grow(int fd, const char *path, int64_t bytes, struct error *err)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return error_set_errno(err, errno, "cannot look at %s", path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, ERROR_CONFLICT, "%s is no regular file", path);
    if (bytes > LIMIT_VM_DISK_BYTES)
        return error_set(err, ERROR_INVALID, "a disk can have %lld bytes", (long long)LIMIT_VM_DISK_BYTES);
    if (bytes <= info.st_size)
        return info.st_size > 0 || error_set(err, ERROR_CONFLICT, "%s is empty, and nobody says how large it is to be", path);
    if (info.st_size == 0) {
        AUTO_FREE char *held = mem_printf("/proc/self/fd/%d", fd);

        if (!disk_check_room(held, (uint64_t)bytes, err))
            return false;
    }
    return ftruncate(fd, bytes) == 0 || error_set_errno(err, errno, "cannot make %s larger", path);
}

static int open_claim_file(const char *path, bool read_only, struct error *err)
{
    AUTO_CLOSE int folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct open_how how = {.flags = (read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                           .mode = read_only ? 0 : FILE_MODE, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

    if (folder < 0) {
        error_set_errno(err, errno, "cannot open the claim's folder %s", path);
        return -1;
    }
    int fd = (int)syscall(SYS_openat2, folder, CLAIM_FILE, &how, sizeof(how));
    if (fd < 0)
        error_set_errno(err, errno, "cannot open %s/" CLAIM_FILE, path);
    return fd;
}

bool disk_prepare_claim(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err)
{
    const struct json *claim = json_get(volume, "claim");
    const char *path = json_get_text(claim, "path");

    if (path == NULL || !file_path_is_safe(path))
        return error_set(err, ERROR_INVALID, "claim.path must be an absolute path without ..");
    disk->read_only = json_get_boolean(claim, "readOnly", false);
    if (access(path, F_OK) != 0) {
        if (!file_make_dirs(path, CLAIM_FOLDER_MODE, err))
            return error_wrap(err, "the claim's folder");
        if (chmod(path, CLAIM_SHARED_MODE) != 0)
            return error_set_errno(err, errno, "cannot set the mode of the claim's folder %s", path);
    }
    AUTO_CLOSE int fd = open_claim_file(path, disk->read_only, err);
    return fd >= 0 && grow(fd, CLAIM_FILE, disk->read_only ? 0 : json_get_integer(claim, "sizeBytes", 0), err) &&
           hold_file(job, fd, disk, err);
}

bool disk_prepare_host(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err)
{
    const struct json *from = json_get(volume, "hostDisk");
    const char *type = json_get_text(from, "type");
    bool may_make = type != NULL && strcmp(type, "DiskOrCreate") == 0;
    struct host_path host = {.what = "hostDisk", .path = json_get_text(from, "path"), .within = json_get(from, "within"),
                             .without = json_get(from, "without"), .make = may_make ? host_path_make_file : NULL,
                             .must_be = S_IFREG, .word = "a file"};
    int looked_at;

    if (!may_make && (type == NULL || strcmp(type, "Disk") != 0))
        return error_set(err, ERROR_INVALID, "hostDisk.type is neither Disk nor DiskOrCreate");
    if (!host_path_open(&host, &looked_at, err))
        return false;
    AUTO_FREE char *held = mem_printf("/proc/self/fd/%d", looked_at);
    AUTO_CLOSE int fd = open(held, O_RDWR | O_CLOEXEC);
    struct stat info = {0};
    close(looked_at);
    if (fd < 0 || fstat(fd, &info) != 0)
        return error_set_errno(err, errno, "cannot open %s", host.path);
    /* What is there already has its own size. */
    bool empty = may_make && info.st_size == 0;
    return grow(fd, host.path, empty ? json_get_integer(from, "capacityBytes", 0) : 0, err) && hold_file(job, fd, disk, err);
}

/* rm -r for trees that a hostile image made: their depth is not ours, so nothing recurses. A folder that is not empty
 * is moved up beside the root's own entries, and its turn comes there; two descriptors do for any depth.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

struct removal {
    const char *path;
    int root;
    unsigned long moved;
    struct error *err;
};

/* A bind mount of the same file system has the same device, so the kernel is asked (Linux 5.8). */
static bool is_mount(int fd)
{
    struct statx found;

    return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &found) != 0 ||
           (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int folder_open(struct removal *removal, const char *name)
{
    int fd = openat(removal->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        error_set_errno(removal->err, errno, "opening the folder %s below %s", name, removal->path);
    return fd;
}

/* Gives a folder that is not empty a new place in the root. */
static bool dir_lift(struct removal *removal, int at, const char *name)
{
    char place[64];

    do {
        snprintf(place, sizeof(place), ".removed-%lu", removal->moved++);
        if (renameat2(at, name, removal->root, place, RENAME_NOREPLACE) == 0)
            return true;
    } while (errno == EEXIST);
    return error_set_errno(removal->err, errno, "moving the folder %s below %s to remove it", name, removal->path);
}

/* A mount is safe here: the kernel refuses to remove or to move the folder below it, full or not (EBUSY). */
static bool entry_remove(struct removal *removal, int at, const char *name, bool lift)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return error_set_errno(removal->err, errno, "removing %s below %s", name, removal->path);
    if (unlinkat(at, name, AT_REMOVEDIR) == 0)
        return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return error_set_errno(removal->err, errno, "removing %s below %s", name, removal->path);
    if (!lift)
        return true; /* the root's own folders are emptied in their turn */
    return dir_lift(removal, at, name);
}

static bool entries_remove(struct removal *removal, int fd, bool lift)
{
    DIR *dir = fdopendir(fd);
    bool ok = true;

    if (dir == NULL) {
        close(fd);
        return error_set_errno(removal->err, errno, "reading a folder below %s", removal->path);
    }
    for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = entry_remove(removal, dirfd(dir), entry->d_name, lift);
    }
    closedir(dir);
    return ok;
}

/* The first folder that is left in the root; NULL: the root is empty. The caller frees. */
static char *folder_next(struct removal *removal, bool *ok)
{
    int fd = openat(removal->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    char *name = NULL;

    *ok = dir != NULL;
    if (dir == NULL) {
        error_set_errno(removal->err, errno, "reading the folder %s", removal->path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    for (struct dirent *entry; name == NULL && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            name = mem_strdup(entry->d_name);
    }
    closedir(dir);
    return name;
}

static bool root_empty(struct removal *removal)
{
    int again = openat(removal->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (again < 0)
        return error_set_errno(removal->err, errno, "reading the folder %s", removal->path);
    if (!entries_remove(removal, again, false))
        return false;
    for (;;) {
        bool ok;
        AUTO_FREE char *name = folder_next(removal, &ok);
        if (name == NULL)
            return ok;
        int fd = folder_open(removal, name);
        if (fd < 0 || !entries_remove(removal, fd, true))
            return false;
        if (unlinkat(removal->root, name, AT_REMOVEDIR) != 0)
            return error_set_errno(removal->err, errno, "removing the folder %s below %s", name, removal->path);
    }
}

bool file_remove_tree(const char *path, struct error *err)
{
    struct stat found;

    if (lstat(path, &found) != 0)
        return errno == ENOENT || error_set_errno(err, errno, "looking at %s", path);
    if (!S_ISDIR(found.st_mode)) {
        if (unlink(path) != 0 && errno != ENOENT)
            return error_set_errno(err, errno, "removing %s", path);
        return true;
    }
    AUTO_CLOSE int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return error_set_errno(err, errno, "opening the folder %s", path);
    if (is_mount(root))
        return error_set_errno(err, EBUSY, "%s is a mount: it is left alone", path);
    struct removal removal = {.path = path, .root = root, .err = err};
    if (!root_empty(&removal))
        return false;
    if (rmdir(path) != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "removing the folder %s", path);
    return true;
}

bool file_remove_ending(const char *folder, const char *ending, struct error *err)
{
    DIR *stream = opendir(folder);
    struct dirent *entry;
    bool good = true;
    while (stream != NULL && good && (entry = readdir(stream)) != NULL) {
        size_t len = strlen(entry->d_name), ending_len = strlen(ending);
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);
        if (len > ending_len && strcmp(entry->d_name + len - ending_len, ending) == 0)
            good = file_remove_tree(path, err);
    }
    if (stream != NULL)
        closedir(stream);
    return good;
}

#include "config.h"

#include "subpath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "idmap.h"

#define PERMISSIONS 0777

/* Never out of the volume, whatever links lie in it. */
static int open_below(int volume, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, volume, path, &how, sizeof(how));
}

/* Kubernetes: a folder made for a subPath has the volume's own mode, whatever the umask; the kernel hands down a set-gid
 * bit, which stays.
 */
static bool make_folder(int above, const char *name, mode_t mode)
{
    struct stat info;

    if (mkdirat(above, name, mode) != 0)
        return false;
    AUTO_CLOSE int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && fstat(fd, &info) == 0 && fchmod(fd, mode | (info.st_mode & S_ISGID)) == 0;
}

static bool make_folders(int volume, const char *path, mode_t mode, struct error *err)
{
    AUTO_FREE char *part = mem_strdup(path);

    for (char *slash = part;; slash++) {
        slash = strchr(slash, '/');
        if (slash != NULL)
            *slash = '\0';
        AUTO_CLOSE int there = open_below(volume, part);
        AUTO_FREE char *parent = mem_strdup(part);
        char *last = strrchr(parent, '/');
        AUTO_CLOSE int above = last != NULL ? (*last = '\0', open_below(volume, parent)) : fcntl(volume, F_DUPFD_CLOEXEC, 0);

        if (there < 0 && (above < 0 || !make_folder(above, last != NULL ? last + 1 : part, mode)))
            return error_set_errno(err, errno, "cannot make the subPath %s", path);
        if (slash == NULL)
            return true;
        *slash = '/';
    }
}

static bool make_target(const char *target, bool is_folder, struct error *err)
{
    if (is_folder)
        return mkdir(target, 0700) == 0 || errno == EEXIST || error_set_errno(err, errno, "cannot make %s", target);
    AUTO_CLOSE int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 || error_set_errno(err, errno, "cannot make %s", target);
}

static bool bind_fd(int fd, const char *target, int userns, struct error *err)
{
    AUTO_FREE char *source = mem_printf("/proc/self/fd/%d", fd);
    struct stat info;

    if (fstat(fd, &info) != 0 || !make_target(target, S_ISDIR(info.st_mode), err))
        return error_set_errno(err, errno, "cannot make %s", target);
    if (userns >= 0)
        return idmap_bind(source, target, userns, err);
    return mount(source, target, NULL, MS_BIND | MS_REC, NULL) == 0 ||
           error_set_errno(err, errno, "cannot bind to %s", target);
}

bool subpath_bind(const char *volume, const char *sub_path, const char *target, int userns, struct error *err)
{
    AUTO_FREE char *rooted = mem_printf("/%s", sub_path);
    AUTO_CLOSE int root = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat info;

    if (root < 0)
        return error_set_errno(err, errno, "cannot open %s", volume);
    if (!file_path_is_safe(rooted))
        return error_set(err, ERROR_INVALID, "subPath %s must be a relative path without ..", sub_path);
    AUTO_CLOSE int fd = open_below(root, sub_path);
    if (fd < 0 && errno == ENOENT) {
        if (fstat(root, &info) != 0 || !make_folders(root, sub_path, info.st_mode & PERMISSIONS, err))
            return false;
        fd = open_below(root, sub_path);
    }
    if (fd < 0)
        return error_set_errno(err, errno, "subPath %s leads out of its volume, or cannot be opened", sub_path);
    return bind_fd(fd, target, userns, err) || error_wrap(err, "subPath %s", sub_path);
}

bool subpath_bind_whole(const char *volume, const char *target, int userns, struct error *err)
{
    AUTO_CLOSE int fd = open(volume, O_PATH | O_CLOEXEC);

    return fd >= 0 ? bind_fd(fd, target, userns, err) : error_set_errno(err, errno, "cannot open %s", volume);
}

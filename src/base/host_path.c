#include "config.h"

#include "base/host_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define HOST_FOLDER_MODE 0755 /* as the kubelet makes them */
#define HOST_FILE_MODE 0644

static int open_path(int folder, const char *path, uint64_t more)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | more, .resolve = RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static bool real_path(int fd, char out[PATH_MAX])
{
    char link[64];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, out, PATH_MAX - 1);
    out[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strcmp(folder, "/") == 0 || (strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static bool is_below_one(const char *path, const struct json *folders)
{
    JSON_EACH(folder, folders) {
        AUTO_CLOSE int fd = open_path(AT_FDCWD, json_text(folder), O_DIRECTORY);
        char real[PATH_MAX];

        if (fd >= 0 && real_path(fd, real) && is_below(path, real))
            return true;
    }
    return false;
}

/* Of what was opened, wherever links have led: a path in words says nothing. */
static bool is_allowed(const struct host_path *host, int fd, struct error *err)
{
    char real[PATH_MAX];

    if (!real_path(fd, real))
        return error_set_errno(err, errno, "cannot tell where %s leads", host->path);
    if (!is_below_one(real, host->without) && (host->within == NULL || is_below_one(real, host->within)))
        return true;
    return error_set(err, ERROR_CONFLICT, "%s %s leads to %s, which is not allowed on this device: see [security] "
                     "host_paths= in davitd.conf", host->what, host->path, real);
}

/* mkdir -p as the kubelet does it: every folder it makes has that mode, whatever the umask. */
int host_path_make_folder(const struct host_path *host, const char *path, struct error *err)
{
    AUTO_FREE char *parent = mem_strdup(path);
    char *name = strrchr(parent, '/');
    int fd = open_path(AT_FDCWD, path, 0);

    if (fd >= 0 && is_allowed(host, fd, err))
        return fd;
    if (fd >= 0) {
        close(fd);
        return -1;
    }
    if (errno != ENOENT || name == NULL) {
        error_set_errno(err, errno, "cannot open the directory %s", path);
        return -1;
    }
    *name++ = '\0';
    AUTO_CLOSE int above = parent[0] != '\0' ? host_path_make_folder(host, parent, err) : open_path(AT_FDCWD, "/", 0);
    if (above < 0)
        return -1;
    bool made = name[0] == '\0' || (is_allowed(host, above, err) && mkdirat(above, name, HOST_FOLDER_MODE) == 0);
    fd = made ? open_path(above, name[0] != '\0' ? name : ".", O_NOFOLLOW) : -1;
    AUTO_FREE char *self = mem_printf("/proc/self/fd/%d", fd);
    if (fd < 0 || (name[0] != '\0' && chmod(self, HOST_FOLDER_MODE) != 0))
        error_set_errno(err, errno, "cannot make the directory %s", path);
    return fd;
}

int host_path_make_file(const struct host_path *host, const char *path, struct error *err)
{
    AUTO_FREE char *parent = mem_strdup(path);
    char *name = strrchr(parent, '/');

    *name++ = '\0';
    AUTO_CLOSE int above = open_path(AT_FDCWD, parent[0] != '\0' ? parent : "/", O_DIRECTORY);
    if (above < 0) {
        error_set_errno(err, errno, "cannot make the file %s", path);
        return -1;
    }
    if (!is_allowed(host, above, err))
        return -1;
    AUTO_CLOSE int made = openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, HOST_FILE_MODE);
    if ((made < 0 && errno != EEXIST) || (made >= 0 && fchmod(made, HOST_FILE_MODE) != 0)) {
        error_set_errno(err, errno, "cannot make the file %s", path);
        return -1;
    }
    return open_path(AT_FDCWD, path, 0);
}

bool host_path_open(const struct host_path *host, int *out, struct error *err)
{
    struct stat info;

    *out = -1;
    if (host->path == NULL || !file_path_is_safe(host->path))
        return error_set(err, ERROR_INVALID, "%s.path must be an absolute path without ..", host->what);
    AUTO_CLOSE int fd = open_path(AT_FDCWD, host->path, 0);
    if (fd < 0 && errno == ENOENT && host->make != NULL) {
        fd = host->make(host, host->path, err);
        if (fd < 0)
            return false;
    }
    if (fd < 0)
        return errno == ENOENT ? error_set(err, ERROR_CONFLICT, "%s type check failed: %s is not %s", host->what, host->path,
                                           host->word)
                               : error_set_errno(err, errno, "cannot open %s", host->path);
    if (!is_allowed(host, fd, err))
        return false;
    if (fstat(fd, &info) != 0)
        return error_set_errno(err, errno, "cannot look at %s", host->path);
    if (host->must_be != 0 && (info.st_mode & S_IFMT) != host->must_be)
        return error_set(err, ERROR_CONFLICT, "%s type check failed: %s is not %s", host->what, host->path, host->word);
    *out = fd_steal(&fd);
    return true;
}

#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "davit/limits.h"

#define FIRST_READ_BYTES 4096

bool file_read_fd(int fd, size_t cap, char **data, size_t *len, struct error *err)
{
    AUTO_FREE char *buffer = NULL;
    size_t size = 0;
    size_t used = 0;

    for (;;) {
        if (used == size) {
            size = size == 0 ? FIRST_READ_BYTES : size * 2;
            buffer = mem_resize(buffer, size + 1, 1);
        }
        ssize_t got = read(fd, buffer + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, errno, "reading");
        if (got == 0)
            break;
        used += (size_t)got;
        if (used > cap)
            return error_set(err, ERROR_LIMIT, "larger than %zu bytes", cap);
    }
    buffer[used] = '\0';
    *len = used;
    *data = mem_steal(&buffer);
    return true;
}

bool file_read(const char *path, size_t cap, char **data, size_t *len, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_set_errno(err, errno, "opening %s", path);
    if (!file_read_fd(fd, cap, data, len, err))
        return error_wrap(err, "%s", path);
    return true;
}

bool file_read_regular(const char *path, size_t cap, char **data, size_t *len, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat stat_now;

    if (fd < 0 || fstat(fd, &stat_now) != 0)
        return error_set_errno(err, errno, "opening %s", path);
    if (!S_ISREG(stat_now.st_mode))
        return error_set(err, ERROR_INVALID, "%s is no regular file", path);
    if (!file_read_fd(fd, cap, data, len, err))
        return error_wrap(err, "%s", path);
    return true;
}

static bool fd_write(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        data += put;
        len -= (size_t)put;
    }
    return true;
}

/* The rename itself is only on the disk when its folder is. */
static bool parent_sync(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    AUTO_FREE char *parent = len == 0 ? mem_strdup(".") : mem_strndup(path, len);
    AUTO_CLOSE int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return error_set_errno(err, errno, "syncing the folder %s", parent);
    return true;
}

bool file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, bool sync, struct error *err)
{
    AUTO_FREE char *temporary = mem_printf("%s.XXXXXX", path);
    AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return error_set_errno(err, errno, "making a file beside %s", path);
    if (!fd_write(fd, data, len) || fchmod(fd, mode) != 0 || (sync && fsync(fd) != 0) ||
        rename(temporary, path) != 0) {
        error_set_errno(err, errno, "writing %s", path);
        unlink(temporary);
        return false;
    }
    return !sync || parent_sync(path, err);
}

static bool dir_make(const char *path, mode_t mode, struct error *err)
{
    struct stat stat_buffer;

    if (mkdir(path, mode) == 0)
        return true;
    int cause = errno;
    if (cause == EEXIST && stat(path, &stat_buffer) == 0 && S_ISDIR(stat_buffer.st_mode))
        return true;
    return error_set_errno(err, cause == EEXIST ? ENOTDIR : cause, "making the folder %s", path);
}

bool file_make_dirs(const char *path, mode_t mode, struct error *err)
{
    AUTO_FREE char *part = mem_strdup(path);

    for (char *slash = strchr(part + (part[0] == '/'), '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (part[0] != '\0' && !dir_make(part, mode, err))
            return false;
        *slash = '/';
    }
    return dir_make(path, mode, err);
}

static bool has_dot_dot(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

bool file_path_is_safe(const char *path)
{
    if (path == NULL || path[0] != '/' || strlen(path) > LIMIT_PATH_BYTES)
        return false;
    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    }
    return !has_dot_dot(path);
}

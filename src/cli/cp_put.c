/* From the fresh folder to where it was asked for. What is at the target may be of an earlier copy: its links are replaced,
 * and never gone through.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cp.h"
#include "cli/text.h"

#define NEW_FOLDER_MODE 0777
#define COPY_BYTES (64 * 1024)

static bool failed(struct error *err, const char *name)
{
    int number = errno;
    return text_error(err, ERROR_IO, "cannot write %s: %s", name, strerror(number));
}

static bool merge(int from_folder, const char *name, int to_folder, struct error *err);

/* Takes both descriptors. */
static bool merge_entries(int from_fd, int to_fd, struct error *err)
{
    AUTO_CLOSE int to = to_fd;
    DIR *folder = fdopendir(from_fd);
    struct dirent *entry;
    bool good = true;
    if (folder == NULL) {
        (void)close(from_fd);
        return failed(err, "a folder");
    }
    while (good && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = merge(dirfd(folder), entry->d_name, to, err);
    (void)closedir(folder);
    return good;
}

/* Moves an entry into a folder: what is there already is replaced, a folder is gone into. */
static bool merge(int from_folder, const char *name, int to_folder, struct error *err)
{
    struct stat info, there;
    if (fstatat(from_folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(err, name);
    bool both = S_ISDIR(info.st_mode) && fstatat(to_folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(there.st_mode);
    if (!both)
        return renameat(from_folder, name, to_folder, name) == 0 || failed(err, name);
    int from = openat(from_folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int to = openat(to_folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from >= 0 && to >= 0)
        return merge_entries(from, to, err);
    (void)failed(err, name);
    fd_close_at(&from);
    fd_close_at(&to);
    return false;
}

/* Into what is no file of its own to be replaced: a link that a person made, a device as /dev/stdout. */
static bool write_into(int stage_fd, const char *name, const char *to, struct error *err)
{
    AUTO_CLOSE int in = openat(stage_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_CLOSE int out = open(to, O_WRONLY | O_TRUNC | O_CLOEXEC);
    AUTO_FREE char *data = mem_alloc(COPY_BYTES);
    ssize_t got;
    if (in < 0 || out < 0)
        return failed(err, to);
    while ((got = read(in, data, COPY_BYTES)) > 0)
        for (ssize_t used = 0, put; used < got; used += put)
            if ((put = write(out, data + used, (size_t)(got - used))) < 0)
                return failed(err, to);
    return got == 0 || failed(err, to);
}

static bool put_file(int stage_fd, const char *name, const char *to, struct error *err)
{
    struct stat itself, meant;
    bool exists = lstat(to, &itself) == 0;
    if (stat(to, &meant) == 0 && S_ISDIR(meant.st_mode)) {
        AUTO_CLOSE int folder = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return folder >= 0 ? merge(stage_fd, name, folder, err) : failed(err, to);
    }
    if (to[strlen(to) - 1] == '/')
        return error_set(err, ERROR_NOT_FOUND, "%s is no folder", to);
    if (exists && !S_ISREG(itself.st_mode))
        return write_into(stage_fd, name, to, err);
    return renameat(stage_fd, name, AT_FDCWD, to) == 0 || failed(err, to);
}

static bool put_folder(int stage_fd, const char *name, const char *to, struct error *err)
{
    struct stat info;
    if (lstat(to, &info) != 0 && mkdir(to, NEW_FOLDER_MODE) != 0)
        return failed(err, to);
    int from = openat(stage_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int folder = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from >= 0 && folder >= 0)
        return merge_entries(from, folder, err);
    (void)failed(err, to);
    fd_close_at(&from);
    fd_close_at(&folder);
    return false;
}

bool cp_put(int stage_fd, const char *name, const char *to, struct error *err)
{
    struct stat info;
    if (fstatat(stage_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(err, name);
    return S_ISDIR(info.st_mode) ? put_folder(stage_fd, name, to, err) : put_file(stage_fd, name, to, err);
}

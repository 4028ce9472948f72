/* What a container's tar left here is hostile: looked at entry by entry, by descriptors, following no link. */
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
#include "davit/limits.h"

#define ACCESS_BITS 0777u

/* Only dots at its beginning, as many as there are folders above: behind a name, dots may leave what another link is. */
bool cp_link_leads_out(const char *target, size_t depth)
{
    bool named = false;
    if (target[0] == '/' || target[0] == '\0')
        return true;
    for (const char *at = target; *at != '\0';) {
        size_t len = strcspn(at, "/");
        if (len == 2 && strncmp(at, "..", 2) == 0) {
            if (named || depth == 0)
                return true;
            depth--;
        } else if (len > 0 && !(len == 1 && at[0] == '.')) {
            named = true;
        }
        at += len;
        at += strspn(at, "/");
    }
    return false;
}

static bool clean_folder(int fd, const char *path, int depth, struct error *err);

static bool leave_out(int folder, const char *name, const char *path, const char *why, struct error *err)
{
    AUTO_FREE char *line = mem_printf("davit: left out %s: %s", path, why);
    (void)fprintf(stderr, "%s\n", text_clean(line));
    return unlinkat(folder, name, 0) == 0 || error_set_errno(err, errno, "cannot remove %s", path);
}

static bool clean_link(int folder, const char *name, const char *path, int depth, struct error *err)
{
    char target[LIMIT_PATH_BYTES];
    ssize_t len = readlinkat(folder, name, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    if (!cp_link_leads_out(target, (size_t)depth))
        return true;
    AUTO_FREE char *why = mem_printf("a symbolic link to %s, which leads out of what is copied", target);
    return leave_out(folder, name, path, why, err);
}

/* `depth`: folders between it and the top of what is copied; the top itself has -1. */
static bool clean_entry(int folder, const char *name, const char *path, int depth, struct error *err)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(err, errno, "cannot look at %s", path);
    if (S_ISLNK(info.st_mode))
        return clean_link(folder, name, path, depth, err);
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
        return leave_out(folder, name, path, "it is a device, a pipe or a socket", err);
    mode_t mode = (info.st_mode & ACCESS_BITS) | (S_ISDIR(info.st_mode) ? S_IRWXU : 0u);
    if (mode != (info.st_mode & ~(mode_t)S_IFMT) && fchmodat(folder, name, mode, 0) != 0)
        return error_set_errno(err, errno, "cannot set the mode of %s", path);
    if (!S_ISDIR(info.st_mode))
        return true;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open %s", path);
    return clean_folder(fd, path, depth + 1, err);
}

/* Takes fd. */
static bool clean_folder(int fd, const char *path, int depth, struct error *err)
{
    DIR *folder = fdopendir(fd);
    struct dirent *entry;
    bool good = true;
    if (folder == NULL) {
        (void)close(fd);
        return error_set_errno(err, errno, "cannot read %s", path);
    }
    if (depth > LIMIT_LAYER_DEPTH)
        good = error_set(err, ERROR_LIMIT, "%s: more than %d folders in one another", path, LIMIT_LAYER_DEPTH);
    while (good && (entry = readdir(folder)) != NULL) {
        AUTO_FREE char *below = mem_printf("%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = clean_entry(dirfd(folder), entry->d_name, below, depth, err);
    }
    (void)closedir(folder);
    return good;
}

static bool only_one(int stage_fd, const char *name, struct error *err)
{
    DIR *folder = fdopendir(dup(stage_fd));
    struct dirent *entry;
    bool good = folder != NULL;
    if (folder == NULL)
        return error_set_errno(err, errno, "cannot read what was copied");
    rewinddir(folder);
    while (good && (entry = readdir(folder)) != NULL)
        good = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, name) == 0 ||
               text_error(err, ERROR_DENIED, "the container sent %s, which was not asked for: nothing is copied", entry->d_name);
    (void)closedir(folder);
    return good;
}

bool cp_clean(int stage_fd, const char *name, struct error *err)
{
    struct stat info;
    char target[LIMIT_PATH_BYTES];
    if (!only_one(stage_fd, name, err))
        return false;
    if (fstatat(stage_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(err, ERROR_NOT_FOUND, "the container sent nothing");
    if (S_ISLNK(info.st_mode)) {
        ssize_t len = readlinkat(stage_fd, name, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        return text_error(err, ERROR_INVALID, "%s is a symbolic link to %s there: copy that", name, target);
    }
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
        return error_set(err, ERROR_INVALID, "%s is neither a file nor a folder there", name);
    return clean_entry(stage_fd, name, name, -1, err);
}

#include "config.h"

#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/memory.h"
#include "image/tree_lower.h"
#include "image/tree_walk.h"

#define TIMES_NAME ".times"
#define OVERLAY_XATTR "user.overlay."
#define XATTR_NAMES_BYTES 4096

struct time_record {
    struct timespec mtime;
    size_t path_len;
};

bool tree_refuse(struct error *err, enum error_code code, const char *path, const char *why)
{
    char shown[PATH_SHOW_BYTES];
    return error_set(err, code, "'/%s' %s", path_show(path, shown), why);
}

bool tree_fail(struct error *err, const char *what, const char *path)
{
    char shown[PATH_SHOW_BYTES];
    return error_set_errno(err, errno, "%s '/%s'", what, path_show(path, shown));
}

bool tree_is_whiteout(mode_t mode, dev_t device)
{
    return S_ISCHR(mode) && device == makedev(0, 0);
}

bool tree_set_opaque(int fd, const char *path, struct error *err)
{
    if (fsetxattr(fd, OVERLAY_XATTR "opaque", "y", 1, 0) != 0)
        return tree_fail(err, "marking as opaque (the images' file system must have user xattrs)", path);
    return true;
}

bool tree_remember_time(struct tree *tree, const char *path, struct timespec mtime, struct error *err)
{
    struct time_record record = {.mtime = mtime, .path_len = strlen(path) + 1};
    if (fwrite(&record, sizeof(record), 1, tree->times) != 1 ||
        fwrite(path, record.path_len, 1, tree->times) != 1)
        return tree_fail(err, "noting the time of", path);
    return true;
}

/* user.* of a folder; a folder has no capabilities. */
static bool copy_xattrs(int from, int to, const char *path, struct error *err)
{
    char names[XATTR_NAMES_BYTES], value[XATTR_NAMES_BYTES];
    ssize_t len = flistxattr(from, names, sizeof(names));
    if (len < 0)
        return errno == ENOTSUP ? true : tree_fail(err, "reading the xattrs of", path);
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        if (strncmp(name, "user.", 5) != 0 || strncmp(name, OVERLAY_XATTR, strlen(OVERLAY_XATTR)) == 0)
            continue;
        ssize_t size = fgetxattr(from, name, value, sizeof(value));
        if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) != 0)
            return tree_fail(err, "copying the xattrs of", path);
    }
    return true;
}

bool tree_copy_folder(struct tree *tree, int from, int to, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(from, &st) != 0 || fchown(to, st.st_uid, st.st_gid) != 0 || fchmod(to, st.st_mode & 07777) != 0)
        return tree_fail(err, "taking over owner and mode from a layer below for", path);
    return copy_xattrs(from, to, path, err) && tree_remember_time(tree, path, st.st_mtim, err);
}

/* In a file, for a layer of a million folders must not need memory for them; without a name, so it leaves nothing. */
static FILE *times_open(int staging)
{
    int fd = openat(staging, TIMES_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    FILE *file = unlinkat(staging, TIMES_NAME, 0) == 0 ? fdopen(fd, "w+") : NULL;
    if (file == NULL)
        close(fd);
    return file;
}

bool tree_open(struct tree *tree, int staging, const char *dir, struct tree_lowers *lowers, struct error *err)
{
    *tree = (struct tree){.root = -1, .parent = -1, .lowers = lowers};
    if (mkdirat(staging, dir, 0700) != 0)
        return error_set_errno(err, errno, "making the layer's folder '%s'", dir);
    tree->root = openat(staging, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    tree->times = tree->root >= 0 ? times_open(staging) : NULL;
    if (tree->times == NULL)
        return error_set_errno(err, errno, "opening the layer's folder '%s'", dir);
    return true;
}

void tree_close(struct tree *tree)
{
    if (tree->times != NULL)
        fclose(tree->times);
    if (tree->parent >= 0)
        close(tree->parent);
    if (tree->root >= 0)
        close(tree->root);
    tree->times = NULL;
    tree->parent = tree->root = -1;
}

int tree_steal_root(struct tree *tree)
{
    return fd_steal(&tree->root);
}

static bool enter_parent(struct tree *tree, const char *clean, size_t len, struct error *err)
{
    char path[LIMIT_PATH_BYTES];
    memcpy(path, clean, len);
    path[len] = '\0';
    if (tree->parent >= 0 && !tree->parent_is_stale && strcmp(path, tree->parent_path) == 0)
        return true;
    if (tree->parent >= 0)
        close(fd_steal(&tree->parent));
    tree->parent_is_stale = false;
    memcpy(tree->parent_path, path, len + 1);
    return tree_walk(tree, path, true, &tree->parent, tree->parent_real, err);
}

bool tree_locate(struct tree *tree, const char *clean, struct tree_place *place, struct error *err)
{
    const char *name = path_base(clean);
    size_t parent_len = name > clean ? (size_t)(name - clean) - 1 : 0;
    if (!enter_parent(tree, clean, parent_len, err))
        return false;
    size_t real_len = strlen(tree->parent_real);
    if (real_len + 1 + strlen(name) >= LIMIT_PATH_BYTES)
        return tree_refuse(err, ERROR_LIMIT, clean, "becomes too long with its links resolved");
    place->parent = tree->parent;
    memcpy(place->name, name, strlen(name) + 1);
    memcpy(place->path, tree->parent_real, real_len);
    if (real_len > 0)
        place->path[real_len++] = '/';
    memcpy(place->path + real_len, name, strlen(name) + 1);
    return true;
}

bool tree_seal_file(int fd, const struct tree_place *place, const struct tree_meta *meta, struct error *err)
{
    const struct timespec times[2] = {meta->mtime, meta->mtime};
    if (fchown(fd, meta->uid, meta->gid) != 0 || fchmod(fd, meta->mode) != 0 || futimens(fd, times) != 0)
        return tree_fail(err, "setting owner, mode and time of", place->path);
    return true;
}

bool tree_set_xattr(int fd, const struct tree_place *place, const char *name, const void *value, size_t len,
                    struct error *err)
{
    bool capability = strcmp(name, "security.capability") == 0;
    if (!capability && (strncmp(name, "user.", 5) != 0 || strncmp(name, OVERLAY_XATTR, strlen(OVERLAY_XATTR)) == 0))
        return true;
    if (fsetxattr(fd, name, value, len, 0) == 0 || (errno == ENOTSUP && !capability))
        return true;
    return tree_fail(err, capability ? "setting the capabilities of" : "setting an xattr of", place->path);
}

static bool finish_times(struct tree *tree, struct error *err)
{
    struct time_record record;
    char path[LIMIT_PATH_BYTES];
    if (fflush(tree->times) != 0)
        return tree_fail(err, "writing the folders' times", "");
    rewind(tree->times);
    while (fread(&record, sizeof(record), 1, tree->times) == 1) {
        if (record.path_len > sizeof(path) || fread(path, record.path_len, 1, tree->times) != 1)
            return error_set(err, ERROR_INTERNAL, "the list of folders' times is broken");
        /* A later entry may have put something else there. */
        AUTO_CLOSE int fd = tree_open_below(tree->root, path, O_RDONLY | O_DIRECTORY);
        const struct timespec times[2] = {record.mtime, record.mtime};
        if (fd >= 0 && futimens(fd, times) != 0)
            return tree_fail(err, "setting the time of", path);
    }
    return ferror(tree->times) == 0 ? true : tree_fail(err, "reading the folders' times", "");
}

/* No entry gave the root its attributes: what overlayfs would show without this layer. */
static bool finish_root(struct tree *tree, struct error *err)
{
    const struct tree_lowers *lowers = tree->lowers;
    if (lowers->count == 0)
        return fchmod(tree->root, 0755) == 0 ? true : tree_fail(err, "setting the mode of", "");
    if (!tree_open_lowers(tree, err))
        return false;
    /* What came from elsewhere may be good for paths only. */
    AUTO_CLOSE int below = tree_open_below(lowers->fds[lowers->count - 1], "", O_RDONLY | O_DIRECTORY);
    return below >= 0 ? tree_copy_folder(tree, below, tree->root, "", err) : tree_fail(err, "opening the layer below", "");
}

bool tree_finish(struct tree *tree, struct error *err)
{
    return (tree->root_is_set || finish_root(tree, err)) && finish_times(tree, err);
}

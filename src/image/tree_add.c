#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/memory.h"
#include "image/tree.h"
#include "image/tree_walk.h"

/* A runtime mounts on these, or writes into them, before the container's own root is shut. One that is a link would
 * lead it anywhere (crun, CVE-2026-47766 and its kin).
 */
static const char *const real_folders[] = {"dev", "etc", "proc", "run", "sys"};

static bool check_no_folder(const struct tree_place *place, struct error *err)
{
    if (place->name[0] == '\0')
        return error_set(err, ERROR_INVALID, "a layer's root is something else than a folder");
    for (size_t i = 0; i < sizeof(real_folders) / sizeof(real_folders[0]); i++) {
        if (strcmp(place->path, real_folders[i]) == 0)
            return tree_refuse(err, ERROR_DENIED, place->path, "must be a folder: a runtime would be led astray by it");
    }
    return true;
}

/* Makes room for something that is no folder. What a path leads to may change with it. */
static bool make_room(struct tree *tree, const struct tree_place *place, struct error *err)
{
    struct stat st;
    if (fstatat(place->parent, place->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return tree_fail(err, "looking at", place->path);
    tree->parent_is_stale = true;
    if (unlinkat(place->parent, place->name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
        return true;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return tree_refuse(err, ERROR_INVALID, place->path,
                           "takes the place of a folder in which this layer has files");
    return tree_fail(err, "replacing", place->path);
}

bool tree_add_file(struct tree *tree, const struct tree_place *place, int *fd, struct error *err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    if (!check_no_folder(place, err))
        return false;
    *fd = openat(place->parent, place->name, flags, 0600);
    if (*fd < 0 && errno == EEXIST) {
        if (!make_room(tree, place, err))
            return false;
        *fd = openat(place->parent, place->name, flags, 0600);
    }
    return *fd >= 0 ? true : tree_fail(err, "making the file", place->path);
}

static bool set_meta_at(const struct tree_place *place, const struct tree_meta *meta, struct error *err)
{
    const struct timespec times[2] = {meta->mtime, meta->mtime};
    if (fchownat(place->parent, place->name, meta->uid, meta->gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        utimensat(place->parent, place->name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return tree_fail(err, "setting owner and time of", place->path);
    return true;
}

bool tree_add_symlink(struct tree *tree, const struct tree_place *place, const char *target,
                      const struct tree_meta *meta, struct error *err)
{
    if (!check_no_folder(place, err))
        return false;
    if (target == NULL || target[0] == '\0' || strlen(target) >= LIMIT_PATH_BYTES)
        return tree_refuse(err, ERROR_INVALID, place->path, "is a link with an empty or too long target");
    int rc = symlinkat(target, place->parent, place->name);
    if (rc != 0 && errno == EEXIST) {
        if (!make_room(tree, place, err))
            return false;
        rc = symlinkat(target, place->parent, place->name);
    }
    return rc == 0 ? set_meta_at(place, meta, err) : tree_fail(err, "making the link", place->path);
}

bool tree_add_fifo(struct tree *tree, const struct tree_place *place, const struct tree_meta *meta, struct error *err)
{
    if (!check_no_folder(place, err))
        return false;
    int rc = mknodat(place->parent, place->name, S_IFIFO | 0600, 0);
    if (rc != 0 && errno == EEXIST) {
        if (!make_room(tree, place, err))
            return false;
        rc = mknodat(place->parent, place->name, S_IFIFO | 0600, 0);
    }
    if (rc != 0)
        return tree_fail(err, "making the FIFO", place->path);
    /* No link can be there: it was made just now, and nothing else works in this folder. */
    if (!set_meta_at(place, meta, err))
        return false;
    if (fchmodat(place->parent, place->name, meta->mode, 0) != 0)
        return tree_fail(err, "setting the mode of", place->path);
    return true;
}

/* A folder that is there stays, with what is in it. */
static bool make_folder(struct tree *tree, const struct tree_place *place, struct error *err)
{
    struct stat st;
    if (mkdirat(place->parent, place->name, 0700) == 0)
        return true;
    if (errno != EEXIST)
        return tree_fail(err, "making the folder", place->path);
    if (fstatat(place->parent, place->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return tree_fail(err, "looking at", place->path);
    if (S_ISDIR(st.st_mode))
        return true;
    if (!make_room(tree, place, err))
        return false;
    if (mkdirat(place->parent, place->name, 0700) != 0)
        return tree_fail(err, "making the folder", place->path);
    if (!tree_is_whiteout(st.st_mode, st.st_rdev))
        return true;
    AUTO_CLOSE int fd = openat(place->parent, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? tree_set_opaque(fd, place->path, err) : tree_fail(err, "opening the folder", place->path);
}

bool tree_add_folder(struct tree *tree, const struct tree_place *place, const struct tree_meta *meta, int *fd,
                     struct error *err)
{
    bool is_root = place->name[0] == '\0';
    if (!is_root && !make_folder(tree, place, err))
        return false;
    *fd = openat(place->parent, is_root ? "." : place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0)
        return tree_fail(err, "opening the folder", place->path);
    if (is_root)
        tree->root_is_set = true;
    if (fchown(*fd, meta->uid, meta->gid) != 0 || fchmod(*fd, meta->mode) != 0) {
        tree_fail(err, "setting owner and mode of", place->path);
        close(fd_steal(fd));
        return false;
    }
    return tree_remember_time(tree, place->path, meta->mtime, err);
}

/* Opens the folder of a hardlink's target, which must be in this layer: a link to a file below would be a copy. */
static bool open_target(struct tree *tree, const char *target, int *folder, char *real, struct error *err)
{
    char parent[LIMIT_PATH_BYTES];
    const char *name = path_base(target);
    size_t len = name > target ? (size_t)(name - target) - 1 : 0;
    memcpy(parent, target, len);
    parent[len] = '\0';
    return tree_walk(tree, parent, false, folder, real, err);
}

static bool check_target(int folder, const char *target, const char *real, const struct tree_place *place,
                         struct error *err)
{
    struct stat st;
    const char *name = path_base(target);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return tree_refuse(err, ERROR_INVALID, target, "is the target of a hardlink, and not in this layer");
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return tree_fail(err, "looking at", target);
    if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
        return tree_refuse(err, ERROR_INVALID, target, "is the target of a hardlink, and no file");
    if (strlen(place->path) == strlen(real) + (real[0] != '\0' ? 1 : 0) + strlen(name) &&
        strncmp(place->path, real, strlen(real)) == 0 && strcmp(place->name, name) == 0)
        return tree_refuse(err, ERROR_INVALID, target, "is a hardlink to itself");
    return true;
}

bool tree_add_hardlink(struct tree *tree, const char *clean, const char *target, struct error *err)
{
    AUTO_CLOSE int folder = -1;
    struct tree_place place;
    char real[LIMIT_PATH_BYTES];
    const char *name = path_base(target);
    /* Located first: a parent that must be made can make the target's path lead elsewhere, but never out. */
    if (!tree_locate(tree, clean, &place, err) || !check_no_folder(&place, err) ||
        !open_target(tree, target, &folder, real, err) || !check_target(folder, target, real, &place, err))
        return false;
    int rc = linkat(folder, name, place.parent, place.name, 0);
    if (rc != 0 && errno == EEXIST) {
        if (!make_room(tree, &place, err))
            return false;
        rc = linkat(folder, name, place.parent, place.name, 0);
    }
    return rc == 0 ? true : tree_fail(err, "making the hardlink", place.path);
}

static bool add_opaque(const struct tree_place *place, struct error *err)
{
    size_t len = strlen(place->path) - strlen(place->name);
    if (len == 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "it hides the whole root below it (/.wh..wh..opq), which overlayfs cannot do");
    AUTO_CLOSE int fd = openat(place->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? tree_set_opaque(fd, place->path, err) : tree_fail(err, "opening the folder of", place->path);
}

/* Something of this layer is there already: it hides a file below by itself, and a folder below when opaque. */
static bool hide_below(const struct tree_place *place, const char *name, struct error *err)
{
    AUTO_CLOSE int fd = openat(place->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return tree_set_opaque(fd, place->path, err);
    return errno == ENOTDIR || errno == ELOOP ? true : tree_fail(err, "looking at", place->path);
}

bool tree_add_whiteout(struct tree *tree, const struct tree_place *place, struct error *err)
{
    const char *name = place->name + strlen(WHITEOUT_PREFIX);
    (void)tree;
    if (strcmp(name, ".wh..opq") == 0)
        return add_opaque(place, err);
    if (strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
        return true; /* aufs' own files, of no meaning here */
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return tree_refuse(err, ERROR_INVALID, place->path, "is a whiteout of nothing");
    if (mknodat(place->parent, name, S_IFCHR | 0600, makedev(0, 0)) == 0)
        return true;
    return errno == EEXIST ? hide_below(place, name, err) : tree_fail(err, "making the whiteout", place->path);
}

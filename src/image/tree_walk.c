#include "config.h"

#include "image/tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "image/tree_lower.h"

#define LINKS_MAX 40 /* the kernel's own */

struct walk {
    struct tree *tree;
    bool make;
    int fd; /* of `real`, in this layer */
    unsigned links;
    char real[LIMIT_PATH_BYTES];
    char rest[LIMIT_PATH_BYTES];
};

int tree_open_below(int root, const char *real, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return (int)syscall(SYS_openat2, root, real[0] != '\0' ? real : ".", &how, sizeof(how));
}

static bool walk_append(struct walk *walk, const char *name, struct error *err)
{
    size_t len = strlen(walk->real), more = strlen(name);
    if (len + 1 + more >= sizeof(walk->real))
        return tree_refuse(err, ERROR_LIMIT, walk->real, "becomes too long with its links resolved");
    if (len > 0)
        walk->real[len++] = '/';
    memcpy(walk->real + len, name, more + 1);
    return true;
}

static bool walk_enter(struct walk *walk, const char *name, struct error *err)
{
    int fd = openat(walk->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tree_fail(err, "opening the folder", name);
    close(walk->fd);
    walk->fd = fd;
    return true;
}

static bool walk_reopen(struct walk *walk, struct error *err)
{
    int fd = tree_open_below(walk->tree->root, walk->real, O_PATH | O_DIRECTORY);
    if (fd < 0)
        return tree_fail(err, "opening the folder", walk->real);
    close(walk->fd);
    walk->fd = fd;
    return true;
}

/* ".." of a link. At the root it stays there, as in any root. */
static bool walk_up(struct walk *walk, struct error *err)
{
    char *slash = strrchr(walk->real, '/');
    *(slash != NULL ? slash : walk->real) = '\0';
    return walk_reopen(walk, err);
}

/* Puts a link's target in front of what is still to go. */
static bool walk_follow(struct walk *walk, const char *name, const char *target, struct error *err)
{
    size_t target_len = strlen(target), rest_len = strlen(walk->rest);
    if (++walk->links > LINKS_MAX)
        return tree_refuse(err, ERROR_DENIED, name, "is one of more than 40 links in a path");
    if (target_len + 1 + rest_len >= sizeof(walk->rest))
        return tree_refuse(err, ERROR_LIMIT, name, "makes a path too long");
    memmove(walk->rest + target_len + 1, walk->rest, rest_len + 1);
    memcpy(walk->rest, target, target_len);
    walk->rest[target_len] = '/';
    if (target[0] != '/')
        return true;
    walk->real[0] = '\0';
    return walk_reopen(walk, err);
}

/* A parent that no entry has made (yet). `like` is the folder below, or -1. */
static bool walk_make(struct walk *walk, const char *name, int like, bool opaque, struct error *err)
{
    if (mkdirat(walk->fd, name, 0700) != 0)
        return tree_fail(err, "making the folder", walk->real);
    walk->tree->made++;
    AUTO_CLOSE int fd = openat(walk->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tree_fail(err, "opening the folder", walk->real);
    if (opaque && !tree_set_opaque(fd, walk->real, err))
        return false;
    if (like >= 0)
        return tree_copy_folder(walk->tree, like, fd, walk->real, err);
    if (fchown(fd, 0, 0) != 0 || fchmod(fd, 0755) != 0)
        return tree_fail(err, "setting owner and mode of", walk->real);
    return true;
}

/* The name is not in this layer (yet); `walk->real` has it appended. True with *entered false: a link was followed. */
static bool walk_missing(struct walk *walk, const char *name, size_t real_len, bool *entered, struct error *err)
{
    struct lower_look look;
    if (!tree_look_below(walk->tree, walk->real, &look, err))
        return false;
    AUTO_CLOSE int like = look.fd;
    if (look.kind == LOWER_OTHER)
        return tree_refuse(err, ERROR_INVALID, walk->real,
                           "is no folder in a layer below, and this layer puts files in it");
    *entered = look.kind != LOWER_LINK;
    if (look.kind == LOWER_LINK) {
        walk->real[real_len] = '\0';
        return walk_follow(walk, name, look.target, err);
    }
    if (!walk->make)
        return tree_refuse(err, ERROR_INVALID, walk->real,
                           "is the folder of a hardlink's target, and not in this layer");
    return walk_make(walk, name, like, false, err);
}

static bool walk_link(struct walk *walk, const char *name, size_t real_len, struct error *err)
{
    char target[LIMIT_PATH_BYTES];
    ssize_t len = readlinkat(walk->fd, name, target, sizeof(target));
    if (len < 0 || (size_t)len >= sizeof(target))
        return tree_fail(err, "reading the link", walk->real);
    target[len] = '\0';
    walk->real[real_len] = '\0';
    return walk_follow(walk, name, target, err);
}

/* One name. It is entered, made and entered, or (a link) put back in front of the rest. */
static bool walk_step(struct walk *walk, const char *name, struct error *err)
{
    struct stat st;
    size_t real_len = strlen(walk->real);
    if (strcmp(name, "..") == 0)
        return walk_up(walk, err);
    if (strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
        return tree_refuse(err, ERROR_INVALID, name, "is a whiteout, and something is to be in it");
    if (!walk_append(walk, name, err))
        return false;
    if (fstatat(walk->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        bool entered = false;
        if (errno != ENOENT)
            return tree_fail(err, "looking at", walk->real);
        return walk_missing(walk, name, real_len, &entered, err) && (!entered || walk_enter(walk, name, err));
    }
    if (S_ISLNK(st.st_mode))
        return walk_link(walk, name, real_len, err);
    if (tree_is_whiteout(st.st_mode, st.st_rdev) && walk->make) {
        /* Removed below, and made anew here: nothing of the old one shows through. */
        if (unlinkat(walk->fd, name, 0) != 0)
            return tree_fail(err, "replacing the whiteout", walk->real);
        return walk_make(walk, name, -1, true, err) && walk_enter(walk, name, err);
    }
    if (!S_ISDIR(st.st_mode))
        return tree_refuse(err, ERROR_INVALID, walk->real, "is no folder, and something is to be in it");
    return walk_enter(walk, name, err);
}

static bool walk_run(struct walk *walk, struct error *err)
{
    char name[PATH_NAME_BYTES];
    while (walk->rest[0] != '\0') {
        size_t len = strcspn(walk->rest, "/");
        size_t next = len + (walk->rest[len] == '/' ? 1 : 0);
        if (len >= sizeof(name))
            return tree_refuse(err, ERROR_LIMIT, walk->rest, "has a name of more than 255 bytes");
        memcpy(name, walk->rest, len);
        name[len] = '\0';
        memmove(walk->rest, walk->rest + next, strlen(walk->rest + next) + 1);
        if (name[0] != '\0' && strcmp(name, ".") != 0 && !walk_step(walk, name, err))
            return false;
    }
    return true;
}

bool tree_walk(struct tree *tree, const char *clean, bool make, int *fd, char *real, struct error *err)
{
    /* Mostly all of it is there, without any link. */
    *fd = tree_open_below(tree->root, clean, O_PATH | O_DIRECTORY);
    if (*fd >= 0) {
        memcpy(real, clean, strlen(clean) + 1);
        return true;
    }
    struct walk walk = {.tree = tree, .make = make, .fd = tree_open_below(tree->root, "", O_PATH | O_DIRECTORY)};
    memcpy(walk.rest, clean, strlen(clean) + 1);
    bool ok = walk.fd >= 0 ? walk_run(&walk, err) : tree_fail(err, "opening the layer's folder for", clean);
    if (!ok) {
        if (walk.fd >= 0)
            close(walk.fd);
        return false;
    }
    *fd = walk.fd;
    memcpy(real, walk.real, strlen(walk.real) + 1);
    return true;
}

/* The folder that one layer becomes: the lower layer of an overlay mounted with `userxattr`. Nothing that an archive
 * says leads outside it: no link is followed by the kernel, each one is read and resolved inside the image's root, as
 * the layers below and this one show it. A layer changes only its own folder.
 *
 * Whiteouts become what overlayfs reads: a character device 0:0, and user.overlay.opaque=y on a folder. They speak
 * about the layers below only, wherever in the archive they stand (OCI image layer specification).
 */
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "image/path.h"

#define WHITEOUT_PREFIX ".wh."

/* The folders of the layers below in this image. */
struct tree_lowers {
    const int *fds; /* lowest first; the caller's, who closes them */
    size_t count;
    /* Brings `fds` when they are needed for the first time; NULL: they are there. */
    bool (*fetch)(struct tree_lowers *lowers, struct error *err);
};

struct tree {
    int root;
    struct tree_lowers *lowers; /* the caller's */
    FILE *times;      /* folders' modification times, set when nothing changes in them any more */
    uint64_t made;    /* folders that no entry names */
    bool root_is_set;
    int parent;       /* the folder of the last place, for entries come folder by folder */
    bool parent_is_stale; /* something was replaced: its path may lead elsewhere now */
    char parent_path[LIMIT_PATH_BYTES];
    char parent_real[LIMIT_PATH_BYTES];
};

struct tree_meta {
    uid_t uid;
    gid_t gid;
    mode_t mode; /* with setuid, setgid and sticky */
    struct timespec mtime;
};

/* Where an entry goes: a name in a folder that has been made. `name` is "" for the layer's root. */
struct tree_place {
    int parent; /* the tree's, good until the next place */
    char name[PATH_NAME_BYTES];
    char path[LIMIT_PATH_BYTES]; /* without any link in it */
};

/* Makes `dir` in the folder `staging`. On error there may be a folder left, for the parent process to delete. */
MUST_CHECK bool tree_open(struct tree *tree, int staging, const char *dir, struct tree_lowers *lowers,
                          struct error *err);
void tree_close(struct tree *tree); /* closes `root` too; fine after tree_steal_root */
int tree_steal_root(struct tree *tree);

/* Resolves a cleaned path. Parents that no entry has made are made with the attributes that they have in the layers
 * below, or /tmp would lose its 1777; without any, 0755 root.
 */
MUST_CHECK bool tree_locate(struct tree *tree, const char *clean, struct tree_place *place, struct error *err);

/* What was there is replaced, but for a folder by a folder. The descriptors are for tree_set_xattr and the caller's. */
MUST_CHECK bool tree_add_folder(struct tree *tree, const struct tree_place *place, const struct tree_meta *meta,
                                int *fd, struct error *err);
MUST_CHECK bool tree_add_file(struct tree *tree, const struct tree_place *place, int *fd, struct error *err);
/* `target` may be anything: it is read inside the image's root alone. NULL and "" are refused. */
MUST_CHECK bool tree_add_symlink(struct tree *tree, const struct tree_place *place, const char *target,
                                 const struct tree_meta *meta, struct error *err);
MUST_CHECK bool tree_add_fifo(struct tree *tree, const struct tree_place *place, const struct tree_meta *meta,
                              struct error *err);
/* `target` is a cleaned path of this layer. The link has the attributes of what it leads to. */
MUST_CHECK bool tree_add_hardlink(struct tree *tree, const char *clean, const char *target, struct error *err);
/* `place->name` begins with WHITEOUT_PREFIX. */
MUST_CHECK bool tree_add_whiteout(struct tree *tree, const struct tree_place *place, struct error *err);

/* After the last byte of a file: owner, then mode (a chown takes setuid away). */
MUST_CHECK bool tree_seal_file(int fd, const struct tree_place *place, const struct tree_meta *meta, struct error *err);
/* user.* and security.capability are kept; what steers overlayfs or the host (trusted.*, user.overlay.*, system.*,
 * other security.*) is left out. Set after the owner: a chown drops capabilities. Only for files and folders.
 */
MUST_CHECK bool tree_set_xattr(int fd, const struct tree_place *place, const char *name, const void *value, size_t len,
                               struct error *err);
/* Folders' times, and the root's attributes where no entry gave them. */
MUST_CHECK bool tree_finish(struct tree *tree, struct error *err);

/* Within the tree's own files. */
bool tree_is_whiteout(mode_t mode, dev_t device);
MUST_CHECK bool tree_set_opaque(int fd, const char *path, struct error *err);
MUST_CHECK bool tree_remember_time(struct tree *tree, const char *path, struct timespec mtime, struct error *err);
MUST_CHECK bool tree_copy_folder(struct tree *tree, int from, int to, const char *path, struct error *err);
bool tree_refuse(struct error *err, enum error_code code, const char *path, const char *why);
bool tree_fail(struct error *err, const char *what, const char *path); /* from errno */

#endif

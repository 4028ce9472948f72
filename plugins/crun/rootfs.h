/* A container's root: its image's layers with a writable one on top, by overlayfs. */
#ifndef CRUN_ROOTFS_H
#define CRUN_ROOTFS_H

#include "base/json.h"
#include <sys/types.h>

#include "crun.h"

/* Mounts BUNDLE/rootfs over a new upper folder, with the ids of a user namespace (-1: the disk's) whose root is `owner` on
 * the host. On error nothing is left but folders. */
MUST_CHECK bool rootfs_mount(const struct crun *crun, const char *id, const struct json *layers, int userns,
                             uid_t owner, struct error *err);
/* Refuses an image where a folder that crun mounts over is something else: it would mount where a link leads. */
MUST_CHECK bool rootfs_check(int rootfs_fd, struct error *err);
/* Unmounts, where it is mounted. */
void rootfs_unmount(const struct crun *crun, const char *id);
/* Mounts an image, read-only and inert, at `folder`/root, where it is not yet; and unmounts all of those below a folder. */
MUST_CHECK bool rootfs_mount_image(const char *folder, const struct json *layers, int userns, struct error *err);
void rootfs_unmount_images(const char *images);
/* Gives back what the container wrote. */
MUST_CHECK bool rootfs_remove_upper(const struct crun *crun, const char *id, struct error *err);

#endif

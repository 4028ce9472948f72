/* Mounts that show other ids than the disk has: what root owns on the disk, root of a user namespace owns in it, and what
 * is written there comes back as root's. Linux 5.12 and later, by filesystem (overlayfs 5.19, tmpfs 6.3).
 */
#ifndef CRUN_IDMAP_H
#define CRUN_IDMAP_H

#include "base/error.h"

/* Binds a file or folder, with what is mounted below it, to a path that is there. */
MUST_CHECK bool idmap_bind(const char *source, const char *target, int userns, struct error *err);

#endif

#include "config.h"

#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/memory.h"

bool idmap_bind(const char *source, const char *target, int userns, struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns};
    AUTO_CLOSE int tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

    if (tree < 0)
        return error_set_errno(err, errno, "cannot open %s as a mount", source);
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) != 0)
        return error_set_errno(err, errno, "hostUsers: false: the kernel cannot map the ids of %s (overlayfs needs Linux 5.19, "
                               "tmpfs 6.3)", source);
    return move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) == 0 ||
           error_set_errno(err, errno, "cannot mount %s at %s", source, target);
}

/* Who a container runs as: the image's User, found in the image's own passwd and group files. */
#ifndef CRUN_USER_H
#define CRUN_USER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"

#define USER_GROUPS 64 /* supplementary groups; more are refused */

struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_GROUPS];
    size_t group_count;
};

/* `text`: "", "name", "uid", and either with ":group" or ":gid". Files are read inside the rootfs, whatever links say. */
MUST_CHECK bool user_resolve(int rootfs_fd, const char *text, struct user *user, struct error *err);

/* Whether runAsNonRoot lets it begin. `where` names the pod and the container, for the message. */
MUST_CHECK bool user_check_non_root(const char *image_user, const struct json *context, const char *where, struct error *err);

/* Puts the securityContext over what the image says: runAsUser, runAsGroup, the pod's groups. `image_user` is the image's
 * User.
 */
MUST_CHECK bool user_apply(int rootfs_fd, const char *image_user, const struct json *context, const struct json *pod_context,
                           struct user *user, struct error *err);

#endif

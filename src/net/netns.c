#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/namespace.h"
#include "base/userns.h"
#include "net/net.h"

char *netns_path(const struct net *net, const char *uid)
{
    return mem_printf("%s/%s", net->netns_dir, uid);
}

/* Root in the pod may do in its network what root on a host may: bind port 80, and change addresses. */
static bool make_owned(const char *path, const char *uid, const struct json *users, struct error *err)
{
    struct userns_source source = { .folder = json_get_text(users, "folder"), .first = json_get_integer(users, "first", 0),
                                    .count = json_get_integer(users, "count", 0) };
    AUTO_CLOSE int userns = -1;
    if (source.folder == NULL || !file_path_is_safe(source.folder))
        return error_set(err, ERROR_INVALID, "users.folder must be an absolute path");
    if (!userns_open(&source, uid, &userns, NULL, err) || !userns_make_namespace(userns, CLONE_NEWNET, path, err)) {
        unlink(path);
        return false;
    }
    return true;
}

bool netns_make(const char *path, const char *uid, const struct json *users, struct error *err)
{
    if (namespace_is(path))
        return true;
    return users != NULL ? make_owned(path, uid, users, err) : namespace_make(path, CLONE_NEWNET, err);
}

struct nl_sock *netns_socket(const char *path, struct error *err)
{
    AUTO_CLOSE int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int there = open(path, O_RDONLY | O_CLOEXEC);
    if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0) {
        error_set_errno(err, errno, "cannot enter the network namespace %s", path);
        return NULL;
    }
    struct nl_sock *socket = link_socket(err);
    if (setns(home, CLONE_NEWNET) != 0)
        _exit(1); /* nothing may be done in the wrong place */
    return socket;
}

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/userns.h"
#include "net/net.h"

char *netns_path(const struct net *net, const char *uid)
{
    return mem_printf("%s/%s", net->netns_dir, uid);
}

struct making {
    const char *path;
    const char *step; /* what failed */
    int failed;       /* errno */
};

static int set_loopback_up(void)
{
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_name = "lo" };
    if (fd < 0)
        return -1;
    request.ifr_flags = IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

/* In a thread of its own, which leaves the host's namespace and ends. */
static void *make_in_thread(void *arg)
{
    struct making *making = arg;
    making->step = "unshare";
    bool good = unshare(CLONE_NEWNET) == 0;
    if (good) {
        making->step = "set lo up";
        good = set_loopback_up() == 0;
    }
    if (good) {
        making->step = "bind";
        good = mount("/proc/thread-self/ns/net", making->path, NULL, MS_BIND, NULL) == 0;
    }
    if (!good)
        making->failed = errno;
    return NULL;
}

static bool is_netns(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
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
    struct making making = { .path = path };
    pthread_t thread;
    if (is_netns(path))
        return true;
    if (users != NULL)
        return make_owned(path, uid, users, err);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make %s", path);
    close(fd);
    making.failed = pthread_create(&thread, NULL, make_in_thread, &making);
    if (making.failed == 0)
        pthread_join(thread, NULL);
    if (making.failed == 0)
        return true;
    unlink(path);
    return error_set_errno(err, making.failed, "cannot make a network namespace at %s: %s", path,
                           making.step == NULL ? "no thread" : making.step);
}

bool netns_remove(const char *path, struct error *err)
{
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    return unlink(path) == 0 || errno == ENOENT || error_set_errno(err, errno, "cannot remove %s", path);
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

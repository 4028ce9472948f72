#include "config.h"

#include "netns.h"

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

#include "base/memory.h"

struct making {
    const char *path;
    const char *step; /* what failed */
    int failed;       /* errno */
};

static int set_loopback_up(void)
{
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};

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
    if (unshare(CLONE_NEWNET) != 0)
        goto failed;
    making->step = "set lo up";
    if (set_loopback_up() != 0)
        goto failed;
    making->step = "bind";
    if (mount("/proc/thread-self/ns/net", making->path, NULL, MS_BIND, NULL) != 0)
        goto failed;
    return NULL;
failed:
    making->failed = errno;
    return NULL;
}

static bool is_netns(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

bool netns_make(const char *path, bool *made, struct error *err)
{
    struct making making = {.path = path};
    pthread_t thread;
    int fd;

    *made = false;
    if (is_netns(path))
        return true;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make %s", path);
    close(fd);
    making.failed = pthread_create(&thread, NULL, make_in_thread, &making);
    if (making.failed == 0)
        pthread_join(thread, NULL);
    if (making.failed != 0) {
        unlink(path);
        return error_set_errno(err, making.failed, "cannot make a network namespace at %s: %s", path,
                               making.step == NULL ? "no thread" : making.step);
    }
    *made = true;
    return true;
}

bool netns_remove(const char *path, struct error *err)
{
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    return unlink(path) == 0 || errno == ENOENT || error_set_errno(err, errno, "cannot remove %s", path);
}

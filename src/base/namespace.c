#include "config.h"

#include "base/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

struct making {
    const char *path;
    int kind;
    const char *step; /* what failed */
    int failed;       /* errno */
};

static int set_loopback_up(void)
{
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
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
    const char *source = making->kind == CLONE_NEWNET ? "/proc/thread-self/ns/net" : "/proc/thread-self/ns/ipc";

    making->step = "unshare";
    if (unshare(making->kind) != 0)
        goto failed;
    making->step = "set lo up";
    if (making->kind == CLONE_NEWNET && set_loopback_up() != 0)
        goto failed;
    making->step = "bind";
    if (mount(source, making->path, NULL, MS_BIND, NULL) != 0)
        goto failed;
    return NULL;
failed:
    making->failed = errno;
    return NULL;
}

bool namespace_is(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

static bool make_file(const char *path, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 || error_set_errno(err, errno, "cannot make %s", path);
}

bool namespace_make(const char *path, int kind, struct error *err)
{
    struct making making = {.path = path, .kind = kind};
    pthread_t thread;

    if (namespace_is(path))
        return true;
    if (!make_file(path, err))
        return false;
    making.failed = pthread_create(&thread, NULL, make_in_thread, &making);
    if (making.failed == 0)
        pthread_join(thread, NULL);
    if (making.failed == 0)
        return true;
    unlink(path);
    return error_set_errno(err, making.failed, "cannot make a namespace at %s: %s", path,
                           making.step == NULL ? "no thread" : making.step);
}

bool namespace_keep(const char *source, const char *path, struct error *err)
{
    if (!namespace_remove(path, err) || !make_file(path, err))
        return false;
    return mount(source, path, NULL, MS_BIND, NULL) == 0 || error_set_errno(err, errno, "cannot bind %s to %s", source, path);
}

bool namespace_remove(const char *path, struct error *err)
{
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    return unlink(path) == 0 || errno == ENOENT || error_set_errno(err, errno, "cannot remove %s", path);
}

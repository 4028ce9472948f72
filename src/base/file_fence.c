/* Whoever holds the lock is found by the lock, not by the pid in the file: that one may have ended, its number be taken
 * by a stranger, and the lock live on in a child it forked. The kernel shows a lock in /proc/PID/fdinfo of every
 * process that has the locked description open.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "davit/limits.h"

#define POLL_MS 20

static bool lock_wait(int fd, unsigned wait_ms)
{
    uint64_t end_ms = clock_boot_ms() + wait_ms;
    struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

    for (;;) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (clock_boot_ms() >= end_ms)
            return false;
        nanosleep(&pause, NULL);
    }
}

static bool shows_lock(int info_dir, const char *name)
{
    char text[1024];
    int fd = openat(info_dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return strstr(text, "FLOCK") != NULL;
}

static bool process_holds(const char *pid, const struct stat *file)
{
    char path[64];
    struct stat found;
    bool holds = false;

    snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
    DIR *fds = opendir(path);
    snprintf(path, sizeof(path), "/proc/%.16s/fdinfo", pid);
    AUTO_CLOSE int info_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fds == NULL)
        return false;
    for (struct dirent *entry; !holds && (entry = readdir(fds)) != NULL;) {
        holds = fstatat(dirfd(fds), entry->d_name, &found, 0) == 0 && found.st_dev == file->st_dev &&
                found.st_ino == file->st_ino && shows_lock(info_dir, entry->d_name);
    }
    closedir(fds);
    return holds;
}

/* The pidfd is opened before the look, so that what is looked at is what is killed. */
static bool holder_kill(const char *pid, const struct stat *file, const char *path)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)atoi(pid), 0);

    if (pidfd < 0 || !process_holds(pid, file))
        return false;
    log_warn("%s is still held by process %s: it is killed, and its place taken", path, pid);
    return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;
}

static unsigned holders_kill(const struct stat *file, const char *path)
{
    DIR *proc = opendir("/proc");
    unsigned killed = 0;

    if (proc == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && atoi(entry->d_name) != getpid())
            killed += holder_kill(entry->d_name, file, path);
    }
    closedir(proc);
    return killed;
}

static bool fence_take_over(int fd, const char *path, struct error *err)
{
    char holder[32] = "";
    struct stat file;

    if (fstat(fd, &file) != 0)
        return error_set_errno(err, errno, "looking at %s", path);
    ssize_t got = pread(fd, holder, sizeof(holder) - 1, 0);
    holder[got > 0 ? strcspn(holder, "\n") : 0] = '\0';
    unsigned killed = holders_kill(&file, path);
    if (lock_wait(fd, LIMIT_FENCE_MS))
        return true;
    if (killed > 0)
        return error_set(err, ERROR_TIMEOUT, "%s: its holder was killed but has not ended: is a process in state D?",
                         path);
    return error_set(err, ERROR_UNAVAILABLE,
                     "%s is held by a process that cannot be seen in /proc (the file says pid %s): end it by hand",
                     path, holder[0] != '\0' ? holder : "unknown");
}

static bool pid_write(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len;
}

int file_fence(const char *path, unsigned wait_ms, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        error_set_errno(err, errno, "opening the lock %s", path);
        return -1;
    }
    if (!lock_wait(fd, wait_ms) && !fence_take_over(fd, path, err))
        return -1;
    if (!pid_write(fd)) {
        error_set_errno(err, errno, "writing the pid into %s", path);
        return -1;
    }
    return fd_steal(&fd);
}

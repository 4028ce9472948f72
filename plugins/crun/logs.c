#include "config.h"

#include "logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rotated.h"

#define INOTIFY_BYTES 4096
#define LOOK_MIN_MS 20u
#define LOOK_MAX_MS 5000u
#define REOPEN_MS 1000u  /* conmon has opened its new file by then, or is asked again */
#define FREE_BYTES (1024 * 1024u) /* conmon ends when it cannot open its new file: not on a full disk */

bool logs_prepare(struct crun *crun, struct error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = LOGS_SERIAL};

    crun->logs_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return (crun->logs_fd >= 0 && epoll_ctl(crun->epoll_fd, EPOLL_CTL_ADD, crun->logs_fd, &event) == 0) ||
           error_set_errno(err, errno, "cannot watch logs");
}

static bool size_of(const struct instance *instance, off_t *size)
{
    struct stat info;

    if (stat(instance->log_path, &info) != 0)
        return false;
    *size = info.st_size;
    return true;
}

/* Sleeps until the next write. */
static void sleep_until_written(const struct crun *crun, struct instance *instance)
{
    instance->log_look_ms = 0;
    instance->log_wd = inotify_add_watch(crun->logs_fd, instance->log_path, IN_MODIFY | IN_ONESHOT);
    if (instance->log_wd >= 0)
        return;
    crun_log(crun, 4, "%s cannot be watched (%s): its size is looked at", instance->log_path, strerror(errno));
    instance->log_look_ms = clock_boot_ms() + LOOK_MAX_MS;
}

void logs_add(struct crun *crun, struct instance *instance)
{
    instance->log_wd = -1;
    /* One without a log was put aside by a host that was killed before conmon knew: look again soon. */
    if (size_of(instance, &instance->log_size))
        sleep_until_written(crun, instance);
    else
        instance->log_look_ms = instance->log_asked_ms = clock_boot_ms() + REOPEN_MS;
}

void logs_remove(struct crun *crun, struct instance *instance)
{
    if (instance->log_wd >= 0)
        inotify_rm_watch(crun->logs_fd, instance->log_wd);
    instance->log_wd = -1;
    instance->log_look_ms = 0;
}

void logs_written(struct crun *crun)
{
    char buffer[INOTIFY_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    uint64_t now = clock_boot_ms();
    ssize_t got;

    while ((got = read(crun->logs_fd, buffer, sizeof(buffer))) > 0)
        for (const char *at = buffer; at < buffer + got;) {
            const struct inotify_event *event = (const struct inotify_event *)at;

            at += sizeof(*event) + event->len;
            for (struct instance *one = crun->instances; one != NULL; one = one->next)
                if ((event->mask & IN_Q_OVERFLOW) != 0 || (one->log_wd >= 0 && one->log_wd == event->wd)) {
                    one->log_wd = -1;
                    one->log_seen_ms = now;
                    one->log_look_ms = now + LOOK_MIN_MS;
                }
        }
}

/* "2 0 0" on its control fifo: open the log anew. A second one before the first was read would throw a new log away. */
static bool ask_conmon(const struct crun *crun, const struct instance *instance)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, instance->id);
    AUTO_FREE char *path = mem_printf("%s/ctl", bundle);
    AUTO_CLOSE int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    int waiting = 0;

    if (fd < 0 || ioctl(fd, FIONREAD, &waiting) != 0 || waiting > 0)
        return false;
    return write(fd, "2 0 0\n", 6) == 6;
}

static bool has_room(const struct instance *instance)
{
    AUTO_FREE char *folder = mem_strdup(instance->log_path);
    struct statvfs info;

    *strrchr(folder, '/') = '\0';
    return statvfs(folder, &info) == 0 && (uint64_t)info.f_bavail * info.f_frsize >= FREE_BYTES &&
           (info.f_files == 0 || info.f_favail > 0);
}

static void put_aside(const struct crun *crun, struct instance *instance, uint64_t now)
{
    struct error err;

    instance->log_look_ms = now + LOOK_MAX_MS;
    if (!has_room(instance))
        return;
    if (!rotated_put_aside(instance->log_path, crun->log_files - 1, &err)) {
        crun_log(crun, 4, "a log cannot be put aside: %s", err.message);
        return;
    }
    instance->log_size = 0;
    instance->log_asked_ms = now + REOPEN_MS;
    instance->log_look_ms = now + LOOK_MIN_MS;
    if (!ask_conmon(crun, instance))
        crun_log(crun, 4, "conmon of %s was not told of its new log: told again", instance->id);
}

/* It was put aside, and the new one is not there yet. */
static void wait_for_new(const struct crun *crun, struct instance *instance, uint64_t now)
{
    instance->log_look_ms = now + LOOK_MIN_MS;
    if (now < instance->log_asked_ms)
        return;
    instance->log_asked_ms = now + REOPEN_MS;
    instance->log_look_ms = now + REOPEN_MS;
    if (has_room(instance))
        (void)ask_conmon(crun, instance); /* and again, until it is there */
}

/* When it may be half way to its cap at the rate of the last look. */
static uint64_t next_look(const struct crun *crun, const struct instance *instance, off_t grown, uint64_t since_ms)
{
    uint64_t room = (uint64_t)(crun->log_bytes - instance->log_size);
    uint64_t wait = grown > 0 ? room * (since_ms > 0 ? since_ms : 1) / (uint64_t)grown / 2 : LOOK_MAX_MS;

    return wait < LOOK_MIN_MS ? LOOK_MIN_MS : wait > LOOK_MAX_MS ? LOOK_MAX_MS : wait;
}

static void look(const struct crun *crun, struct instance *instance, uint64_t now)
{
    off_t size, grown;

    if (!size_of(instance, &size)) {
        wait_for_new(crun, instance, now);
        return;
    }
    if (size >= crun->log_bytes) {
        put_aside(crun, instance, now);
        instance->log_seen_ms = now;
        return;
    }
    grown = size - instance->log_size;
    instance->log_size = size;
    if (grown == 0) {
        sleep_until_written(crun, instance);
    } else {
        uint64_t due = now + next_look(crun, instance, grown, now - instance->log_seen_ms);

        /* Those that grow slowly are looked at together. */
        instance->log_look_ms = due < now + LOOK_MAX_MS ? due : due / LOOK_MAX_MS * LOOK_MAX_MS + LOOK_MAX_MS;
    }
    instance->log_seen_ms = now;
}

int logs_look(struct crun *crun)
{
    uint64_t now = clock_boot_ms(), next = 0;

    for (struct instance *one = crun->instances; one != NULL; one = one->next) {
        if (one->log_look_ms == 0)
            continue;
        if (one->state == INSTANCE_EXITED || !one->supervised)
            logs_remove(crun, one);
        else if (one->log_look_ms <= now)
            look(crun, one, now);
        if (one->log_look_ms != 0 && (next == 0 || one->log_look_ms < next))
            next = one->log_look_ms;
    }
    if (next == 0)
        return -1;
    return next > now ? (int)(next - now) : 0;
}

#include "config.h"

#include "watch.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/memory.h"
#include "logs.h"

#define EVENTS 32
#define INOTIFY_BYTES 4096
#define INOTIFY_SERIAL 0 /* instances begin with 1 */

bool watch_prepare(struct crun *crun, struct error *err)
{
    AUTO_FREE char *exits = mem_printf("%s/exits", crun->run_dir);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = INOTIFY_SERIAL};

    crun->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    crun->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (crun->epoll_fd < 0 || crun->inotify_fd < 0 || inotify_add_watch(crun->inotify_fd, exits, IN_MOVED_TO) < 0 ||
        epoll_ctl(crun->epoll_fd, EPOLL_CTL_ADD, crun->inotify_fd, &event) != 0)
        return error_set_errno(err, errno, "cannot watch %s", exits);
    return logs_prepare(crun, err);
}

static void watch_process(const struct crun *crun, const struct process *process, uint64_t serial)
{
    /* Once: a process ends once, and stays readable from then on. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = serial};

    if (process->pidfd >= 0 && epoll_ctl(crun->epoll_fd, EPOLL_CTL_ADD, process->pidfd, &event) != 0)
        crun_log(crun, 4, "the end of process %d will not be noticed: %s", process->pid, strerror(errno));
}

void watch_add(struct crun *crun, struct instance *instance)
{
    watch_process(crun, &instance->conmon, instance->serial);
    watch_process(crun, &instance->init, instance->serial);
    logs_add(crun, instance);
    instance_look(crun, instance);
}

void watch_remove(struct crun *crun, struct instance *instance)
{
    logs_remove(crun, instance);
    if (instance->conmon.pidfd >= 0)
        epoll_ctl(crun->epoll_fd, EPOLL_CTL_DEL, instance->conmon.pidfd, NULL);
    if (instance->init.pidfd >= 0)
        epoll_ctl(crun->epoll_fd, EPOLL_CTL_DEL, instance->init.pidfd, NULL);
}

static void look_at_all(struct crun *crun)
{
    for (struct instance *instance = crun->instances; instance != NULL; instance = instance->next)
        instance_look(crun, instance);
}

static void look_at_exits(struct crun *crun)
{
    char buffer[INOTIFY_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    const struct inotify_event *event;
    struct instance *instance;
    ssize_t got;

    while ((got = read(crun->inotify_fd, buffer, sizeof(buffer))) > 0) {
        for (const char *at = buffer; at < buffer + got; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)at;
            if ((event->mask & IN_Q_OVERFLOW) != 0) {
                look_at_all(crun); /* some were dropped, nobody knows which */
                continue;
            }
            /* conmon's temporary names have an ending, and no id has */
            instance = event->len > 0 ? instance_find(crun, event->name) : NULL;
            if (instance != NULL)
                instance_look(crun, instance);
        }
    }
}

static void look_at_serial(struct crun *crun, uint64_t serial)
{
    struct instance *instance = crun->instances;

    while (instance != NULL && instance->serial != serial)
        instance = instance->next;
    if (instance != NULL)
        instance_look(crun, instance);
}

static void *watch(void *arg)
{
    struct crun *crun = arg;
    struct epoll_event events[EVENTS];
    int count, wait_ms = 0;

    for (;;) {
        count = epoll_wait(crun->epoll_fd, events, EVENTS, wait_ms);
        pthread_mutex_lock(&crun->lock);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == INOTIFY_SERIAL)
                look_at_exits(crun);
            else if (events[i].data.u64 == LOGS_SERIAL)
                logs_written(crun);
            else
                look_at_serial(crun, events[i].data.u64);
        }
        wait_ms = logs_look(crun);
        pthread_mutex_unlock(&crun->lock);
    }
    return NULL;
}

bool watch_start(struct crun *crun, struct error *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    int failed;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    failed = pthread_create(&thread, &attr, watch, crun);
    pthread_attr_destroy(&attr);
    return failed == 0 || error_set_errno(err, failed, "cannot start the watching thread");
}

#include "config.h"

#include "conmon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/spawn.h"

#define SYNC_BYTES 4096
/* Where only crun was killed, conmon reads an error message from a pipe that crun's child holds as long as it lives. */
#define SYNC_MS 30000

static const char *const conmon_env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "_OCI_SYNCPIPE=3", NULL,
};

/* What crun says comes as one JSON line: {"data":PID}, or {"data":-1,"message":"…"}. */
static bool read_sync(int fd, int cancel_fd, char line[SYNC_BYTES], struct error *err)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    size_t len = 0;
    ssize_t got;

    while (len < SYNC_BYTES - 1) {
        if (poll(fds, 2, SYNC_MS) < 0 && errno == EINTR)
            continue;
        if (fds[0].revents == 0)
            return error_set(err, ERROR_TIMEOUT, "conmon has not created the container in time");
        got = read(fd, line + len, SYNC_BYTES - 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
        if (line[len - 1] == '\n')
            break;
    }
    line[len] = '\0';
    return true;
}

static bool parse_sync(const char *line, pid_t *pid, struct error *err)
{
    AUTO_JSON struct json *json = json_parse(line, strlen(line), err);
    AUTO_FREE char *message = NULL;

    if (json == NULL)
        return error_set(err, ERROR_INTERNAL, "conmon ended before the container was there: %s", line);
    *pid = (pid_t)json_get_integer(json, "data", -1);
    if (*pid > 0)
        return true;
    message = mem_strdup(json_get_text(json, "message"));
    if (message == NULL)
        return error_set(err, ERROR_INTERNAL, "crun create failed and gave no reason");
    message[strcspn(message, "\r\n")] = '\0';
    return error_set(err, ERROR_INTERNAL, "crun create: %s", message);
}

static bool run_conmon(const struct crun *crun, const char *const *argv, int cancel_fd, char line[SYNC_BYTES],
                       struct error *err)
{
    struct spawn spawn = {.argv = argv, .env = conmon_env, .cgroup_fd = crun->conmon_cgroup_fd, .out_fd = -1};
    AUTO_FREE char *said = NULL;
    int sync[2];
    bool good;

    if (pipe2(sync, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe to conmon");
    spawn.extra_fd = sync[1];
    good = spawn_start(&spawn, err);
    close(sync[1]);
    good = good && spawn_wait(&spawn, cancel_fd, err) && read_sync(sync[0], cancel_fd, line, err);
    if (good ? line[0] == '\0' : err->code != ERROR_TIMEOUT) {
        said = spawn.said_fd >= 0 ? spawn_said(&spawn) : mem_strdup("");
        good = good ? error_set(err, ERROR_INTERNAL, "conmon gave no answer; it said: %s", said)
                    : error_wrap(err, "conmon (%s)", said);
    }
    close(sync[0]);
    spawn_close(&spawn);
    return good;
}

static bool hold_processes(struct instance *instance, pid_t init, const char *conmon_pidfile, struct error *err)
{
    pid_t conmon = process_read_pid(conmon_pidfile);

    if (!process_hold(&instance->conmon, conmon))
        return error_set(err, ERROR_INTERNAL, "conmon (pid %d) has gone at once", conmon);
    if (!process_hold(&instance->init, init))
        return error_set(err, ERROR_INTERNAL, "the container's first process (pid %d) has gone at once", init);
    return true;
}

bool conmon_create(const struct crun *crun, struct instance *instance, int cancel_fd, struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, instance->id);
    AUTO_FREE char *pidfile = mem_printf("%s/pid", bundle);
    AUTO_FREE char *conmon_pidfile = mem_printf("%s/conmon.pid", bundle);
    AUTO_FREE char *exit_dir = mem_printf("%s/exits", crun->run_dir);
    AUTO_FREE char *log = mem_printf("k8s-file:%s", instance->log_path);
    AUTO_FREE char *root = mem_printf("--root=%s/crun", crun->run_dir);
    AUTO_FREE char *name = mem_printf("%s_%s_%s", instance->namespace_, instance->pod, instance->container);
    AUTO_FREE char *most = mem_printf("%lld", LIMIT_LOG_BYTES);
    /* Kubernetes: `stdin` is open, and says nothing, until somebody attaches; without it reading ends at once. */
    const char *stdin_pipe = instance->stdin_open ? "--stdin" : NULL;
    const char *first = instance->tty ? "-t" : stdin_pipe, *second = instance->tty ? stdin_pipe : NULL;
    /* no-sync-log: an fsync of the log would hold back the news of every exit, and wear the flash */
    const char *const argv[] = {
        crun->conmon_path, "--api-version", "1", "-c", instance->id, "-u", instance->id, "-n", name,
        "-r", crun->crun_path, "-b", bundle, "-p", pidfile, "-P", conmon_pidfile, "--exit-dir", exit_dir,
        "-l", log, "--log-size-max", most, "--no-sync-log", "--full-attach",
        "--runtime-arg", root, "--runtime-arg", crun_manager(crun), first, second, NULL,
    };
    char line[SYNC_BYTES] = "";
    pid_t init = 0;

    return run_conmon(crun, argv, cancel_fd, line, err) && parse_sync(line, &init, err) &&
           hold_processes(instance, init, conmon_pidfile, err);
}

bool conmon_run_crun(const struct crun *crun, const char *verb, const char *option, const char *id, int cancel_fd,
                     struct error *err)
{
    AUTO_FREE char *root = mem_printf("--root=%s/crun", crun->run_dir);
    const char *argv[] = {crun->crun_path, root, crun_manager(crun), verb, id, NULL, NULL};

    if (option != NULL) {
        argv[4] = option;
        argv[5] = id;
    }
    return spawn_run(argv, cancel_fd, err) || error_wrap(err, "crun %s", verb);
}

static bool watch_also(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool conmon_start(const struct crun *crun, const struct instance *instance, int cancel_fd, struct error *err)
{
    /* crun waits at the container's fifo for a process that reads it, and that may have been killed meanwhile */
    int either = epoll_create1(EPOLL_CLOEXEC);
    bool good;

    if (either < 0 || !watch_also(either, cancel_fd) || !watch_also(either, instance->init.pidfd))
        good = error_set_errno(err, errno, "cannot watch the container while crun starts it");
    else
        good = conmon_run_crun(crun, "start", NULL, instance->id, either, err);
    if (!good && instance->init.pidfd >= 0 && !process_is_alive(&instance->init)) {
        crun_log(crun, 5, "%s ended while crun started it: %s", instance->id, err->message);
        good = true;
    }
    if (either >= 0)
        close(either);
    return good;
}

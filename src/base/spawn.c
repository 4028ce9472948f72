#include "config.h"

#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/memory.h"

#define SAID_BYTES 400
#define FIRST_MOVED_FD 10 /* away from 0 to 3 before they are set */

const char *const spawn_plain_env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};

static struct rlimit child_files; /* set once, before any thread */

void spawn_raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    child_files = files;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* In the child: only async-signal-safe calls from here on. */
static int move_away(int fd, int otherwise)
{
    return fcntl(fd >= 0 ? fd : otherwise, F_DUPFD_CLOEXEC, FIRST_MOVED_FD);
}

static void set_stdio(const struct spawn *spawn)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int in_fd = move_away(spawn->stdio != NULL ? spawn->stdio[0] : -1, null_fd);
    int out_fd = move_away(spawn->stdio != NULL ? spawn->stdio[1] : spawn->out_fd, null_fd);
    bool own_err = spawn->stdio != NULL && spawn->stdio[2] != SPAWN_SAID;
    int said_fd = spawn->err_to_out ? out_fd : move_away(own_err ? spawn->stdio[2] : spawn->said_fd, null_fd);

    dup2(in_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(said_fd, STDERR_FILENO);
}

static _Noreturn void become(const struct spawn *spawn, pid_t parent)
{
    int extra_fd;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    extra_fd = spawn->extra_fd >= 0 ? move_away(spawn->extra_fd, -1) : -1;
    set_stdio(spawn);
    if (extra_fd >= 0)
        dup2(extra_fd, SPAWN_EXTRA_FD);
    close_range(extra_fd >= 0 ? SPAWN_EXTRA_FD + 1 : SPAWN_EXTRA_FD, ~0U, 0);
    if (child_files.rlim_max != 0)
        setrlimit(RLIMIT_NOFILE, &child_files);
    signal(SIGPIPE, SIG_DFL);
    umask(0022); /* crun makes cgroup folders and mount points with it, and they are the container's to read */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(spawn->argv[0], (char *const *)spawn->argv, (char *const *)spawn->env);
    _exit(127);
}

/* clone3 as fork, for it gives the pidfd and the cgroup at birth; the parent waits until the child has called exec. */
static pid_t clone_child(struct spawn *spawn)
{
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_VFORK,
        .pidfd = (uint64_t)(uintptr_t)&spawn->pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t parent = getpid(), pid;

    if (spawn->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)spawn->cgroup_fd;
    }
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        become(spawn, parent);
    return pid;
}

bool spawn_start(struct spawn *spawn, struct error *err)
{
    spawn->pidfd = -1;
    spawn->said_fd = memfd_create("stderr", MFD_CLOEXEC);
    if (spawn->said_fd < 0)
        return error_set_errno(err, errno, "cannot make a memfd for %s", spawn->argv[0]);
    spawn->pid = clone_child(spawn);
    if (spawn->pid < 0)
        return error_set_errno(err, errno, "cannot start %s", spawn->argv[0]);
    return true;
}

bool spawn_wait(struct spawn *spawn, int cancel_fd, struct error *err)
{
    struct pollfd fds[2] = {{.fd = spawn->pidfd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    bool cancelled = false;
    siginfo_t info = {0};

    while (!cancelled && poll(fds, 2, -1) <= 0)
        ;
    if (fds[0].revents == 0) {
        cancelled = true;
        pidfd_send_signal(spawn->pidfd, SIGKILL, NULL, 0);
    }
    while (waitid(P_PIDFD, (id_t)spawn->pidfd, &info, WEXITED) != 0 && errno == EINTR)
        ;
    if (cancelled)
        return error_set(err, ERROR_TIMEOUT, "%s has not ended in time, and was ended", spawn->argv[0]);
    if (info.si_code != CLD_EXITED)
        return error_set(err, ERROR_INTERNAL, "%s was killed by signal %d", spawn->argv[0], info.si_status);
    if (info.si_status == 127)
        return error_set(err, ERROR_NOT_FOUND, "%s cannot be started: is it installed?", spawn->argv[0]);
    return info.si_status == 0 || error_set(err, ERROR_INTERNAL, "%s exited with %d", spawn->argv[0], info.si_status);
}

int spawn_reap(const struct spawn *spawn)
{
    siginfo_t info = {0};

    while (waitid(P_PIDFD, (id_t)spawn->pidfd, &info, WEXITED) != 0 && errno == EINTR)
        ;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void spawn_close(struct spawn *spawn)
{
    fd_close_at(&spawn->pidfd);
    fd_close_at(&spawn->said_fd);
    spawn->pidfd = spawn->said_fd = -1;
}

char *spawn_said(const struct spawn *spawn)
{
    char *text = mem_alloc(SAID_BYTES + 1);
    ssize_t got = pread(spawn->said_fd, text, SAID_BYTES, 0);

    text[got > 0 ? got : 0] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ')
            *at = at[1] == '\0' ? '\0' : ' ';
    }
    return text;
}

bool spawn_run(const char *const *argv, int cancel_fd, struct error *err)
{
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .out_fd = -1};
    AUTO_FREE char *said = NULL;
    bool done = spawn_start(&spawn, err) && spawn_wait(&spawn, cancel_fd, err);

    if (!done && spawn.said_fd >= 0) {
        said = spawn_said(&spawn);
        if (said[0] != '\0')
            error_set(err, err->code, "%s", said);
    }
    spawn_close(&spawn);
    return done;
}

char *spawn_find(const char *name)
{
    static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char *path = mem_printf("%s/%s", folders[i], name);

        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

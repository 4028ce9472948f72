#include "config.h"

#include "pause.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/namespace.h"
#include "cgroup.h"
#include "proc.h"

#define PROGRAM "davit-pause"
#define RECORD_BYTES 256
#define END_MS 5000
#define FAILED 127

/* Between the host and the two children: the second one is the pause. */
struct birth {
    const char *program, *folder;
    int program_fd;
    int userns;                     /* that owns the namespace; -1: the host's */
    int go_fd, ready_fd;            /* the children's ends */
    int keep_go_fd, read_ready_fd;  /* ours */
};

static char *record_path(const char *folder)
{
    return mem_printf("%s/pause", folder);
}

/* Of this boot, for the folder goes with one. */
static bool find_living(const char *folder, struct process *process)
{
    AUTO_FREE char *path = record_path(folder);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* none was made, or it cannot be told from a stranger */
    size_t len;
    int pid = 0;
    unsigned long long ticks = 0;

    process_init(process);
    if (!file_read(path, RECORD_BYTES, &text, &len, &ignored) || sscanf(text, "%d %llu", &pid, &ticks) != 2)
        return false;
    process->pid = pid;
    process->start_ticks = ticks;
    return process_hold_again(process, &ignored) && process_is_alive(process);
}

static pid_t fork_plain(unsigned long long flags)
{
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};

    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* In a child of many threads: only async-signal-safe calls. */
static _Noreturn void become_pause(const struct birth *birth)
{
    const char *const argv[] = {PROGRAM, birth->folder, NULL}, *const env[] = {NULL};

    if (dup2(birth->go_fd, STDIN_FILENO) < 0 || dup2(birth->ready_fd, STDOUT_FILENO) < 0)
        _exit(FAILED);
    /* All others are closed at exec; the program is held, for in a user namespace its path may be closed. */
    close_range(STDERR_FILENO, ~0U, CLOSE_RANGE_CLOEXEC);
    syscall(SYS_execveat, birth->program_fd, "", argv, env, AT_EMPTY_PATH);
    _exit(FAILED);
}

/* Ends at once, so that the pause is nobody's child here: who made it may be killed at any moment. */
static _Noreturn void make_second(const struct birth *birth)
{
    bool there = birth->userns < 0 || (setns(birth->userns, CLONE_NEWUSER) == 0 && syscall(SYS_setresgid, 0, 0, 0) == 0 &&
                                       syscall(SYS_setresuid, 0, 0, 0) == 0);
    pid_t pid = there && unshare(CLONE_NEWPID) == 0 ? fork_plain(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) : -1;

    if (pid == 0)
        become_pause(birth);
    _exit(pid > 0 && write(birth->ready_fd, &pid, sizeof(pid)) == sizeof(pid) ? 0 : FAILED);
}

static bool read_whole(int fd, void *out, size_t size)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    size_t len = 0;

    while (len < size && poll(&ready, 1, END_MS) > 0) {
        ssize_t got = read(fd, (char *)out + len, size - len);

        if (got <= 0 && errno != EINTR)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    return len == size;
}

static void close_end(int *fd)
{
    fd_close_at(fd);
    *fd = -1;
}

/* The pause is ready, and waits for the word. */
static bool bear(struct birth *birth, pid_t *pid, struct error *err)
{
    char step = -1;
    pid_t first = fork_plain(0);

    if (first == 0)
        make_second(birth);
    if (first < 0)
        return error_set_errno(err, errno, "cannot fork for " PROGRAM);
    close_end(&birth->go_fd);
    close_end(&birth->ready_fd);
    while (waitpid(first, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!read_whole(birth->read_ready_fd, pid, sizeof(*pid)))
        return error_set(err, ERROR_INTERNAL, "no PID namespace for the pod can be made: are there too many of them?");
    if (!read_whole(birth->read_ready_fd, &step, 1))
        return error_set(err, ERROR_NOT_FOUND, "%s cannot be started: is it installed?", birth->program);
    return step == 0 || error_set(err, ERROR_INTERNAL, PROGRAM " failed in its step %d", step);
}

static bool write_record(const char *folder, const struct process *process, struct error *err)
{
    AUTO_FREE char *path = record_path(folder);
    char text[64];
    int len = snprintf(text, sizeof(text), "%d %llu\n", process->pid, (unsigned long long)process->start_ticks);

    return file_write_atomic(path, text, (size_t)len, 0600, false, err);
}

/* Nobody waits in the namespace before the word, and without it the pause ends by itself. */
static bool keep(const struct crun *crun, const struct birth *birth, const char *uid, pid_t pid, struct error *err)
{
    AUTO_FREE char *source = mem_printf("/proc/%d/ns/pid", pid);
    AUTO_FREE char *path = mem_printf("%s/pid", birth->folder);
    AUTO_FREE char *cgroup = cgroup_pause_path(crun, uid);
    struct process process;

    if (!process_hold(&process, pid))
        return error_set(err, ERROR_INTERNAL, PROGRAM " has gone at once");
    bool good = cgroup_put(cgroup, pid, err) && namespace_keep(source, path, err) &&
                write_record(birth->folder, &process, err) &&
                (write(birth->keep_go_fd, "", 1) == 1 || error_set_errno(err, errno, "cannot tell " PROGRAM " to go on"));
    process_close(&process);
    return good;
}

/* Beside the program that this one is. The caller frees. */
static char *find_program(void)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    return mem_printf("%.*s/" PROGRAM, slash != NULL ? (int)(slash - self) : 0, self);
}

bool pause_make(const struct crun *crun, const char *uid, const char *folder, int userns, struct error *err)
{
    AUTO_FREE char *program = find_program();
    struct birth birth = {.program = program, .folder = folder, .userns = userns};
    struct process living;
    int go[2], ready[2];
    pid_t pid;

    bool lives = find_living(folder, &living);
    process_close(&living);
    if (lives)
        return true;
    if (pipe2(go, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    if (pipe2(ready, O_CLOEXEC) != 0) {
        close(go[0]);
        close(go[1]);
        return error_set_errno(err, errno, "cannot make a pipe");
    }
    birth.program_fd = open(program, O_PATH | O_CLOEXEC);
    birth.go_fd = go[0];
    birth.keep_go_fd = go[1];
    birth.read_ready_fd = ready[0];
    birth.ready_fd = ready[1];
    bool good = bear(&birth, &pid, err) && keep(crun, &birth, uid, pid, err);
    close_end(&birth.go_fd);
    close_end(&birth.ready_fd);
    close_end(&birth.program_fd);
    close(go[1]);
    close(ready[0]);
    return good;
}

bool pause_end(const struct crun *crun, const char *uid, const char *folder, struct error *err)
{
    AUTO_FREE char *record = record_path(folder);
    AUTO_FREE char *path = mem_printf("%s/pid", folder);
    AUTO_FREE char *cgroup = cgroup_pause_path(crun, uid);
    struct process living;
    bool ended = true;

    if (find_living(folder, &living)) {
        struct pollfd end = {.fd = living.pidfd, .events = POLLIN};

        pidfd_send_signal(living.pidfd, SIGKILL, NULL, 0);
        ended = poll(&end, 1, END_MS) > 0;
    }
    process_close(&living);
    if (!ended)
        return error_set(err, ERROR_TIMEOUT, PROGRAM " of pod %s does not end", uid);
    cgroup_remove(cgroup);
    if (!namespace_remove(path, err))
        return false;
    return unlink(record) == 0 || errno == ENOENT || error_set_errno(err, errno, "cannot remove %s", record);
}

#include "config.h"

#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#define STAT_BYTES 4096
#define CMDLINE_BYTES (64 * 1024)
#define STAT_FIELDS_TO_START 20 /* from the state to starttime, proc(5) */
#define LOOK_AGAIN_NS 2000000

void process_init(struct process *process)
{
    *process = (struct process){.pidfd = -1};
}

void process_close(struct process *process)
{
    fd_close_at(&process->pidfd);
    process->pidfd = -1;
}

static bool read_start_ticks(pid_t pid, uint64_t *ticks)
{
    char path[64];
    AUTO_FREE char *stat = NULL;
    struct error err;
    const char *at;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (!file_read(path, STAT_BYTES, &stat, &len, &err))
        return false;
    at = strrchr(stat, ')'); /* a name may hold anything, so count from its end */
    for (int i = 0; at != NULL && i < STAT_FIELDS_TO_START; i++)
        at = strchr(at + 1, ' ');
    return at != NULL && sscanf(at, "%lu", ticks) == 1;
}

bool process_hold(struct process *process, pid_t pid)
{
    process_init(process);
    if (pid <= 0)
        return false;
    process->pid = pid;
    process->pidfd = pidfd_open(pid, 0);
    if (process->pidfd >= 0 && read_start_ticks(pid, &process->start_ticks))
        return true;
    process_close(process);
    return false;
}

bool process_hold_again(struct process *process, struct error *err)
{
    uint64_t ticks;

    process->pidfd = process->pid > 0 ? pidfd_open(process->pid, 0) : -1;
    if (process->pidfd < 0 && process->pid > 0 && errno != ESRCH)
        return error_set_errno(err, errno, "cannot hold process %d", process->pid);
    if (process->pidfd >= 0 && (!read_start_ticks(process->pid, &ticks) || ticks != process->start_ticks))
        process_close(process);
    return true;
}

bool process_is_alive(const struct process *process)
{
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};

    return process->pidfd >= 0 && poll(&ended, 1, 0) == 0;
}

pid_t process_read_pid(const char *path)
{
    AUTO_FREE char *text = NULL;
    struct error err;
    size_t len;

    if (!file_read(path, 64, &text, &len, &err))
        return 0;
    return (pid_t)strtol(text, NULL, 10);
}

/* Words are compared whole, for "/x/web-1" stands in "/x/web-10" too. */
static bool names_path(const char *cmdline, size_t len, const char *path)
{
    size_t path_len = strlen(path);

    for (const char *word = cmdline; word < cmdline + len; word += strlen(word) + 1) {
        if (strncmp(word, path, path_len) == 0 && (word[path_len] == '\0' || word[path_len] == '/'))
            return true;
    }
    return false;
}

static bool end_if_naming(pid_t pid, const char *path)
{
    char proc_path[64];
    AUTO_FREE char *cmdline = NULL;
    AUTO_CLOSE int pidfd = pidfd_open(pid, 0); /* before the look, so that what is ended is what was looked at */
    struct error err;
    size_t len;

    snprintf(proc_path, sizeof(proc_path), "/proc/%d/cmdline", pid);
    if (pidfd < 0 || !file_read(proc_path, CMDLINE_BYTES, &cmdline, &len, &err) || !names_path(cmdline, len, path))
        return false;
    pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    return true;
}

static unsigned end_once(const char *path)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    unsigned ended = 0;

    if (proc == NULL)
        return 0;
    while ((entry = readdir(proc)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]))
            ended += end_if_naming((pid_t)strtol(entry->d_name, NULL, 10), path);
    }
    closedir(proc);
    return ended;
}

bool process_end_naming(const char *path, unsigned wait_ms, struct error *err)
{
    uint64_t until_ms = clock_boot_ms() + wait_ms;
    unsigned left;

    /* One that was ended may have made another one just before, so look until a whole look finds none. */
    while ((left = end_once(path)) > 0) {
        if (clock_boot_ms() > until_ms)
            return error_set(err, ERROR_TIMEOUT, "%u processes of %s do not end", left, path);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_NS}, NULL);
    }
    return true;
}

/* Starts a program with an explicit environment and nothing inherited but what is named here. */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

#define SPAWN_EXTRA_FD 3
#define SPAWN_SAID (-2)

struct spawn {
    const char *const *argv; /* argv[0] is an absolute path */
    const char *const *env;
    int extra_fd;            /* becomes SPAWN_EXTRA_FD; -1: none */
    int cgroup_fd;           /* born into this cgroup (v2); -1: the parent's */
    int out_fd;              /* stdout; -1: /dev/null */
    bool err_to_out;         /* stderr goes there too; else it is kept for spawn_said */
    const int *stdio;        /* NULL, or stdin, stdout and stderr in the place of the two before; -1: /dev/null, and
                              * SPAWN_SAID for stderr: kept for spawn_said */
    pid_t pid;
    int pidfd;
    int said_fd;             /* what it wrote to stderr */
};

/* Raises this process's own limit of open files (two pidfds a container), and remembers what children are to get. */
void spawn_raise_file_limit(void);
/* It is killed when the calling thread's process ends. Its parts are freed by spawn_close. */
MUST_CHECK bool spawn_start(struct spawn *spawn, struct error *err);
/* Waits; killed when cancel_fd becomes readable. True: exited with 0. */
MUST_CHECK bool spawn_wait(struct spawn *spawn, int cancel_fd, struct error *err);
/* Waits for its end. Its exit code, 128 and the number where a signal ended it. */
int spawn_reap(const struct spawn *spawn);
void spawn_close(struct spawn *spawn);
/* Start and wait. The message holds what it wrote to stderr. */
MUST_CHECK bool spawn_run(const char *const *argv, int cancel_fd, struct error *err);
/* What it wrote to stderr, in one line; the caller frees. "" when nothing. */
char *spawn_said(const struct spawn *spawn);

/* A program of the system by its name, wherever it is installed, the caller's PATH apart. NULL: nowhere. The caller frees. */
char *spawn_find(const char *name);

extern const char *const spawn_plain_env[];

#endif

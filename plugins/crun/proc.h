/* Processes in /proc, told apart from later ones with the same number. */
#ifndef CRUN_PROC_H
#define CRUN_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct process {
    pid_t pid;            /* 0: none */
    uint64_t start_ticks; /* since boot: with the pid it names one process */
    int pidfd;            /* -1: gone, or not held */
};

void process_init(struct process *process);
void process_close(struct process *process);
/* Fills start_ticks and holds it. False: it is gone. */
bool process_hold(struct process *process, pid_t pid);
/* Holds the process that pid and start_ticks name; process_is_alive says whether it was there. False: it cannot be known. */
MUST_CHECK bool process_hold_again(struct process *process, struct error *err);
bool process_is_alive(const struct process *process); /* it is held, and has not ended */
/* Reads a pid file as conmon and crun write it. 0: none. */
pid_t process_read_pid(const char *path);
/* Ends every process whose command line names `path` or what lies below it, and waits until none is left. False: some
 * were still there after `wait_ms`. */
MUST_CHECK bool process_end_naming(const char *path, unsigned wait_ms, struct error *err);

#endif

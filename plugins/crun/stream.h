/* A command in a container whose streams are somebody else's: `davit exec`. */
#ifndef CRUN_STREAM_H
#define CRUN_STREAM_H

#include "crun.h"
#include "exec_files.h"

struct stream_request {
    const struct json *command;
    int in, out, err, control; /* -1: none. They stay the caller's; with a terminal they are made non-blocking */
    int init_pidfd;            /* readable when the container has ended; -1: not known */
    int cancel_fd;             /* readable when it is to end; -1: never */
    bool tty;
    struct exec_terminal terminal;
};

/* Runs it to its end. Without a terminal crun gets the streams themselves. When `control` is closed at its other end, the
 * container ends or cancel_fd says so, it is hung up (SIGHUP), and what is left a second later is killed. *exit_code as a
 * shell has it: 126 and 127 are of a command that cannot be started; crun has written why to its stderr.
 */
MUST_CHECK bool stream_run(const struct crun *crun, const char *id, const struct stream_request *request, int *exit_code,
                           struct error *err);
/* The host ends: so do all of them, at once. Any thread. */
void stream_end_all(void);
/* What a killed host's streams left in a bundle: their commands are ended. */
void stream_clear(const struct crun *crun, const char *id);

#endif

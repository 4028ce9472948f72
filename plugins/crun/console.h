/* The terminal of a command: crun makes it in the container and sends the master; bytes go to and fro. */
#ifndef CRUN_CONSOLE_H
#define CRUN_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Where crun sends the master. -1 on error; the caller closes. */
MUST_CHECK int console_listen(const char *path, struct error *err);
/* Takes the connection that waits, and the master out of it, non-blocking. -1: it has none. */
MUST_CHECK int console_take_master(int listen_fd);
void console_resize(int master, int64_t columns, int64_t rows);
/* "resize COLUMNS ROWS". False: it is something else. */
MUST_CHECK bool console_read_resize(const char *line, int64_t *columns, int64_t *rows);

/* Bytes on their way from one descriptor to another, both non-blocking. */
struct console_flow {
    int from, to;     /* -1: nothing comes any more; what comes is thrown away */
    bool broken;      /* nobody reads there any more */
    size_t used, len; /* of data */
    char data[4096];
};

/* What to wait for: *from for reading, *to for writing; -1 where it need not be waited for. */
void console_flow_waits(const struct console_flow *flow, int *from, int *to);
/* Moves what can be moved without waiting. */
void console_flow_move(struct console_flow *flow);

#endif

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

#endif

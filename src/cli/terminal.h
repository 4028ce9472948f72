/* The person's terminal while a command in a container has it: raw, and given back whatever happens. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"

/* Every key goes to whoever reads `fd`. Given back by terminal_restore, at exit, and by a signal that ends the process. */
MUST_CHECK bool terminal_make_raw(int fd, struct error *err);
void terminal_restore(void);
/* Of the first of the two that is a terminal. False: neither is. */
bool terminal_size(int fd, int other_fd, int *columns, int *rows);
/* Blocks SIGWINCH and counts it; blocks, where `ends_too`, what ends a process, too. *waiting is the mask for ppoll, in
 * which they come through; *before the one to set again. */
void terminal_watch_size(bool ends_too, sigset_t *waiting, sigset_t *before);
/* It has changed since the last question. */
bool terminal_size_changed(void);

#endif

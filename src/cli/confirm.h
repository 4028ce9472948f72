/* Before what reaches many nodes, or cannot be taken back. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/options.h"

/* Asks on the terminal whether to do `what`, a sentence's rest: "drain 12 nodes". True with --yes. False with *err: the
 * person said no, or there is no terminal to ask on.
 */
MUST_CHECK bool confirm(const struct options *options, struct error *err, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/* A container's log: its open files, for the control socket and for requests (docs/wire.md). */
#ifndef CORE_CONTROL_LOGS_H
#define CORE_CONTROL_LOGS_H

#include "base/rotated.h"
#include "core/core.h"

/* {"namespace","pod","container","previous"}, and with "uid" and "attempt" that one and no other: whoever follows asks so
 * again. The answer, the caller's: {"ok":true,"uid","attempt","running",…} or {"ok":false,"reason","message"}; fds are the
 * files, oldest first, the caller's. "times":true: lines are to be had by their times, which raw logs ("format":"raw") have not.
 */
struct json *control_log(struct core *core, const struct json *request, int fds[ROTATED_FILES], size_t *count);

#endif

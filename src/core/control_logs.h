/* What the control socket gives of a container's log: the open file (docs/wire.md). */
#ifndef CORE_CONTROL_LOGS_H
#define CORE_CONTROL_LOGS_H

#include "core/core.h"

/* {"op":"log","namespace","pod","container","previous"}: the whole answer; *fd is the log, the caller's; -1: none. */
struct json *control_log(struct core *core, const struct json *request, int *fd);

#endif

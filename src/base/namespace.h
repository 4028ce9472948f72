/* A namespace of a pod, kept by a bind mount: no process holds it. */
#ifndef BASE_NAMESPACE_H
#define BASE_NAMESPACE_H

#include "base/error.h"

/* Makes it where `path` is not one already. `kind`: CLONE_NEWNET (with lo up) or CLONE_NEWIPC. */
MUST_CHECK bool namespace_make(const char *path, int kind, struct error *err);
bool namespace_is(const char *path);
/* Keeps the one of /proc/PID/ns at `path`, in place of what was kept there. */
MUST_CHECK bool namespace_keep(const char *source, const char *path, struct error *err);
/* Absent: true. */
MUST_CHECK bool namespace_remove(const char *path, struct error *err);

#endif

/* A pod's network namespace, kept by a bind mount: no process holds it. */
#ifndef CRUN_NETNS_H
#define CRUN_NETNS_H

#include "base/error.h"

/* Makes it with lo up, where `path` is not one already. *made says that it was. */
MUST_CHECK bool netns_make(const char *path, bool *made, struct error *err);
/* Absent: true. */
MUST_CHECK bool netns_remove(const char *path, struct error *err);

#endif

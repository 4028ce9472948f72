/* fsGroup: a tree that belongs to a group. */
#ifndef CRUN_GROUP_H
#define CRUN_GROUP_H

#include <sys/types.h>

#include "base/error.h"

/* Everything below `path`, and itself: the group's, readable and writable by it, folders with setgid. No link is followed. */
MUST_CHECK bool group_take(const char *path, gid_t group, struct error *err);

#endif

/* Another incarnation of what runs. */
#ifndef CORE_RESTART_H
#define CORE_RESTART_H

#include "core/core.h"

/* Commits it; the object must not be committing. `serial` 0: nobody is to be answered. */
void restart_begin(struct core *core, struct object *object, int64_t serial);
void restart_done(struct core *core, int64_t serial);
/* The incarnation of that uid is to be replaced when its owner finds that it is its turn. */
void restart_mark(struct core *core, const char *uid, bool made); /* made: it has replaced another one */

#endif

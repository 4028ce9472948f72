/* davit-pause: the first process of a PID namespace that a pod's containers share. One a pod, and only where it is asked for. */
#ifndef CRUN_PAUSE_H
#define CRUN_PAUSE_H

#include "crun.h"

/* Makes it where none lives, and keeps its namespace at `folder`/pid. What dies at any moment of this leaves none behind. */
MUST_CHECK bool pause_make(const struct crun *crun, const char *uid, const char *folder, int userns, struct error *err);
/* Ends it, and with it everything in its namespace. Absent: true. */
MUST_CHECK bool pause_end(const struct crun *crun, const char *uid, const char *folder, struct error *err);

#endif

/* Logs are put aside before they grow too large: renamed, then conmon opens a new one. Nothing is lost by it. A container
 * that writes nothing costs nothing: the first write wakes, and only then sizes are looked at, as often as they grow.
 */
#ifndef CRUN_LOGS_H
#define CRUN_LOGS_H

#include "instance.h"

#define LOGS_SERIAL UINT64_MAX /* of the inotify descriptor among the watch thread's events */

/* Lock held, all of them. */
MUST_CHECK bool logs_prepare(struct crun *crun, struct error *err);
void logs_add(struct crun *crun, struct instance *instance);
void logs_remove(struct crun *crun, struct instance *instance);
/* Some have been written to. */
void logs_written(struct crun *crun);
/* Looks at those that grow. Returns in how many milliseconds to come again; -1: when one is written to. */
int logs_look(struct crun *crun);

#endif

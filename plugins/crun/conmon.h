/* Launches conmon, which runs `crun create` and stays as the container's parent. */
#ifndef CRUN_CONMON_H
#define CRUN_CONMON_H

#include "instance.h"

/* Fills instance->conmon and instance->init. On error processes may be left: bundle_destroy ends them. */
MUST_CHECK bool conmon_create(const struct crun *crun, struct instance *instance, int cancel_fd, struct error *err);
/* `crun VERB ID`, or with an argument behind it (NULL: none). */
MUST_CHECK bool conmon_run_crun(const struct crun *crun, const char *verb, const char *option, const char *id,
                                int cancel_fd, struct error *err);
/* `crun start`. True also where the container has ended meanwhile, whose watcher then tells how. */
MUST_CHECK bool conmon_start(const struct crun *crun, const struct instance *instance, int cancel_fd, struct error *err);

#endif

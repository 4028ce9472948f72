/* The thread that notices ends: an exit file, a conmon gone, a container gone. */
#ifndef CRUN_WATCH_H
#define CRUN_WATCH_H

#include "instance.h"

/* Before the first exit file is read, so that none is missed in between. */
MUST_CHECK bool watch_prepare(struct crun *crun, struct error *err);
MUST_CHECK bool watch_start(struct crun *crun, struct error *err);
/* Lock held. From here on the end of the instance is noticed; one that came before is noticed here. */
void watch_add(struct crun *crun, struct instance *instance);
/* Lock held; before the instance is dropped. */
void watch_remove(struct crun *crun, struct instance *instance);

#endif

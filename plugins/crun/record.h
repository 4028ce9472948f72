/* What the next host needs to take a container over, whole and beside its bundle. It is on a tmpfs: never synced. */
#ifndef CRUN_RECORD_H
#define CRUN_RECORD_H

#include "instance.h"

/* Written anew by rename: old or new, never half. */
MUST_CHECK bool record_write(const struct crun *crun, const struct instance *instance, struct error *err);
/* NULL: there is none, or it is of another boot: what it names was never whole, or is gone. */
struct instance *record_read(const struct crun *crun, const char *id, struct error *err);
/* From here on the instance counts as half made. */
void record_remove(const struct crun *crun, const char *id);

#endif

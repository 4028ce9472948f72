/* What an earlier host left: whole instances are taken over as they are, everything else is cleared away. */
#ifndef CRUN_ADOPT_H
#define CRUN_ADOPT_H

#include "crun.h"

/* Before any call; starts no program for what is whole. */
MUST_CHECK bool adopt_all(struct crun *crun, struct error *err);

#endif

/* What runs uses: docs/plugins.md, stats. */
#ifndef CRUN_STATS_H
#define CRUN_STATS_H

#include "crun.h"

/* The answer to a call of `stats`; the caller frees. */
struct json *stats_read(struct crun *crun, const struct json *asked, int cancel_fd);

#endif

/* What virtual machines use: docs/plugins.md, stats. */
#ifndef VMS_STATS_H
#define VMS_STATS_H

#include "errand.h"

void stats_read(struct errand *errand); /* work of errands */

#endif

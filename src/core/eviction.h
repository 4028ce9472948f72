/* Looks at what pods with a limit on the disk have there, and has those evicted that have more; while somebody waits for
 * the disk also at what those have that requested some of it. Nobody else's disk is looked at, and where no such pod runs
 * nothing wakes up.
 */
#ifndef CORE_EVICTION_H
#define CORE_EVICTION_H

#include "core/core.h"

/* Of a pod that was just looked at: from now on it is watched, if it has such a limit. */
void eviction_watch(struct core *core, const struct pod *pod);
/* Looks when that is due. Returns when the next look is (boot ms); 0: there is nothing to look at. */
uint64_t eviction_settle(struct core *core);
/* An answer of the runtime; false: it is not this one. */
bool eviction_answered(struct core *core, const struct frame_view *frame);
void eviction_lost(struct core *core);

#endif

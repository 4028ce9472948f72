/* Whether the wall clock of this device was ever set, and what is to be done once it is. Deciding thread only. */
#ifndef CORE_CLOCK_STATE_H
#define CORE_CLOCK_STATE_H

#include "core/core.h"

/* Returns when to look again (boot ms); 0: it is set, and no need. */
uint64_t clock_state_settle(struct core *core);
/* Whether the wall clock may be held against times of the past now: it is set, and was not stepped since the last look. */
bool clock_state_is_steady(struct core *core);

#endif

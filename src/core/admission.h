/* Counts what pods were promised of the node's memory and disk, and lets those wait that do not fit. What runs is counted
 * whether it fits or not: nothing is ever stopped here. Deciding thread only.
 */
#ifndef CORE_ADMISSION_H
#define CORE_ADMISSION_H

#include "core/core.h"

/* At the beginning of a settle's step: looks at those that changed, then decides about all for whom there may be room. */
void admission_settle(struct core *core, struct object *const *changed, size_t count);
/* One that waits for the disk looks again, for that fills and empties by itself. Returns when (boot ms); 0: none does. */
uint64_t admission_look_again(struct core *core);

/* An update of what runs: true where there is room for it once the one before it has ended. That is its own from then on. */
MUST_CHECK bool admission_allows(struct core *core, struct object *object, const struct pod *pod);

/* Whether somebody waits for the disk, and it matters how much of what a pod was promised there it has written. */
bool admission_asks_written(const struct core *core, const struct pod *pod);
void admission_written(struct core *core, struct object *object, int64_t bytes);

/* Why it, or (`update`) what a newer document makes of it, does not start; NULL: it does not wait. */
const struct pod_wait *admission_wait(const struct object *object, bool update);
/* What is promised to pods at most, in bytes; POD_UNSET: not known. */
int64_t admission_memory_bytes(const struct core *core);
/* What a container's record says of its pod, so that it is counted when no document is there any more. */
void admission_record(const struct pod *pod, struct json *record);
void admission_recorded(const struct json *record, struct run *run);

#endif

/* Metrics, told unasked: sampled once an interval, told by exception (model/metrics), kept as history while the broker is away.
 * Deciding thread only.
 */
#ifndef CORE_TELEMETRY_H
#define CORE_TELEMETRY_H

#include "core/core.h"

/* Returns when something is due (boot ms); 0: nothing is measured, and nothing waits. */
uint64_t telemetry_settle(struct core *core);
/* A new connection, and the flood is over: what was measured last is told again. */
void telemetry_again(struct core *core);
/* The end of davitd: what was not told goes to the disk, if the configuration lets it. */
void telemetry_keep_now(struct core *core);
void telemetry_free(struct core *core);

#endif

/* Metrics, told unasked: sampled once an interval, told by exception (model/metrics), kept as history while the broker is away.
 * Deciding thread only.
 */
#ifndef CORE_TELEMETRY_H
#define CORE_TELEMETRY_H

#include "core/core.h"

/* What is known of an object that uses `use` (stats.h); of the node, but for its CPU and what runs. False: nothing is known of
 * the machine.
 */
void telemetry_of_object(const struct core *core, const struct object *object, const struct json *use, struct metrics *out);
bool telemetry_of_node(const struct core *core, struct metrics *out, struct machine *machine);
struct object *telemetry_object(const struct core *core, const struct json *use); /* whose it is; NULL */

/* Returns when something is due (boot ms); 0: nothing is measured, and nothing waits. */
uint64_t telemetry_settle(struct core *core);
/* A new connection, and the flood is over: what was measured last is told again. */
void telemetry_again(struct core *core);
/* The end of davitd: what was not told goes to the disk, if the configuration lets it. */
void telemetry_keep_now(struct core *core);
void telemetry_free(struct core *core);

#endif

/* What could not be told: kept in memory, on the disk where the configuration says so, and told when the broker is back.
 * Deciding thread only.
 */
#ifndef CORE_TELEMETRY_HISTORY_H
#define CORE_TELEMETRY_HISTORY_H

#include "core/core.h"

struct telemetry_history;

struct telemetry_history *telemetry_history_new(const struct core *core);
void telemetry_history_free(struct telemetry_history *history);
/* `id` NULL: the node. `payload` is taken. */
void telemetry_history_add(struct core *core, struct telemetry_history *history, const struct object_id *id,
                           char *payload_taken);
size_t telemetry_history_waiting(const struct telemetry_history *history); /* in memory */
uint64_t telemetry_history_lost(const struct telemetry_history *history);
/* Whether the broker hears us now, with all that it had to say said. */
bool telemetry_is_heard(const struct core *core);
/* core_samples_kept, core_samples_read, core_samples_lost. */
void telemetry_history_kept(const struct core *core, struct telemetry_history *history, const char *problem);
void telemetry_history_read(struct telemetry_history *history, struct history *samples_taken, size_t bad);
void telemetry_history_lose(struct telemetry_history *history, size_t count);
/* The end of davitd: what is in memory goes to the disk, if the configuration lets it. Waits for the disk. */
MUST_CHECK bool telemetry_history_keep_now(struct core *core, struct telemetry_history *history, struct error *err);
/* Returns when something is due (boot ms); 0: nothing. */
uint64_t telemetry_history_settle(struct core *core, struct telemetry_history *history);

#endif

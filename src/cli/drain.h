/* Waiting until nothing runs on nodes that are drained. */
#ifndef CLI_DRAIN_H
#define CLI_DRAIN_H

#include "cli/target.h"
#include "cli/verbs.h"

/* For all pods and virtual machines on the set's nodes. Those that tolerate the drain stay, which is told: what runs on
 * without ending for DRAIN_STAYS_MS is such a one.
 */
#define DRAIN_STAYS_MS 5000
enum exit_code drain_wait(const struct target_set *set, uint64_t wait_ms, struct error *err);

#endif

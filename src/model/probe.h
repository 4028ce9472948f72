/* Probes and hooks of one container: when they are due, and what their answers mean. Kubernetes: Pod lifecycle, container
 * probes. Pure.
 */
#ifndef MODEL_PROBE_H
#define MODEL_PROBE_H

#include "model/instance.h"

#define PROBE_PERIOD_S 10
#define PROBE_TIMEOUT_S 1
#define PROBE_FAILURES 3
#define STOP_FLOOR_MS 2000u /* what is left for the signal when preStop took the grace */

const struct probe *container_probe(const struct container *container, enum probe_kind kind); /* NULL: none */
const char *probe_name(enum probe_kind kind); /* "Startup", "Liveness", "Readiness" */
uint64_t probe_timeout_ms(const struct probe *probe);

/* When it is to be asked next (boot ms); UINT64_MAX: not now (another one gates it, or it is being asked). `seed` spreads
 * the first over the period.
 */
uint64_t probe_due_ms(const struct container *container, const struct instance *instance, enum probe_kind kind,
                      uint64_t seed);
/* It is being asked. */
void probe_begun(struct probe_state *state, const struct probe *probe, uint64_t now_boot_ms);
/* Its answer. True: the verdict turned. */
bool probe_answered(struct probe_state *state, const struct probe *probe, bool passed, uint64_t now_boot_ms,
                    uint64_t now_wall_ms);

/* Its startup probe passed, or it has none; its postStart is over. */
bool container_is_started(const struct container *container, const struct instance *instance);
/* Kubernetes' ready. What was adopted counts as ready until its probes say otherwise. */
bool container_is_ready(const struct container *container, const struct instance *instance);
/* A probe or a hook says that it is to be ended: which one, for a person. NULL: none does. */
const char *container_must_end(const struct container *container, const struct instance *instance);
/* How long it has for that end. */
uint64_t container_end_grace_ms(const struct container *container, const struct instance *instance);

#endif

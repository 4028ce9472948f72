/* How containers are brought to their end: asked first, in order, in one grace period. Kubernetes: Termination of Pods.
 * Pure. For pod_step, and end_is_overdue for whoever tells of it.
 */
#ifndef MODEL_POD_END_H
#define MODEL_POD_END_H

#include "model/pod_step.h"

void step_act(struct pod_next *next, enum pod_action_kind kind, const char *uid, const char *container, int64_t attempt);
void step_wake(struct pod_next *next, uint64_t boot_ms);

/* One container by itself (a probe failed): true when there is something to do now. */
bool end_instance(const struct run *run, const struct instance *one, uint64_t grace_ms, uint64_t now_boot_ms,
                  struct pod_next *next);
/* All that still run: the main containers at once, then the sidecars, last first. True: there is something to do now. */
bool end_running(const struct run *run, uint64_t now_boot_ms, struct pod_next *next);
/* The same, then everything of this incarnation is removed and released. */
bool end_run(const struct run *run, uint64_t now_boot_ms, struct pod_next *next);

/* Something that runs was asked to end, and its grace is over: a guest that does not hear its power button. */
bool end_is_overdue(const struct run *runs, uint64_t now_boot_ms);

#endif

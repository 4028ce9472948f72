/* Who may not start on this node, or must leave it: its taints, and what pods tolerate of them. Deciding thread only. */
#ifndef CORE_CORDON_H
#define CORE_CORDON_H

#include "core/core.h"

/* Why nothing of it is started: NodeUnschedulable for what has not begun yet, NodeDrained, and NodeDraining
 * until what ran has ended. NULL: it may be.
 */
const struct pod_wait *cordon_wait(const struct core *core, const struct object *object);
/* Why an update to `pod` waits, and what ran before it runs on; NULL: it does not. */
const struct pod_wait *cordon_holds(const struct core *core, const struct object *object, const struct pod *pod);
/* The update of it that waits for that; NULL: none does. */
const struct pod_wait *cordon_update(const struct core *core, const struct object *object);
/* What runs and does not tolerate it is ended as on a restart, and the next incarnation is held. True: that was begun. */
MUST_CHECK bool cordon_drain(struct core *core, struct object *object);
bool cordon_is_drained(const struct core *core);

#endif

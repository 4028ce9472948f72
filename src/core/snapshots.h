/* Snapshots of virtual machines: the runtime takes, removes and lists them; going back to one is a row, which holds the
 * machine off until it is back, so that a davitd that is killed meanwhile goes on with it. Deciding thread only.
 */
#ifndef CORE_SNAPSHOTS_H
#define CORE_SNAPSHOTS_H

#include "core/core.h"

/* The verbs snapshot and rollback. Each ends in requests_answer. */
void request_snapshot(struct core *core, struct request_call *call);
void request_rollback(struct core *core, struct request_call *call);

/* It is going back to a snapshot, or is about to: nothing else is to be said of its power. */
bool snapshots_hold(const struct core *core, const struct object *object);

MUST_CHECK bool snapshots_load(struct core *core, struct error *err); /* behind power_load */
void snapshots_settle(struct core *core);
/* Of the runtime host. False: it is none of ours. */
bool snapshots_answered(struct core *core, const struct frame_view *frame);
void snapshots_lost(struct core *core); /* the runtime host ended */
void snapshots_free(struct core *core);

#endif

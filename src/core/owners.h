/* Objects that mean others: Deployment, DaemonSet, StatefulSet, Job, CronJob, App. What they own are objects like any other,
 * each with a slot that its owner fills. Deciding thread only.
 */
#ifndef CORE_OWNERS_H
#define CORE_OWNERS_H

#include "core/core.h"

bool owners_is_one(const struct object *object);
/* Fills and empties the slots of its children, as far as it is their turn. Law 1: it may be called any time. */
void owners_step(struct core *core, struct object *object);
/* Its state and status; where it has one (a refusal of it is told as any other). */
bool owners_is_told(const struct object *object);
/* `described`: see report_both. */
void owners_tell(struct core *core, struct object *object, struct json **described);
/* It was told of: whoever owns it looks again. */
void owners_child_told(struct core *core, const struct object *child);

/* A pod that was ended as a whole, and whose owner wants another one in its place. */
bool owners_replaces(const struct object *object);

#endif

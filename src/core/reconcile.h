/* One object: looks at what is wanted and what is seen, and carries out the next step. Law 1: it may be called any time. */
#ifndef CORE_RECONCILE_H
#define CORE_RECONCILE_H

#include "core/core.h"

void reconcile_object(struct core *core, struct object *object);
/* A container's command could not be started: an end before the begin, which the restart policy counts as one. */
void reconcile_remember_start_error(struct core *core, struct object *object, const struct pod_action *action,
                                    const char *message);
/* A ConfigMap, a Secret or a claim came, changed or went: who uses it is looked at again, at once. */
void reconcile_source_changed(struct core *core, const struct object *source);
/* The view of an object for a step or a report. `images` holds one a container (LIMIT_CONTAINERS); the caller's. */
void reconcile_view(const struct core *core, const struct object *object, struct pod_view *view,
                    struct container_image *images);

#endif

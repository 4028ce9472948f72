/* Where the life of a virtual machine differs from a pod's. Deciding thread only. */
#ifndef CORE_VMS_H
#define CORE_VMS_H

#include "core/core.h"

/* Whether it is to run: what a person said of it goes before its document's run strategy. */
void vms_power(const struct object *object, struct pod_view *view);
bool vms_is_to_run(const struct object *object);
/* Its runtime knows what exists; or there is none, and only an end is left to be taken note of. Of a pod too. */
bool vms_may_step(const struct core *core, const struct object *object);
/* It is over, and what it has of a network is given back. A machine that is off keeps its place. */
bool vms_leaves(const struct object *object, const struct pod_view *view);
/* What a machine keeps over its incarnations goes with it, also where none of it was ever made. True: that is on its way. */
bool vms_forget(struct core *core, struct object *object);
/* A machine is there: their runtime is needed. */
void vms_look(struct core *core, const struct object *object);

#endif

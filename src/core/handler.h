/* What hooks and probes do: from the pod's words to a question that another process asks. Deciding thread only. */
#ifndef CORE_HANDLER_H
#define CORE_HANDLER_H

#include "core/core.h"

/* A handler in Kubernetes' shape, with its ports as numbers: it is kept beside the container. The caller frees. */
struct json *handler_write(const struct container *container, const struct handler *handler);

/* Begins the action (POD_HOOK, POD_PROBE); its answer comes later, and the object is touched then. */
void handler_begin(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod);
/* Answers: of an exec by the runtime, of everything else by davit-probe. False: it is none of ours. */
bool handler_exec_answered(struct core *core, const struct frame_view *frame);
void handler_probe_answered(struct core *core, const struct frame_view *frame);
/* Sleeps that are over. Returns when the next is (boot ms); 0: none. */
uint64_t handler_settle(struct core *core);
/* Nobody will answer any more: they are asked again. Those of this runtime; NULL: of davit-probe. */
void handler_lost(struct core *core, const struct runtime_state *runtime);
void handler_free_all(struct core *core);

#endif

/* The lanes to the runtime host: calls out, answers and news in, and what they say put into the objects' runs. */
#ifndef CORE_RUNTIME_H
#define CORE_RUNTIME_H

#include "core/core.h"

/* That of an object: pods and virtual machines have different ones. */
struct runtime_state *runtime_of(struct core *core, const struct object *object);
const struct runtime_state *runtime_seen(const struct core *core, const struct object *object);
/* What is wrong with it stands in the status of all that is its. */
void runtime_touch(struct core *core, const struct runtime_state *runtime);
/* What exists is known of all runtimes that are in use. */
bool runtime_all_listed(const struct core *core);
/* Starts that of virtual machines, once something needs it. */
void runtime_start_wanted(struct core *core);

/* Carries out one action for an object; object->calling is set until its answer came. */
void runtime_act(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod);
/* Releases what a workload shared that has no instance and no object any more. */
void runtime_release(struct core *core, struct runtime_state *runtime, const char *uid);
/* What may change while the pod runs: files, limits. Clears object->stale once it worked. */
void runtime_update(struct core *core, struct object *object, const struct pod *pod);
/* A call that belongs to no lane: exec, stats. Its answer is found by `id`. */
void runtime_send(struct core *core, const struct runtime_state *runtime, int64_t id, const char *name, uint64_t deadline_ms, const struct json *document);
/* The same with descriptors, `names` of them for the plugin; they stay the caller's. */
void runtime_send_fds(struct core *core, const struct runtime_state *runtime, int64_t id, const char *name,
                      uint64_t deadline_ms, const struct json *document, const int *fds, const char *const *names,
                      size_t fd_count);
/* Its preStop runs, or it was asked to end. */
void runtime_ending_begun(struct core *core, const struct object *object, struct run *run, struct instance *one);
/* Names of the claims that a container of this pod has which is just being made; NULL: none. */
const struct json *runtime_claims_called(const struct core *core, const struct object *object);
/* Whether a call of that workload is in flight. */
bool runtime_calls_for(const struct core *core, const char *uid);
/* Asks what exists, when that is due. Returns when the next look is due (boot ms); 0: the host is not there. */
uint64_t runtime_look(struct core *core, struct runtime_state *runtime);
/* In a minute, instead of in three: there is something to look at. */
void runtime_look_soon(struct core *core, struct runtime_state *runtime);
void runtime_listed(struct core *core, struct runtime_state *runtime, const struct frame_view *frame); /* its answer */
void runtime_opened(struct core *core, struct runtime_state *runtime, const struct frame_view *frame);
void runtime_refused(struct core *core, struct runtime_state *runtime, const struct frame_view *frame);
void runtime_result(struct core *core, struct runtime_state *runtime, const struct frame_view *frame);
void runtime_notified(struct core *core, struct runtime_state *runtime, const struct frame_view *frame);
/* Every call in flight is lost; what exists is no longer known. */
void runtime_lost(struct core *core, struct runtime_state *runtime);
/* The host is there: opens it. */
void runtime_open(struct core *core, struct runtime_state *runtime);

#endif

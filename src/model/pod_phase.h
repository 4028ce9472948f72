/* What a person is told of a pod: container states and phase, as Kubernetes derives them. Pure. */
#ifndef MODEL_POD_PHASE_H
#define MODEL_POD_PHASE_H

#include "model/pod_step.h"

enum pod_phase { PHASE_PENDING, PHASE_RUNNING, PHASE_SUCCEEDED, PHASE_FAILED };
enum shown_state { SHOWN_WAITING, SHOWN_RUNNING, SHOWN_TERMINATED };

/* One container's status. Pointers point into the view. */
struct container_shown {
    enum shown_state state;
    const char *reason;  /* waiting; never NULL then */
    const char *message; /* waiting; may be NULL */
    uint64_t started_ms; /* running */
    uint64_t turned_ms;  /* running: when a probe last turned its readiness; 0: none did */
    const struct ending *ending; /* terminated */
    const struct ending *last;   /* NULL: it has not ended before */
    int64_t restarts;
    int64_t attempt, last_attempt; /* those that `state` and `last` are about; -1: none */
    uint64_t backoff_ms;           /* waiting in a back-off: how long that is as a whole; 0: it is not */
    bool supervised;
    bool started; /* its startup probe passed, its postStart is over */
    bool ready;
};

void container_show(const struct pod_view *view, size_t index, uint64_t now_boot_ms, struct container_shown *shown);
/* Kubernetes, getPhase: in the order of its documentation of the pod life cycle. `end`: as in the view. */
enum pod_phase pod_phase(const struct pod *pod, const struct container_shown *shown, const struct pod_end *end);
const char *pod_phase_name(enum pod_phase phase);

#endif

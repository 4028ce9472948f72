/* What to do next for one pod: a pure function of what is wanted, what is seen, what is remembered, and the time.
 *
 * One action at a time: the caller carries it out, puts the result into what is seen, and asks again. So the order of a
 * pod's life is here and nowhere else, and a crash between any two steps changes nothing in the end.
 */
#ifndef MODEL_POD_STEP_H
#define MODEL_POD_STEP_H

#include "base/error.h"
#include "model/image_pull.h"
#include "model/instance.h"

enum pod_action_kind {
    POD_NOTHING,
    POD_CONNECT, /* network: make the pod's namespace and its addresses */
    POD_CREATE,  /* runtime: make an attempt of a container */
    POD_START,
    POD_STOP,    /* runtime: ask it to end; force: end it */
    POD_REMOVE,  /* runtime: remove an attempt that does not run */
    POD_RELEASE, /* runtime: remove what the attempts of a uid shared */
    POD_EMPTY,   /* runtime: the pod is over, and what it has in its volumes goes */
    POD_DISCONNECT, /* network: remove the pod's namespace and its addresses */
    POD_HOOK,    /* begin postStart or preStop; it goes on beside whatever comes next */
    POD_PROBE,   /* ask a probe; likewise */
    POD_OVER,    /* store: the pod as a whole is over (`end`) */
    POD_REMEMBER /* store: commit memory[container_index] as changed by this step, then go on */
};

struct pod_action {
    enum pod_action_kind kind;
    char uid[POD_UID_BYTES];
    char container[LIMIT_LABEL_BYTES + 1];
    size_t container_index; /* CREATE, REMEMBER: in pod->containers */
    int64_t attempt;
    bool force;
    bool hook_is_pre_stop;  /* HOOK */
    enum probe_kind probe;  /* PROBE */
    uint64_t grace_ms;      /* HOOK: preStop may take so long */
    struct pod_end end;     /* OVER */
    struct container_memory remember; /* REMEMBER: what to commit */
};

/* The image of one container, and why it cannot be started with yet. */
struct container_image {
    struct image_verdict verdict;
    const char *image; /* which one: its own, or of a volume that it mounts. The pod's text */
    char reason[REASON_BYTES]; /* "" when it is ready */
    char message[ERROR_MESSAGE_BYTES];
};

enum network_state { NETWORK_WANTED, NETWORK_READY, NETWORK_FAILED };

/* The network of a pod that has one of its own. */
struct pod_network {
    enum network_state state;
    uint64_t retry_boot_ms; /* FAILED: again then */
    char reason[REASON_BYTES];
    char message[ERROR_MESSAGE_BYTES];
};

/* Whether a virtual machine is to run. A pod always is. */
enum vm_power {
    VM_POWER_ON,   /* started where it does not run and may: its restart policy says what follows an end */
    VM_POWER_LEFT, /* runStrategy Manual: what runs goes on, what does not is not started */
    VM_POWER_OFF
};

/* Everything a step looks at. Nothing is changed. */
struct pod_view {
    const struct pod *pod; /* NULL: nothing is wanted */
    const char *uid;       /* of the wanted incarnation */
    const struct run *runs; /* everything seen of this pod, any incarnation */
    const struct container_memory *memory; /* one for each container of `pod`, init containers first */
    const struct container_image *images;  /* likewise */
    const struct pod_network *network;     /* NULL: it needs none */
    const struct pod_wait *wait;           /* NULL: there is room for it */
    const char *waits_for;                 /* what must be ready before it starts; NULL or "": nothing */
    const struct pod_end *end;             /* NULL, or reason "": it is not over */
    const struct pod_end *verdict;         /* NULL, or reason "": nothing says that it must be */
    uint64_t age_ms;                       /* since it was accepted */
    enum vm_power power;
    bool power_force;                      /* OFF: at once, whatever the guest does */
};

struct pod_next {
    struct pod_action action;
    uint64_t wake_boot_ms; /* look again then, even if nothing happens; 0: no need */
    bool at_once;          /* a virtual machine that is switched off: nobody waits for its guest */
    bool gentle;           /* a virtual machine that is not to go is asked again and again, and never cut off */
    bool wants_image[LIMIT_CONTAINERS]; /* nothing but its image keeps a container from being created */
};

void pod_step(const struct pod_view *view, uint64_t now_boot_ms, uint64_t now_wall_ms, struct pod_next *next);

/* Of the wanted incarnation, whose runs are `run` (NULL: none are seen). */
struct pod_progress {
    bool initialized;    /* every init container is done, every sidecar has started */
    bool init_failed;    /* one failed, and is not tried again */
    bool finished;       /* nothing of it is to run any more, sidecars apart */
    size_t next_init;    /* the first init container that is not done; pod_init_count: all are */
};
void pod_progress(const struct pod_view *view, const struct run *run, struct pod_progress *progress);
/* This init container has done its work, in this boot. */
bool init_is_done(const struct pod_view *view, const struct run *run, size_t index);
/* It ended, and is to run again. */
bool container_restarts(const struct pod *pod, size_t index, const struct ending *ending);

/* It is wanted, and nothing of it runs or is to run any more. */
bool pod_is_over(const struct pod_view *view);
/* Nothing is left of any incarnation. */
bool pod_is_gone(const struct pod_view *view);

#endif

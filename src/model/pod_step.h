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
    POD_CREATE,  /* runtime: make an attempt of a container */
    POD_START,
    POD_STOP,    /* runtime: ask it to end; force: end it */
    POD_REMOVE,  /* runtime: remove an attempt that does not run */
    POD_RELEASE, /* runtime: remove what the attempts of a uid shared */
    POD_REMEMBER /* store: commit memory[container_index] as changed by this step, then go on */
};

struct pod_action {
    enum pod_action_kind kind;
    char uid[POD_UID_BYTES];
    char container[LIMIT_LABEL_BYTES + 1];
    size_t container_index; /* CREATE, REMEMBER: in pod->containers */
    int64_t attempt;
    bool force;
    struct container_memory remember; /* REMEMBER: what to commit */
};

/* The image of one container, and why it cannot be started with yet. */
struct container_image {
    struct image_verdict verdict;
    char reason[REASON_BYTES]; /* "" when it is ready */
    char message[ERROR_MESSAGE_BYTES];
};

/* Everything a step looks at. Nothing is changed. */
struct pod_view {
    const struct pod *pod; /* NULL: nothing is wanted */
    const char *uid;       /* of the wanted incarnation */
    const struct run *runs; /* everything seen of this pod, any incarnation */
    const struct container_memory *memory; /* one for each container of `pod` */
    const struct container_image *images;  /* one for each container of `pod` */
};

struct pod_next {
    struct pod_action action;
    uint64_t wake_boot_ms; /* look again then, even if nothing happens; 0: no need */
    bool wants_image[LIMIT_CONTAINERS]; /* nothing but its image keeps a container from being created */
};

void pod_step(const struct pod_view *view, uint64_t now_boot_ms, uint64_t now_wall_ms, struct pod_next *next);

/* Nothing is left of any incarnation. */
bool pod_is_gone(const struct pod_view *view);

#endif

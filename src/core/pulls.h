/* Which image has to be pulled, for whom, and what came of it: one pull a reference, for any number of pods. Deciding
 * thread only; what a pull does is behind core_env.pull.
 */
#ifndef CORE_PULLS_H
#define CORE_PULLS_H

#include <uthash.h>

#include "model/image_pull.h"
#include "model/pod_step.h"

struct core;
struct object;
struct json;
struct pull_progress;

struct pulls {
    struct pull *table; /* by reference, normalised */
    size_t running;
};

void pulls_free(struct pulls *pulls);

/* What is known of the images that one container needs, its own and those of its volumes: the first that is not here, or
 * the last. `memory` NULL: it has not run. Begins nothing. */
void pulls_look(const struct core *core, const struct object *object, const struct pod *pod, size_t index,
                const struct container_memory *memory, struct container_image *image);
/* Begins the pull of an image of a pod, unless it runs already; a cap on pulls at a time lets it wait. */
void pulls_begin(struct core *core, struct object *object, const char *word);
/* By a person's word, for no pod. Ends in core_pull_ended like any other. */
void pulls_ask(struct core *core, const char *reference, const struct json *auths);
/* A Secret came, changed or went: whoever waits for another try with it tries at once. */
void pulls_secret_changed(struct core *core, const struct object *secret);
/* Ends pulls that no pod waits for any more. */
void pulls_drop_unwanted(struct core *core);
/* All images of a pod are there for a new incarnation; what is missing is pulled. */
bool pulls_ready(const struct core *core, const struct object *object, const struct pod *pod);

/* For the status: why nobody could say that an image is the newest; NULL: it is, or its policy does not ask. */
const char *pulls_stale(const struct core *core, const struct pod *pod);
/* `status.images`: the pulls that run for the containers and volumes of a pod. Adds to the array. */
void pulls_write(const struct core *core, const struct pod *pod, struct json *images);

#endif

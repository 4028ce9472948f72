/* The registry that images come from, and what stands between it and the core: transfers that take their time, fail, and
 * are cancelled; rows on the disk before an image is there.
 */
#ifndef SIM_REGISTRY_H
#define SIM_REGISTRY_H

#include "sim.h"

/* core_env's. */
void registry_pull(struct sim *sim, const char *reference);
void registry_cancel(struct sim *sim, const char *reference);
/* davitd ended: nobody brings anything any more. */
void registry_end(struct sim *sim);

/* The image of a pod's variant: its name in a document, and its id. The caller frees. */
char *image_name(const struct sim *sim, int pod, int variant);
char *image_id(int pod, int variant);
/* A create brings the image that its document names; a stop for an update finds the update's images here. */
void registry_check_create(struct sim *sim, const struct json *document, int pod, int variant);
void registry_check_stop(struct sim *sim, const struct box *box);

#endif

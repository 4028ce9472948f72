/* The runtime host and the plugin in it: calls in lanes, answers late, lost or failing, and news of what changed. */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "sim.h"

void host_start(struct sim *sim);
/* A frame from davitd. `head` is taken. */
void host_frame(struct sim *sim, struct json *head, const char *body, size_t len);
/* The socket of davitd closed, or the host crashed: what was being done is done, half done, or not. */
void host_end(struct sim *sim);
void host_crash(struct sim *sim);
void host_notify(struct sim *sim, const struct box *box);
struct json *host_describe(const struct box *box);

#endif

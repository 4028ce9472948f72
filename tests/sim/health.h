/* What workloads answer: probes by davit-probe, probes and hooks by exec. */
#ifndef SIM_HEALTH_H
#define SIM_HEALTH_H

#include "sim.h"

/* A frame from davitd to davit-probe; the first one starts it. `head` is taken. */
void health_frame(struct sim *sim, struct json *head);
void health_end(struct sim *sim);
void health_crash(struct sim *sim);
/* The answer of an exec in a container; the caller frees. */
char *health_exec(struct sim *sim, const struct json *document);

/* Its probes or its postStart have failed so often that it is to end. */
bool health_ends(const struct sim *sim, const struct box *box);
/* preStop comes before the signal. */
void health_check_stop(struct sim *sim, const struct box *box, bool force);

#endif

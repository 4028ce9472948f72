/* What goes wrong, and how a seed's history runs. */
#ifndef SIM_CHAOS_H
#define SIM_CHAOS_H

#include "sim.h"

/* Plays one history. `folder` is empty. The caller ends it with chaos_free. */
void chaos_run(struct sim *sim, uint64_t seed, enum lie lie, bool trace, const char *folder);
void chaos_free(struct sim *sim);

#endif

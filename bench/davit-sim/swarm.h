/* All simulated nodes of the process: a fleet a thread. */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include "fleet.h"

struct swarm {
    const struct options *options;
    struct config *config;
    struct fleet *fleets;
    size_t count;
    size_t bytes_before; /* resident, without nodes */
    size_t bytes;        /* when the last of them was made; what they hold later is larger */
};

/* Makes all nodes; none is connected. */
MUST_CHECK bool swarm_make(struct swarm *swarm, const struct options *options, struct error *err);
void swarm_order(struct swarm *swarm, enum order_kind kind, uint64_t percent);
void swarm_free(struct swarm *swarm); /* after ORDER_END */
uint64_t swarm_sum(const struct swarm *swarm, enum counter counter);
/* Resident memory of this process. */
size_t swarm_resident_bytes(void);

#endif

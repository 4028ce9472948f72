/* Which of two documents for one slot is the newer. Pure. docs/protocol.md, Order. */
#ifndef PROTOCOL_ORDER_H
#define PROTOCOL_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum order_verdict {
    ORDER_NEWER,    /* to be accepted, with the generation given back */
    ORDER_SAME,     /* nothing new */
    ORDER_STALE,    /* older than what is accepted */
    ORDER_CONFLICT, /* the accepted generation with another content */
    ORDER_REPLAY    /* a retained copy of what was accepted and superseded before: a broker restored from a backup */
};

struct order_slot {
    bool filled;
    int64_t generation;
    const char *content;
};

struct order_arrival {
    bool has_generation;
    int64_t generation;
    const char *content;
    bool live;       /* published now, not kept by the broker */
    bool superseded; /* this slot had this content before, and was given another */
};

enum order_verdict order_decide(const struct order_slot *slot, const struct order_arrival *arrival, int64_t *generation);
/* The reason in the status: "Stale", "Conflict", "StaleReplay"; NULL for NEWER and SAME. */
const char *order_reason(enum order_verdict verdict);

#endif

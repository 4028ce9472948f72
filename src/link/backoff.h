/* How long to wait before the next try. Pure but for the random number. */
#ifndef LINK_BACKOFF_H
#define LINK_BACKOFF_H

#include <stdint.h>

/* A connection that lived so long was a good one: the next wait is short again. */
#define BACKOFF_GOOD_MS 30000
/* Another client with the same id: two that fight would wake each other for ever, so the wait starts here … */
#define BACKOFF_TAKEOVER_MS 30000
/* … and only a long peace ends the growth, for each of the two lives through the other's wait. */
#define BACKOFF_PEACE_MS 600000

struct backoff {
    uint64_t min_ms;
    uint64_t max_ms;
    uint64_t ceiling_ms;  /* of the next wait; 0: min_ms */
    uint64_t takeover_ms; /* of the next wait after a takeover; 0: BACKOFF_TAKEOVER_MS */
};

/* `lived_ms`: how long the connection that just ended had been up, 0 when it never was. `code`: MQTT 5 reason code.
 * Full jitter (0 … ceiling), so that a plant's devices do not come back in one moment; after a takeover the ceiling
 * and up to half of it more. */
uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms, int code);

#endif

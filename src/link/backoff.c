#include "config.h"

#include "link/backoff.h"

#include <sys/random.h>

#include "link/reason.h"

static uint64_t random_up_to(uint64_t limit)
{
    uint64_t number = 0;

    /* Without entropy (first seconds of a boot) everybody waits the whole time: late, but never a busy loop. */
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        return limit;
    return number % (limit + 1);
}

static uint64_t doubled(uint64_t value, uint64_t max)
{
    return value >= max / 2 ? max : value * 2;
}

static uint64_t takeover_next(struct backoff *backoff)
{
    uint64_t max = backoff->max_ms > BACKOFF_PEACE_MS ? backoff->max_ms : BACKOFF_PEACE_MS;
    uint64_t wait = backoff->takeover_ms;

    backoff->takeover_ms = doubled(wait, max);
    return wait + random_up_to(wait / 2);
}

uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms, int code)
{
    uint64_t wait;

    if (lived_ms >= BACKOFF_GOOD_MS || backoff->ceiling_ms == 0)
        backoff->ceiling_ms = backoff->min_ms;
    if (lived_ms >= BACKOFF_PEACE_MS || backoff->takeover_ms == 0)
        backoff->takeover_ms = BACKOFF_TAKEOVER_MS;
    if (code == REASON_TAKEN_OVER)
        return takeover_next(backoff);
    wait = backoff->ceiling_ms;
    backoff->ceiling_ms = doubled(wait, backoff->max_ms);
    return random_up_to(wait);
}

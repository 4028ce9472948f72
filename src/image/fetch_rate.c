#include "config.h"

#include "image/fetch_rate.h"

#include <string.h>

#define BURST_PART 8        /* of a second */
#define BURST_MIN_BYTES 1024
#define STEP_MAX_MS 2000    /* what is longer was a sleep of the machine, or a parent that did not read */

void bucket_init(struct bucket *bucket, int64_t rate, uint64_t now_ms)
{
    *bucket = (struct bucket){.rate = rate, .filled_ms = now_ms};
}

bool bucket_is_empty(const struct bucket *bucket)
{
    return bucket->rate > 0 && bucket->bytes <= 0;
}

void bucket_take(struct bucket *bucket, size_t bytes)
{
    if (bucket->rate > 0)
        bucket->bytes -= (int64_t)bytes;
}

void bucket_fill(struct bucket *bucket, uint64_t now_ms)
{
    uint64_t step_ms = now_ms - bucket->filled_ms;
    int64_t burst = bucket->rate / BURST_PART > BURST_MIN_BYTES ? bucket->rate / BURST_PART : BURST_MIN_BYTES;
    if (step_ms > STEP_MAX_MS)
        step_ms = STEP_MAX_MS;
    /* Part by part, so that nothing overflows; what is lost to rounding is less than the rate's thousandth. */
    int64_t more = bucket->rate / 1000 * (int64_t)step_ms + bucket->rate % 1000 * (int64_t)step_ms / 1000;
    if (bucket->rate <= 0 || more == 0)
        return;
    bucket->bytes = bucket->bytes + more < burst ? bucket->bytes + more : burst;
    bucket->filled_ms = now_ms;
}

int bucket_wait_ms(const struct bucket *bucket, int most_ms)
{
    int64_t wait_ms = (-bucket->bytes + 1) / (bucket->rate / 1000 + 1) + 1;
    return wait_ms < most_ms ? (int)wait_ms : most_ms;
}

void window_start(struct window *window, uint64_t now_ms)
{
    *window = (struct window){.seen_ms = now_ms};
}

bool window_look(struct window *window, uint64_t now_ms, bool waits, uint64_t length_ms, int64_t *bytes)
{
    uint64_t step_ms = now_ms - window->seen_ms;
    window->seen_ms = now_ms;
    if (waits)
        window->used_ms += step_ms < STEP_MAX_MS ? step_ms : STEP_MAX_MS;
    if (window->used_ms < length_ms)
        return false;
    *bytes = window->bytes;
    window->used_ms = 0;
    window->bytes = 0;
    return true;
}

/* How fast it may be, and how fast it must be. */
#ifndef IMAGE_FETCH_RATE_H
#define IMAGE_FETCH_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All transfers together: what they may still take at once. */
struct bucket {
    int64_t rate; /* bytes a second; 0: no limit */
    int64_t bytes; /* below 0: taken ahead */
    uint64_t filled_ms;
    unsigned queued; /* counts those that had to wait */
};

void bucket_init(struct bucket *bucket, int64_t rate, uint64_t now_ms);
bool bucket_is_empty(const struct bucket *bucket);
void bucket_take(struct bucket *bucket, size_t bytes);
void bucket_fill(struct bucket *bucket, uint64_t now_ms);
/* Until it is not empty any more; at most `most_ms`. */
int bucket_wait_ms(const struct bucket *bucket, int most_ms);

/* One transfer: only the time in which it waits for the network counts. */
struct window {
    uint64_t used_ms;
    uint64_t seen_ms;
    int64_t bytes;
};

void window_start(struct window *window, uint64_t now_ms);
/* True when `length_ms` of waiting are over; it then begins anew, and *bytes is what came in the one that ended. */
bool window_look(struct window *window, uint64_t now_ms, bool waits, uint64_t length_ms, int64_t *bytes);

#endif

/* A time zone out of a TZif file (RFC 9636): what its clocks show at a moment, and when they show something. Pure: the bytes
 * are handed in. Times are seconds since 1970, UTC; a local time is what a clock shows, counted as if it were UTC.
 */
#ifndef MODEL_ZONE_H
#define MODEL_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct zone;

/* NULL: *err says what is wrong with the file. The caller frees. */
MUST_CHECK struct zone *zone_parse(const void *data, size_t len, struct error *err);
struct zone *zone_utc(void);
void zone_free(struct zone *zone);

/* Seconds east of Greenwich at this moment. */
int64_t zone_offset(const struct zone *zone, int64_t utc);

/* Moments at which clocks show `local`. */
struct zone_times {
    size_t count;    /* 0: never, they skip it; 2: twice, the hour comes again */
    int64_t utc[2];  /* in their order; count 0: utc[0] is the moment of the skip */
};
void zone_times(const struct zone *zone, int64_t local, struct zone_times *times);

/* "Europe/Berlin": a name that may be looked for as a file. */
bool zone_name_is_safe(const char *name);

#endif

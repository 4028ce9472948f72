/* The times at which a CronJob has run, as spans of its schedule without a gap: so that no step of the wall clock, ahead or
 * back, makes one time run twice. Pure. Times are seconds since 1970, UTC.
 */
#ifndef MODEL_CRON_PAST_H
#define MODEL_CRON_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "davit/limits.h"

struct cron_span {
    int64_t from, to; /* both ran */
};

struct cron_past {
    struct cron_span spans[LIMIT_CRON_SPANS];
    size_t count;
};

bool cron_past_has(const struct cron_past *past, int64_t time);
/* The newest time that ran and is not after `now`; `none` where there is no such. */
int64_t cron_past_newest(const struct cron_past *past, int64_t now, int64_t none);
/* `before` is the time of the schedule before this one. */
void cron_past_add(struct cron_past *past, int64_t time, int64_t before);

#endif

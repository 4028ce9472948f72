/* A CronJob's schedule: five fields, or @hourly and kin. Pure. Times are seconds since 1970, UTC, of whole minutes.
 *
 * Where clocks are changed: a time of day that is skipped runs at the end of the gap, one that comes twice runs the first time.
 * A schedule of every hour follows the time that passes: nothing is made up for, and the repeated hour has its runs.
 */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/zone.h"

struct schedule {
    uint64_t minutes; /* bits */
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday; /* `*`: day of month and day of week are an OR where neither is */
};

#define SCHEDULE_NEVER INT64_MIN

MUST_CHECK bool schedule_parse(const char *text, struct schedule *schedule, struct error *err);
/* The first time after `utc`; SCHEDULE_NEVER: none within some years. */
int64_t schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t utc);
/* The last time in (after, utc]; SCHEDULE_NEVER: none. */
int64_t schedule_last(const struct schedule *schedule, const struct zone *zone, int64_t after, int64_t utc);

#endif

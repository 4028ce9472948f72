/* The last line of a TZif file: a POSIX TZ string, for what comes after its last transition. For zone.c only. Pure. */
#ifndef MODEL_ZONE_RULE_H
#define MODEL_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zone_day_kind { ZONE_DAY_JULIAN, ZONE_DAY_OF_YEAR, ZONE_DAY_OF_WEEK };

struct zone_day {
    enum zone_day_kind kind;
    int64_t day, week, month;
    int64_t time_s; /* of the day, by the clock before the change */
};

struct zone_rule {
    bool known, has_summer;
    int64_t standard_s, summer_s; /* offsets */
    struct zone_day begin, end;   /* of summer time */
};

/* `text` has `len` characters. */
bool zone_rule_parse(const char *text, size_t len, struct zone_rule *rule);
int64_t zone_rule_offset(const struct zone_rule *rule, int64_t utc);

/* Days since 1970 of a date, and back. */
int64_t days_of_date(int64_t year, int64_t month, int64_t day);
void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day);

#endif

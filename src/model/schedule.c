#include "model/schedule.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "model/zone_rule.h"

#define DAY_S 86400
#define YEARS_MAX 9 /* 29 February, around 2100 */

/* ---- reading */

struct cron_field {
    const char *name;
    int64_t min, max;
    const char *const *words;
    int64_t first_word; /* what words[0] means */
};

static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may", "jun",
                                           "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const weekday_words[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct cron_field cron_fields[] = {
    { "minute", 0, 59, NULL, 0 },
    { "hour", 0, 23, NULL, 0 },
    { "day of the month", 1, 31, NULL, 0 },
    { "month", 1, 12, month_words, 1 },
    { "day of the week", 0, 7, weekday_words, 0 }, /* 7 is Sunday too */
};

static bool read_value(const struct cron_field *field, const char *text, size_t len, int64_t *value)
{
    *value = 0;
    for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++)
        if (strlen(field->words[i]) == len && strncasecmp(field->words[i], text, len) == 0) {
            *value = field->first_word + (int64_t)i;
            return true;
        }
    if (len == 0 || len > 4)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return *value >= field->min && *value <= field->max;
}

/* "5" alone; with a step behind it, to the end. */
static bool read_range(const struct cron_field *field, const char *text, size_t len, int64_t *from, int64_t *to)
{
    const char *dash = memchr(text, '-', len);
    size_t left = dash != NULL ? (size_t)(dash - text) : len;
    if (!read_value(field, text, left, from))
        return false;
    if (dash != NULL)
        return read_value(field, dash + 1, len - left - 1, to) && *from <= *to;
    if (text[len] != '/')
        *to = *from;
    return true;
}

/* "*", "5", "mon-fri", "10-50/20", "5/15", "* /2" without the blank. */
static bool read_part(const struct cron_field *field, const char *text, size_t len, uint64_t *bits, bool *any)
{
    const char *slash = memchr(text, '/', len);
    size_t range = slash != NULL ? (size_t)(slash - text) : len;
    int64_t from = field->min, to = field->max == 7 ? 6 : field->max, step = 1;
    bool star = range == 1 && (text[0] == '*' || text[0] == '?');
    struct cron_field number = { .min = 1, .max = 9999 };
    if (slash != NULL && !read_value(&number, slash + 1, len - range - 1, &step))
        return false;
    if (!star && !read_range(field, text, range, &from, &to))
        return false;
    *any = *any || (star && step == 1);
    for (int64_t i = from; i <= to; i += step)
        *bits |= 1ull << (field->max == 7 && i == 7 ? 0 : i);
    return true;
}

static bool read_field(size_t index, const char *text, size_t len, uint64_t *bits, bool *any, struct error *err)
{
    const struct cron_field *field = &cron_fields[index];
    const char *at = text, *end = text + len;
    *bits = 0;
    *any = false;
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t part = (size_t)((comma != NULL ? comma : end) - at);
        if (!read_part(field, at, part, bits, any))
            return error_set(err, ERROR_INVALID, "the %s \"%.*s\" is none: *, 5, 1-5, */10, 1,15 and names are understood",
                             field->name, (int)(len < 40 ? len : 40), text);
        if (comma == NULL)
            return true;
        at = comma + 1;
    }
}

static const char *expand(const char *text)
{
    static const char *const words[][2] = { { "@yearly", "0 0 1 1 *" },  { "@annually", "0 0 1 1 *" },
                                            { "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
                                            { "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
                                            { "@hourly", "0 * * * *" } };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i][0], text) == 0)
            return words[i][1];
    return text;
}

bool schedule_parse(const char *text, struct schedule *schedule, struct error *err)
{
    uint64_t bits[5];
    bool any[5];
    size_t count = 0;
    if (strstr(text, "TZ=") != NULL)
        return error_set(err, ERROR_INVALID, "TZ or CRON_TZ in a schedule is not understood: use timeZone");
    const char *at = expand(text);
    while (*(at += strspn(at, " \t")) != '\0') {
        size_t len = strcspn(at, " \t");
        if (count == 5 || !read_field(count, at, len, &bits[count], &any[count], err))
            return count < 5 ? false : error_set(err, ERROR_INVALID, "a schedule has five fields: minute hour day month weekday");
        count++;
        at += len;
    }
    if (count != 5)
        return error_set(err, ERROR_INVALID, "a schedule has five fields: minute hour day month weekday; or is @hourly, "
                                             "@daily, @weekly, @monthly, @yearly");
    *schedule = (struct schedule){ .minutes = bits[0], .hours = (uint32_t)bits[1], .days = (uint32_t)bits[2],
                                   .months = (uint32_t)bits[3], .weekdays = (uint32_t)bits[4], .any_day = any[2],
                                   .any_weekday = any[4] };
    return true;
}

/* ---- finding */

static int64_t day_of(const struct zone *zone, int64_t utc)
{
    int64_t local = utc + zone_offset(zone, utc);
    return local >= 0 ? local / DAY_S : (local - DAY_S + 1) / DAY_S;
}

static bool has_day(const struct schedule *schedule, int64_t days)
{
    int64_t year, month, day;
    date_of_days(days, &year, &month, &day);
    bool of_month = (schedule->days >> day & 1) != 0;
    bool of_week = (schedule->weekdays >> ((days % 7 + 11) % 7) & 1) != 0; /* 1970-01-01 was a Thursday */
    if ((schedule->months >> month & 1) == 0)
        return false;
    return schedule->any_day || schedule->any_weekday ? of_month && of_week : of_month || of_week;
}

struct search {
    const struct schedule *schedule;
    const struct zone *zone;
    int64_t after, until; /* within (after, until] */
    bool last;            /* the last one, else the first */
    int64_t found;
};

static void consider(struct search *search, int64_t utc)
{
    if (utc <= search->after || utc > search->until)
        return;
    if (search->found == SCHEDULE_NEVER || (search->last ? utc > search->found : utc < search->found))
        search->found = utc;
}

static void look_at_time(struct search *search, int64_t local)
{
    bool every_hour = search->schedule->hours == (1u << 24) - 1;
    struct zone_times times;
    zone_times(search->zone, local, &times);
    if (times.count > 0 || !every_hour)
        consider(search, times.utc[0]);
    if (times.count == 2 && every_hour)
        consider(search, times.utc[1]);
}

static void look_at_day(struct search *search, int64_t days)
{
    const struct schedule *schedule = search->schedule;
    if (!has_day(schedule, days))
        return;
    int64_t offset = zone_offset(search->zone, (days - 1) * DAY_S);
    bool steady = offset == zone_offset(search->zone, (days + 2) * DAY_S); /* no change near: most days */
    for (int64_t hour = 0; hour < 24; hour++)
        for (int64_t minute = 0; (schedule->hours >> hour & 1) != 0 && minute < 60; minute++) {
            int64_t local = days * DAY_S + hour * 3600 + minute * 60;
            if ((schedule->minutes >> minute & 1) == 0)
                continue;
            if (steady)
                consider(search, local - offset);
            else
                look_at_time(search, local);
        }
}

/* A day more on each side of the first find: where midnight itself is moved, days overlap. */
static int64_t find(struct search *search)
{
    int64_t step = search->last ? -1 : 1;
    int64_t day = day_of(search->zone, search->last ? search->until : search->after) - step;
    int64_t stop = day + step * YEARS_MAX * 366;
    int64_t last_day = day_of(search->zone, search->after) - 1;
    search->found = SCHEDULE_NEVER;
    for (; day != stop && (!search->last || day >= last_day); day += step) {
        bool had = search->found != SCHEDULE_NEVER;
        look_at_day(search, day);
        if (had)
            break;
    }
    return search->found;
}

int64_t schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t utc)
{
    struct search search = { .schedule = schedule, .zone = zone, .after = utc, .until = INT64_MAX };
    return find(&search);
}

int64_t schedule_last(const struct schedule *schedule, const struct zone *zone, int64_t after, int64_t utc)
{
    struct search search = { .schedule = schedule, .zone = zone, .after = after, .until = utc, .last = true };
    return after < utc ? find(&search) : SCHEDULE_NEVER;
}

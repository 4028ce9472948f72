#include "model/zone_rule.h"

#include <string.h>

#define DAY_S 86400

/* Howard Hinnant's algorithms: eras of 400 years, years that begin in March. */
int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march + (from_march < 10 ? 3 : -9);
    *year = of_era + era * 400 + (*month <= 2);
}

struct text {
    const char *at, *end;
};

static bool take(struct text *text, char c)
{
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static bool take_number(struct text *text, int64_t *number)
{
    const char *begin = text->at;
    *number = 0;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && text->at - begin < 5)
        *number = *number * 10 + (*text->at++ - '0');
    return text->at > begin;
}

/* "CET", "<+03>" */
static bool take_name(struct text *text)
{
    const char *begin = text->at;
    if (take(text, '<')) {
        while (text->at < text->end && *text->at != '>')
            text->at++;
        return take(text, '>');
    }
    while (text->at < text->end && ((*text->at >= 'A' && *text->at <= 'Z') || (*text->at >= 'a' && *text->at <= 'z')))
        text->at++;
    return text->at > begin;
}

/* "[+-]hh[:mm[:ss]]" */
static bool take_time(struct text *text, int64_t *seconds)
{
    bool negative = take(text, '-');
    int64_t hours = 0, minutes = 0, rest = 0;
    if (!negative)
        take(text, '+');
    if (!take_number(text, &hours) || hours > 167)
        return false;
    if (take(text, ':') && (!take_number(text, &minutes) || (take(text, ':') && !take_number(text, &rest))))
        return false;
    *seconds = (hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
    return minutes < 60 && rest < 60;
}

/* "3.5.0": the last Sunday in March */
static bool take_month_day(struct text *text, struct zone_day *day)
{
    return take_number(text, &day->month) && take(text, '.') && take_number(text, &day->week) && take(text, '.') &&
           take_number(text, &day->day) && day->month >= 1 && day->month <= 12 && day->week >= 1 && day->week <= 5 &&
           day->day <= 6;
}

static bool take_day(struct text *text, struct zone_day *day)
{
    day->time_s = 2 * 3600;
    if (!take(text, ','))
        return false;
    day->kind = take(text, 'M') ? ZONE_DAY_OF_WEEK : take(text, 'J') ? ZONE_DAY_JULIAN : ZONE_DAY_OF_YEAR;
    bool good = day->kind == ZONE_DAY_OF_WEEK
                    ? take_month_day(text, day)
                    : take_number(text, &day->day) && day->day <= 365 && (day->kind == ZONE_DAY_OF_YEAR || day->day >= 1);
    return good && (!take(text, '/') || take_time(text, &day->time_s));
}

bool zone_rule_parse(const char *string, size_t len, struct zone_rule *rule)
{
    struct text text = { .at = string, .end = string + len };
    memset(rule, 0, sizeof(*rule));
    if (!take_name(&text) || !take_time(&text, &rule->standard_s))
        return false;
    rule->standard_s = -rule->standard_s; /* POSIX counts to the west */
    rule->summer_s = rule->standard_s + 3600;
    rule->known = true;
    if (text.at == text.end)
        return true;
    if (!take_name(&text))
        return false;
    if (text.at < text.end && *text.at != ',') {
        if (!take_time(&text, &rule->summer_s))
            return false;
        rule->summer_s = -rule->summer_s;
    }
    rule->has_summer = true;
    return take_day(&text, &rule->begin) && take_day(&text, &rule->end) && text.at == text.end;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Local seconds at which the clock changes in this year. */
static int64_t change_in(const struct zone_day *day, int64_t year)
{
    int64_t first = days_of_date(year, 1, 1);
    if (day->kind == ZONE_DAY_OF_YEAR)
        return (first + day->day) * DAY_S + day->time_s;
    if (day->kind == ZONE_DAY_JULIAN) /* 29 February is never counted */
        return (first + day->day - 1 + (is_leap(year) && day->day >= 60)) * DAY_S + day->time_s;
    int64_t begin = days_of_date(year, day->month, 1);
    int64_t next = day->month == 12 ? days_of_date(year + 1, 1, 1) : days_of_date(year, day->month + 1, 1);
    int64_t weekday = ((begin % 7 + 7) % 7 + 4) % 7; /* 1970-01-01 was a Thursday */
    int64_t found = begin + (day->day - weekday + 7) % 7 + (day->week - 1) * 7;
    while (found >= next)
        found -= 7;
    return found * DAY_S + day->time_s;
}

int64_t zone_rule_offset(const struct zone_rule *rule, int64_t utc)
{
    int64_t year, month, day;
    if (!rule->has_summer)
        return rule->standard_s;
    int64_t local = utc + rule->standard_s;
    date_of_days(local >= 0 ? local / DAY_S : (local - DAY_S + 1) / DAY_S, &year, &month, &day);
    int64_t begin = change_in(&rule->begin, year) - rule->standard_s;
    int64_t end = change_in(&rule->end, year) - rule->summer_s;
    bool summer = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
    return summer ? rule->summer_s : rule->standard_s;
}

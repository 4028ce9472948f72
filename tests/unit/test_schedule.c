/* Schedules and time zones: what is read, and what comes next, also where clocks are changed. The zones are this machine's. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/cron_past.h"
#include "model/schedule.h"
#include "model/zone_rule.h"
#include "unit.h"

static struct zone *zone_of(const char *name)
{
    struct error err;
    AUTO_FREE char *path = mem_printf("/usr/share/zoneinfo/%s", name);
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    if (strcmp(name, "UTC") == 0)
        return zone_utc();
    if (!file_read_regular(path, 65536, &data, &len, &err))
        return NULL;
    struct zone *zone = zone_parse(data, len, &err);
    assert_non_null(zone);
    return zone;
}

/* "2026-03-29T01:00:00Z" */
static int64_t moment(const char *text)
{
    int year, month, day, hour, minute;
    assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d", &year, &month, &day, &hour, &minute), 5);
    return days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void come(const char *text, const char *zone_name, const char *from, const char *const *expected)
{
    struct schedule schedule;
    struct error err;
    char shown[CLOCK_RFC3339_BYTES];
    struct zone *zone = zone_of(zone_name);
    if (zone == NULL)
        return; /* a machine without tzdata */
    if (!schedule_parse(text, &schedule, &err))
        fail_msg("%s: %s", text, err.message);
    int64_t at = moment(from), before = at;
    for (size_t i = 0; expected[i] != NULL; i++) {
        at = schedule_next(&schedule, zone, at);
        if (strcmp(clock_rfc3339((uint64_t)at * 1000, shown), expected[i]) != 0)
            fail_msg("%s in %s: %s, expected is %s", text, zone_name, shown, expected[i]);
        /* And back: it is the last one until the moment it comes, and until just before the next. */
        assert_int_equal(schedule_last(&schedule, zone, before, at), at);
        assert_int_equal(schedule_last(&schedule, zone, before, at - 1), SCHEDULE_NEVER);
        before = at;
    }
    zone_free(zone);
}

#define COME(text, zone, from, ...) come(text, zone, from, (const char *const[]){ __VA_ARGS__, NULL })

static void fields_are_read_as_cron_reads_them(void **state)
{
    (void)state;
    COME("* * * * *", "UTC", "2026-11-25T10:00:00Z", "2026-11-25T10:01:00Z", "2026-11-25T10:02:00Z");
    COME("*/20 * * * *", "UTC", "2026-11-25T10:05:00Z", "2026-11-25T10:20:00Z", "2026-11-25T10:40:00Z", "2026-11-25T11:00:00Z");
    COME("10-50/20,5 8 * * *", "UTC", "2026-11-25T10:05:00Z", "2026-11-26T08:05:00Z", "2026-11-26T08:10:00Z", "2026-11-26T08:30:00Z");
    COME("50/5 8 * * *", "UTC", "2026-11-25T10:05:00Z", "2026-11-26T08:50:00Z", "2026-11-26T08:55:00Z", "2026-11-27T08:50:00Z");
    COME("0 0 * feb mon-WED", "UTC", "2026-11-25T10:05:00Z", "2027-02-01T00:00:00Z", "2027-02-02T00:00:00Z", "2027-02-03T00:00:00Z");
    COME("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z");
    COME("@hourly", "UTC", "2026-11-25T10:05:00Z", "2026-11-25T11:00:00Z", "2026-11-25T12:00:00Z");
    COME("@weekly", "UTC", "2026-11-25T10:05:00Z", "2026-11-29T00:00:00Z");
    COME("@yearly", "UTC", "2026-11-25T10:05:00Z", "2027-01-01T00:00:00Z");
    COME("0 12 * * 7", "UTC", "2026-11-25T10:05:00Z", "2026-11-29T12:00:00Z");
}

static void day_of_month_and_day_of_week_are_an_or(void **state)
{
    (void)state;
    COME("0 0 13 * 5", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z",
         "2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z");
    COME("0 0 * * 5", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z");
    COME("0 0 13 * *", "UTC", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00Z", "2026-12-13T00:00:00Z");
}

static void what_is_no_schedule_is_refused(void **state)
{
    static const char *const wrong[] = { "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
                                         "* * * * 8", "a * * * *", "5-1 * * * *", "*/0 * * * *", "1, * * * *", "@often",
                                         "TZ=UTC * * * * *", "CRON_TZ=Asia/Tokyo 0 0 * * *", "-1 * * * *", "1-2-3 * * * *" };
    struct schedule schedule;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (schedule_parse(wrong[i], &schedule, &err))
            fail_msg("\"%s\" was read", wrong[i]);
    assert_true(schedule_parse("0 0 31 2 *", &schedule, &err));
    struct zone *utc = zone_utc();
    assert_int_equal(schedule_next(&schedule, utc, moment("2026-01-01T00:00:00Z")), SCHEDULE_NEVER);
    zone_free(utc);
}

static void a_skipped_hour_runs_at_its_end(void **state)
{
    (void)state;
    /* Berlin: 02:00 becomes 03:00 on 29 March 2026, at 01:00 UTC. */
    COME("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z");
    COME("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z");
    COME("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z");
    /* Lord Howe moves by half an hour. */
    COME("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:10:00Z");
    /* Samoa left out a day. */
    COME("0 3 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-29T13:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T13:00:00Z");
}

static void a_repeated_hour_runs_once(void **state)
{
    (void)state;
    COME("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
    COME("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z");
    COME("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z");
}

static void every_hour_follows_the_time_that_passes(void **state)
{
    (void)state;
    COME("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
    COME("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
    COME("*/30 * * * *", "Asia/Kolkata", "2026-03-28T23:10:00Z", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z");
}

static void behind_the_last_change_of_a_file_its_rule_is_asked(void **state)
{
    (void)state;
    COME("30 2 * * *", "Europe/Berlin", "2060-03-27T12:00:00Z", "2060-03-28T01:00:00Z", "2060-03-29T00:30:00Z");
    COME("0 12 1 7 *", "America/New_York", "2060-01-01T00:00:00Z", "2060-07-01T16:00:00Z");
    COME("0 12 1 1 *", "Australia/Sydney", "2060-01-02T00:00:00Z", "2061-01-01T01:00:00Z");
    COME("0 12 1 1 *", "Asia/Tokyo", "2060-01-02T00:00:00Z", "2061-01-01T03:00:00Z");
}

static void what_is_no_zone_is_refused(void **state)
{
    struct zone_rule rule;
    struct error err;
    static const char *const rules[] = { "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "EST5EDT,M3.2.0,M11.1.0", "A1B,J60,J300/-1:30", "A1B2,0,365" };
    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        assert_true(zone_rule_parse(rules[i], strlen(rules[i]), &rule));
    assert_false(zone_rule_parse("CET", 3, &rule));
    assert_false(zone_rule_parse("CET-1CEST,M13.5.0,M10.5.0", 25, &rule));
    assert_null(zone_parse("TZif", 4, &err));
    char header[88] = "TZif2";
    assert_null(zone_parse(header, sizeof(header), &err));
    assert_true(zone_name_is_safe("America/Argentina/Buenos_Aires"));
    assert_false(zone_name_is_safe("../../etc/passwd"));
    assert_false(zone_name_is_safe("/etc/passwd"));
    assert_false(zone_name_is_safe(""));
    assert_false(zone_name_is_safe("a b"));
}

static void dates_go_there_and_back(void **state)
{
    int64_t year, month, day;
    (void)state;
    for (int64_t days = -1000000; days < 1000000; days += 97) {
        date_of_days(days, &year, &month, &day);
        assert_int_equal(days_of_date(year, month, day), days);
        assert_true(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    }
}

static void no_time_runs_twice(void **state)
{
    struct cron_past past = { .count = 0 };
    (void)state;
    for (int64_t minute = 1; minute <= 30; minute++)
        cron_past_add(&past, minute * 60, (minute - 1) * 60);
    assert_int_equal(past.count, 1);
    assert_true(cron_past_has(&past, 900));
    assert_int_equal(cron_past_newest(&past, 100000, -1), 1800);
    assert_int_equal(cron_past_newest(&past, 930, -1), 930); /* the clock was set back into what ran */
    assert_int_equal(cron_past_newest(&past, 30, -1), -1);
    cron_past_add(&past, 6000000, 5999940); /* and years ahead */
    assert_int_equal(past.count, 2);
    assert_int_equal(cron_past_newest(&past, 1920, -1), 1800);
    cron_past_add(&past, 1860, 1800);
    assert_int_equal(past.count, 2);
    for (int64_t i = 0; i < 100; i++)
        cron_past_add(&past, 7000000 + i * 1000, 1);
    assert_int_equal(past.count, LIMIT_CRON_SPANS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_as_cron_reads_them), cmocka_unit_test(day_of_month_and_day_of_week_are_an_or),
        cmocka_unit_test(what_is_no_schedule_is_refused),     cmocka_unit_test(a_skipped_hour_runs_at_its_end),
        cmocka_unit_test(a_repeated_hour_runs_once),          cmocka_unit_test(every_hour_follows_the_time_that_passes),
        cmocka_unit_test(behind_the_last_change_of_a_file_its_rule_is_asked), cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(dates_go_there_and_back),            cmocka_unit_test(no_time_runs_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

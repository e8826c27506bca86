/* Turns in real zones over many years, judged by the C library's clock: also where clocks change by half an hour, at
 * midnight, backwards in spring, or a whole day is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policies/schedule.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_S = 86400 };

static const char *const three[] = {"ann", "bob", "carol"};

static const char *const zones[] = {
    "Europe/Berlin",    "America/New_York",  "Australia/Lord_Howe", "Pacific/Chatham",
    "Pacific/Apia",     "America/Sao_Paulo", "Africa/Casablanca",   "Europe/Dublin",
    "Antarctica/Troll", "Asia/Kathmandu",    "America/St_Johns",    "Asia/Amman",
    "Africa/Cairo",     "America/Havana",    "Asia/Tehran",         "UTC"};

static const struct {
    int hour, minute;
} readings[] = {{0, 0}, {0, 30}, {2, 0}, {2, 30}, {9, 0}, {23, 59}};

static struct zone *read_zone(const char *name)
{
    static unsigned char bytes[1 << 20];
    char path[256];
    struct zone *zone = NULL;
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    assert_int_equal(zone_parse(name, bytes, count, &zone, NULL), 0);
    return zone;
}

static struct tm local_at(int64_t at_ms)
{
    time_t at_s = (time_t)(at_ms / 1000);
    struct tm local;
    assert_non_null(localtime_r(&at_s, &local));
    return local;
}

static bool reads(const struct tm *local, int hour, int minute)
{
    return local->tm_hour == hour && local->tm_min == minute && local->tm_sec == 0;
}

/* At a turn the clock shows the reading, for the last time on that day; or it never shows it on that day, and the turn comes
 * as long after the gap's start as the reading lies behind it. */
static void judge(const char *zone, int64_t turn_ms, int hour, int minute)
{
    struct tm at = local_at(turn_ms);
    bool is_shown = reads(&at, hour, minute);
    for (int64_t t_ms = turn_ms - 3 * HOUR_MS; t_ms <= turn_ms + 3 * HOUR_MS; t_ms += MINUTE_MS) {
        struct tm other = local_at(t_ms);
        bool is_same_day = other.tm_mday == at.tm_mday;
        if (is_same_day && reads(&other, hour, minute) && (!is_shown || t_ms > turn_ms))
            fail_msg("%s %02d:%02d: the turn at %lld comes when the clock shows %02d:%02d", zone,
                     hour, minute, (long long)turn_ms / 1000, at.tm_hour, at.tm_min);
    }
    if (is_shown)
        return;
    struct tm before = local_at(turn_ms - 3 * HOUR_MS);
    int64_t gap_s = at.tm_gmtoff - before.tm_gmtoff;
    int64_t shown_s = (int64_t)at.tm_hour * 3600 + at.tm_min * 60;
    int64_t wanted_s = (int64_t)hour * 3600 + minute * 60 + gap_s;
    if (gap_s <= 0 || (shown_s - wanted_s) % DAY_S != 0)
        fail_msg("%s %02d:%02d: the turn at %lld is at %02d:%02d, behind a gap of %lld s", zone,
                 hour, minute, (long long)turn_ms / 1000, at.tm_hour, at.tm_min, (long long)gap_s);
}

static bool is_quiet(int64_t turn_ms)
{
    return local_at(turn_ms - 26 * INT64_C(3600000)).tm_gmtoff ==
           local_at(turn_ms + 26 * INT64_C(3600000)).tm_gmtoff;
}

static void walk(const char *name, const struct schedule *schedule)
{
    const int64_t end_ms = INT64_C(2145916800000); /* 2038 */
    int64_t at_ms = INT64_C(946684800000);         /* 2000 */
    at_ms = schedule_next_turn_ms(schedule, at_ms);
    while (at_ms < end_ms) {
        struct duty before = schedule_on_call(schedule, at_ms - 1);
        struct duty now = schedule_on_call(schedule, at_ms);
        assert_true(before.count == 1 && now.count == 1);
        size_t step = ((size_t)(now.names - three) + 3 - (size_t)(before.names - three)) % 3;
        int64_t next_ms = schedule_next_turn_ms(schedule, at_ms);
        assert_true(next_ms > at_ms);
        /* Where a day is left out its turn is, too. */
        if (step != 1 && !(step == 2 && !is_quiet(at_ms)))
            fail_msg("%s: %zu turns at %lld", name, step, (long long)at_ms / 1000);
        if (is_quiet(at_ms)) {
            struct tm local = local_at(at_ms);
            assert_true(reads(&local, schedule->rotate_hour, schedule->rotate_minute));
        } else {
            judge(name, at_ms, schedule->rotate_hour, schedule->rotate_minute);
        }
        at_ms = next_ms;
    }
}

static void turns_come_when_the_clock_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        struct zone *zone = read_zone(zones[i]);
        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        for (size_t j = 0; j < sizeof(readings) / sizeof(readings[0]); j++) {
            const struct schedule schedule = {.members = three,
                                              .member_count = 3,
                                              .rotate_days = 1,
                                              .rotate_hour = readings[j].hour,
                                              .rotate_minute = readings[j].minute,
                                              .zone = zone};
            walk(zones[i], &schedule);
        }
        zone_destroy(zone);
    }
}

/* Shifts of hours: the same readings on every day without a change, nobody is left out, and no turn is longer than the change
 * makes it. */
static void walk_hours(const char *name, const struct schedule *schedule)
{
    const int64_t end_ms = INT64_C(2145916800000); /* 2038 */
    const int hours = schedule->rotate_hours;
    int64_t at_ms = schedule_next_turn_ms(schedule, INT64_C(946684800000)); /* 2000 */
    while (at_ms < end_ms) {
        struct duty before = schedule_on_call(schedule, at_ms - 1);
        struct duty now = schedule_on_call(schedule, at_ms);
        struct tm local = local_at(at_ms);
        int64_t next_ms = schedule_next_turn_ms(schedule, at_ms);
        assert_true(before.count == 1 && now.count == 1 && next_ms > at_ms);
        size_t step = ((size_t)(now.names - three) + 3 - (size_t)(before.names - three)) % 3;
        int minute = (local.tm_hour - schedule->rotate_hour + 24) * 60 + local.tm_min -
                     schedule->rotate_minute;
        if (is_quiet(at_ms) && (step != 1 || minute % (hours * 60) != 0 || local.tm_sec != 0 ||
                                next_ms - at_ms != hours * INT64_C(3600000)))
            fail_msg("%s, %dh: %zu turns at %lld", name, hours, step, (long long)at_ms / 1000);
        if (next_ms - at_ms > (hours + 24) * INT64_C(3600000))
            fail_msg("%s, %dh: a turn from %lld to %lld", name, hours, (long long)at_ms / 1000,
                     (long long)next_ms / 1000);
        at_ms = next_ms;
    }
}

static void turns_of_hours_come_when_the_clock_says_so(void **state)
{
    (void)state;
    static const int hours[] = {1, 8, 12};
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        struct zone *zone = read_zone(zones[i]);
        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        for (size_t j = 0; j < sizeof(hours) / sizeof(hours[0]); j++) {
            const struct schedule schedule = {.members = three,
                                              .member_count = 3,
                                              .rotate_days = 1,
                                              .rotate_hours = hours[j],
                                              .rotate_hour = 22,
                                              .rotate_minute = 30,
                                              .zone = zone};
            walk_hours(zones[i], &schedule);
        }
        zone_destroy(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_come_when_the_clock_says_so),
        cmocka_unit_test(turns_of_hours_come_when_the_clock_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/zone.h"

/* The reference is the C library's own reader of the same files. */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define DAY_S INT64_C(86400)
#define END_S INT64_C(2145916800) /* 2038-01-01 */

static const char *zone_folder(void)
{
    const char *folder = getenv("TZDIR");
    return folder == NULL ? "/usr/share/zoneinfo" : folder;
}

static struct zone *zone_load(const char *name)
{
    char path[512];
    assert_true(snprintf(path, sizeof(path), "%s/%s", zone_folder(), name) < (int)sizeof(path));
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    static unsigned char bytes[1 << 20];
    size_t count = fread(bytes, 1, sizeof(bytes), file);
    assert_int_equal(fclose(file), 0);
    struct zone *zone = NULL;
    struct err err = {.code = ERR_NONE};
    if (zone_parse(name, bytes, count, &zone, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return zone;
}

static struct zone *zone_need(const char *name)
{
    struct zone *zone = zone_load(name);
    if (zone == NULL) {
        fail_msg("no zone %s: is tzdata installed?", name);
    }
    return zone;
}

static void reference_set(const char *name)
{
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
}

static int reference_offset_s(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    assert_non_null(localtime_r(&at, &tm));
    return (int)tm.tm_gmtoff;
}

static void civil_compare(const struct zone *zone, int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    assert_non_null(localtime_r(&at, &tm));
    struct civil civil;
    zone_civil(zone, at_s * 1000 + 7, &civil);
    bool same = civil.year == tm.tm_year + 1900 && civil.month == tm.tm_mon + 1 &&
                civil.day == tm.tm_mday && civil.hour == tm.tm_hour && civil.minute == tm.tm_min &&
                civil.second == tm.tm_sec && civil.weekday == tm.tm_wday && civil.millisecond == 7;
    if (!same || zone_offset_s(zone, at_s * 1000) != tm.tm_gmtoff) {
        fail_msg("%s at %lld: got offset %d, want %ld", zone_name(zone), (long long)at_s,
                 zone_offset_s(zone, at_s * 1000), tm.tm_gmtoff);
    }
}

/* The rule of the header, from the reference's offsets on both sides of a transition. */
static int64_t reference_instant_s(int64_t local_s, int before_s, int after_s)
{
    int64_t later = local_s - after_s;
    int64_t earlier = local_s - before_s;
    int64_t latest = later > earlier ? later : earlier;
    int64_t other = later > earlier ? earlier : later;
    if (latest + reference_offset_s(latest) == local_s) {
        return latest;
    }
    return other + reference_offset_s(other) == local_s ? other : earlier;
}

static void instant_compare(const struct zone *zone, int64_t local_s, int64_t want_s)
{
    struct civil civil = {.millisecond = 250};
    int64_t days = local_s / DAY_S;
    int in_day = (int)(local_s % DAY_S);
    civil_from_days(days, &civil.year, &civil.month, &civil.day);
    civil.hour = in_day / 3600;
    civil.minute = in_day / 60 % 60;
    civil.second = in_day % 60;
    int64_t got_ms = zone_instant(zone, &civil);
    if (got_ms != want_s * 1000 + 250) {
        fail_msg("%s reading %lld: got %lld, want %lld", zone_name(zone), (long long)local_s,
                 (long long)got_ms, (long long)want_s * 1000 + 250);
    }
}

static void transition_compare(const struct zone *zone, int64_t at_s)
{
    static const int64_t steps[] = {-86400, -3601, -3600, -1801, -1, 0, 1, 1799, 3599, 3600, 86400};
    int before_s = reference_offset_s(at_s - 1);
    int after_s = reference_offset_s(at_s);
    for (size_t step = 0; step < COUNT(steps); step++) {
        civil_compare(zone, at_s + steps[step]);
    }
    /* Readings from well before to well after, each side of every edge of the gap or fold. */
    int64_t low = at_s + (before_s < after_s ? before_s : after_s);
    int64_t high = at_s + (before_s < after_s ? after_s : before_s);
    const int64_t readings[] = {low - 3600, low - 1, low,      low + 1,    (low + high) / 2,
                                high - 1,   high,    high + 1, high + 3600};
    for (size_t at = 0; at < COUNT(readings); at++) {
        int64_t local_s = readings[at];
        instant_compare(zone, local_s, reference_instant_s(local_s, before_s, after_s));
    }
}

/* Where between two instants the reference changes its offset first. */
static int64_t transition_find(int64_t low_s, int64_t high_s)
{
    int low_offset = reference_offset_s(low_s);
    while (high_s - low_s > 1) {
        int64_t middle = low_s + (high_s - low_s) / 2;
        if (reference_offset_s(middle) == low_offset) {
            low_s = middle;
        } else {
            high_s = middle;
        }
    }
    return high_s;
}

static size_t zone_compare(const struct zone *zone, const char *name, int64_t step_s)
{
    size_t transition_count = 0;
    reference_set(name);
    int before_s = reference_offset_s(0);
    for (int64_t at_s = 0; at_s < END_S; at_s += step_s) {
        int64_t next_s = at_s + step_s < END_S ? at_s + step_s : END_S - 1;
        int after_s = reference_offset_s(next_s);
        if (zone_offset_s(zone, next_s * 1000) != after_s) {
            fail_msg("%s at %lld: got %d, want %d", name, (long long)next_s,
                     zone_offset_s(zone, next_s * 1000), after_s);
        }
        if (before_s != after_s) {
            int64_t found_s = transition_find(at_s, next_s);
            transition_compare(zone, found_s);
            transition_count++;
        }
        before_s = after_s;
    }
    return transition_count;
}

static void test_chosen_zones_equal_the_c_library(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t transitions_min;
    } cases[] = {
        {"Europe/Berlin", 115},       {"America/New_York", 130},
        {"America/Los_Angeles", 130}, {"Australia/Lord_Howe", 100},
        {"Asia/Kathmandu", 1},        {"Asia/Tokyo", 0},
        {"Pacific/Apia", 20},         {"Africa/Casablanca", 60},
        {"Europe/Dublin", 115},       {"Africa/Monrovia", 1},
        {"America/Nuuk", 80},         {"Asia/Gaza", 100},
        {"Antarctica/Troll", 60},     {"UTC", 0},
        {"Pacific/Kiritimati", 1},    {"America/Caracas", 2},
        {"Asia/Tehran", 20},          {"Europe/London", 110},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct zone *zone = zone_need(cases[at].name);
        assert_string_equal(zone_name(zone), cases[at].name);
        size_t count = zone_compare(zone, cases[at].name, 6 * 3600);
        if (count < cases[at].transitions_min) {
            fail_msg("%s: only %zu transitions", cases[at].name, count);
        }
        zone_destroy(zone);
    }
}

static size_t compared_zones;

static int file_compare(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    const char *name = path + strlen(zone_folder()) + 1;
    if (kind == FTW_D && (strcmp(name, "right") == 0 || strcmp(name, "posix") == 0)) {
        return FTW_SKIP_SUBTREE;
    }
    if (kind != FTW_F || walk->level < 1) {
        return FTW_CONTINUE;
    }
    /* In files without redundant transitions the C library applies the footer rule a month early
     * here. */
    if (strcmp(name, "America/Ojinaga") == 0) {
        return FTW_CONTINUE;
    }
    char magic[4] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(magic, 1, sizeof(magic), file);
    assert_int_equal(fclose(file), 0);
    if (count != sizeof(magic) || memcmp(magic, "TZif", sizeof(magic)) != 0) {
        return FTW_CONTINUE;
    }
    struct zone *zone = zone_need(name);
    (void)zone_compare(zone, name, 2 * DAY_S);
    zone_destroy(zone);
    compared_zones++;
    return FTW_CONTINUE;
}

static void test_every_installed_zone_equals_the_c_library(void **state)
{
    (void)state;
    int rc = nftw(zone_folder(), file_compare, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    assert_int_equal(rc, 0);
    assert_true(compared_zones > 200);
}

static struct civil reading(int year, int month, int day, int hour, int minute)
{
    return (struct civil){.year = year, .month = month, .day = day, .hour = hour, .minute = minute};
}

static void test_gap_and_fold(void **state)
{
    (void)state;
    struct zone *berlin = zone_need("Europe/Berlin");
    struct zone *apia = zone_need("Pacific/Apia");
    const struct {
        const char *name;
        const struct zone *zone;
        struct civil reading;
        int64_t want_ms;
    } cases[] = {
        {"winter", berlin, reading(2026, 1, 15, 12, 0), INT64_C(1768474800000)},
        {"summer", berlin, reading(2026, 7, 15, 12, 0), INT64_C(1784109600000)},
        {"before the gap", berlin, reading(2026, 3, 29, 1, 59), INT64_C(1774745940000)},
        {"in the gap: shows 03:30", berlin, reading(2026, 3, 29, 2, 30), INT64_C(1774747800000)},
        {"after the gap", berlin, reading(2026, 3, 29, 3, 0), INT64_C(1774746000000)},
        {"in the fold: the later", berlin, reading(2026, 10, 25, 2, 30), INT64_C(1792891800000)},
        {"before the fold", berlin, reading(2026, 10, 25, 1, 59), INT64_C(1792886340000)},
        {"after the fold", berlin, reading(2026, 10, 25, 3, 0), INT64_C(1792893600000)},
        {"a skipped day", apia, reading(2011, 12, 30, 12, 0), INT64_C(1325282400000)},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        int64_t got_ms = zone_instant(cases[at].zone, &cases[at].reading);
        if (got_ms != cases[at].want_ms) {
            fail_msg("%s: got %lld, want %lld", cases[at].name, (long long)got_ms,
                     (long long)cases[at].want_ms);
        }
    }
    zone_destroy(apia);
    zone_destroy(berlin);
}

static void test_next_clock(void **state)
{
    (void)state;
    struct zone *berlin = zone_need("Europe/Berlin");
    struct zone *utc = zone_utc();
    const struct {
        const char *name;
        const struct zone *zone;
        int64_t after_ms;
        int hour, minute;
        int64_t want_ms;
    } cases[] = {
        {"today", utc, 0, 14, 30, INT64_C(52200000)},
        {"not now", utc, INT64_C(52200000), 14, 30, INT64_C(138600000)},
        {"a moment before", utc, INT64_C(52199999), 14, 30, INT64_C(52200000)},
        {"within its minute", utc, INT64_C(52200001), 14, 30, INT64_C(138600000)},
        {"midnight", utc, 1, 0, 0, INT64_C(86400000)},
        {"local", berlin, INT64_C(1768474800000), 12, 30, INT64_C(1768476600000)},
        {"gap moves forward", berlin, INT64_C(1774742400000), 2, 30, INT64_C(1774747800000)},
        {"fold first", berlin, INT64_C(1792886340000), 2, 30, INT64_C(1792888200000)},
        {"fold again", berlin, INT64_C(1792888200000), 2, 30, INT64_C(1792891800000)},
        {"past the fold", berlin, INT64_C(1792891800000), 2, 30, INT64_C(1792978200000)},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        int64_t got_ms =
            zone_next_clock(cases[at].zone, cases[at].after_ms, cases[at].hour, cases[at].minute);
        if (got_ms != cases[at].want_ms) {
            fail_msg("%s: got %lld, want %lld", cases[at].name, (long long)got_ms,
                     (long long)cases[at].want_ms);
        }
    }
    zone_destroy(utc);
    zone_destroy(berlin);
}

/* Walking with the answer as the next question meets every local day, in order, and shows the time
 * asked for unless a gap took it. */
static void test_next_clock_walks_the_days(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "Pacific/Apia", "Africa/Casablanca"};
    for (size_t at = 0; at < COUNT(names); at++) {
        struct zone *zone = zone_need(names[at]);
        int64_t at_ms = 0;
        int64_t last_ms = -1;
        size_t odd = 0;
        while (at_ms < INT64_C(2145916800000)) {
            at_ms = zone_next_clock(zone, at_ms, 2, 15);
            assert_true(at_ms > last_ms && at_ms - last_ms <= 50 * INT64_C(3600000));
            struct civil civil;
            zone_civil(zone, at_ms, &civil);
            odd += civil.hour == 2 && civil.minute == 15 ? 0 : 1;
            assert_int_equal(civil.second, 0);
            last_ms = at_ms;
        }
        assert_true(odd <= 68);
        zone_destroy(zone);
    }
}

static void test_far_instants_do_not_overflow(void **state)
{
    (void)state;
    struct zone *zone = zone_need("Europe/Berlin");
    struct civil civil;
    zone_civil(zone, INT64_MAX, &civil);
    assert_in_range(civil.year, 9999, 10000);
    zone_civil(zone, INT64_MIN, &civil);
    assert_in_range(civil.year, 0, 1);
    assert_int_equal(zone_offset_s(zone, INT64_MAX), 3600);
    assert_int_equal(zone_offset_s(zone, INT64_MIN), 3600);
    assert_true(zone_next_clock(zone, INT64_MAX, 12, 0) > 0);
    assert_true(zone_next_clock(zone, INT64_MIN, 12, 0) < 0);
    zone_destroy(zone);
    zone_destroy(NULL);
}

static void test_civil_days(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = civil_days(1, 1, 1);
    assert_int_equal(civil_days(1970, 1, 1), 0);
    for (int year = 1; year <= 10000; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 && leap ? 1 : 0);
            for (int day = 1; day <= length; day += day == 1 ? length - 1 : 1) {
                int got[3];
                civil_from_days(days + day - 1, &got[0], &got[1], &got[2]);
                assert_true(got[0] == year && got[1] == month && got[2] == day);
                assert_true(civil_days(year, month, day) == days + day - 1);
            }
            days += length;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen_zones_equal_the_c_library),
        cmocka_unit_test(test_every_installed_zone_equals_the_c_library),
        cmocka_unit_test(test_gap_and_fold),
        cmocka_unit_test(test_next_clock),
        cmocka_unit_test(test_next_clock_walks_the_days),
        cmocka_unit_test(test_far_instants_do_not_overflow),
        cmocka_unit_test(test_civil_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

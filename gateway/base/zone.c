#include "gateway/base/zone.h"

#include <stdbool.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/zone_table.h"

#define DAY_S INT64_C(86400)
#define DAY_MS INT64_C(86400000)
#define FIRST_CIVIL_MS                                                                             \
    INT64_C(-62167219200000) /* year 0, so that sums with an offset cannot overflow */
#define LAST_CIVIL_MS INT64_C(253402300799999) /* year 9999 */

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0 ? 1 : 0);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days before the first of January of a year, counted from year 1. */
static int64_t days_before_year(int64_t year)
{
    int64_t past = year - 1;
    return past * 365 + floor_div(past, 4) - floor_div(past, 100) + floor_div(past, 400);
}

static const int days_before_month[2][13] = {
    {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
    {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366},
};

#define DAYS_BEFORE_1970 719162

int64_t civil_days(int year, int month, int day)
{
    ASSERT(month >= 1 && month <= 12);
    return days_before_year(year) - DAYS_BEFORE_1970 +
           days_before_month[is_leap(year) ? 1 : 0][month - 1] + day - 1;
}

void civil_from_days(int64_t days, int *out_year, int *out_month, int *out_day)
{
    /* The mean year puts the guess at most one off. */
    int64_t from_year_1 = days + DAYS_BEFORE_1970;
    int64_t year = floor_div(from_year_1 * 400, 146097) + 1;
    while (days_before_year(year) > from_year_1) {
        year--;
    }
    while (days_before_year(year + 1) <= from_year_1) {
        year++;
    }
    int in_year = (int)(from_year_1 - days_before_year(year));
    const int *before = days_before_month[is_leap(year) ? 1 : 0];
    int month = in_year / 32 + 1; /* never too late, at most one too early */
    if (before[month] <= in_year) {
        month++;
    }
    *out_year = (int)year;
    *out_month = month;
    *out_day = in_year - before[month - 1] + 1;
}

struct zone *zone_utc(void)
{
    struct zone *zone = heap_alloc(sizeof(*zone));
    zone->name = heap_strdup("UTC");
    return zone;
}

void zone_destroy(struct zone *zone)
{
    if (zone == NULL) {
        return;
    }
    free(zone->transitions);
    free(zone->name);
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

void zone_append(struct zone *zone, int64_t at_s, int offset_s)
{
    if (at_s <= ZONE_BEGIN_S) {
        zone->first_offset_s = offset_s;
        return;
    }
    int last_s =
        zone->count == 0 ? zone->first_offset_s : zone->transitions[zone->count - 1].offset_s;
    if (at_s >= ZONE_END_S || offset_s == last_s) {
        return;
    }
    ASSERT(zone->count == 0 || zone->transitions[zone->count - 1].at_s < at_s);
    if (zone->count == zone->capacity) {
        zone->capacity = zone->capacity == 0 ? 64 : zone->capacity * 2;
        zone->transitions =
            heap_realloc(zone->transitions, zone->capacity * sizeof(*zone->transitions));
    }
    zone->transitions[zone->count++] = (struct zone_transition){.at_s = at_s, .offset_s = offset_s};
}

/* Stretches of one offset: stretch 0 lies before the first transition, stretch n begins with
 * transition n - 1. */
static size_t stretch_at(const struct zone *zone, int64_t at_s)
{
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int stretch_offset_s(const struct zone *zone, size_t stretch)
{
    return stretch == 0 ? zone->first_offset_s : zone->transitions[stretch - 1].offset_s;
}

static int64_t stretch_begin_s(const struct zone *zone, size_t stretch)
{
    return stretch == 0 ? INT64_MIN : zone->transitions[stretch - 1].at_s;
}

static int64_t stretch_end_s(const struct zone *zone, size_t stretch)
{
    return stretch == zone->count ? INT64_MAX : zone->transitions[stretch].at_s;
}

int zone_offset_s(const struct zone *zone, int64_t at_ms)
{
    return stretch_offset_s(zone, stretch_at(zone, floor_div(at_ms, 1000)));
}

static int64_t clamp_ms(int64_t at_ms)
{
    if (at_ms < FIRST_CIVIL_MS) {
        return FIRST_CIVIL_MS;
    }
    return at_ms > LAST_CIVIL_MS ? LAST_CIVIL_MS : at_ms;
}

void zone_civil(const struct zone *zone, int64_t at_ms, struct civil *out_civil)
{
    int64_t local_ms = clamp_ms(at_ms) + INT64_C(1000) * zone_offset_s(zone, at_ms);
    int64_t days = floor_div(local_ms, DAY_MS);
    int in_day_ms = (int)(local_ms - days * DAY_MS);
    struct civil civil = {
        .hour = in_day_ms / 3600000,
        .minute = in_day_ms / 60000 % 60,
        .second = in_day_ms / 1000 % 60,
        .millisecond = in_day_ms % 1000,
        .weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7), /* 1970 began on a Thursday */
    };
    civil_from_days(days, &civil.year, &civil.month, &civil.day);
    *out_civil = civil;
}

/* From the latest stretch back to the first that has begun when its own clock shows the reading. In
 * a fold that is the later of two; in a gap it is the stretch that has just ended, and so the
 * offset before the gap. */
static int64_t instant_s(const struct zone *zone, int64_t local_s)
{
    size_t stretch = stretch_at(zone, local_s - ZONE_OFFSET_MIN_S);
    while (local_s - stretch_offset_s(zone, stretch) < stretch_begin_s(zone, stretch)) {
        stretch--;
    }
    return local_s - stretch_offset_s(zone, stretch);
}

int64_t zone_instant(const struct zone *zone, const struct civil *civil)
{
    int64_t local_s = civil_days(civil->year, civil->month, civil->day) * DAY_S +
                      civil->hour * INT64_C(3600) + civil->minute * INT64_C(60) + civil->second;
    return instant_s(zone, local_s) * 1000 + civil->millisecond;
}

int64_t zone_next_clock(const struct zone *zone, int64_t after_ms, int hour, int minute)
{
    ASSERT(hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59);
    int64_t wanted_ms = (hour * INT64_C(60) + minute) * 60000;
    int64_t from_ms = clamp_ms(after_ms) + 1;
    size_t stretch = stretch_at(zone, floor_div(from_ms, 1000));
    for (;; stretch++) {
        int64_t local_ms = from_ms + INT64_C(1000) * stretch_offset_s(zone, stretch);
        int64_t ahead_ms = wanted_ms - (local_ms - floor_div(local_ms, DAY_MS) * DAY_MS);
        int64_t at_ms = from_ms + (ahead_ms < 0 ? ahead_ms + DAY_MS : ahead_ms);
        if (stretch == zone->count || at_ms < stretch_end_s(zone, stretch) * 1000) {
            return at_ms;
        }
        from_ms = stretch_end_s(zone, stretch) * 1000;
    }
}

#include "gateway/base/zone.h"

#include <stdbool.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/zone_table.h"

#define DAY_S ((int64_t)86400)
/* RFC 8536 allows offsets up to 26 hours; a reading's instant is never farther from it than that.
 */
#define OFFSET_MAX_S ((int64_t)26 * 3600)
#define READINGS_MAX 8

static int64_t floor_div(int64_t number, int64_t divisor)
{
    return number / divisor - (number % divisor < 0);
}

/* Both directions count from 1 March of year 0, so that the leap day is the last of its year. */
int64_t civil_days(int year, int month, int day)
{
    int64_t years = (int64_t)year - (month <= 2);
    int64_t months = (month + 9) % 12;
    return 365 * years + floor_div(years, 4) - floor_div(years, 100) + floor_div(years, 400) +
           (months * 306 + 5) / 10 + day - 1 - 719468;
}

void civil_from_days(int64_t days, int *out_year, int *out_month, int *out_day)
{
    int64_t cycle = floor_div(days + 719468, 146097); /* 400 years */
    int64_t rest = days + 719468 - cycle * 146097;
    int64_t year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    int64_t day_of_year = rest - (365 * year + year / 4 - year / 100);
    int64_t month = (day_of_year * 5 + 2) / 153;
    *out_day = (int)(day_of_year - (month * 153 + 2) / 5 + 1);
    *out_month = (int)(month < 10 ? month + 3 : month - 9);
    *out_year = (int)(cycle * 400 + year + (month >= 10));
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
    free(zone->changes);
    free(zone->name);
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

static int32_t last_offset(const struct zone *zone)
{
    return zone->count > 0 ? zone->changes[zone->count - 1].offset_s : zone->first_offset_s;
}

void zone_add_change(struct zone *zone, int64_t at_s, int32_t offset_s)
{
    if (at_s <= 0) {
        zone->first_offset_s = offset_s;
        return;
    }
    if (at_s >= civil_days(2038, 1, 1) * DAY_S) {
        return;
    }
    if (zone->count > 0 && zone->changes[zone->count - 1].at_s == at_s) {
        zone->count--; /* The later word on the same instant holds. */
    }
    ASSERT(zone->count == 0 || zone->changes[zone->count - 1].at_s < at_s);
    if (last_offset(zone) == offset_s) {
        return;
    }
    if (zone->count == zone->capacity) {
        zone->capacity = zone->capacity > 0 ? zone->capacity * 2 : 64;
        zone->changes = heap_realloc(zone->changes, zone->capacity * sizeof(*zone->changes));
    }
    zone->changes[zone->count++] = (struct zone_change){.at_s = at_s, .offset_s = offset_s};
}

/* How many changes have happened at `at_s`. */
static size_t changes_until(const struct zone *zone, int64_t at_s)
{
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The offset that holds after `index` changes. */
static int32_t offset_after(const struct zone *zone, size_t index)
{
    return index == 0 ? zone->first_offset_s : zone->changes[index - 1].offset_s;
}

int zone_offset_s(const struct zone *zone, int64_t at_ms)
{
    return offset_after(zone, changes_until(zone, floor_div(at_ms, 1000)));
}

/* To years 1..9999: instants may come from outside, and sums with them must not overflow. */
static int64_t clamp_ms(int64_t at_ms)
{
    int64_t min_ms = civil_days(1, 1, 1) * DAY_S * 1000;
    int64_t max_ms = civil_days(10000, 1, 1) * DAY_S * 1000 - 1;
    return at_ms < min_ms ? min_ms : at_ms > max_ms ? max_ms : at_ms;
}

void zone_civil(const struct zone *zone, int64_t at_ms, struct civil *out_civil)
{
    int64_t local_ms = clamp_ms(at_ms) + (int64_t)zone_offset_s(zone, at_ms) * 1000;
    int64_t days = floor_div(local_ms, DAY_S * 1000);
    int ms = (int)(local_ms - days * DAY_S * 1000);
    struct civil civil = {
        .hour = ms / 3600000,
        .minute = ms / 60000 % 60,
        .second = ms / 1000 % 60,
        .millisecond = ms % 1000,
        .weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7),
    };
    civil_from_days(days, &civil.year, &civil.month, &civil.day);
    *out_civil = civil;
}

/* All instants at which the clock shows `local_s`, rising; in a gap the one that the offset before
 * it gives. */
static size_t find_readings(const struct zone *zone, int64_t local_s, int64_t out[READINGS_MAX])
{
    size_t count = 0;
    int64_t in_gap = local_s - zone->first_offset_s;
    for (size_t i = changes_until(zone, local_s - OFFSET_MAX_S); i <= zone->count; i++) {
        int64_t at_s = local_s - offset_after(zone, i);
        bool begun = i == 0 || at_s >= zone->changes[i - 1].at_s;
        bool ended = i < zone->count && at_s >= zone->changes[i].at_s;
        if (ended) {
            in_gap = at_s;
        } else if (begun && count < READINGS_MAX) {
            out[count++] = at_s;
        }
        if (i < zone->count && zone->changes[i].at_s > local_s + OFFSET_MAX_S) {
            break;
        }
    }
    if (count == 0) {
        out[count++] = in_gap;
    }
    return count;
}

int64_t zone_instant(const struct zone *zone, const struct civil *civil)
{
    int64_t local_s = civil_days(civil->year, civil->month, civil->day) * DAY_S +
                      civil->hour * 3600 + civil->minute * 60 + civil->second;
    int64_t readings[READINGS_MAX];
    size_t count = find_readings(zone, local_s, readings);
    return readings[count - 1] * 1000 + civil->millisecond;
}

int64_t zone_next_clock(const struct zone *zone, int64_t after_ms, int hour, int minute)
{
    ASSERT(hour >= 0 && hour < 24 && minute >= 0 && minute < 60);
    /* Two days back, because a zone that skips a day may put that day's reading after `after_ms`.
     */
    after_ms = clamp_ms(after_ms);
    int64_t local_s = floor_div(after_ms, 1000) + zone_offset_s(zone, after_ms);
    int64_t first_day = floor_div(local_s, DAY_S) - 2;
    int64_t best_ms = INT64_MAX;
    for (int64_t day = first_day; day <= first_day + 5; day++) {
        int64_t readings[READINGS_MAX];
        size_t count = find_readings(zone, day * DAY_S + hour * 3600 + minute * 60, readings);
        for (size_t i = 0; i < count; i++) {
            int64_t at_ms = readings[i] * 1000;
            best_ms = at_ms > after_ms && at_ms < best_ms ? at_ms : best_ms;
        }
    }
    ASSERT(best_ms != INT64_MAX);
    return best_ms;
}

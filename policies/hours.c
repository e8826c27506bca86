#include "policies/hours.h"

#include "gateway/base/assert.h"

enum { DAYS_A_WEEK = 7, MINUTES_A_DAY = 1440, EPOCH_WEEKDAY = 4, NEAR_MS = 3 * 3600 * 1000 };

/* The earlier instant where a fold shows the time twice. */
static int64_t clock_instant_ms(const struct zone *zone, int64_t day, int minute)
{
    struct civil civil = {.hour = minute % MINUTES_A_DAY / 60, .minute = minute % 60};
    civil_from_days(day + minute / MINUTES_A_DAY, &civil.year, &civil.month, &civil.day);
    int64_t at_ms = zone_instant(zone, &civil);
    int64_t before_ms = INT64_C(1000) * zone_offset_s(zone, at_ms - NEAR_MS);
    int64_t earlier_ms = at_ms + INT64_C(1000) * zone_offset_s(zone, at_ms) - before_ms;
    bool is_shown_twice =
        earlier_ms < at_ms && INT64_C(1000) * zone_offset_s(zone, earlier_ms) == before_ms;
    return is_shown_twice ? earlier_ms : at_ms;
}

static int64_t day_of(const struct zone *zone, int64_t at_ms)
{
    struct civil civil;
    zone_civil(zone, at_ms, &civil);
    return civil_days(civil.year, civil.month, civil.day);
}

static bool begins_on(const struct hours_span *span, int64_t day)
{
    int64_t weekday = (day + EPOCH_WEEKDAY) % DAYS_A_WEEK;
    return (span->days >> (weekday < 0 ? weekday + DAYS_A_WEEK : weekday) & 1) != 0;
}

static int64_t begin_ms(const struct hours *hours, const struct hours_span *span, int64_t day)
{
    return clock_instant_ms(hours->zone, day, span->from_minute);
}

static int64_t end_ms(const struct hours *hours, const struct hours_span *span, int64_t day)
{
    bool ends_next_day = span->until_minute <= span->from_minute;
    return clock_instant_ms(hours->zone, day,
                            span->until_minute + (ends_next_day ? MINUTES_A_DAY : 0));
}

bool hours_contain(const struct hours *hours, int64_t at_ms)
{
    int64_t today = day_of(hours->zone, at_ms);
    for (size_t i = 0; i < hours->span_count; i++) {
        const struct hours_span *span = &hours->spans[i];
        /* Of yesterday's evening, or of today; a gap at midnight can move tomorrow's begin into today. */
        for (int64_t day = today - 1; day <= today + 1; day++) {
            if (begins_on(span, day) && at_ms >= begin_ms(hours, span, day) &&
                at_ms < end_ms(hours, span, day))
                return true;
        }
    }
    return false;
}

int64_t hours_next_change_ms(const struct hours *hours, int64_t at_ms)
{
    int64_t next_ms = INT64_MAX;
    int64_t today = day_of(hours->zone, at_ms);
    for (size_t i = 0; i < hours->span_count; i++) {
        const struct hours_span *span = &hours->spans[i];
        for (int64_t day = today - 1; day <= today + DAYS_A_WEEK + 1; day++) {
            if (!begins_on(span, day))
                continue;
            int64_t begin = begin_ms(hours, span, day);
            int64_t end = end_ms(hours, span, day);
            if (begin >= end)
                continue; /* a gap has swallowed it */
            if (begin > at_ms && begin < next_ms)
                next_ms = begin;
            if (end > at_ms && end < next_ms)
                next_ms = end;
        }
    }
    return next_ms;
}

bool hours_cover_the_week(const struct hours *hours)
{
    for (int minute = 0; minute < DAYS_A_WEEK * MINUTES_A_DAY; minute++) {
        bool inside = false;
        for (size_t i = 0; i < hours->span_count && !inside; i++) {
            const struct hours_span *span = &hours->spans[i];
            bool ends_next_day = span->until_minute <= span->from_minute;
            int length =
                span->until_minute - span->from_minute + (ends_next_day ? MINUTES_A_DAY : 0);
            for (int day = 0; day < DAYS_A_WEEK && !inside; day++) {
                int since = minute - (day * MINUTES_A_DAY + span->from_minute);
                since += since < 0 ? DAYS_A_WEEK * MINUTES_A_DAY : 0;
                inside = (span->days >> day & 1) != 0 && since < length;
            }
        }
        if (!inside)
            return false;
    }
    return true;
}

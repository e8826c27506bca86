/*
 * hours - hours of the week by the clock of a zone: `mon-fri 09:00-17:00`, `sat,sun 10:00-14:00`, `22:00-07:00`.
 *
 * Shape:   spans -> is an instant in one of them; when does that change next.
 * Units:   at_ms is wall-clock UTC milliseconds; minutes after midnight.
 * Owns:    immutable, in the configuration's arena.
 * Limits:  HOURS_SPANS_MAX spans. A span whose end is not after its start ends on the next day; 00:00-24:00 is a whole day.
 *          On a day of a clock change a span begins and ends when its clock times come; one that a gap swallows is
 *          moved by the gap, one that is shown twice is the earlier.
 */
#ifndef ESCALATED_POLICIES_HOURS_H
#define ESCALATED_POLICIES_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/zone.h"

#define HOURS_SPANS_MAX 16

struct hours_span {
    uint8_t days;     /* bit 0 = Sunday: on which it begins */
    int from_minute;  /* 0..1439 */
    int until_minute; /* 1..1440 */
};

struct hours {
    const struct zone *zone;
    const struct hours_span *spans;
    size_t span_count;
};

bool hours_contain(const struct hours *hours, int64_t at_ms);

/* No minute of the week is outside its spans. */
bool hours_cover_the_week(const struct hours *hours);

/* The first instant after `at_ms` at which a span begins or ends; INT64_MAX without spans. */
int64_t hours_next_change_ms(const struct hours *hours, int64_t at_ms);

#endif

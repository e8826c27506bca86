/*
 * place - where a calendar's time is meant: UTC, a zone of the system, or one that the calendar itself describes.
 *
 * Shape:   wall clock -> instant and back. A wall clock is carried as the ms that it would be in UTC.
 * Owns:    plain values; the zones belong to the caller and the calendar.
 * Threads: as the calendar.
 * Source:  RFC 5545, 3.3.5: the earlier of two instants that show the same time, the offset before a gap.
 */
#ifndef ESCALATED_CALENDAR_PLACE_H
#define ESCALATED_CALENDAR_PLACE_H

#include <libical/ical.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/calendar/calendar.h"

struct place {
    const struct zone *zone_or_null; /* ours */
    icaltimezone *own_or_null;       /* the calendar's; both NULL: UTC */
};

bool place_is_same(const struct place *a, const struct place *b);
int64_t place_instant_ms(const struct place *place, int64_t wall_ms);
int64_t place_wall_ms(const struct place *place, int64_t at_ms);

/* What a date property's time is in. */
int place_find(icalcomponent *calendar, icalproperty *property, struct icaltimetype time,
               const struct calendar_options *options, struct place *out_place, struct err *err);

/* Such a date and time is on the calendar; the years are those that a zone knows. */
bool place_is_real(struct icaltimetype time);
int64_t place_ms_of(struct icaltimetype wall);
struct icaltimetype place_time_of(int64_t wall_ms, bool is_date);

#endif

/*
 * calendar - an iCalendar text as the shifts that it says, in absolute time.
 *
 * Shape:   bytes -> calendar_read -> shifts that touch [from, until), by start. Recurrences are expanded, exceptions and
 *          replaced instances applied, cancelled events and outdated versions left out.
 * Units:   instants in Unix ms, UTC.
 * Owns:    the shifts lie in the caller's arena.
 * Threads: any, one call at a time for an arena.
 * Limits:  CALENDAR_BYTES_MAX of text, CALENDAR_EVENTS_MAX events, CALENDAR_INSTANCES_MAX instances tried an event,
 *          CALENDAR_WORK_MAX in all (about two seconds), CALENDAR_SHIFTS_MAX shifts. Rules that repeat every second or minute are refused.
 * Fails:   -1 with which event is wrong and why: a calendar that is half understood would call the wrong people.
 * Source:  RFC 5545, RFC 5546. Of events with the same UID and RECURRENCE-ID the highest SEQUENCE counts, and one that is
 *          cancelled ends those up to its own; those of the same number that are not cancelled all count. Wall-clock rules, ours where it is silent:
 *            a time that the zone's clock shows twice is the earlier one; one that it never shows is moved by the gap
 *            an event whose start and end are in one zone keeps its wall-clock end across a clock change
 *            a time without a zone is in X-WR-TIMEZONE, else in the zone given; of EXDATE, RDATE and RECURRENCE-ID in that of
 *            the event's start, and a date there means the instance of that day
 */
#ifndef ESCALATED_CALENDAR_CALENDAR_H
#define ESCALATED_CALENDAR_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/zone.h"

#define CALENDAR_BYTES_MAX (4 * 1024 * 1024)
#define CALENDAR_EVENTS_MAX 10000
#define CALENDAR_INSTANCES_MAX 100000
#define CALENDAR_WORK_MAX 1000000 /* instances tried; one with hundreds of exceptions counts more */
#define CALENDAR_SHIFTS_MAX 20000
#define CALENDAR_PEOPLE_MAX 32 /* attendees of an event that are read */

struct calendar_shift {
    int64_t from_ms;
    int64_t until_ms;         /* not in it any more */
    const char *summary;      /* one line; "" when there is none */
    const char *const *mails; /* of the attendees, as written, without mailto: */
    size_t mail_count;
    const char *const *declined; /* of those who have declined, or sent somebody else */
    size_t declined_count;
};

struct calendar_options {
    const struct zone *zone; /* of times that name none */
    /* A zone by its name in the time zone database, for as long as the call lasts; NULL: unknown. */
    const struct zone *(*find_zone)(void *self, const char *name);
    void *self;
    int64_t from_ms;
    int64_t until_ms;
};

int calendar_read(const char *text, size_t count, const struct calendar_options *options,
                  struct arena *arena, struct calendar_shift **out_shifts, size_t *out_count,
                  struct err *err);

#endif

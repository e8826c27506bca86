/*
 * zone - a time zone as a sorted table of transitions, made once from the bytes of a TZif file.
 *
 * Shape:   bytes of /usr/share/zoneinfo/NAME -> transitions 1970..2037; then pure look-ups by binary search.
 * Units:   instants in Unix ms; offsets in seconds east of UTC.
 * Owns:    the caller, zone_destroy. Immutable after creation.
 * Threads: any number of readers.
 * Limits:  file at most 1 MiB; times after the last transition keep its offset; a POSIX-TZ footer is expanded to 2037.
 * Fails:   zone_parse -1 with what is wrong in the file; the look-ups never fail.
 * Source:  RFC 8536 (TZif), POSIX.1 TZ.
 */
#ifndef ESCALATED_BASE_ZONE_H
#define ESCALATED_BASE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

struct zone;

struct civil { /* a wall-clock reading, proleptic Gregorian */
    int year;  /* 1970..9999 */
    int month; /* 1..12 */
    int day;   /* 1..31 */
    int hour, minute, second, millisecond;
    int weekday; /* 0 = Sunday; filled by the readers, ignored by the makers */
};

int zone_parse(const char *name, const void *bytes, size_t count, struct zone **out_zone,
               struct err *err);
struct zone *zone_utc(void); /* a new zone without transitions */
void zone_destroy(struct zone *zone);
const char *zone_name(const struct zone *zone);

int zone_offset_s(const struct zone *zone, int64_t at_ms);
void zone_civil(const struct zone *zone, int64_t at_ms, struct civil *out_civil);

/* Wall clock to instant. In a gap the offset before it is used (the reading moves forward); in a fold the later
 * (standard-time) instant is taken. */
int64_t zone_instant(const struct zone *zone, const struct civil *civil);

/* The first instant after `after_ms` at which the zone's clock shows hour:minute; on a day whose gap swallows that
 * reading, the instant that zone_instant gives for it. In a fold the earlier instant counts too. */
int64_t zone_next_clock(const struct zone *zone, int64_t after_ms, int hour, int minute);

/* Days since 1970-01-01 of a civil date, and back. */
int64_t civil_days(int year, int month, int day);
void civil_from_days(int64_t days, int *out_year, int *out_month, int *out_day);

#endif

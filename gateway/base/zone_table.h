/*
 * zone_table - what the zone files share: the table itself, and the rule in the footer of a TZif file.
 *
 * Shape:   zone_file reads bytes into the table, zone_rule appends what the footer says, zone looks up.
 * Units:   instants in Unix seconds here, offsets in seconds east of UTC.
 * Source:  RFC 8536 section 3.3; POSIX.1-2017 section 8.3 (TZ), with the hours -167..167 of TZif version 3.
 */
#ifndef ESCALATED_BASE_ZONE_TABLE_H
#define ESCALATED_BASE_ZONE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

#define ZONE_BEGIN_S INT64_C(0)          /* 1970-01-01T00:00:00Z */
#define ZONE_END_S INT64_C(2145916800)   /* 2038-01-01T00:00:00Z */
#define ZONE_OFFSET_MIN_S (-25 * 3600 + 1) /* what RFC 8536 asks readers to accept */
#define ZONE_OFFSET_MAX_S (26 * 3600 - 1)

struct zone_transition {
    int64_t at_s;
    int offset_s; /* from at_s on */
};

struct zone {
    char *name;
    int first_offset_s; /* before the first transition */
    struct zone_transition *transitions;
    size_t count;
    size_t capacity;
};

/* Append, in ascending order. What is at or before ZONE_BEGIN_S only becomes the first offset, what changes nothing
 * or is at or after ZONE_END_S is left out. */
void zone_append(struct zone *zone, int64_t at_s, int offset_s);

/* The footer text applies after `after_s`, the last transition of the file (INT64_MIN without one). */
int zone_append_rule(struct zone *zone, const char *footer, int64_t after_s, struct err *err);

#endif

/*
 * zone_table - the inside of a zone, shared by its reader, its rule expander and its look-ups;
 * nobody else's header.
 *
 * Shape:   `changes` rise strictly in time and each changes the offset; before the first one
 *          `first_offset_s` holds.
 * Units:   instants in Unix seconds; offsets in seconds east of UTC.
 */
#ifndef ESCALATED_BASE_ZONE_TABLE_H
#define ESCALATED_BASE_ZONE_TABLE_H

#include "gateway/base/zone.h"

struct zone_change {
    int64_t at_s;
    int32_t offset_s;
};

struct zone {
    char *name;
    int32_t first_offset_s;
    size_t count;
    size_t capacity;
    struct zone_change *changes;
};

/* Times rise from call to call. At 1970 or before it moves the first offset; from 2038 it is left
 * out; one that changes nothing leaves no trace. */
void zone_add_change(struct zone *zone, int64_t at_s, int32_t offset_s);

/* Add what a POSIX TZ text says after `after_s`. */
int zone_add_rule(struct zone *zone, const char *rule, int64_t after_s, struct err *err);

#endif

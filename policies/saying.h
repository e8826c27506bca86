/*
 * saying - what a line of somebody's answer says of itself: the time it is about.
 *
 * Units:   engine time.
 * Source:  DESIGN section 4, rule 18.
 */
#ifndef ESCALATED_POLICIES_SAYING_H
#define ESCALATED_POLICIES_SAYING_H

#include <stdint.h>

#include "gateway/base/zone.h"
#include "policies/act.h"

/* "14:30 restarted the pool" is about the last 14:30 in `zone`, "2026-03-01 14:30 ..." about that instant; any other
 * line about now, and so is one that would lie ahead. */
int64_t saying_time(const char *text, const struct zone *zone, const struct moment *moment);

#endif

/*
 * when - an instant as people write it in a command: "+2h", "14:30", "2026-03-01T14:30Z".
 *
 * Shape:   text -> instant. "+" and a duration is from now; hours and minutes are the next time that a clock in this zone
 *          shows them; anything else is RFC 3339, of which the seconds may be left out.
 * Units:   Unix UTC milliseconds of the wall clock.
 * Limits:  ten years ahead.
 * Fails:   -1 with what was got and what was expected; the instant stays untouched.
 */
#ifndef ESCALATED_BASE_WHEN_H
#define ESCALATED_BASE_WHEN_H

#include "gateway/base/err.h"
#include "gateway/base/zone.h"

struct when {
    int64_t now_ms;
    int64_t after_ms; /* "14:30" is the next one after this: mostly now */
    const struct zone *zone;
};

int when_parse(const char *text, const struct when *when, int64_t *out_at_ms, struct err *err);

#endif

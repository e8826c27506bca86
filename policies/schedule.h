/*
 * schedule - who has duty at an instant.
 *
 * Shape:   instant -> the names on duty: of the first layer that has somebody, else of the calendar's shift, else the one
 *          whose turn it is, else all members.
 * Units:   at_ms is wall-clock UTC milliseconds.
 * Limits:  turns change at the schedule's clock time in its zone, also when a day has 23 or 25 hours. Layers form no circle
 *          and stand at most SCHEDULE_DEPTH_MAX deep.
 * Fails:   never; nobody on duty is an empty answer.
 */
#ifndef ESCALATED_POLICIES_SCHEDULE_H
#define ESCALATED_POLICIES_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "policies/rulebook.h"

#define SCHEDULE_DEPTH_MAX 8

struct duty {
    const char *const *names; /* borrowed from the schedule */
    size_t count;
};

struct duty schedule_on_call(const struct schedule *schedule, int64_t at_ms);

/* When the answer may next be another one; INT64_MAX when it never is. */
int64_t schedule_next_turn_ms(const struct schedule *schedule, int64_t at_ms);

#endif

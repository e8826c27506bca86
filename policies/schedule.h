/*
 * schedule - who of a list has duty at an instant.
 *
 * Shape:   instant -> the names on duty: all members of a fixed list, else the one whose turn it
 *          is.
 * Units:   at_ms is wall-clock UTC milliseconds.
 * Limits:  turns change at the schedule's clock time in its zone, also when a day has 23 or 25
 *          hours.
 * Fails:   never; an empty list has nobody on duty.
 */
#ifndef ESCALATED_POLICIES_SCHEDULE_H
#define ESCALATED_POLICIES_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "policies/rulebook.h"

struct duty {
    const char *const *names; /* borrowed from the schedule */
    size_t count;
};

struct duty schedule_on_call(const struct schedule *schedule, int64_t at_ms);

/* When the turn after `at_ms` begins; INT64_MAX for a fixed list. */
int64_t schedule_next_turn_ms(const struct schedule *schedule, int64_t at_ms);

#endif

/*
 * schedule - who has duty at an instant.
 *
 * Shape:   instant -> the names on duty: of the first layer that has somebody, else of the calendar's shift, else the one
 *          whose turn it is, else all members; then the overrides of the schedule (override.h), each layer's by itself.
 * Units:   at_ms is wall-clock UTC milliseconds.
 * Limits:  turns change at the schedule's clock times in its zone, also when a day has 23 or 25 hours. Layers form no circle
 *          and stand at most SCHEDULE_DEPTH_MAX deep.
 * Fails:   never; nobody on duty is an empty answer.
 */
#ifndef ESCALATED_POLICIES_SCHEDULE_H
#define ESCALATED_POLICIES_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "policies/override.h"
#include "policies/rulebook.h"

#define SCHEDULE_DEPTH_MAX 8

struct duty {
    const char *const *names; /* borrowed from the schedule, or in the roster's arena */
    size_t count;
};

/* What a look at a schedule needs besides its configuration. */
struct roster {
    const struct overrides *overrides_or_null;
    const struct rulebook *book; /* whose contacts may stand in */
    struct arena *arena;
};

struct duty schedule_duty(const struct schedule *schedule, const struct roster *roster,
                          int64_t at_ms);
/* When the answer may next be another one; INT64_MAX when it never is. */
int64_t schedule_next_change_ms(const struct schedule *schedule, const struct roster *roster,
                                int64_t at_ms);
/* Until when one of those on duty has it without a break; INT64_MAX: no end in sight. */
int64_t schedule_duty_until_ms(const struct schedule *schedule, const struct roster *roster,
                               const char *name, int64_t at_ms);
bool duty_has(const struct duty *duty, const char *name);
/* False: calendars may still say otherwise, for they are not known as far ahead as this. */
bool schedule_knows(const struct schedule *schedule, int64_t at_ms);

/* The same as the configuration has it, without overrides. */
struct duty schedule_on_call(const struct schedule *schedule, int64_t at_ms);
int64_t schedule_next_turn_ms(const struct schedule *schedule, int64_t at_ms);

#endif

/*
 * due - where each step of an incident stands, and what comes due for it next.
 *
 * Shape:   due_step tells one step's standing; climb_due (climb.h) is the earliest of what stands at DUE_AT and of the
 *          ladder's other times. What people read as the reason why a step has or has not run is this, and nothing else.
 * Units:   *_at_ms engine time.
 * Source:  DESIGN section 4, rules 2 to 6, 8, 10, 13, 14.
 */
#ifndef ESCALATED_POLICIES_DUE_H
#define ESCALATED_POLICIES_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "policies/incident.h"

enum step_standing {
    STANDING_RAN,        /* in this climb, or since the opening */
    STANDING_DUE,        /* runs at at_ms */
    STANDING_SUPPRESSED, /* would run at at_ms */
    STANDING_ACKED,      /* a page, parked at at_ms by an acknowledgement */
    STANDING_AWAITS_ACK,
    STANDING_AWAITS_END, /* after-care */
    STANDING_OVER,       /* will not run any more */
    STANDING_COUNT,
};

struct step_state {
    enum step_standing standing;
    int64_t at_ms; /* its time, past or to come */
};

struct step_state due_step(const struct incident *incident, size_t index);

/* When it has flapped and is quiet; INT64_MAX: never. */
int64_t due_calm_ms(const struct incident *incident);
/* The first of what an outage is measured by: the end of the hold, a step, the next climb. Exhaustion, the fallback and the
 * end of an acknowledgement are no steps. INT64_MAX: none is to come. */
int64_t due_on_ladder_ms(const struct incident *incident);

#endif

/*
 * ending - how an incident ends: its alerts have resolved, or a person says so.
 *
 * Shape:   cells of the table in incident.c.
 * Source:  DESIGN section 4, rules 2, 12 and 13.
 */
#ifndef ESCALATED_POLICIES_ENDING_H
#define ESCALATED_POLICIES_ENDING_H

#include "policies/incident.h"

void ending_clear_held(struct incident *incident, const struct move *move, struct moment *moment);
void ending_clear(struct incident *incident, const struct move *move, struct moment *moment);
void ending_resolve_by_person(struct incident *incident, const struct move *move,
                              struct moment *moment);

/* It has been calm for long enough: what its alerts said last counts. */
void ending_calm(struct incident *incident, struct moment *moment);

/* Pages and reminders not handed over yet are not sent any more. */
void ending_cancel_pages(struct incident *incident, struct moment *moment, const char *reason);

#endif

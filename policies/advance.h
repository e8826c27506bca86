/*
 * advance - somebody moves the ladder on: escalate, and pass when nobody else of a step is left.
 *
 * Shape:   cells of the table in incident.c.
 * Source:  DESIGN section 4, rule 9.
 */
#ifndef ESCALATED_POLICIES_ADVANCE_H
#define ESCALATED_POLICIES_ADVANCE_H

#include "policies/incident.h"

void advance_escalate(struct incident *incident, const struct move *move, struct moment *moment);
void advance_escalate_held(struct incident *incident, const struct move *move,
                           struct moment *moment);
void advance_escalate_acked(struct incident *incident, const struct move *move,
                            struct moment *moment);
void advance_pass(struct incident *incident, const struct move *move, struct moment *moment);
void advance_pass_acked(struct incident *incident, const struct move *move, struct moment *moment);

#endif

/*
 * repolicy - a running incident moves to another version of its policy, or to another policy.
 *
 * Shape:   one row of the table in incident.c: the move carries the policy that is current now.
 * Owns:    both versions are the world's; the caller gives back the one the incident no longer has.
 * Fails:   refused, with an answer, when the incident runs that version already.
 * Source:  DESIGN section 4, rule 3; README.md in this folder has the exact rule.
 */
#ifndef ESCALATED_POLICIES_REPOLICY_H
#define ESCALATED_POLICIES_REPOLICY_H

#include "policies/incident.h"

void repolicy(struct incident *incident, const struct move *move, struct moment *moment);

#endif

/*
 * flap - incidents that fire and clear again and again: how often lately, and when they have calmed down.
 *
 * Shape:   each transition is noted in `incident->flap`: when it will be calm (0: it does not flap), how many resolves were
 *          only counted, and the times of the latest transitions, as decimal numbers with blanks between; "" nearly always.
 * Owns:    the text lies in the moment's arena until the caller has made it its own, like the incident's owner.
 * Limits:  FLAP_COUNT_MAX + 1 times.
 * Fails:   a text that nobody has written counts as "".
 * Source:  DESIGN section 4, rule 13.
 */
#ifndef ESCALATED_POLICIES_FLAP_H
#define ESCALATED_POLICIES_FLAP_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/incident.h"

/* When a flapping incident counts as calm; 0: it does not flap. */
int64_t flap_calm_ms(const struct incident *incident);
/* How many resolves were only counted. */
int64_t flap_counted(const struct incident *incident);

/* It has fired again after all was resolved, or cleared. True: it flaps, perhaps from now on, which the timeline then says. */
bool flap_transition(struct incident *incident, struct moment *moment, bool cleared);

#endif

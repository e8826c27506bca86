/*
 * later - what an incident or alert has once somebody answers or it is over, or rarely: kept apart, so that the many that have
 *         none of it are small.
 *
 * Shape:   later_own before something is written to `incident->later`, later_keep when texts in it were borrowed, later_settle
 *          afterwards: an incident with nothing in it shares incident_blank.
 * Owns:    the texts and lists in it, and one use of each name; later_drop gives all of it back.
 * Threads: the world's.
 */
#ifndef ESCALATED_ENGINE_LATER_H
#define ESCALATED_ENGINE_LATER_H

#include "gateway/engine/world.h"

struct incident_later *later_own(struct world *world, struct incident *incident);
void later_settle(struct world *world, struct incident *incident);

/* What is borrowed in it, as it is not that of `before`, becomes a copy of its own; what it had before is freed. */
void later_keep(struct world *world, struct incident_later *later,
                const struct incident_later *before);

void later_link(struct world *world, struct incident *incident, uint64_t linked); /* 0: to none */
void later_add_replier(struct world *world, struct incident *incident, const char *contact);
void later_set_talks(struct incident *incident, struct talks *talks_or_null); /* taken over */

/* Of an alert. What was there before is the caller's, but for the use of the old mark. */
void later_set_twin(struct alert *alert, struct alert *twin_or_null);
void later_set_mark(struct world *world, struct alert *alert, const char *mark);
void later_set_pairings(struct alert *alert, struct pairing *pairings_or_null);
void later_set_resolved(struct alert *alert, int64_t resolved_at_ms); /* 0: it fires */
void later_clear_alert(struct alert *alert);                          /* as later_clear */

void later_clear(struct incident_later *later); /* its memory, but not its names */
void later_drop(struct world *world, struct incident *incident);

#endif

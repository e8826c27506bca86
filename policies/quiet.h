/*
 * quiet - quiet hours of a person: what is not urgent waits for their end.
 *
 * Shape:   quiet_out_ms when a message is made; quiet_release when an incident has become urgent, or clock or configuration
 *          have changed: what waits comes sooner, with the distances it has.
 * Units:   engine time; the hours are those of the clock in the contact's zone.
 * Limits:  what waits is never put off a second time. Answers are not put off: whoever has just written is awake.
 * Source:  DESIGN section 4, rules 14 and 19.
 */
#ifndef ESCALATED_POLICIES_QUIET_H
#define ESCALATED_POLICIES_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/act.h"
#include "policies/incident.h"

/* What may be wanted of this contact at `at_ms` goes out then, or at the end of the quiet hours in which that lies. */
int64_t quiet_out_ms(const struct contact *contact, const struct moment *moment, bool urgent,
                     int64_t at_ms);

void quiet_release(struct incident *incident, struct moment *moment);
/* The same as the move MOVE_WAKE. */
void quiet_wake(struct incident *incident, const struct move *move, struct moment *moment);

/* A message that waits for its time is due now, or at the end of quiet hours if that is sooner than its time. */
void quiet_hasten(struct incident *incident, struct moment *moment,
                  struct notification *notification, const char *reason);

/* When the message goes out that this move has made last. */
int64_t quiet_due_ms(const struct moment *moment);

/* A page of which every message waits: the steps below keep their distances from the first that goes out. */
void quiet_shift(struct incident *incident, struct moment *moment, size_t step,
                 int64_t first_due_ms);

/* Ends messages of a kind that quiet hours have put off: what they would say has come about or passed to somebody else. Those
 * of updates and asks see to it themselves. */
void quiet_withdraw(struct incident *incident, struct moment *moment, enum notification_kind kind,
                    const char *reason);

/* Put off, and not handed over yet: of the same step and kind nothing more is wanted of this person meanwhile. */
bool quiet_is_put_off(const struct incident *incident, enum notification_kind kind,
                      const char *step, const char *contact);

/* Still before the end of the quiet hours for which it waits? Another attempt and a digest have times of their own. */
bool quiet_waits(const struct notification *notification, int64_t now_ms);

#endif

/*
 * asks - one question to many people: who was asked, what they answered, line by line, whom to
 * remind, and the list at the end.
 *
 * Shape:   a reply is one or more lines; each is an answer. A line that begins with a time of day
 *          (14:30, or 2026-03-01 14:30) stands at that time in its author's zone, others at their
 *          arrival. Changes that monitors reported stand in the same list.
 * Limits:  `answers` lines a person, ASKS_LINE_BYTES_MAX each; what does not fit stays on the
 *          timeline alone. The list in the message is cut at ASKS_LIST_BYTES_MAX, visibly.
 * Source:  DESIGN section 4, rule 18; section 7.
 */
#ifndef ESCALATED_POLICIES_ASKS_H
#define ESCALATED_POLICIES_ASKS_H

#include "policies/incident.h"
#include "policies/reach.h"

#define ASKS_LINE_BYTES_MAX 1000
#define ASKS_LIST_BYTES_MAX 12000
/* Without a known backup, changes of so long before the incident are of interest. */
#define ASKS_CHANGES_MS INT64_C(86400000)

/* The step runs: `receivers` are people, at least one of whom can be reached. */
void asks_begin(struct incident *incident, const struct step *step,
                const struct receivers *receivers, struct moment *moment);
void asks_run_due(struct incident *incident, struct moment *moment);
/* The incident is about to leave memory: all lists go out as they are. */
void asks_close_all(struct incident *incident, struct moment *moment);
void asks_take_answer(struct incident *incident, const struct move *move, struct moment *moment);

/* A question that quiet hours had put off goes out then: its deadline and reminder count from there. */
void asks_hear_sooner(struct incident *incident, const struct notification *notification,
                      int64_t at_ms);

/* The ask that a reply of `by` to this message would answer, or NULL. */
struct ask *asks_answered_by(const struct incident *incident, const struct notification *answers);
/* The latest open ask in which `by` was asked, or NULL. */
struct ask *asks_latest_of(const struct incident *incident, const char *by);

#endif

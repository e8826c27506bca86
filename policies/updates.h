/*
 * updates - the statement to affected parties: who writes its parts, who approves it, when it goes
 * out and when the next one is promised.
 *
 * Shape:   parts (what, doing, avoid) belong to the incident; each inform step with `require` that
 *          has run sends them through gates of its own.
 * Limits:  asked again every UPDATES_ASK_MS; a change waits UPDATES_QUIET_MS for the next one.
 * Source:  DESIGN section 4, rule 17.
 */
#ifndef ESCALATED_POLICIES_UPDATES_H
#define ESCALATED_POLICIES_UPDATES_H

#include "policies/incident.h"

#define UPDATES_ASK_MS INT64_C(600000)
#define UPDATES_QUIET_MS INT64_C(120000)
/* After the resolution, and reopen_within, an update is asked for so long. */
#define UPDATES_AFTER_MS INT64_C(28800000)
#define UPDATES_REMIND_BEFORE_MS INT64_C(300000) /* of the next update that was promised */

/* The step runs. */
void updates_begin(struct incident *incident, const struct step *step, struct moment *moment);
void updates_run_due(struct incident *incident, struct moment *moment);
/* The incident is resolved: what is complete and waits stays, the rest ends. */
void updates_end(struct incident *incident, struct moment *moment);
/* It is about to leave memory: what still waits ends. */
void updates_give_up(struct incident *incident, struct moment *moment);
/* It opens again: everything about it is said anew. */
void updates_restart(struct incident *incident, struct moment *moment);
/* The policy has changed: an update whose step is gone is dropped. */
void updates_repolicy(struct incident *incident, struct moment *moment);
/* A message did not get through: rule 6 within one approver. */
void updates_hear_failed(struct incident *incident, const struct notification *failed,
                         struct moment *moment);

/* One that quiet hours had put off goes out then: the time to approve counts from there. */
void updates_hear_sooner(struct incident *incident, const struct notification *notification,
                         int64_t at_ms);

void updates_write_parts(struct incident *incident, const struct move *move, struct moment *moment);
void updates_approve(struct incident *incident, const struct move *move, struct moment *moment);
void updates_reject(struct incident *incident, const struct move *move, struct moment *moment);

#endif

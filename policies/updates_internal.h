/*
 * updates_internal - what the two files about updates share: updates.c keeps their parts and times, update_gates.c their
 * approval and sending.
 *
 * Owns:    texts lie in the moment's arena.
 */
#ifndef ESCALATED_POLICIES_UPDATES_INTERNAL_H
#define ESCALATED_POLICIES_UPDATES_INTERNAL_H

#include "policies/updates.h"

/* Its step as the policy has it now, or NULL. */
const struct step *update_step(const struct incident *incident, const struct update *update);
/* Ends its pending messages of a kind. */
void update_cancel(struct incident *incident, const struct update *update,
                   enum notification_kind kind, const char *reason, struct moment *moment);
/* Who writes: the author of what there is, else the owner, else whoever was paged last. */
const char *update_writer(const struct incident *incident, bool author_first,
                          const struct moment *moment);
void update_ask_writer(struct incident *incident, const struct update *update, const char *whom,
                       const char *text, struct moment *moment);
void update_drop(struct incident *incident, struct update *update, const char *why,
                 struct moment *moment);
/* Nobody has approved or rejected it in time, or can be asked to. */
void update_pass_unanswered(struct incident *incident, struct update *update,
                            const struct step *step, struct moment *moment);
/* It is complete: to its approvers, or out. */
void update_pass_gates(struct incident *incident, struct update *update, const struct step *step,
                       struct moment *moment);

#endif

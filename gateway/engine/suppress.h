/*
 * suppress - keeps what is held back in step with the world: which alerts bear which mark, and which incidents must follow.
 *
 * Shape:   every change that can matter calls one of these; suppress_settle then moves each incident whose mark is no longer
 *          what it was, in the order of their numbers.
 * Limits:  a silence, or the begin or end of a maintenance, looks at every open alert: 3 us each.
 * Source:  DESIGN section 4, rule 14; the decisions are policies/suppression.h.
 */
#ifndef ESCALATED_ENGINE_SUPPRESS_H
#define ESCALATED_ENGINE_SUPPRESS_H

#include "gateway/engine/engine_state.h"

/* After a load. */
void suppress_start(struct engine *engine);
/* The configuration is another one. */
void suppress_rules_changed(struct engine *engine);
/* Silences or the wall clock are not what they were. */
void suppress_refresh(struct engine *engine);
/* An alert is new, fires or no longer does, or has other labels. */
void suppress_alert(struct engine *engine, struct alert *alert);
/* An incident has opened, or ended. */
void suppress_incident(struct engine *engine, struct incident *incident);
/* What the incident's mark is now, for its next move. */
void suppress_tell(struct engine *engine, struct incident *incident);
/* Silences end and windows open and close whose time has come. */
void suppress_due(struct engine *engine);
int64_t suppress_next_ms(const struct engine *engine);
void suppress_settle(struct engine *engine);
void suppress_clear(struct engine *engine);

/* silence_commands.c: VERB_SILENCE and VERB_UNSILENCE as commands of their own. */
bool silence_is_command(const struct input *input);
void silence_command(struct engine *engine, const struct input *input, struct answer *out_answer);
/* The alerts of one incident, as a reply asks for. Answers the sentence for whoever asked. */
const char *silence_incident(struct engine *engine, const struct input *input,
                             const struct incident *incident, const char *by,
                             const struct reply_command *command, bool *out_refused);
/* Ends it now. `by` is for the row and the timeline. */
void silence_end(struct engine *engine, const struct silence *silence, const char *by,
                 const char *actor, const char *credential);

#endif

/*
 * oncall - what the engine does about duty: people who stand in, and notices at the hand-over.
 *
 * Shape:   a command -> overrides_take -> marks, a timeline entry of no incident, an answer;
 *          time, a new configuration, a moved clock or an override -> oncall_settle at the end of the step -> overrides that
 *          are over leave, notices to who comes and who goes, the next timer.
 * Owns:    all of it is marks of the world: a restart or a refused commit brings back what the store has.
 * Limits:  override.h; HANDOVER_LISTED_MAX incidents a notice.
 * Fails:   a wrong command is answered with what was expected and changes nothing.
 *
 * The text of a VERB_OVERRIDE command is one JSON object:
 *   {"schedule":"NAME","who":"CONTACT","instead_of":"CONTACT","from":"RFC 3339","until":"RFC 3339"}  instead of `until`: "for":"8h"
 *   {"overrides":[{…},{…}]}  all or none, at most OVERRIDE_AT_ONCE_MAX; times of one schedule must not overlap
 *   {"remove":NUMBER}
 */
#ifndef ESCALATED_ENGINE_ONCALL_H
#define ESCALATED_ENGINE_ONCALL_H

#include "gateway/engine/engine_state.h"

#define HANDOVER_LISTED_MAX 8

bool overrides_is_command(const struct input *input);
void overrides_take(struct engine *engine, const struct input *input, struct answer *out_answer);
/* Those that are over by now. */
void overrides_end(struct engine *engine);

/* Who has come and who has gone since it was told last is told, once for each schedule. */
void handover_tell(struct engine *engine);
/* One of these notices in a digest: how it stands when that goes out. */
const char *handover_line(struct engine *engine, const struct notification *notice);

/* A mark changes: the world's copy of it does, too. -1: it cannot be read. */
int oncall_mark(struct world *world, const struct mark_row *row, struct err *err);
void oncall_clear(struct overrides *overrides);
/* Once the world is loaded: what is due will be looked for in the next step. */
void oncall_start(struct engine *engine);
void oncall_timer(struct engine *engine, const struct heap_entry *entry);
void oncall_settle(struct engine *engine);

#endif

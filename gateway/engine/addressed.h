/*
 * addressed - replies by a medium that proves the sender's address and no more, and what people decide about such a way.
 *
 * Shape:   replies.c asks, in this order: heard_before (a message comes once), addressed_sender, addressed_read, codes_judge,
 *          then applies, then heard_after (which also ends a row of answers nobody understands).
 * Owns:    texts lie in the batch's arena.
 * Threads: the engine's.
 * Limits:  ERROR_ANSWERS_MAX answers in a row to what is no command; CODE_TRIES_MAX wrong codes in CODE_TRIES_MS.
 * Source:  DESIGN section 7; GUARANTEES T2, T4, T26.
 */
#ifndef ESCALATED_ENGINE_ADDRESSED_H
#define ESCALATED_ENGINE_ADDRESSED_H

#include "gateway/engine/engine_state.h"

#define ERROR_ANSWERS_MAX 5
#define CODE_TRIES_MAX 5
#define CODE_TRIES_MS INT64_C(600000)

/* True: this message was applied before, or that cannot be told now; *out_answer is what its sender hears. */
bool heard_before(struct engine *engine, const struct input *input, struct answer *out_answer);
/* `is_valid`: a command was understood and done. Takes the text out of the answer when enough such answers were given. */
void heard_after(struct engine *engine, const struct input *input, bool is_valid,
                 struct answer *answer);

/* Who speaks: of several people with one address the one whom the last message there was for. "" for a stranger. */
const char *addressed_sender(const struct engine *engine, const struct reply *reply);
/* The page or reminder that they were sent last by this channel; what came in a digest has its number in `digest`. NULL: nothing in memory. */
const struct notification *addressed_last_page(const struct engine *engine, const char *by,
                                               const char *channel);
/* The reply with what acts in answer to a page only taken out, where the last message that way was none. */
const struct reply *addressed_read(struct engine *engine, const struct reply *reply,
                                   const char *by);

/* The last message that reached `by` the way the reply came, or NULL; and whether an answer to it answers a page. */
const struct notification *addressed_last(const struct engine *engine, const struct reply *reply,
                                          const char *by);
bool addressed_answers_page(const struct notification *last_or_null);

/* The notification whose code the reply carries; NULL: none. */
const struct notification *codes_find(const struct engine *engine, const struct reply *reply,
                                      const char *by);
/* "" or why this reply may not do what it says: a code is wanted and missing, wrong, or there were too many wrong ones. */
const char *codes_judge(struct engine *engine, const struct reply *reply, const char *by,
                        const struct incident *incident_or_null, bool fits);

/* stop and start: switches the method by which the reply came, or by which what it answers had come (`answered`, or ""), off
 * or on. Says what came of it; *out_refused: nothing. */
const char *methods_switch(struct engine *engine, const struct input *input, const char *by,
                           const char *answered, bool on, bool *out_refused);

#endif

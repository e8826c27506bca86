/*
 * grammar - the one grammar of replies, for every medium.
 *
 * Shape:   text as a person sent it -> struct reply's commands, incident and raw. Pure.
 * Owns:    texts in the result point into the arena.
 * Limits:  4 KiB of text, REPLY_COMMANDS_MAX commands.
 * Fails:   never: what is not a command is free text (command_count 0).
 * Source:  DESIGN section 7.
 */
#ifndef ESCALATED_REPLY_GRAMMAR_H
#define ESCALATED_REPLY_GRAMMAR_H

#include "gateway/base/arena.h"
#include "policies/input.h"
#include "policies/row.h"

enum grammar_context { /* what the message answers */
                       GRAMMAR_UNBOUND,
                       GRAMMAR_PAGE, /* a page, its reminder or a digest: ok, yes, on it, fixed, done, 4, 6 act */
                       GRAMMAR_APPROVE, /* yes and ok approve, no rejects */
                       GRAMMAR_ASK, /* an answer; only stop, help, status and lines with #N are commands */
                       GRAMMAR_OTHER,
                       /* Only the sender is known, not the message: what would act in answer to a page is read as that and
                        * marked; the engine knows what was sent last. */
                       GRAMMAR_ADDRESSED,
};

enum grammar_context grammar_context_of(enum notification_kind kind);

void grammar_parse(const char *text, enum grammar_context context, struct arena *arena,
                   struct reply *out_reply);

#endif

/*
 * reply_input - what a person or program asked for, as an input of the engine that owns its texts.
 *
 * Shape:   reply_bound: the notification a token named, and what was sent back -> struct reply. reply_input_fill: struct reply ->
 *          struct input with an id of its own; the medium adds `release` and, when somebody waits, the ticket.
 * Owns:    the input's texts lie in the reply_input_bytes() bytes that the caller gives; its own are copied.
 * Threads: any; pure but for the new id.
 */
#ifndef ESCALATED_REPLY_REPLY_INPUT_H
#define ESCALATED_REPLY_REPLY_INPUT_H

#include "gateway/base/arena.h"
#include "policies/input.h"
#include "policies/row.h"

/* What is no command in it is free text. Texts point into the arena or the row. */
void reply_bound(const struct notification_row *row, const char *via, const char *text,
                 struct arena *arena, struct reply *out_reply);

size_t reply_input_bytes(const struct reply *reply, const char *actor, const char *credential);
void reply_input_fill(struct input *out_input, enum input_kind kind, const struct reply *reply,
                      const char *actor, const char *credential, char *texts);

#endif

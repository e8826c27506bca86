/*
 * addressed_text - replies by a medium that proves no more than the sender's address: who that is, the short code in the
 * text, and an answer that fits a short message.
 *
 * Shape:   channel and address -> contact; text -> code and the text without it; answer -> at most so many parts.
 * Owns:    texts lie in the arena or are the rulebook's.
 * Threads: any; pure.
 * Source:  DESIGN section 7.
 */
#ifndef ESCALATED_REPLY_ADDRESSED_TEXT_H
#define ESCALATED_REPLY_ADDRESSED_TEXT_H

#include <stddef.h>

#include "gateway/base/arena.h"
#include "policies/rulebook.h"

/* "+15550100", nothing else: a plus, a digit that is not 0, 7 to 15 digits in all. What providers give for a short code or a
 * name is the address of no contact. */
bool address_is_phone(const char *text);

/* The first contact with this method in the order of the configuration, and the address as it stands there; NULL for a
 * stranger. Several may share a telephone: the engine knows who was spoken to last. */
const struct contact *address_contact(const struct rulebook *book, const char *channel,
                                      const char *address, const char **out_address);

/* The word that looks like a code, in lower case, and the text without it; "" and the same text where there is none. */
const char *code_take(const char *text, struct arena *arena, const char **out_rest);

/* Cut visibly where it would fill more parts; typographic characters become plain ones. */
const char *answer_fit(const char *text, size_t parts_max, struct arena *arena);

#endif

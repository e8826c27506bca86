/*
 * binding - which notification, and so which contact and incident, a reply belongs to.
 *
 * Shape:   a token as it arrived -> the verified notification row, or the reason why not.
 * Owns:    the row lies in the arena.
 * Threads: as the reader given.
 * Fails:   BINDING_* tells which; a forged and an unknown token look the same from outside.
 */
#ifndef ESCALATED_REPLY_BINDING_H
#define ESCALATED_REPLY_BINDING_H

#include "gateway/store/store_read.h"
#include "gateway/system/secret.h"

enum binding_verdict {
    BINDING_BOUND,
    BINDING_FORGED, /* no such notification, or the MAC does not fit */
    BINDING_EXPIRED,
    BINDING_UNAVAILABLE, /* the store did not answer: try again */
};

enum binding_verdict binding_find(struct store_reader *reader, const struct secret *key,
                                  const char *token, int64_t now_ms, struct arena *arena,
                                  struct notification_row *out_row);

/* Whether it went to a person: rooms and audiences are told, they answer for nobody. */
bool binding_is_person(const struct notification_row *row);

#endif

/*
 * token - what a reply carries back: 64-bit notification id + 96-bit MAC, lower-case base32 (32
 * characters).
 *
 * Shape:   MAC = first 96 bits of HMAC-SHA-256(key, "escalated-token-1" || id || expires_at_ms ||
 *          contact).
 * Threads: any; the key is read-only.
 * Fails:   token_read tells only the shape; token_verify the truth, in constant time. Expiry and
 *          contact come from the notification's row, so a token says nothing by itself.
 */
#ifndef ESCALATED_SYSTEM_TOKEN_H
#define ESCALATED_SYSTEM_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/system/secret.h"

#define TOKEN_TEXT_BYTES 33 /* with NUL */

void token_make(const struct secret *key, uint64_t notification, const char *contact,
                int64_t expires_at_ms, char out[TOKEN_TEXT_BYTES]);

/* The notification a well-formed token names, unverified; false when it is no token. Upper case is
 * accepted. */
bool token_read(const char *text, uint64_t *out_notification);

bool token_verify(const struct secret *key, const char *text, uint64_t notification,
                  const char *contact, int64_t expires_at_ms);

/*
 * A short code for media in which nobody types a token: TOKEN_CODE_BYTES - 1 characters, the first a letter, without
 * vowels and without digits that look like letters, so that it is neither a word nor a number. Whoever checks one limits the
 * tries: there are ten million.
 */
#define TOKEN_CODE_BYTES 6 /* with NUL */
void token_code(const struct secret *key, uint64_t notification, const char *contact,
                char out[TOKEN_CODE_BYTES]);
/* Does the word of `count` bytes look like a code? The code in lower case. */
bool token_code_read(const char *word, size_t count, char out[TOKEN_CODE_BYTES]);

/* What makes the address of a calendar a secret: one for each kind and name of feed, for as long as the key lasts. */
void token_feed(const struct secret *key, const char *kind, const char *name,
                char out[TOKEN_TEXT_BYTES]);

/* Read `path`, or make it (32 random bytes, 0600) when `may_create`. */
int token_key_load(const char *path, bool may_create, struct secret *out_key, struct err *err);

#endif

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

/* Read `path`, or make it (32 random bytes, 0600) when `may_create`. */
int token_key_load(const char *path, bool may_create, struct secret *out_key, struct err *err);

#endif

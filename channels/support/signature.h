/*
 * signature - the three headers by which a receiver knows that a webhook is ours, whole and fresh.
 *
 * Shape:   id, time of this attempt, body -> "v1,BASE64" for each secret, separated by spaces.
 * Owns:    webhook_secret_clear wipes the key.
 * Threads: any.
 * Limits:  keys of 24..64 bytes; an id of at most WEBHOOK_ID_BYTES - 1 characters.
 * Fails:   a secret that cannot be read: -1 with a sentence that does not repeat it.
 * Source:  the Standard Webhooks specification.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_SIGNATURE_H
#define ESCALATED_CHANNELS_SUPPORT_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"

#define WEBHOOK_KEY_BYTES_MIN 24
#define WEBHOOK_KEY_BYTES_MAX 64
#define WEBHOOK_ID_BYTES 192

struct webhook_secret {
    unsigned char key[WEBHOOK_KEY_BYTES_MAX];
    size_t key_count;
};

/* "whsec_" (may be left out) and base64. */
int webhook_secret_parse(const char *text, struct webhook_secret *out_secret, char *why,
                         size_t why_size);
void webhook_secret_clear(struct webhook_secret *secret);

/* A notification's key as a webhook-id: itself where it has only letters, digits, "-", "_", "~" and
 * ":" and fits; else a digest of it, because a dot would end the id in the signed text and other
 * bytes do not belong into a header. */
void webhook_id(const char *key, char out[WEBHOOK_ID_BYTES]);

/* Adds the value of `webhook-signature` to `out`. */
void webhook_sign(const struct webhook_secret *secrets, size_t secret_count, const char *id,
                  int64_t timestamp_s, const void *body, size_t body_count, struct strbuf *out);

#endif

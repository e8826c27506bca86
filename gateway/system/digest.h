/*
 * digest - SHA-256, HMAC-SHA-256, base64 and base32, and comparing secrets in constant time
 * (OpenSSL behind it).
 *
 * Threads: any.
 * Fails:   never for valid arguments; a failing library is an ASSERT.
 * Source:  FIPS 180-4, RFC 2104, RFC 4648.
 */
#ifndef ESCALATED_SYSTEM_DIGEST_H
#define ESCALATED_SYSTEM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/text.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX_BYTES 65 /* with NUL */
#define DIGEST_SHA1_BYTES 20

void digest_sha256(const void *data, size_t count, unsigned char out[DIGEST_BYTES]);
const char *digest_sha256_hex(const void *data, size_t count, char out[DIGEST_HEX_BYTES]);
void digest_hmac_sha256(const void *key, size_t key_count, const void *data, size_t count,
                        unsigned char out[DIGEST_BYTES]);

/* For a provider that signs with nothing newer; as a MAC it holds. */
void digest_hmac_sha1(const void *key, size_t key_count, const void *data, size_t count,
                      unsigned char out[DIGEST_SHA1_BYTES]);

/* True when both are the same bytes; time depends on the lengths only. */
bool digest_equal(const void *a, size_t a_count, const void *b, size_t b_count);

void digest_base64(const void *data, size_t count, struct strbuf *out);
/* -1 when not canonical padded base64 or longer than max_count. */
int digest_base64_decode(const char *text, unsigned char *out, size_t max_count, size_t *out_count);
/* Lower-case RFC 4648 base32 without padding. */
void digest_base32(const void *data, size_t count, struct strbuf *out);
int digest_base32_decode(const char *text, unsigned char *out, size_t max_count, size_t *out_count);

#endif

/*
 * certificate - whether a TLS certificate chain and its private key can be served, before anybody
 * is asked to trust them.
 *
 * Shape:   PEM texts in; good, or a sentence that says what is wrong and what is wanted.
 * Units:   *_at_ms wall clock.
 * Threads: any.
 * Limits:  16 certificates a chain; no passphrases.
 * Fails:   -1; the text names no file, the caller does (but for certificate_check_trust).
 * Source:  RFC 8446 section 4.4.2 (order of the chain); GnuTLS 3.7, which also serves it.
 */
#ifndef ESCALATED_SYSTEM_CERTIFICATE_H
#define ESCALATED_SYSTEM_CERTIFICATE_H

#include <stdint.h>

#include "gateway/base/err.h"

#define CERTIFICATE_CHAIN_MAX 16

/* The server's certificate first, each followed by its issuer; all valid at now_ms.
 * out_expires_at_ms: the first to end. */
int certificate_check_chain(const char *chain_pem, int64_t now_ms, int64_t *out_expires_at_ms,
                            struct err *err);

/* The private key of the chain's first certificate. */
int certificate_check_key(const char *key_pem, const char *chain_pem, struct err *err);

/* A file of certificates to trust, in any order: readable, and holds at least one. */
int certificate_check_trust(const char *path, struct err *err);

#endif

/*
 * identity - the certificate chain and private key with which the TLS listeners show who they are.
 *
 * Shape:   http_identity_create, then http_server_renew, which cannot fail: a reload prepares
 *          everything first.
 * Owns:    http_server_renew takes the identity. Connections keep what they were greeted with;
 *          handshakes that begin later get the new one.
 * Threads: any; renew from one at a time.
 * Fails:   -1 with what the TLS library says (system/certificate.h knows better reasons).
 */
#ifndef ESCALATED_HTTP_IDENTITY_H
#define ESCALATED_HTTP_IDENTITY_H

#include "gateway/http/server.h"

struct http_identity;

int http_identity_create(const char *cert_pem, const char *key_pem,
                         struct http_identity **out_identity, struct err *err);
void http_identity_release(struct http_identity *identity); /* takes NULL */
void http_server_renew(struct http_server *server, struct http_identity *identity);

#endif

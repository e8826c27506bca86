/*
 * peer_certificate - until when the certificate is good that the peer of a transfer has shown.
 *
 * Shape:   peer_certificate_ends_at_ms after a transfer with CURLOPT_CERTINFO. A connection that was kept shows nothing, a
 *          session that was taken up again what its first handshake has shown.
 * Units:   milliseconds of the wall clock; 0: none was shown, or it is not known when it ends.
 * Threads: that of the handle.
 */
#ifndef ESCALATED_SYSTEM_PEER_CERTIFICATE_H
#define ESCALATED_SYSTEM_PEER_CERTIFICATE_H

#include <stdint.h>

#include <curl/curl.h>

int64_t peer_certificate_ends_at_ms(CURL *easy);

#endif

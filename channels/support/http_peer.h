/*
 * http_peer - tells the host until when the certificate of a peer is good.
 *
 * Shape:   after a transfer with CURLOPT_CERTINFO; a connection that was kept shows nothing and tells nothing, a session
 *          that was taken up again what its first handshake has shown.
 * Threads: the transport's.
 * Source:  GUARANTEES T21.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_HTTP_PEER_H
#define ESCALATED_CHANNELS_SUPPORT_HTTP_PEER_H

#include <curl/curl.h>

#include "channels/channel.h"

void http_peer_tell(const struct channel_host *host, CURL *easy, const char *url);

#endif

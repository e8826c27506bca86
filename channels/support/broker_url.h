/*
 * broker_url - where an MQTT broker is: mqtt://HOST[:PORT] or mqtts://HOST[:PORT].
 *
 * Shape:   text -> host (a name, an IPv4 address, or an IPv6 address without its brackets), port, TLS or not.
 * Limits:  BROKER_HOST_BYTES for the host; nothing after the port: user, password and topic are options of their own.
 * Fails:   -1 with a sentence.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_BROKER_URL_H
#define ESCALATED_CHANNELS_SUPPORT_BROKER_URL_H

#include <stdbool.h>
#include <stddef.h>

#define BROKER_HOST_BYTES 256

struct broker_url {
    char host[BROKER_HOST_BYTES];
    int port;
    bool is_tls;
};

int broker_url_parse(const char *text, struct broker_url *out_url, char *why, size_t why_size);

#endif

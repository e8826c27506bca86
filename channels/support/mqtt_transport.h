/*
 * mqtt_transport - one connection to an MQTT broker for one channel instance, many messages in flight, on one thread
 * (libmosquitto behind it).
 *
 * Shape:   PUBLISH in, `done` with what the broker said out, later and exactly once. A message is written at most once: what was not
 *          acknowledged when the connection broke is told, not sent again.
 * Units:   deadlines on the host's mono_ms clock.
 * Owns:    the payload is borrowed until `done` returned (it is the daemon's stored message); all else is copied.
 * Threads: send from any one thread at a time; `done` runs on the transport's thread and must not block.
 * Limits:  `in_flight_max` messages, one more is CHANNEL_BUSY; no more than the broker's own Receive Maximum are written and
 *          unacknowledged at a time. A connection has `connect_timeout_ms` to open, TLS and the broker's yes included. The system's
 *          resolver is asked on the transport's thread: only it may hold a result past its deadline.
 * Fails:   create: -1 with a sentence. Everything later through the reply.
 * Source:  OASIS MQTT 3.1.1 and 5.0; libmosquitto 2.0.11.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_MQTT_TRANSPORT_H
#define ESCALATED_CHANNELS_SUPPORT_MQTT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channels/channel.h"
#include "channels/support/broker_url.h"

#define MQTT_TOPIC_BYTES 1025 /* with NUL */

struct mqtt_transport;

enum mqtt_trouble {
    MQTT_TROUBLE_NONE,
    MQTT_TROUBLE_MESSAGE, /* the library or the broker's limits forbid this message */
    MQTT_TROUBLE_REFUSED, /* the broker does not let us in */
    MQTT_TROUBLE_TLS,
    MQTT_TROUBLE_NETWORK,
    MQTT_TROUBLE_TIMEOUT,
    MQTT_TROUBLE_STOPPED,
};

struct mqtt_reply {
    enum mqtt_trouble trouble;
    const char *trouble_text; /* "" without trouble */
    bool written;             /* it was handed to the network: the broker may have it */
    int reason_code;          /* MQTT 5's, without trouble; 0 from a 3.1.1 broker */
};

struct mqtt_transport_options {
    const struct channel_host *host;
    size_t in_flight_max;
    struct broker_url broker;
    bool is_v5;            /* else 3.1.1 */
    const char *client_id; /* "": made by chance */
    const char *username;  /* "": none */
    const char *password;
    const char *ca_file; /* instead of the system's certificates; "": those */
    int64_t connect_timeout_ms;
    int64_t keepalive_ms;
    void *context;
    void (*done)(void *context, struct channel_ticket *ticket, const struct mqtt_reply *reply);
};

struct mqtt_publish {
    const char *topic;
    const void *payload;
    size_t payload_count;
    int qos;
    bool retain;
    int64_t deadline_mono_ms;
    /* Told to a version 5 broker only; "" and 0: not at all. */
    const char *content_type;
    const char *response_topic;
    int64_t expiry_s;
    const char *const *user_properties; /* name, value pairs */
    size_t user_property_count;         /* pairs */
};

int mqtt_transport_create(const struct mqtt_transport_options *options,
                          struct mqtt_transport **out_transport, char *why, size_t why_size);
enum channel_accept mqtt_transport_send(struct mqtt_transport *transport,
                                        const struct mqtt_publish *publish,
                                        struct channel_ticket *ticket);
/* Ends what is under way (MQTT_TROUBLE_STOPPED), joins the thread. Takes NULL. */
void mqtt_transport_destroy(struct mqtt_transport *transport);

/* A topic to publish to: UTF-8 without control characters, wildcards or a leading $, not too long. -1 with a sentence. */
int mqtt_topic_check(const char *topic, char *why, size_t why_size);

/* What a reason code of MQTT 5 means, in a few words. */
const char *mqtt_reason_text(int reason_code);

#endif

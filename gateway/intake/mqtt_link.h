/*
 * mqtt_link - one connection to a broker: the only file of this layer that knows libmosquitto.
 *
 * Shape:   link_create -> link_connect -> poll link_fd -> link_read while it brings messages ->
 *          (commit) -> link_settled -> link_flush -> link_tick -> link_destroy. A link connects once.
 *          The library queues the PUBACK of a message before it hands the message over, and only
 *          link_flush writes to the socket. So the one rule that makes a PUBACK mean "durable":
 *          **link_flush is called only when every message read so far is committed.** link_flush
 *          asserts it.
 * Owns:    the broker's options are borrowed until link_connect has returned; what events are given is
 *          valid during the call.
 * Threads: one. link_library_begin and link_library_end belong to main.
 * Limits:  packets of LINK_PACKET_BYTES_MAX (v5: the broker is told). link_read reads one packet;
 *          over TLS also what has been decrypted with it.
 * Fails:   a connection that ends calls `down` from within link_read, link_flush or link_tick; link_fd
 *          is -1 from then on.
 * Source:  libmosquitto 2.0.
 */
#ifndef ESCALATED_INTAKE_MQTT_LINK_H
#define ESCALATED_INTAKE_MQTT_LINK_H

#include "gateway/base/err.h"
#include "gateway/config/config.h"

#define LINK_PACKET_BYTES_MAX (17 * 1024 * 1024) /* the largest message_bytes_max, and some */

struct link;

struct link_message {
    const char *topic;
    const void *payload;
    size_t count;
    uint16_t packet_id; /* 0 at QoS 0 */
    bool is_retained;
    bool is_dup;                /* the broker says that it has sent it before */
    const char *response_topic; /* "": none */
    const void *correlation;
    size_t correlation_count;
};

struct link_events {
    void *self;
    /* Let in; `has_session`: the broker has kept our session, with what came meanwhile. */
    void (*up)(void *self, bool has_session);
    /* Refused, or ended; `is_refused`: credentials, identifier or version, which will not get better
     * by itself. */
    void (*down)(void *self, const char *why, bool is_refused);
    void (*message)(void *self, const struct link_message *message);
    /* The broker's word about one filter of link_subscribe, by its number: the QoS, or -1: refused. */
    void (*subscribed)(void *self, int number, int granted_qos);
    void (*published)(void *self); /* one of link_publish has arrived or, at QoS 0, left */
};

struct link_will {
    const char *topic;
    const void *payload;
    size_t count;
};

void link_library_begin(void);
void link_library_end(void);

int link_create(const struct config_broker *broker, const struct link_will *will,
                const struct link_events *events, struct link **out_link, struct err *err);
/* Cuts the connection without a word: what was read and not settled comes again. Calls no event;
 * takes NULL. */
void link_destroy(struct link *link);

/* Begins; `up` or `down` follow. Looking up the host's name may take the resolver's time. */
int link_connect(struct link *link, struct err *err);
int link_fd(const struct link *link);
bool link_wants_write(const struct link *link);
bool link_read(struct link *link); /* true: it brought a message, and there may be more */
size_t link_unsettled(const struct link *link); /* messages read whose commit is not known */
void link_settled(struct link *link);
void link_flush(struct link *link);
/* From now on no message is a repetition, and is_dup is told no more: the library need not write its log for us. */
void link_forget_dup(struct link *link);
void link_tick(struct link *link); /* keepalive; at least once a second */
/* Queued: link_flush sends it. No event follows. */
void link_goodbye(struct link *link);

/* All queued; link_flush sends. 0, or -1: not connected or not possible. */
int link_subscribe(struct link *link, const char *filter, int qos, int *out_number);
int link_unsubscribe(struct link *link, const char *filter);
struct link_publication {
    const char *topic;
    const void *payload;
    size_t count;
    int qos;
    bool retain;
    const void *correlation;
    size_t correlation_count;
};
int link_publish(struct link *link, const struct link_publication *publication);

#endif

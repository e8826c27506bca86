/*
 * mqtt - the brokers: events in, durable before the PUBACK; replies in; small publications out.
 *
 * Shape:   mqtt_start -> one thread for each [mqtt NAME] -> mqtt_reload at will -> mqtt_stop ->
 *          mqtt_destroy. A message on a topic of a source becomes an event; one that cannot be is
 *          put into quarantine and told on PREFIX/dead-letter; one on PREFIX/reply goes through the
 *          hook `reply`. Everything else under PREFIX is our own and not read.
 * Owns:    what mqtt_publish is given is copied.
 * Threads: start, reload, stop, destroy: main. mqtt_publish from any thread, never waits. Hooks run
 *          on the thread of the broker that they are about and may call mqtt_publish.
 * Limits:  CONFIG_BROKERS_MAX brokers; MQTT_PUBLISH_MAX publications waiting for each; payloads as
 *          [mqtt] message_bytes_max says.
 * Fails:   a broker that is away, refuses us or comes back is a matter of its thread (backoff with
 *          jitter, one log line each time it changes), never of the caller. A commit that is refused
 *          ends the connection without a PUBACK: the broker delivers again.
 * Source:  MQTT 3.1.1 and 5.0 (OASIS); GUARANTEES P1, rule 9.
 */
#ifndef ESCALATED_INTAKE_MQTT_H
#define ESCALATED_INTAKE_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"

#define MQTT_PUBLISH_MAX 4096 /* publications waiting for one broker */

struct mqtt;
struct troubles; /* gateway/handoff/troubles.h */

/* One message as it came; valid during the call. */
struct mqtt_message {
    const char *broker; /* name of the [mqtt] section */
    const char *topic;
    const void *payload;
    size_t count;
    bool is_retained;
    const char *response_topic; /* v5; "": none */
    const void *correlation;    /* v5 */
    size_t correlation_count;
};

struct mqtt_answer {
    enum answer_status status;
    uint64_t incident;
    const char *text;
};

struct mqtt_hooks {
    void *self;
    /* A message on PREFIX/reply -> an input with a `release` and without a ticket; it enters the
     * inbox with its batch, and its PUBACK follows the commit. -1: unusable, *err says why; it goes
     * into quarantine, or with ERR_BUSY the connection ends and it comes again. 0 without an input:
     * nothing is to be done. NULL: replies are not read. */
    int (*reply)(void *self, const struct mqtt_message *message, struct input **out_input,
                 struct err *err);
    /* What came of it, after the commit and before the PUBACK: may publish an answer. Not called for a
     * message that was recorded before its PUBACK got lost. May be NULL. */
    void (*replied)(void *self, const struct mqtt_message *message,
                    const struct mqtt_answer *answer);
    /* Something stands retained at PREFIX/incidents/NAME, told once after subscribing. NULL: nothing
     * of our own is read. */
    void (*standing)(void *self, const char *broker, const char *name);
    /* The broker has let us in (again): what should stand there retained is to be published now. May
     * be NULL. */
    void (*connected)(void *self, const char *broker);
};

struct mqtt_options {
    struct config *config; /* retained as long as it is in force */
    struct inbox *inbox;
    struct troubles *troubles;         /* of our own; NULL: none is told */
    const char *store_url, *state_dir; /* read during the call */
    struct mqtt_hooks hooks;
    /* False: another node holds the engine, which alone talks to the brokers. Asked before every
     * connection; NULL: always. */
    bool (*is_engine)(void *self);
    void *self;
};

int mqtt_start(const struct mqtt_options *options, struct mqtt **out_mqtt, struct err *err);
/* Brokers, topics and credentials of `config` from now on; what stayed the same stays connected. */
void mqtt_reload(struct mqtt *mqtt, struct config *config);
/* Takes nothing new, confirms what is committed within grace_ms, says goodbye. Idempotent. */
void mqtt_stop(struct mqtt *mqtt, int64_t grace_ms);
void mqtt_destroy(struct mqtt *mqtt); /* after the engine has ended; takes NULL */

struct mqtt_publication {
    const char *broker; /* name of the [mqtt] section; "": all of them */
    const char *topic;  /* below PREFIX, or whole with is_whole_topic */
    bool is_whole_topic;
    const void *payload;
    size_t count;
    int qos; /* 0 or 1 */
    bool retain;
    const void *correlation; /* v5: of the message that this answers; NULL: none */
    size_t correlation_count;
};

enum mqtt_verdict {
    MQTT_TAKEN, /* will be sent; what a connection loses is not repeated (see `connected`) */
    MQTT_NOT_CONNECTED, /* nothing was kept */
    MQTT_IS_FULL,
    MQTT_UNKNOWN, /* no such broker, or a topic that cannot be published to */
};
/* With several brokers the best of their verdicts. */
enum mqtt_verdict mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication);

#endif

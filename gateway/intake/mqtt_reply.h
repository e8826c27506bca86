/*
 * mqtt_reply - what people send back over MQTT: PREFIX/reply, {"token":"…","text":"ack eta 30m"}.
 *
 * Shape:   the hooks `reply` and `replied` of mqtt.h. A message becomes a reply of the contact that
 *          the token was given to; after the commit its answer goes to the Response Topic, if that
 *          lies below PREFIX/answers/ and the reader's client named one (MQTT 5).
 * Owns:    a reader of the store for each broker.
 * Threads: the hooks run on the brokers' threads, each broker's on one at a time; the rest main.
 * Limits:  REPLY_PAYLOAD_BYTES_MAX a message, REPLY_TEXT_BYTES_MAX its text.
 * Fails:   an unusable message: -1 with what was got and what is wanted, never with the token.
 *          ERR_BUSY: the store did not answer; the message must come again. The same payload once more
 *          within a minute of being recorded is taken without an input.
 * Source:  DESIGN sections 7 and 8; MQTT 5.0 section 4.10 (request and response).
 */
#ifndef ESCALATED_INTAKE_MQTT_REPLY_H
#define ESCALATED_INTAKE_MQTT_REPLY_H

#include "gateway/intake/mqtt.h"
#include "gateway/system/clock.h"
#include "gateway/system/secret.h"

#define REPLY_PAYLOAD_BYTES_MAX 8192
#define REPLY_TEXT_BYTES_MAX 4096

struct mqtt_replies;

struct mqtt_replies_options {
    const char *store_url, *state_dir; /* read when a broker's first reply comes */
    const struct secret *token_key;
    const struct clock_engine *clock;
    enum mqtt_verdict (*publish)(void *self, const struct mqtt_publication *publication);
    void *self;
};

struct mqtt_replies *mqtt_replies_create(const struct mqtt_replies_options *options);
/* Without an input (NULL) and 0: recorded before, nothing is left to do. */
int mqtt_replies_take(struct mqtt_replies *replies, const struct mqtt_message *message,
                      struct input **out_input, struct err *err);
void mqtt_replies_answer(struct mqtt_replies *replies, const struct mqtt_message *message,
                         const struct mqtt_answer *answer);
void mqtt_replies_destroy(struct mqtt_replies *replies); /* after the brokers; takes NULL */

#endif

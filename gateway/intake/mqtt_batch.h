/*
 * mqtt_batch - the messages of one broker that are committed together: from the socket to the engine
 * and back.
 *
 * Shape:   letters_add_* for each message read -> letters_submit -> wait for letters_is_settled ->
 *          what came of them -> letters_reset.
 * Owns:    everything in the batch lives in its arena until the reset; what is added is copied.
 * Threads: the broker's; the engine's between a submit and the end of the wait, when nobody else
 *          touches the batch.
 * Limits:  the caller submits it when letters_is_full.
 * Fails:   where letters_is_taken is false for a letter, it may not be confirmed, and nothing behind it.
 */
#ifndef ESCALATED_INTAKE_MQTT_BATCH_H
#define ESCALATED_INTAKE_MQTT_BATCH_H

#include <pthread.h>

#include "gateway/base/arena.h"
#include "gateway/handoff/inbox.h"
#include "gateway/handoff/ticket.h"
#include "gateway/intake/mqtt.h"
#include "gateway/intake/mqtt_link.h"

#define LETTERS_INPUTS_MAX 256 /* then it is full: half of what the engine commits at once */
#define LETTERS_BYTES_MAX (1024 * 1024)
#define LETTERS_EVENTS_MAX 100 /* in one message */

enum letter_kind { LETTER_EVENTS, LETTER_QUARANTINE, LETTER_REPLY };

struct letter {
    enum letter_kind kind;
    struct link_message message;   /* in the arena; LETTER_EVENTS: without its payload */
    const char *source;            /* "" for a reply, and when nobody's */
    const char *reason;            /* LETTER_QUARANTINE */
    const struct arrival *arrival; /* what it is known by; NULL at QoS 0 */
    size_t input;                  /* the last of its inputs */
    size_t event_count;            /* LETTER_EVENTS: so many inputs end there */
};

struct letters;

struct letters_options {
    const char *broker;
    pthread_mutex_t *lock; /* with the condition: told when the engine is through */
    pthread_cond_t *settled;
    bool *is_broken; /* of the sequence it belongs to; see handoff/ticket.h */
};

struct letters *letters_create(const struct letters_options *options);
void letters_destroy(struct letters *letters); /* the engine must have ended, or be through */

/* `arrival` NULL at QoS 0: nothing is known by it. */
void letters_add_events(struct letters *letters, const struct link_message *message,
                        const char *source, const struct event *events, size_t count,
                        const struct arrival *arrival);
/* with_payload false: for what must not be shown, as it may hold a token. */
void letters_add_quarantine(struct letters *letters, const struct link_message *message,
                            const char *source, const char *reason, bool with_payload,
                            const struct arrival *arrival);
void letters_add_reply(struct letters *letters, const struct link_message *message,
                       struct input *input, const struct arrival *arrival);
/* The broker's session, before anything is asked of it. */
void letters_add_session(struct letters *letters, const struct session *session);

struct arena *letters_arena(struct letters *letters); /* for what is parsed on the way in */
bool letters_is_full(const struct letters *letters);
size_t letters_count(const struct letters *letters); /* of inputs */

enum inbox_verdict letters_submit(struct letters *letters, struct inbox *inbox);
/* The engine is through with what was submitted. Until then the batch is its own. */
bool letters_is_settled(const struct letters *letters);
bool letters_is_committed(const struct letters *letters); /* all of it */
/* All of one letter is committed, or was refused for good. */
bool letters_is_taken(const struct letters *letters, const struct letter *letter);
size_t letters_letter_count(const struct letters *letters);
const struct letter *letters_at(const struct letters *letters, size_t index);
void letters_answer(const struct letters *letters, const struct letter *letter,
                    struct mqtt_answer *out_answer);
/* Its events. */
const struct event *letters_event(const struct letters *letters, const struct letter *letter,
                                  size_t index);
void letters_reset(struct letters *letters);

#endif

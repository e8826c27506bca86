/*
 * channels - delivery's side of the protocol in gateway/handoff/outbox.h, with channels in every mood.
 *
 * Shape:   orders of a committed step -> channels_take; channels_next_ms, channels_speak -> what delivery says next.
 *          What an attempt meets depends on the seed, the message's key and the attempt only: leaving out other deeds
 *          changes nothing.
 * Owns:    inputs lie in the arena given at the start.
 * Fails:   an order that breaks the protocol is told as a breach of the world.
 */
#ifndef ESCALATED_SIMULATION_CHANNELS_H
#define ESCALATED_SIMULATION_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/handoff/outbox.h"
#include "policies/input.h"

struct world;
struct channels;

enum mood {
    MOOD_WORKS,
    MOOD_SLOW,      /* answers after up to a minute */
    MOOD_TEMPORARY, /* not now */
    MOOD_UNKNOWN,   /* sent, but says that it does not know */
    MOOD_FAILS,     /* for good */
    MOOD_SILENT,    /* never answers */
    MOOD_REFUSES,   /* takes no offers for a while */
    MOOD_REPEATS,   /* answers twice */
    MOOD_LIES,      /* accepts, and the receipt says failed */
    MOOD_MIXED,     /* any of these, for each attempt anew */
    MOOD_COUNT,
};
const char *mood_name(enum mood mood);

struct channels *channels_create(struct world *world);
void channels_destroy(struct channels *channels);
void channels_set_mood(struct channels *channels, const char *channel, enum mood mood);
void channels_work_again(struct channels *channels);

void channels_take(struct channels *channels, const struct order *orders, size_t count);
/* INT64_MAX: delivery has nothing to say. */
int64_t channels_next_ms(const struct channels *channels);
/* What is to be said by now, the oldest first; channels_heard after it was committed. */
size_t channels_speak(struct channels *channels, struct input *out_inputs, size_t max);
void channels_heard(struct channels *channels, size_t count);
/* The process died: what was under way is nobody's. */
void channels_die(struct channels *channels);

/* How often the message really went out. */
int channels_sent_count(const struct channels *channels, uint64_t notification);
/* Did delivery get to read of this incident in what it last prepared of a digest? 0: of a hand-over. */
bool channels_has_named(const struct channels *channels, uint64_t digest, uint64_t incident);
/* A receipt said that it was delivered, whether it was sent or not. */
void channels_vouch(struct channels *channels, uint64_t notification);
bool channels_was_vouched(const struct channels *channels, uint64_t notification);

#endif

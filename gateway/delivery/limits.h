/*
 * limits - the slots of one channel and of each destination behind it.
 *
 * Shape:   limits_ask -> now (a slot is taken), wait (queue it, ask again when a slot is free) or
 *          later (try at `retry`). limits_may_run, limits_began and limits_ended go around the
 *          attempt itself; limits_give_back frees the slot. A destination is remembered while it is
 *          in use or has something to remember.
 * Units:   *_mono_ms on the boot clock.
 * Owns:    destinations belong to the limits; a pointer is valid while the caller holds a slot or a
 *          waiting place of it.
 * Threads: one at a time; pure.
 * Limits:  in_flight_max attempts in all, per_target_max for one destination, and as many slots. A
 *          destination whose attempts are quick and do not fail has some slots more: their claims
 *          are committed while the attempts before them run. Waiting places as below;
 *          LIMITS_DESTINATIONS_MAX destinations remembered, past which those with the least to
 *          remember are forgotten.
 */
#ifndef ESCALATED_DELIVERY_LIMITS_H
#define ESCALATED_DELIVERY_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/delivery/breaker.h"

#define LIMITS_DESTINATIONS_MAX 1024
/* How many may wait for one destination: while its attempts succeed, and while they fail or none
 * has ended for a while. The second keeps a dead destination from holding the channel's credits. */
#define LIMITS_WAITING_MAX 256
#define LIMITS_WAITING_SLOW_MAX 8
#define LIMITS_SLOW_AFTER_MS 1000
#define LIMITS_CROWDED_RETRY_MS 500
#define LIMITS_PROBING_RETRY_MS 500

/* Slots above the attempts, where attempts last less than this on average: twice per_target_max, so
 * that two commits of claims may be under way while the attempts before them run. */
#define LIMITS_AHEAD_MAX 128
#define LIMITS_QUICK_MS 50

#define LIMITS_NAME_BYTES 256

struct destination {
    char name[LIMITS_NAME_BYTES];
    uint64_t hash;
    struct breaker breaker;
    int64_t not_before_mono_ms; /* it asked for a pause */
    int64_t moved_mono_ms;      /* when an attempt last ended, or the first one began */
    size_t slot_count;
    size_t running_count;  /* of these, attempts under way */
    int64_t average_ms_x8; /* how long attempts take: 8 times a moving average */
    size_t waiting_count;
    size_t rank; /* the caller's, while it walks through those who wait */
    struct destination *next;
};

struct limits {
    size_t in_flight_max;
    size_t per_target_max;
    size_t slot_count;
    size_t running_count;
    struct destination *destinations;
    size_t destination_count;
};

enum limits_word { LIMITS_NOW, LIMITS_PROBE, LIMITS_WAIT, LIMITS_LATER };

struct limits_answer {
    enum limits_word word;
    int64_t retry_mono_ms; /* LATER */
    const char *reason;    /* LATER: "breaker-open", "asked-to-wait", "busy" */
    bool waits_for_probe;  /* LATER: then only one of all who come will be let through */
};

/* How one attempt ended, as far as its destination is concerned. */
enum limits_ending { LIMITS_SUCCEEDED, LIMITS_FAILED, LIMITS_PAUSED, LIMITS_NOTHING };

void limits_init(struct limits *limits, size_t in_flight_max, size_t per_target_max);
void limits_clear(struct limits *limits);

struct destination *limits_destination(struct limits *limits, const char *name);

/* waits: the asker has a waiting place already, which NOW, PROBE and LATER give up and WAIT keeps.
 */
struct limits_answer limits_ask(struct limits *limits, struct destination *destination, bool waits,
                                int64_t now_mono_ms);

/* The waiting asker goes away. */
void limits_stop_waiting(struct destination *destination);

/* How many may wait for it now. */
size_t limits_waiting_max(const struct destination *destination, int64_t now_mono_ms);

/* An attempt begins without having asked (its claim was committed all the same). */
void limits_force(struct limits *limits, struct destination *destination, int64_t now_mono_ms);

/* Whether an attempt may begin now for which there is a slot. */
bool limits_may_run(const struct limits *limits, const struct destination *destination);
void limits_began(struct limits *limits, struct destination *destination);
void limits_ended(struct limits *limits, struct destination *destination, int64_t took_ms);

/* A slot is free again. pause_ms: the destination asked to be left alone that long (0: it did not);
 * with LIMITS_PAUSED it does so without having failed. True when the breaker changed between open
 * and closed. */
bool limits_give_back(struct limits *limits, struct destination *destination, bool was_probe,
                      enum limits_ending ending, int64_t pause_ms, int64_t now_mono_ms);

/* A slot is lost for as long as the plugin does not end what was given up; and found again. */
void limits_shrink(struct limits *limits);
void limits_grow(struct limits *limits);

size_t limits_open_count(const struct limits *limits);

#endif

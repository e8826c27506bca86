/*
 * desk_internal - what the files of the desk share; nobody else includes it.
 *
 * Shape:   desk.c: orders, turns, sets. desk_offers.c: from OFFER to a reservation.
 *          desk_attempts.c: from START to a result.
 */
#ifndef ESCALATED_DELIVERY_DESK_INTERNAL_H
#define ESCALATED_DELIVERY_DESK_INTERNAL_H

#include <uthash.h>

#include "gateway/delivery/desk.h"
#include "gateway/system/metrics.h"

#define DESK_SOON_MS 1000
#define DESK_OFFERS_LOOK_MS 100
/* More than it takes from an engine's timer to an offer here. */
#define DESK_STAND_BACK_MS 50

enum offer_state { OFFER_WAITING, OFFER_READY };

struct offer {
    uint64_t notification;
    enum offer_state state;
    struct order *order;
    struct instance *instance;
    struct destination *destination;
    bool is_probe;
    int64_t since_mono_ms; /* when this state began */
    UT_hash_handle hh;     /* by notification; in the order of their coming */
};

/* A START whose result is still owed to the engine. */
struct owed {
    uint64_t notification;
    UT_hash_handle hh;
};

/* A START whose claim was committed ahead of a free place. */
struct ahead {
    struct instance *instance;
    struct launch launch;
    struct ahead *next;
};

struct desk {
    struct desk_options options;
    struct channel_set *sets; /* newest first; only the first gets new offers */
    struct offer *offers;     /* a hash table that also is a list, oldest first */
    struct owed *owed;
    struct ahead *ahead_first, *ahead_last;
    bool slots_moved;              /* since those who wait were last served */
    int64_t offers_look_mono_ms;   /* when they are looked at all the same */
    int64_t attempts_look_mono_ms; /* before that no attempt has to be given up */
    bool closed;
    struct metric *attempts[OUTCOME_COUNT];
    struct metric *seconds;
    struct metric *breaker_open;
};

/* desk.c */
struct instance *desk_find_instance(const struct desk *desk, const char *channel);
void desk_show_breakers(struct desk *desk);
/* Free a slot and tell its destination how the attempt ended; logs when that opens or closes the
 * breaker. */
void desk_give_back(struct desk *desk, struct instance *instance, struct destination *destination,
                    bool was_probe, enum limits_ending ending, int64_t pause_ms,
                    int64_t now_mono_ms);

/* desk_offers.c */
void offers_take(struct desk *desk, struct order *order, int64_t now_mono_ms);
void offers_drop(struct desk *desk, struct order *order, int64_t now_mono_ms);
struct offer *offers_find(const struct desk *desk, uint64_t notification);
void offers_remove(struct desk *desk,
                   struct offer *offer); /* what it held must have been given back or passed on */
void offers_turn(struct desk *desk, int64_t now_mono_ms);
void offers_move(struct desk *desk, int64_t now_mono_ms);   /* those that wait, to the newest set */
void offers_refuse(struct desk *desk, int64_t now_mono_ms); /* those that wait, while stopping */

/* desk_attempts.c */
void attempts_start(struct desk *desk, struct order *order, int64_t now_mono_ms);
void attempts_take_back(struct desk *desk, uint64_t notification,
                        int64_t now_mono_ms); /* if it has not begun */
void attempts_turn(struct desk *desk, int64_t now_mono_ms);
bool attempts_has(const struct desk *desk,
                  uint64_t notification); /* started, its result still owed */
size_t attempts_owed_count(const struct desk *desk);
void attempts_refuse(struct desk *desk,
                     int64_t now_mono_ms);   /* those that have not begun, while stopping */
void attempts_forget_all(struct desk *desk); /* at the end of the desk */

#endif

/*
 * desk - delivery's work without its thread: takes orders, keeps offers and attempts, answers the
 * engine.
 *
 * Shape:   desk_order for each order; desk_turn when something has ended or time has passed;
 *          answers go to the inbox.
 * Units:   now_mono_ms on the boot clock.
 * Owns:    the channel sets given to it, until desk_take_retired hands an old one back; orders from
 *          desk_order on.
 * Threads: delivery's own.
 * Limits:  an offer waits at most DESK_WAIT_MAX_MS for a slot, then it is answered "not now"; a
 *          reservation that nobody starts or drops is freed after DESK_READY_MAX_MS. A START
 *          without a reservation is carried out all the same: its claim is committed. A START for
 *          which there is no free place begins when there is one, until its deadline or a DROP.
 */
#ifndef ESCALATED_DELIVERY_DESK_H
#define ESCALATED_DELIVERY_DESK_H

#include "gateway/delivery/instance.h"
#include "gateway/handoff/inbox.h"
#include "gateway/system/clock.h"
#include "gateway/system/secret.h"

#define DESK_WAIT_MAX_MS 5000
#define DESK_READY_MAX_MS 30000
#define DESK_TURN_MAX_MS 1000

/* The channels of one configuration. */
struct channel_set {
    struct config *config; /* retained */
    struct instance **instances;
    size_t instance_count;
    struct channel_set *next;
};

/* `common`: what holds for all of them; its config and channel are not used. */
int channel_set_create(struct config *config, const struct instance_options *common,
                       struct channel_set **out_set, struct err *err);
void channel_set_destroy(struct channel_set *set);

struct desk;

struct desk_options {
    struct inbox *inbox;
    const struct secret *token_key;
    const struct clock_engine *clock;
};

struct desk *desk_create(const struct desk_options *options, struct channel_set *set);
void desk_destroy(struct desk *desk); /* also destroys all sets */

void desk_order(struct desk *desk, struct order *order, int64_t now_mono_ms);
/* Pick up what has ended, give up what never does, serve those who wait. */
void desk_turn(struct desk *desk, int64_t now_mono_ms);
/* When the next turn is due without any news; at most DESK_TURN_MAX_MS away. */
int64_t desk_next_mono_ms(const struct desk *desk, int64_t now_mono_ms);

/* New offers go to this set; what is reserved or under way stays with the old one. */
void desk_swap(struct desk *desk, struct channel_set *set, int64_t now_mono_ms);
/* Old sets that nothing uses any more, as a list; their destruction may block, so it is not done
 * here. */
struct channel_set *desk_take_retired(struct desk *desk);

/* From now on nothing new is started: offers hear "not now", claims a temporary failure. */
void desk_close(struct desk *desk, int64_t now_mono_ms);
/* Attempts without a result, and reservations. */
size_t desk_busy_count(const struct desk *desk);
/* Answer every attempt under way as unknown. */
void desk_give_up(struct desk *desk, int64_t now_mono_ms);

#endif

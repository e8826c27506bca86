/*
 * delivery - outbox to channel: waits for slots, renders once, starts committed attempts, returns outcomes to the inbox.
 *
 * Shape:   orders from the outbox (see handoff/outbox.h for the protocol) -> channel plugins -> INPUT_PREPARED and
 *          INPUT_RESULT into the inbox.
 * Owns:    the channel instances; outbox, inbox and token key are borrowed; the configuration is retained while in use.
 * Threads: one delivery thread; plugins call back from theirs. Start and stop from main.
 * Limits:  per channel `in_flight`, per destination `per_target`; past them offers wait or are answered "not now".
 *          A breaker per destination opens after 5 failures in a row (network, 5xx, time-out) and lets one probe through after
 *          1 s, doubling to 60 s. A slow or dead destination never delays another.
 * Fails:   a channel that cannot be created fails delivery_start; on a reload the old set stays in force.
 */
#ifndef ESCALATED_DELIVERY_DELIVERY_H
#define ESCALATED_DELIVERY_DELIVERY_H

#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"
#include "gateway/handoff/outbox.h"
#include "gateway/system/clock.h"
#include "gateway/system/secret.h"

struct delivery;
struct plugins;
struct troubles; /* gateway/handoff/troubles.h */

struct delivery_options {
    struct config *config;
    struct plugins *plugins;
    struct outbox *outbox;
    struct inbox *inbox;
    struct troubles *troubles; /* of our own; NULL: none is told */
    const struct secret *token_key;
    const struct clock_engine *clock;
    const char *state_dir;
    const char *helper_dir; /* where helper programs are; NULL or "": nowhere */
};

int delivery_start(const struct delivery_options *options, struct delivery **out_delivery,
                   struct err *err);
/* New channel set complete or not at all; running attempts finish on the old instances. */
int delivery_reload(struct delivery *delivery, struct config *config, struct err *err);
/* Waits for attempts under way up to grace_ms, then answers them as unknown. Idempotent. */
void delivery_stop(struct delivery *delivery, int64_t grace_ms);
void delivery_destroy(struct delivery *delivery);

/* plugins.c: the loader. A plugin folder, and each file in it, must belong to root or us and be writable by nobody else. */
int plugins_open(const char *folder, struct plugins **out_plugins, struct err *err);
const struct channel_ops *plugins_find(struct plugins *plugins, const char *name, struct err *err);
void plugins_close(struct plugins *plugins);

#endif

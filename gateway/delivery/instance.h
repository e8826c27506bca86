/*
 * instance - one created channel: its plugin's state, its tickets, its limits.
 *
 * Shape:   instance_send hands one message to the plugin; what the plugin finishes is picked up
 *          with instance_take_ended.
 * Owns:    the plugin's state; a ticket and its message live until the plugin has finished it or
 *          was destroyed, also when the attempt was given up before. The configuration is retained.
 * Threads: create and destroy on the thread that starts and stops delivery; the rest on delivery's
 *          own thread; the plugin's `finish` on any.
 * Limits:  as many tickets as the smaller of the section's `in_flight` and the plugin's
 *          in_flight_max. A ticket that was given up still counts: the plugin is still busy with
 *          it.
 * Fails:   create: -1 with the plugin's reason. A plugin that finishes twice, or what it was not
 *          given, is logged and ignored.
 */
#ifndef ESCALATED_DELIVERY_INSTANCE_H
#define ESCALATED_DELIVERY_INSTANCE_H

#include "gateway/config/config.h"
#include "gateway/delivery/limits.h"
#include "gateway/handoff/outbox.h"

#define INSTANCE_REASON_BYTES 48
#define INSTANCE_DETAIL_BYTES 512
#define INSTANCE_PROVIDER_ID_BYTES 256
/* A peer's wish to wait is cut here, whatever the plugin passes on. */
#define INSTANCE_RETRY_AFTER_MAX_MS (5 * 60 * 1000)
/* How long after an attempt's deadline its result is still waited for. */
#define INSTANCE_PATIENCE_MS 2000

struct instance;
struct troubles; /* gateway/handoff/troubles.h */

struct instance_options {
    struct config *config;
    const struct config_channel *channel;
    const char *state_dir;
    const char *helper_dir;    /* "": there are no helper programs */
    struct troubles *troubles; /* of our own; NULL: none is told */
    void *waker;
    void (*wake)(void *waker); /* from any thread: something has ended */
};

/* One attempt from its start to the plugin's last word. */
struct attempt {
    struct order *order; /* the START, with the message's bytes */
    struct order *offered_or_null;
    struct destination *destination;
    bool was_probe;
    bool answered; /* the engine has its result already */
    int64_t began_mono_ms;
    int64_t give_up_mono_ms;
    enum channel_outcome outcome;
    int64_t retry_after_ms;
    bool peer_is_well; /* with CHANNEL_RETRY: it is this message that has to wait */
    char reason[INSTANCE_REASON_BYTES];
    char detail[INSTANCE_DETAIL_BYTES];
    char provider_id[INSTANCE_PROVIDER_ID_BYTES];
};

int instance_create(const struct instance_options *options, struct instance **out_instance,
                    struct err *err);
void instance_destroy(struct instance *instance);

const char *instance_name(const struct instance *instance);
const struct config_channel *instance_channel(const struct instance *instance);
struct limits *instance_limits(struct instance *instance);
const char *instance_format(const struct instance *instance);
/* The destination behind an address, for its limits. */
struct destination *instance_destination(struct instance *instance, const char *address);

/* What one attempt needs. A START says what to send; where to and under which key may stand only in
 * the OFFER before it. */
struct launch {
    struct order *order;           /* the START */
    struct order *offered_or_null; /* the OFFER */
    struct destination *destination;
    bool was_probe;
    int64_t began_mono_ms;
    int64_t deadline_mono_ms;
    int64_t useful_ms; /* from now until the notification expires */
};

/*
 * Start one attempt. True: it is under way, both orders belong to the instance; its end comes
 * through instance_take_ended (also when the plugin finished it inside this call). False: the
 * plugin is full; the orders stay the caller's.
 */
bool instance_send(struct instance *instance, const struct launch *launch);

/* The next attempt the plugin has finished, or NULL. Give it back with instance_forget. */
struct attempt *instance_take_ended(struct instance *instance);
void instance_forget(struct instance *instance, struct attempt *attempt);

/* The attempts still with the plugin; start with *position = 0; NULL at the end. */
struct attempt *instance_next_attempt(struct instance *instance, size_t *position);
size_t instance_attempt_count(
    const struct instance *instance); /* those still with the plugin or not taken yet */

#endif

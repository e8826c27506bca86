/*
 * standby - what the engine thread does while another node holds the engine lease.
 *
 * Shape:   standby_run returns when the lease is ours or the daemon stops. Until then events, replies,
 *          commands and receipts go into the shared inbox, in their order, and are answered when they
 *          are durable there: events and receipts as done, the others as recorded.
 * Threads: the engine's.
 * Limits:  the lease is tried for, and a stop noticed, every STANDBY_TURN_MS.
 * Fails:   a store that does not answer is tried again; producers hear "try again" meanwhile.
 */
#ifndef ESCALATED_ENGINE_STANDBY_H
#define ESCALATED_ENGINE_STANDBY_H

#include <stdatomic.h>

#include "gateway/handoff/inbox.h"
#include "gateway/store/store.h"
#include "policies/rulebook.h"

#define STANDBY_TURN_MS 250

struct standby_options {
    struct store *store;
    struct inbox *inbox;
    int64_t lease_ms;
    const struct rulebook **rulebook; /* follows `config` inputs */
    const atomic_bool *stopping;
    void (*on_turn)(void *self);
    void *self;
};

/* True: the lease is ours. */
bool standby_run(const struct standby_options *options);

#endif

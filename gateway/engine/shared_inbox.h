/*
 * shared_inbox - what one node takes in for the engine of another, by way of the store.
 *
 * Shape:   standby: shared_inbox_put (durable when it returns 0). Engine: shared_inbox_take -> engine_step, whose commit
 *          takes out of the store what it has applied, in the same transaction.
 * Owns:    inputs given out live until their `release`.
 * Threads: one at a time.
 * Limits:  at most ENGINE_BATCH_MAX a take, every SHARED_INBOX_POLL_MS. What the engine had no room for, and what only a
 *          newer program can read, stays in the store and comes again every SHARED_INBOX_RETRY_MS; what is behind it does
 *          not wait for it.
 * Fails:   put: -1 with *err, and nobody may be told that it was taken.
 */
#ifndef ESCALATED_ENGINE_SHARED_INBOX_H
#define ESCALATED_ENGINE_SHARED_INBOX_H

#include "gateway/base/err.h"
#include "gateway/store/store.h"
#include "policies/input.h"

#define SHARED_INBOX_POLL_MS 250
#define SHARED_INBOX_RETRY_MS 5000

struct shared_inbox;

struct shared_inbox *shared_inbox_create(struct store *store);
void shared_inbox_destroy(struct shared_inbox *shared);

/* All or none, in this order. Each must be of a kind that shared_item_fits. */
int shared_inbox_put(struct store *store, struct input *const *inputs, size_t count,
                     struct err *err);

/* In the order in which they were put; nothing before the next poll is due. Their ticket tells `shared` what came of
 * them and answers nobody; a take ends the tickets of the one before. */
size_t shared_inbox_take(struct shared_inbox *shared, struct input **out_inputs, size_t max,
                         int64_t mono_ms);

#endif

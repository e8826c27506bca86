/*
 * shared_inbox - events that one node takes in for the engine of another, by way of the store.
 *
 * Shape:   standby: shared_inbox_put (durable when it returns 0). Engine: shared_inbox_take -> step
 *          -> shared_inbox_settle.
 * Owns:    inputs given out live until their `release`; what they were made of until the next take.
 * Threads: one at a time.
 * Limits:  at most ENGINE_BATCH_MAX a take, every SHARED_INBOX_POLL_MS.
 * Fails:   put: -1 with *err, and nobody may be told that the event was taken. An event that the
 *          engine refuses for lack of room (ANSWER_OVERLIMIT) was promised already: it goes back to
 *          the end of the shared inbox until there is room. Between the commit that took it and its
 *          return it is in memory only: a crash in that moment loses it.
 */
#ifndef ESCALATED_ENGINE_SHARED_INBOX_H
#define ESCALATED_ENGINE_SHARED_INBOX_H

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/store/store.h"
#include "policies/input.h"

#define SHARED_INBOX_POLL_MS 250
#define SHARED_INBOX_ITEM_BYTES_MAX (4 * 1024 * 1024)

struct shared_inbox;

struct shared_inbox *shared_inbox_create(struct store *store);
void shared_inbox_destroy(struct shared_inbox *shared);

int shared_inbox_put(struct store *store, struct input *const *events, size_t count,
                     struct err *err);

/* Nothing before the next poll is due. An event's ticket answers nobody. */
size_t shared_inbox_take(struct shared_inbox *shared, struct input **out_inputs, size_t max,
                         int64_t mono_ms);
/* After a step that was committed, with its tickets completed. */
void shared_inbox_settle(struct shared_inbox *shared);

/* One event as JSON text and back, for tests; decode gives an input to be released. */
int shared_inbox_encode(const struct input *event, struct strbuf *out, struct err *err);
int shared_inbox_decode(const struct store_inbox_item *item, struct input **out_input,
                        struct err *err);

#endif

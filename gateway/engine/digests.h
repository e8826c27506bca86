/*
 * digests - the last gate before delivery: how many messages a person gets by one channel, and the digests that stand for
 * what exceeds it.
 *
 * Shape:   a message that has come due -> digests_gate; at the end of a batch digests_settle lets it through or puts it into a
 *          digest; what becomes of the digest becomes of those in it.
 * Owns:    the list of each digest that has not ended; the digest itself and those in it are notifications like any other.
 * Threads: one at a time.
 * Limits:  DIGEST_INCIDENTS_MAX messages a digest; the next ones make another. Only people have a limit: audiences and
 *          channels are not bundled, nor are answers, of which there is one for each message that came in.
 * Source:  DESIGN section 4, rule 15; GUARANTEES I22.
 */
#ifndef ESCALATED_ENGINE_DIGESTS_H
#define ESCALATED_ENGINE_DIGESTS_H

#include "gateway/engine/engine_state.h"
#include "policies/storm.h"

/* True: it waits for the end of the batch. */
bool digests_gate(struct engine *engine, struct notification *notification);
/* Most urgent first, so that what the limit lets through is what matters most. */
void digests_settle(struct engine *engine);

/* What is urgent does not wait for the token of what is not: the digest takes the next one of its own bucket, where that comes
 * sooner. For one that joins, and for one in it that has become urgent. */
void digests_hurry(struct engine *engine, struct notification *digest, struct storm_bucket *bucket,
                   const struct channel_rule *rule);
void digests_has_urgent(struct engine *engine, const struct notification *member);

/* A row that was read in goes out in a digest, or is one. */
void digests_load(struct engine *engine, struct notification *notification);
void digests_clear(struct world *world);

/* What an offer of it says: who is in it now. */
const char *digests_snapshot(struct engine *engine, const struct notification *digest);
/* Does it still say what was offered? One without anybody left is cancelled. */
bool digests_is_current(struct engine *engine, struct notification *digest);
/* It is about to start: so are those in it. */
void digests_claim(struct engine *engine, const struct notification *digest);
/* It has moved to `state`, and with it those in it. */
void digests_follow(struct engine *engine, const struct notification *digest,
                    enum notification_state state, const char *reason);
/* A receipt for one that has left memory. */
void digests_deliver(struct engine *engine, uint64_t digest, bool delivered, const char *reason);
/* One of them has ended by itself. */
void digests_leave(struct engine *engine, const struct notification *notification);

/* The incidents that a digest which was handed over listed, rising; 0 and NULL when it is none. */
size_t digests_listed(struct engine *engine, uint64_t digest, uint64_t **out_numbers);

#endif

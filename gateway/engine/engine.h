/*
 * engine - the one writer: applies inputs to the world in memory, commits what follows from them, says whom to tell.
 *
 * Shape:   engine_create (loads the store) -> engine_step(inputs, now) again and again -> engine_destroy.
 *          No thread, clock or socket: engine_thread.h and `escalate simulate` both drive it.
 * Units:   now_ms is engine time and never decreases.
 * Owns:    the store and the rulebook are borrowed and outlive the engine.
 * Threads: one at a time.
 * Limits:  at most ENGINE_BATCH_MAX inputs a step; open incidents in all and per source as the rulebook says.
 * Fails:   engine_create: -1 with *err. engine_step answers the store's verdict. After busy, full and unknown the world has
 *          been reloaded as far as the store answers (else `engine_is_loaded` is false and the next step tries again);
 *          after lease lost and broken the engine must be destroyed.
 */
#ifndef ESCALATED_ENGINE_ENGINE_H
#define ESCALATED_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/engine/doubts.h"
#include "gateway/handoff/outbox.h"
#include "gateway/handoff/ticket.h"
#include "gateway/store/store.h"
#include "gateway/system/secret.h"
#include "policies/effect.h"
#include "policies/heartbeat.h"
#include "policies/input.h"
#include "policies/rulebook.h"
#include "policies/suppression.h"

#define ENGINE_BATCH_MAX 512

struct engine;

struct engine_options {
    struct store *store;
    const struct rulebook *rulebook;
    const char *boot_id;                    /* random per process start: marks our claims */
    const struct secret *token_key_or_null; /* of the codes in SMS; NULL: none fits */
    int64_t wall_offset_ms;                 /* wall clock minus engine time at start */
    int64_t
        claim_start_max_ms; /* an attempt starts so soon after its claim, or not at all; 0: the usual time */
    /* Parses canonical policy text back (gateway/config); NULL in tests that never reload. */
    int (*parse_policy)(const char *name, const char *text, struct arena *arena,
                        struct policy *out_policy, struct err *err);
    /* Frees what a parsed policy owns besides the arena (compiled patterns); NULL: nothing. */
    void (*clear_policy)(struct policy *policy);
};

struct engine_completed { /* in input order; to be told after engine_step returned */
    struct ticket *ticket;
    uint32_t index;
    struct answer answer; /* text lives until the next step */
};

struct engine_out {
    const struct engine_completed *completed; /* valid until the next step */
    size_t completed_count;
    const struct order *orders; /* for delivery, in order; valid until the next step */
    size_t order_count;
    const struct effects
        *effects; /* what was committed, for simulate and tests; NULL when nothing was */
    const struct doubts *doubts; /* of matchers that ran into their limits; never NULL */
};

int engine_create(const struct engine_options *options, int64_t now_ms, struct engine **out_engine,
                  struct err *err);
void engine_destroy(struct engine *engine);

/*
 * Apply due timers and `count` inputs in order, commit once, fill *out. On any verdict but committed every input with a
 * ticket is completed as ANSWER_BUSY or ANSWER_FULL (busy, full, lease lost), or not at all (unknown, broken), and there are
 * no orders. A call without inputs runs what is due. mono_ms is the boot clock, for claim deadlines.
 */
enum store_verdict engine_step(struct engine *engine, struct input *const *inputs, size_t count,
                               int64_t now_ms, int64_t mono_ms, struct engine_out *out,
                               struct err *err);

/* The last call before an orderly end: records until when somebody listened, so that the next start knows how long nobody
 * did. The engine is only to be destroyed afterwards. */
enum store_verdict engine_rest(struct engine *engine, int64_t now_ms, struct err *err);
/* Nobody listened from this engine time until the next step: the machine slept. */
void engine_was_away(struct engine *engine, int64_t from_ms);
/* In force until the next step. */
const struct heartbeats *engine_heartbeats(const struct engine *engine);

/* Engine time of the next timer or due notification with a credit; INT64_MAX when there is none. */
int64_t engine_next_due_ms(const struct engine *engine);
bool engine_is_loaded(const struct engine *engine);

struct engine_counts { /* for /metrics, /readyz and tests */
    uint64_t open_incidents;
    uint64_t live_incidents;
    uint64_t firing_alerts;
    uint64_t pending_notifications;
    uint64_t claimed_notifications;
    uint64_t timers;
    uint64_t suppressions[SUPPRESSION_KIND_COUNT];         /* that hold now */
    uint64_t suppressed_incidents[SUPPRESSION_KIND_COUNT]; /* open ones */
    int64_t oldest_due_ms; /* of pending notifications that are due; INT64_MAX when none */
};
void engine_counts(const struct engine *engine, struct engine_counts *out_counts);

/* SHA-256 over the world in a defined order: equal before and after a reload (invariant I33). */
void engine_hash(const struct engine *engine, unsigned char out[32]);

#endif

/*
 * engine_thread - the thread around engine_step: takes batches from the inbox, tells tickets, orders deliveries.
 *
 * Shape:   inbox -> engine_step -> tickets completed -> orders into the outbox. Where several nodes share the store, the
 *          thread of one that does not hold the engine lease stands by (standby.h) until it gets it.
 * Owns:    the engine; store, inbox and outbox are borrowed.
 * Threads: start and stop from main; the callbacks run on the engine's thread.
 * Limits:  batches of at most ENGINE_BATCH_MAX inputs; a step of the wall clock over 1 s becomes a `clock` input.
 * Fails:   busy or full: producers hear "try again", the engine retries every second. The door is shut, from the start if
 *          need be, while the store has no room; what is under way is still recorded.
 *          lease lost or broken: `on_fatal` is called once with the exit code (74 after an I/O error); nobody is answered.
 */
#ifndef ESCALATED_ENGINE_ENGINE_THREAD_H
#define ESCALATED_ENGINE_ENGINE_THREAD_H

#include "gateway/engine/engine.h"
#include "gateway/handoff/inbox.h"
#include "gateway/handoff/outbox.h"
#include "gateway/system/clock.h"

struct engine_thread;
struct troubles; /* gateway/handoff/troubles.h */

struct engine_thread_options {
    struct engine_options engine;
    struct inbox *inbox;
    struct outbox *outbox;
    struct clock_engine *clock; /* engine time; outlives the thread; raised when a lease is taken */
    int64_t lease_ms;           /* [store] lease: for a store that several nodes share */
    int64_t keep_ms;            /* [gateway] keep */
    struct troubles *troubles;  /* of our own; outlives the thread. NULL: none is told */
    void (*on_fatal)(void *self, int exit_code, const struct err *err);
    void (*on_commit)(
        void *self); /* after a commit that wrote something; must not wait. May be NULL */
    void (*on_engine)(
        void *self);             /* this node stood by and is the engine from now on. May be NULL */
    void (*on_beat)(void *self); /* once per loop and at least every 5 s: the watchdog */
    void *self;
};

int engine_thread_start(const struct engine_thread_options *options,
                        struct engine_thread **out_thread, struct err *err);

/* Applies what is in the inbox, commits, joins. Idempotent. */
void engine_thread_stop(struct engine_thread *thread);
void engine_thread_destroy(struct engine_thread *thread);

/* Counts as of the last step, from any thread. */
void engine_thread_counts(struct engine_thread *thread, struct engine_counts *out_counts);

/* False while the store refuses (disk full) or the engine has not answered for 10 s: /readyz. */
bool engine_thread_is_ready(struct engine_thread *thread, const char **out_why);

/* False while another node holds the engine. */
bool engine_thread_is_engine(struct engine_thread *thread);

#endif

/*
 * queue - a bounded queue of pointers between threads, with a stop signal and a wake descriptor.
 *
 * Owns:    the items stay the property of whoever the protocol says; queue_destroy asserts that
 *          none is left.
 * Threads: any number of producers, any number of consumers.
 * Limits:  `capacity` items; past it queue_put_many answers false and takes nothing.
 * Fails:   full is a visible answer, never a drop.
 */
#ifndef ESCALATED_SYSTEM_QUEUE_H
#define ESCALATED_SYSTEM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

struct queue;

int queue_create(size_t capacity, struct queue **out_queue, struct err *err);
void queue_destroy(struct queue *queue);

/* All or none. False: full or stopped. */
bool queue_put_many(struct queue *queue, void *const *items, size_t count);
bool queue_put(struct queue *queue, void *item);

/* As queue_put, but allowed past the capacity: only for consequences of our own decisions (results,
 * receipts of claims) whose number is already bounded elsewhere. False only when stopped. */
bool queue_put_owed(struct queue *queue, void *item);

/* Wait until there is an item, the queue is stopped, or `timeout_ms` passed (-1: for ever); take up
 * to `max`. Returns the count; 0 on timeout, or when stopped and empty. A consumer that is awake
 * costs producers no system call. */
size_t queue_take(struct queue *queue, void **out_items, size_t max, int64_t timeout_ms);

/* Make one waiting queue_take, or else the next one, return at once with what there is, also
 * nothing. */
void queue_nudge(struct queue *queue);

size_t queue_count(const struct queue *queue);
size_t queue_capacity(const struct queue *queue);

/* Puts fail from now on, waiting takers return; what is inside can still be taken. Idempotent. */
void queue_stop(struct queue *queue);
bool queue_is_stopped(const struct queue *queue);

/* An eventfd that is readable while items wait or the queue is stopped: for consumers that poll
 * several things. Created at first call, closed by queue_destroy, -1 when the system has none left;
 * such a consumer takes with timeout 0 until empty. */
int queue_wake_fd(struct queue *queue);

#endif

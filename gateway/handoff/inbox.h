/*
 * inbox - where producers' threads meet the engine: a bounded queue of inputs.
 *
 * Shape:   intake, replies, API -> inbox_put; delivery -> inbox_put_owed; inbox_take ->
 *          engine thread.
 * Owns:    success hands the inputs to the engine (it calls `release`); failure leaves them with
 *          the caller. What is never taken is released unanswered by inbox_destroy.
 * Threads: any number of producers, one consumer.
 * Limits:  `capacity` inputs (default 4,096). Full is answered at once: 503, no PUBACK.
 */
#ifndef ESCALATED_HANDOFF_INBOX_H
#define ESCALATED_HANDOFF_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "policies/input.h"

#define INBOX_CAPACITY_DEFAULT 4096

struct inbox;

enum inbox_verdict { INBOX_TAKEN, INBOX_IS_FULL, INBOX_IS_CLOSED };

int inbox_create(size_t capacity, struct inbox **out_inbox, struct err *err);
void inbox_destroy(struct inbox *inbox);

/* All or none. */
enum inbox_verdict inbox_put(struct inbox *inbox, struct input *const *inputs, size_t count);

/* For results and receipts of our own claims, whose number is bounded by the credits: never full.
 * False: closed. */
bool inbox_put_owed(struct inbox *inbox, struct input *input);

/* Waits up to timeout_ms (-1: for ever) for the first; then takes what is there, up to max. */
size_t inbox_take(struct inbox *inbox, struct input **out_inputs, size_t max, int64_t timeout_ms);

/* Shut the door for producers (disk full, lease lost, stopping); inbox_put answers INBOX_IS_CLOSED.
 * Owed inputs still pass until inbox_stop. */
void inbox_close_door(struct inbox *inbox);
void inbox_open_door(struct inbox *inbox);
bool inbox_door_is_open(const struct inbox *inbox);
void inbox_stop(struct inbox *inbox);

size_t inbox_count(const struct inbox *inbox);

#endif

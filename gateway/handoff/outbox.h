/*
 * outbox - where the engine meets delivery: a bounded queue of orders.
 *
 * Shape:   engine -> outbox_put(order) -> delivery. For one notification:
 *            OFFER (due; snapshot inside) -> delivery waits for a slot, renders, and answers
 *              INPUT_PREPARED
 *            START (claim is committed) -> the attempt starts now; delivery answers INPUT_RESULT,
 *              exactly once
 *            DROP (no longer wanted: acknowledged, expired, refused) -> delivery frees the slot and
 *              answers nothing; after a START it recalls an attempt that has not begun, whose
 *              INPUT_RESULT says so, and leaves alone one that has
 *          Each OFFER is answered by exactly one PREPARED; each ready PREPARED by exactly one START
 *          or DROP.
 * Owns:    an order and its texts belong to delivery once taken; order_free.
 * Threads: one producer (engine), one consumer (delivery).
 * Limits:  the engine keeps at most OUTBOX_CREDITS_PER_CHANNEL offers of a channel unanswered, of
 *          these OUTBOX_CREDITS_PER_LANE for one host. A START or DROP is taken past the capacity:
 *          each follows a slot that delivery has given.
 */
#ifndef ESCALATED_HANDOFF_OUTBOX_H
#define ESCALATED_HANDOFF_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "policies/row.h"

/* Offers that may be open with delivery at once, for a channel and for one host behind it; more
 * wait in the store. */
#define OUTBOX_CREDITS_PER_CHANNEL 1024
#define OUTBOX_CREDITS_PER_LANE 256

enum order_kind { ORDER_OFFER, ORDER_START, ORDER_DROP };

struct order {
    enum order_kind kind;
    uint64_t notification;
    int64_t attempt;          /* START: its number, from 1; OFFER: attempts made so far */
    int64_t due_at_ms;        /* engine time, for lateness */
    int64_t deadline_mono_ms; /* START: no first byte after this (boot clock) */
    bool rendered;            /* OFFER: the body is stored already, only a slot is needed */
    int64_t expires_at_ms;
    int64_t token_expires_at_ms;
    uint64_t incident;
    enum notification_kind notification_kind;
    enum severity severity;
    const char *channel;
    const char *contact;
    const char *address;
    const char *key;
    const char *snapshot; /* OFFER, not rendered: JSON */
    const char *details;  /* OFFER, not rendered: the alert's details, JSON object text or "" */
    const char *links;
    const void *body; /* START */
    size_t body_count;
    const char *content_type;
    const char *subject;
};

struct outbox;

int outbox_create(size_t capacity, struct outbox **out_outbox, struct err *err);
void outbox_destroy(struct outbox *outbox);

/* A deep copy of `order` in one heap block (absent texts become ""); the engine keeps its own. After
 * the stop it is dropped: the store still knows the notification. */
void outbox_put(struct outbox *outbox, const struct order *order);
size_t outbox_take(struct outbox *outbox, struct order **out_orders, size_t max,
                   int64_t timeout_ms);
void order_free(struct order *order);

void outbox_stop(struct outbox *outbox);
bool outbox_is_stopped(const struct outbox *outbox);
size_t outbox_count(const struct outbox *outbox);

/* The consumer also waits for results of channels: an eventfd-free nudge that makes outbox_take
 * return early. */
void outbox_nudge(struct outbox *outbox);

#endif

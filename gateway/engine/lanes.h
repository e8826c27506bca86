/*
 * lanes - where due notifications wait for delivery: one queue for each channel and host behind it.
 *
 * Shape:   notification -> lanes_find (its lane, once) -> ready heap -> offers, as many as the lane
 *          and its channel have credits for.
 * Units:   *_ms engine time.
 * Owns:    the lanes, until lanes_clear; they outlive a reload of the world, as the offers do.
 * Threads: one at a time.
 * Limits:  LANES_PER_CHANNEL_MAX hosts have a lane of their own; those that come later, and
 *          addresses that are no URL, share the channel's first one. Credits: handoff/outbox.h. A
 *          lane that was told "not now" LANE_REFUSALS_MAX times within LANE_PAUSE_MS makes no more
 *          offers until that time is over: a long queue in front of a dead host is not worked
 *          through again and again.
 */
#ifndef ESCALATED_ENGINE_LANES_H
#define ESCALATED_ENGINE_LANES_H

#include "gateway/engine/heap.h"
#include "gateway/engine/table.h"

#include <stdbool.h>

#define LANES_PER_CHANNEL_MAX 64
#define LANE_REFUSALS_MAX 32
#define LANE_PAUSE_MS 500

struct lane_channel {
    char *name;
    uint32_t lane_count;
    uint32_t offer_count; /* unanswered, over all its lanes */
    struct lane *shared_lane;
};

struct lane {
    uint32_t number;
    struct lane_channel *channel;
    char *host;        /* "" for the shared one */
    struct heap ready; /* due, without an offer; most severe, then longest due, first */
    uint32_t offer_count;
    uint32_t refusal_count; /* since pause_end_ms was set */
    int64_t pause_end_ms;
};

struct lanes {
    struct lane **items;
    size_t count;
    size_t capacity;
    struct table by_name;
    struct lane_channel **channels;
    size_t channel_count;
};

void lanes_clear(struct lanes *lanes);
void lanes_forget_ready(struct lanes *lanes); /* the world is read anew */

/* Made when it is not there. */
struct lane *lanes_find(struct lanes *lanes, const char *channel, const char *address);

/* How many more may be offered now. */
size_t lane_room(const struct lane *lane, int64_t now_ms);
/* When it has something to offer and may: now_ms for at once, INT64_MAX for not until an answer. */
int64_t lane_next_ms(const struct lane *lane, int64_t now_ms);

void lane_note_offer(struct lane *lane);
void lane_note_answer(struct lane *lane, bool refused, int64_t now_ms);

#endif

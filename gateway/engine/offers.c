#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/engine_state.h"

enum { STORE_RETRY_MS = 1000, SEVERITY_SHIFT = 56 };

struct channel_queue *offers_queue(struct engine *engine, const char *channel, size_t *out_index)
{
    for (size_t i = 0; i < engine->queue_count; i++) {
        if (text_equal(engine->queues[i]->name, channel)) {
            *out_index = i;
            return engine->queues[i];
        }
    }
    engine->queues =
        heap_realloc(engine->queues, (engine->queue_count + 1) * sizeof(struct channel_queue *));
    struct channel_queue *queue = heap_alloc(sizeof(*queue));
    queue->name = heap_strdup(channel);
    *out_index = engine->queue_count;
    engine->queues[engine->queue_count++] = queue;
    return queue;
}

void offers_ready(struct engine *engine, struct notification *notification)
{
    size_t index = 0;
    struct channel_queue *queue = offers_queue(engine, notification->channel, &index);
    int64_t rank = SEVERITY_COUNT - 1 - (int64_t)notification->severity;
    heap_push(&queue->ready, (struct heap_entry){.key = rank * (INT64_C(1) << SEVERITY_SHIFT) +
                                                        notification->due_at_ms,
                                                 .id = notification->id,
                                                 .mark = notification->queue_mark});
}

const struct offer *offers_entry(const struct engine *engine, uint64_t notification)
{
    for (size_t i = 0; i < engine->offer_count; i++) {
        if (engine->offers[i].id == notification)
            return &engine->offers[i];
    }
    return NULL;
}

bool offers_is_open(const struct engine *engine, uint64_t notification)
{
    return offers_entry(engine, notification) != NULL;
}

const struct claim *offers_claim(const struct engine *engine, uint64_t notification)
{
    for (size_t i = 0; i < engine->claim_count; i++) {
        if (engine->claims[i].id == notification)
            return &engine->claims[i];
    }
    return NULL;
}

static void add_offer(struct engine *engine, const struct notification_row *row, size_t queue)
{
    size_t key_bytes = strlen(row->key) + 1;
    size_t address_bytes = strlen(row->address) + 1;
    if (engine->offer_count == engine->offer_capacity) {
        engine->offer_capacity = engine->offer_capacity == 0 ? 64 : engine->offer_capacity * 2;
        engine->offers =
            heap_realloc(engine->offers, engine->offer_capacity * sizeof(*engine->offers));
    }
    char *key = heap_alloc(key_bytes + address_bytes);
    memcpy(key, row->key, key_bytes);
    memcpy(key + key_bytes, row->address, address_bytes);
    engine->offers[engine->offer_count++] =
        (struct offer){.id = row->id, .queue = queue, .key = key, .address = key + key_bytes};
    engine->queues[queue]->offer_count++;
}

static void end_offer(struct engine *engine, uint64_t id)
{
    for (size_t i = 0; i < engine->offer_count; i++) {
        if (engine->offers[i].id != id)
            continue;
        struct channel_queue *queue = engine->queues[engine->offers[i].queue];
        ASSERT(queue->offer_count > 0);
        queue->offer_count--;
        free(engine->offers[i].key);
        engine->offers[i] = engine->offers[--engine->offer_count];
        return;
    }
}

static void start_claim(struct engine *engine, const struct after *after)
{
    if (engine->claim_count == engine->claim_capacity) {
        engine->claim_capacity = engine->claim_capacity == 0 ? 64 : engine->claim_capacity * 2;
        engine->claims =
            heap_realloc(engine->claims, engine->claim_capacity * sizeof(*engine->claims));
    }
    engine->claims[engine->claim_count++] = (struct claim){
        .id = after->id, .attempt = after->attempt, .deadline_ms = after->deadline_ms};
    heap_push(&engine->timers, (struct heap_entry){.key = after->deadline_ms,
                                                   .id = after->id,
                                                   .mark = (uint32_t)after->attempt,
                                                   .kind = TIMER_CLAIM});
}

static void end_claim(struct engine *engine, const struct after *after)
{
    for (size_t i = 0; i < engine->claim_count; i++) {
        if (engine->claims[i].id == after->id && engine->claims[i].attempt == after->attempt) {
            engine->claims[i] = engine->claims[--engine->claim_count];
            return;
        }
    }
}

void offers_settle(struct engine *engine)
{
    for (size_t i = 0; i < engine->batch.after_count; i++) {
        const struct after *after = &engine->batch.afters[i];
        switch (after->kind) {
        case AFTER_OFFER_END:
            end_offer(engine, after->id);
            break;
        case AFTER_CLAIM_START:
            start_claim(engine, after);
            break;
        case AFTER_CLAIM_END:
            end_claim(engine, after);
            break;
        }
    }
}

/* Details and links for a row made in this batch, when its incident's alert was written in it too.
 */
static bool details_at_hand(const struct engine *engine, const struct notification *n,
                            const char **out_details, const char **out_links)
{
    const struct alert *alert = n->incident != NULL ? n->incident->alerts : NULL;
    while (alert != NULL && !alert->firing)
        alert = alert->next;
    if (alert == NULL || alert->batch_slot == 0 ||
        !engine->batch.alerts[alert->batch_slot - 1].written)
        return false;
    *out_details = engine->batch.alerts[alert->batch_slot - 1].details;
    *out_links = engine->batch.alerts[alert->batch_slot - 1].links;
    return true;
}

static int read_row(struct engine *engine, const struct notification *n,
                    struct notification_row *out_row, const char **out_details,
                    const char **out_links)
{
    const struct batch *batch = &engine->batch;
    if (n->id >= batch->first_notification &&
        n->id < batch->first_notification + batch->notification_count &&
        details_at_hand(engine, n, out_details, out_links)) {
        *out_row = *batch->notifications[n->id - batch->first_notification];
        return 0;
    }
    struct err err;
    const struct store *store = engine->options.store;
    return store->ops->notification(store->self, n->id, &engine->arena, out_row, out_details,
                                    out_links, &err);
}

static bool make_offer(struct engine *engine, struct notification *n, size_t queue)
{
    struct notification_row row;
    const char *details = "";
    const char *links = "";
    if (read_row(engine, n, &row, &details, &links) != 0)
        return false;
    struct order *order = batch_order(engine, ORDER_OFFER, n->id);
    order->attempt = n->attempt_count;
    order->due_at_ms = n->due_at_ms;
    order->rendered = n->attempt_count > 0;
    order->expires_at_ms = attempts_expiry_ms(engine, n);
    order->token_expires_at_ms = row.token_expires_at_ms;
    order->incident = row.incident;
    order->notification_kind = (enum notification_kind)n->kind;
    order->severity = (enum severity)n->severity;
    order->channel = row.channel;
    order->contact = row.contact;
    order->address = row.address;
    order->key = row.key;
    order->snapshot = order->rendered ? "" : row.snapshot;
    order->details = order->rendered ? "" : details;
    order->links = order->rendered ? "" : links;
    n->offered = true;
    add_offer(engine, &row, queue);
    return true;
}

static void offer_queue(struct engine *engine, size_t index)
{
    struct channel_queue *queue = engine->queues[index];
    while (queue->offer_count < OUTBOX_CREDITS_PER_CHANNEL && queue->ready.count > 0) {
        struct heap_entry entry = *heap_top(&queue->ready);
        struct notification *n = world_notification(&engine->world, entry.id);
        bool stands = n != NULL && n->queue_mark == entry.mark &&
                      n->state == NOTIFICATION_PENDING && !n->offered &&
                      attempts_expiry_ms(engine, n) > engine->now_ms;
        if (stands && !make_offer(engine, n, index)) {
            /* The store did not answer: the entry stays where it is. */
            engine->store_retry_at_ms = engine->now_ms + STORE_RETRY_MS;
            return;
        }
        (void)heap_pop(&queue->ready);
    }
}

void offers_make(struct engine *engine)
{
    if (engine->now_ms < engine->store_retry_at_ms)
        return;
    for (size_t i = 0; i < engine->queue_count; i++)
        offer_queue(engine, i);
}

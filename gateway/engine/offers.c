#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/digests.h"

enum { STORE_RETRY_MS = 1000, SEVERITY_SHIFT = 56 };

void offers_ready(struct engine *engine, struct notification *notification)
{
    struct lane *lane = engine->lanes.items[notification->lane];
    int64_t rank = SEVERITY_COUNT - 1 - (int64_t)notification->severity;
    /* One that was refused goes behind its equals, so that all of a lane get their turn. */
    int64_t since_ms = notification->refused ? engine->now_ms : notification->due_at_ms;
    heap_push(&lane->ready,
              (struct heap_entry){.key = rank * (INT64_C(1) << SEVERITY_SHIFT) + since_ms,
                                  .id = notification->id,
                                  .mark = notification->queue_mark});
}

const struct offer *offers_entry(const struct engine *engine, uint64_t notification)
{
    struct table_walk walk;
    const struct offer *offer =
        table_first(&engine->offers, table_hash_number(notification), &walk);
    while (offer != NULL && offer->id != notification)
        offer = table_next(&engine->offers, &walk);
    return offer;
}

bool offers_is_open(const struct engine *engine, uint64_t notification)
{
    return offers_entry(engine, notification) != NULL;
}

static struct claim *find_claim(const struct engine *engine, uint64_t notification, int64_t attempt)
{
    struct table_walk walk;
    struct claim *claim = table_first(&engine->claims, table_hash_number(notification), &walk);
    while (claim != NULL && (claim->id != notification || claim->attempt != attempt))
        claim = table_next(&engine->claims, &walk);
    return claim;
}

const struct claim *offers_claim(const struct engine *engine, uint64_t notification,
                                 int64_t attempt)
{
    return find_claim(engine, notification, attempt);
}

static void add_offer(struct engine *engine, const struct notification_row *row, struct lane *lane)
{
    size_t key_bytes = strlen(row->key) + 1;
    size_t address_bytes = strlen(row->address) + 1;
    struct offer *offer = heap_alloc(sizeof(*offer) + key_bytes + address_bytes);
    char *texts = (char *)(offer + 1);
    memcpy(texts, row->key, key_bytes);
    memcpy(texts + key_bytes, row->address, address_bytes);
    *offer =
        (struct offer){.id = row->id, .lane = lane, .key = texts, .address = texts + key_bytes};
    table_add(&engine->offers, table_hash_number(row->id), offer);
}

static void end_offer(struct engine *engine, uint64_t id, bool refused)
{
    struct table_walk walk;
    uint64_t hash = table_hash_number(id);
    struct offer *offer = table_first(&engine->offers, hash, &walk);
    while (offer != NULL && offer->id != id)
        offer = table_next(&engine->offers, &walk);
    if (offer == NULL)
        return;
    lane_note_answer(offer->lane, refused, engine->now_ms);
    table_remove(&engine->offers, hash, offer);
    free(offer);
}

static void start_claim(struct engine *engine, const struct after *after)
{
    struct claim *claim = heap_alloc(sizeof(*claim));
    *claim = (struct claim){
        .id = after->id, .attempt = after->attempt, .deadline_ms = after->deadline_ms};
    table_add(&engine->claims, table_hash_number(after->id), claim);
    heap_push(&engine->timers, (struct heap_entry){.key = after->deadline_ms,
                                                   .id = after->id,
                                                   .mark = (uint32_t)after->attempt,
                                                   .kind = TIMER_CLAIM});
}

static void end_claim(struct engine *engine, const struct after *after)
{
    struct claim *claim = find_claim(engine, after->id, after->attempt);
    if (claim == NULL)
        return;
    table_remove(&engine->claims, table_hash_number(claim->id), claim);
    free(claim);
}

void offers_settle(struct engine *engine)
{
    for (size_t i = 0; i < engine->batch.after_count; i++) {
        const struct after *after = &engine->batch.afters[i];
        switch (after->kind) {
        case AFTER_OFFER_END:
        case AFTER_OFFER_REFUSED:
            end_offer(engine, after->id, after->kind == AFTER_OFFER_REFUSED);
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

static void free_items(struct table *table)
{
    size_t slot = 0;
    for (void *item = table_each(table, &slot); item != NULL; item = table_each(table, &slot))
        free(item);
    table_clear(table);
}

void offers_clear(struct engine *engine)
{
    free_items(&engine->offers);
    free_items(&engine->claims);
    lanes_clear(&engine->lanes);
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

/* One that is about to be offered, with its place in the lane should the store not answer. */
struct pick {
    struct notification *notification;
    struct heap_entry entry;
    struct lane *lane;
};

struct picks {
    struct pick *items;
    size_t count;
    size_t capacity;
};

enum { READ_MAX = 64 };

static bool at_hand(const struct engine *engine, const struct notification *n,
                    struct stored_notification *out_item)
{
    const struct batch *batch = &engine->batch;
    bool is_new = n->id >= batch->first_notification &&
                  n->id < batch->first_notification + batch->notification_count;
    if (!is_new || !details_at_hand(engine, n, &out_item->details, &out_item->links))
        return false;
    out_item->row = *batch->notifications[n->id - batch->first_notification];
    out_item->found = true;
    return true;
}

/* What this batch has not made itself is read in one go. */
static int read_rows(struct engine *engine, const struct pick *picks, size_t count,
                     struct stored_notification *out_items)
{
    const struct store *store = engine->options.store;
    struct stored_notification stored[READ_MAX];
    uint64_t ids[READ_MAX];
    size_t places[READ_MAX];
    size_t missing = 0;
    struct err err;
    for (size_t i = 0; i < count; i++) {
        if (at_hand(engine, picks[i].notification, &out_items[i]))
            continue;
        ids[missing] = picks[i].notification->id;
        places[missing++] = i;
    }
    if (missing > 0 &&
        store->ops->notifications(store->self, ids, missing, &engine->arena, stored, &err) != 0)
        return -1;
    for (size_t i = 0; i < missing; i++) {
        if (!stored[i].found)
            return -1;
        out_items[places[i]] = stored[i];
    }
    return 0;
}

static void make_offer(struct engine *engine, struct notification *n,
                       const struct stored_notification *item, struct lane *lane)
{
    const struct notification_row *row = &item->row;
    struct order *order = batch_order(engine, ORDER_OFFER, n->id);
    order->attempt = n->attempt_count;
    order->due_at_ms = n->due_at_ms;
    order->rendered = n->attempt_count > 0;
    order->expires_at_ms = attempts_expiry_ms(engine, n);
    order->token_expires_at_ms = row->token_expires_at_ms;
    order->incident = row->incident;
    order->notification_kind = (enum notification_kind)n->kind;
    order->severity = (enum severity)n->severity;
    order->channel = row->channel;
    order->contact = row->contact;
    order->address = row->address;
    order->key = row->key;
    order->snapshot = order->rendered          ? ""
                      : n->kind == KIND_DIGEST ? digests_snapshot(engine, n)
                                               : row->snapshot;
    order->details = order->rendered ? "" : item->details;
    order->links = order->rendered ? "" : item->links;
    n->offered = true;
    add_offer(engine, row, lane);
}

/* The next ones of a lane, at most as many as may be offered; entries that no longer stand are
 * dropped on the way. */
static void pick(struct engine *engine, struct lane *lane, struct picks *picks)
{
    size_t room = lane_room(lane, engine->now_ms);
    while (room > 0 && lane->ready.count > 0) {
        struct heap_entry entry = heap_pop(&lane->ready);
        struct notification *n = world_notification(&engine->world, entry.id);
        bool stands = n != NULL && n->queue_mark == entry.mark &&
                      n->state == NOTIFICATION_PENDING && !n->offered &&
                      attempts_expiry_ms(engine, n) > engine->now_ms;
        if (!stands)
            continue;
        picks->items = batch_grow(&engine->arena, picks->items, picks->count, &picks->capacity,
                                  sizeof(struct pick));
        picks->items[picks->count++] =
            (struct pick){.notification = n, .entry = entry, .lane = lane};
        lane_note_offer(lane);
        room--;
    }
}

static int compare_picks(const void *a, const void *b)
{
    const struct pick *left = a;
    const struct pick *right = b;
    if (left->entry.key != right->entry.key)
        return left->entry.key < right->entry.key ? -1 : 1;
    return (left->entry.id > right->entry.id) - (left->entry.id < right->entry.id);
}

/* The store did not answer: the entries go back to where they were. */
static void put_back(struct engine *engine, const struct pick *picks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lane_note_answer(picks[i].lane, false, engine->now_ms);
        heap_push(&picks[i].lane->ready, picks[i].entry);
    }
    engine->store_retry_at_ms = engine->now_ms + STORE_RETRY_MS;
}

/* Over all lanes the most severe, then the longest due goes first, whichever lane was made first.
 */
void offers_make(struct engine *engine)
{
    struct stored_notification items[READ_MAX];
    struct picks picks = {.items = NULL};
    if (engine->now_ms < engine->store_retry_at_ms)
        return;
    for (size_t i = 0; i < engine->lanes.count; i++)
        pick(engine, engine->lanes.items[i], &picks);
    if (picks.count > 0)
        qsort(picks.items, picks.count, sizeof(struct pick), compare_picks);
    for (size_t done = 0; done < picks.count;) {
        const struct pick *some = &picks.items[done];
        size_t count = picks.count - done < READ_MAX ? picks.count - done : READ_MAX;
        if (read_rows(engine, some, count, items) != 0) {
            put_back(engine, some, picks.count - done);
            return;
        }
        for (size_t i = 0; i < count; i++)
            make_offer(engine, some[i].notification, &items[i], some[i].lane);
        done += count;
    }
}

int64_t offers_next_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < engine->lanes.count; i++) {
        int64_t lane_ms = lane_next_ms(engine->lanes.items[i], engine->now_ms);
        next_ms = lane_ms < next_ms ? lane_ms : next_ms;
    }
    return next_ms < engine->store_retry_at_ms ? engine->store_retry_at_ms : next_ms;
}

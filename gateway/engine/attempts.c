#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/digests.h"
#include "gateway/system/digest.h"
#include "policies/message.h"
#include "policies/reach.h"
#include "policies/suppression.h"

/* Where the store has lost what it had, or delivery asks for what was never offered. */
enum { STRANGE_RETRY_MS = 1000 };

int64_t attempts_expiry_ms(const struct engine *engine, const struct notification *notification)
{
    int64_t horizon_ms = notification->expires_at_ms - notification->due_at_ms;
    int64_t fair_ms = engine->started_at_ms + horizon_ms;
    return fair_ms > notification->expires_at_ms ? fair_ms : notification->expires_at_ms;
}

/* Its expiry has one timer for good, however often it waits in between: thousands of refusals must not leave thousands of
 * timers behind. */
static void look_again(struct engine *engine, const struct notification *notification,
                       int64_t at_ms)
{
    if (at_ms < attempts_expiry_ms(engine, notification))
        heap_push(&engine->timers, (struct heap_entry){.key = at_ms,
                                                       .id = notification->id,
                                                       .mark = notification->queue_mark,
                                                       .kind = TIMER_NOTIFICATION});
}

void attempts_queue(struct engine *engine, struct notification *notification)
{
    notification->queue_mark++;
    if (notification->state != NOTIFICATION_PENDING || notification->digest != 0)
        return;
    int64_t expiry_ms = attempts_expiry_ms(engine, notification);
    if (!notification->expiry_timed)
        heap_push(
            &engine->timers,
            (struct heap_entry){.key = expiry_ms, .id = notification->id, .kind = TIMER_EXPIRY});
    notification->expiry_timed = true;
    if (notification->next_at_ms > engine->now_ms)
        look_again(engine, notification, notification->next_at_ms);
    else if (!digests_gate(engine, notification) && !notification->offered)
        offers_ready(engine, notification);
}

struct notification *attempts_insert(struct engine *engine, struct incident *incident_or_null,
                                     struct notification_row *row)
{
    struct batch *batch = &engine->batch;
    row->id = engine->meta.next_notification++;
    batch->notifications =
        batch_grow(&engine->arena, batch->notifications, batch->notification_count,
                   &batch->notification_capacity, sizeof(*batch->notifications));
    batch->notifications[batch->notification_count++] = row;
    effects_add(&batch->tail, (struct effect){.kind = EFFECT_NOTIFICATION, .u.notification = row});
    struct notification *n = world_add_notification(&engine->world, incident_or_null, row);
    n->lane = lanes_find(&engine->lanes, row->channel, row->address)->number;
    return n;
}

static struct notification_row *make_row(struct engine *engine, const struct incident *incident,
                                         const struct message *message)
{
    struct notification_row *row = arena_alloc(&engine->arena, sizeof(*row));
    char key[NOTIFICATION_KEY_BYTES];
    if (incident->number != 0)
        message_key(incident, message, key);
    else /* of no incident: its own number is all there is, and it is never given twice */
        (void)snprintf(key, sizeof(key), "own_%llu",
                       (unsigned long long)engine->meta.next_notification);
    message_write(incident, message, &engine->moment, &engine->scratch);
    *row = (struct notification_row){
        .incident = incident->number,
        .kind = message->kind,
        .climb = message->climb,
        .step = message->step,
        .repetition = message->repetition,
        .contact = message->contact,
        .channel = message->channel,
        .address = message->address,
        .key = arena_strdup(&engine->arena, key),
        .severity = (enum severity)incident->severity,
        .state = NOTIFICATION_PENDING,
        .reason = "",
        .created_at_ms = engine->now_ms,
        .due_at_ms = message->due_at_ms,
        .next_at_ms = message->due_at_ms,
        .expires_at_ms =
            message->due_at_ms + rulebook_channel_rule(engine->book, message->channel).horizon_ms,
        .token_expires_at_ms = engine->now_ms + ENGINE_TOKEN_LIFE_MS,
        .provider_id = "",
        .snapshot =
            arena_strndup(&engine->arena, strbuf_text(&engine->scratch), engine->scratch.length),
        .body_hash = "",
        .content_type = "",
        .subject = "",
        .deferred = message->deferred,
    };
    return row;
}

void attempts_send(struct engine *engine, struct incident *incident, const struct message *message)
{
    attempts_queue(engine, attempts_insert(engine, incident, make_row(engine, incident, message)));
}

void attempts_send_closed(struct engine *engine, const struct incident *closed,
                          const struct message *message)
{
    attempts_queue(engine, attempts_insert(engine, NULL, make_row(engine, closed, message)));
}

static bool is_over(const struct notification *n)
{
    return n->state != NOTIFICATION_PENDING && n->state != NOTIFICATION_CLAIMED;
}

struct outcome_row *attempts_change(struct engine *engine, struct notification *n,
                                    enum notification_state state, const char *reason)
{
    struct outcome_row *row = arena_alloc(&engine->arena, sizeof(*row));
    world_set_state(&engine->world, n, state);
    *row = (struct outcome_row){.notification = n->id,
                                .state = state,
                                .reason = reason,
                                .at_ms = engine->now_ms,
                                .next_at_ms = n->next_at_ms,
                                .outcome = OUTCOME_UNKNOWN,
                                .detail = "",
                                .provider_id = "",
                                .digest = n->digest,
                                .admitted = n->admitted};
    effects_add(&engine->batch.tail, (struct effect){.kind = EFFECT_OUTCOME, .u.outcome = row});
    attempts_queue(engine, n);
    if (n->kind == KIND_DIGEST)
        digests_follow(engine, n, state, reason);
    else if (n->digest != 0 && is_over(n))
        digests_leave(engine, n);
    return row;
}

/* What follows from an end: a resolved incident may now be forgotten, an orphaned notification
 * leaves the world. */
void attempts_note_end(struct engine *engine, struct notification *n)
{
    struct batch *batch = &engine->batch;
    if (!is_over(n))
        return;
    if (n->incident != NULL) {
        if (n->incident->state == INCIDENT_RESOLVED)
            engine_set_timer(engine, n->incident);
        return;
    }
    batch->ended = batch_grow(&engine->arena, batch->ended, batch->ended_count,
                              &batch->ended_capacity, sizeof(*batch->ended));
    batch->ended[batch->ended_count++] = n;
}

void attempts_end(struct engine *engine, struct notification *notification,
                  enum notification_state state, const char *reason)
{
    ASSERT(notification->state == NOTIFICATION_PENDING);
    (void)attempts_change(engine, notification, state, reason);
    attempts_note_end(engine, notification);
}

void attempts_hasten(struct engine *engine, struct notification *notification, int64_t at_ms,
                     const char *reason)
{
    ASSERT(notification->state == NOTIFICATION_PENDING && at_ms >= engine->now_ms);
    notification->next_at_ms = at_ms;
    (void)attempts_change(engine, notification, NOTIFICATION_PENDING, reason);
}

/* The incident hears that a message ended without being taken: rule 6 decides what follows. */
void attempts_tell_failed(struct engine *engine, struct notification *n, const char *reason)
{
    struct incident *incident = n->incident;
    if (incident == NULL)
        return;
    const char *text =
        arena_printf(&engine->arena, "%s to %s by %s did not go through: %s",
                     notification_kind_name((enum notification_kind)n->kind), n->contact,
                     n->channel, reason[0] != '\0' ? reason : "no reason given");
    batch_note(
        engine, incident->number,
        &(struct note){
            .kind = "not-sent", .actor = "engine", .credential = "", .text = text, .data = ""});
    engine_move(
        engine, incident,
        &(struct move){
            .kind = MOVE_FAILED, .actor = "engine", .credential = "", .by = "", .notification = n});
}

void attempts_tell_accepted(struct engine *engine, struct notification *n)
{
    if (n->incident == NULL || n->kind != KIND_PAGE)
        return;
    engine_move(engine, n->incident,
                &(struct move){.kind = MOVE_ACCEPTED,
                               .actor = "engine",
                               .credential = "",
                               .by = "",
                               .notification = n});
}

void attempts_end_as_failed(struct engine *engine, struct notification *n,
                            enum notification_state state, const char *reason)
{
    attempts_end(engine, n, state, reason);
    attempts_tell_failed(engine, n, reason);
}

/* Nothing is claimed that the incident's state has made pointless: no page after an ack, no
 * reminder after its end. */
bool attempts_is_wanted(const struct notification *n)
{
    const struct incident *incident = n->incident;
    if (incident != NULL && talks_own(incident->later->talks, n))
        return talks_want(incident->later->talks, n);
    if (n->kind != KIND_PAGE && n->kind != KIND_REMINDER)
        return true;
    if (incident == NULL || (n->kind == KIND_PAGE && suppression_holds(incident)))
        return false;
    if (n->kind == KIND_REMINDER)
        return incident->state == INCIDENT_ACKNOWLEDGED;
    if (incident->state == INCIDENT_TRIGGERED)
        return true;
    /* The page to the owner about a higher severity: all others ended with the acknowledgement. */
    return incident->state == INCIDENT_ACKNOWLEDGED &&
           incident->later->ladder.answer_until_ms != 0 && n->repetition > 0;
}

/* Pages of one incident start in the order of its steps: what an upper step has not started by now
 * will not start. */
void attempts_cancel_overtaken(struct engine *engine, const struct notification *claimed)
{
    if (claimed->kind != KIND_PAGE || claimed->repetition > 0 || claimed->incident == NULL)
        return;
    for (struct notification *n = claimed->incident->notifications;
         n != NULL && n->id < claimed->id; n = n->next) {
        bool other_run = n->climb != claimed->climb || !text_equal(n->step, claimed->step);
        if (n->kind == KIND_PAGE && n->repetition == 0 && other_run &&
            n->state == NOTIFICATION_PENDING && n->attempt_count == 0)
            attempts_end(engine, n, NOTIFICATION_CANCELLED, "overtaken by a later step");
    }
}

struct body {
    const void *bytes;
    size_t count;
    const char *content_type;
    const char *subject;
};

/* The first attempt's bytes come from the renderer, all later ones from the store. */
static int find_body(struct engine *engine, const struct notification *n,
                     const struct prepared *prepared, struct body *out_body)
{
    struct stored_notification stored;
    if (n->attempt_count == 0) {
        *out_body = (struct body){.bytes = prepared->body,
                                  .count = prepared->body_count,
                                  .content_type = prepared->content_type,
                                  .subject = prepared->subject};
        return prepared->body != NULL ? 0 : -1;
    }
    if (store_notification(engine->options.store, n->id, &engine->arena, &stored, NULL) != 0)
        return -1;
    *out_body = (struct body){.bytes = stored.row.body,
                              .count = stored.row.body_count,
                              .content_type = stored.row.content_type,
                              .subject = stored.row.subject};
    return out_body->bytes != NULL ? 0 : -1;
}

static const char *text_or_empty(const char *text_or_null)
{
    return text_or_null != NULL ? text_or_null : "";
}

static void order_start(struct engine *engine, const struct notification *n,
                        const struct body *body, int64_t deadline_mono_ms)
{
    struct order *order = batch_order(engine, ORDER_START, n->id);
    order->attempt = n->attempt_count;
    order->due_at_ms = n->due_at_ms;
    order->deadline_mono_ms = deadline_mono_ms;
    order->rendered = true;
    order->expires_at_ms = attempts_expiry_ms(engine, n);
    order->incident = n->incident != NULL ? n->incident->number : 0;
    order->notification_kind = (enum notification_kind)n->kind;
    order->severity = (enum severity)n->severity;
    order->channel = n->channel;
    order->contact = n->contact;
    const struct offer *offer = offers_entry(engine, n->id);
    ASSERT(offer != NULL);
    order->key = arena_strdup(&engine->arena, offer->key);
    order->address = arena_strdup(&engine->arena, offer->address);
    order->body = body->bytes;
    order->body_count = body->count;
    order->content_type = text_or_empty(body->content_type);
    order->subject = text_or_empty(body->subject);
}

/* Where a lease is held, an attempt starts within it or not at all: a node that was paused past its lease starts nothing. */
static int64_t claim_start_ms(const struct engine *engine)
{
    int64_t most_ms = engine->options.claim_start_max_ms;
    return most_ms > 0 && most_ms < ENGINE_CLAIM_START_MS ? most_ms : ENGINE_CLAIM_START_MS;
}

static void claim(struct engine *engine, struct notification *n, const struct body *body)
{
    struct claim_row *row = arena_alloc(&engine->arena, sizeof(*row));
    char hash[DIGEST_HEX_BYTES];
    bool first = n->attempt_count == 0;
    n->attempt_count++;
    n->offered = false;
    *row = (struct claim_row){
        .notification = n->id,
        .attempt = n->attempt_count,
        .at_ms = engine->now_ms,
        .deadline_mono_ms = engine->mono_ms + claim_start_ms(engine),
        .boot_id = engine->options.boot_id,
        .body = first ? body->bytes : NULL,
        .body_count = first ? body->count : 0,
        .body_hash =
            first ? arena_strdup(&engine->arena, digest_sha256_hex(body->bytes, body->count, hash))
                  : "",
        .content_type = first ? text_or_empty(body->content_type) : "",
        .subject = first ? text_or_empty(body->subject) : "",
    };
    world_set_state(&engine->world, n, NOTIFICATION_CLAIMED);
    n->queue_mark++;
    effects_add(&engine->batch.tail, (struct effect){.kind = EFFECT_CLAIM, .u.claim = row});
    batch_after(engine, (struct after){.kind = AFTER_CLAIM_START,
                                       .id = n->id,
                                       .attempt = row->attempt,
                                       .deadline_ms = engine->now_ms + ENGINE_CLAIM_SILENT_MS});
    attempts_cancel_overtaken(engine, n);
    if (n->kind == KIND_DIGEST)
        digests_claim(engine, n);
    order_start(engine, n, body, row->deadline_mono_ms);
}

/* Not now: delivery is asked again at the time it named, which nothing but memory needs to know. */
static void defer(struct engine *engine, struct notification *n, int64_t retry_at_ms)
{
    n->queue_mark++;
    if (retry_at_ms <= engine->now_ms)
        retry_at_ms = engine->now_ms + 1;
    look_again(engine, n, retry_at_ms);
}

static void start_or_drop(struct engine *engine, struct notification *n_or_null,
                          const struct prepared *prepared)
{
    struct body body = {0};
    struct notification *n = n_or_null;
    bool says_so_still = n == NULL || n->kind != KIND_DIGEST || digests_is_current(engine, n);
    bool stands = n != NULL && n->state == NOTIFICATION_PENDING && attempts_is_wanted(n) &&
                  says_so_still && offers_is_open(engine, n->id);
    if (stands && attempts_expiry_ms(engine, n) > engine->now_ms &&
        n->next_at_ms <= engine->now_ms && find_body(engine, n, prepared, &body) == 0) {
        claim(engine, n, &body);
        return;
    }
    (void)batch_order(engine, ORDER_DROP, prepared->notification);
    if (n == NULL || n->state != NOTIFICATION_PENDING)
        return;
    if (!attempts_is_wanted(n))
        attempts_end(engine, n, NOTIFICATION_CANCELLED, "no longer wanted");
    else if (attempts_expiry_ms(engine, n) <= engine->now_ms)
        attempts_end_as_failed(engine, n, NOTIFICATION_EXPIRED, "its time was over");
    else
        defer(engine, n,
              n->next_at_ms > engine->now_ms ? n->next_at_ms
              : says_so_still                ? engine->now_ms + STRANGE_RETRY_MS
                                             : engine->now_ms);
}

void attempts_prepared(struct engine *engine, const struct input *input)
{
    const struct prepared *prepared = &input->u.prepared;
    struct notification *n = world_notification(&engine->world, prepared->notification);
    bool refused = !prepared->ready && !prepared->failed;
    batch_after(engine, (struct after){.kind = refused ? AFTER_OFFER_REFUSED : AFTER_OFFER_END,
                                       .id = prepared->notification});
    if (n != NULL) {
        n->offered = false;
        n->refused = refused;
    }
    if (prepared->ready && !prepared->failed) {
        start_or_drop(engine, n, prepared);
        return;
    }
    if (n == NULL || n->state != NOTIFICATION_PENDING)
        return;
    if (prepared->failed)
        attempts_end_as_failed(engine, n, NOTIFICATION_FAILED, text_or_empty(prepared->reason));
    else
        defer(engine, n, prepared->retry_at_ms);
}

/* Exponential with full jitter; the eight attempts reach over a quarter of an hour, so that a
 * provider that is gone for minutes costs no page. The jitter is a hash, so that a replay of the
 * same inputs decides the same. */
static int64_t backoff_ms(const struct notification *n, int64_t retry_after_ms)
{
    int64_t ceiling_ms = ENGINE_BACKOFF_FIRST_MS;
    for (uint32_t i = 1; i < n->attempt_count && ceiling_ms < ENGINE_BACKOFF_MAX_MS; i++)
        ceiling_ms *= 3;
    if (ceiling_ms > ENGINE_BACKOFF_MAX_MS)
        ceiling_ms = ENGINE_BACKOFF_MAX_MS;
    uint64_t dice = text_hash(n->attempt_count, &n->id, sizeof(n->id));
    int64_t wait_ms = (int64_t)(dice % (uint64_t)(ceiling_ms + 1));
    if (retry_after_ms > ENGINE_RETRY_AFTER_MAX_MS)
        retry_after_ms = ENGINE_RETRY_AFTER_MAX_MS;
    return wait_ms > retry_after_ms ? wait_ms : retry_after_ms;
}

static void complete_outcome(struct outcome_row *row, const struct notification *n,
                             const struct result *result)
{
    row->attempt = n->attempt_count;
    row->outcome = result->outcome;
    row->detail = text_or_empty(result->detail);
    row->provider_id = text_or_empty(result->provider_id);
}

static void try_again(struct engine *engine, struct notification *n, const struct result *result)
{
    const char *reason = text_or_empty(result->reason);
    int64_t next_at_ms = engine->now_ms + backoff_ms(n, result->retry_after_ms);
    enum notification_state state = NOTIFICATION_PENDING;
    int64_t attempts_max = rulebook_channel_rule(engine->book, n->channel).attempts_max;
    if (!attempts_is_wanted(n))
        state = NOTIFICATION_CANCELLED;
    else if (n->attempt_count >= attempts_max)
        state = NOTIFICATION_FAILED;
    else if (next_at_ms >= attempts_expiry_ms(engine, n))
        state = NOTIFICATION_EXPIRED;
    else
        n->next_at_ms = next_at_ms;
    complete_outcome(attempts_change(engine, n, state, reason), n, result);
    attempts_note_end(engine, n);
    if (state == NOTIFICATION_FAILED || state == NOTIFICATION_EXPIRED)
        attempts_tell_failed(engine, n, reason);
}

static void apply_result(struct engine *engine, struct notification *n, const struct result *result)
{
    const char *reason = text_or_empty(result->reason);
    switch (result->outcome) {
    case OUTCOME_ACCEPTED:
        complete_outcome(attempts_change(engine, n, NOTIFICATION_ACCEPTED, reason), n, result);
        attempts_note_end(engine, n);
        attempts_tell_accepted(engine, n);
        break;
    case OUTCOME_TEMPORARY:
    case OUTCOME_UNKNOWN:
        try_again(engine, n, result);
        break;
    case OUTCOME_FAILED:
        complete_outcome(attempts_change(engine, n, NOTIFICATION_FAILED, reason), n, result);
        attempts_note_end(engine, n);
        attempts_tell_failed(engine, n, reason);
        break;
    case OUTCOME_COUNT:
        break;
    }
}

void attempts_result(struct engine *engine, const struct input *input)
{
    const struct result *result = &input->u.result;
    struct notification *n = world_notification(&engine->world, result->notification);
    batch_after(engine, (struct after){.kind = AFTER_CLAIM_END,
                                       .id = result->notification,
                                       .attempt = result->attempt});
    /* A late result of an attempt that was given up says nothing about the current one. */
    if (n == NULL || n->state != NOTIFICATION_CLAIMED || n->attempt_count != result->attempt ||
        result->outcome >= OUTCOME_COUNT)
        return;
    bool taken = result->outcome == OUTCOME_ACCEPTED;
    if (!taken && receipts_prove(engine, n))
        attempts_confirm(engine, n, "");
    else
        apply_result(engine, n, result);
    receipts_settle(engine, n, result);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* What a process before this one has claimed nobody holds any more. */
static bool is_orphan(const struct engine *engine, uint64_t id)
{
    return engine->orphan_count > 0 &&
           bsearch(&id, engine->orphans, engine->orphan_count, sizeof(id), compare_ids) != NULL;
}

void attempts_recall(struct engine *engine, const struct incident *incident)
{
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->state == NOTIFICATION_CLAIMED && n->digest == 0 && !attempts_is_wanted(n) &&
            !is_orphan(engine, n->id))
            (void)batch_order(engine, ORDER_DROP, n->id);
    }
}

static void lose_claim(struct engine *engine, struct notification *n, const char *reason)
{
    struct result lost = {.notification = n->id,
                          .attempt = n->attempt_count,
                          .outcome = OUTCOME_UNKNOWN,
                          .reason = reason,
                          .detail = "the answer to this attempt never came"};
    batch_after(engine,
                (struct after){.kind = AFTER_CLAIM_END, .id = n->id, .attempt = lost.attempt});
    if (receipts_prove(engine, n))
        attempts_confirm(engine, n, "");
    else
        apply_result(engine, n, &lost);
    receipts_settle(engine, n, &lost);
}

void attempts_orphans(struct engine *engine)
{
    for (size_t i = 0; i < engine->orphan_count; i++) {
        struct notification *n = world_notification(&engine->world, engine->orphans[i]);
        if (n != NULL && n->state == NOTIFICATION_CLAIMED)
            lose_claim(engine, n, "restart");
    }
    engine->orphan_count = 0;
}

void attempts_due(struct engine *engine, const struct heap_entry *entry)
{
    struct notification *n = world_notification(&engine->world, entry->id);
    if (n == NULL)
        return;
    if (entry->kind == TIMER_CLAIM) {
        const struct claim *open = offers_claim(engine, n->id, n->attempt_count);
        if (n->state == NOTIFICATION_CLAIMED && open != NULL && n->attempt_count == entry->mark &&
            open->deadline_ms <= engine->now_ms)
            lose_claim(engine, n, "silent");
        return;
    }
    if (n->state != NOTIFICATION_PENDING || n->digest != 0)
        return;
    /* Only its own timer ends it: after a standstill what was due before that runs before it. */
    if (entry->kind == TIMER_EXPIRY)
        attempts_end_as_failed(engine, n, NOTIFICATION_EXPIRED, "its time was over");
    else if (n->queue_mark == entry->mark && attempts_expiry_ms(engine, n) > engine->now_ms)
        attempts_queue(engine, n);
}

void attempts_confirm(struct engine *engine, struct notification *n, const char *provider_id)
{
    const struct result taken = {.notification = n->id,
                                 .attempt = n->attempt_count,
                                 .outcome = OUTCOME_ACCEPTED,
                                 .reason = "receipt",
                                 .detail = "the answer to this attempt was lost; a receipt came",
                                 .provider_id = provider_id};
    ASSERT(n->attempt_count > 0);
    apply_result(engine, n, &taken);
}

void attempts_deliver(struct engine *engine, struct notification *n, bool delivered,
                      const char *reason)
{
    ASSERT(n->state == NOTIFICATION_ACCEPTED);
    (void)attempts_change(engine, n, delivered ? NOTIFICATION_DELIVERED : NOTIFICATION_FAILED,
                          reason);
    if (!delivered)
        attempts_tell_failed(engine, n, reason);
}

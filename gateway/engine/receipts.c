/* What providers tell after they took a message. It may come before the result of its own attempt, or in its place: then it
 * waits as a mark, or stands for the answer that was lost. It only ever leads forwards (invariant I20). */
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/digests.h"

enum { ID_TEXT_MAX = 24 };

/* By rank: what is held gives way only to what says more. */
enum held { HELD_NONE, HELD_UNDERWAY, HELD_FAILED, HELD_DELIVERED };
static const char *const held_words[] = {[HELD_NONE] = "",
                                         [HELD_UNDERWAY] = "underway",
                                         [HELD_FAILED] = "failed",
                                         [HELD_DELIVERED] = "delivered"};

static const char *text_or_empty(const char *text_or_null)
{
    return text_or_null != NULL ? text_or_null : "";
}

static enum held held_of(const struct receipt *receipt)
{
    if (receipt->is_underway)
        return HELD_UNDERWAY;
    return receipt->delivered ? HELD_DELIVERED : HELD_FAILED;
}

static const char *id_text(uint64_t id, char out[ID_TEXT_MAX])
{
    (void)snprintf(out, ID_TEXT_MAX, "%llu", (unsigned long long)id);
    return out;
}

/* "WORD PROVIDER-ID REASON" of the receipt that waits for this notification's result. */
static enum held read_held(const struct engine *engine, const struct notification *n,
                           const char **out_rest)
{
    char name[ID_TEXT_MAX];
    const struct ledger_entry *mark =
        ledger_find(&engine->world.marks, MARK_RECEIPT, id_text(n->id, name));
    *out_rest = "";
    if (mark == NULL)
        return HELD_NONE;
    size_t length = strcspn(mark->value, " ");
    for (int i = HELD_UNDERWAY; i <= HELD_DELIVERED; i++) {
        if (strlen(held_words[i]) == length && strncmp(held_words[i], mark->value, length) == 0) {
            *out_rest = mark->value + length + (mark->value[length] == ' ' ? 1 : 0);
            return (enum held)i;
        }
    }
    return HELD_NONE;
}

static void hold(struct engine *engine, const struct notification *n, const struct receipt *receipt)
{
    char name[ID_TEXT_MAX];
    const char *rest;
    enum held held = held_of(receipt);
    if (read_held(engine, n, &rest) >= held)
        return;
    batch_mark(engine, &(struct mark_row){.kind = MARK_RECEIPT,
                                          .name = id_text(n->id, name),
                                          .value = arena_printf(&engine->arena, "%s %s %s",
                                                                held_words[held],
                                                                text_or_empty(receipt->provider_id),
                                                                text_or_empty(receipt->reason))});
}

bool receipts_prove(const struct engine *engine, const struct notification *n)
{
    const char *rest;
    enum held held = read_held(engine, n, &rest);
    return held == HELD_DELIVERED || held == HELD_UNDERWAY;
}

/* "PROVIDER-ID REASON": a failure is that of the attempt with this id, of any where no id was given. */
static bool is_of(const char *rest, const char *provider_id)
{
    size_t length = strcspn(rest, " ");
    return length == 0 || provider_id[0] == '\0' ||
           (strlen(provider_id) == length && strncmp(rest, provider_id, length) == 0);
}

void receipts_settle(struct engine *engine, struct notification *n, const struct result *result)
{
    char name[ID_TEXT_MAX];
    const char *rest;
    enum held held = read_held(engine, n, &rest);
    if (held == HELD_NONE)
        return;
    rest = arena_strdup(&engine->arena, rest);
    const char *reason = strchr(rest, ' ');
    reason = reason != NULL ? reason + 1 : "";
    batch_mark(engine, &(struct mark_row){
                           .kind = MARK_RECEIPT, .name = id_text(n->id, name), .gone = true});
    if (n->state != NOTIFICATION_ACCEPTED || held == HELD_UNDERWAY)
        return;
    if (held == HELD_DELIVERED || is_of(rest, text_or_empty(result->provider_id)))
        attempts_deliver(engine, n, held == HELD_DELIVERED, reason);
}

/* Has this very batch ended it already? The store does not know yet. */
static bool is_in_batch(const struct engine *engine, uint64_t id)
{
    const struct effects *tail = &engine->batch.tail;
    for (size_t i = 0; i < tail->count; i++) {
        if (tail->items[i].kind == EFFECT_OUTCOME && tail->items[i].u.outcome->notification == id)
            return true;
    }
    return false;
}

/* A receipt for a notification that has left memory still belongs in its row. */
static enum answer_status record(struct engine *engine, uint64_t id, const struct receipt *receipt)
{
    struct stored_notification stored;
    struct err err = {.code = ERR_NONE};
    if (store_notification(engine->options.store, id, &engine->arena, &stored, &err) != 0)
        return err.code == ERR_NOT_FOUND ? ANSWER_UNKNOWN : ANSWER_BUSY;
    if (!text_equal(stored.row.channel, receipt->channel) && receipt->channel[0] != '\0')
        return ANSWER_UNKNOWN;
    if (stored.row.state != NOTIFICATION_ACCEPTED || receipt->is_underway ||
        is_in_batch(engine, id))
        return ANSWER_DONE;
    struct outcome_row *row = arena_alloc(&engine->arena, sizeof(*row));
    *row = (struct outcome_row){.notification = id,
                                .state = receipt->delivered ? NOTIFICATION_DELIVERED
                                                            : NOTIFICATION_FAILED,
                                .reason = text_or_empty(receipt->reason),
                                .at_ms = engine->now_ms,
                                .next_at_ms = stored.row.next_at_ms,
                                .outcome = OUTCOME_ACCEPTED,
                                .detail = "",
                                .provider_id = ""};
    effects_add(&engine->batch.tail, (struct effect){.kind = EFFECT_OUTCOME, .u.outcome = row});
    if (stored.row.kind == KIND_DIGEST)
        digests_deliver(engine, id, receipt->delivered, row->reason);
    return ANSWER_DONE;
}

static void apply(struct engine *engine, struct notification *n, const struct receipt *receipt)
{
    const char *reason = text_or_empty(receipt->reason);
    if (n->state == NOTIFICATION_CLAIMED) {
        hold(engine, n, receipt);
        return;
    }
    /* The answer to an attempt was lost, and the message is about to be sent again: it need not be. */
    if (n->state == NOTIFICATION_PENDING && n->attempt_count > 0 &&
        (receipt->delivered || receipt->is_underway))
        attempts_confirm(engine, n, text_or_empty(receipt->provider_id));
    if (n->state == NOTIFICATION_ACCEPTED && !receipt->is_underway)
        attempts_deliver(engine, n, receipt->delivered, reason);
}

enum answer_status receipts_take(struct engine *engine, const struct input *input)
{
    struct receipt receipt = input->u.receipt;
    const struct store *store = engine->options.store;
    struct err err = {.code = ERR_NONE};
    receipt.channel = text_or_empty(receipt.channel);
    uint64_t id = receipt.notification;
    if (id == 0 && store->ops->find_provider_id(store->self, receipt.channel,
                                                text_or_empty(receipt.provider_id), &id, &err) != 0)
        return err.code == ERR_NOT_FOUND ? ANSWER_UNKNOWN : ANSWER_BUSY;
    struct notification *n = world_notification(&engine->world, id);
    if (n == NULL)
        return record(engine, id, &receipt);
    if (receipt.channel[0] != '\0' && !text_equal(n->channel, receipt.channel))
        return ANSWER_UNKNOWN;
    apply(engine, n, &receipt);
    return ANSWER_DONE;
}

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/parse.h"
#include "gateway/delivery/answer.h"
#include "gateway/delivery/desk_internal.h"
#include "gateway/delivery/render.h"
#include "gateway/system/log.h"

static int64_t engine_time(const struct desk *desk, int64_t at_mono_ms, int64_t now_mono_ms)
{
    return clock_engine_ms(desk->options.clock) + (at_mono_ms - now_mono_ms);
}

static void say_later(struct desk *desk, uint64_t notification, const char *reason,
                      int64_t retry_mono_ms, int64_t now_mono_ms)
{
    const struct prepared prepared = {
        .notification = notification,
        .retry_at_ms = engine_time(desk, retry_mono_ms, now_mono_ms),
        .reason = reason,
    };
    (void)answer_prepared(desk->options.inbox,
                          &prepared); /* a stopped inbox has no engine behind it */
}

static void say_failed(struct desk *desk, const struct order *order, const char *reason,
                       const char *detail)
{
    const struct prepared prepared = {
        .notification = order->notification, .failed = true, .reason = reason};
    log_line(LOG_ERROR, "notification cannot be prepared, it fails", "notification",
             log_i64((int64_t)order->notification), "channel", order->channel, "reason", reason,
             "detail", detail, NULL);
    (void)answer_prepared(desk->options.inbox, &prepared);
}

/* Unlinks and frees; what the offer held must have been given back before. */
void offers_remove(struct desk *desk, struct offer *offer)
{
    HASH_DEL(desk->offers, offer);
    order_free(offer->order);
    free(offer);
}

struct offer *offers_find(const struct desk *desk, uint64_t notification)
{
    struct offer *offer = NULL;
    HASH_FIND(hh, desk->offers, &notification, sizeof notification, offer);
    return offer;
}

/* Frees its slot or waiting place, and the offer; answers nothing. */
static void cancel_offer(struct desk *desk, struct offer *offer, int64_t now_mono_ms)
{
    if (offer->state == OFFER_READY) {
        desk_give_back(desk, offer->instance, offer->destination, offer->is_probe, LIMITS_NOTHING,
                       0, now_mono_ms);
    } else {
        limits_stop_waiting(offer->destination);
    }
    offers_remove(desk, offer);
}

/* 0 where the channel has no such option. */
static size_t sms_parts_max(const struct config_channel *channel)
{
    const char *text = config_channel_value(channel, "segments");
    uint64_t parts = 0;
    return parse_u64(text, 1, RENDER_SMS_PARTS_MAX, &parts, NULL) == 0 ? (size_t)parts : 0;
}

static bool render_offer(struct desk *desk, struct offer *offer)
{
    struct err err = {0};
    struct rendered rendered;
    const struct config *config = desk->sets->config;
    const struct config_channel *channel = instance_channel(offer->instance);
    const struct render_context context = {
        .format = instance_format(offer->instance),
        .public_url = config->public_url,
        .site_name = config->rulebook.site_name,
        .mail_from = config_channel_value(channel, "from"),
        .mail_reply_to = config_channel_value(channel, "reply_to"),
        .token_key = desk->options.token_key,
        .now_ms = clock_engine_ms(desk->options.clock),
        .sms_parts_max = sms_parts_max(channel),
        .sms_transliterate = !text_equal(config_channel_value(channel, "transliterate"), "no"),
        .code = channel->code,
    };
    struct prepared prepared = {.notification = offer->notification, .ready = true};
    if (offer->order->rendered) {
        (void)answer_prepared(desk->options.inbox, &prepared);
        return true;
    }
    if (render_make(&context, offer->order, &rendered, &err) != 0) {
        say_failed(desk, offer->order, "render", err.text);
        return false;
    }
    prepared.body = strbuf_text(&rendered.body);
    prepared.body_count = rendered.body.length;
    prepared.content_type = rendered.content_type;
    prepared.subject = rendered.subject;
    (void)answer_prepared(desk->options.inbox, &prepared);
    render_clear(&rendered);
    return true;
}

/* A slot is taken: render, tell the engine, and keep the slot for its START or DROP. */
static void ready_offer(struct desk *desk, struct offer *offer, bool is_probe, int64_t now_mono_ms)
{
    offer->state = OFFER_READY;
    offer->is_probe = is_probe;
    offer->since_mono_ms = now_mono_ms;
    if (!render_offer(desk, offer)) {
        cancel_offer(desk, offer, now_mono_ms);
    }
}

/* One probe goes to a destination that rests, and all who want it would be back at the same moment: the most severe are
 * a little earlier, of those the pages. */
static int64_t stand_back_ms(const struct order *order)
{
    int64_t rank = 2 * (SEVERITY_COUNT - 1 - (int64_t)order->severity) +
                   (order->notification_kind == KIND_PAGE ? 0 : 1);
    return rank * DESK_STAND_BACK_MS;
}

/* Ask for a slot and do what the limits say. `waits`: the offer has a waiting place. */
static void ask_for_offer(struct desk *desk, struct offer *offer, bool waits, int64_t now_mono_ms)
{
    struct limits *limits = instance_limits(offer->instance);
    struct limits_answer answer = limits_ask(limits, offer->destination, waits, now_mono_ms);
    switch (answer.word) {
    case LIMITS_NOW:
    case LIMITS_PROBE:
        ready_offer(desk, offer, answer.word == LIMITS_PROBE, now_mono_ms);
        return;
    case LIMITS_WAIT:
        return;
    case LIMITS_LATER:
        if (answer.waits_for_probe) {
            answer.retry_mono_ms += stand_back_ms(offer->order);
        }
        say_later(desk, offer->notification, answer.reason, answer.retry_mono_ms, now_mono_ms);
        offers_remove(desk, offer);
        return;
    }
}

void offers_take(struct desk *desk, struct order *order, int64_t now_mono_ms)
{
    struct instance *instance = desk_find_instance(desk, order->channel);
    struct offer *before = offers_find(desk, order->notification);

    if (before != NULL) {
        /* An engine that lost its memory offers again; only the newest offer counts. */
        cancel_offer(desk, before, now_mono_ms);
    }
    if (desk->closed || attempts_has(desk, order->notification)) {
        say_later(desk, order->notification, desk->closed ? "stopping" : "under-way",
                  now_mono_ms + DESK_SOON_MS, now_mono_ms);
        order_free(order);
        return;
    }
    if (instance == NULL) {
        say_failed(desk, order, "no-channel", "the configuration has no channel of this name");
        order_free(order);
        return;
    }
    struct offer *offer = heap_alloc(sizeof *offer);
    offer->notification = order->notification;
    offer->order = order;
    offer->instance = instance;
    offer->destination = instance_destination(instance, order->address);
    offer->since_mono_ms = now_mono_ms;
    HASH_ADD(hh, desk->offers, notification, sizeof offer->notification, offer);
    ask_for_offer(desk, offer, false, now_mono_ms);
}

void offers_drop(struct desk *desk, struct order *order, int64_t now_mono_ms)
{
    struct offer *offer = offers_find(desk, order->notification);
    if (offer != NULL) {
        /* Every offer is answered once; only one that waits has not been. */
        if (offer->state == OFFER_WAITING) {
            say_later(desk, offer->notification, "dropped", now_mono_ms, now_mono_ms);
        }
        cancel_offer(desk, offer, now_mono_ms);
    } else {
        attempts_take_back(desk, order->notification, now_mono_ms);
    }
    order_free(order);
}

static void turn_offer(struct desk *desk, struct offer *offer, size_t rank, int64_t now_mono_ms)
{
    int64_t age_ms = now_mono_ms - offer->since_mono_ms;
    if (offer->state == OFFER_READY) {
        if (age_ms >= DESK_READY_MAX_MS) {
            log_line(LOG_WARNING,
                     "nobody started or dropped a prepared notification, its slot is freed",
                     "notification", log_i64((int64_t)offer->notification), NULL);
            cancel_offer(desk, offer, now_mono_ms);
        }
        return;
    }
    if (age_ms >= DESK_WAIT_MAX_MS || rank >= limits_waiting_max(offer->destination, now_mono_ms)) {
        say_later(desk, offer->notification, "busy", now_mono_ms + LIMITS_CROWDED_RETRY_MS,
                  now_mono_ms);
        cancel_offer(desk, offer, now_mono_ms);
        return;
    }
    ask_for_offer(desk, offer, true, now_mono_ms);
}

void offers_turn(struct desk *desk, int64_t now_mono_ms)
{
    if (!desk->slots_moved && now_mono_ms < desk->offers_look_mono_ms) {
        return;
    }
    desk->slots_moved = false;
    desk->offers_look_mono_ms = now_mono_ms + DESK_OFFERS_LOOK_MS;
    for (struct offer *offer = desk->offers; offer != NULL; offer = offer->hh.next) {
        offer->destination->rank = 0;
    }
    for (struct offer *offer = desk->offers, *next; offer != NULL; offer = next) {
        next = offer->hh.next;
        /* Those who came first keep their places when a queue must become shorter. */
        size_t rank = offer->state == OFFER_WAITING ? offer->destination->rank++ : 0;
        turn_offer(desk, offer, rank, now_mono_ms);
    }
}

/* One that waited is offered to the new channel of its name; if that is gone it can never be sent.
 */
static void move_offer(struct desk *desk, struct offer *offer, int64_t now_mono_ms)
{
    struct instance *instance = desk_find_instance(desk, offer->order->channel);
    limits_stop_waiting(offer->destination);
    if (instance == NULL) {
        say_failed(desk, offer->order, "no-channel",
                   "the new configuration has no channel of this name");
        offers_remove(desk, offer);
        return;
    }
    offer->instance = instance;
    offer->destination = instance_destination(instance, offer->order->address);
    ask_for_offer(desk, offer, false, now_mono_ms);
}

void offers_move(struct desk *desk, int64_t now_mono_ms)
{
    for (struct offer *offer = desk->offers, *next; offer != NULL; offer = next) {
        next = offer->hh.next;
        if (offer->state == OFFER_WAITING) {
            move_offer(desk, offer, now_mono_ms);
        }
    }
}

void offers_refuse(struct desk *desk, int64_t now_mono_ms)
{
    for (struct offer *offer = desk->offers, *next; offer != NULL; offer = next) {
        next = offer->hh.next;
        if (offer->state == OFFER_WAITING) {
            say_later(desk, offer->notification, "stopping", now_mono_ms + DESK_SOON_MS,
                      now_mono_ms);
            cancel_offer(desk, offer, now_mono_ms);
        }
    }
}

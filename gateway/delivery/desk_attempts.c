#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/delivery/answer.h"
#include "gateway/delivery/desk_internal.h"
#include "gateway/system/log.h"

#define PAUSE_MIN_MS 1000

/* Over all attempts whose result is still owed and which a plugin still has. */
struct walk {
    const struct channel_set *set;
    size_t index;    /* of the instance */
    size_t position; /* within it */
};

static struct attempt *walk_next(struct walk *walk)
{
    for (; walk->set != NULL; walk->set = walk->set->next, walk->index = 0) {
        for (; walk->index < walk->set->instance_count; walk->index++, walk->position = 0) {
            struct attempt *attempt;
            while ((attempt = instance_next_attempt(walk->set->instances[walk->index],
                                                    &walk->position)) != NULL) {
                if (!attempt->answered) {
                    return attempt;
                }
            }
        }
    }
    return NULL;
}

static void say_result(struct desk *desk, const struct order *order, const struct result *result)
{
    int64_t late_ms = clock_engine_ms(desk->options.clock) - order->due_at_ms;
    bool fine = result->outcome == OUTCOME_ACCEPTED;
    log_line(fine ? LOG_DEBUG : LOG_WARNING,
             fine ? "attempt accepted" : "attempt not accepted, the engine decides on",
             "notification", log_i64((int64_t)order->notification), "incident",
             log_i64((int64_t)order->incident), "channel", order->channel, "attempt",
             log_i64(order->attempt), "outcome", outcome_name(result->outcome), "reason",
             result->reason, "detail", result->detail, NULL);
    metric_add(desk->attempts[result->outcome], 1);
    metric_observe_ns(desk->seconds, late_ms > 0 ? late_ms * 1000000 : 0);
    (void)answer_result(desk->options.inbox, result); /* a stopped inbox has no engine behind it */
}

static void say_not_started(struct desk *desk, const struct order *order, const char *reason,
                            const char *detail)
{
    const struct result result = {
        .notification = order->notification,
        .attempt = order->attempt,
        .outcome = OUTCOME_TEMPORARY,
        .reason = reason,
        .detail = detail,
        .provider_id = "",
    };
    say_result(desk, order, &result);
}

/*
 * The slot that the offer got. Without one (it was freed, or lost in a reload) a slot is taken
 * above the limits, because the claim is committed and somebody waits for this page; but only where
 * the START itself names its key. NULL, or the reason why there is no place.
 */
static const char *find_place(struct desk *desk, struct order *order, int64_t now_mono_ms,
                              struct ahead *out)
{
    struct offer *offer = offers_find(desk, order->notification);
    struct instance *instance = desk_find_instance(desk, order->channel);
    *out = (struct ahead){.launch = {.order = order}};
    if (offer != NULL && offer->state == OFFER_READY) {
        out->instance = offer->instance;
        out->launch.destination = offer->destination;
        out->launch.was_probe = offer->is_probe;
        out->launch.offered_or_null = offer->order;
        offer->order = NULL;
        offers_remove(desk, offer);
        return NULL;
    }
    if (instance == NULL) {
        return "no-channel";
    }
    if (order->key[0] == '\0') {
        return "no-reservation";
    }
    out->instance = instance;
    out->launch.destination = instance_destination(instance, order->address);
    limits_force(instance_limits(instance), out->launch.destination, now_mono_ms);
    return NULL;
}

static struct owed *find_owed(const struct desk *desk, uint64_t notification)
{
    struct owed *owed = NULL;
    HASH_FIND(hh, desk->owed, &notification, sizeof notification, owed);
    return owed;
}

static void note_owed(struct desk *desk, uint64_t notification)
{
    struct owed *owed = heap_alloc(sizeof *owed);
    owed->notification = notification;
    HASH_ADD(hh, desk->owed, notification, sizeof owed->notification, owed);
}

static void forget_owed(struct desk *desk, uint64_t notification)
{
    struct owed *owed = find_owed(desk, notification);
    if (owed != NULL) {
        HASH_DEL(desk->owed, owed);
        free(owed);
    }
}

/* Its claim is committed, so the engine hears why it did not start. */
static void give_up_start(struct desk *desk, const struct ahead *start, const char *reason,
                          int64_t now_mono_ms)
{
    desk_give_back(desk, start->instance, start->launch.destination, start->launch.was_probe,
                   LIMITS_NOTHING, 0, now_mono_ms);
    forget_owed(desk, start->launch.order->notification);
    say_not_started(desk, start->launch.order, reason, "the attempt did not start");
    order_free(start->launch.offered_or_null);
    order_free(start->launch.order);
}

enum began { BEGAN, BEGAN_NOT_YET, BEGAN_NEVER };

/* BEGAN_NEVER: the start is over, its orders are freed and the engine has heard why. */
static enum began begin(struct desk *desk, struct ahead *start, int64_t now_mono_ms)
{
    struct limits *limits = instance_limits(start->instance);
    struct launch *launch = &start->launch;
    if (desk->closed || now_mono_ms >= launch->order->deadline_mono_ms) {
        give_up_start(desk, start, desk->closed ? "stopping" : "late", now_mono_ms);
        return BEGAN_NEVER;
    }
    if (!limits_may_run(limits, launch->destination)) {
        return BEGAN_NOT_YET;
    }
    launch->began_mono_ms = now_mono_ms;
    launch->deadline_mono_ms = now_mono_ms + instance_channel(start->instance)->attempt_timeout_ms;
    launch->useful_ms = launch->order->expires_at_ms - clock_engine_ms(desk->options.clock);
    int64_t give_up_mono_ms = launch->deadline_mono_ms + INSTANCE_PATIENCE_MS;
    if (!instance_send(start->instance, launch)) {
        give_up_start(desk, start, "busy", now_mono_ms);
        return BEGAN_NEVER;
    }
    limits_began(limits, launch->destination);
    if (give_up_mono_ms < desk->attempts_look_mono_ms) {
        desk->attempts_look_mono_ms = give_up_mono_ms;
    }
    return BEGAN;
}

static void keep_ahead(struct desk *desk, const struct ahead *start)
{
    struct ahead *kept = heap_alloc(sizeof *kept);
    *kept = *start;
    kept->next = NULL;
    if (desk->ahead_last != NULL) {
        desk->ahead_last->next = kept;
    } else {
        desk->ahead_first = kept;
    }
    desk->ahead_last = kept;
}

/* In the order in which they were claimed; one that cannot begin does not hold up the others. */
static void begin_ahead(struct desk *desk, int64_t now_mono_ms)
{
    struct ahead *start = desk->ahead_first;
    desk->ahead_first = desk->ahead_last = NULL;
    while (start != NULL) {
        struct ahead *next = start->next;
        if (begin(desk, start, now_mono_ms) == BEGAN_NOT_YET) {
            keep_ahead(desk, start);
        }
        free(start);
        start = next;
    }
}

void attempts_take_back(struct desk *desk, uint64_t notification, int64_t now_mono_ms)
{
    struct ahead *start = desk->ahead_first;
    desk->ahead_first = desk->ahead_last = NULL;
    while (start != NULL) {
        struct ahead *next = start->next;
        if (start->launch.order->notification == notification) {
            give_up_start(desk, start, "recalled", now_mono_ms);
        } else {
            keep_ahead(desk, start);
        }
        free(start);
        start = next;
    }
}

void attempts_refuse(struct desk *desk, int64_t now_mono_ms)
{
    ASSERT(desk->closed);
    begin_ahead(desk, now_mono_ms);
    ASSERT(desk->ahead_first == NULL);
}

void attempts_start(struct desk *desk, struct order *order, int64_t now_mono_ms)
{
    struct ahead start;
    if (find_owed(desk, order->notification) != NULL) {
        say_not_started(desk, order, "under-way", "an earlier attempt has not ended");
        order_free(order);
        return;
    }
    const char *reason = find_place(desk, order, now_mono_ms, &start);
    if (reason != NULL) {
        say_not_started(desk, order, reason, "the attempt did not start");
        order_free(order);
        return;
    }
    note_owed(desk, order->notification);
    if (begin(desk, &start, now_mono_ms) == BEGAN_NOT_YET) {
        keep_ahead(desk, &start);
    }
}

static enum limits_ending ending_of(const struct attempt *attempt)
{
    switch (attempt->outcome) {
    case CHANNEL_SENT:
    case CHANNEL_REJECTED:
        return LIMITS_SUCCEEDED; /* it answers; what it says is about the message */
    case CHANNEL_RETRY:
        if (attempt->peer_is_well) {
            return LIMITS_SUCCEEDED;
        }
        return text_equal(attempt->reason, "http-429") ? LIMITS_PAUSED : LIMITS_FAILED;
    case CHANNEL_UNKNOWN:
        break;
    }
    return LIMITS_FAILED;
}

static void end_attempt(struct desk *desk, struct instance *instance, struct attempt *attempt,
                        int64_t now_mono_ms)
{
    static const enum outcome outcomes[] = {[CHANNEL_SENT] = OUTCOME_ACCEPTED,
                                            [CHANNEL_RETRY] = OUTCOME_TEMPORARY,
                                            [CHANNEL_UNKNOWN] = OUTCOME_UNKNOWN,
                                            [CHANNEL_REJECTED] = OUTCOME_FAILED};
    if (attempt->answered) {
        limits_grow(instance_limits(instance));
        instance_forget(instance, attempt);
        return;
    }
    enum limits_ending ending = ending_of(attempt);
    /* A wait that is this message's own is not one for those that go the same way. */
    int64_t pause_ms = attempt->peer_is_well ? 0 : attempt->retry_after_ms;
    pause_ms = ending == LIMITS_PAUSED && pause_ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause_ms;
    const struct result result = {
        .notification = attempt->order->notification,
        .attempt = attempt->order->attempt,
        .outcome = outcomes[attempt->outcome],
        .reason = attempt->reason,
        .detail = attempt->detail,
        .provider_id = attempt->provider_id,
        .retry_after_ms = attempt->retry_after_ms,
    };
    limits_ended(instance_limits(instance), attempt->destination,
                 now_mono_ms - attempt->began_mono_ms);
    desk_give_back(desk, instance, attempt->destination, attempt->was_probe, ending, pause_ms,
                   now_mono_ms);
    forget_owed(desk, result.notification);
    say_result(desk, attempt->order, &result);
    instance_forget(instance, attempt);
}

/* The plugin still has the message; its late word will only free the ticket. */
static void abandon(struct desk *desk, struct instance *instance, struct attempt *attempt,
                    const char *reason, int64_t now_mono_ms)
{
    const struct result result = {
        .notification = attempt->order->notification,
        .attempt = attempt->order->attempt,
        .outcome = OUTCOME_UNKNOWN,
        .reason = reason,
        .detail = "the channel gave no result in time",
        .provider_id = "",
    };
    attempt->answered = true;
    limits_ended(instance_limits(instance), attempt->destination,
                 now_mono_ms - attempt->began_mono_ms);
    desk_give_back(desk, instance, attempt->destination, attempt->was_probe, LIMITS_FAILED, 0,
                   now_mono_ms);
    limits_shrink(instance_limits(instance));
    forget_owed(desk, result.notification);
    say_result(desk, attempt->order, &result);
}

/* Gives up what never ends; the earliest time at which one of the others has to be. */
static int64_t give_up_late(struct desk *desk, struct instance *instance, int64_t now_mono_ms)
{
    int64_t next_mono_ms = INT64_MAX;
    struct attempt *attempt;
    size_t position = 0;
    while ((attempt = instance_next_attempt(instance, &position)) != NULL) {
        if (attempt->answered) {
            continue;
        }
        if (now_mono_ms >= attempt->give_up_mono_ms) {
            abandon(desk, instance, attempt, "no-answer", now_mono_ms);
        } else if (attempt->give_up_mono_ms < next_mono_ms) {
            next_mono_ms = attempt->give_up_mono_ms;
        }
    }
    return next_mono_ms;
}

void attempts_turn(struct desk *desk, int64_t now_mono_ms)
{
    bool look = now_mono_ms >= desk->attempts_look_mono_ms;
    int64_t next_mono_ms = INT64_MAX;
    for (struct channel_set *set = desk->sets; set != NULL; set = set->next) {
        for (size_t i = 0; i < set->instance_count; i++) {
            struct attempt *attempt;
            while ((attempt = instance_take_ended(set->instances[i])) != NULL) {
                end_attempt(desk, set->instances[i], attempt, now_mono_ms);
            }
            int64_t due_mono_ms =
                look ? give_up_late(desk, set->instances[i], now_mono_ms) : INT64_MAX;
            next_mono_ms = due_mono_ms < next_mono_ms ? due_mono_ms : next_mono_ms;
        }
    }
    if (look) {
        desk->attempts_look_mono_ms = next_mono_ms;
    }
    begin_ahead(desk, now_mono_ms);
}

bool attempts_has(const struct desk *desk, uint64_t notification)
{
    return find_owed(desk, notification) != NULL;
}

size_t attempts_owed_count(const struct desk *desk)
{
    return HASH_COUNT(desk->owed);
}

void attempts_forget_all(struct desk *desk)
{
    while (desk->ahead_first != NULL) {
        struct ahead *start = desk->ahead_first;
        desk->ahead_first = start->next;
        order_free(start->launch.offered_or_null);
        order_free(start->launch.order);
        free(start);
    }
    while (desk->owed != NULL) {
        struct owed *owed = desk->owed;
        HASH_DEL(desk->owed, owed);
        free(owed);
    }
}

void desk_give_up(struct desk *desk, int64_t now_mono_ms)
{
    struct walk walk = {.set = desk->sets};
    struct attempt *attempt;
    while ((attempt = walk_next(&walk)) != NULL) {
        abandon(desk, walk.set->instances[walk.index], attempt, "stopped", now_mono_ms);
    }
}

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

struct place {
    struct instance *instance;
    struct launch launch;
};

/*
 * The slot that the offer got. Without one (it was freed, or lost in a reload) a slot is taken
 * above the limits, because the claim is committed and somebody waits for this page; but only where
 * the START itself names its key. NULL, or the reason why there is no place.
 */
static const char *find_place(struct desk *desk, struct order *order, int64_t now_mono_ms,
                              struct place *out)
{
    struct offer *offer = offers_find(desk, order->notification);
    struct instance *instance = desk_find_instance(desk, order->channel);
    *out = (struct place){.launch = {.order = order}};
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

/* NULL: the attempt is under way, else why not. */
static const char *launch(struct desk *desk, struct place *place, int64_t now_mono_ms)
{
    if (desk->closed) {
        return "stopping";
    }
    if (now_mono_ms >= place->launch.order->deadline_mono_ms) {
        return "late";
    }
    place->launch.deadline_mono_ms =
        now_mono_ms + instance_channel(place->instance)->attempt_timeout_ms;
    return instance_send(place->instance, &place->launch) ? NULL : "busy";
}

void attempts_start(struct desk *desk, struct order *order, int64_t now_mono_ms)
{
    struct place place;
    const char *reason = find_place(desk, order, now_mono_ms, &place);
    if (reason == NULL) {
        reason = launch(desk, &place, now_mono_ms);
        if (reason == NULL) {
            return;
        }
        desk_give_back(desk, place.instance, place.launch.destination, place.launch.was_probe,
                       LIMITS_NOTHING, 0, now_mono_ms);
    }
    say_not_started(desk, order, reason, "the attempt did not start");
    order_free(place.launch.offered_or_null);
    order_free(order);
}

static enum limits_ending ending_of(const struct attempt *attempt)
{
    switch (attempt->outcome) {
    case CHANNEL_SENT:
    case CHANNEL_REJECTED:
        return LIMITS_SUCCEEDED; /* it answers; what it says is about the message */
    case CHANNEL_RETRY:
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
    int64_t pause_ms = attempt->retry_after_ms;
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
    desk_give_back(desk, instance, attempt->destination, attempt->was_probe, ending, pause_ms,
                   now_mono_ms);
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
    desk_give_back(desk, instance, attempt->destination, attempt->was_probe, LIMITS_FAILED, 0,
                   now_mono_ms);
    limits_shrink(instance_limits(instance));
    say_result(desk, attempt->order, &result);
}

static void turn_instance(struct desk *desk, struct instance *instance, int64_t now_mono_ms)
{
    struct attempt *attempt;
    size_t position = 0;
    while ((attempt = instance_take_ended(instance)) != NULL) {
        end_attempt(desk, instance, attempt, now_mono_ms);
    }
    while ((attempt = instance_next_attempt(instance, &position)) != NULL) {
        if (!attempt->answered && now_mono_ms >= attempt->give_up_mono_ms) {
            abandon(desk, instance, attempt, "no-answer", now_mono_ms);
        }
    }
}

void attempts_turn(struct desk *desk, int64_t now_mono_ms)
{
    for (struct channel_set *set = desk->sets; set != NULL; set = set->next) {
        for (size_t i = 0; i < set->instance_count; i++) {
            turn_instance(desk, set->instances[i], now_mono_ms);
        }
    }
}

int64_t attempts_next_mono_ms(const struct desk *desk, int64_t latest_mono_ms)
{
    int64_t next_ms = latest_mono_ms;
    struct walk walk = {.set = desk->sets};
    const struct attempt *attempt;
    while ((attempt = walk_next(&walk)) != NULL) {
        next_ms = attempt->give_up_mono_ms < next_ms ? attempt->give_up_mono_ms : next_ms;
    }
    return next_ms;
}

bool attempts_has(const struct desk *desk, uint64_t notification)
{
    struct walk walk = {.set = desk->sets};
    const struct attempt *attempt;
    while ((attempt = walk_next(&walk)) != NULL) {
        if (attempt->order->notification == notification) {
            return true;
        }
    }
    return false;
}

size_t attempts_owed_count(const struct desk *desk)
{
    size_t count = 0;
    for (const struct channel_set *set = desk->sets; set != NULL; set = set->next) {
        for (size_t i = 0; i < set->instance_count; i++) {
            /* What has ended but was not picked up is owed too, so what was given up is subtracted.
             */
            count += instance_attempt_count(set->instances[i]);
            size_t position = 0;
            const struct attempt *attempt;
            while ((attempt = instance_next_attempt(set->instances[i], &position)) != NULL) {
                count -= attempt->answered ? 1 : 0;
            }
        }
    }
    return count;
}

void desk_give_up(struct desk *desk, int64_t now_mono_ms)
{
    struct walk walk = {.set = desk->sets};
    struct attempt *attempt;
    while ((attempt = walk_next(&walk)) != NULL) {
        abandon(desk, walk.set->instances[walk.index], attempt, "stopped", now_mono_ms);
    }
}

#include "gateway/delivery/desk.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/delivery/desk_internal.h"
#include "gateway/system/log.h"

struct instance *desk_find_instance(const struct desk *desk, const char *channel)
{
    const struct channel_set *set = desk->sets;
    for (size_t i = 0; i < set->instance_count; i++) {
        if (text_equal(instance_name(set->instances[i]), channel)) {
            return set->instances[i];
        }
    }
    return NULL;
}

void desk_show_breakers(struct desk *desk)
{
    size_t count = 0;
    for (size_t i = 0; i < desk->sets->instance_count; i++) {
        count += limits_open_count(instance_limits(desk->sets->instances[i]));
    }
    metric_set(desk->breaker_open, (int64_t)count);
}

void desk_give_back(struct desk *desk, struct instance *instance, struct destination *destination,
                    bool was_probe, enum limits_ending ending, int64_t pause_ms,
                    int64_t now_mono_ms)
{
    desk->slots_moved = true;
    if (!limits_give_back(instance_limits(instance), destination, was_probe, ending, pause_ms,
                          now_mono_ms)) {
        return;
    }
    log_line(destination->breaker.open ? LOG_WARNING : LOG_INFO,
             destination->breaker.open ? "destination fails, it is left alone and probed"
                                       : "destination works again",
             "channel", instance_name(instance), "destination", destination->name, NULL);
    desk_show_breakers(desk);
}

void desk_order(struct desk *desk, struct order *order, int64_t now_mono_ms)
{
    switch (order->kind) {
    case ORDER_OFFER:
        offers_take(desk, order, now_mono_ms);
        return;
    case ORDER_START:
        attempts_start(desk, order, now_mono_ms);
        return;
    case ORDER_DROP:
        offers_drop(desk, order, now_mono_ms);
        return;
    }
}

void desk_turn(struct desk *desk, int64_t now_mono_ms)
{
    attempts_turn(desk, now_mono_ms);
    offers_turn(desk, now_mono_ms);
}

int64_t desk_next_mono_ms(const struct desk *desk, int64_t now_mono_ms)
{
    int64_t next_mono_ms = now_mono_ms + DESK_TURN_MAX_MS;
    if (desk->attempts_look_mono_ms < next_mono_ms) {
        next_mono_ms = desk->attempts_look_mono_ms;
    }
    if (desk->offers != NULL && desk->offers_look_mono_ms < next_mono_ms) {
        next_mono_ms = desk->offers_look_mono_ms;
    }
    return next_mono_ms;
}

void desk_swap(struct desk *desk, struct channel_set *set, int64_t now_mono_ms)
{
    set->next = desk->sets;
    desk->sets = set;
    offers_move(desk, now_mono_ms);
    desk_show_breakers(desk);
}

static bool is_used(const struct desk *desk, const struct channel_set *set)
{
    for (size_t i = 0; i < set->instance_count; i++) {
        /* A slot is held from the reservation to the attempt's end, a ticket until the plugin gives
         * it back. */
        if (instance_attempt_count(set->instances[i]) > 0 ||
            instance_limits(set->instances[i])->slot_count > 0) {
            return true;
        }
        for (const struct offer *offer = desk->offers; offer != NULL; offer = offer->hh.next) {
            if (offer->instance == set->instances[i]) {
                return true;
            }
        }
    }
    return false;
}

struct channel_set *desk_take_retired(struct desk *desk)
{
    struct channel_set *retired = NULL;
    struct channel_set **at = &desk->sets->next;
    while (*at != NULL) {
        struct channel_set *set = *at;
        if (is_used(desk, set)) {
            at = &set->next;
            continue;
        }
        *at = set->next;
        set->next = retired;
        retired = set;
    }
    return retired;
}

struct desk *desk_create(const struct desk_options *options, struct channel_set *set)
{
    struct desk *desk = heap_alloc(sizeof *desk);
    desk->options = *options;
    desk->sets = set;
    desk->attempts_look_mono_ms = INT64_MAX;
    for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
        desk->attempts[outcome] =
            metric_counter("escalated_attempts_total", "Attempts that ended, by outcome.",
                           "outcome", outcome_name((enum outcome)outcome));
    }
    desk->seconds = metric_histogram("escalated_delivery_seconds",
                                     "From due to the outcome of an attempt.", NULL, NULL);
    desk->breaker_open = metric_gauge("escalated_breaker_open",
                                      "Destinations left alone because they fail.", NULL, NULL);
    return desk;
}

void desk_close(struct desk *desk, int64_t now_mono_ms)
{
    desk->closed = true;
    offers_refuse(desk, now_mono_ms);
    attempts_refuse(desk, now_mono_ms);
}

size_t desk_busy_count(const struct desk *desk)
{
    return attempts_owed_count(desk) + HASH_COUNT(desk->offers);
}

void desk_destroy(struct desk *desk)
{
    if (desk == NULL) {
        return;
    }
    while (desk->offers != NULL) {
        offers_remove(desk, desk->offers);
    }
    attempts_forget_all(desk);
    while (desk->sets != NULL) {
        struct channel_set *set = desk->sets;
        desk->sets = set->next;
        channel_set_destroy(set);
    }
    free(desk);
}

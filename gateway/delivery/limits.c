#include "gateway/delivery/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

void limits_init(struct limits *limits, size_t in_flight_max, size_t per_target_max)
{
    ASSERT(in_flight_max > 0 && per_target_max > 0);
    *limits = (struct limits){.in_flight_max = in_flight_max, .per_target_max = per_target_max};
}

void limits_clear(struct limits *limits)
{
    while (limits->destinations != NULL) {
        struct destination *destination = limits->destinations;
        limits->destinations = destination->next;
        free(destination);
    }
    limits->destination_count = 0;
}

static bool is_in_use(const struct destination *destination)
{
    return destination->slot_count > 0 || destination->waiting_count > 0;
}

static bool has_memory(const struct destination *destination)
{
    return destination->breaker.failures > 0 || destination->not_before_mono_ms > 0;
}

/* Forget one destination: of those not in use, one without memory, else with a closed breaker, else
 * any. All in use is possible only below the limit, because slots and waiting places are fewer. */
static void forget_one(struct limits *limits)
{
    struct destination **best = NULL;
    int best_worth = 3;
    for (struct destination **at = &limits->destinations; *at != NULL; at = &(*at)->next) {
        int worth = !has_memory(*at) ? 0 : !(*at)->breaker.open ? 1 : 2;
        if (!is_in_use(*at) && worth < best_worth) {
            best = at;
            best_worth = worth;
        }
    }
    if (best != NULL) {
        struct destination *destination = *best;
        *best = destination->next;
        limits->destination_count--;
        free(destination);
    }
}

struct destination *limits_destination(struct limits *limits, const char *name)
{
    uint64_t hash = text_hash(0, name, strlen(name));
    for (struct destination *destination = limits->destinations; destination != NULL;
         destination = destination->next) {
        if (destination->hash == hash &&
            strncmp(destination->name, name, sizeof destination->name - 1) == 0) {
            return destination;
        }
    }
    if (limits->destination_count >= LIMITS_DESTINATIONS_MAX) {
        forget_one(limits);
    }
    struct destination *destination = heap_alloc(sizeof *destination);
    (void)snprintf(destination->name, sizeof destination->name, "%s", name);
    destination->hash = hash;
    destination->next = limits->destinations;
    limits->destinations = destination;
    limits->destination_count++;
    return destination;
}

static bool is_slow(const struct destination *destination, int64_t now_mono_ms)
{
    return destination->breaker.failures > 0 ||
           (destination->slot_count > 0 &&
            now_mono_ms - destination->moved_mono_ms > LIMITS_SLOW_AFTER_MS);
}

size_t limits_waiting_max(const struct destination *destination, int64_t now_mono_ms)
{
    return is_slow(destination, now_mono_ms) ? LIMITS_WAITING_SLOW_MAX : LIMITS_WAITING_MAX;
}

static size_t ahead_max(const struct limits *limits, const struct destination *destination,
                        int64_t now_mono_ms)
{
    if (is_slow(destination, now_mono_ms) || destination->average_ms_x8 == 0 ||
        destination->average_ms_x8 >= LIMITS_QUICK_MS * 8) {
        return 0;
    }
    size_t ahead = limits->per_target_max * 2;
    return ahead < LIMITS_AHEAD_MAX ? ahead : LIMITS_AHEAD_MAX;
}

static void take_slot(struct limits *limits, struct destination *destination, int64_t now_mono_ms)
{
    if (destination->slot_count == 0) {
        destination->moved_mono_ms = now_mono_ms;
    }
    destination->slot_count++;
    limits->slot_count++;
}

/* A destination that rests answers at once, whether slots are free or not. */
static struct limits_answer ask_for_rest(const struct destination *destination, int64_t now_mono_ms)
{
    const struct breaker *breaker = &destination->breaker;
    if (now_mono_ms < destination->not_before_mono_ms) {
        return (struct limits_answer){.word = LIMITS_LATER,
                                      .retry_mono_ms = destination->not_before_mono_ms,
                                      .reason = "asked-to-wait"};
    }
    if (breaker->open && (breaker->probing || now_mono_ms < breaker->probe_mono_ms)) {
        int64_t retry =
            breaker->probing ? now_mono_ms + LIMITS_PROBING_RETRY_MS : breaker->probe_mono_ms;
        return (struct limits_answer){
            .word = LIMITS_LATER,
            .retry_mono_ms = retry,
            .reason = "breaker-open",
            .waits_for_probe = true,
        };
    }
    return (struct limits_answer){.word = LIMITS_NOW};
}

struct limits_answer limits_ask(struct limits *limits, struct destination *destination, bool waits,
                                int64_t now_mono_ms)
{
    struct limits_answer answer = ask_for_rest(destination, now_mono_ms);
    size_t ahead = ahead_max(limits, destination, now_mono_ms);
    bool full = limits->slot_count >= limits->in_flight_max + ahead ||
                destination->slot_count >= limits->per_target_max + ahead;

    if (answer.word == LIMITS_NOW && full) {
        size_t others = destination->waiting_count - (waits ? 1 : 0);
        answer.word = LIMITS_WAIT;
        if (!waits && others >= limits_waiting_max(destination, now_mono_ms)) {
            answer = (struct limits_answer){.word = LIMITS_LATER,
                                            .retry_mono_ms = now_mono_ms + LIMITS_CROWDED_RETRY_MS,
                                            .reason = "busy"};
        }
    }
    if (answer.word == LIMITS_NOW) {
        answer.word = breaker_ask(&destination->breaker, now_mono_ms) == BREAKER_PROBE
                          ? LIMITS_PROBE
                          : LIMITS_NOW;
        take_slot(limits, destination, now_mono_ms);
    }
    if (answer.word == LIMITS_WAIT && !waits) {
        destination->waiting_count++;
    } else if (answer.word != LIMITS_WAIT && waits) {
        limits_stop_waiting(destination);
    }
    return answer;
}

void limits_stop_waiting(struct destination *destination)
{
    ASSERT(destination->waiting_count > 0);
    destination->waiting_count--;
}

void limits_force(struct limits *limits, struct destination *destination, int64_t now_mono_ms)
{
    take_slot(limits, destination, now_mono_ms);
}

bool limits_may_run(const struct limits *limits, const struct destination *destination)
{
    return limits->running_count < limits->in_flight_max &&
           destination->running_count < limits->per_target_max;
}

void limits_began(struct limits *limits, struct destination *destination)
{
    limits->running_count++;
    destination->running_count++;
}

void limits_ended(struct limits *limits, struct destination *destination, int64_t took_ms)
{
    ASSERT(limits->running_count > 0 && destination->running_count > 0);
    limits->running_count--;
    destination->running_count--;
    int64_t average_ms_x8 = destination->average_ms_x8;
    average_ms_x8 = average_ms_x8 == 0 ? took_ms * 8 : average_ms_x8 + took_ms - average_ms_x8 / 8;
    /* At least 1: 0 stands for "none has ended yet". */
    destination->average_ms_x8 = average_ms_x8 > 0 ? average_ms_x8 : 1;
}

bool limits_give_back(struct limits *limits, struct destination *destination, bool was_probe,
                      enum limits_ending ending, int64_t pause_ms, int64_t now_mono_ms)
{
    ASSERT(destination->slot_count > 0 && limits->slot_count > 0);
    destination->slot_count--;
    limits->slot_count--;
    switch (ending) {
    case LIMITS_SUCCEEDED:
        destination->moved_mono_ms = now_mono_ms;
        destination->not_before_mono_ms = 0;
        return breaker_succeeded(&destination->breaker);
    case LIMITS_FAILED:
        destination->moved_mono_ms = now_mono_ms;
        destination->not_before_mono_ms = pause_ms > 0 ? now_mono_ms + pause_ms : 0;
        return breaker_failed(&destination->breaker, was_probe, now_mono_ms);
    case LIMITS_PAUSED:
        /* It lives and says when it wants to be asked again. */
        destination->moved_mono_ms = now_mono_ms;
        destination->not_before_mono_ms = now_mono_ms + pause_ms;
        return breaker_succeeded(&destination->breaker);
    case LIMITS_NOTHING:
        break;
    }
    if (was_probe) {
        breaker_probe_cancelled(&destination->breaker);
    }
    return false;
}

void limits_shrink(struct limits *limits)
{
    ASSERT(limits->in_flight_max > 0);
    limits->in_flight_max--;
}

void limits_grow(struct limits *limits)
{
    limits->in_flight_max++;
}

size_t limits_open_count(const struct limits *limits)
{
    size_t count = 0;
    for (const struct destination *destination = limits->destinations; destination != NULL;
         destination = destination->next) {
        count += destination->breaker.open ? 1 : 0;
    }
    return count;
}

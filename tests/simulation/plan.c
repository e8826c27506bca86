#include "tests/simulation/plan.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "tests/simulation/rng.h"

enum { DEEDS_MIN = 10, DEEDS_MORE = 50 };

static const char *const profile_names[PROFILE_COUNT] = {
    [PROFILE_CALM] = "calm",         [PROFILE_CHANNELS] = "channels",
    [PROFILE_OUTAGES] = "outages",   [PROFILE_COMMITS] = "commits",
    [PROFILE_CONFIGS] = "configs",   [PROFILE_ALL] = "all",
    [PROFILE_DISK] = "disk",         [PROFILE_HEARTBEATS] = "heartbeats",
    [PROFILE_DUTY] = "duty",         [PROFILE_FIELDS] = "fields",
    [PROFILE_SUPPRESS] = "suppress", [PROFILE_TALKS] = "talks",
    [PROFILE_QUIET] = "quiet",       [PROFILE_STORM] = "storm",
    [PROFILE_CONTINUE] = "continue", [PROFILE_POWER] = "power",
    [PROFILE_MIXED] = "mixed",
};

static const unsigned traits[PROFILE_COUNT] = {
    [PROFILE_HEARTBEATS] = TRAIT_JOBS,
    [PROFILE_SUPPRESS] = TRAIT_FLAP | TRAIT_RULES | TRAIT_NEEDS | TRAIT_TALKS,
    [PROFILE_DUTY] = TRAIT_FLAP | TRAIT_DUTY,
    [PROFILE_FIELDS] = TRAIT_FLAP | TRAIT_NEEDS,
    [PROFILE_TALKS] = TRAIT_FLAP | TRAIT_TALKS,
    [PROFILE_QUIET] = TRAIT_FLAP | TRAIT_QUIET,
    [PROFILE_STORM] = TRAIT_FLAP | TRAIT_STORM,
    [PROFILE_CONTINUE] = TRAIT_CONTINUE | TRAIT_FLAP,
    [PROFILE_MIXED] = TRAIT_FLAP | TRAIT_RULES | TRAIT_NEEDS | TRAIT_TALKS | TRAIT_JOBS |
                      TRAIT_DUTY | TRAIT_QUIET | TRAIT_STORM,
};

static const char *const deed_names[DEED_KIND_COUNT] = {
    [DEED_EVENTS] = "events",     [DEED_REPLY] = "reply",     [DEED_STRANGER] = "stranger",
    [DEED_RECEIPT] = "receipt",   [DEED_MOOD] = "mood",       [DEED_OUTAGE] = "outage",
    [DEED_STALL] = "stall",       [DEED_CRASH] = "crash",     [DEED_REFUSE] = "refuse",
    [DEED_DISK] = "disk",         [DEED_CONFIG] = "config",   [DEED_REPOLICY] = "repolicy",
    [DEED_CLOCK] = "clock",       [DEED_PINGS] = "pings",     [DEED_KNOWN] = "known",
    [DEED_OVERRIDE] = "override", [DEED_SILENCE] = "silence", [DEED_ALL_ACK] = "all-ack",
    [DEED_POWER] = "power",
};

/* Out of so many, how often each kind is drawn. */
static const unsigned weights[PROFILE_COUNT][DEED_KIND_COUNT] = {
    [PROFILE_CALM] = {[DEED_EVENTS] = 50, [DEED_REPLY] = 45, [DEED_STRANGER] = 3, [DEED_CLOCK] = 2},
    [PROFILE_CHANNELS] =
        {[DEED_EVENTS] = 40, [DEED_REPLY] = 25, [DEED_RECEIPT] = 15, [DEED_MOOD] = 20},
    [PROFILE_OUTAGES] = {[DEED_EVENTS] = 40,
                         [DEED_REPLY] = 30,
                         [DEED_MOOD] = 8,
                         [DEED_OUTAGE] = 14,
                         [DEED_STALL] = 8},
    [PROFILE_COMMITS] = {[DEED_EVENTS] = 35,
                         [DEED_REPLY] = 25,
                         [DEED_MOOD] = 8,
                         [DEED_CRASH] = 14,
                         [DEED_REFUSE] = 18},
    [PROFILE_CONFIGS] =
        {[DEED_EVENTS] = 45, [DEED_REPLY] = 30, [DEED_CONFIG] = 15, [DEED_REPOLICY] = 10},
    [PROFILE_ALL] = {[DEED_EVENTS] = 35,
                     [DEED_REPLY] = 22,
                     [DEED_STRANGER] = 2,
                     [DEED_RECEIPT] = 5,
                     [DEED_MOOD] = 10,
                     [DEED_OUTAGE] = 5,
                     [DEED_STALL] = 3,
                     [DEED_CRASH] = 5,
                     [DEED_REFUSE] = 5,
                     [DEED_CONFIG] = 4,
                     [DEED_REPOLICY] = 2,
                     [DEED_CLOCK] = 2},
    [PROFILE_FIELDS] = {[DEED_EVENTS] = 28,
                        [DEED_REPLY] = 34,
                        [DEED_KNOWN] = 12,
                        [DEED_STRANGER] = 1,
                        [DEED_RECEIPT] = 3,
                        [DEED_MOOD] = 6,
                        [DEED_OUTAGE] = 5,
                        [DEED_STALL] = 3,
                        [DEED_CRASH] = 3,
                        [DEED_REFUSE] = 3,
                        [DEED_CLOCK] = 2},
    [PROFILE_DISK] = {[DEED_EVENTS] = 40,
                      [DEED_REPLY] = 22,
                      [DEED_MOOD] = 8,
                      [DEED_OUTAGE] = 6,
                      [DEED_CRASH] = 8,
                      [DEED_DISK] = 16},
    [PROFILE_CONTINUE] = {[DEED_EVENTS] = 50,
                          [DEED_REPLY] = 22,
                          [DEED_MOOD] = 5,
                          [DEED_OUTAGE] = 5,
                          [DEED_STALL] = 2,
                          [DEED_CRASH] = 5,
                          [DEED_REFUSE] = 5,
                          [DEED_CONFIG] = 6},
    [PROFILE_POWER] = {[DEED_EVENTS] = 44, [DEED_REPLY] = 24, [DEED_MOOD] = 8, [DEED_POWER] = 24},
    [PROFILE_SUPPRESS] = {[DEED_EVENTS] = 46,
                          [DEED_REPLY] = 18,
                          [DEED_SILENCE] = 16,
                          [DEED_RECEIPT] = 2,
                          [DEED_MOOD] = 5,
                          [DEED_OUTAGE] = 4,
                          [DEED_CRASH] = 3,
                          [DEED_REFUSE] = 3},
    [PROFILE_DUTY] = {[DEED_EVENTS] = 30,
                      [DEED_REPLY] = 15,
                      [DEED_MOOD] = 5,
                      [DEED_OUTAGE] = 8,
                      [DEED_CRASH] = 6,
                      [DEED_REFUSE] = 6,
                      [DEED_OVERRIDE] = 30},
    [PROFILE_HEARTBEATS] =
        {[DEED_EVENTS] = 12,
         [DEED_REPLY] = 16,
         [DEED_MOOD] = 3,
         [DEED_OUTAGE] = 10,
         [DEED_STALL] = 4,
         [DEED_CRASH] = 4,
         [DEED_REFUSE] = 5,
         [DEED_CLOCK] = 1,
         [DEED_PINGS] = 45},
    [PROFILE_TALKS] = {[DEED_EVENTS] = 25,
                       [DEED_REPLY] = 55,
                       [DEED_RECEIPT] = 3,
                       [DEED_MOOD] = 6,
                       [DEED_OUTAGE] = 4,
                       [DEED_STALL] = 2,
                       [DEED_REFUSE] = 3,
                       [DEED_CONFIG] = 2},
    [PROFILE_QUIET] = {[DEED_EVENTS] = 40,
                       [DEED_REPLY] = 28,
                       [DEED_RECEIPT] = 3,
                       [DEED_MOOD] = 8,
                       [DEED_OUTAGE] = 5,
                       [DEED_STALL] = 2,
                       [DEED_CRASH] = 3,
                       [DEED_REFUSE] = 3,
                       [DEED_CONFIG] = 5,
                       [DEED_CLOCK] = 3},
    [PROFILE_STORM] = {[DEED_EVENTS] = 48,
                       [DEED_REPLY] = 18,
                       [DEED_ALL_ACK] = 8,
                       [DEED_RECEIPT] = 4,
                       [DEED_MOOD] = 8,
                       [DEED_OUTAGE] = 4,
                       [DEED_STALL] = 2,
                       [DEED_CRASH] = 4,
                       [DEED_REFUSE] = 3,
                       [DEED_CONFIG] = 1},
    [PROFILE_MIXED] = {[DEED_EVENTS] = 32,
                       [DEED_REPLY] = 24,
                       [DEED_ALL_ACK] = 4,
                       [DEED_STRANGER] = 1,
                       [DEED_RECEIPT] = 3,
                       [DEED_MOOD] = 5,
                       [DEED_OUTAGE] = 4,
                       [DEED_STALL] = 2,
                       [DEED_CRASH] = 3,
                       [DEED_REFUSE] = 3,
                       [DEED_CONFIG] = 3,
                       [DEED_CLOCK] = 1,
                       [DEED_PINGS] = 6,
                       [DEED_OVERRIDE] = 4,
                       [DEED_KNOWN] = 4,
                       [DEED_SILENCE] = 5},
};

bool profile_is_on_disk(enum profile profile)
{
    return profile == PROFILE_DISK || profile == PROFILE_POWER;
}

const char *profile_name(enum profile profile)
{
    return profile_names[profile];
}

bool profile_has(enum profile profile, enum trait trait)
{
    return (traits[profile] & (unsigned)trait) != 0;
}

int profile_parse(const char *name, enum profile *out_profile)
{
    for (int i = 0; i < PROFILE_COUNT; i++) {
        if (text_equal(profile_names[i], name)) {
            *out_profile = (enum profile)i;
            return 0;
        }
    }
    return -1;
}

const char *deed_kind_name(enum deed_kind kind)
{
    return deed_names[kind];
}

static enum deed_kind draw_kind(struct rng *rng, enum profile profile)
{
    unsigned total = 0;
    for (int i = 0; i < DEED_KIND_COUNT; i++)
        total += weights[profile][i];
    uint64_t left = rng_below(rng, total);
    int kind = 0;
    while (left >= weights[profile][kind])
        left -= weights[profile][kind++];
    return (enum deed_kind)kind;
}

/* Bursts at one instant, seconds, minutes, an hour: so that deeds meet due times, and each other. */
static int64_t draw_pause_ms(struct rng *rng)
{
    switch (rng_below(rng, 10)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return (int64_t)rng_below(rng, 1000);
    case 3:
    case 4:
        return (int64_t)rng_below(rng, 30) * 1000;
    case 5:
    case 6:
        return (int64_t)rng_below(rng, 20) * 60000; /* on the minute, as waits are */
    case 7:
    case 8:
        return (int64_t)rng_below(rng, 600000);
    default:
        return (int64_t)rng_below(rng, 7200000);
    }
}

void plan_make(uint64_t seed, enum profile profile, struct plan *out_plan)
{
    struct rng rng = rng_stream(seed, "plan");
    size_t count = DEEDS_MIN + (size_t)rng_below(&rng, DEEDS_MORE);
    struct plan plan = {.seed = seed, .profile = profile, .count = count};
    plan.deeds = heap_alloc(count * sizeof(*plan.deeds));
    int64_t at_ms = 0;
    for (size_t i = 0; i < count; i++) {
        at_ms += draw_pause_ms(&rng);
        enum deed_kind kind = draw_kind(&rng, profile);
        plan.deeds[i] = (struct deed){.at_ms = at_ms, .kind = kind, .dice = rng_next(&rng)};
    }
    plan.deeds[0].kind = DEED_EVENTS; /* without an alert there is nothing to see */
    *out_plan = plan;
}

void plan_clear(struct plan *plan)
{
    free(plan->deeds);
    *plan = (struct plan){.deeds = NULL};
}

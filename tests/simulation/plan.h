/*
 * plan - what happens in one run, decided from its seed before it begins: deeds with their times.
 *
 * Shape:   seed + profile -> plan_make -> deeds in order of time; a deed's own dice decide its details when it is done, so
 *          that a plan with some deeds left out is still a plan (shrink.h).
 * Units:   at_ms since the start of the run.
 * Owns:    the plan its deeds; plan_clear.
 */
#ifndef ESCALATED_SIMULATION_PLAN_H
#define ESCALATED_SIMULATION_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum profile {
    PROFILE_CALM,       /* events and people only; every channel works */
    PROFILE_CHANNELS,   /* failing, slow, silent, lying and repeating channels */
    PROFILE_OUTAGES,    /* the process dies or is held up, at any moment, for up to hours */
    PROFILE_COMMITS,    /* the store refuses, is full, loses its answer; crashes around commits */
    PROFILE_CONFIGS,    /* other configurations, running incidents moved to other versions */
    PROFILE_ALL,        /* all of these at once */
    PROFILE_DISK,       /* the same over SQLite on a file layer that fails and tears writes */
    PROFILE_HEARTBEATS, /* jobs that report, fall silent and fail, with outages and refused commits */
    PROFILE_SUPPRESS,   /* silences, maintenance, inhibition, alerts that flap */
    PROFILE_DUTY,       /* people stand in on schedules, and hand-overs are told */
    PROFILE_FIELDS, /* acks that are asked for more, people who know first, and some of all the faults */
    PROFILE_TALKS, /* updates to approve and questions to answer, among outages and bad channels */
    PROFILE_QUIET, /* people who sleep, at different hours in each configuration */
    PROFILE_STORM, /* few messages a minute, digests, and answers to all that one lists */
    PROFILE_POWER, /* the machine loses power over SQLite, and with it what was not synced */
    PROFILE_CONTINUE, /* policies that hand over to the next one: alerts of several incidents */
    PROFILE_MIXED,    /* every rule and most faults at once */
    PROFILE_COUNT,
};

/* What a life has besides people and ladders. */
enum trait {
    TRAIT_FLAP = 1 << 0,
    TRAIT_RULES = 1 << 1, /* maintenance and inhibition */
    TRAIT_NEEDS = 1 << 2, /* ask_for */
    TRAIT_TALKS = 1 << 3, /* updates and asks */
    TRAIT_JOBS = 1 << 4,
    TRAIT_DUTY = 1 << 5, /* hand-overs are told */
    TRAIT_QUIET = 1 << 6,
    TRAIT_STORM = 1 << 7,
    TRAIT_CONTINUE = 1 << 8,
};
bool profile_has(enum profile profile, enum trait trait);

/* Over a database in a file, with a memory store beside it. */
bool profile_is_on_disk(enum profile profile);

const char *profile_name(enum profile profile);
int profile_parse(const char *name, enum profile *out_profile);

enum deed_kind {
    DEED_EVENTS, /* one batch of them */
    DEED_REPLY,
    DEED_STRANGER,
    DEED_RECEIPT,
    DEED_MOOD,   /* of one channel, from now on */
    DEED_OUTAGE, /* the process dies and comes back later */
    DEED_STALL,  /* it is held up, but lives */
    DEED_CRASH,  /* around one of the next commits */
    DEED_REFUSE, /* one of the next commits answers busy, full or nothing */
    DEED_DISK,   /* one of the next changes to a file fails */
    DEED_CONFIG,
    DEED_REPOLICY,
    DEED_CLOCK,
    DEED_PINGS,    /* heartbeats, one batch of them */
    DEED_OVERRIDE, /* somebody stands in, or does not any more */
    DEED_KNOWN,    /* somebody reports what no monitor has said */
    DEED_SILENCE,
    DEED_ALL_ACK, /* somebody answers a digest */
    DEED_POWER,   /* the machine loses power, now or at one of the next changes to a file */
    DEED_KIND_COUNT,
};

const char *deed_kind_name(enum deed_kind kind);

struct deed {
    int64_t at_ms;
    enum deed_kind kind;
    uint64_t dice;
};

struct plan {
    uint64_t seed;
    enum profile profile;
    struct deed *deeds;
    size_t count;
};

void plan_make(uint64_t seed, enum profile profile, struct plan *out_plan);
void plan_clear(struct plan *plan);

#endif

/*
 * ladder - where one incident stands on the steps of its policy, and when its next ones are due.
 *
 * Shape:   pure arithmetic over a frozen policy; `incident.c` decides what a due step means.
 * Units:   *_ms engine time, 0: not set. A page step is due at page_base + the waits above it, an
 *          inform or ask step at anchor + the waits above it: so early and late page steps move the
 *          page steps below them and nothing else.
 * Owns:    nothing; promises lie in the arena of the last ladder_promise or ladder_read until the caller has copied them.
 * Limits:  LADDER_STEPS_MAX steps a policy; further ones do not run (the configuration refuses
 *          them).
 * Fails:   ladder_read: -1 with what is wrong in the stored text.
 */
#ifndef ESCALATED_POLICIES_LADDER_H
#define ESCALATED_POLICIES_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "policies/rulebook.h"

#define LADDER_STEPS_MAX 64
#define LADDER_PROMISES_MAX 16
/* A step that runs later than this was late because we were down: everything below moves with it.
 */
#define LADDER_LATE_MS 30000
/* Climbs and repeated fallbacks keep at least this distance, so that no moment holds two of them.
 */
#define LADDER_REPEAT_MIN_MS 1000

enum { LADDER_NOBODY = -1, LADDER_FALLBACK = -2 }; /* values of `latest` besides a step's index */

struct promises {                         /* ETAs given since the opening */
    int32_t drops;                        /* before the first of these */
    int32_t minutes[LADDER_PROMISES_MAX]; /* of Unix time, the latest last; 0: none */
};

struct ladder {
    int64_t anchor_ms;
    int64_t page_base_ms;
    int64_t reach_until_ms; /* the latest paging must have been accepted by then */
    /* One bit a step: inform and ask steps that ran since the opening, and page steps that stand
     * below page_from in a new version of the policy but have had their turn in this climb. */
    uint64_t ran;
    int32_t climb;       /* from 1; goes on after a reopening */
    int32_t first_climb; /* of this opening */
    int32_t climbs_left;
    int32_t serial;   /* messages outside steps and pages to the fallback so far: makes their keys
                       unique */
    int8_t page_from; /* page steps below this index have had their turn in this climb */
    int8_t latest;    /* the last paging: index of its step, LADDER_NOBODY or LADDER_FALLBACK */
    int8_t fallback_level; /* how far down the fallback chain the last paging was */
    int8_t acked_severity;
    bool exhausted;
    bool left_held;
    bool reminded;  /* since the last ack or ETA */
    bool by_person; /* resolved by a person, not by the source */
};

/* What few ladders have, all zero in the others. */
struct ladder_later {
    int64_t fallback_at_ms; /* exhausted: the next page to the fallback */
    int64_t reminder_at_ms; /* the owner is asked for a new ETA */
    int64_t
        answer_until_ms;  /* the owner was paged about a higher severity and must answer by then */
    int64_t told_from_ms; /* inform and ask steps not yet run are due no sooner: the policy changed
                             then */
    uint64_t passed;      /* people of the latest paging who said "not me", one bit each */
    const struct promises *promises; /* NULL: none were given since the opening */
    int32_t fallback_count;          /* serial of the latest page to the fallback */
};

size_t ladder_step_count(const struct policy *policy);

/* The waits of the steps above `index`. */
int64_t ladder_offset_ms(const struct policy *policy, size_t index);

/* First page step; LADDER_NOBODY when there is none. */
int32_t ladder_first_page(const struct policy *policy);
/* The next one of this climb; LADDER_NOBODY when all have had their turn. */
int32_t ladder_next_page(const struct ladder *ladder, const struct policy *policy);
/* The step of this name, or LADDER_NOBODY. */
int32_t ladder_find_step(const struct policy *policy, const char *name);

/* Start over: also after a reopening, when the climb number goes on. */
void ladder_open(struct ladder *ladder, struct ladder_later *later, const struct policy *policy,
                 int64_t anchor_ms);
/* A new pass over the page steps whose first is due at `at_ms`; no fallback is paged any more. */
void ladder_climb(struct ladder *ladder, struct ladder_later *later, const struct policy *policy,
                  int64_t at_ms);

int64_t ladder_due_ms(const struct ladder *ladder, const struct ladder_later *later,
                      const struct policy *policy, size_t index);
/* When the next climb, or exhaustion, is due: after the last page step's wait. INT64_MAX without
 * page steps. */
int64_t ladder_repeat_ms(const struct ladder *ladder, const struct policy *policy);

/* Page step `index` runs at `now_ms`, before or after its time: those below keep their distances
 * from it. */
void ladder_move_pages(struct ladder *ladder, const struct policy *policy, size_t index,
                       int64_t now_ms);
/* We were down: everything not yet run is later by `late_ms`. */
void ladder_shift(struct ladder *ladder, int64_t late_ms);

/* The policy becomes another one or another version: what has run is known by its name and not
 * repeated, what has not runs in the new order at the new distances, but nothing before `now_ms`.
 * `sent`: new steps by whose name something was sent already, also under a version before `old`.
 * README.md in this folder has the exact rule. */
void ladder_repolicy(struct ladder *ladder, struct ladder_later *later, const struct policy *old,
                     const struct policy *policy, uint64_t sent, int64_t now_ms);

/* Remember an ETA; where there are too many, the first ones are only counted. */
void ladder_promise(struct ladder_later *later, struct arena *arena, int64_t eta_at_ms);
size_t ladder_promise_count(const struct ladder_later *later);
int32_t ladder_promise_drops(const struct ladder_later *later);
int64_t ladder_promise_ms(const struct ladder_later *later, size_t index);

bool ladder_has_run(const struct ladder *ladder, size_t index);
void ladder_mark_run(struct ladder *ladder, size_t index);

/* JSON object text, zero fields left out; the same ladder always gives the same text. */
void ladder_write(const struct ladder *ladder, const struct ladder_later *later,
                  struct strbuf *out);
int ladder_read(const char *text, struct arena *arena, struct ladder *out_ladder,
                struct ladder_later *out_later, struct err *err);

#endif

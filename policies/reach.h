/*
 * reach - whom a step names now, by which methods and when, and whether the latest paging has
 * reached anybody.
 *
 * Shape:   targets + current rulebook -> receivers in a defined order, each person once.
 * Units:   wall_ms is wall-clock UTC, for schedules.
 * Owns:    the list lies in the arena; its texts are the rulebook's.
 * Limits:  people, methods and addresses of the configuration.
 * Source:  DESIGN section 4, rules 5 and 6.
 */
#ifndef ESCALATED_POLICIES_REACH_H
#define ESCALATED_POLICIES_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/act.h"
#include "policies/incident.h"

/* One of the three is set. */
struct receiver {
    const struct contact *contact_or_null;
    const struct audience *audience_or_null;
    const char *channel_or_null; /* of a `channel:NAME` target */
};

struct receivers {
    struct receiver *items;
    size_t count;
    size_t capacity;
    struct arena *arena;
};

/* Adds whom the targets name at this moment. `incident` gives `everyone` the people who were told
 * of it or replied to it. */
void reach_resolve(const struct incident *incident, const struct target *targets,
                   size_t target_count, const struct moment *moment,
                   struct receivers *out_receivers);

/* What a sending made. */
struct sent {
    size_t count;         /* of notifications */
    int64_t first_due_ms; /* now where there is none */
    bool all_deferred;    /* every one waits for the end of somebody's quiet hours */
};

/* Sends `message` (its kind, step, climb, repetition, text and urgency are set) to each receiver by the
 * methods its kind asks for. */
struct sent reach_send(const struct receivers *receivers, const struct message *message,
                       struct moment *moment);

/* Can anybody of these be sent a message of this kind at all? Methods that are switched off count as absent. */
bool reach_is_possible(const struct receivers *receivers, enum notification_kind kind,
                       const struct moment *moment);

/* The latest paging of an incident, as its notifications tell. */
enum reach_verdict { REACH_OPEN, REACH_ACCEPTED, REACH_FAILED };
enum reach_verdict reach_judge(const struct incident *incident);

/* Belongs to the latest paging? */
bool reach_is_latest(const struct incident *incident, const struct notification *notification);

/* When the first of the latest paging goes, or went, out: a digest's time for what is bundled. INT64_MAX when it has none. */
int64_t reach_first_due_ms(const struct incident *incident);

/* When the first of the latest paging is to go out; 0 when one was tried, be it in a digest. */
int64_t reach_untried_due_ms(const struct incident *incident);

/* The next method of the same person in the same run that has not been tried yet, or NULL. */
struct notification *reach_next_method(const struct incident *incident,
                                       const struct notification *failed);

/* Notes that `by` has said "not me"; was that everybody of the latest paging? */
bool reach_everybody_passed(struct incident *incident, const char *by);

/* Has it been handed to a channel, so that the person may know? */
bool reach_was_handed_over(const struct notification *notification);

#endif

/*
 * climb - what comes due for an incident and what then happens: steps, repeats, exhaustion, the
 * fallback, reminders.
 *
 * Shape:   climb_due answers the earliest thing; climb_run_due runs everything that is due at the
 *          moment, in order of due time.
 * Limits:  at most CLIMB_ROUNDS_MAX things a moment; each moves the incident on, so the bound is
 *          never met.
 * Source:  DESIGN section 4, rules 2 to 6, 8, 10.
 */
#ifndef ESCALATED_POLICIES_CLIMB_H
#define ESCALATED_POLICIES_CLIMB_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/incident.h"
#include "policies/reach.h"

#define CLIMB_ROUNDS_MAX 512

/* How long a resolved incident is remembered after reopening has become impossible: late answers,
 * receipts and reports of its channels still find it in memory. */
#define CLIMB_LINGER_MS INT64_C(3600000)

enum due_kind {
    DUE_NOTHING,
    DUE_TRIGGER, /* the hold is over */
    DUE_STEP,
    DUE_CLIMB,     /* the last page step's wait is over: next climb, or exhaustion */
    DUE_UNREACHED, /* nobody took the latest paging in time */
    DUE_FALLBACK,  /* exhausted: the fallback again */
    DUE_REMINDER,
    DUE_LAPSE,
    DUE_MISSING, /* what the ack did not say is asked for once more */
    DUE_ANSWER,  /* the owner did not answer the page about a higher severity */
    DUE_CALM,    /* it has flapped and is quiet */
    DUE_TALK,    /* something of an update or an ask */
    DUE_FORGET,
};

struct due {
    enum due_kind kind;
    int64_t at_ms; /* INT64_MAX: never */
    size_t step;   /* DUE_STEP */
};

struct due climb_due(const struct incident *incident);

/* Before anything else that is done at this moment: what has ended is over, and where we were down the ladder moves, once,
 * by what its first overdue thing is late. What it was late for is run by climb_run_due. */
void climb_catch_up(struct incident *incident, struct moment *moment);
void climb_run_due(struct incident *incident, struct moment *moment);

/* The next page step of this climb runs now; without one the next climb starts; without that it is
 * exhaustion. `why` goes into the message. */
void climb_advance(struct incident *incident, struct moment *moment, const char *why);

/* The next page step of this climb runs now, below the last one the fallback; no new climb starts.
 */
void climb_pass_by(struct incident *incident, struct moment *moment, const char *why);

/* The latest paging has reached nobody and will not. */
void climb_unreached(struct incident *incident, struct moment *moment);

/* The hold is over, by time or because somebody escalates. */
void climb_trigger(struct incident *incident, struct moment *moment);

/* The acknowledgement ends: triggered again. The caller says why on the timeline first. */
void climb_end_ack(struct incident *incident, struct moment *moment);

/* Whoever was paged last and may know of it; "" when nobody was. */
const char *climb_last_paged(const struct incident *incident);

/* The first of the fallback chain that can be sent a message of this kind. False: there is none. */
bool climb_fallback(const struct incident *incident, const struct moment *moment,
                    enum notification_kind kind, struct receivers *out_receivers);

/* End pending notifications of a kind; those of updates and asks are not the ladder's. */
void climb_cancel(struct incident *incident, struct moment *moment, enum notification_kind kind,
                  const char *reason);

#endif

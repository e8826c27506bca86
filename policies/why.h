/*
 * why - what holds an incident, each of its steps and its messages back, or what comes next: as values, and as sentences.
 *
 * Shape:   an incident at an instant -> decisions: of the incident, of each step in order, of each message that waits, of
 *          each update and question that is open, and at last what comes next. They are those that the engine acts by: due_step,
 *          climb_due and the incident's mark.
 * Units:   *_at_ms engine time, 0: none. Sentences tell the site's clock.
 * Owns:    decisions and texts lie in the moment's arena.
 * Limits:  WHY_SENDINGS_MAX messages; of further ones only how many there are.
 * Source:  DESIGN section 4, rule 14.
 */
#ifndef ESCALATED_POLICIES_WHY_H
#define ESCALATED_POLICIES_WHY_H

#include <stddef.h>
#include <stdint.h>

#include "policies/incident.h"
#include "policies/suppression.h"

#define WHY_SENDINGS_MAX 200

enum decision_kind {
    /* Of the incident as a whole. */
    DECISION_HELD,
    DECISION_ACKNOWLEDGED,
    DECISION_SUPPRESSED,
    DECISION_FLAPPING,
    DECISION_EXHAUSTED,
    DECISION_RESOLVED,
    /* Of a step: see due.h. */
    DECISION_STEP_RAN,
    DECISION_STEP_DUE,
    DECISION_STEP_SUPPRESSED,
    DECISION_STEP_PARKED,
    DECISION_STEP_AWAITS_ACK,
    DECISION_STEP_AWAITS_END,
    DECISION_STEP_OVER,
    /* Of a message. The last two of the order of rule 14 speak of single ones, and only they do. */
    DECISION_SENDING,
    DECISION_DEFERRED_QUIET,
    DECISION_DEFERRED_RATE,
    /* Of an update, as its gates stand, and of a question. */
    DECISION_UPDATE_INCOMPLETE,
    DECISION_UPDATE_CHANGED,
    DECISION_UPDATE_HELD,
    DECISION_UPDATE_RETURNED,
    DECISION_UPDATE_PROMISED,
    DECISION_ASK_OPEN,
    DECISION_NEXT,
    DECISION_KIND_COUNT,
};

/* "suppressed", "step-parked" … */
const char *decision_kind_name(enum decision_kind kind);

struct decision {
    enum decision_kind kind;
    const char *step; /* "" none */
    const char *to;   /* of a message: whom and by what channel */
    const char *via;
    const char *by;   /* who or what: an owner, a mark */
    int64_t at_ms;    /* when it ran, runs or was parked */
    int64_t until_ms; /* how long it holds */
    const char *text; /* one sentence */
};

struct decisions {
    struct decision *items;
    size_t count;
    size_t capacity;
};

void why_incident(const struct incident *incident, const struct suppression *now,
                  const struct moment *moment, struct decisions *out_decisions);

#endif

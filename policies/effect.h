/*
 * effect - what one batch decided, to be committed as one transaction.
 *
 * Shape:   appended in order by the engine; the store writes them in that order.
 * Owns:    items and every text they point to live in the batch's arena until the commit has returned.
 * Limits:  grows with the batch; the engine caps the batch, not this list.
 */
#ifndef ESCALATED_POLICIES_EFFECT_H
#define ESCALATED_POLICIES_EFFECT_H

#include "gateway/base/arena.h"
#include "policies/row.h"

enum effect_kind {
    EFFECT_EVENT,        /* insert */
    EFFECT_ALERT,        /* insert or update by id */
    EFFECT_INCIDENT,     /* insert or update by number */
    EFFECT_NOTIFICATION, /* insert */
    EFFECT_CLAIM,
    EFFECT_OUTCOME,
    EFFECT_TIMELINE,   /* insert */
    EFFECT_POLICY,     /* insert unless there */
    EFFECT_QUARANTINE, /* insert; the oldest leave past QUARANTINE_ROWS_MAX */
    EFFECT_SESSION,    /* insert or update by broker */
    EFFECT_DELIVERIES, /* insert; the oldest of the broker leave past DELIVERY_ROWS_MAX */
    EFFECT_MARK,       /* insert or update by kind and name, or delete */
    EFFECT_SILENCE,    /* insert or update by id */
    EFFECT_HEARTBEAT,  /* insert or update by source and key, or delete */
    EFFECT_KIND_COUNT,
};

struct effect {
    enum effect_kind kind;
    bool insert; /* EFFECT_ALERT, EFFECT_INCIDENT: the row is new */
    union {
        const struct event_row *event;
        const struct alert_row *alert;
        const struct incident_row *incident;
        const struct notification_row *notification;
        const struct claim_row *claim;
        const struct outcome_row *outcome;
        const struct timeline_row *timeline;
        const struct policy_row *policy;
        const struct quarantine_row *quarantine;
        const struct session *session;
        const struct deliveries_row *deliveries;
        const struct mark_row *mark;
        const struct silence_row *silence;
        const struct heartbeat_row *heartbeat;
    } u;
};

struct effects {
    struct arena *arena;
    struct effect *items;
    size_t count;
    size_t capacity;
};

void effects_init(struct effects *effects, struct arena *arena);
void effects_add(struct effects *effects, struct effect effect);

#endif

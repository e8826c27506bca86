/*
 * incident - what people are paged about: its state, its alerts and notifications, and the one
 * table that moves it.
 *
 * Shape:   incident + move + moment -> changed incident, and acts (timeline entries, messages,
 *          cancellations) in order.
 * Units:   *_at_ms engine time, 0 when it has not happened.
 * Owns:    the world owns incidents and their texts. During a move `later` is the incident's own; the move may set its
 *          `owner`, `cause`, `mark`, `flap`, `fields` and `ladder.promises` to what lives only as long as the moment's arena or
 *          the move, and the caller replaces it by its own copy afterwards. Acts live in the moment's arena.
 * Limits:  LADDER_STEPS_MAX steps a policy.
 * Source:  DESIGN section 4.
 */
#ifndef ESCALATED_POLICIES_INCIDENT_H
#define ESCALATED_POLICIES_INCIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/act.h"
#include "policies/ladder.h"
#include "policies/row.h"
#include "policies/rulebook.h"
#include "policies/talks.h"

struct incident;
struct pairing; /* gateway/engine/inhibition.c */
struct fields;  /* policies/fields.h */

/* What an alert has once it is over or held back, or rarely. All that have none of it share alert_blank. */
struct alert_later {
    struct alert *twin;       /* the same source and key in another incident, newer first */
    const char *mark;         /* what holds it back, "" nothing */
    struct pairing *pairings; /* with inhibition rules: the engine's */
    int64_t resolved_at_ms;
};

extern const struct alert_later alert_blank;
struct alert_later *alert_without_later(void); /* alert_blank, as it stands in alerts */

struct alert {
    uint64_t id;
    struct incident *incident;
    struct alert *next; /* of the incident, by id */
    const char *source;
    char *text;                /* key, summary and labels (JSON), each with its NUL */
    struct alert_later *later; /* alert_blank, which nobody may write to, or its own */
    int64_t first_at_ms;
    int64_t last_at_ms;
    uint32_t count; /* no more than fit */
    uint32_t summary_offset;
    uint32_t labels_offset;
    uint32_t details_hash; /* of details and links as last written; 0: unknown */
    uint32_t batch_slot;   /* changed in this batch: its place there, from 1 */
    bool firing;
    bool fresh; /* new in this batch */
    bool text_changed;
    uint8_t severity;
};

const char *alert_key(const struct alert *alert);
const char *alert_summary(const struct alert *alert);
const char *alert_labels(const struct alert *alert);

/* A notification as the engine remembers it; address, key, snapshot and body stay in the store. */
struct notification {
    uint64_t id;
    struct incident *incident; /* NULL once the incident is no longer live */
    struct notification *next; /* of the incident, by id */
    const char *contact;
    const char *channel;
    const char *step;
    int64_t due_at_ms;
    int64_t next_at_ms;
    int64_t expires_at_ms;
    int32_t climb;
    int32_t repetition;
    uint32_t attempt_count;
    uint32_t queue_mark; /* generation of its entry in the engine's queues */
    uint8_t kind;
    uint8_t state;
    uint8_t severity;
    bool offered : 1;
    bool refused : 1; /* the last offer was answered "not now" */
    bool expiry_timed : 1;
    bool admitted : 1; /* past the limit of its reader */
    bool deferred : 1; /* was put off to the end of quiet hours */
    uint32_t lane;     /* where it waits for delivery: the engine's */
    uint64_t digest;   /* the notification in which it goes out; 0: it is sent itself */
};

/* Somebody who replied without having been told: what makes them one of `everyone`. */
struct replier {
    struct replier *next; /* in the order of their first replies */
    const char *contact;
};

/* What an incident has once somebody answers, once it is held back, or rarely. All that have none of it share incident_blank. */
struct incident_later {
    const char *owner;
    const char *cause;
    const char *mark; /* what holds it back although it fires: policies/suppression.h; "" nothing */
    const char *flap; /* its latest changes: policies/flap.h; "" nearly always */
    const struct fields *fields; /* NULL: nothing of it */
    struct replier *repliers;    /* each a contact of some configuration, once */
    struct talks *talks;         /* NULL: it has nothing to say or to ask */
    int64_t acked_at_ms;
    int64_t resolved_at_ms;
    int64_t ack_until_ms;
    int64_t eta_at_ms;
    uint64_t linked;
    uint32_t slip_count;
    struct ladder_later ladder;
};

extern const struct incident_later incident_blank;
struct incident_later *incident_without_later(void); /* incident_blank, as it stands in incidents */
bool incident_later_is_blank(const struct incident_later *later);

struct incident {
    uint64_t number;
    unsigned char uuid[16];
    const struct policy *policy; /* frozen at the opening */
    char *text;         /* group key and, unless an alert has it, title, each with its NUL */
    const char *source; /* of the first alert */
    struct incident_later *later; /* incident_blank, which nobody may write to, or its own */
    struct alert *alerts;
    struct alert *last_alert;
    struct notification *notifications;
    struct notification *last_notification;
    int64_t opened_at_ms;
    int64_t updated_at_ms;
    int64_t timer_due_ms;            /* of its entry in the engine's timer heap */
    uint32_t timer_mark;             /* generation of that entry */
    uint32_t firing[SEVERITY_COUNT]; /* firing alerts by severity */
    uint32_t title_offset;           /* 0: the title is the first alert's summary */
    uint8_t state;
    uint8_t severity;
    uint8_t priority;
    bool priority_set : 1;
    bool known : 1;
    bool cleared : 1;
    bool live : 1;
    bool dirty : 1;      /* changed in this batch */
    bool fresh : 1;      /* opened in this batch */
    bool told_full : 1;  /* its timeline says that it takes no more alerts */
    bool moved : 1;      /* policy and group are new in this batch */
    bool unsettled : 1;  /* waits for its mark to be looked at: the engine's */
    uint32_t unfinished; /* notifications pending or claimed */
    uint32_t alert_count;
    struct ladder ladder;
};

const char *incident_title(const struct incident *incident);
const char *incident_group_key(const struct incident *incident);
bool incident_is_open(const struct incident *incident);
uint32_t incident_firing_count(const struct incident *incident);
int incident_default_priority(enum severity severity);
/* Critical or p1: quiet hours do not hold it back, and it has the higher limit. */
bool incident_is_urgent(const struct incident *incident);

/* What can happen to an incident: the columns of the table. */
enum move_kind {
    MOVE_OPEN,   /* its first alert fires; also after `reopen` */
    MOVE_REPORT, /* opened by somebody who knows of it before any alert, and has it */
    MOVE_FIRE,   /* a further alert, or one of its own again; a repeated one only counts and is no
                   move */
    MOVE_RISE,   /* the severity rose */
    MOVE_CLEAR,  /* its last firing alert resolved */
    MOVE_TIME,   /* something may be due */
    MOVE_ACK,    /* ack, known, eta, snooze; an `acknowledge` event */
    MOVE_TAKE,
    MOVE_ESCALATE,
    MOVE_PASS,
    MOVE_RESOLVE, /* by a person */
    MOVE_FIELD,   /* priority, cause, loss, restored, note and free text */
    MOVE_PARTS,   /* of the update */
    MOVE_APPROVE,
    MOVE_REJECT,
    MOVE_ANSWER,   /* to an ask */
    MOVE_HEARD,    /* a reply of any kind, before what it says */
    MOVE_WAKE,     /* clock or quiet hours have changed */
    MOVE_REPOLICY, /* to the current version of the policy, or to another one */
    MOVE_ACCEPTED, /* a notification was accepted */
    MOVE_FAILED,   /* a notification ended without being accepted, or its receipt says failed */
    MOVE_KIND_COUNT,
};

struct move {
    enum move_kind kind;
    const char *actor; /* for the timeline */
    const char *credential;
    const char *by; /* contact, "source NAME" or user: the owner if it acknowledges */
    bool by_source;
    bool known;
    bool any_severity;             /* MOVE_REPORT: no alert is worse than what was reported */
    int64_t eta_at_ms;             /* 0: none given */
    enum verb verb;                /* MOVE_FIELD: which */
    const char *parts[PART_COUNT]; /* MOVE_PARTS: all that one message gives; NULL: not this one */
    bool by_operator;              /* `by` is a user of the API, no contact */
    const char *text;
    int priority;
    const struct policy *policy;             /* MOVE_REPOLICY: frozen, like the incident's own */
    const struct notification *answers;      /* the one replied to, or NULL */
    const struct notification *notification; /* MOVE_ACCEPTED, MOVE_FAILED */
};

void incident_apply(struct incident *incident, const struct move *move, struct moment *moment);

/* Is this cell of the table filled? (For its test.) */
bool incident_has_transition(enum incident_state state, enum move_kind kind);

/* The next thing that is due, INT64_MAX when nothing is. */
int64_t incident_next_due_ms(const struct incident *incident);

#endif

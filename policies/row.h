/*
 * row - what is stored: the rows of the tables, as the engine writes them and readers get them back.
 *
 * Shape:   plain structs; engine -> effects -> store.h; store -> store_load -> engine; store_read.h -> API.
 * Units:   *_at_ms engine time (Unix UTC ms), 0 when it has not happened.
 * Owns:    texts are borrowed: from the batch's arena going in, from the reader's arena coming out. Absent is "".
 */
#ifndef ESCALATED_POLICIES_ROW_H
#define ESCALATED_POLICIES_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/event.h"
#include "policies/input.h"

/* What became of an accepted event: exactly one row each (invariant I1). */
enum disposition {
    DISPOSITION_OPENED,   /* opened an incident */
    DISPOSITION_JOINED,   /* a new alert of an open incident */
    DISPOSITION_COUNTED,  /* one more occurrence */
    DISPOSITION_RESOLVED, /* resolved an alert */
    DISPOSITION_ACKED,
    DISPOSITION_REOPENED,
    DISPOSITION_UNKNOWN_KEY, /* resolve or acknowledge of what nobody knows */
    DISPOSITION_HEARTBEAT,
    DISPOSITION_CHANGE,
    DISPOSITION_REPLAYED, /* a retained message shown again, and no news */
    DISPOSITION_OVERFLOW, /* went into the paging overflow incident of its source */
    DISPOSITION_REFUSED,  /* a heartbeat with a key too many */
    DISPOSITION_COUNT,
};
const char *disposition_name(enum disposition disposition);

struct event_row {
    unsigned char id[16];
    int64_t at_ms;
    const char *source;
    const char *key;
    enum event_action action;
    enum severity severity;
    enum disposition disposition;
    uint64_t incident; /* 0: none */
};

struct alert_row {
    uint64_t id; /* ours, sequential */
    uint64_t incident;
    const char *source;
    const char *key;
    bool firing;
    enum severity severity;
    int64_t first_at_ms;
    int64_t last_at_ms;
    int64_t resolved_at_ms;
    uint64_t count;      /* occurrences */
    bool text_unchanged; /* going in: the four texts below stand as stored */
    const char *summary;
    const char *labels;  /* JSON object text, names sorted */
    const char *details; /* JSON object text or "" */
    const char *links;   /* JSON array text or "" */
};

enum incident_state {
    INCIDENT_HELD,
    INCIDENT_TRIGGERED,
    INCIDENT_ACKNOWLEDGED,
    INCIDENT_RESOLVED,
    INCIDENT_STATE_COUNT
};
const char *incident_state_name(enum incident_state state);
int incident_state_parse(const char *name, enum incident_state *out_state);

struct incident_row {
    uint64_t number;
    unsigned char uuid[16];
    const char *policy;
    const char *policy_hash;
    const char *
        group_key; /* canonical text of the group values; unique among open incidents of a policy */
    const char *title; /* summary of the first alert */
    enum incident_state state;
    enum severity severity; /* highest of the firing alerts; stays at the resolution */
    int priority;           /* 1..5 */
    bool priority_set;      /* by a person */
    bool
        live; /* the engine still keeps it in memory (open, or after-care and reopening still possible) */
    int64_t opened_at_ms;
    int64_t acked_at_ms; /* first ack */
    int64_t resolved_at_ms;
    const char *owner; /* contact, "source NAME" or user; "" when nobody */
    int64_t ack_until_ms;
    int64_t eta_at_ms;
    int64_t slip_count;
    bool known;
    bool cleared; /* resolve = manual: the source has cleared */
    const char *cause;
    uint64_t linked; /* an earlier incident this one follows; 0: none */
    int64_t firing_count;
    int64_t next_due_at_ms; /* for people with an SQL shell; the engine recomputes it */
    const char *
        ladder; /* the engine's own state of the climb, JSON text (policies/ladder.h writes and reads it) */
    int64_t updated_at_ms;
    const char *mark;     /* what holds it back although it fires: "silence 7"; "" nothing */
    const char *flap;     /* its latest changes (policies/flap.h) */
    const char *repliers; /* contacts who replied without having been told, separated by commas */
    const char *fields;   /* JSON text of policies/fields.h, "" for nothing */
    bool moved;           /* going in: policy and group_key are new as well */
    const char
        *talks; /* updates and asks, JSON text (policies/talks.h writes and reads it), or "" */
};

enum notification_kind {
    KIND_PAGE,
    KIND_INFORM,
    KIND_ASK,
    KIND_APPROVE,
    KIND_REMINDER,
    KIND_NOTICE,
    KIND_DIGEST,
    KIND_ANSWER,
    KIND_COUNT,
};
const char *notification_kind_name(enum notification_kind kind);
int notification_kind_parse(const char *name, enum notification_kind *out_kind);

enum notification_state {
    NOTIFICATION_PENDING,
    NOTIFICATION_CLAIMED,
    NOTIFICATION_ACCEPTED,
    NOTIFICATION_DELIVERED,
    NOTIFICATION_FAILED,
    NOTIFICATION_CANCELLED,
    NOTIFICATION_EXPIRED,
    NOTIFICATION_STATE_COUNT,
};
const char *notification_state_name(enum notification_state state);
int notification_state_parse(const char *name, enum notification_state *out_state);

#define NOTIFICATION_KEY_BYTES 192

struct notification_row {
    uint64_t id; /* sequential, never reused: the token's 64 bits */
    uint64_t incident;
    enum notification_kind kind;
    int64_t climb;       /* pass up the ladder, from 1 */
    const char *step;    /* step name, or "fallback" */
    int64_t repetition;  /* of the same step and method within a climb, from 0 */
    const char *contact; /* contact name, "&audience" or "channel:NAME" */
    const char *channel;
    const char *address;
    const char *key; /* idempotency key, the same in every attempt: unique */
    enum severity severity;
    enum notification_state state;
    const char *reason; /* why it ended, or why the last attempt did not work */
    int64_t created_at_ms;
    int64_t due_at_ms;     /* first time it may start */
    int64_t next_at_ms;    /* next attempt */
    int64_t expires_at_ms; /* after this no attempt starts */
    int64_t token_expires_at_ms;
    int64_t attempt_count;
    int64_t ended_at_ms;
    const char *provider_id;
    const char *
        snapshot; /* JSON: what the renderer needs, fixed when the row is made; "" once there is a body */
    /* Set by the first claim, dropped when the notification ends (the hash stays). */
    const void *body;
    size_t body_count;
    const char *body_hash; /* SHA-256 hex, "" before the first claim */
    const char *content_type;
    const char *subject;
    uint64_t digest; /* the notification in which this one goes out; 0: it is sent itself */
    bool admitted;   /* the limit of its reader has let it through */
    bool deferred;   /* quiet hours have put it off */
};

/* The committed decision to start one attempt. */
struct claim_row {
    uint64_t notification;
    int64_t attempt; /* from 1 */
    int64_t at_ms;
    int64_t deadline_mono_ms; /* boot clock: no first byte after this */
    const char *boot_id;
    const void *body; /* NULL: already stored */
    size_t body_count;
    const char *body_hash;
    const char *content_type;
    const char *subject;
};

/* How a notification moved: by a result, receipt, cancellation or expiry. */
struct outcome_row {
    uint64_t notification;
    enum notification_state state; /* after */
    const char *reason;
    int64_t at_ms;
    int64_t next_at_ms;
    int64_t attempt;      /* which attempt's row gets the outcome; 0: none was under way */
    enum outcome outcome; /* of that attempt */
    const char *detail;
    const char *provider_id; /* "": leave */
    uint64_t digest;         /* this and the next as in the row; not read once it has ended */
    bool admitted;
};

struct timeline_row {
    uint64_t incident;
    int64_t at_ms;
    const char *kind;  /* "opened", "step", "ack", "eta-missed", "note" … */
    const char *actor; /* who */
    const char *credential;
    const char *text; /* one sentence */
    const char *data; /* JSON object text with the facts, or "" */
};

/* Somebody asked not to hear of these alerts for a while. */
struct silence_row {
    uint64_t id;       /* sequential, never reused */
    const char *match; /* matchers, as in a policy */
    const char *author;
    const char *reason;
    int64_t from_ms;
    int64_t until_ms;
    int64_t ended_at_ms; /* 0: it holds */
    const char *ended_by;
};

struct policy_row {
    const char *hash;
    const char *name;
    const char *text;
};

/* Small facts, by kind and name; policies/marks.h says what they are for. */
enum mark_kind {
    MARK_STOPPED, /* "CONTACT CHANNEL", the address: nothing is sent there */
    MARK_ERRORS, /* "CHANNEL ADDRESS", how many answers in a row said that nothing was understood */
    MARK_CODES,  /* "CONTACT CHANNEL", how many wrong codes since at_ms */
    MARK_RECEIPT,  /* "NOTIFICATION", a receipt that came before the result of its own attempt */
    MARK_BUCKET,   /* "CONTACT CHANNEL", how much of the limit is used up (policies/storm.h) */
    MARK_HEARD,    /* "CHANNEL MESSAGE", the answer to a provider's message that was applied */
    MARK_OVERRIDE, /* "NUMBER", who stands in: policies/override.h */
    MARK_DUTY,     /* "SCHEDULE", who had duty when its people were told last */
    MARK_COUNTER,  /* "override", the number given last */
    MARK_CHANGE,   /* its number, what a source says has changed; the last CHANGES_MAX */
    MARK_KIND_COUNT,
};
const char *mark_kind_name(enum mark_kind kind);
int mark_kind_parse(const char *name, enum mark_kind *out_kind);

#define CHANGES_MAX 200

struct mark_row {
    enum mark_kind kind;
    const char *name;
    const char *value;
    int64_t at_ms;
    bool gone; /* going in: the mark is taken away */
};

/* How a job or device that reports by itself stands. */
enum heartbeat_state {
    HEARTBEAT_NEW, /* expected, not heard yet */
    HEARTBEAT_UP,
    HEARTBEAT_MISSED, /* silent for too long */
    HEARTBEAT_FAILED, /* it said so itself */
    HEARTBEAT_STATE_COUNT,
};
const char *heartbeat_state_name(enum heartbeat_state state);
int heartbeat_state_parse(const char *name, enum heartbeat_state *out_state);

#define HEARTBEAT_RUN_BYTES (EVENT_RUN_BYTES_MAX + 1)

struct heartbeat_row {
    const char *source;
    const char *key;
    enum heartbeat_state state;
    int64_t first_at_ms; /* expected since */
    int64_t seen_at_ms;  /* the last signal of any kind */
    int64_t success_at_ms;
    int64_t started_at_ms;
    int64_t failed_at_ms;
    int64_t missed_at_ms;
    int64_t duration_ms;   /* of the last run whose start was reported; 0: unknown */
    int64_t waits_from_ms; /* the interval counts from here */
    int64_t gone_at_ms;    /* since then its source is not configured any more */
    int64_t missed_count;
    int64_t exit_status;           /* of the last failure that gave one; -1: none */
    bool is_running;               /* started, and not ended yet */
    char run[HEARTBEAT_RUN_BYTES]; /* what the start called the run; "" nothing */
    bool forgotten;                /* going in: the row leaves */
};

#define QUARANTINE_ROWS_MAX 10000

struct quarantine_row {
    uint64_t id; /* the store's, rising; not read when going in */
    unsigned char uuid[16];
    int64_t at_ms;
    const char *source; /* "" when nobody knows */
    const char *origin;
    const char *reason;
    const void *bytes; /* NULL: none */
    size_t byte_count;
    uint64_t size; /* more than byte_count: cut */
};

#define DELIVERY_ROWS_MAX 2048 /* each of at least one message: more than a broker has in flight */
#define DELIVERY_MARK_BYTES 10 /* packet id and hash, big endian */

/* The messages of one broker that one commit took, in their order. */
struct deliveries_row {
    const char *broker;
    unsigned char session[16];
    const void *marks;
    size_t mark_bytes;
};

struct attempt_row { /* read only: written through claim_row and outcome_row */
    uint64_t notification;
    int64_t attempt;
    int64_t started_at_ms;
    int64_t ended_at_ms;
    const char *outcome; /* "" while under way */
    const char *reason;
    const char *detail;
};

#endif

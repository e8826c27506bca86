/*
 * input - everything that can change the world, one struct for all: event, reply, command, prepared, result, receipt,
 * quarantine, timer, clock, config.
 *
 * Shape:   made at the edge with a UUIDv7, queued in the inbox, applied once by the engine, then released.
 * Owns:    all texts live until `release` is called; the engine calls it exactly once, after the ticket was completed.
 *          An input that the inbox refused stays the producer's.
 * Threads: handed over by the inbox; nobody but the engine touches it in between.
 */
#ifndef ESCALATED_POLICIES_INPUT_H
#define ESCALATED_POLICIES_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/event.h"

struct ticket;   /* gateway/handoff/ticket.h */
struct rulebook; /* policies/rulebook.h */

enum input_kind {
    INPUT_EVENT,
    INPUT_REPLY,   /* from a person, bound and parsed at the edge */
    INPUT_COMMAND, /* an API or command-line write: the same verbs, always with an incident number */
    INPUT_PREPARED,
    INPUT_RESULT,
    INPUT_RECEIPT,
    INPUT_QUARANTINE, /* what a producer could not make an event of */
    INPUT_SESSION,    /* what is known of a broker's session, before anything is asked of it */
    INPUT_TIMER,
    INPUT_CLOCK,
    INPUT_CONFIG,
    INPUT_KIND_COUNT,
};

/* What one reply or command asks for. The engine decides whether it may. */
enum verb {
    VERB_NONE, /* free text */
    VERB_ACK,
    VERB_KNOWN,
    VERB_ETA,
    VERB_PRIORITY,
    VERB_CAUSE,
    VERB_LOSS,
    VERB_RESTORED,
    VERB_NOTE,
    VERB_WHAT,
    VERB_DOING,
    VERB_AVOID,
    VERB_APPROVE,
    VERB_REJECT,
    VERB_ESCALATE,
    VERB_PASS,
    VERB_TAKE,
    VERB_SNOOZE,
    VERB_RESOLVE,
    VERB_ALL_ACK,
    VERB_STATUS,
    VERB_HELP,
    VERB_STOP,
    VERB_START,
    VERB_REPOLICY, /* a command only */
    VERB_SILENCE, /* `text` why, for duration_ms or until at_ms: this incident's alerts, or those of `match` */
    VERB_UNSILENCE, /* a command only: `match` is the number */
    VERB_OVERRIDE,  /* a command only, about no incident; `text` is JSON (engine/overrides.h) */
    VERB_COUNT,
};

const char *verb_name(enum verb verb);                 /* "ack" … */
int verb_parse(const char *name, enum verb *out_verb); /* -1: none of them */

struct reply_command {
    enum verb verb;
    const char
        *text; /* cause, loss, restored, note, what, doing, avoid, reject, free text; else "" */
    int64_t duration_ms;       /* eta 45m, snooze 30m; 0 when a clock time was given */
    int clock_minute;          /* eta 14:30 as minutes after midnight; -1 when absent */
    int64_t at_ms;             /* an absolute ETA (API, RFC 3339); 0 when absent */
    int64_t from_at_ms;        /* VERB_SILENCE: it begins then, wall clock; 0: at once */
    int priority;              /* 1..5 for VERB_PRIORITY */
    const char *match_or_null; /* VERB_SILENCE: matchers; VERB_UNSILENCE: the number */
    bool
        answers_page; /* bound by address only: holds if the last message that way was a page, a reminder or a digest */
};

#define REPLY_COMMANDS_MAX 16

struct reply {
    const char *from;      /* contact name; "" for an operator or a stranger */
    const char *via;       /* medium: channel name, "link", "api", "cli", "mqtt" */
    uint64_t notification; /* bound by token; 0: unbound */
    uint64_t incident;     /* named by number; 0: from the binding */
    const char *raw;       /* the text as it came, for the timeline */
    int64_t said_at_ms;    /* wall clock, where it waited in the shared inbox; 0: now */
    /* By a medium that proves an address and no more (SMS); NULL for all others. */
    const char *address_or_null;    /* the sender's, as the contact's method has it */
    const char *message_id_or_null; /* the provider's name of the message: applied once */
    const char *code_or_null;       /* the short code that stood in the text; "" none */
    uint64_t incident_else; /* a lone 4 or 6 that does not answer a page names this one; 0: none */
    const char *report_or_null; /* a command: what is known before any alert (policies/report.h) */
    struct reply_command commands[REPLY_COMMANDS_MAX];
    size_t command_count; /* 0: free text in `raw` */
};

/* Bytes that no event could be made of, kept for a person to look at. */
#define QUARANTINE_BYTES_MAX 16384
struct unusable {
    const char *source; /* "" when nobody knows */
    const char *origin; /* "topic plant/7/alarm", "shared inbox" */
    const char *reason; /* a sentence: what was got, what is wanted */
    const void *bytes;  /* the first of them, at most QUARANTINE_BYTES_MAX */
    size_t byte_count;
    uint64_t size; /* all of them */
};

/* A broker's session with us: it ends when the broker forgets it, and with it what it would deliver again. */
struct session {
    const char *broker; /* name of the [mqtt] section */
    unsigned char id[16];
    const char *filters; /* subscribed to in it, a line each */
};

/* One message of a broker as it can be told when it is delivered again: recorded in the commit of its input. */
struct arrival {
    const char *broker;
    unsigned char session[16];
    uint64_t hash; /* of topic and payload */
    uint16_t packet_id;
};

/* Delivery has a slot and the rendered bytes; the engine now decides whether the attempt may start. */
struct prepared {
    uint64_t notification;
    bool ready;          /* false: not now (breaker open, no slot); offer again at retry_at_ms */
    int64_t retry_at_ms; /* engine time */
    bool failed;         /* cannot be rendered at all: ends as failed with `reason` */
    const char *reason;
    const void *body; /* NULL on a retry: the stored bytes are used */
    size_t body_count;
    const char *content_type;
    const char *subject;
};

enum outcome {
    OUTCOME_ACCEPTED,
    OUTCOME_TEMPORARY,
    OUTCOME_UNKNOWN,
    OUTCOME_FAILED,
    OUTCOME_COUNT
};
const char *outcome_name(enum outcome outcome);

struct result {
    uint64_t notification;
    int64_t attempt;
    enum outcome outcome;
    const char *reason;      /* a short word: "http-503", "network", "timeout" */
    const char *detail;      /* a sentence for people */
    const char *provider_id; /* what the provider calls the message; "" when it says none */
    int64_t retry_after_ms;  /* asked by the peer; 0 when not */
};

struct receipt {
    uint64_t notification; /* 0: found by channel and provider_id */
    const char *channel;
    const char *provider_id;
    bool delivered;   /* false: failed */
    bool is_underway; /* neither: the provider has the message, no more is known */
    const char *reason;
};

struct input {
    enum input_kind kind;
    unsigned char id[16]; /* UUIDv7; all zero for timers */
    const char
        *actor; /* "source shop", "contact ann", "user root", "engine": who, for the timeline */
    const char *credential; /* "token", "link", "peer uid 0", "hmac": by what */
    struct ticket *ticket;  /* NULL: nobody waits */
    uint32_t ticket_index;  /* which of the ticket's answers this one is */
    /* Its item in the store's inbox, which leaves with the commit that applies it; 0: it was never there. Whoever sent it
     * heard "recorded" long ago, so that the ticket reaches nobody. */
    uint64_t inbox_sequence;
    void (*release)(struct input *input); /* NULL: nothing to free */
    const struct arrival *arrival;        /* NULL: not of a broker */
    union {
        struct event event;
        struct reply reply; /* INPUT_REPLY and INPUT_COMMAND */
        struct prepared prepared;
        struct result result;
        struct receipt receipt;
        struct unusable unusable;
        struct session session;
        int64_t wall_offset_ms; /* INPUT_CLOCK: wall clock minus engine time */
        const struct rulebook
            *rulebook; /* INPUT_CONFIG: in force from this input on; alive until the next one is */
    } u;
};

/* What the producer of one input is told after the commit. */
enum answer_status {
    ANSWER_DONE,      /* committed; `incident` and `text` say what came of it */
    ANSWER_REFUSED,   /* committed as a refusal: `text` says why (unknown incident, not allowed) */
    ANSWER_UNKNOWN,   /* nothing applied: no such incident or notification */
    ANSWER_BUSY,      /* not committed: try again */
    ANSWER_FULL,      /* not committed: the disk is full */
    ANSWER_OVERLIMIT, /* not applied: too many open incidents; try again later */
    ANSWER_RECORDED,  /* durable in the shared inbox: the node that holds the engine applies it */
    ANSWER_STATUS_COUNT,
};

struct answer {
    enum answer_status status;
    uint64_t incident; /* 0: none; of VERB_OVERRIDE the override's number */
    uint64_t silence;  /* the one made; 0: none */
    const char
        *text; /* one or two sentences for a person; "" for events; valid during the call only */
};

#endif

/*
 * act - what one move of an incident asks for, in order: say it on the timeline, send a message,
 * cancel or hasten one.
 *
 * Shape:   policies fill the list; the engine turns each act into rows.
 * Owns:    acts and their texts live in the moment's arena, or as long as the rulebook and incident
 *          they were taken from.
 * Limits:  a message for each method of each target: bounded by the configuration.
 */
#ifndef ESCALATED_POLICIES_ACT_H
#define ESCALATED_POLICIES_ACT_H

#include "gateway/base/arena.h"
#include "policies/row.h"
#include "policies/rulebook.h"
#include "policies/schedule.h"

struct heartbeats;
struct ledger;
struct notification;

enum act_kind {
    ACT_NOTE,   /* a timeline entry */
    ACT_SEND,   /* a new notification */
    ACT_CANCEL, /* end a pending notification */
    ACT_HASTEN, /* a pending notification is due sooner */
    ACT_KIND_COUNT,
};

struct note {
    const char *kind;
    const char *actor; /* filled in from the moment */
    const char *credential;
    const char *text;
    const char *data; /* JSON object text or "" */
};

/* Facts of a note, all optional: written as JSON in this order. */
struct facts {
    const char *state; /* the incident's state after this, when it changed */
    const char *policy;
    const char *step;
    const char *by;
    int64_t eta_at_ms;
    int64_t until_ms;
    int64_t slip_count;
    int64_t climb;
    int64_t follows;  /* number of the incident before */
    const char *from; /* hashes of policy versions */
    const char *to;
    const char *backup; /* whose last success is that */
    int64_t backup_at_ms;
    const char *missing; /* what an ack has not said: "eta, cause" */
};

struct message {
    enum notification_kind kind;
    const char *step;
    int64_t climb;
    int64_t repetition;
    const char *contact; /* contact name, "&audience" or "channel:NAME" */
    const char *channel;
    const char *address;
    int64_t due_at_ms;
    bool urgent;   /* of a critical or p1 incident: quiet hours do not hold it back */
    bool deferred; /* due_at_ms is the end of quiet hours */
    const char
        *text; /* what a notice, reminder or answer says; for a page why it comes, "" mostly */
};

struct act {
    enum act_kind kind;
    union {
        struct note note;
        struct message message;
        struct {
            struct notification *notification;
            const char *reason;
            int64_t at_ms; /* ACT_HASTEN: due then */
        } end;
    } u;
};

/* One decision's surroundings, and what it decided. */
struct moment {
    const struct rulebook *book;
    const struct ledger *marks_or_null;          /* which methods are switched off */
    const struct overrides *overrides_or_null;   /* who stands in on which schedule */
    const struct heartbeats *heartbeats_or_null; /* who reports by itself, and when it did last */
    struct arena *arena;
    int64_t now_ms;
    int64_t wall_offset_ms; /* wall clock minus engine time: for local times only */
    const char
        *mark; /* what holds the incident back from now on, "" nothing: policies/suppression.h */
    const char *mark_text; /* the same for people */
    int64_t mark_until_ms; /* 0: nobody knows */
    const char *actor; /* who moves the incident now, and by what: stands in each timeline entry */
    const char *credential;
    struct act *acts;
    size_t act_count;
    size_t act_capacity;
    bool refused;       /* the move was not allowed; `answer` says why */
    const char *answer; /* a sentence for whoever made the move, or "" */
};

void moment_init(struct moment *moment, const struct rulebook *book, struct arena *arena,
                 int64_t now_ms, int64_t wall_offset_ms);
/* Forget the acts, keep the surroundings: for the next move of the same batch. */
void moment_next(struct moment *moment);

void moment_note(struct moment *moment, const char *kind, const struct facts *facts_or_null,
                 const char *text);
/* As moment_note with a formatted text. */
void moment_notef(struct moment *moment, const char *kind, const struct facts *facts_or_null,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same of parts one behind the other: for what is said often. */
void moment_note_parts(struct moment *moment, const char *kind, const struct facts *facts_or_null,
                       const char *const *parts, size_t count);
void moment_send(struct moment *moment, const struct message *message);
/* Once for each notification and move. */
void moment_cancel(struct moment *moment, struct notification *notification, const char *reason);
/* Has this move cancelled it? It stands as pending until the acts are performed. */
bool moment_ends(const struct moment *moment, const struct notification *notification);
/* What this very move has put off to the end of quiet hours for a step is not made at all. */
void moment_unsend_deferred(struct moment *moment, enum notification_kind kind, const char *step);
void moment_hasten(struct moment *moment, struct notification *notification, int64_t at_ms,
                   const char *reason);

/* The schedules as they are at this moment. */
struct roster moment_roster(const struct moment *moment);

/* "Sun 2026-03-01 14:30 (Europe/Berlin)" for engine time `at_ms`, in the arena. */
const char *moment_local_time(const struct moment *moment, const struct zone *zone, int64_t at_ms);
/* The zone a person thinks in: the contact's, else the site's. */
const struct zone *moment_zone_of(const struct moment *moment, const char *contact);

#endif

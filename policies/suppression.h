/*
 * suppression - what holds an incident back although its alerts fire: maintenance, then a silence, then inhibition.
 *
 * Shape:   an alert + what is in force -> its mark, "" or one of "maintenance NAME", "silence 7", "inhibition NAME": the
 *          first of this order that fits. An incident is marked when all its firing alerts are (where none fires, all it
 *          has), with the mark of the oldest. suppression_settle makes an incident follow its mark: no steps run under one,
 *          and its end starts a new climb.
 *          Quiet hours and the rate limit, the last two of the order, hold back single notifications, never an incident.
 * Units:   *_at_ms engine time; wall_ms wall clock, which maintenance windows go by.
 * Owns:    a silence's texts and patterns are its owner's; marks that are made here lie in the arena.
 * Limits:  SILENCES_MAX at a time, each of at most SILENCE_LONGEST_MS.
 * Source:  DESIGN section 4, rule 14; Alertmanager's meaning of an inhibition.
 */
#ifndef ESCALATED_POLICIES_SUPPRESSION_H
#define ESCALATED_POLICIES_SUPPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "policies/act.h"
#include "policies/event.h"
#include "policies/rulebook.h"

struct incident;
struct undecided; /* policies/route.h */
struct strbuf;    /* gateway/base/text.h */

#define SILENCES_MAX 1000
#define SILENCE_LONGEST_MS (INT64_C(366) * 86400000)
#define SILENCE_TEXT_BYTES_MAX 4096

/* One that holds now, or from from_ms on. */
struct silence {
    uint64_t id;
    struct match_line line;
    const char *match; /* its text */
    const char *author;
    const char *reason;
    int64_t from_ms;
    int64_t until_ms;
};

/* Whatever can hold an alert back at one instant. */
struct suppression {
    const struct rulebook *book;
    int64_t wall_ms;
    int64_t now_ms;
    const bool *holds;              /* which maintenances do, in their order */
    const struct silence *silences; /* by id */
    size_t silence_count;
    /* Does a rule's `when` fire for this alert? NULL: nothing is inhibited. */
    bool (*is_inhibited)(void *self, const struct inhibit *rule, const struct event *event,
                         const char *key);
    void *self;
    struct undecided
        *undecided_or_null; /* by match_use: what does not hold it back for that alone */
};

/* By which of them, in the order in which they are looked at. */
enum suppression_kind {
    SUPPRESSION_NONE,
    SUPPRESSION_MAINTENANCE,
    SUPPRESSION_SILENCE,
    SUPPRESSION_INHIBITION,
    SUPPRESSION_KIND_COUNT,
};
enum suppression_kind suppression_kind(const char *mark);
const char *suppression_kind_name(enum suppression_kind kind);

/* The mark of one alert, "" where nothing holds it back. */
const char *suppression_mark(const struct suppression *now, const struct event *event,
                             const char *key, struct arena *arena);

bool maintenance_holds(const struct maintenance *maintenance, int64_t wall_ms);
/* The first instant after `wall_ms` at which a window opens or closes; INT64_MAX: there is none. */
int64_t maintenance_next_ms(const struct maintenance *maintenance, int64_t wall_ms);
/* The end of what holds at `wall_ms`, windows that follow without a gap included; INT64_MAX: none is in sight. */
int64_t maintenance_until_ms(const struct maintenance *maintenance, int64_t wall_ms);

/* A rule's values of `equal`, as text: alerts are equal to it where this is. */
void inhibit_values(const struct inhibit *rule, const struct event *event, const char *key,
                    struct strbuf *out);

/* Is it marked? */
bool suppression_holds(const struct incident *incident);

/* When the mark ends as far as anybody knows, engine time; 0: nobody does. */
int64_t suppression_until_ms(const char *mark, const struct suppression *now,
                             int64_t wall_offset_ms);
/* The mark as a person reads it, with reason and author: `silence 7 (deploy, by bob)`. */
const char *suppression_text(const char *mark, const struct suppression *now, struct arena *arena);

/* The incident follows moment->mark: what was just marked sends no more pages, what no longer is climbs anew. */
void suppression_settle(struct incident *incident, struct moment *moment);
/* It has just ended under its mark: after-care follows where somebody was told. */
void suppression_close(struct incident *incident);

#endif

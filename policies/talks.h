/*
 * talks - what an incident has to say and to ask: the parts of its update with the gates of each
 * step that sends it, and the asks with their answers.
 *
 * Shape:   updates.c and asks.c decide; this keeps, finds, and writes to and reads from JSON.
 * Units:   *_at_ms engine time, 0: not set.
 * Owns:    everything lies in an arena of its own and belongs to the incident; an incident without any
 *          has none (NULL). Texts that were replaced stay in the arena until the engine makes the talks
 *          anew from their JSON, as it does when there are more than TALKS_SPARE_BYTES_MAX of them.
 * Limits:  one update and one ask for each step name; TALKS_ANSWER_BYTES_MAX of answers an incident.
 * Fails:   talks_read: -1 with what is wrong in the stored text.
 * Source:  DESIGN section 4, rules 17 and 18.
 */
#ifndef ESCALATED_POLICIES_TALKS_H
#define ESCALATED_POLICIES_TALKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "policies/rulebook.h"

#define TALKS_ANSWER_BYTES_MAX (512 * 1024)
#define TALKS_LINE_BYTES 64 /* that each line counts besides its text */
#define TALKS_SPARE_BYTES_MAX (64 * 1024)
#define TALKS_JSON_BYTES_MAX (16 * 1024 * 1024) /* all at their bounds, every byte escaped */

struct incident;
struct notification;

enum update_state {
    UPDATE_INCOMPLETE, /* its author is asked for what is missing */
    UPDATE_CHANGED,    /* complete and changed since it last went out: quiet before the gates */
    UPDATE_HELD,       /* with the approvers */
    UPDATE_RETURNED,   /* rejected: back with its author */
    UPDATE_SENT,
    UPDATE_DROPPED,
    UPDATE_STATE_COUNT,
};
const char *update_state_name(enum update_state state);

/* An inform step with `require` that has run in this opening. */
struct update {
    struct update *next;
    const char *step;
    enum update_state state;
    bool escalated;         /* the fallback has been asked to approve as well */
    int32_t round;          /* repetition of the first messages of this approval; 0: none */
    int64_t due_at_ms;      /* ask again, pass the gates, or the time to approve is over */
    int64_t remind_at_ms;   /* the author hears of the promise */
    int64_t promised_at_ms; /* the next update */
    int64_t sent_at_ms;     /* the last one */
    int64_t sent_count;
};

struct answer_line {
    struct answer_line *next; /* in the order of arrival */
    const char *by;
    const char *text;
    int64_t at_ms;
    int64_t sort_ms; /* of a line that begins with a time: that; else at_ms */
};

struct asked {
    struct asked *next; /* in the order in which they were asked */
    const char *name;
    bool answered; /* since they were asked last */
};

struct ask {
    struct ask *next;
    const char *step;
    const char *question; /* as it was asked */
    int64_t asked_at_ms;
    int64_t deadline_at_ms;
    int64_t remind_at_ms;
    int64_t closed_at_ms;
    struct asked *asked;
    struct answer_line *lines;
    struct answer_line *last_line;
    size_t line_count;
};

struct talks {
    const char *parts[PART_COUNT]; /* "" while missing */
    const char *author;            /* who wrote the last part; "" nobody yet */
    struct update *updates;        /* in the order in which they ran */
    struct ask *asks;
    size_t answer_bytes;
    size_t spare_bytes; /* of the arena: texts that were replaced */
    struct arena arena;
};

/* Makes the incident's talks where it has none. */
struct talks *talks_of(struct incident *incident);
void talks_clear(
    struct talks *talks); /* all but the struct itself, which is the caller's to free */
void talks_forget_updates(struct talks *talks); /* and the parts */
void talks_set_text(struct talks *talks, const char **place, const char *text);

struct update *talks_update(const struct talks *talks_or_null, const char *step);
struct update *talks_add_update(struct talks *talks, const char *step);
struct ask *talks_ask(const struct talks *talks_or_null, const char *step);
struct ask *talks_add_ask(struct talks *talks, const char *step);
struct asked *ask_find_person(const struct ask *ask, const char *name);
struct asked *ask_add_person(struct talks *talks, struct ask *ask, const char *name);
struct answer_line *ask_add_line(struct talks *talks, struct ask *ask, const char *by,
                                 const char *text, size_t length);

/* The earliest thing that is due, INT64_MAX when nothing is. */
int64_t talks_due_ms(const struct talks *talks_or_null);
/* Is there an ask that waits for answers, or an update that may still go out? */
bool talks_are_open(const struct talks *talks_or_null);
/* Does this message belong to an update or ask, and not to the ladder? */
bool talks_own(const struct talks *talks_or_null, const struct notification *notification);
/* Of one that does: should it still be sent? */
bool talks_want(const struct talks *talks, const struct notification *notification);

/* One JSON object; the same talks always give the same text. Where reading fails *out_talks is what there is so far, or
 * NULL: the caller's to free like any. */
void talks_write(const struct talks *talks, struct strbuf *out);
int talks_read(const char *text, struct talks **out_talks, struct err *err);

#endif

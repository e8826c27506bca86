/*
 * marks - small facts that outlive a restart: a method that is switched off, answers given in vain, a receipt that came
 * too early.
 *
 * Shape:   kind and name -> value and time; each pair once, in the order of kind and name.
 * Owns:    the texts are copies of its own; marks_clear frees them. What marks_find gives lives until the next change.
 * Threads: one at a time.
 * Limits:  what the engine marks is bounded by the contact methods and the claims; MARK_HEARD, which is not, stays in the
 *          store.
 * Source:  DESIGN section 7; GUARANTEES rule 4, I20, I24.
 */
#ifndef ESCALATED_POLICIES_MARKS_H
#define ESCALATED_POLICIES_MARKS_H

#include "policies/row.h"

#define MARK_NAME_BYTES 512

struct mark {
    enum mark_kind kind;
    char *name;
    char *value;
    int64_t at_ms;
};

struct marks {
    struct mark *items;
    size_t count;
    size_t capacity;
};

void marks_clear(struct marks *marks);
void marks_put(struct marks *marks, const struct mark_row *row);
const struct mark *marks_find(const struct marks *marks, enum mark_kind kind, const char *name);

/* "FIRST SECOND", the name of a mark about a pair. */
const char *mark_pair(const char *first, const char *second, char out[MARK_NAME_BYTES]);

/* Has the contact switched this method off? The mark holds for one address: a new one is not switched off. */
bool marks_is_stopped(const struct marks *marks_or_null, const char *contact, const char *channel,
                      const char *address);

#endif

/*
 * silences - those that hold now or will, with their matchers compiled.
 *
 * Shape:   rows of the store, or a person's words -> struct silence; in the order of their numbers.
 * Owns:    texts and patterns, until the silence is taken out.
 * Threads: one at a time.
 * Limits:  SILENCES_MAX, kept by who adds.
 * Fails:   silences_add: -1 where the matchers cannot be read.
 */
#ifndef ESCALATED_ENGINE_SILENCES_H
#define ESCALATED_ENGINE_SILENCES_H

#include "gateway/base/err.h"
#include "policies/row.h"
#include "policies/suppression.h"

struct silences {
    struct silence *items;
    struct arena **arenas; /* of each one's texts */
    size_t count;
    size_t capacity;
    uint64_t last_id; /* ever given */
};

int silences_add(struct silences *silences, const struct silence_row *row, struct err *err);
void silences_drop(struct silences *silences, uint64_t id);
void silences_clear(struct silences *silences);
const struct silence *silences_find(const struct silences *silences, uint64_t id); /* or NULL */
/* When the next one begins or ends after now; INT64_MAX: none does. */
int64_t silences_next_ms(const struct silences *silences, int64_t now_ms);
size_t silences_holding(const struct silences *silences, int64_t now_ms);

/* Can these matchers be read? */
int silences_check(const char *match, struct arena *arena, struct err *err);

#endif

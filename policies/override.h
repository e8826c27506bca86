/*
 * override - somebody stands in on a schedule for a while: made at run time, goes before what the configuration says.
 *
 * Shape:   its mark in the store (name: number, value: JSON) <-> struct override; `struct overrides` keeps them by number.
 *          They are applied in that order, so that the newest has the last word: one without `instead_of` answers alone,
 *          one with it takes that person's place where they have duty.
 * Units:   from_ms and until_ms are wall-clock UTC milliseconds, made_at_ms engine time.
 * Owns:    whoever makes the list; what overrides_apply gives lies in the arena given.
 * Threads: one at a time; any number of readers while nobody changes it.
 * Limits:  OVERRIDES_MAX at once, OVERRIDE_SPAN_MAX_MS long, OVERRIDE_AHEAD_MAX_MS ahead; whoever adds checks them.
 * Fails:   override_read -1 for a value that nobody writes. A schedule or a stand-in that is no longer configured: ignored.
 */
#ifndef ESCALATED_POLICIES_OVERRIDE_H
#define ESCALATED_POLICIES_OVERRIDE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "policies/row.h"
#include "policies/rulebook.h"

#define OVERRIDES_MAX 1000
#define OVERRIDE_AT_ONCE_MAX 8 /* in one command: a swap is two */
#define OVERRIDE_SPAN_MAX_MS (INT64_C(366) * 86400000)
#define OVERRIDE_AHEAD_MAX_MS (INT64_C(731) * 86400000)
#define OVERRIDE_BYTES_MAX 2048 /* of the value of its mark */

struct override {
    uint64_t number;
    const char *schedule;
    const char *who;        /* contact */
    const char *instead_of; /* contact; "": whoever has duty */
    int64_t from_ms;
    int64_t until_ms; /* not in it any more */
    int64_t made_at_ms;
    const char *made_by; /* "user root", "token phone" */
};

struct overrides {
    struct override *items; /* by number */
    size_t count;
    size_t capacity;
};

/* Where that number stands, or would stand. */
size_t overrides_place(const struct overrides *overrides, uint64_t number);
const struct override *overrides_find(const struct overrides *overrides, uint64_t number);

/* The mark as an override, its texts in the arena. */
int override_read(const struct mark_row *mark, struct arena *arena, struct override *out_override,
                  struct err *err);
/* The value of its mark. */
void override_write(const struct override *override, struct strbuf *out);

struct duty; /* schedule.h */

/* Who has duty on the schedule of this name, when `duty` is what stands without any. */
void overrides_apply(const struct overrides *overrides, const struct rulebook *book,
                     const char *schedule, int64_t at_ms, struct arena *arena, struct duty *duty);
/* When one of this schedule begins or ends next; INT64_MAX when none does. */
int64_t overrides_next_change_ms(const struct overrides *overrides, const char *schedule,
                                 int64_t at_ms);

#endif

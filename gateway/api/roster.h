/*
 * roster - the schedules as they are now: those of the configuration with the overrides of the store.
 *
 * Owns:    all of it lies in the arena given.
 * Threads: the reader's.
 * Fails:   -1 when the store does not answer, or holds an override that cannot be read.
 */
#ifndef ESCALATED_API_ROSTER_H
#define ESCALATED_API_ROSTER_H

#include "gateway/store/store_read.h"
#include "policies/schedule.h"

int roster_read(struct store_reader *reader, const struct rulebook *book, struct arena *arena,
                struct roster *out_roster, struct err *err);

/* Calls `take` for each stretch in which one of the people has duty without a break, in the order of their ends; one that
 * is not over at until_ms ends there. `name_or_null`: of this contact only. False: `take` wanted no more. */
typedef bool roster_take(void *self, const char *name, int64_t from_ms, int64_t until_ms);
bool roster_walk(const struct roster *roster, const struct schedule *schedule,
                 const char *name_or_null, int64_t from_ms, int64_t until_ms, roster_take *take,
                 void *self);

#endif

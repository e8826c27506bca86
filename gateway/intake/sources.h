/*
 * sources - who may send, and how much: tokens, and one bucket of events for each source.
 *
 * Shape:   sources_load(config) at start and at every reload; then look-ups by token or name, and
 *          taking from buckets.
 * Owns:    names given out are copies in the caller's arena: a reload never pulls them away.
 * Threads: any; one lock, held for a look-up.
 * Limits:  a bucket fills at `rate_per_minute` up to `burst`. A request takes all its events at
 *          once when at least one is left, so a large request is possible and is paid for
 *          afterwards.
 */
#ifndef ESCALATED_INTAKE_SOURCES_H
#define ESCALATED_INTAKE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/config/config.h"

struct sources;

struct sources *sources_create(void);
void sources_destroy(struct sources *sources);

/* Takes over what a bucket holds from the source of the same name. */
void sources_load(struct sources *sources, const struct config *config);

/* The source with this token, its name copied to the arena, or NULL. Time does not depend on which
 * token it is. */
const char *sources_by_token(struct sources *sources, const char *token, struct arena *arena);
bool sources_has(struct sources *sources, const char *name);
bool sources_is_watched(struct sources *sources, const char *name); /* for heartbeats */

/* Milliseconds until there is one event left; 0: there is. -1: no such source. */
int64_t sources_wait_ms(struct sources *sources, const char *name, int64_t mono_ms);
/* Takes `count` events. Answers as sources_wait_ms; only 0 has taken them. */
int64_t sources_take(struct sources *sources, const char *name, size_t count, int64_t mono_ms);

#endif

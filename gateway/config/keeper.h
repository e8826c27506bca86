/*
 * keeper - what a configuration holds besides its arena: secrets, time zones and compiled patterns.
 *
 * Owns:    all of it until keeper_clear, which wipes the secrets first.
 * Threads: one at a time while building; read-only afterwards.
 */
#ifndef ESCALATED_CONFIG_KEEPER_H
#define ESCALATED_CONFIG_KEEPER_H

#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/regex.h"
#include "gateway/base/zone.h"
#include "gateway/system/secret.h"

struct kept;

struct keeper {
    struct arena arena; /* the list itself */
    struct kept *first;
};

void keeper_init(struct keeper *keeper);
void keeper_clear(struct keeper *keeper);

/* Takes the secret over; answers its bytes as text (NUL-terminated). */
const char *keeper_secret(struct keeper *keeper, struct secret secret);
int keeper_regex(struct keeper *keeper, const char *pattern, const struct regex **out_regex,
                 struct err *err);
/* Read once, from /usr/share/zoneinfo. */
int keeper_zone(struct keeper *keeper, const char *name, const struct zone **out_zone,
                struct err *err);

/* Frees all but the patterns, whose owner is now somebody else. */
void keeper_release_regexes(struct keeper *keeper);

#endif

/*
 * doubts - of the matchers looked at in one step: which of them ran into their limits and so matched nothing.
 *
 * Shape:   doubts_add for each look; the thread counts and logs them after the commit.
 * Owns:    texts lie in the arena of the step.
 * Limits:  by use (policy, silence ...) a count, and name and matcher of the first.
 */
#ifndef ESCALATED_ENGINE_DOUBTS_H
#define ESCALATED_ENGINE_DOUBTS_H

#include <stddef.h>

#include "gateway/base/arena.h"
#include "policies/route.h"

struct doubt {
    size_t count;
    const char *name; /* of the policy, maintenance or rule; of a silence its matchers */
    const char *matcher;
};

struct doubts {
    struct doubt of[MATCH_USE_COUNT];
};

void doubts_add(struct doubts *doubts, enum match_use use, const struct undecided *undecided,
                struct arena *arena);

#endif

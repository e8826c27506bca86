/*
 * frozen - the policies incidents opened with, kept for as long as one of them needs them.
 *
 * Shape:   a policy of the rulebook is copied without its matchers, which a running ladder never
 *          asks again; equal hashes share a copy.
 * Owns:    the copies; frozen_drop gives one back.
 * Threads: one at a time.
 */
#ifndef ESCALATED_ENGINE_FROZEN_H
#define ESCALATED_ENGINE_FROZEN_H

#include "gateway/engine/table.h"
#include "policies/rulebook.h"

struct frozen {
    struct table items; /* by hash */
};

void frozen_clear(struct frozen *frozen);

/* The copy with this hash, or NULL; counts one use more. */
const struct policy *frozen_keep(struct frozen *frozen, const char *hash);
/* As frozen_keep; makes the copy when there is none yet. */
const struct policy *frozen_add(struct frozen *frozen, const struct policy *policy);
void frozen_drop(struct frozen *frozen, const struct policy *policy);

#endif

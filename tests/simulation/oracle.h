/*
 * oracle - a second, naive ladder, written from the rules in policies/README.md: told what came in and what became of the
 * messages, it says what the engine must have decided.
 *
 * Shape:   one committed step (its inputs and its effects) -> NULL, or the first thing that differs.
 *          What the engine decides (timeline entries, messages, cancellations, where an incident stands) is expected;
 *          what channels did to a message (claims, outcomes) is taken as given.
 * Owns:    everything it remembers; the rulebooks must outlive it.
 * Limits:  says nothing more from the moment at which an incident is moved to another version of its policy; replies must be
 *          bound to an incident or a message.
 */
#ifndef ESCALATED_SIMULATION_ORACLE_H
#define ESCALATED_SIMULATION_ORACLE_H

#include "policies/effect.h"
#include "policies/rulebook.h"

struct oracle;

struct oracle *oracle_create(const struct rulebook *book);
void oracle_destroy(struct oracle *oracle);

struct oracle_step {
    int64_t now_ms;
    int64_t started_at_ms;       /* of this process: no message expires before it had its time */
    uint64_t process;            /* which one this is */
    uint64_t load;               /* how often the store was read, by this process or another */
    const struct rulebook *book; /* with which it began that, and the clock it saw */
    int64_t wall_offset_ms;
    struct input *const *inputs; /* none: what was due ran */
    size_t count;
    const struct effects *effects_or_null; /* NULL: nothing changed */
};

/* The answer lives until the next call. */
const char *oracle_judge(struct oracle *oracle, const struct oracle_step *step);

#endif

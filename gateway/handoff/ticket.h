/*
 * ticket - how the producer of an input hears what came of it: exactly once for each of its inputs,
 * after the commit.
 *
 * Shape:   a producer whose inputs are one sequence, in pieces, sets `is_broken`: from the first one that
 *          was not applied on, `complete` makes it true, and the engine answers those that come behind with
 *          ANSWER_BUSY and applies none of them, so that what has to come again is the sequence's end.
 * Owns:    the producer; it must stay valid until all its answers have come.
 * Threads: `complete` is called on the engine's thread: it must not block; it usually notes the
 *          answer and wakes its own thread (one wake for many answers). `broken` engines never call
 *          it: nobody is answered.
 */
#ifndef ESCALATED_HANDOFF_TICKET_H
#define ESCALATED_HANDOFF_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/input.h"

struct ticket {
    void (*complete)(struct ticket *ticket, uint32_t index, const struct answer *answer);
    const bool *is_broken; /* NULL: each input is for itself. Read on the engine's thread only */
};

#endif

/*
 * shrink - the fewest deeds of a plan with which the same invariant still breaks.
 *
 * Shape:   a broken plan, how it was lived and its report -> the plan with deeds left out, and the report of its last run.
 * Limits:  `runs_max` runs; then what there is.
 */
#ifndef ESCALATED_SIMULATION_SHRINK_H
#define ESCALATED_SIMULATION_SHRINK_H

#include "tests/simulation/world.h"

void shrink(struct plan *plan, const struct world_options *options, struct report *report,
            int runs_max);

#endif

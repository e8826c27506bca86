/*
 * memory - I35 for one process: what a life has taken it gives back, and an engine at rest holds no more than a young one.
 *
 * Shape:   memory_used after some lives and after more; memory_at_rest at the end of a life, over an engine with nothing to do.
 * Units:   bytes in use as the allocator counts them; 0 under a sanitizer, whose own leak check says more.
 */
#ifndef ESCALATED_SIMULATION_MEMORY_H
#define ESCALATED_SIMULATION_MEMORY_H

#include <stddef.h>

struct world;

size_t memory_used(void);
/* Ends the engine and starts another one over the same store. */
void memory_at_rest(struct world *world);

#endif

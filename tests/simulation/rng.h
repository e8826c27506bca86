/*
 * rng - chance that can be repeated: one stream for each part of a run, all from one seed.
 *
 * Shape:   rng_stream(seed, part) -> rng_next, rng_below, rng_chance.
 * Limits:  not for secrets. Two draws never stand in one expression or initialiser: compilers order those as they like.
 * Source:  splitmix64.
 */
#ifndef ESCALATED_SIMULATION_RNG_H
#define ESCALATED_SIMULATION_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

/* Streams of different parts never meet: what one part draws changes nothing for another. */
struct rng rng_stream(uint64_t seed, const char *part);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t end); /* 0 where `end` is 0 */
bool rng_chance(struct rng *rng, unsigned percent);

#endif

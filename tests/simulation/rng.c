#include "tests/simulation/rng.h"

#include <string.h>

#include "gateway/base/text.h"

struct rng rng_stream(uint64_t seed, const char *part)
{
    struct rng rng = {.state = seed};
    return (struct rng){.state = text_hash(rng_next(&rng), part, strlen(part))};
}

uint64_t rng_next(struct rng *rng)
{
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = rng->state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t rng_below(struct rng *rng, uint64_t end)
{
    return end == 0 ? 0 : rng_next(rng) % end;
}

bool rng_chance(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

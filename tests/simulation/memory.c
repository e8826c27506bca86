#include "tests/simulation/memory.h"

#include <malloc.h>

#include "tests/simulation/world_state.h"

/* Arenas keep their newest chunk, which doubles; tables keep the room that they once needed. */
enum { KEPT_ROOM_BYTES = 2 << 20 };

size_t memory_used(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void memory_at_rest(struct world *world)
{
    size_t with_old = memory_used();
    engine_destroy(world->engine);
    world->engine = NULL;
    size_t without = memory_used();
    world_start_engine(world);
    size_t with_new = memory_used();
    size_t old_bytes = with_old - without, new_bytes = with_new - without;
    if (old_bytes > new_bytes + KEPT_ROOM_BYTES)
        world_breach(world, "I35", "at rest an engine holds %zu bytes, a young one %zu", old_bytes,
                     new_bytes);
}

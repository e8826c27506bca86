#include "policies/effect.h"

#include <string.h>

#include "gateway/base/assert.h"

void effects_init(struct effects *effects, struct arena *arena)
{
    *effects = (struct effects){.arena = arena};
}

void effects_add(struct effects *effects, struct effect effect)
{
    enum { FIRST_CAPACITY = 64 };
    ASSERT(effect.kind < EFFECT_KIND_COUNT);
    if (effects->count == effects->capacity) {
        size_t capacity = effects->capacity == 0 ? FIRST_CAPACITY : effects->capacity * 2;
        struct effect *items = arena_take_array(effects->arena, capacity, sizeof(*items));
        if (effects->count > 0)
            memcpy(items, effects->items, effects->count * sizeof(*items));
        effects->items = items;
        effects->capacity = capacity;
    }
    effects->items[effects->count++] = effect;
}

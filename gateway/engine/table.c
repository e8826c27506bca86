#include "gateway/engine/table.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

enum { FIRST_CAPACITY = 64 };

/* Never 0, which marks an empty slot: a walk that finds nothing then reads hashes alone. */
static uint32_t fold(uint64_t hash)
{
    uint32_t folded = (uint32_t)(hash ^ hash >> 32);
    return folded != 0 ? folded : 1;
}

void table_clear(struct table *table)
{
    free(table->items);
    free(table->hashes);
    *table = (struct table){0};
}

/* Slots are in the order of the hashes, whatever the capacity: it need be no power of two, and a larger table is filled from
 * one end to the other. */
static size_t home_of(const struct table *table, uint32_t hash)
{
    return (size_t)((uint64_t)hash * table->capacity >> 32);
}

static size_t after(const struct table *table, size_t slot)
{
    return slot + 1 < table->capacity ? slot + 1 : 0;
}

static void put(struct table *table, uint32_t hash, void *item)
{
    size_t slot = home_of(table, hash);
    while (table->hashes[slot] != 0)
        slot = after(table, slot);
    table->items[slot] = item;
    table->hashes[slot] = hash;
}

static void grow(struct table *table)
{
    struct table old = *table;
    table->capacity = old.capacity == 0 ? FIRST_CAPACITY : old.capacity + old.capacity / 4;
    ASSERT(table->capacity <= (size_t)1 << 31);
    table->items = heap_alloc(table->capacity * sizeof(*table->items));
    table->hashes = heap_alloc(table->capacity * sizeof(*table->hashes));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.items[i] != NULL)
            put(table, old.hashes[i], old.items[i]);
    }
    free(old.items);
    free(old.hashes);
}

void table_add(struct table *table, uint64_t hash, void *item)
{
    ASSERT(item != NULL);
    if (table->count >= table->capacity / 8 * 7)
        grow(table);
    put(table, fold(hash), item);
    table->count++;
}

static void *seek(const struct table *table, struct table_walk *walk)
{
    while (table->hashes[walk->slot] != 0) {
        if (table->hashes[walk->slot] == walk->hash)
            return table->items[walk->slot];
        walk->slot = after(table, walk->slot);
    }
    return NULL;
}

void *table_first(const struct table *table, uint64_t hash, struct table_walk *out_walk)
{
    *out_walk = (struct table_walk){.hash = fold(hash)};
    if (table->capacity == 0)
        return NULL;
    out_walk->slot = home_of(table, out_walk->hash);
    return seek(table, out_walk);
}

void *table_next(const struct table *table, struct table_walk *walk)
{
    walk->slot = after(table, walk->slot);
    return seek(table, walk);
}

/* From one slot on to another. */
static size_t way(const struct table *table, size_t from, size_t to)
{
    return to >= from ? to - from : to + table->capacity - from;
}

/* Items behind the hole move up, so that no walk ends early and no tombstones pile up. */
static void close_hole(struct table *table, size_t hole)
{
    size_t slot = hole;
    table->items[hole] = NULL;
    table->hashes[hole] = 0;
    for (;;) {
        slot = after(table, slot);
        if (table->hashes[slot] == 0)
            return;
        size_t home = home_of(table, table->hashes[slot]);
        if (way(table, home, slot) < way(table, hole, slot))
            continue;
        table->items[hole] = table->items[slot];
        table->hashes[hole] = table->hashes[slot];
        table->items[slot] = NULL;
        table->hashes[slot] = 0;
        hole = slot;
    }
}

void table_remove(struct table *table, uint64_t hash, const void *item)
{
    struct table_walk walk;
    void *found = table_first(table, hash, &walk);
    while (found != NULL && found != item)
        found = table_next(table, &walk);
    ASSERT(found == item);
    close_hole(table, walk.slot);
    table->count--;
}

void *table_each(const struct table *table, size_t *slot)
{
    while (*slot < table->capacity) {
        void *item = table->items[(*slot)++];
        if (item != NULL)
            return item;
    }
    return NULL;
}

uint64_t table_hash_number(uint64_t number)
{
    number ^= number >> 31;
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

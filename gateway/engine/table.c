#include "gateway/engine/table.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

enum { FIRST_CAPACITY = 64, FIRST_TAIL = 64 };

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

/* Where an item stands unless smaller hashes have come so far: the capacity need be no power of two. */
static size_t home_of(const struct table *table, uint32_t hash)
{
    return (size_t)((uint64_t)hash * table->capacity >> 32);
}

/* The first slot from its home on that is empty or holds no smaller hash; the last slot is always empty. */
static size_t seek(const struct table *table, uint32_t hash)
{
    const uint32_t *hashes = table->hashes;
    size_t slot = home_of(table, hash);
    while (hashes[slot] - 1 < hash - 1) /* an empty one counts as the largest */
        slot++;
    return slot;
}

static void allocate(struct table *table, size_t capacity)
{
    ASSERT(capacity <= (size_t)1 << 31);
    table->capacity = capacity;
    table->slot_count = capacity + FIRST_TAIL;
    table->items = heap_take(table->slot_count * sizeof(*table->items));
    table->hashes = heap_alloc(table->slot_count * sizeof(*table->hashes));
}

/* What has its home near the end may stand behind it. */
static void lengthen(struct table *table)
{
    size_t more = table->slot_count - table->capacity;
    table->items = heap_realloc(table->items, (table->slot_count + more) * sizeof(*table->items));
    table->hashes =
        heap_realloc(table->hashes, (table->slot_count + more) * sizeof(*table->hashes));
    memset(table->hashes + table->slot_count, 0, more * sizeof(*table->hashes));
    table->slot_count += more;
}

/* Into an empty slot. */
static inline void put(struct table *table, size_t slot, uint32_t hash, void *item)
{
    if (slot + 1 == table->slot_count)
        lengthen(table);
    table->items[slot] = item;
    table->hashes[slot] = hash;
}

/* What stands there moves up by one, into the next empty slot. */
static void make_place(struct table *table, size_t slot)
{
    size_t end = slot;
    while (table->hashes[end] != 0)
        end++;
    if (end == slot)
        return;
    put(table, end, table->hashes[end - 1], table->items[end - 1]);
    size_t count = end - 1 - slot;
    memmove(table->items + slot + 1, table->items + slot, count * sizeof(*table->items));
    memmove(table->hashes + slot + 1, table->hashes + slot, count * sizeof(*table->hashes));
}

/* Filled from one end to the other. */
static void grow(struct table *table)
{
    struct table old = *table;
    size_t next = 0;
    allocate(table, old.capacity == 0 ? FIRST_CAPACITY : old.capacity + old.capacity / 4);
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.hashes[i] == 0)
            continue;
        size_t home = home_of(table, old.hashes[i]);
        next = home > next ? home : next;
        put(table, next++, old.hashes[i], old.items[i]);
    }
    free(old.items);
    free(old.hashes);
}

void table_add(struct table *table, uint64_t hash, void *item)
{
    ASSERT(item != NULL);
    if (table->count >= table->capacity / 8 * 7)
        grow(table);
    uint32_t folded = fold(hash);
    size_t slot = seek(table, folded);
    make_place(table, slot);
    put(table, slot, folded, item);
    table->count++;
}

void table_expect(const struct table *table, uint64_t hash)
{
    if (table->capacity == 0)
        return;
    size_t home = home_of(table, fold(hash));
    __builtin_prefetch(&table->hashes[home]);
    __builtin_prefetch(&table->items[home]);
}

static void *item_at(const struct table *table, const struct table_walk *walk)
{
    return table->hashes[walk->slot] == walk->hash ? table->items[walk->slot] : NULL;
}

void *table_first(const struct table *table, uint64_t hash, struct table_walk *out_walk)
{
    *out_walk = (struct table_walk){.hash = fold(hash)};
    if (table->capacity == 0)
        return NULL;
    out_walk->slot = seek(table, out_walk->hash);
    return item_at(table, out_walk);
}

void *table_next(const struct table *table, struct table_walk *walk)
{
    walk->slot++;
    return item_at(table, walk);
}

/* Items behind the hole that stand past their home move down. */
static void close_hole(struct table *table, size_t hole)
{
    size_t end = hole + 1;
    while (table->hashes[end] != 0 && home_of(table, table->hashes[end]) < end)
        end++;
    size_t count = end - 1 - hole;
    memmove(table->items + hole, table->items + hole + 1, count * sizeof(*table->items));
    memmove(table->hashes + hole, table->hashes + hole + 1, count * sizeof(*table->hashes));
    table->hashes[end - 1] = 0;
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
    while (*slot < table->slot_count && table->hashes[*slot] == 0)
        (*slot)++;
    return *slot < table->slot_count ? table->items[(*slot)++] : NULL;
}

uint64_t table_hash_number(uint64_t number)
{
    number ^= number >> 31;
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

/*
 * table - finds items by hash: open addressing in the order of the hashes, the items stay where they are.
 *
 * Shape:   a lookup walks the items of one hash; the caller compares what it looks for.
 * Threads: one at a time; no insertion or removal during a walk.
 * Limits:  grows by a quarter at seven eighths full (a walk that finds nothing ends at the first larger hash, a few slots
 *          on); 2^31 items.
 */
#ifndef ESCALATED_ENGINE_TABLE_H
#define ESCALATED_ENGINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table {
    void **items;
    uint32_t *hashes; /* 0: empty, no item is there */
    size_t capacity;
    size_t slot_count; /* with those behind the last home; the last slot is empty */
    size_t count;
};

struct table_walk {
    size_t slot;
    uint32_t hash;
};

void table_clear(struct table *table); /* frees the table, not the items */
void table_add(struct table *table, uint64_t hash, void *item);
void table_remove(struct table *table, uint64_t hash, const void *item);

/* First and next item with this hash; NULL at the end. */
void *table_first(const struct table *table, uint64_t hash, struct table_walk *out_walk);
void *table_next(const struct table *table, struct table_walk *walk);

/* Soon one with this hash is looked for or added: the memory comes meanwhile. */
void table_expect(const struct table *table, uint64_t hash);

/* Every item, in no order the caller may rely on: start with *slot = 0. */
void *table_each(const struct table *table, size_t *slot);

uint64_t table_hash_number(uint64_t number);

#endif

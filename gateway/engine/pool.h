/*
 * pool - many items of one size without an allocation each.
 *
 * Owns:    pool_clear frees everything, items in use included.
 * Threads: one at a time.
 * Limits:  callers bound the number of items; memory given back is kept for the next item.
 */
#ifndef ESCALATED_ENGINE_POOL_H
#define ESCALATED_ENGINE_POOL_H

#include <stddef.h>

struct pool {
    size_t item_size;
    size_t used;       /* items handed out */
    void *free_items;  /* linked through their first bytes */
    void *blocks;      /* linked likewise */
    size_t block_room; /* items never used yet in the newest block */
};

void pool_init(struct pool *pool, size_t item_size);
void pool_clear(struct pool *pool);
void *pool_take(struct pool *pool); /* zeroed */
void pool_give(struct pool *pool, void *item);

#endif

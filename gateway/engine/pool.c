#include "gateway/engine/pool.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

enum { BLOCK_ITEMS = 256, BLOCK_HEAD = 16 /* keeps items aligned */ };

void pool_init(struct pool *pool, size_t item_size)
{
    ASSERT(item_size >= sizeof(void *));
    *pool = (struct pool){.item_size = (item_size + 7) & ~(size_t)7};
}

void pool_clear(struct pool *pool)
{
    void *block = pool->blocks;
    while (block != NULL) {
        void *next = NULL;
        memcpy(&next, block, sizeof(next));
        free(block);
        block = next;
    }
    pool_init(pool, pool->item_size);
}

/* Items are zeroed as they are taken, not a block of them before. */
void *pool_take(struct pool *pool)
{
    pool->used++;
    if (pool->free_items != NULL) {
        void *item = pool->free_items;
        memcpy(&pool->free_items, item, sizeof(pool->free_items));
        return memset(item, 0, pool->item_size);
    }
    if (pool->block_room == 0) {
        char *block = heap_take(BLOCK_HEAD + BLOCK_ITEMS * pool->item_size);
        memcpy(block, &pool->blocks, sizeof(pool->blocks));
        pool->blocks = block;
        pool->block_room = BLOCK_ITEMS;
    }
    pool->block_room--;
    return memset((char *)pool->blocks + BLOCK_HEAD + pool->block_room * pool->item_size, 0,
                  pool->item_size);
}

void pool_give(struct pool *pool, void *item)
{
    ASSERT(pool->used > 0);
    pool->used--;
    memcpy(item, &pool->free_items, sizeof(pool->free_items));
    pool->free_items = item;
}

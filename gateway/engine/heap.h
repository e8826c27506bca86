/*
 * heap - what is next: a 4-ary heap of small entries, the smallest (key, id) first.
 *
 * Shape:   entries are data; one whose mark is no longer its owner's is stale and dropped when it
 *          comes up.
 * Threads: one at a time.
 * Limits:  callers push at most a few entries an owner, so stale ones do not pile up.
 */
#ifndef ESCALATED_ENGINE_HEAP_H
#define ESCALATED_ENGINE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_entry {
    int64_t key; /* due time, or severity and due time */
    uint64_t id;
    uint32_t mark; /* generation */
    uint32_t kind;
};

struct heap {
    struct heap_entry *entries;
    size_t count;
    size_t capacity;
};

void heap_clear(struct heap *heap);
void heap_push(struct heap *heap, struct heap_entry entry);
const struct heap_entry *heap_top(const struct heap *heap); /* NULL when empty */
struct heap_entry heap_pop(struct heap *heap);

#endif

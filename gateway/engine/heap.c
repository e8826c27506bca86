#include "gateway/engine/heap.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

enum { ARITY = 4, FIRST_CAPACITY = 64 };

void heap_clear(struct heap *heap)
{
    free(heap->entries);
    *heap = (struct heap){0};
}

static bool comes_before(const struct heap_entry *a, const struct heap_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    if (a->id != b->id)
        return a->id < b->id;
    return a->kind < b->kind;
}

void heap_push(struct heap *heap, struct heap_entry entry)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity + heap->capacity / 4;
        heap->entries = heap_realloc(heap->entries, heap->capacity * sizeof(*heap->entries));
    }
    size_t place = heap->count++;
    while (place > 0) {
        size_t parent = (place - 1) / ARITY;
        if (!comes_before(&entry, &heap->entries[parent]))
            break;
        heap->entries[place] = heap->entries[parent];
        place = parent;
    }
    heap->entries[place] = entry;
}

const struct heap_entry *heap_top(const struct heap *heap)
{
    return heap->count > 0 ? &heap->entries[0] : NULL;
}

static size_t smallest_child(const struct heap *heap, size_t place)
{
    size_t first = place * ARITY + 1;
    size_t best = first;
    for (size_t i = first + 1; i < first + ARITY && i < heap->count; i++) {
        if (comes_before(&heap->entries[i], &heap->entries[best]))
            best = i;
    }
    return best;
}

struct heap_entry heap_pop(struct heap *heap)
{
    ASSERT(heap->count > 0);
    struct heap_entry top = heap->entries[0];
    struct heap_entry last = heap->entries[--heap->count];
    size_t place = 0;
    while (place * ARITY + 1 < heap->count) {
        size_t child = smallest_child(heap, place);
        if (!comes_before(&heap->entries[child], &last))
            break;
        heap->entries[place] = heap->entries[child];
        place = child;
    }
    if (heap->count > 0)
        heap->entries[place] = last;
    return top;
}

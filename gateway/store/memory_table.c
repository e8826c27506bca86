#include "gateway/store/memory_table.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"

/* The place of the first entry with a number of at least `id`. */
static size_t table_place(const struct memory_table *table, uint64_t id)
{
    size_t low = 0;
    size_t high = table->count;
    if (high > 0 && table->entries[high - 1].id < id) {
        return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->entries[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool memory_table_insert(struct memory_table *table, uint64_t id, void *row)
{
    size_t place = table_place(table, id);
    if (place < table->count && table->entries[place].id == id) {
        return false;
    }
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 16 : table->capacity * 2;
        table->entries =
            heap_realloc(table->entries, table->capacity * sizeof(struct memory_entry));
    }
    memmove(table->entries + place + 1, table->entries + place,
            (table->count - place) * sizeof(struct memory_entry));
    table->entries[place] = (struct memory_entry){.id = id, .row = row};
    table->count++;
    return true;
}

struct memory_entry *memory_table_find(const struct memory_table *table, uint64_t id)
{
    size_t place = table_place(table, id);
    if (place < table->count && table->entries[place].id == id) {
        return &table->entries[place];
    }
    return NULL;
}

void memory_table_compact(struct memory_table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].row != NULL) {
            table->entries[kept++] = table->entries[i];
        }
    }
    table->count = kept;
}

void memory_table_clear(struct memory_table *table)
{
    free(table->entries);
    *table = (struct memory_table){.entries = NULL};
}

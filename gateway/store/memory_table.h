/*
 * memory_table - the memory store's table: rows by their number, in order.
 *
 * Shape:   numbers mostly rise, so an insert is an append; a lookup is a binary search.
 * Owns:    the array; rows belong to the caller.
 * Threads: one at a time.
 */
#ifndef ESCALATED_STORE_MEMORY_TABLE_H
#define ESCALATED_STORE_MEMORY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_entry {
    uint64_t id;
    void *row;
};

struct memory_table {
    struct memory_entry *entries;
    size_t count;
    size_t capacity;
};

/* False: the number is taken. */
bool memory_table_insert(struct memory_table *table, uint64_t id, void *row);
struct memory_entry *memory_table_find(const struct memory_table *table, uint64_t id); /* or NULL */
/* Drop the entries whose row has become NULL. */
void memory_table_compact(struct memory_table *table);
void memory_table_clear(struct memory_table *table); /* the array only */

#endif

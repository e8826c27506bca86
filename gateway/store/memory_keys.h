/*
 * memory_keys - texts that may be there only once, kept as 64-bit sums, each with a number.
 *
 * Shape:   memory_key(first, second) -> add, find, remove.
 * Owns:    the arrays.
 * Threads: one at a time.
 * Limits:  two texts with one sum would be taken for one: at 100,000 keys that is 1 in 10^9 runs.
 */
#ifndef ESCALATED_STORE_MEMORY_KEYS_H
#define ESCALATED_STORE_MEMORY_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_keys {
    uint64_t *slots; /* open addressing; 0 is free */
    uint64_t *numbers;
    size_t count;
    size_t capacity; /* 0 or a power of two, at most half full */
};

uint64_t memory_key(const char *first_or_null, const char *second_or_null);
/* False: it is there, and keeps its number. */
bool memory_keys_add(struct memory_keys *keys, uint64_t key, uint64_t number);
uint64_t *memory_keys_find(const struct memory_keys *keys, uint64_t key); /* its number, or NULL */
void memory_keys_remove(struct memory_keys *keys, uint64_t key);
void memory_keys_clear(struct memory_keys *keys);

#endif

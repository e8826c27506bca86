/*
 * pairs - a sorted map in two levels: (group, key) -> a value of one size.
 *
 * Shape:   pairs_put, pairs_find, pairs_drop; walks go group by group and key by key, each in the order of its bytes.
 * Owns:    the texts are copies of its own and stay where they are, as the values do, until their pair is dropped.
 * Threads: one at a time.
 * Limits:  the caller's: an insert moves what stands behind it in its list.
 */
#ifndef ESCALATED_BASE_PAIRS_H
#define ESCALATED_BASE_PAIRS_H

#include <stddef.h>
#include <stdint.h>

struct pair {
    char *key;
    void *value;
};

struct pair_group {
    char *name;
    struct pair *items; /* by key; at least one */
    size_t count;
    size_t capacity;
    int64_t user_at_ms; /* the caller's, zero at first */
    uint32_t user_mark;
};

struct pairs {
    struct pair_group **groups; /* by name */
    size_t count;
    size_t capacity;
};

void pairs_clear(struct pairs *pairs);
/* The pair's value, zeroed when it is new; *out_key, *out_group are the texts it keeps. */
void *pairs_put(struct pairs *pairs, const char *group, const char *key, size_t value_bytes,
                const char **out_group, const char **out_key);
/* The texts may be those of the pair itself. What is not there is dropped already. */
void pairs_drop(struct pairs *pairs, const char *group, const char *key);
struct pair_group *pairs_group(const struct pairs *pairs, const char *group);    /* or NULL */
void *pairs_find(const struct pairs *pairs, const char *group, const char *key); /* or NULL */

#endif

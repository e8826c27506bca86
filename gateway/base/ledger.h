/*
 * ledger - a small sorted map: kind and name -> value and time.
 *
 * Shape:   ledger_put, ledger_drop, ledger_find; in the order of kind and name by index.
 * Owns:    the texts are copies of its own; ledger_clear frees them. What ledger_find gives lives until the next change.
 * Threads: one at a time.
 * Limits:  the caller's: an insert moves what stands behind it.
 */
#ifndef ESCALATED_BASE_LEDGER_H
#define ESCALATED_BASE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger_entry {
    int kind;
    char *name;
    char *value;
    int64_t at_ms;
};

struct ledger {
    struct ledger_entry *items;
    size_t count;
    size_t capacity;
};

void ledger_clear(struct ledger *ledger);
void ledger_put(struct ledger *ledger, int kind, const char *name, const char *value,
                int64_t at_ms);
void ledger_drop(struct ledger *ledger, int kind, const char *name);
const struct ledger_entry *ledger_find(const struct ledger *ledger, int kind,
                                       const char *name); /* or NULL */

#endif

#include "gateway/base/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"

void ledger_clear(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        free(ledger->items[i].name);
        free(ledger->items[i].value);
    }
    free(ledger->items);
    *ledger = (struct ledger){0};
}

/* Where it stands, or would stand. */
static size_t place_of(const struct ledger *ledger, int kind, const char *name, bool *out_found)
{
    size_t low = 0;
    size_t high = ledger->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct ledger_entry *entry = &ledger->items[middle];
        int order = entry->kind != kind ? (entry->kind < kind ? -1 : 1) : strcmp(entry->name, name);
        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void drop_at(struct ledger *ledger, size_t place)
{
    free(ledger->items[place].name);
    free(ledger->items[place].value);
    ledger->count--;
    memmove(&ledger->items[place], &ledger->items[place + 1],
            (ledger->count - place) * sizeof(*ledger->items));
}

static void make_room(struct ledger *ledger, size_t place)
{
    enum { FIRST_CAPACITY = 16 };
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity == 0 ? FIRST_CAPACITY : ledger->capacity * 2;
        ledger->items = heap_realloc(ledger->items, ledger->capacity * sizeof(*ledger->items));
    }
    memmove(&ledger->items[place + 1], &ledger->items[place],
            (ledger->count - place) * sizeof(*ledger->items));
    ledger->count++;
}

void ledger_put(struct ledger *ledger, int kind, const char *name, const char *value, int64_t at_ms)
{
    bool found = false;
    size_t place = place_of(ledger, kind, name, &found);
    const struct ledger_entry entry = {
        .kind = kind, .name = heap_strdup(name), .value = heap_strdup(value), .at_ms = at_ms};
    if (found) {
        drop_at(ledger, place);
    }
    make_room(ledger, place);
    ledger->items[place] = entry;
}

void ledger_drop(struct ledger *ledger, int kind, const char *name)
{
    bool found = false;
    size_t place = place_of(ledger, kind, name, &found);
    if (found) {
        drop_at(ledger, place);
    }
}

const struct ledger_entry *ledger_find(const struct ledger *ledger, int kind, const char *name)
{
    bool found = false;
    if (ledger->count == 0) {
        return NULL;
    }
    size_t place = place_of(ledger, kind, name, &found);
    return found ? &ledger->items[place] : NULL;
}

#include "gateway/base/pairs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"

enum { FIRST_CAPACITY = 8 };

/* Where the name stands, or would. */
static size_t group_place(const struct pairs *pairs, const char *name, bool *out_found)
{
    size_t low = 0;
    size_t high = pairs->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pairs->groups[middle]->name, name);
        *out_found = *out_found || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t key_place(const struct pair_group *group, const char *key, bool *out_found)
{
    size_t low = 0;
    size_t high = group->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(group->items[middle].key, key);
        *out_found = *out_found || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void group_free(struct pair_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        free(group->items[i].key);
        free(group->items[i].value);
    }
    free(group->items);
    free(group->name);
    free(group);
}

void pairs_clear(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        group_free(pairs->groups[i]);
    free(pairs->groups);
    *pairs = (struct pairs){0};
}

static struct pair_group *group_made(struct pairs *pairs, const char *name)
{
    bool found;
    size_t place = group_place(pairs, name, &found);
    if (found)
        return pairs->groups[place];
    struct pair_group *group = heap_alloc(sizeof(*group));
    group->name = heap_strdup(name);
    if (pairs->count == pairs->capacity) {
        pairs->capacity = pairs->capacity == 0 ? FIRST_CAPACITY : pairs->capacity * 2;
        pairs->groups = heap_realloc(pairs->groups, pairs->capacity * sizeof(struct pair_group *));
    }
    memmove(pairs->groups + place + 1, pairs->groups + place,
            (pairs->count - place) * sizeof(struct pair_group *));
    pairs->groups[place] = group;
    pairs->count++;
    return group;
}

void *pairs_put(struct pairs *pairs, const char *group_name, const char *key, size_t value_bytes,
                const char **out_group, const char **out_key)
{
    bool found;
    struct pair_group *group = group_made(pairs, group_name);
    size_t place = key_place(group, key, &found);
    if (!found) {
        struct pair pair = {.key = heap_strdup(key), .value = heap_alloc(value_bytes)};
        if (group->count == group->capacity) {
            group->capacity = group->capacity == 0 ? FIRST_CAPACITY : group->capacity * 2;
            group->items = heap_realloc(group->items, group->capacity * sizeof(struct pair));
        }
        memmove(group->items + place + 1, group->items + place,
                (group->count - place) * sizeof(struct pair));
        group->items[place] = pair;
        group->count++;
    }
    *out_group = group->name;
    *out_key = group->items[place].key;
    return group->items[place].value;
}

void pairs_drop(struct pairs *pairs, const char *group_name, const char *key)
{
    bool found;
    size_t group_at = group_place(pairs, group_name, &found);
    if (!found)
        return;
    struct pair_group *group = pairs->groups[group_at];
    size_t place = key_place(group, key, &found);
    if (!found)
        return;
    struct pair pair = group->items[place];
    group->count--;
    memmove(group->items + place, group->items + place + 1,
            (group->count - place) * sizeof(struct pair));
    free(pair.key);
    free(pair.value);
    if (group->count > 0)
        return;
    pairs->count--;
    memmove(pairs->groups + group_at, pairs->groups + group_at + 1,
            (pairs->count - group_at) * sizeof(struct pair_group *));
    group_free(group);
}

struct pair_group *pairs_group(const struct pairs *pairs, const char *group)
{
    bool found;
    size_t place = group_place(pairs, group, &found);
    return found ? pairs->groups[place] : NULL;
}

void *pairs_find(const struct pairs *pairs, const char *group_name, const char *key)
{
    bool found = false;
    const struct pair_group *group = pairs_group(pairs, group_name);
    size_t place = group == NULL ? 0 : key_place(group, key, &found);
    return found ? group->items[place].value : NULL;
}

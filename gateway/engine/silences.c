#include "gateway/engine/silences.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/matchers.h"

/* The line holds its patterns itself: clear_line finds them there. */
static int compile(void *self, const char *pattern, const struct regex **out_regex, struct err *err)
{
    struct regex *regex = NULL;
    struct regex **kept = self;
    if (regex_create(pattern, &regex, err) != 0)
        return -1;
    /* Kept in a list of its own too, so that a line that fails behind it leaks nothing. */
    size_t i = 0;
    while (kept[i] != NULL)
        i++;
    kept[i] = regex;
    *out_regex = regex;
    return 0;
}

enum { REGEXES_MAX = 33 }; /* of a line, and NULL */

static int read_line(const char *match, struct arena *arena, struct match_line *out_line,
                     struct err *err)
{
    struct regex *kept[REGEXES_MAX] = {NULL};
    const struct matchers_keeper keeper = {.self = kept, .regex = compile};
    if (matchers_parse(match, arena, &keeper, out_line, err) == 0)
        return 0;
    for (size_t i = 0; kept[i] != NULL; i++)
        regex_destroy(kept[i]);
    return -1;
}

static void clear_line(const struct match_line *line)
{
    for (size_t i = 0; i < line->matcher_count; i++)
        regex_destroy((struct regex *)line->matchers[i].regex); /* const for everybody else */
}

int silences_check(const char *match, struct arena *arena, struct err *err)
{
    struct match_line line;
    if (read_line(match, arena, &line, err) != 0)
        return -1;
    clear_line(&line);
    return 0;
}

static void make_room(struct silences *silences)
{
    enum { FIRST_CAPACITY = 8 };
    if (silences->count < silences->capacity)
        return;
    silences->capacity = silences->capacity == 0 ? FIRST_CAPACITY : silences->capacity * 2;
    silences->items = heap_realloc(silences->items, silences->capacity * sizeof(*silences->items));
    silences->arenas =
        heap_realloc(silences->arenas, silences->capacity * sizeof(*silences->arenas));
}

int silences_add(struct silences *silences, const struct silence_row *row, struct err *err)
{
    struct arena *arena = heap_alloc(sizeof(*arena));
    struct match_line line;
    arena_init(arena);
    if (read_line(row->match, arena, &line, err) != 0) {
        arena_clear(arena);
        free(arena);
        return err_wrap(err, "silence %llu", (unsigned long long)row->id);
    }
    make_room(silences);
    size_t place = silences->count++;
    while (place > 0 && silences->items[place - 1].id > row->id) {
        silences->items[place] = silences->items[place - 1];
        silences->arenas[place] = silences->arenas[place - 1];
        place--;
    }
    silences->arenas[place] = arena;
    silences->items[place] = (struct silence){.id = row->id,
                                              .line = line,
                                              .match = arena_strdup(arena, row->match),
                                              .author = arena_strdup(arena, row->author),
                                              .reason = arena_strdup(arena, row->reason),
                                              .from_ms = row->from_ms,
                                              .until_ms = row->until_ms};
    if (row->id > silences->last_id)
        silences->last_id = row->id;
    return 0;
}

static void free_at(struct silences *silences, size_t place)
{
    clear_line(&silences->items[place].line);
    arena_clear(silences->arenas[place]);
    free(silences->arenas[place]);
}

void silences_drop(struct silences *silences, uint64_t id)
{
    size_t place = 0;
    while (place < silences->count && silences->items[place].id != id)
        place++;
    ASSERT(place < silences->count);
    free_at(silences, place);
    silences->count--;
    size_t behind = silences->count - place;
    memmove(&silences->items[place], &silences->items[place + 1],
            behind * sizeof(silences->items[0]));
    memmove(&silences->arenas[place], &silences->arenas[place + 1],
            behind * sizeof(silences->arenas[0]));
}

void silences_clear(struct silences *silences)
{
    for (size_t i = 0; i < silences->count; i++)
        free_at(silences, i);
    free(silences->items);
    free(silences->arenas);
    *silences = (struct silences){.count = 0};
}

const struct silence *silences_find(const struct silences *silences, uint64_t id)
{
    for (size_t i = 0; i < silences->count; i++) {
        if (silences->items[i].id == id)
            return &silences->items[i];
    }
    return NULL;
}

int64_t silences_next_ms(const struct silences *silences, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < silences->count; i++) {
        const struct silence *silence = &silences->items[i];
        int64_t at_ms = silence->from_ms > now_ms ? silence->from_ms : silence->until_ms;
        if (at_ms < next_ms)
            next_ms = at_ms;
    }
    return next_ms;
}

size_t silences_holding(const struct silences *silences, int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < silences->count; i++)
        count += silences->items[i].from_ms <= now_ms ? 1 : 0;
    return count;
}

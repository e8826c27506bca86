#include "gateway/api/roster.h"

#include <stdlib.h>

#include "gateway/base/text.h"

enum { PEOPLE_MAX = 256, TURNS_MAX = 20000 };

static int by_number(const void *a, const void *b)
{
    uint64_t left = ((const struct override *)a)->number;
    uint64_t right = ((const struct override *)b)->number;
    return (left > right) - (left < right);
}

int roster_read(struct store_reader *reader, const struct rulebook *book, struct arena *arena,
                struct roster *out_roster, struct err *err)
{
    struct mark_row *marks = NULL;
    size_t count = 0;
    if (store_read_marks(reader, MARK_OVERRIDE, arena, &marks, &count, err) != 0)
        return -1;
    struct overrides *overrides = arena_alloc(arena, sizeof(*overrides));
    *overrides =
        (struct overrides){.items = arena_alloc_array(arena, count + 1, sizeof(struct override))};
    for (size_t i = 0; i < count; i++) {
        if (override_read(&marks[i], arena, &overrides->items[i], err) != 0)
            return -1;
        overrides->count++;
    }
    qsort(overrides->items, overrides->count, sizeof(struct override), by_number);
    *out_roster = (struct roster){.overrides_or_null = overrides, .book = book, .arena = arena};
    return 0;
}

/* Whoever has duty while the walk goes on, since when. */
struct present {
    const char *names[PEOPLE_MAX];
    int64_t from_ms[PEOPLE_MAX];
    size_t count;
};

/* Who is not there any more; the others keep their order. */
static bool let_go(struct present *present, const struct duty *duty, int64_t at_ms,
                   roster_take *take, void *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < present->count; i++) {
        if (!duty_has(duty, present->names[i])) {
            if (!take(self, present->names[i], present->from_ms[i], at_ms))
                return false;
            continue;
        }
        present->names[kept] = present->names[i];
        present->from_ms[kept++] = present->from_ms[i];
    }
    present->count = kept;
    return true;
}

static bool is_present(const struct present *present, const char *name)
{
    for (size_t i = 0; i < present->count; i++) {
        if (text_equal(present->names[i], name))
            return true;
    }
    return false;
}

bool roster_walk(const struct roster *roster, const struct schedule *schedule,
                 const char *name_or_null, int64_t from_ms, int64_t until_ms, roster_take *take,
                 void *self)
{
    struct present present = {.count = 0};
    int64_t at_ms = from_ms;
    for (int turns = 0; at_ms < until_ms && turns < TURNS_MAX; turns++) {
        struct duty duty = schedule_duty(schedule, roster, at_ms);
        if (!let_go(&present, &duty, at_ms, take, self))
            return false;
        for (size_t i = 0; i < duty.count && present.count < PEOPLE_MAX; i++) {
            if ((name_or_null != NULL && !text_equal(duty.names[i], name_or_null)) ||
                is_present(&present, duty.names[i]))
                continue;
            present.names[present.count] = duty.names[i];
            present.from_ms[present.count++] = at_ms;
        }
        at_ms = schedule_next_change_ms(schedule, roster, at_ms);
    }
    const struct duty nobody = {.count = 0};
    return let_go(&present, &nobody, at_ms < until_ms ? at_ms : until_ms, take, self);
}

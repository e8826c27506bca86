#include "gateway/engine/oncall.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"

static void free_texts(struct override *override)
{
    /* They are copies of ours, const for everybody else. */
    free((char *)(uintptr_t) override->schedule);
    free((char *)(uintptr_t) override->who);
    free((char *)(uintptr_t) override->instead_of);
    free((char *)(uintptr_t) override->made_by);
}

void oncall_clear(struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++)
        free_texts(&overrides->items[i]);
    free(overrides->items);
    *overrides = (struct overrides){0};
}

static void drop(struct overrides *overrides, uint64_t number)
{
    size_t place = overrides_place(overrides, number);
    if (place == overrides->count || overrides->items[place].number != number)
        return;
    free_texts(&overrides->items[place]);
    overrides->count--;
    memmove(&overrides->items[place], &overrides->items[place + 1],
            (overrides->count - place) * sizeof(*overrides->items));
}

static void put(struct overrides *overrides, const struct override *override)
{
    enum { FIRST_CAPACITY = 8 };
    struct override copy = *override;
    copy.schedule = heap_strdup(override->schedule);
    copy.who = heap_strdup(override->who);
    copy.instead_of = heap_strdup(override->instead_of);
    copy.made_by = heap_strdup(override->made_by);
    drop(overrides, override->number);
    if (overrides->count == overrides->capacity) {
        overrides->capacity = overrides->capacity == 0 ? FIRST_CAPACITY : overrides->capacity * 2;
        overrides->items =
            heap_realloc(overrides->items, overrides->capacity * sizeof(*overrides->items));
    }
    size_t place = overrides_place(overrides, override->number);
    memmove(&overrides->items[place + 1], &overrides->items[place],
            (overrides->count - place) * sizeof(*overrides->items));
    overrides->items[place] = copy;
    overrides->count++;
}

int oncall_mark(struct world *world, const struct mark_row *row, struct err *err)
{
    struct arena arena;
    struct override override;
    uint64_t number = 0;
    int verdict = 0;
    if (row->kind != MARK_OVERRIDE)
        return 0;
    if (row->gone) {
        if (parse_u64(row->name, 1, UINT64_MAX, &number, err) != 0)
            return -1;
        drop(&world->overrides, number);
        return 0;
    }
    arena_init(&arena);
    verdict = override_read(row, &arena, &override, err);
    if (verdict == 0)
        put(&world->overrides, &override);
    arena_clear(&arena);
    return verdict;
}

static bool tells_any(const struct engine *engine)
{
    for (size_t i = 0; i < engine->book->schedule_count; i++) {
        if (engine->book->schedules[i].tells_handover)
            return true;
    }
    return false;
}

static int64_t earlier_of(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* The next instant of the wall clock at which there is something to do. */
static int64_t next_wall_ms(const struct engine *engine, int64_t wall_ms)
{
    const struct roster roster = moment_roster(&engine->moment);
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < engine->world.overrides.count; i++)
        next_ms = earlier_of(next_ms, engine->world.overrides.items[i].until_ms);
    for (size_t i = 0; i < engine->book->schedule_count; i++) {
        const struct schedule *schedule = &engine->book->schedules[i];
        if (schedule->tells_handover)
            next_ms = earlier_of(next_ms, schedule_next_change_ms(schedule, &roster, wall_ms));
    }
    return next_ms;
}

static void set_timer(struct engine *engine, int64_t due_ms)
{
    engine->oncall_mark++;
    if (due_ms != INT64_MAX)
        heap_push(
            &engine->timers,
            (struct heap_entry){.key = due_ms, .mark = engine->oncall_mark, .kind = TIMER_ONCALL});
}

void oncall_start(struct engine *engine)
{
    engine->oncall_is_due = false;
    if (engine->world.overrides.count > 0 || tells_any(engine))
        set_timer(engine, engine->now_ms);
}

void oncall_timer(struct engine *engine, const struct heap_entry *entry)
{
    if (entry->mark == engine->oncall_mark)
        engine->oncall_is_due = true;
}

void oncall_settle(struct engine *engine)
{
    if (!engine->oncall_is_due)
        return;
    engine->oncall_is_due = false;
    overrides_end(engine);
    handover_tell(engine);
    int64_t wall_ms = engine->now_ms + engine->wall_offset_ms;
    int64_t next_ms = next_wall_ms(engine, wall_ms);
    ASSERT(next_ms > wall_ms);
    set_timer(engine, next_ms == INT64_MAX ? INT64_MAX : next_ms - engine->wall_offset_ms);
}

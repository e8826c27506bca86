#include "gateway/engine/suppress.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/alert_event.h"
#include "gateway/engine/later.h"

static int64_t wall_ms(const struct engine *engine)
{
    return engine->now_ms + engine->wall_offset_ms;
}

static bool is_inhibited(void *self, const struct inhibit *rule, const struct event *event,
                         const char *key)
{
    const struct engine *engine = self;
    return inhibition_holds(&engine->world.inhibition, engine->book, rule, event, key);
}

static struct suppression view(struct engine *engine)
{
    return (struct suppression){.book = engine->book,
                                .wall_ms = wall_ms(engine),
                                .now_ms = engine->now_ms,
                                .holds = engine->windows,
                                .silences = engine->world.silences.items,
                                .silence_count = engine->world.silences.count,
                                .is_inhibited = is_inhibited,
                                .self = engine};
}

static bool is_used(const struct engine *engine)
{
    return engine->book->maintenance_count > 0 || engine->book->inhibit_count > 0 ||
           engine->world.silences.count > 0;
}

static void queue(struct engine *engine, struct incident *incident)
{
    enum { FIRST_CAPACITY = 64 };
    if (incident->unsettled || !incident_is_open(incident))
        return;
    incident->unsettled = true;
    if (engine->unsettled_count == engine->unsettled_capacity) {
        engine->unsettled_capacity =
            engine->unsettled_capacity == 0 ? FIRST_CAPACITY : engine->unsettled_capacity * 2;
        engine->unsettled = heap_realloc(engine->unsettled,
                                         engine->unsettled_capacity * sizeof(*engine->unsettled));
    }
    engine->unsettled[engine->unsettled_count++] = incident->number;
}

static void set_mark(struct engine *engine, struct alert *alert, const char *mark)
{
    if (text_equal(alert->later->mark, mark))
        return;
    later_set_mark(&engine->world, alert, mark);
    queue(engine, alert->incident);
}

/* All its firing alerts are held back, or where none fires all it has: that of the oldest speaks for it. */
static const char *incident_mark(const struct incident *incident)
{
    bool fires = incident_firing_count(incident) > 0;
    const char *first = "";
    for (const struct alert *a = incident->alerts; a != NULL; a = a->next) {
        if (fires && !a->firing)
            continue;
        if (a->later->mark[0] == '\0')
            return "";
        if (first[0] == '\0')
            first = a->later->mark;
    }
    return first;
}

/* The labels of an alert are read for every look at it, so nothing is kept of them. */
static void mark_alert(struct engine *engine, struct alert *alert, const struct event *event,
                       struct arena *arena)
{
    struct undecided undecided[MATCH_USE_COUNT] = {{.count = 0}};
    struct suppression now = view(engine);
    now.undecided_or_null = undecided;
    set_mark(engine, alert, suppression_mark(&now, event, event->key, arena));
    for (int i = 0; i < MATCH_USE_COUNT; i++)
        doubts_add(&engine->batch.doubts, (enum match_use)i, &undecided[i], &engine->arena);
}

static void mark_anew(void *self, struct alert *alert)
{
    struct engine *engine = self;
    struct arena arena; /* of its own: a look at every alert would fill the batch's */
    struct event event;
    arena_init(&arena);
    alert_event(alert, &arena, &event);
    mark_alert(engine, alert, &event, &arena);
    arena_clear(&arena);
}

void suppress_alert(struct engine *engine, struct alert *alert)
{
    struct arena arena;
    struct event event;
    if (!is_used(engine)) {
        set_mark(engine, alert, "");
        return;
    }
    arena_init(&arena);
    alert_event(alert, &arena, &event);
    if (engine->book->inhibit_count > 0) {
        struct undecided *undecided = &engine->world.inhibition.undecided;
        undecided->count = 0;
        inhibition_set(&engine->world.inhibition, engine->book, alert,
                       incident_is_open(alert->incident) ? &event : NULL, mark_anew, engine);
        doubts_add(&engine->batch.doubts, MATCH_USE_INHIBITION, undecided, &engine->arena);
    }
    mark_alert(engine, alert, &event, &arena);
    arena_clear(&arena);
    /* Whether it fires counts too. */
    if (!text_equal(incident_mark(alert->incident), alert->incident->later->mark))
        queue(engine, alert->incident);
}

void suppress_incident(struct engine *engine, struct incident *incident)
{
    bool is_open = incident_is_open(incident);
    for (struct alert *a = incident->alerts; a != NULL; a = a->next) {
        if (is_open)
            suppress_alert(engine, a);
        else
            inhibition_set(&engine->world.inhibition, engine->book, a, NULL, mark_anew, engine);
    }
}

void suppress_tell(struct engine *engine, struct incident *incident)
{
    struct moment *moment = &engine->moment;
    moment->mark = incident_mark(incident);
    moment->mark_text = "";
    moment->mark_until_ms = 0;
    if (moment->mark[0] == '\0' ||
        (incident_is_open(incident) && text_equal(moment->mark, incident->later->mark)))
        return; /* nothing to say, or nothing new */
    const struct suppression now = view(engine);
    moment->mark_text = suppression_text(moment->mark, &now, &engine->arena);
    moment->mark_until_ms = suppression_until_ms(moment->mark, &now, engine->wall_offset_ms);
}

/* Which maintenances hold, and when that or a silence changes next. True: others hold than before. */
static bool look_at_clock(struct engine *engine)
{
    const struct rulebook *book = engine->book;
    bool changed = false;
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < book->maintenance_count; i++) {
        bool holds = maintenance_holds(&book->maintenances[i], wall_ms(engine));
        int64_t at_ms = maintenance_next_ms(&book->maintenances[i], wall_ms(engine));
        changed = changed || holds != engine->windows[i];
        engine->windows[i] = holds;
        if (at_ms < next_ms)
            next_ms = at_ms;
    }
    if (next_ms != INT64_MAX)
        next_ms -= engine->wall_offset_ms;
    int64_t silence_ms = silences_next_ms(&engine->world.silences, engine->now_ms);
    engine->suppress_due_ms = silence_ms < next_ms ? silence_ms : next_ms;
    return changed;
}

static void start_windows(struct engine *engine)
{
    free(engine->windows);
    engine->windows = heap_alloc((engine->book->maintenance_count + 1) * sizeof(*engine->windows));
    (void)look_at_clock(engine); /* everything is looked at anyhow */
}

static void each_open(struct engine *engine,
                      void (*visit)(struct engine *engine, struct incident *incident))
{
    size_t slot = 0;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        if (incident_is_open(incident))
            visit(engine, incident);
    }
}

static void mark_each_alert(struct engine *engine, struct incident *incident)
{
    for (struct alert *a = incident->alerts; a != NULL; a = a->next)
        mark_anew(engine, a);
}

static void forget_pairings(struct engine *engine, struct incident *incident)
{
    (void)engine; /* its tables are cleared as a whole */
    for (struct alert *a = incident->alerts; a != NULL; a = a->next)
        inhibition_forget(a);
}

static void queue_if_other(struct engine *engine, struct incident *incident)
{
    if (!text_equal(incident_mark(incident), incident->later->mark))
        queue(engine, incident);
}

void suppress_start(struct engine *engine)
{
    start_windows(engine);
    if (is_used(engine))
        each_open(engine, suppress_incident);
    each_open(engine, queue_if_other);
}

void suppress_rules_changed(struct engine *engine)
{
    inhibition_clear(&engine->world.inhibition);
    each_open(engine, forget_pairings);
    start_windows(engine);
    each_open(engine, suppress_incident);
}

void suppress_refresh(struct engine *engine)
{
    (void)look_at_clock(engine); /* everything is looked at anyhow */
    each_open(engine, mark_each_alert);
}

void suppress_due(struct engine *engine)
{
    if (engine->suppress_due_ms > engine->now_ms)
        return;
    bool has_changed = false; /* one has ended, or begun since the last look */
    for (size_t i = engine->world.silences.count; i > 0; i--) {
        const struct silence *silence = &engine->world.silences.items[i - 1];
        if (silence->until_ms > engine->now_ms) {
            has_changed = has_changed || (silence->from_ms >= engine->suppress_due_ms &&
                                          silence->from_ms <= engine->now_ms);
            continue;
        }
        silence_end(engine, silence, "time", "engine", "");
        has_changed = true;
    }
    if (look_at_clock(engine) || has_changed)
        each_open(engine, mark_each_alert);
}

int64_t suppress_next_ms(const struct engine *engine)
{
    return engine->unsettled_count > 0 ? engine->now_ms : engine->suppress_due_ms;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* What ends thereby may hold back others no longer: they follow in the next round. */
void suppress_settle(struct engine *engine)
{
    while (engine->unsettled_count > 0) {
        size_t count = engine->unsettled_count;
        uint64_t *numbers =
            arena_copy(&engine->arena, engine->unsettled, count * sizeof(*engine->unsettled));
        engine->unsettled_count = 0;
        qsort(numbers, count, sizeof(*numbers), compare_numbers);
        for (size_t i = 0; i < count; i++) {
            struct incident *incident = world_incident(&engine->world, numbers[i]);
            if (incident == NULL || !incident->unsettled)
                continue;
            incident->unsettled = false;
            if (incident_is_open(incident) &&
                !text_equal(incident_mark(incident), incident->later->mark))
                engine_pass_time(engine, incident);
        }
    }
}

void suppress_clear(struct engine *engine)
{
    free(engine->windows);
    free(engine->unsettled);
    engine->windows = NULL;
    engine->unsettled = NULL;
    engine->unsettled_count = engine->unsettled_capacity = 0;
}

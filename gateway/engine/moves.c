#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/engine/digests.h"
#include "gateway/engine/engine_state.h"
#include "gateway/engine/later.h"
#include "gateway/engine/suppress.h"
#include "policies/asks.h"
#include "policies/quiet.h"
#include "policies/updates.h"

/* One entry an incident is enough: an earlier due time makes a new one, a later one waits for the
 * old to come up. */
void engine_set_timer(struct engine *engine, struct incident *incident)
{
    int64_t due_ms = incident->live ? incident_next_due_ms(incident) : INT64_MAX;
    if (due_ms >= incident->timer_due_ms)
        return;
    incident->timer_due_ms = due_ms;
    incident->timer_mark++;
    heap_push(&engine->timers, (struct heap_entry){.key = due_ms,
                                                   .id = incident->number,
                                                   .mark = incident->timer_mark,
                                                   .kind = TIMER_INCIDENT});
}

/* A moment may end one message for two reasons, of which the first counts; and what it has ended comes no sooner. */
static bool has_ended(const struct act *act)
{
    return act->u.end.notification->state != NOTIFICATION_PENDING;
}

static void perform(struct engine *engine, struct incident *incident, const struct act *act)
{
    switch (act->kind) {
    case ACT_NOTE:
        batch_note(engine, incident->number, &act->u.note);
        break;
    case ACT_SEND:
        attempts_send(engine, incident, &act->u.message);
        break;
    case ACT_CANCEL:
        if (!has_ended(act))
            attempts_end(engine, act->u.end.notification, NOTIFICATION_CANCELLED,
                         act->u.end.reason);
        break;
    case ACT_HASTEN:
        if (!has_ended(act) && act->u.end.notification->digest != 0)
            digests_has_urgent(engine, act->u.end.notification);
        else if (!has_ended(act))
            attempts_hasten(engine, act->u.end.notification, act->u.end.at_ms, act->u.end.reason);
        break;
    case ACT_KIND_COUNT:
        break;
    }
}

void engine_move(struct engine *engine, struct incident *incident, const struct move *move)
{
    struct moment *moment = &engine->moment;
    bool was_open = incident_is_open(incident);
    enum suppression_kind was_held = world_mark_kind(incident);
    struct incident_later *later = later_own(&engine->world, incident);
    const struct incident_later before = *later;
    uint8_t state_before = incident->state;
    moment_next(moment);
    suppress_tell(engine, incident);
    incident_apply(incident, move, moment);
    later_keep(&engine->world, later, &before);
    bool may_stop = incident->state != state_before || later->mark != before.mark;
    later_settle(&engine->world, incident);
    world_reindex(&engine->world, incident, was_open);
    world_count_mark(&engine->world, incident, was_held);
    if (was_open && !incident_is_open(incident)) {
        engine->resolved_count++;
        heap_push(&engine->resolved, (struct heap_entry){.key = incident->later->resolved_at_ms,
                                                         .id = incident->number});
    } else if (!was_open && incident_is_open(incident) && !incident->fresh) {
        engine->resolved_count--;
    }
    batch_touch_incident(engine, incident);
    /* Performing an act can make no further acts: the list is complete. */
    for (size_t i = 0; i < moment->act_count; i++)
        perform(engine, incident, &moment->acts[i]);
    if (may_stop && incident->unfinished > 0)
        attempts_recall(engine, incident);
    if (incident_is_open(incident) != was_open)
        suppress_incident(engine, incident);
}

void engine_pass_time(struct engine *engine, struct incident *incident)
{
    engine_move(engine, incident,
                &(struct move){.kind = MOVE_TIME, .actor = "engine", .credential = "", .by = ""});
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Notices of a hand-over belong to no incident. */
static void wake_notices(struct engine *engine)
{
    size_t count = 0;
    size_t slot = 0;
    uint64_t *ids =
        arena_alloc_array(&engine->arena, engine->world.notifications.count + 1, sizeof(*ids));
    for (const struct notification *n = table_each(&engine->world.notifications, &slot); n != NULL;
         n = table_each(&engine->world.notifications, &slot)) {
        if (n->incident == NULL && quiet_waits(n, engine->now_ms))
            ids[count++] = n->id;
    }
    qsort(ids, count, sizeof(*ids), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        struct notification *n = world_notification(&engine->world, ids[i]);
        const struct contact *contact = rulebook_contact(engine->book, n->contact);
        int64_t out_ms = quiet_out_ms(contact, &engine->moment, false, engine->now_ms);
        if (out_ms < n->next_at_ms)
            attempts_hasten(engine, n, out_ms, "quiet hours have changed");
    }
}

void engine_wake_all(struct engine *engine)
{
    size_t count = 0;
    size_t slot = 0;
    uint64_t *numbers =
        arena_alloc_array(&engine->arena, engine->world.notifications.count + 1, sizeof(*numbers));
    for (const struct notification *n = table_each(&engine->world.notifications, &slot); n != NULL;
         n = table_each(&engine->world.notifications, &slot)) {
        if (n->incident != NULL && quiet_waits(n, engine->now_ms))
            numbers[count++] = n->incident->number;
    }
    qsort(numbers, count, sizeof(*numbers), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && numbers[i] == numbers[i - 1])
            continue;
        engine_move(
            engine, world_incident(&engine->world, numbers[i]),
            &(struct move){.kind = MOVE_WAKE, .actor = "engine", .credential = "", .by = ""});
    }
    wake_notices(engine);
}

bool engine_has_waiting(const struct engine *engine)
{
    size_t slot = 0;
    for (const struct notification *n = table_each(&engine->world.notifications, &slot); n != NULL;
         n = table_each(&engine->world.notifications, &slot)) {
        if (quiet_waits(n, engine->now_ms))
            return true;
    }
    return false;
}

static bool is_stale(const struct engine *engine, const struct heap_entry *entry)
{
    const struct incident *incident = world_incident(&engine->world, entry->id);
    return incident == NULL || incident_is_open(incident) || !incident->live ||
           incident->later->resolved_at_ms != entry->key;
}

/* What is still asked is not lost with the memory of it: the lists go out first. */
static void finish_talks(struct engine *engine, struct incident *incident)
{
    struct moment *moment = &engine->moment;
    moment_next(moment);
    updates_give_up(incident, moment);
    asks_close_all(incident, moment);
    batch_touch_incident(engine, incident);
    for (size_t i = 0; i < moment->act_count; i++)
        perform(engine, incident, &moment->acts[i]);
}

static void let_go(struct engine *engine, struct incident *incident)
{
    incident->live = false;
    batch_touch_incident(engine, incident);
    batch_note(engine, incident->number,
               &(struct note){.kind = "forgotten",
                              .actor = "engine",
                              .credential = "",
                              .text = "too many resolved incidents: this one can no longer reopen",
                              .data = ""});
}

void engine_evict(struct engine *engine)
{
    uint64_t limit = (uint64_t)engine->book->incidents_max;
    uint64_t excess = engine->resolved_count > limit ? engine->resolved_count - limit : 0;
    for (;;) {
        const struct heap_entry *oldest = heap_top(&engine->resolved);
        if (oldest == NULL)
            return;
        if (is_stale(engine, oldest)) {
            (void)heap_pop(&engine->resolved);
            continue;
        }
        struct incident *incident = world_incident(&engine->world, oldest->id);
        /* One of this very batch waits for the next: its row is to be there before it is closed. */
        if (excess == 0 || incident->unfinished > 0 || incident->fresh)
            return;
        if (talks_are_open(incident->later->talks)) {
            finish_talks(engine, incident);
            return;
        }
        let_go(engine, incident);
        excess--;
        (void)heap_pop(&engine->resolved);
    }
}

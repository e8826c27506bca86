#include "gateway/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/engine/digests.h"
#include "gateway/engine/engine_state.h"
#include "gateway/engine/oncall.h"
#include "gateway/engine/suppress.h"
#include "policies/message.h"

/* Timers a step: the rest run in the next one, so that inputs are not starved after an outage and a
 * batch keeps a bounded size. */
enum { TIMERS_MAX = 2000 };

/* Meta rows count from 1: number 0 means none everywhere. */
static void start_counters(struct store_meta *meta)
{
    if (meta->next_incident == 0)
        meta->next_incident = 1;
    if (meta->next_notification == 0)
        meta->next_notification = 1;
    if (meta->next_alert == 0)
        meta->next_alert = 1;
}

static int load(struct engine *engine, struct err *err)
{
    if (engine_load(engine, err) != 0)
        return -1;
    start_counters(&engine->meta);
    if (engine->now_ms < engine->meta.engine_time_ms)
        engine->now_ms = engine->meta.engine_time_ms;
    suppress_start(engine);
    return 0;
}

int engine_create(const struct engine_options *options, int64_t now_ms, struct engine **out_engine,
                  struct err *err)
{
    struct engine *engine = heap_alloc(sizeof(*engine));
    engine->options = *options;
    engine->book = options->rulebook;
    engine->router = router_create(engine->book);
    engine->wall_offset_ms = options->wall_offset_ms;
    engine->now_ms = now_ms;
    engine->started_at_ms = now_ms;
    arena_init(&engine->arena);
    strbuf_init(&engine->scratch, (size_t)MESSAGE_BYTES_MAX * 8);
    world_init(&engine->world);
    if (load(engine, err) != 0) {
        engine_destroy(engine);
        return -1;
    }
    engine->lost_from_ms = engine->meta.engine_time_ms;
    engine->wakes = engine_has_waiting(engine);
    *out_engine = engine;
    return 0;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL)
        return;
    world_clear(&engine->world);
    heap_clear(&engine->timers);
    heap_clear(&engine->heartbeat_timers);
    heap_clear(&engine->resolved);
    offers_clear(engine);
    router_destroy(engine->router);
    free(engine->orphans);
    suppress_clear(engine);
    arena_clear(&engine->arena);
    strbuf_clear(&engine->scratch);
    free(engine);
}

static void run_timer(struct engine *engine, const struct heap_entry *entry)
{
    switch ((enum timer_kind)entry->kind) {
    case TIMER_INCIDENT: {
        struct incident *incident = world_incident(&engine->world, entry->id);
        if (incident == NULL || incident->timer_mark != entry->mark)
            return;
        incident->timer_due_ms = INT64_MAX;
        if (incident->live && incident_next_due_ms(incident) <= engine->now_ms)
            engine_pass_time(engine, incident);
        else
            engine_set_timer(engine, incident);
        break;
    }
    case TIMER_NOTIFICATION:
    case TIMER_CLAIM:
    case TIMER_EXPIRY:
        attempts_due(engine, entry);
        break;
    case TIMER_ONCALL:
        oncall_timer(engine, entry);
        break;
    }
}

static void run_timers(struct engine *engine)
{
    for (int i = 0; i < TIMERS_MAX; i++) {
        const struct heap_entry *top = heap_top(&engine->timers);
        if (top == NULL || top->key > engine->now_ms)
            return;
        struct heap_entry entry = heap_pop(&engine->timers);
        run_timer(engine, &entry);
        suppress_settle(engine);
    }
}

static void set_book(struct engine *engine, const struct rulebook *book)
{
    world_forget_rules(&engine->world);
    engine->book = book;
    router_set(engine->router, book);
}

static void take_config(struct engine *engine, const struct input *input)
{
    set_book(engine, input->u.rulebook);
    engine->moment.book = engine->book;
    engine->oncall_is_due = true;
    attempts_drop_channels(engine);
    suppress_rules_changed(engine);
    engine_wake_all(engine);
    heartbeats_settle(engine);
}

static void take_clock(struct engine *engine, const struct input *input)
{
    engine->wall_offset_ms = input->u.wall_offset_ms;
    engine->moment.wall_offset_ms = engine->wall_offset_ms;
    suppress_refresh(engine);
    engine->oncall_is_due = true;
    engine_wake_all(engine);
}

static struct answer take_input(struct engine *engine, const struct input *input)
{
    struct answer answer = {.status = ANSWER_DONE, .text = ""};
    switch (input->kind) {
    case INPUT_EVENT:
        events_take(engine, input, &answer);
        break;
    case INPUT_REPLY:
    case INPUT_COMMAND:
        replies_take(engine, input, &answer);
        break;
    case INPUT_PREPARED:
        attempts_prepared(engine, input);
        break;
    case INPUT_RESULT:
        attempts_result(engine, input);
        break;
    case INPUT_RECEIPT:
        answer.status = receipts_take(engine, input);
        break;
    case INPUT_QUARANTINE:
        batch_quarantine(engine, input);
        break;
    case INPUT_SESSION:
        batch_session(engine, input);
        break;
    case INPUT_TIMER:
        break;
    case INPUT_CLOCK:
        take_clock(engine, input);
        break;
    case INPUT_CONFIG:
        take_config(engine, input);
        break;
    case INPUT_KIND_COUNT:
        break;
    }
    return answer;
}

static void complete(struct engine *engine, const struct input *input, struct answer answer)
{
    if (input->ticket == NULL)
        return;
    engine->batch.completed[engine->batch.completed_count++] = (struct engine_completed){
        .ticket = input->ticket, .index = input->ticket_index, .answer = answer};
}

/* What was promised by another node leaves the store's inbox together with what came of it, or stays there. */
static void note_applied(struct engine *engine, const struct input *input,
                         enum answer_status status)
{
    bool was_applied =
        status == ANSWER_DONE || status == ANSWER_REFUSED || status == ANSWER_UNKNOWN;
    if (input->inbox_sequence != 0 && was_applied)
        engine->batch.applied[engine->batch.applied_count++] = input->inbox_sequence;
}

static void answer_all(struct engine *engine, struct input *const *inputs, size_t count,
                       enum store_verdict verdict, struct engine_out *out)
{
    const struct answer answer = {
        .status = verdict == STORE_FULL ? ANSWER_FULL : ANSWER_BUSY,
        .text = verdict == STORE_FULL ? "the disk is full; try again later" : "try again"};
    engine->batch.completed_count = 0;
    if (verdict != STORE_UNKNOWN && verdict != STORE_BROKEN) {
        for (size_t i = 0; i < count; i++)
            complete(engine, inputs[i], answer);
    }
    *out = (struct engine_out){.completed = engine->batch.completed,
                               .completed_count = engine->batch.completed_count};
}

/* Nothing of the batch has happened, or nobody knows: the store's word is the world again. */
static void undo(struct engine *engine, enum store_verdict verdict)
{
    struct err ignored;
    engine->is_loaded = false;
    if (engine->lost_from_ms == INT64_MAX)
        engine->lost_from_ms = engine->now_ms;
    if (verdict == STORE_LEASE_LOST || verdict == STORE_BROKEN)
        return;
    (void)load(engine, &ignored); /* while the store does not answer, each step tries again */
}

/* What left the world's sight with this commit. */
static void sweep(struct engine *engine)
{
    struct batch *batch = &engine->batch;
    for (size_t i = 0; i < batch->alert_count; i++)
        batch->alerts[i].alert->batch_slot = 0;
    for (size_t i = 0; i < batch->ended_count; i++)
        world_drop_notification(&engine->world, batch->ended[i]);
    for (size_t i = 0; i < batch->incident_count; i++) {
        if (batch->incidents[i]->live)
            continue;
        ASSERT(engine->resolved_count > 0);
        engine->resolved_count--;
        world_drop_incident(&engine->world, batch->incidents[i]);
    }
}

static enum store_verdict commit(struct engine *engine, const struct effects *effects,
                                 struct err *err)
{
    const struct store *store = engine->options.store;
    engine->meta.engine_time_ms = engine->now_ms;
    const struct commit commit = {.effects = effects,
                                  .meta = engine->meta,
                                  .applied = engine->batch.applied,
                                  .applied_count = engine->batch.applied_count};
    return store->ops->commit(store->self, &commit, err);
}

/* An event that names its alert comes soon: what it asks for comes from memory while another one is taken. */
static struct alert_name expect_event(const struct engine *engine, struct input *const *inputs,
                                      size_t index, size_t count)
{
    if (index == count || inputs[index]->kind != INPUT_EVENT)
        return (struct alert_name){.key = NULL};
    const struct event *event = &inputs[index]->u.event;
    const struct alert_name name = world_alert_name(event->source, event->key);
    table_expect(&engine->world.alerts, name.hash);
    return name;
}

static void apply(struct engine *engine, struct input *const *inputs, size_t count)
{
    suppress_due(engine);
    if (engine->lost_from_ms != INT64_MAX)
        heartbeats_resume(engine);
    heartbeats_run(engine);
    attempts_orphans(engine);
    suppress_settle(engine);
    if (engine->wakes)
        engine_wake_all(engine);
    run_timers(engine);
    struct alert_name next = expect_event(engine, inputs, 0, count);
    for (size_t i = 0; i < count; i++) {
        engine->name = next;
        next = expect_event(engine, inputs, i + 1, count);
        struct answer answer = take_input(engine, inputs[i]);
        suppress_settle(engine);
        note_applied(engine, inputs[i], answer.status);
        complete(engine, inputs[i], answer);
        if (inputs[i]->arrival != NULL)
            batch_arrival(engine, inputs[i]->arrival);
    }
    oncall_settle(engine);
    digests_settle(engine);
    engine_evict(engine);
}

enum store_verdict engine_step(struct engine *engine, struct input *const *inputs, size_t count,
                               int64_t now_ms, int64_t mono_ms, struct engine_out *out,
                               struct err *err)
{
    const struct rulebook *book = engine->book;
    int64_t wall_offset_ms = engine->wall_offset_ms;
    if (now_ms > engine->now_ms)
        engine->now_ms = now_ms;
    engine->mono_ms = mono_ms;
    if (!engine->is_loaded && load(engine, err) != 0) {
        batch_begin(engine, count);
        answer_all(engine, inputs, count, STORE_BUSY, out);
        return STORE_BUSY;
    }
    batch_begin(engine, count);
    apply(engine, inputs, count);
    struct effects *effects = batch_finish(engine);
    enum store_verdict verdict = effects != NULL ? commit(engine, effects, err) : STORE_COMMITTED;
    if (verdict != STORE_COMMITTED) {
        if (engine->book != book)
            set_book(engine, book);
        engine->wall_offset_ms = wall_offset_ms;
        answer_all(engine, inputs, count, verdict, out);
        undo(engine, verdict);
        return verdict;
    }
    engine->lost_from_ms = INT64_MAX;
    engine->wakes = false;
    offers_settle(engine);
    offers_make(engine);
    sweep(engine);
    *out = (struct engine_out){.completed = engine->batch.completed,
                               .completed_count = engine->batch.completed_count,
                               .orders = engine->batch.orders,
                               .order_count = engine->batch.order_count,
                               .effects = effects,
                               .doubts = &engine->batch.doubts};
    return STORE_COMMITTED;
}

enum store_verdict engine_rest(struct engine *engine, int64_t now_ms, struct err *err)
{
    if (!engine->is_loaded || engine->world.heartbeats.rows.count == 0)
        return STORE_COMMITTED;
    engine->now_ms = now_ms > engine->now_ms ? now_ms : engine->now_ms;
    batch_begin(engine, 0);
    return commit(engine, &engine->batch.head, err);
}

void engine_was_away(struct engine *engine, int64_t from_ms)
{
    if (from_ms < engine->lost_from_ms)
        engine->lost_from_ms = from_ms;
}

const struct heartbeats *engine_heartbeats(const struct engine *engine)
{
    return &engine->world.heartbeats;
}

int64_t engine_next_due_ms(const struct engine *engine)
{
    bool resumes = engine->lost_from_ms != INT64_MAX &&
                   (engine->book->expects_heartbeats || engine->world.heartbeats.rows.count > 0);
    if (!engine->is_loaded || engine->orphan_count > 0 || resumes || engine->wakes)
        return engine->now_ms;
    int64_t next_ms = offers_next_ms(engine);
    int64_t suppress_ms = suppress_next_ms(engine);
    int64_t missed_ms = heartbeats_next_ms(engine);
    const struct heap_entry *top = heap_top(&engine->timers);
    next_ms = missed_ms < next_ms ? missed_ms : next_ms;
    next_ms = suppress_ms < next_ms ? suppress_ms : next_ms;
    return top != NULL && top->key < next_ms ? top->key : next_ms;
}

bool engine_is_loaded(const struct engine *engine)
{
    return engine->is_loaded;
}

void engine_counts(const struct engine *engine, struct engine_counts *out_counts)
{
    *out_counts = (struct engine_counts){
        .open_incidents = engine->world.open_count,
        .live_incidents = engine->world.incidents.count,
        .firing_alerts = engine->world.firing_count,
        .pending_notifications = engine->world.pending_count,
        .claimed_notifications = engine->world.claimed_count,
        .timers = engine->timers.count + engine->heartbeat_timers.count,
        .oldest_due_ms = INT64_MAX,
    };
    memcpy(out_counts->suppressed_incidents, engine->world.suppressed_count,
           sizeof(out_counts->suppressed_incidents));
    out_counts->suppressions[SUPPRESSION_SILENCE] =
        silences_holding(&engine->world.silences, engine->now_ms);
    out_counts->suppressions[SUPPRESSION_INHIBITION] = engine->world.inhibition.sources.count;
    for (size_t i = 0; engine->windows != NULL && i < engine->book->maintenance_count; i++)
        out_counts->suppressions[SUPPRESSION_MAINTENANCE] += engine->windows[i] ? 1 : 0;
    for (size_t i = 0; i < engine->lanes.count; i++) {
        const struct heap_entry *top = heap_top(&engine->lanes.items[i]->ready);
        if (top == NULL)
            continue;
        const struct notification *n = world_notification(&engine->world, top->id);
        if (n != NULL && n->due_at_ms < out_counts->oldest_due_ms)
            out_counts->oldest_due_ms = n->due_at_ms;
    }
}

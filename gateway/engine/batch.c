#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/engine/engine_state.h"
#include "gateway/engine/later.h"
#include "gateway/engine/oncall.h"
#include "policies/fields.h"

void *batch_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    enum { FIRST_CAPACITY = 32 };
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
    void *grown = arena_take_array(arena, *capacity, size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

void batch_begin(struct engine *engine, size_t input_count)
{
    struct batch *batch = &engine->batch;
    arena_reset(&engine->arena);
    *batch = (struct batch){.first_notification = engine->meta.next_notification};
    effects_init(&batch->head, &engine->arena);
    effects_init(&batch->tail, &engine->arena);
    batch->completed =
        arena_alloc_array(&engine->arena, input_count + 1, sizeof(*batch->completed));
    batch->applied = arena_alloc_array(&engine->arena, input_count + 1, sizeof(*batch->applied));
    moment_init(&engine->moment, engine->book, &engine->arena, engine->now_ms,
                engine->wall_offset_ms);
    engine->moment.marks_or_null = &engine->world.marks;
    engine->moment.overrides_or_null = &engine->world.overrides;
    engine->moment.heartbeats_or_null = &engine->world.heartbeats;
}

void batch_touch_incident(struct engine *engine, struct incident *incident)
{
    struct batch *batch = &engine->batch;
    if (incident->dirty)
        return;
    incident->dirty = true;
    batch->incidents = batch_grow(&engine->arena, batch->incidents, batch->incident_count,
                                  &batch->incident_capacity, sizeof(struct incident *));
    batch->incidents[batch->incident_count++] = incident;
}

struct batch_alert *batch_touch_alert(struct engine *engine, struct alert *alert)
{
    struct batch *batch = &engine->batch;
    if (alert->batch_slot != 0)
        return &batch->alerts[alert->batch_slot - 1];
    batch->alerts = batch_grow(&engine->arena, batch->alerts, batch->alert_count,
                               &batch->alert_capacity, sizeof(*batch->alerts));
    struct batch_alert *entry = &batch->alerts[batch->alert_count++];
    *entry = (struct batch_alert){.alert = alert, .details = "", .links = ""};
    alert->batch_slot = (uint32_t)batch->alert_count;
    return entry;
}

void batch_note(struct engine *engine, uint64_t incident, const struct note *note)
{
    struct timeline_row *row = arena_take(&engine->arena, sizeof(*row));
    *row = (struct timeline_row){.incident = incident,
                                 .at_ms = engine->now_ms,
                                 .kind = note->kind,
                                 .actor = note->actor,
                                 .credential = note->credential,
                                 .text = note->text,
                                 .data = note->data};
    effects_add(&engine->batch.tail, (struct effect){.kind = EFFECT_TIMELINE, .u.timeline = row});
}

void batch_route(struct engine *engine, const struct event *event, const char *key,
                 struct route *out_route)
{
    router_find(engine->router, event, key, out_route);
    doubts_add(&engine->batch.doubts, MATCH_USE_POLICY, &out_route->undecided, &engine->arena);
}

void batch_policy(struct engine *engine, const struct policy *policy)
{
    struct policy_row *row = arena_take(&engine->arena, sizeof(*row));
    /* Copies: the version may be given back before the commit. */
    *row = (struct policy_row){.hash = arena_strdup(&engine->arena, policy->hash),
                               .name = arena_strdup(&engine->arena, policy->name),
                               .text = arena_strdup(&engine->arena, policy->text)};
    effects_add(&engine->batch.head, (struct effect){.kind = EFFECT_POLICY, .u.policy = row});
}

void batch_mark(struct engine *engine, const struct mark_row *mark)
{
    struct mark_row *row = arena_take(&engine->arena, sizeof(*row));
    *row = (struct mark_row){.kind = mark->kind,
                             .name = arena_strdup(&engine->arena, mark->name),
                             .value = arena_strdup(&engine->arena, mark->gone ? "" : mark->value),
                             .at_ms = engine->now_ms,
                             .gone = mark->gone};
    effects_add(&engine->batch.tail, (struct effect){.kind = EFFECT_MARK, .u.mark = row});
    if (row->kind != MARK_HEARD)
        marks_put(&engine->world.marks, row);
    ASSERT(oncall_mark(&engine->world, row, NULL) == 0); /* we wrote it ourselves */
}

void batch_silence(struct engine *engine, const struct silence_row *silence)
{
    struct silence_row *row = arena_alloc(&engine->arena, sizeof(*row));
    *row = *silence;
    row->match = arena_strdup(&engine->arena, silence->match);
    row->author = arena_strdup(&engine->arena, silence->author);
    row->reason = arena_strdup(&engine->arena, silence->reason);
    row->ended_by = arena_strdup(&engine->arena, silence->ended_by);
    effects_add(&engine->batch.tail, (struct effect){.kind = EFFECT_SILENCE,
                                                     .insert = silence->ended_at_ms == 0,
                                                     .u.silence = row});
}

void batch_touch_heartbeat(struct engine *engine, struct heartbeat *heartbeat)
{
    struct batch *batch = &engine->batch;
    if (heartbeat->is_dirty)
        return;
    heartbeat->is_dirty = true;
    batch->heartbeats = batch_grow(&engine->arena, batch->heartbeats, batch->heartbeat_count,
                                   &batch->heartbeat_capacity, sizeof(struct heartbeat *));
    batch->heartbeats[batch->heartbeat_count++] = heartbeat;
}

void batch_drop_heartbeat(struct engine *engine, struct heartbeat *heartbeat)
{
    struct batch *batch = &engine->batch;
    struct heartbeat_row *row = arena_alloc(&engine->arena, sizeof(*row));
    *row = (struct heartbeat_row){.source = arena_strdup(&engine->arena, heartbeat->row.source),
                                  .key = arena_strdup(&engine->arena, heartbeat->row.key),
                                  .forgotten = true};
    for (size_t i = 0; heartbeat->is_dirty && i < batch->heartbeat_count; i++) {
        if (batch->heartbeats[i] == heartbeat)
            batch->heartbeats[i] = NULL;
    }
    effects_add(&batch->tail, (struct effect){.kind = EFFECT_HEARTBEAT, .u.heartbeat = row});
    (void)heartbeats_put(&engine->world.heartbeats, row); /* NULL: it has left */
}

/* Behind the tail: one that was forgotten may be there again. */
static void add_heartbeats(struct engine *engine, struct effects *effects)
{
    for (size_t i = 0; i < engine->batch.heartbeat_count; i++) {
        struct heartbeat *heartbeat = engine->batch.heartbeats[i];
        if (heartbeat == NULL)
            continue;
        heartbeat->is_dirty = false;
        effects_add(effects,
                    (struct effect){.kind = EFFECT_HEARTBEAT, .u.heartbeat = &heartbeat->row});
    }
}

void batch_event(struct engine *engine, const struct input *input, const char *key,
                 enum disposition disposition, uint64_t incident)
{
    const struct event *event = &input->u.event;
    struct event_row *row = arena_take(&engine->arena, sizeof(*row));
    *row = (struct event_row){.at_ms = engine->now_ms,
                              .source = event->source,
                              .key = key,
                              .action = event->action,
                              .severity = event->severity,
                              .disposition = disposition,
                              .incident = incident};
    memcpy(row->id, input->id, sizeof(row->id));
    effects_add(&engine->batch.head, (struct effect){.kind = EFFECT_EVENT, .u.event = row});
}

void batch_quarantine(struct engine *engine, const struct input *input)
{
    const struct unusable *unusable = &input->u.unusable;
    struct quarantine_row *row = arena_take(&engine->arena, sizeof(*row));
    ASSERT(unusable->byte_count <= QUARANTINE_BYTES_MAX);
    *row = (struct quarantine_row){.at_ms = engine->now_ms,
                                   .source = unusable->source,
                                   .origin = unusable->origin,
                                   .reason = unusable->reason,
                                   .bytes = unusable->bytes,
                                   .byte_count = unusable->byte_count,
                                   .size = unusable->size};
    memcpy(row->uuid, input->id, sizeof(row->uuid));
    effects_add(&engine->batch.head,
                (struct effect){.kind = EFFECT_QUARANTINE, .u.quarantine = row});
}

void batch_session(struct engine *engine, const struct input *input)
{
    effects_add(&engine->batch.head,
                (struct effect){.kind = EFFECT_SESSION, .u.session = &input->u.session});
}

static struct batch_deliveries *deliveries_of(struct engine *engine, const struct arrival *arrival)
{
    struct batch *batch = &engine->batch;
    for (size_t i = 0; i < batch->delivery_count; i++) {
        struct deliveries_row *row = &batch->deliveries[i].row;
        if (memcmp(row->session, arrival->session, sizeof(row->session)) == 0)
            return &batch->deliveries[i];
    }
    batch->deliveries = batch_grow(&engine->arena, batch->deliveries, batch->delivery_count,
                                   &batch->delivery_capacity, sizeof(*batch->deliveries));
    struct batch_deliveries *added = &batch->deliveries[batch->delivery_count++];
    *added = (struct batch_deliveries){.row = {.broker = arrival->broker}};
    memcpy(added->row.session, arrival->session, sizeof(added->row.session));
    return added;
}

void batch_arrival(struct engine *engine, const struct arrival *arrival)
{
    struct batch_deliveries *all = deliveries_of(engine, arrival);
    size_t count = all->row.mark_bytes / DELIVERY_MARK_BYTES;
    all->marks = batch_grow(&engine->arena, all->marks, count, &all->capacity, DELIVERY_MARK_BYTES);
    unsigned char *mark = all->marks + all->row.mark_bytes;
    mark[0] = (unsigned char)(arrival->packet_id >> 8);
    mark[1] = (unsigned char)arrival->packet_id;
    for (int i = 0; i < 8; i++)
        mark[2 + i] = (unsigned char)(arrival->hash >> (56 - 8 * i));
    all->row.mark_bytes += DELIVERY_MARK_BYTES;
}

static void add_deliveries(struct engine *engine, struct effects *effects)
{
    for (size_t i = 0; i < engine->batch.delivery_count; i++) {
        struct batch_deliveries *all = &engine->batch.deliveries[i];
        all->row.marks = all->marks;
        effects_add(effects, (struct effect){.kind = EFFECT_DELIVERIES, .u.deliveries = &all->row});
    }
}

void batch_after(struct engine *engine, struct after after)
{
    struct batch *batch = &engine->batch;
    batch->afters = batch_grow(&engine->arena, batch->afters, batch->after_count,
                               &batch->after_capacity, sizeof(after));
    batch->afters[batch->after_count++] = after;
}

struct order *batch_order(struct engine *engine, enum order_kind kind, uint64_t notification)
{
    struct batch *batch = &engine->batch;
    batch->orders = batch_grow(&engine->arena, batch->orders, batch->order_count,
                               &batch->order_capacity, sizeof(struct order));
    struct order *order = &batch->orders[batch->order_count++];
    *order = (struct order){.kind = kind,
                            .notification = notification,
                            .channel = "",
                            .contact = "",
                            .address = "",
                            .key = "",
                            .snapshot = "",
                            .details = "",
                            .links = "",
                            .content_type = "",
                            .subject = ""};
    return order;
}

static const char *repliers_text(struct engine *engine, const struct incident *incident)
{
    if (incident->later->repliers == NULL)
        return "";
    strbuf_reset(&engine->scratch);
    for (const struct replier *r = incident->later->repliers; r != NULL; r = r->next) {
        strbuf_add(&engine->scratch, r->contact);
        strbuf_add(&engine->scratch, r->next != NULL ? "," : "");
    }
    return arena_copy_text(&engine->arena, strbuf_text(&engine->scratch), engine->scratch.length);
}

/* What they were written as is what they are: made anew, they hold no texts that were replaced. */
static void renew_talks(struct incident *incident, const char *text)
{
    struct talks *talks = NULL;
    struct err err;
    ASSERT(talks_read(text, &talks, &err) == 0);
    later_set_talks(incident, talks);
}

static const char *talks_text(struct engine *engine, struct incident *incident)
{
    struct strbuf text;
    if (incident->later->talks == NULL)
        return "";
    strbuf_init(&text, TALKS_JSON_BYTES_MAX);
    talks_write(incident->later->talks, &text);
    ASSERT(!text.overflowed);
    const char *copy = arena_strndup(&engine->arena, strbuf_text(&text), text.length);
    strbuf_clear(&text);
    if (incident->later->talks->spare_bytes > TALKS_SPARE_BYTES_MAX)
        renew_talks(incident, copy);
    return copy;
}

static const char *fields_text(struct engine *engine, const struct incident *incident)
{
    if (incident->later->fields == NULL)
        return "";
    strbuf_reset(&engine->scratch);
    fields_write(incident->later->fields, &engine->scratch);
    ASSERT(!engine->scratch.overflowed);
    return arena_copy_text(&engine->arena, strbuf_text(&engine->scratch), engine->scratch.length);
}

static const struct incident_row *incident_to_row(struct engine *engine, struct incident *incident)
{
    struct incident_row *row = arena_take(&engine->arena, sizeof(*row));
    int64_t next_due_ms = incident->live ? incident_next_due_ms(incident) : INT64_MAX;
    const char *repliers = repliers_text(engine, incident);
    const char *fields = fields_text(engine, incident);
    strbuf_reset(&engine->scratch);
    ladder_write(&incident->ladder, &incident->later->ladder, &engine->scratch);
    *row = (struct incident_row){
        .number = incident->number,
        .policy = incident->policy->name,
        .policy_hash = incident->policy->hash,
        .group_key = incident_group_key(incident),
        .title = incident_title(incident),
        .state = (enum incident_state)incident->state,
        .severity = (enum severity)incident->severity,
        .priority = incident->priority,
        .priority_set = incident->priority_set,
        .live = incident->live,
        .opened_at_ms = incident->opened_at_ms,
        .acked_at_ms = incident->later->acked_at_ms,
        .resolved_at_ms = incident->later->resolved_at_ms,
        .owner = incident->later->owner,
        .ack_until_ms = incident->later->ack_until_ms,
        .eta_at_ms = incident->later->eta_at_ms,
        .slip_count = incident->later->slip_count,
        .known = incident->known,
        .cleared = incident->cleared,
        .cause = incident->later->cause,
        .linked = incident->later->linked,
        .firing_count = incident_firing_count(incident),
        .next_due_at_ms = next_due_ms == INT64_MAX ? 0 : next_due_ms,
        .ladder =
            arena_copy_text(&engine->arena, strbuf_text(&engine->scratch), engine->scratch.length),
        .updated_at_ms = incident->updated_at_ms,
        .mark = incident->later->mark,
        .flap = incident->later->flap,
        .repliers = repliers,
        .fields = fields,
        .moved = incident->moved,
        .talks = talks_text(engine, incident),
    };
    memcpy(row->uuid, incident->uuid, sizeof(row->uuid));
    return row;
}

static const struct alert_row *alert_to_row(struct engine *engine, const struct batch_alert *entry)
{
    struct alert_row *row = arena_take(&engine->arena, sizeof(*row));
    const struct alert *alert = entry->alert;
    *row = (struct alert_row){
        .id = alert->id,
        .incident = alert->incident->number,
        .source = alert->source,
        .key = alert_key(alert),
        .firing = alert->firing,
        .severity = (enum severity)alert->severity,
        .first_at_ms = alert->first_at_ms,
        .last_at_ms = alert->last_at_ms,
        .resolved_at_ms = alert->later->resolved_at_ms,
        .count = alert->count,
        .text_unchanged = !alert->text_changed,
        .summary = alert_summary(alert),
        .labels = alert_labels(alert),
        .details = entry->details,
        .links = entry->links,
    };
    return row;
}

/* What is over comes first, so that a group is free before another incident takes it. */
static void add_incidents(struct engine *engine, struct effects *effects, bool open)
{
    for (size_t i = 0; i < engine->batch.incident_count; i++) {
        struct incident *incident = engine->batch.incidents[i];
        if (incident_is_open(incident) != open)
            continue;
        /* It was about to be forgotten when this very batch reopened it or answered somebody about
         * it. */
        if (open || incident->unfinished > 0)
            incident->live = true;
        effects_add(effects, (struct effect){.kind = EFFECT_INCIDENT,
                                             .insert = incident->fresh,
                                             .u.incident = incident_to_row(engine, incident)});
        incident->dirty = false;
        incident->fresh = false;
        incident->moved = false;
        engine_set_timer(engine, incident);
    }
}

static void add_alerts(struct engine *engine, struct effects *effects)
{
    for (size_t i = 0; i < engine->batch.alert_count; i++) {
        const struct batch_alert *entry = &engine->batch.alerts[i];
        struct alert *alert = entry->alert;
        effects_add(effects, (struct effect){.kind = EFFECT_ALERT,
                                             .insert = alert->fresh,
                                             .u.alert = alert_to_row(engine, entry)});
        alert->fresh = false;
        alert->text_changed = false;
    }
}

struct effects *batch_finish(struct engine *engine)
{
    struct effects *effects = &engine->batch.head;
    add_incidents(engine, effects, false);
    add_incidents(engine, effects, true);
    add_alerts(engine, effects);
    add_deliveries(engine, effects);
    for (size_t i = 0; i < engine->batch.tail.count; i++)
        effects_add(effects, engine->batch.tail.items[i]);
    add_heartbeats(engine, effects);
    return effects->count > 0 || engine->batch.applied_count > 0 ? effects : NULL;
}

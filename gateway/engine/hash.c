/* The sum over the world (invariant I33): what the store holds and a reload must bring back, in the
 * order of numbers. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/engine/engine_state.h"
#include "gateway/system/digest.h"
#include "policies/fields.h"

struct sum {
    unsigned char digest[DIGEST_BYTES];
    struct strbuf text;
};

static void add_number(struct sum *sum, int64_t number)
{
    strbuf_add_i64(&sum->text, number);
    strbuf_add_char(&sum->text, ' ');
}

static void add_text(struct sum *sum, const char *text)
{
    add_number(sum, (int64_t)strlen(text));
    strbuf_add(&sum->text, text);
}

/* What was gathered is chained to all before it. */
static void chain(struct sum *sum)
{
    strbuf_add_bytes(&sum->text, sum->digest, sizeof(sum->digest));
    ASSERT(!sum->text.overflowed);
    digest_sha256(strbuf_text(&sum->text), sum->text.length, sum->digest);
    strbuf_reset(&sum->text);
}

/* Many items go into one digest: its calls cost more than its bytes. */
static void close_item(struct sum *sum)
{
    enum { GATHERED_BYTES = 1 << 16 };
    strbuf_add_char(&sum->text, '\n');
    if (sum->text.length >= GATHERED_BYTES)
        chain(sum);
}

static void add_alert(struct sum *sum, const struct alert *alert)
{
    add_number(sum, (int64_t)alert->id);
    add_text(sum, alert->source);
    add_text(sum, alert_key(alert));
    add_text(sum, alert_summary(alert));
    add_text(sum, alert_labels(alert));
    add_number(sum, alert->first_at_ms);
    add_number(sum, alert->last_at_ms);
    add_number(sum, alert->later->resolved_at_ms);
    add_number(sum, (int64_t)alert->count);
    add_number(sum, alert->firing);
    add_number(sum, alert->severity);
    close_item(sum);
}

static void add_notification(struct sum *sum, const struct notification *n)
{
    add_number(sum, (int64_t)n->id);
    add_number(sum, n->incident != NULL ? (int64_t)n->incident->number : 0);
    add_text(sum, n->contact);
    add_text(sum, n->channel);
    add_text(sum, n->step);
    add_number(sum, n->due_at_ms);
    add_number(sum, n->next_at_ms);
    add_number(sum, n->expires_at_ms);
    add_number(sum, n->climb);
    add_number(sum, n->repetition);
    add_number(sum, n->attempt_count);
    add_number(sum, n->kind);
    add_number(sum, n->state);
    add_number(sum, n->kind == KIND_DIGEST ? 0 : n->severity); /* follows from who is in it */
    if (n->digest != 0 || n->admitted || n->deferred) {
        add_number(sum, (int64_t)n->digest);
        add_number(sum, n->admitted);
        add_number(sum, n->deferred);
    }
    close_item(sum);
}

static void add_incident(struct sum *sum, const struct incident *incident)
{
    add_number(sum, (int64_t)incident->number);
    strbuf_add_bytes(&sum->text, incident->uuid, sizeof(incident->uuid));
    add_text(sum, incident->policy->hash);
    add_text(sum, incident_group_key(incident));
    add_text(sum, incident_title(incident));
    add_text(sum, incident->source);
    add_text(sum, incident->later->owner);
    add_text(sum, incident->later->cause);
    const int64_t numbers[] = {incident->opened_at_ms,
                               incident->later->acked_at_ms,
                               incident->later->resolved_at_ms,
                               incident->later->ack_until_ms,
                               incident->later->eta_at_ms,
                               incident->updated_at_ms,
                               (int64_t)incident->later->linked,
                               incident->later->slip_count,
                               incident->state,
                               incident->severity,
                               incident->priority,
                               incident->priority_set,
                               incident->known,
                               incident->cleared,
                               incident->unfinished,
                               incident_firing_count(incident)};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        add_number(sum, numbers[i]);
    for (const struct replier *r = incident->later->repliers; r != NULL; r = r->next)
        add_text(sum, r->contact);
    add_text(sum, incident->later->mark);
    add_text(sum, incident->later->flap);
    fields_write(incident->later->fields, &sum->text);
    ladder_write(&incident->ladder, &incident->later->ladder, &sum->text);
    if (incident->later->talks != NULL)
        talks_write(incident->later->talks, &sum->text);
    close_item(sum);
    for (const struct alert *a = incident->alerts; a != NULL; a = a->next)
        add_alert(sum, a);
}

static void add_mark(struct sum *sum, const struct ledger_entry *mark)
{
    add_text(sum, mark_kind_name((enum mark_kind)mark->kind));
    add_text(sum, mark->name);
    add_text(sum, mark->value);
    add_number(sum, mark->at_ms);
    close_item(sum);
}

static void add_silence(struct sum *sum, const struct silence *silence)
{
    add_number(sum, (int64_t)silence->id);
    add_text(sum, silence->match);
    add_text(sum, silence->author);
    add_text(sum, silence->reason);
    add_number(sum, silence->from_ms);
    add_number(sum, silence->until_ms);
    close_item(sum);
}

/* They are in the marks too; this is the copy that is looked at. */
static void add_override(struct sum *sum, const struct override *override)
{
    add_number(sum, (int64_t) override->number);
    add_text(sum, override->schedule);
    add_text(sum, override->who);
    add_text(sum, override->instead_of);
    add_number(sum, override->from_ms);
    add_number(sum, override->until_ms);
    add_number(sum, override->made_at_ms);
    add_text(sum, override->made_by);
    close_item(sum);
}

static void add_heartbeat(struct sum *sum, const struct heartbeat_row *row)
{
    const int64_t numbers[] = {row->state,         row->first_at_ms,   row->seen_at_ms,
                               row->success_at_ms, row->started_at_ms, row->failed_at_ms,
                               row->missed_at_ms,  row->duration_ms,   row->waits_from_ms,
                               row->gone_at_ms,    row->missed_count,  row->exit_status,
                               row->is_running};
    add_text(sum, row->source);
    add_text(sum, row->key);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        add_number(sum, numbers[i]);
    add_text(sum, row->run);
    close_item(sum);
}

static void add_heartbeats(struct sum *sum, const struct heartbeats *all)
{
    for (size_t i = 0; i < all->rows.count; i++) {
        const struct pair_group *group = all->rows.groups[i];
        for (size_t j = 0; j < group->count; j++)
            add_heartbeat(sum, &((const struct heartbeat *)group->items[j].value)->row);
    }
}

static int compare_incidents(const void *a, const void *b)
{
    uint64_t left = (*(const struct incident *const *)a)->number;
    uint64_t right = (*(const struct incident *const *)b)->number;
    return (left > right) - (left < right);
}

static int compare_notifications(const void *a, const void *b)
{
    uint64_t left = (*(const struct notification *const *)a)->id;
    uint64_t right = (*(const struct notification *const *)b)->id;
    return (left > right) - (left < right);
}

static void **sorted(const struct table *table, int (*compare)(const void *, const void *))
{
    void **items = heap_alloc((table->count + 1) * sizeof(*items));
    size_t count = 0;
    size_t slot = 0;
    for (void *item = table_each(table, &slot); item != NULL; item = table_each(table, &slot))
        items[count++] = item;
    ASSERT(count == table->count);
    qsort(items, count, sizeof(*items), compare);
    return items;
}

void engine_hash(const struct engine *engine, unsigned char out[32])
{
    enum { ITEM_BYTES_MAX = 1 << 24 };
    struct sum sum = {.digest = {0}};
    strbuf_init(&sum.text, ITEM_BYTES_MAX);
    void **incidents = sorted(&engine->world.incidents, compare_incidents);
    for (size_t i = 0; i < engine->world.incidents.count; i++)
        add_incident(&sum, incidents[i]);
    void **notifications = sorted(&engine->world.notifications, compare_notifications);
    for (size_t i = 0; i < engine->world.notifications.count; i++)
        add_notification(&sum, notifications[i]);
    for (size_t i = 0; i < engine->world.marks.count; i++)
        add_mark(&sum, &engine->world.marks.items[i]);
    for (size_t i = 0; i < engine->world.silences.count; i++)
        add_silence(&sum, &engine->world.silences.items[i]);
    add_number(&sum, (int64_t)engine->world.silences.last_id);
    for (size_t i = 0; i < engine->world.overrides.count; i++)
        add_override(&sum, &engine->world.overrides.items[i]);
    add_heartbeats(&sum, &engine->world.heartbeats);
    add_number(&sum, (int64_t)engine->meta.next_incident);
    add_number(&sum, (int64_t)engine->meta.next_notification);
    add_number(&sum, (int64_t)engine->meta.next_alert);
    chain(&sum);
    memcpy(out, sum.digest, sizeof(sum.digest));
    free(incidents);
    free(notifications);
    strbuf_clear(&sum.text);
}

/*
 * The store of simulations and tests: what was committed can be loaded back, as long as the process
 * lives. Events, timeline, attempts and quarantine are not kept, since nothing in store.h reads them back. Rows
 * that cannot be are refused as the files of a real store would refuse them, so that the engine's
 * own tests find them.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/store/memory.h"
#include "gateway/store/row_shape.h"

static void id_list_add(struct id_list *list, uint64_t id)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        list->ids = heap_realloc(list->ids, list->capacity * sizeof(uint64_t));
    }
    list->ids[list->count++] = id;
}

static struct memory_incident *incident_named(struct memory_store *memory, uint64_t number)
{
    struct memory_incident *incident = memory_row(&memory->incidents, number);
    if (incident == NULL) {
        incident = heap_alloc(sizeof(*incident));
        (void)memory_table_insert(&memory->incidents, number, incident); /* looked up above */
    }
    return incident;
}

static int missing(struct err *err, const char *what, uint64_t id)
{
    return err_set(err, ERR_CORRUPT, "store: %s %llu to update is not there", what,
                   (unsigned long long)id);
}

static int twice(struct err *err, const char *what, uint64_t id, const char *key)
{
    return err_set(err, ERR_CORRUPT, "store: %s %llu: '%s' is open already", what,
                   (unsigned long long)id, key);
}

static int taken(struct err *err, const char *what, uint64_t id)
{
    return err_set(err, ERR_CORRUPT, "store: %s %llu to insert is there already", what,
                   (unsigned long long)id);
}

/* Commit: one function for each kind of effect. */

static void notification_free(struct notification_row *row)
{
    if (row != NULL) {
        free((void *)(uintptr_t)row->body);
        free(row);
    }
}

/* Take the texts of `next` into a block of the store's own in place of `entry`'s; the body moves
 * over as it is. */
static void notification_replace(struct memory_entry *entry, const struct notification_row *next)
{
    struct notification_row *old = entry->row;
    entry->row = row_copy_heap(&notification_shape, next);
    if (old != NULL && old->body != next->body) {
        free((void *)(uintptr_t)old->body);
    }
    free(old);
}

static void *bytes_copy(const void *bytes, size_t count)
{
    char *copy = heap_alloc(count + 1);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    return copy;
}

/* Its alerts are found by their keys from now on; a newer one of the same key hides the others. */
static void close_alerts(struct memory_store *memory, const struct memory_incident *incident)
{
    for (size_t i = 0; i < incident->alerts.count; i++) {
        const struct alert_row *alert = memory_row(&memory->alerts, incident->alerts.ids[i]);
        if (alert == NULL) {
            continue;
        }
        uint64_t key = memory_key(alert->source, alert->key);
        uint64_t *known = memory_keys_find(&memory->over, key);
        if (known == NULL) {
            (void)memory_keys_add(&memory->over, key, alert->id); /* looked up above */
        } else if (*known < alert->id) {
            *known = alert->id;
        }
    }
}

/* Which open group the row stands for, before and after; -1: another incident has it. */
static int move_group(struct memory_store *memory, const struct incident_row *old_or_null,
                      const struct incident_row *row, struct err *err)
{
    bool was_open = old_or_null != NULL && old_or_null->state != INCIDENT_RESOLVED;
    bool is_open = row->state != INCIDENT_RESOLVED;
    uint64_t key = memory_key(row->policy, row->group_key);
    if (was_open && (!is_open || row->moved)) {
        memory_keys_remove(&memory->open_groups,
                           memory_key(old_or_null->policy, old_or_null->group_key));
        was_open = false;
    }
    if (is_open && !was_open && !memory_keys_add(&memory->open_groups, key, row->number)) {
        return twice(err, "incident", row->number, row->group_key);
    }
    return 0;
}

static int put_incident(struct memory_store *memory, const struct incident_row *row, bool insert,
                        struct err *err)
{
    struct memory_incident *incident = incident_named(memory, row->number);
    if (insert) {
        if (incident->row != NULL) {
            return taken(err, "incident", row->number);
        }
        if (move_group(memory, NULL, row, err) != 0) {
            return -1;
        }
        incident->row = row_copy_heap(&incident_shape, row);
        return 0;
    }
    if (incident->row == NULL) {
        return missing(err, "incident", row->number);
    }
    struct incident_row next = *row;
    memcpy(next.uuid, incident->row->uuid, sizeof(next.uuid));
    if (!row->moved) {
        next.policy = incident->row->policy;
        next.group_key = incident->row->group_key;
    }
    if (move_group(memory, incident->row, &next, err) != 0) {
        return -1;
    }
    next.moved = false;
    struct incident_row *old = incident->row;
    incident->row = row_copy_heap(&incident_shape, &next);
    free(old);
    if (!row->live) {
        close_alerts(memory, incident);
    }
    return 0;
}

static int put_alert(struct memory_store *memory, const struct alert_row *row, bool insert,
                     struct err *err)
{
    struct memory_entry *entry = memory_table_find(&memory->alerts, row->id);
    if (insert) {
        if (entry != NULL) {
            return taken(err, "alert", row->id);
        }
        (void)memory_table_insert(&memory->alerts, row->id,
                                  row_copy_heap(&alert_shape, row)); /* looked up above */
        id_list_add(&incident_named(memory, row->incident)->alerts, row->id);
        return 0;
    }
    if (entry == NULL) {
        return missing(err, "alert", row->id);
    }
    struct alert_row *old = entry->row;
    struct alert_row next = *row;
    next.source = old->source;
    next.key = old->key;
    if (row->text_unchanged) {
        next.summary = old->summary;
        next.labels = old->labels;
        next.details = old->details;
        next.links = old->links;
    }
    entry->row = row_copy_heap(&alert_shape, &next);
    if (old->incident != row->incident) {
        id_list_add(&incident_named(memory, row->incident)->alerts, row->id);
    }
    free(old);
    return 0;
}

static int put_notification(struct memory_store *memory, const struct notification_row *row,
                            struct err *err)
{
    if (row->ended_at_ms == 0 &&
        !memory_keys_add(&memory->unfinished, memory_key(row->key, ""), row->id)) {
        return twice(err, "notification", row->id, row->key);
    }
    struct notification_row *copy = row_copy_heap(&notification_shape, row);
    copy->body = row->body == NULL ? NULL : bytes_copy(row->body, row->body_count);
    if (!memory_table_insert(&memory->notifications, row->id, copy)) {
        notification_free(copy);
        return taken(err, "notification", row->id);
    }
    id_list_add(&incident_named(memory, row->incident)->notifications, row->id);
    return 0;
}

static int put_claim(struct memory_store *memory, const struct claim_row *claim, struct err *err)
{
    struct memory_entry *entry = memory_table_find(&memory->notifications, claim->notification);
    if (entry == NULL) {
        return missing(err, "notification", claim->notification);
    }
    struct notification_row next = *(struct notification_row *)entry->row;
    next.state = NOTIFICATION_CLAIMED;
    next.attempt_count = claim->attempt;
    if (claim->body != NULL) {
        next.body = bytes_copy(claim->body, claim->body_count);
        next.body_count = claim->body_count;
        next.body_hash = claim->body_hash;
        next.content_type = claim->content_type;
        next.subject = claim->subject;
        next.snapshot = "";
    }
    notification_replace(entry, &next);
    return 0;
}

static int put_outcome(struct memory_store *memory, const struct outcome_row *outcome,
                       struct err *err)
{
    struct memory_entry *entry = memory_table_find(&memory->notifications, outcome->notification);
    if (entry == NULL) {
        return missing(err, "notification", outcome->notification);
    }
    struct notification_row next = *(struct notification_row *)entry->row;
    next.state = outcome->state;
    next.reason = outcome->reason;
    next.next_at_ms = outcome->next_at_ms;
    if (!notification_is_over(outcome->state)) {
        next.digest = outcome->digest;
        next.admitted = outcome->admitted;
    }
    if (outcome->provider_id != NULL && outcome->provider_id[0] != '\0') {
        next.provider_id = outcome->provider_id;
    }
    if (notification_is_over(outcome->state)) {
        if (next.ended_at_ms == 0) {
            memory_keys_remove(&memory->unfinished, memory_key(next.key, ""));
        }
        next.ended_at_ms = outcome->at_ms;
        next.body = NULL;
        next.body_count = 0;
        next.snapshot = "";
    }
    notification_replace(entry, &next);
    return 0;
}

static void put_policy(struct memory_store *memory, const struct policy_row *row)
{
    for (size_t i = 0; i < memory->policies.count; i++) {
        const struct policy_row *known = memory->policies.entries[i].row;
        if (text_equal(known->hash, row->hash)) {
            return;
        }
    }
    (void)memory_table_insert(&memory->policies, memory->policies.count + 1,
                              row_copy_heap(&policy_shape, row)); /* numbers rise: never taken */
}

static int put_effect(struct memory_store *memory, const struct effect *effect, struct err *err)
{
    switch (effect->kind) {
    case EFFECT_ALERT:
        return put_alert(memory, effect->u.alert, effect->insert, err);
    case EFFECT_INCIDENT:
        return put_incident(memory, effect->u.incident, effect->insert, err);
    case EFFECT_NOTIFICATION:
        return put_notification(memory, effect->u.notification, err);
    case EFFECT_CLAIM:
        return put_claim(memory, effect->u.claim, err);
    case EFFECT_OUTCOME:
        return put_outcome(memory, effect->u.outcome, err);
    case EFFECT_POLICY:
        put_policy(memory, effect->u.policy);
        return 0;
    case EFFECT_MARK:
        marks_put(&memory->marks, effect->u.mark);
        return 0;
    case EFFECT_SILENCE:
        memory_put_silence(memory, effect->u.silence);
        return 0;
    case EFFECT_HEARTBEAT:
        (void)heartbeats_put(&memory->heartbeats, effect->u.heartbeat); /* NULL: it has left */
        return 0;
    case EFFECT_EVENT:
    case EFFECT_TIMELINE:
    case EFFECT_QUARANTINE:
    case EFFECT_SESSION:
    case EFFECT_DELIVERIES:
        return 0;
    case EFFECT_KIND_COUNT:
        break;
    }
    ASSERT(effect->kind < EFFECT_KIND_COUNT);
    return 0;
}

static void inbox_item_free(struct store_inbox_item *item)
{
    free((void *)(uintptr_t)item->bytes);
    free(item);
}

static bool inbox_has(const struct memory_store *memory, const struct commit *commit,
                      struct err *err)
{
    for (size_t i = 0; i < commit->applied_count; i++) {
        if (memory_row(&memory->inbox, commit->applied[i]) == NULL) {
            (void)err_set(err, ERR_BUSY, "store: inbox %llu is not there any more",
                          (unsigned long long)commit->applied[i]); /* the verdict says it */
            return false;
        }
    }
    return true;
}

static void inbox_drop(struct memory_store *memory, const struct commit *commit)
{
    for (size_t i = 0; i < commit->applied_count; i++) {
        struct memory_entry *entry = memory_table_find(&memory->inbox, commit->applied[i]);
        inbox_item_free(entry->row);
        entry->row = NULL;
    }
    if (commit->applied_count > 0) {
        memory_table_compact(&memory->inbox);
    }
}

/* Only a bug of the caller can stop the loop half way; the store then answers nothing but broken.
 */
static enum store_verdict memory_commit(void *self, const struct commit *commit, struct err *err)
{
    struct memory_store *memory = self;
    if (memory->broken) {
        (void)err_set(err, ERR_CORRUPT,
                      "store: broken by an earlier commit"); /* the verdict says it */
        return STORE_BROKEN;
    }
    if (commit->meta.epoch != memory->meta.epoch) {
        (void)err_set(err, ERR_CONFLICT, "store: epoch %llu has passed, the store is at %llu",
                      (unsigned long long)commit->meta.epoch,
                      (unsigned long long)memory->meta.epoch); /* the verdict says it */
        return STORE_LEASE_LOST;
    }
    if (!inbox_has(memory, commit, err)) {
        return STORE_BUSY;
    }
    for (size_t i = 0; i < commit->effects->count; i++) {
        if (put_effect(memory, &commit->effects->items[i], err) != 0) {
            memory->broken = true;
            return STORE_BROKEN;
        }
    }
    memory->meta = commit->meta;
    inbox_drop(memory, commit);
    return STORE_COMMITTED;
}

/* Inbox. */

static int memory_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                               struct err *err)
{
    (void)err; /* nothing here can fail */
    struct memory_store *memory = self;
    for (size_t i = 0; i < count; i++) {
        struct store_inbox_item *copy = heap_alloc(sizeof(*copy));
        *copy = items[i];
        copy->sequence = ++memory->inbox_last;
        copy->bytes = bytes_copy(items[i].bytes, items[i].count);
        (void)memory_table_insert(&memory->inbox, copy->sequence, copy); /* sequences rise */
    }
    return 0;
}

static int memory_inbox_take(void *self, uint64_t after, size_t max, struct arena *arena,
                             struct store_inbox_item **out_items, size_t *out_count,
                             struct err *err)
{
    (void)err; /* nothing here can fail */
    struct memory_store *memory = self;
    struct store_inbox_item *items = arena_alloc_array(arena, max, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < memory->inbox.count && count < max; i++) {
        const struct store_inbox_item *item = memory->inbox.entries[i].row;
        if (item->sequence > after) {
            items[count] = *item;
            items[count].bytes = arena_copy(arena, item->bytes, item->count);
            count++;
        }
    }
    *out_items = items;
    *out_count = count;
    return 0;
}

/* Housekeeping and the end. */

static void notification_delete(struct memory_store *memory, struct memory_entry *entry)
{
    const struct notification_row *row = entry->row;
    if (row->ended_at_ms == 0) {
        memory_keys_remove(&memory->unfinished, memory_key(row->key, ""));
    }
    notification_free(entry->row);
    entry->row = NULL;
}

static void alert_delete(struct memory_store *memory, struct memory_entry *entry)
{
    const struct alert_row *row = entry->row;
    uint64_t key = memory_key(row->source, row->key);
    const uint64_t *known = memory_keys_find(&memory->over, key);
    if (known != NULL && *known == row->id) {
        memory_keys_remove(&memory->over, key);
    }
    free(entry->row);
    entry->row = NULL;
}

static void incident_delete(struct memory_store *memory, struct memory_incident *incident)
{
    for (size_t i = 0; i < incident->alerts.count; i++) {
        struct memory_entry *entry = memory_table_find(&memory->alerts, incident->alerts.ids[i]);
        if (entry != NULL) {
            alert_delete(memory, entry);
        }
    }
    for (size_t i = 0; i < incident->notifications.count; i++) {
        struct memory_entry *entry =
            memory_table_find(&memory->notifications, incident->notifications.ids[i]);
        if (entry != NULL) {
            notification_delete(memory, entry);
        }
    }
    free(incident->alerts.ids);
    free(incident->notifications.ids);
    free(incident->row);
    free(incident);
}

static void memory_idle(void *self, int64_t keep_before_ms)
{
    struct memory_store *memory = self;
    bool deleted = false;
    for (size_t i = 0; i < memory->incidents.count; i++) {
        struct memory_incident *incident = memory->incidents.entries[i].row;
        const struct incident_row *row = incident->row;
        if (row != NULL && !row->live && row->state == INCIDENT_RESOLVED &&
            row->resolved_at_ms < keep_before_ms) {
            incident_delete(memory, incident);
            memory->incidents.entries[i].row = NULL;
            deleted = true;
        }
    }
    memory_sweep_marks(memory);
    memory_sweep_silences(memory, keep_before_ms);
    if (deleted) {
        memory_table_compact(&memory->incidents);
        memory_table_compact(&memory->alerts);
        memory_table_compact(&memory->notifications);
    }
}

static void memory_close(void *self)
{
    struct memory_store *memory = self;
    for (size_t i = 0; i < memory->incidents.count; i++) {
        struct memory_incident *incident = memory->incidents.entries[i].row;
        free(incident->alerts.ids);
        free(incident->notifications.ids);
        free(incident->row);
        free(incident);
    }
    for (size_t i = 0; i < memory->alerts.count; i++) {
        free(memory->alerts.entries[i].row);
    }
    for (size_t i = 0; i < memory->notifications.count; i++) {
        notification_free(memory->notifications.entries[i].row);
    }
    for (size_t i = 0; i < memory->inbox.count; i++) {
        inbox_item_free(memory->inbox.entries[i].row);
    }
    for (size_t i = 0; i < memory->policies.count; i++) {
        free(memory->policies.entries[i].row);
    }
    memory_table_clear(&memory->incidents);
    memory_table_clear(&memory->alerts);
    memory_table_clear(&memory->notifications);
    memory_table_clear(&memory->inbox);
    memory_table_clear(&memory->policies);
    memory_keys_clear(&memory->open_groups);
    memory_keys_clear(&memory->unfinished);
    memory_keys_clear(&memory->over);
    ledger_clear(&memory->marks);
    memory_clear_silences(memory);
    heartbeats_clear(&memory->heartbeats);
    free(memory);
}

static const struct store_ops memory_ops = {
    .read_meta = memory_read_meta,
    .load = memory_load,
    .commit = memory_commit,
    .notifications = memory_notifications,
    .find_provider_id = memory_find_provider_id,
    .find_alert = memory_find_alert,
    .last_alert = memory_last_alert,
    .find_mark = memory_find_mark,
    .closed = memory_closed,
    .last_told = memory_last_told,
    .inbox_append = memory_inbox_append,
    .inbox_take = memory_inbox_take,
    .idle = memory_idle,
    .close = memory_close,
    .has_room = NULL,
};

int store_memory_open(struct store **out_store, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct memory_store *memory = heap_alloc(sizeof(*memory));
    memory->store = (struct store){.ops = &memory_ops, .self = memory};
    memory->meta = (struct store_meta){
        .next_incident = 1, .next_notification = 1, .next_alert = 1, .epoch = 1};
    *out_store = &memory->store;
    return 0;
}

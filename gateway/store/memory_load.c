#include "gateway/base/text.h"
#include "gateway/store/memory.h"
#include "gateway/store/row_shape.h"

static void load_policies(const struct memory_store *memory, const struct store_sink *sink)
{
    for (size_t i = 0; i < memory->policies.count; i++) {
        const struct policy_row *policy = memory->policies.entries[i].row;
        for (size_t j = 0; j < memory->incidents.count; j++) {
            const struct memory_incident *incident = memory->incidents.entries[j].row;
            if (incident->row != NULL && incident->row->live &&
                text_equal(incident->row->policy_hash, policy->hash)) {
                sink->policy(sink->self, policy);
                break;
            }
        }
    }
}

static void load_notifications(const struct memory_store *memory, const struct store_sink *sink)
{
    for (size_t i = 0; i < memory->notifications.count; i++) {
        struct notification_row row =
            *(struct notification_row *)memory->notifications.entries[i].row;
        if (!notification_is_over(row.state) || memory_is_live(memory, row.incident)) {
            row.body = NULL;
            row.body_count = 0;
            row.snapshot = "";
            sink->notification(sink->self, &row);
        }
    }
}

int memory_read_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    (void)err; /* nothing here can fail */
    *out_meta = ((struct memory_store *)self)->meta;
    return 0;
}

int memory_load(void *self, const struct store_sink *sink, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct memory_store *memory = self;
    sink->meta(sink->self, &memory->meta);
    load_policies(memory, sink);
    for (size_t i = 0; i < memory->incidents.count; i++) {
        const struct memory_incident *incident = memory->incidents.entries[i].row;
        if (incident->row != NULL && incident->row->live) {
            sink->incident(sink->self, incident->row);
        }
    }
    for (size_t i = 0; i < memory->alerts.count; i++) {
        struct alert_row row = *(struct alert_row *)memory->alerts.entries[i].row;
        if (memory_is_live(memory, row.incident)) {
            row.details = "";
            row.links = "";
            row.text_unchanged = false;
            sink->alert(sink->self, &row);
        }
    }
    load_notifications(memory, sink);
    memory_load_marks(memory, sink);
    memory_load_silences(memory, sink);
    memory_load_heartbeats(memory, sink);
    return 0;
}

/* Look-ups. */

static const struct alert_row *details_alert(const struct memory_store *memory, uint64_t number)
{
    const struct memory_incident *incident = memory_row(&memory->incidents, number);
    const struct alert_row *oldest = NULL;
    for (size_t i = 0; incident != NULL && i < incident->alerts.count; i++) {
        const struct alert_row *alert = memory_row(&memory->alerts, incident->alerts.ids[i]);
        if (alert == NULL || alert->incident != number) {
            continue;
        }
        if (alert->firing) {
            return alert;
        }
        if (oldest == NULL) {
            oldest = alert;
        }
    }
    return oldest;
}

static void give_notification(const struct memory_store *memory, uint64_t id, struct arena *arena,
                              struct stored_notification *out_item)
{
    const struct notification_row *row = memory_row(&memory->notifications, id);
    *out_item = (struct stored_notification){.found = row != NULL};
    if (row == NULL) {
        return;
    }
    out_item->row = *row;
    row_keep(&notification_shape, &out_item->row, arena);
    if (row->body != NULL) {
        out_item->row.body = arena_copy(arena, row->body, row->body_count);
    }
    const struct alert_row *alert = details_alert(memory, row->incident);
    out_item->details = arena_strdup(arena, alert == NULL ? "" : alert->details);
    out_item->links = arena_strdup(arena, alert == NULL ? "" : alert->links);
}

int memory_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                         struct stored_notification *out_items, struct err *err)
{
    (void)err; /* nothing here can fail */
    for (size_t i = 0; i < count; i++) {
        give_notification(self, ids[i], arena, &out_items[i]);
    }
    return 0;
}

int memory_find_provider_id(void *self, const char *channel, const char *provider_id,
                            uint64_t *out_notification, struct err *err)
{
    const struct memory_store *memory = self;
    for (size_t i = memory->notifications.count; i > 0 && provider_id[0] != '\0'; i--) {
        const struct notification_row *row = memory->notifications.entries[i - 1].row;
        if (text_equal(row->provider_id, provider_id) && text_equal(row->channel, channel)) {
            *out_notification = row->id;
            return 0;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "no notification of channel %s has the provider id '%s'",
                   channel, provider_id);
}

int memory_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                      struct err *err)
{
    (void)err; /* nothing here can fail */
    const struct memory_store *memory = self;
    const uint64_t *id = memory_keys_find(&memory->over, memory_key(source, key));
    const struct alert_row *alert = id == NULL ? NULL : memory_row(&memory->alerts, *id);
    *out_incident = alert == NULL ? 0 : alert->incident;
    return 0;
}

int memory_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                      struct alert_row *out_row, struct err *err)
{
    (void)err; /* nothing here can fail */
    const struct memory_store *memory = self;
    const uint64_t *id = memory_keys_find(&memory->over, memory_key(source, key));
    const struct alert_row *alert = id == NULL ? NULL : memory_row(&memory->alerts, *id);
    *out_row = alert == NULL ? (struct alert_row){.id = 0} : *alert;
    row_keep(&alert_shape, out_row, arena);
    return 0;
}

int memory_closed(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                  bool *out_found, struct err *err)
{
    (void)err; /* nothing here can fail */
    const struct memory_store *memory = self;
    const struct memory_incident *incident = memory_row(&memory->incidents, number);
    *out_found = incident != NULL && incident->row != NULL && !incident->row->live;
    if (*out_found) {
        *out_row = *incident->row;
        row_keep(&incident_shape, out_row, arena);
    }
    return 0;
}

int memory_last_told(void *self, const char *contact, struct store_told *out_told, struct err *err)
{
    (void)err; /* nothing here can fail */
    const struct memory_store *memory = self;
    *out_told = (struct store_told){.notification = 0};
    for (size_t i = memory->notifications.count; i > 0; i--) {
        const struct notification_row *row = memory->notifications.entries[i - 1].row;
        if ((row->state == NOTIFICATION_ACCEPTED || row->state == NOTIFICATION_DELIVERED) &&
            row->incident != 0 && text_equal(row->contact, contact)) {
            *out_told = (struct store_told){
                .notification = row->id, .incident = row->incident, .due_at_ms = row->due_at_ms};
            return 0;
        }
    }
    return 0;
}

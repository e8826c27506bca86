#include "gateway/base/assert.h"
#include "gateway/store/sqlite.h"
#include "gateway/system/id.h"

static void bind_uuid(struct binding *binding, const unsigned char bytes[16],
                      char text[ID_TEXT_BYTES])
{
    struct id id;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        id.bytes[i] = bytes[i];
    }
    bind_text(binding, id_text(&id, text));
}

/* Runs an update of one row; SQLITE_NOTFOUND when it is not there. */
static int update_run(struct sqlite_store *store, struct binding *binding)
{
    int rc = binding_run(binding);
    return rc == SQLITE_OK && sqlite3_changes(store->db) == 0 ? SQLITE_NOTFOUND : rc;
}

static int write_event(struct sqlite_store *store, const struct event_row *row)
{
    char uuid[ID_TEXT_BYTES];
    struct binding b = binding_start(store, QUERY_EVENT);
    bind_uuid(&b, row->id, uuid);
    bind_i64(&b, row->at_ms);
    bind_text(&b, row->source);
    bind_text(&b, row->key);
    bind_text(&b, event_action_name(row->action));
    bind_text(&b, severity_name(row->severity));
    bind_text(&b, disposition_name(row->disposition));
    bind_u64(&b, row->incident);
    return binding_run(&b);
}

/* The parameters of all alert queries; those without the texts use the first ten. */
static void bind_alert(struct binding *b, const struct alert_row *row, bool with_texts)
{
    bind_u64(b, row->id);
    bind_u64(b, row->incident);
    bind_text(b, row->source);
    bind_text(b, row->key);
    bind_text(b, row->firing ? "firing" : "resolved");
    bind_text(b, severity_name(row->severity));
    bind_i64(b, row->first_at_ms);
    bind_i64(b, row->last_at_ms);
    bind_i64(b, row->resolved_at_ms);
    bind_u64(b, row->count);
    if (with_texts) {
        bind_text(b, row->summary);
        bind_text(b, row->labels);
        bind_text(b, row->details);
        bind_text(b, row->links);
    }
}

static int write_alert(struct sqlite_store *store, const struct alert_row *row, bool insert)
{
    if (insert) {
        struct binding b = binding_start(store, QUERY_ALERT_INSERT);
        bind_alert(&b, row, true);
        return binding_run(&b);
    }
    if (!row->text_unchanged) {
        struct binding b = binding_start(store, QUERY_ALERT_ALL);
        bind_alert(&b, row, true);
        return update_run(store, &b);
    }
    struct binding b = binding_start(store, QUERY_ALERT_COUNT);
    bind_alert(&b, row, false);
    int rc = update_run(store, &b);
    if (rc != SQLITE_NOTFOUND) {
        return rc;
    }
    b = binding_start(store, QUERY_ALERT_STATE);
    bind_alert(&b, row, false);
    return update_run(store, &b);
}

/* The parameters of all incident queries; `uuid` has to last until the run. */
static void bind_incident(struct binding *b, const struct incident_row *row,
                          char uuid[ID_TEXT_BYTES])
{
    bind_u64(b, row->number);
    bind_uuid(b, row->uuid, uuid);
    bind_text(b, row->policy);
    bind_text(b, row->policy_hash);
    bind_text(b, row->group_key);
    bind_text(b, row->title);
    bind_text(b, incident_state_name(row->state));
    bind_text(b, severity_name(row->severity));
    bind_i64(b, row->priority);
    bind_i64(b, row->priority_set);
    bind_i64(b, row->live);
    bind_i64(b, row->opened_at_ms);
    bind_i64(b, row->acked_at_ms);
    bind_i64(b, row->resolved_at_ms);
    bind_text(b, row->owner);
    bind_i64(b, row->ack_until_ms);
    bind_i64(b, row->eta_at_ms);
    bind_i64(b, row->slip_count);
    bind_i64(b, row->known);
    bind_i64(b, row->cleared);
    bind_text(b, row->cause);
    bind_u64(b, row->linked);
    bind_i64(b, row->firing_count);
    bind_i64(b, row->next_due_at_ms);
    bind_i64(b, row->updated_at_ms);
    bind_text(b, row->ladder);
    bind_text(b, row->repliers);
    bind_i64(b, row->state != INCIDENT_RESOLVED);
}

/* An incident has left memory: its alerts are found by their keys from now on. */
static int close_incident(struct sqlite_store *store, const struct incident_row *row)
{
    struct binding b = binding_start(store, QUERY_ALERT_OVER);
    bind_u64(&b, row->number);
    return binding_run(&b);
}

static int move_incident(struct sqlite_store *store, const struct incident_row *row)
{
    struct binding b = binding_start(store, QUERY_INCIDENT_MOVE);
    bind_u64(&b, row->number);
    bind_text(&b, row->policy);
    bind_text(&b, row->group_key);
    return update_run(store, &b);
}

static int update_incident(struct sqlite_store *store, const struct incident_row *row)
{
    char uuid[ID_TEXT_BYTES];
    struct binding b = binding_start(store, QUERY_INCIDENT_UPDATE);
    bind_incident(&b, row, uuid);
    int rc = update_run(store, &b);
    if (rc == SQLITE_NOTFOUND) {
        b = binding_start(store, QUERY_INCIDENT_TURN);
        bind_incident(&b, row, uuid);
        rc = update_run(store, &b);
    }
    if (rc == SQLITE_OK && row->moved) {
        rc = move_incident(store, row);
    }
    if (rc == SQLITE_OK && !row->live) {
        rc = close_incident(store, row);
    }
    return rc;
}

static int write_incident(struct sqlite_store *store, const struct incident_row *row, bool insert)
{
    if (!insert) {
        return update_incident(store, row);
    }
    char uuid[ID_TEXT_BYTES];
    struct binding b = binding_start(store, QUERY_INCIDENT_INSERT);
    bind_incident(&b, row, uuid);
    return binding_run(&b);
}

static int write_notification(struct sqlite_store *store, const struct notification_row *row)
{
    struct binding b = binding_start(store, QUERY_NOTIFICATION);
    bind_u64(&b, row->id);
    bind_u64(&b, row->incident);
    bind_text(&b, notification_kind_name(row->kind));
    bind_i64(&b, row->climb);
    bind_text(&b, row->step);
    bind_i64(&b, row->repetition);
    bind_text(&b, row->contact);
    bind_text(&b, row->channel);
    bind_text(&b, row->address);
    bind_text(&b, row->key);
    bind_text(&b, severity_name(row->severity));
    bind_text(&b, notification_state_name(row->state));
    bind_text(&b, row->reason);
    bind_i64(&b, row->created_at_ms);
    bind_i64(&b, row->due_at_ms);
    bind_i64(&b, row->next_at_ms);
    bind_i64(&b, row->expires_at_ms);
    bind_i64(&b, row->token_expires_at_ms);
    bind_i64(&b, row->attempt_count);
    bind_i64(&b, row->ended_at_ms);
    bind_text(&b, row->provider_id);
    bind_text(&b, row->body_hash);
    bind_text(&b, row->content_type);
    bind_text(&b, row->subject);
    bind_text(&b, row->snapshot);
    bind_bytes(&b, row->body, row->body_count);
    return binding_run(&b);
}

static int write_claim(struct sqlite_store *store, const struct claim_row *row)
{
    struct binding b = binding_start(store, row->body == NULL ? QUERY_CLAIM : QUERY_CLAIM_BODY);
    bind_u64(&b, row->notification);
    bind_i64(&b, row->attempt);
    if (row->body != NULL) {
        bind_text(&b, row->body_hash);
        bind_text(&b, row->content_type);
        bind_text(&b, row->subject);
        bind_bytes(&b, row->body, row->body_count);
    }
    int rc = update_run(store, &b);
    if (rc != SQLITE_OK) {
        return rc;
    }
    b = binding_start(store, QUERY_ATTEMPT_START);
    bind_u64(&b, row->notification);
    bind_i64(&b, row->attempt);
    bind_i64(&b, row->at_ms);
    bind_i64(&b, row->deadline_mono_ms);
    bind_text(&b, row->boot_id);
    return binding_run(&b);
}

static int write_state(struct sqlite_store *store, const struct outcome_row *row)
{
    bool again = row->state == NOTIFICATION_PENDING || row->state == NOTIFICATION_CLAIMED;
    struct binding b = binding_start(store, again ? QUERY_OUTCOME_AGAIN : QUERY_OUTCOME_END);
    bind_u64(&b, row->notification);
    bind_text(&b, notification_state_name(row->state));
    bind_text(&b, row->reason);
    bind_i64(&b, row->next_at_ms);
    if (!again) {
        bind_i64(&b, row->at_ms);
    }
    return update_run(store, &b);
}

static int write_outcome(struct sqlite_store *store, const struct outcome_row *row)
{
    int rc = write_state(store, row);
    if (rc == SQLITE_OK && row->provider_id != NULL && row->provider_id[0] != '\0') {
        struct binding b = binding_start(store, QUERY_PROVIDER_ID);
        bind_u64(&b, row->notification);
        bind_text(&b, row->provider_id);
        rc = update_run(store, &b);
    }
    if (rc == SQLITE_OK && row->attempt > 0) {
        struct binding b = binding_start(store, QUERY_ATTEMPT_END);
        bind_u64(&b, row->notification);
        bind_i64(&b, row->attempt);
        bind_i64(&b, row->at_ms);
        bind_text(&b, outcome_name(row->outcome));
        bind_text(&b, row->reason);
        bind_text(&b, row->detail);
        rc = binding_run(&b);
    }
    return rc;
}

static int write_timeline(struct sqlite_store *store, const struct timeline_row *row)
{
    struct binding b = binding_start(store, QUERY_TIMELINE);
    bind_u64(&b, row->incident);
    bind_i64(&b, row->at_ms);
    bind_text(&b, row->kind);
    bind_text(&b, row->actor);
    bind_text(&b, row->credential);
    bind_text(&b, row->text);
    bind_text(&b, row->data);
    return binding_run(&b);
}

static int write_policy(struct sqlite_store *store, const struct policy_row *row)
{
    struct binding b = binding_start(store, QUERY_POLICY);
    bind_text(&b, row->hash);
    bind_text(&b, row->name);
    bind_text(&b, row->text);
    return binding_run(&b);
}

static int write_quarantine(struct sqlite_store *store, const struct quarantine_row *row)
{
    char uuid[ID_TEXT_BYTES];
    struct binding b = binding_start(store, QUERY_QUARANTINE);
    bind_uuid(&b, row->uuid, uuid);
    bind_i64(&b, row->at_ms);
    bind_text(&b, row->source);
    bind_text(&b, row->origin);
    bind_text(&b, row->reason);
    bind_bytes(&b, row->bytes, row->byte_count);
    bind_u64(&b, row->size);
    int rc = binding_run(&b);
    if (rc != SQLITE_OK) {
        return rc;
    }
    b = binding_start(store, QUERY_QUARANTINE_CUT);
    bind_i64(&b, sqlite3_last_insert_rowid(store->db) - QUARANTINE_ROWS_MAX);
    rc = binding_run(&b);
    store->quarantine_cut += rc == SQLITE_OK ? sqlite3_changes(store->db) : 0;
    return rc;
}

static int write_effect(struct sqlite_store *store, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_EVENT:
        return write_event(store, effect->u.event);
    case EFFECT_ALERT:
        return write_alert(store, effect->u.alert, effect->insert);
    case EFFECT_INCIDENT:
        return write_incident(store, effect->u.incident, effect->insert);
    case EFFECT_NOTIFICATION:
        return write_notification(store, effect->u.notification);
    case EFFECT_CLAIM:
        return write_claim(store, effect->u.claim);
    case EFFECT_OUTCOME:
        return write_outcome(store, effect->u.outcome);
    case EFFECT_TIMELINE:
        return write_timeline(store, effect->u.timeline);
    case EFFECT_POLICY:
        return write_policy(store, effect->u.policy);
    case EFFECT_QUARANTINE:
        return write_quarantine(store, effect->u.quarantine);
    case EFFECT_KIND_COUNT:
        break;
    }
    ASSERT(effect->kind < EFFECT_KIND_COUNT);
    return SQLITE_MISUSE;
}

static uint64_t effect_id(const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_ALERT:
        return effect->u.alert->id;
    case EFFECT_INCIDENT:
        return effect->u.incident->number;
    case EFFECT_NOTIFICATION:
        return effect->u.notification->id;
    case EFFECT_CLAIM:
        return effect->u.claim->notification;
    case EFFECT_OUTCOME:
        return effect->u.outcome->notification;
    case EFFECT_TIMELINE:
        return effect->u.timeline->incident;
    case EFFECT_EVENT:
    case EFFECT_POLICY:
    case EFFECT_QUARANTINE:
    case EFFECT_KIND_COUNT:
        break;
    }
    return 0;
}

int write_effects(struct sqlite_store *store, const struct effects *effects, struct err *err)
{
    static const char *const names[EFFECT_KIND_COUNT] = {
        [EFFECT_EVENT] = "event",
        [EFFECT_ALERT] = "alert",
        [EFFECT_INCIDENT] = "incident",
        [EFFECT_NOTIFICATION] = "notification",
        [EFFECT_CLAIM] = "claim of notification",
        [EFFECT_OUTCOME] = "outcome of notification",
        [EFFECT_TIMELINE] = "timeline of incident",
        [EFFECT_POLICY] = "policy",
        [EFFECT_QUARANTINE] = "quarantine",
    };
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        int rc = write_effect(store, effect);
        if (rc == SQLITE_NOTFOUND) {
            (void)err_set(err, ERR_CORRUPT, "store %s: %s %llu: no such row to update", store->path,
                          names[effect->kind],
                          (unsigned long long)effect_id(effect)); /* the code says it */
        } else if (rc != SQLITE_OK) {
            (void)sqlite_fail(store->db, store->path, rc, names[effect->kind], err);
        }
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    return SQLITE_OK;
}

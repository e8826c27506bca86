#include "gateway/base/assert.h"
#include "gateway/store/sqlite.h"
#include "gateway/system/id.h"

void bind_uuid(struct binding *binding, const unsigned char bytes[16], char text[ID_TEXT_BYTES])
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

/* The parameters of all alert queries; those without the texts use the first ten. */
void bind_alert(struct binding *b, const struct alert_row *row, bool with_texts)
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

static int update_alert(struct sqlite_store *store, const struct alert_row *row)
{
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
void bind_incident(struct binding *b, const struct incident_row *row, char uuid[ID_TEXT_BYTES])
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
    bind_text(b, row->fields);
    bind_text(b, row->talks);
    bind_text(b, row->mark);
    bind_text(b, row->flap);
    bind_i64(b, row->state != INCIDENT_RESOLVED);
}

/* An incident has left memory: its alerts are found by their keys from now on. */
static int close_incident(struct sqlite_store *store, const struct incident_row *row)
{
    struct binding b = binding_start(store, QUERY_ALERT_OVER);
    bind_u64(&b, row->number);
    int rc = b.rc;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(b.statement);
        if (rc == SQLITE_ROW) {
            over_add(&store->over, (const char *)sqlite3_column_text(b.statement, 0),
                     (const char *)sqlite3_column_text(b.statement, 1));
        }
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
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
    return update_run(store, &b);
}

static int write_state(struct sqlite_store *store, const struct outcome_row *row)
{
    bool again = row->state == NOTIFICATION_PENDING || row->state == NOTIFICATION_CLAIMED;
    struct binding b = binding_start(store, again ? QUERY_OUTCOME_AGAIN : QUERY_OUTCOME_END);
    bind_u64(&b, row->notification);
    bind_text(&b, notification_state_name(row->state));
    bind_text(&b, row->reason);
    bind_i64(&b, row->next_at_ms);
    if (again) {
        bind_u64(&b, row->digest);
        bind_i64(&b, row->admitted);
    } else {
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

static int write_session(struct sqlite_store *store, const struct session *session)
{
    char uuid[ID_TEXT_BYTES];
    struct binding b = binding_start(store, QUERY_SESSION);
    bind_text(&b, session->broker);
    bind_uuid(&b, session->id, uuid);
    bind_text(&b, session->filters);
    return binding_run(&b);
}

static int write_deliveries(struct sqlite_store *store, const struct deliveries_row *row)
{
    char uuid[ID_TEXT_BYTES];
    struct binding b = binding_start(store, QUERY_DELIVERIES);
    bind_text(&b, row->broker);
    bind_uuid(&b, row->session, uuid);
    bind_bytes(&b, row->marks, row->mark_bytes);
    int rc = binding_run(&b);
    if (rc != SQLITE_OK) {
        return rc;
    }
    b = binding_start(store, QUERY_DELIVERIES_CUT);
    bind_text(&b, row->broker);
    bind_i64(&b, DELIVERY_ROWS_MAX);
    return binding_run(&b);
}

/*
 * Runs of new rows that wait to be written together. What an effect changes is flushed before it; entries of the timeline
 * belong to nothing else and attempts only to outcomes, so these two gather over the whole batch, each in its order.
 */
struct pending {
    struct rows rows;
    struct rows attempts;
    struct rows timeline;
};

static int add_claim(struct pending *pending, const struct claim_row *row)
{
    int rc = rows_flush(&pending->rows);
    if (rc == SQLITE_OK) {
        rc = write_claim(pending->rows.store, row);
    }
    return rc == SQLITE_OK ? rows_add(&pending->attempts, INSERT_ATTEMPT, row) : rc;
}

static int add_outcome(struct pending *pending, const struct outcome_row *row)
{
    int rc = rows_flush(&pending->rows);
    for (size_t i = 0; i < pending->attempts.count && rc == SQLITE_OK; i++) {
        const struct claim_row *claim = pending->attempts.items[i];
        if (claim->notification == row->notification) {
            rc = rows_flush(&pending->attempts);
        }
    }
    return rc == SQLITE_OK ? write_outcome(pending->rows.store, row) : rc;
}

static int add_alert(struct pending *pending, const struct alert_row *row, bool insert)
{
    if (insert) {
        return rows_add(&pending->rows, INSERT_ALERT, row);
    }
    int rc = rows_flush(&pending->rows);
    return rc == SQLITE_OK ? update_alert(pending->rows.store, row) : rc;
}

static int add_incident(struct pending *pending, const struct incident_row *row, bool insert)
{
    if (insert) {
        return rows_add(&pending->rows, INSERT_INCIDENT, row);
    }
    int rc = rows_flush(&pending->rows);
    return rc == SQLITE_OK ? update_incident(pending->rows.store, row) : rc;
}

static int write_effect(struct pending *pending, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_EVENT:
        return rows_add(&pending->rows, INSERT_EVENT, effect->u.event);
    case EFFECT_ALERT:
        return add_alert(pending, effect->u.alert, effect->insert);
    case EFFECT_INCIDENT:
        return add_incident(pending, effect->u.incident, effect->insert);
    case EFFECT_NOTIFICATION:
        return rows_add(&pending->rows, INSERT_NOTIFICATION, effect->u.notification);
    case EFFECT_CLAIM:
        return add_claim(pending, effect->u.claim);
    case EFFECT_OUTCOME:
        return add_outcome(pending, effect->u.outcome);
    case EFFECT_TIMELINE:
        return rows_add(&pending->timeline, INSERT_TIMELINE, effect->u.timeline);
    case EFFECT_POLICY:
        return write_policy(pending->rows.store, effect->u.policy);
    case EFFECT_QUARANTINE:
        return write_quarantine(pending->rows.store, effect->u.quarantine);
    case EFFECT_SESSION:
        return write_session(pending->rows.store, effect->u.session);
    case EFFECT_DELIVERIES:
        return write_deliveries(pending->rows.store, effect->u.deliveries);
    case EFFECT_MARK:
        return write_mark(pending->rows.store, effect->u.mark);
    case EFFECT_SILENCE:
        return write_silence(pending->rows.store, effect->u.silence);
    case EFFECT_HEARTBEAT:
        return write_heartbeat(pending->rows.store, effect->u.heartbeat);
    case EFFECT_KIND_COUNT:
        break;
    }
    ASSERT(effect->kind < EFFECT_KIND_COUNT);
    return SQLITE_MISUSE;
}

static int missing(const struct sqlite_store *store, const struct effect *effect, struct err *err)
{
    const char *what = "notification";
    uint64_t id = 0;
    if (effect->kind == EFFECT_ALERT) {
        what = "alert";
        id = effect->u.alert->id;
    } else if (effect->kind == EFFECT_INCIDENT) {
        what = "incident";
        id = effect->u.incident->number;
    } else if (effect->kind == EFFECT_CLAIM) {
        what = "claim of notification";
        id = effect->u.claim->notification;
    } else if (effect->kind == EFFECT_OUTCOME) {
        what = "outcome of notification";
        id = effect->u.outcome->notification;
    }
    (void)err_set(err, ERR_CORRUPT, "store %s: %s %llu: no such row to update", store->path, what,
                  (unsigned long long)id); /* the code says it */
    return SQLITE_NOTFOUND;
}

int write_effects(struct sqlite_store *store, const struct effects *effects, struct err *err)
{
    struct pending pending = {
        .rows = {.store = store}, .attempts = {.store = store}, .timeline = {.store = store}};
    int rc = SQLITE_OK;
    for (size_t i = 0; i < effects->count && rc == SQLITE_OK; i++) {
        rc = write_effect(&pending, &effects->items[i]);
        if (rc == SQLITE_NOTFOUND) {
            return missing(store, &effects->items[i], err);
        }
    }
    struct rows *const left[] = {&pending.rows, &pending.attempts, &pending.timeline};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]) && rc == SQLITE_OK; i++) {
        rc = rows_flush(left[i]);
    }
    if (rc != SQLITE_OK) {
        (void)sqlite_fail(store->db, store->path, rc, "write", err); /* the code says it */
    }
    return rc;
}

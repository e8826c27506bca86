#include <limits.h>

#include "gateway/base/assert.h"
#include "gateway/store/sqlite.h"
#include "gateway/store/sqlite_row.h"

#define INCIDENT_SET                                                                               \
    "policy_hash = ?4, title = ?6, state = ?7, severity = ?8, priority = ?9, priority_set = ?10, " \
    "opened_at_ms = ?12, acked_at_ms = ?13, resolved_at_ms = ?14, owner = ?15, "                   \
    "ack_until_ms = ?16, eta_at_ms = ?17, slip_count = ?18, known = ?19, cleared = ?20, "          \
    "cause = ?21, linked = ?22, firing_count = ?23, next_due_at_ms = ?24, updated_at_ms = ?25, "   \
    "ladder = ?26, repliers = ?27, fields = ?28, talks = ?29, suppressed = ?30, flap = ?31"

/* Parameters are numbered in the order in which sqlite_write.c binds them. */
static const char *const query_sql[QUERY_COUNT] = {
    [QUERY_BEGIN] = "BEGIN IMMEDIATE",
    [QUERY_COMMIT] = "COMMIT",
    [QUERY_ROLLBACK] = "ROLLBACK",
    [QUERY_META] = "UPDATE meta SET engine_time_ms = ?1, next_incident = ?2, "
                   "next_notification = ?3, next_alert = ?4 WHERE id = 1 AND epoch = ?5",
    /* One more occurrence and nothing else: the columns of the index stay out of it. */
    [QUERY_ALERT_COUNT] = "UPDATE alerts SET last_at_ms = ?8, count = ?10 WHERE id = ?1 AND "
                          "incident = ?2 AND state = ?5 AND severity = ?6 AND first_at_ms = ?7 "
                          "AND resolved_at_ms = ?9",
    [QUERY_ALERT_STATE] = "UPDATE alerts SET incident = ?2, state = ?5, severity = ?6, "
                          "first_at_ms = ?7, last_at_ms = ?8, resolved_at_ms = ?9, count = ?10 "
                          "WHERE id = ?1",
    [QUERY_ALERT_ALL] = "UPDATE alerts SET incident = ?2, state = ?5, severity = ?6, "
                        "first_at_ms = ?7, last_at_ms = ?8, resolved_at_ms = ?9, count = ?10, "
                        "summary = ?11, labels = ?12, details = ?13, links = ?14 WHERE id = ?1",
    [QUERY_ALERT_OVER] = "UPDATE alerts SET over = 1 WHERE incident = ?1 AND over = 0 "
                         "RETURNING source, key",
    [QUERY_ALERT_FIND] = "SELECT incident FROM alerts WHERE over = 1 AND source = ?1 AND key = ?2 "
                         "ORDER BY id DESC LIMIT 1",
    [QUERY_ALERT_LAST] = "SELECT " ALERT_COLUMNS ALERT_LONG " FROM alerts WHERE over = 1 AND "
                         "source = ?1 AND key = ?2 ORDER BY id DESC LIMIT 1",
    /* Nearly always open and live stay as they are, and no index has to be touched. */
    [QUERY_INCIDENT_UPDATE] =
        "UPDATE incidents SET " INCIDENT_SET " WHERE number = ?1 AND live = ?11 AND open = ?32",
    [QUERY_INCIDENT_TURN] =
        "UPDATE incidents SET " INCIDENT_SET ", live = ?11, open = ?32 WHERE number = ?1",
    [QUERY_INCIDENT_MOVE] = "UPDATE incidents SET policy = ?2, group_key = ?3 WHERE number = ?1",
    [QUERY_INCIDENT_CLOSED] =
        "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number = ?1 AND live = 0",
    [QUERY_LAST_TOLD] = "SELECT id, incident, due_at_ms FROM notifications "
                        "INDEXED BY notifications_told WHERE contact = ?1 AND " STATE_TOLD
                        " AND incident <> 0 ORDER BY id DESC LIMIT 1",
    [QUERY_CLAIM] = "UPDATE notifications SET state = 'claimed', attempt_count = ?2 WHERE id = ?1",
    [QUERY_CLAIM_BODY] =
        "UPDATE notifications SET state = 'claimed', attempt_count = ?2, "
        "body_hash = ?3, content_type = ?4, subject = ?5, body = ?6, snapshot = '' "
        "WHERE id = ?1",
    [QUERY_ATTEMPT_END] = "UPDATE attempts SET ended_at_ms = ?3, outcome = ?4, reason = ?5, "
                          "detail = ?6 WHERE notification = ?1 AND attempt = ?2",
    [QUERY_OUTCOME_AGAIN] = "UPDATE notifications SET state = ?2, reason = ?3, next_at_ms = ?4, "
                            "digest = ?5, admitted = ?6 WHERE id = ?1",
    [QUERY_OUTCOME_END] =
        "UPDATE notifications SET state = ?2, reason = ?3, next_at_ms = ?4, ended_at_ms = ?5, "
        "body = NULL, snapshot = '' WHERE id = ?1",
    [QUERY_PROVIDER_ID] = "UPDATE notifications SET provider_id = ?2 WHERE id = ?1",
    [QUERY_POLICY] = "INSERT INTO policies (hash, name, text) VALUES (?1, ?2, ?3) "
                     "ON CONFLICT (hash) DO NOTHING",
    [QUERY_QUARANTINE] =
        "INSERT INTO quarantine (" QUARANTINE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [QUERY_QUARANTINE_CUT] = "DELETE FROM quarantine WHERE id <= ?1",
    [QUERY_SESSION] = "INSERT INTO mqtt_sessions (broker, session, filters) VALUES (?1, ?2, ?3) "
                      "ON CONFLICT (broker) DO UPDATE SET session = ?2, filters = ?3",
    [QUERY_DELIVERIES] = "INSERT INTO mqtt_deliveries (broker, sequence, session, marks) "
                         "SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3 FROM mqtt_deliveries "
                         "WHERE broker = ?1",
    [QUERY_DELIVERIES_CUT] = "DELETE FROM mqtt_deliveries WHERE broker = ?1 AND sequence <= "
                             "(SELECT max(sequence) FROM mqtt_deliveries WHERE broker = ?1) - ?2",
    [QUERY_INBOX_APPEND] = "INSERT INTO inbox (uuid, bytes) VALUES (?1, ?2)",
    [QUERY_INBOX_DROP] = "DELETE FROM inbox WHERE sequence = ?1",
    [QUERY_READ] = "BEGIN",
    [QUERY_FIND_NOTIFICATION] = SQLITE_FIND_NOTIFICATION,
    [QUERY_FIND_DETAILS_FIRING] = "SELECT details, links FROM alerts WHERE incident = ?1 "
                                  "AND state = 'firing' ORDER BY id LIMIT 1",
    [QUERY_FIND_DETAILS_OLDEST] = "SELECT details, links FROM alerts WHERE incident = ?1 "
                                  "ORDER BY id LIMIT 1",
    [QUERY_FIND_PROVIDER_ID] = "SELECT id FROM notifications WHERE provider_id = ?1 AND "
                               "channel = ?2 AND provider_id <> '' ORDER BY id DESC LIMIT 1",
    [QUERY_MARK] =
        "INSERT INTO marks (kind, name, value, at_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT "
        "(kind, name) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms",
    [QUERY_SILENCE] =
        "INSERT INTO silences (" SILENCE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
        "ON CONFLICT (id) DO UPDATE SET ended_at_ms = excluded.ended_at_ms, "
        "ended_by = excluded.ended_by",
    [QUERY_MARK_GONE] = "DELETE FROM marks WHERE kind = ?1 AND name = ?2",
    [QUERY_MARK_FIND] = "SELECT value, at_ms FROM marks WHERE kind = ?1 AND name = ?2",
    [QUERY_HEARTBEAT] = "INSERT OR REPLACE INTO heartbeats (" HEARTBEAT_COLUMNS ") VALUES "
                        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    [QUERY_HEARTBEAT_GONE] = "DELETE FROM heartbeats WHERE source = ?1 AND key = ?2",
};

int queries_prepare(struct sqlite_store *store, struct err *err)
{
    for (int i = 0; i < QUERY_COUNT; i++) {
        int rc = sqlite3_prepare_v3(store->db, query_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &store->queries[i], NULL);
        if (rc != SQLITE_OK) {
            return sqlite_fail(store->db, store->path, rc, query_sql[i], err);
        }
    }
    return inserts_prepare(store, err);
}

void queries_finalize(struct sqlite_store *store)
{
    inserts_finalize(store);
    for (int i = 0; i < QUERY_COUNT; i++) {
        (void)sqlite3_finalize(store->queries[i]); /* repeats the last step's code */
        store->queries[i] = NULL;
    }
}

struct binding binding_start(struct sqlite_store *store, enum query query)
{
    return (struct binding){.statement = store->queries[query], .rc = SQLITE_OK};
}

static void binding_note(struct binding *binding, int rc)
{
    if (rc != SQLITE_OK) {
        binding->rc = rc;
    }
}

void bind_text(struct binding *binding, const char *text)
{
    binding_note(binding, sqlite3_bind_text(binding->statement, ++binding->place,
                                            text == NULL ? "" : text, -1, SQLITE_STATIC));
}

void bind_i64(struct binding *binding, int64_t value)
{
    binding_note(binding, sqlite3_bind_int64(binding->statement, ++binding->place, value));
}

void bind_u64(struct binding *binding, uint64_t value)
{
    ASSERT(value <= INT64_MAX);
    bind_i64(binding, (int64_t)value);
}

void bind_bytes(struct binding *binding, const void *bytes, size_t count)
{
    int place = ++binding->place;
    binding_note(binding, bytes == NULL ? sqlite3_bind_null(binding->statement, place)
                                        : sqlite3_bind_blob64(binding->statement, place, bytes,
                                                              count, SQLITE_STATIC));
}

int binding_run(struct binding *binding)
{
    if (binding->rc != SQLITE_OK) {
        return binding->rc;
    }
    int rc = sqlite3_step(binding->statement);
    (void)sqlite3_reset(binding->statement); /* repeats the step's code */
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int query_run(struct sqlite_store *store, enum query query)
{
    struct binding binding = binding_start(store, query);
    return binding_run(&binding);
}

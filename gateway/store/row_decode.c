#include "gateway/store/row_decode.h"

#include <string.h>

static const char *next_text(struct cells *c)
{
    return c->ops->text(c->self, c->place++);
}

static int64_t next_i64(struct cells *c)
{
    return c->ops->number(c->self, c->place++);
}

static uint64_t next_u64(struct cells *c)
{
    return (uint64_t)next_i64(c);
}

static bool next_bool(struct cells *c)
{
    return next_i64(c) != 0;
}

static int bad_word(struct err *err, const char *table, uint64_t id, const char *column,
                    const char *word)
{
    return err_set(err, ERR_CORRUPT, "store: %s %llu has the %s '%s', which nobody wrote", table,
                   (unsigned long long)id, column, word);
}

int cells_incident(struct cells *c, struct incident_row *out_row, struct err *err)
{
    struct incident_row row = {.number = next_u64(c)};
    struct id uuid;
    const char *uuid_text = next_text(c);
    if (id_parse(uuid_text, &uuid) != 0) {
        return bad_word(err, "incident", row.number, "uuid", uuid_text);
    }
    memcpy(row.uuid, uuid.bytes, sizeof(row.uuid));
    row.policy = next_text(c);
    row.policy_hash = next_text(c);
    row.group_key = next_text(c);
    row.title = next_text(c);
    const char *state = next_text(c);
    if (incident_state_parse(state, &row.state) != 0) {
        return bad_word(err, "incident", row.number, "state", state);
    }
    const char *severity = next_text(c);
    if (severity_parse(severity, &row.severity) != 0) {
        return bad_word(err, "incident", row.number, "severity", severity);
    }
    row.priority = (int)next_i64(c);
    row.priority_set = next_bool(c);
    row.live = next_bool(c);
    row.opened_at_ms = next_i64(c);
    row.acked_at_ms = next_i64(c);
    row.resolved_at_ms = next_i64(c);
    row.owner = next_text(c);
    row.ack_until_ms = next_i64(c);
    row.eta_at_ms = next_i64(c);
    row.slip_count = next_i64(c);
    row.known = next_bool(c);
    row.cleared = next_bool(c);
    row.cause = next_text(c);
    row.linked = next_u64(c);
    row.firing_count = next_i64(c);
    row.next_due_at_ms = next_i64(c);
    row.updated_at_ms = next_i64(c);
    row.ladder = next_text(c);
    row.repliers = next_text(c);
    row.fields = next_text(c);
    row.talks = next_text(c);
    row.mark = next_text(c);
    row.flap = next_text(c);
    *out_row = row;
    return 0;
}

int cells_alert(struct cells *c, struct alert_row *out_row, struct err *err)
{
    struct alert_row row = {.id = next_u64(c)};
    row.incident = next_u64(c);
    row.source = next_text(c);
    row.key = next_text(c);
    const char *state = next_text(c);
    row.firing = strcmp(state, "firing") == 0;
    if (!row.firing && strcmp(state, "resolved") != 0) {
        return bad_word(err, "alert", row.id, "state", state);
    }
    const char *severity = next_text(c);
    if (severity_parse(severity, &row.severity) != 0) {
        return bad_word(err, "alert", row.id, "severity", severity);
    }
    row.first_at_ms = next_i64(c);
    row.last_at_ms = next_i64(c);
    row.resolved_at_ms = next_i64(c);
    row.count = next_u64(c);
    row.summary = next_text(c);
    row.labels = next_text(c);
    row.details = next_text(c);
    row.links = next_text(c);
    *out_row = row;
    return 0;
}

int cells_notification(struct cells *c, struct notification_row *out_row, struct err *err)
{
    struct notification_row row = {.id = next_u64(c)};
    row.incident = next_u64(c);
    const char *kind = next_text(c);
    if (notification_kind_parse(kind, &row.kind) != 0) {
        return bad_word(err, "notification", row.id, "kind", kind);
    }
    row.climb = next_i64(c);
    row.step = next_text(c);
    row.repetition = next_i64(c);
    row.contact = next_text(c);
    row.channel = next_text(c);
    row.address = next_text(c);
    row.key = next_text(c);
    const char *severity = next_text(c);
    if (severity_parse(severity, &row.severity) != 0) {
        return bad_word(err, "notification", row.id, "severity", severity);
    }
    const char *state = next_text(c);
    if (notification_state_parse(state, &row.state) != 0) {
        return bad_word(err, "notification", row.id, "state", state);
    }
    row.reason = next_text(c);
    row.created_at_ms = next_i64(c);
    row.due_at_ms = next_i64(c);
    row.next_at_ms = next_i64(c);
    row.expires_at_ms = next_i64(c);
    row.token_expires_at_ms = next_i64(c);
    row.attempt_count = next_i64(c);
    row.ended_at_ms = next_i64(c);
    row.provider_id = next_text(c);
    row.body_hash = next_text(c);
    row.content_type = next_text(c);
    row.subject = next_text(c);
    row.digest = next_u64(c);
    row.admitted = next_i64(c) != 0;
    row.deferred = next_i64(c) != 0;
    row.snapshot = next_text(c);
    row.body = c->ops->bytes(c->self, c->place, &row.body_count);
    *out_row = row;
    return 0;
}

int cells_timeline(struct cells *c, struct timeline_row *out_row, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct timeline_row row = {.incident = next_u64(c)};
    row.at_ms = next_i64(c);
    row.kind = next_text(c);
    row.actor = next_text(c);
    row.credential = next_text(c);
    row.text = next_text(c);
    row.data = next_text(c);
    *out_row = row;
    return 0;
}

int cells_attempt(struct cells *c, struct attempt_row *out_row, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct attempt_row row = {.notification = next_u64(c)};
    row.attempt = next_i64(c);
    row.started_at_ms = next_i64(c);
    row.ended_at_ms = next_i64(c);
    row.outcome = next_text(c);
    row.reason = next_text(c);
    row.detail = next_text(c);
    *out_row = row;
    return 0;
}

int cells_silence(struct cells *c, struct silence_row *out_row, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct silence_row row = {.id = next_u64(c)};
    row.match = next_text(c);
    row.author = next_text(c);
    row.reason = next_text(c);
    row.from_ms = next_i64(c);
    row.until_ms = next_i64(c);
    row.ended_at_ms = next_i64(c);
    row.ended_by = next_text(c);
    *out_row = row;
    return 0;
}

int cells_quarantine(struct cells *c, struct quarantine_row *out_row, struct err *err)
{
    struct quarantine_row row = {.id = 0};
    struct id uuid;
    const char *uuid_text = next_text(c);
    if (id_parse(uuid_text, &uuid) != 0) {
        return bad_word(err, "quarantine", 0, "uuid", uuid_text);
    }
    memcpy(row.uuid, uuid.bytes, sizeof(row.uuid));
    row.at_ms = next_i64(c);
    row.source = next_text(c);
    row.origin = next_text(c);
    row.reason = next_text(c);
    row.bytes = c->ops->bytes(c->self, c->place++, &row.byte_count);
    row.size = next_u64(c);
    row.id = next_u64(c);
    *out_row = row;
    return 0;
}

int cells_heartbeat(struct cells *c, struct heartbeat_row *out_row, struct err *err)
{
    struct heartbeat_row row = {.source = next_text(c)};
    row.key = next_text(c);
    const char *state = next_text(c);
    if (heartbeat_state_parse(state, &row.state) != 0) {
        return err_set(err, ERR_CORRUPT,
                       "store: heartbeat %s '%s' has the state '%s', which nobody wrote",
                       row.source, row.key, state);
    }
    row.first_at_ms = next_i64(c);
    row.seen_at_ms = next_i64(c);
    row.success_at_ms = next_i64(c);
    row.started_at_ms = next_i64(c);
    row.failed_at_ms = next_i64(c);
    row.missed_at_ms = next_i64(c);
    row.duration_ms = next_i64(c);
    row.waits_from_ms = next_i64(c);
    row.gone_at_ms = next_i64(c);
    row.missed_count = next_i64(c);
    row.exit_status = next_i64(c);
    row.is_running = next_bool(c);
    const char *run = next_text(c);
    size_t length = strnlen(run, sizeof(row.run) - 1);
    memcpy(row.run, run, length);
    *out_row = row;
    return 0;
}

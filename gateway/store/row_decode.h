/*
 * row_decode - columns to rows: the one place that knows their order, for every database.
 *
 * Shape:   a SELECT of the column lists below -> cells of one row -> cells_*.
 * Owns:    texts point into whatever the cells read from (see row_keep in row_shape.h).
 * Fails:   -1, ERR_CORRUPT for a word that is no state, kind or severity.
 */
#ifndef ESCALATED_STORE_ROW_DECODE_H
#define ESCALATED_STORE_ROW_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/system/id.h"
#include "policies/row.h"

#define INCIDENT_COLUMNS                                                                           \
    "number, uuid, policy, policy_hash, group_key, title, state, severity, priority, "             \
    "priority_set, live, opened_at_ms, acked_at_ms, resolved_at_ms, owner, ack_until_ms, "         \
    "eta_at_ms, slip_count, known, cleared, cause, linked, firing_count, next_due_at_ms, "         \
    "updated_at_ms, ladder, repliers, fields, talks, suppressed, flap"
#define INCIDENT_OPEN ", open" /* written only: a reader has the state */

/* Followed by ALERT_LONG or ALERT_SHORT. */
#define ALERT_COLUMNS                                                                              \
    "id, incident, source, key, state, severity, first_at_ms, last_at_ms, resolved_at_ms, count, " \
    "summary, labels, "
#define ALERT_LONG "details, links"
#define ALERT_SHORT "'', ''"

/* Followed by NOTIFICATION_LONG or NOTIFICATION_SHORT. */
#define NOTIFICATION_COLUMNS                                                                       \
    "id, incident, kind, climb, step, repetition, contact, channel, address, key, severity, "      \
    "state, reason, created_at_ms, due_at_ms, next_at_ms, expires_at_ms, token_expires_at_ms, "    \
    "attempt_count, ended_at_ms, provider_id, body_hash, content_type, subject, digest, "          \
    "admitted, deferred, "
#define NOTIFICATION_LONG "snapshot, body"
#define NOTIFICATION_SHORT "'', NULL"

/* As the index notifications_told has it. */
#define STATE_TOLD "state IN ('accepted', 'delivered')"

#define TIMELINE_COLUMNS "incident, at_ms, kind, actor, credential, text, data, id"
#define TIMELINE_ID_COLUMN 7
#define ATTEMPT_COLUMNS "notification, attempt, started_at_ms, ended_at_ms, outcome, reason, detail"

#define QUARANTINE_COLUMNS "uuid, at_ms, source, origin, reason, bytes, size"
#define QUARANTINE_ID ", id" /* given by the store, read only */

#define SILENCE_COLUMNS                                                                            \
    "id, matchers, author, reason, from_at_ms, until_at_ms, ended_at_ms, ended_by"
#define HEARTBEAT_COLUMNS                                                                          \
    "source, key, state, first_at_ms, seen_at_ms, success_at_ms, started_at_ms, failed_at_ms, "    \
    "missed_at_ms, duration_ms, waits_from_ms, gone_at_ms, missed_count, exit_status, running, "   \
    "run"

/* How one database gives the column `place` of its current row. */
struct cells_ops {
    const char *(*text)(void *self, int place); /* absent is "" */
    int64_t (*number)(void *self, int place);
    const void *(*bytes)(void *self, int place,
                         size_t *out_count); /* absent is NULL, empty is not */
};

struct cells {
    const struct cells_ops *ops;
    void *self;
    int place; /* of the next column */
};

int cells_incident(struct cells *c, struct incident_row *out_row, struct err *err);
int cells_alert(struct cells *c, struct alert_row *out_row, struct err *err);
int cells_notification(struct cells *c, struct notification_row *out_row, struct err *err);
int cells_timeline(struct cells *c, struct timeline_row *out_row, struct err *err);
int cells_attempt(struct cells *c, struct attempt_row *out_row, struct err *err);
int cells_silence(struct cells *c, struct silence_row *out_row, struct err *err);
int cells_quarantine(struct cells *c, struct quarantine_row *out_row, struct err *err);
int cells_heartbeat(struct cells *c, struct heartbeat_row *out_row, struct err *err);

#endif

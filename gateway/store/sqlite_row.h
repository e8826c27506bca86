/*
 * sqlite_row - columns to rows and back: the one place that knows their order.
 *
 * Shape:   a SELECT of the column lists below -> row_decode_*.
 * Owns:    texts point into the statement and are valid until its next step (see row_keep in row_shape.h).
 * Fails:   decoding: -1, ERR_CORRUPT for a word that is no state, kind or severity.
 */
#ifndef ESCALATED_STORE_SQLITE_ROW_H
#define ESCALATED_STORE_SQLITE_ROW_H

#include <sqlite3.h>

#include "gateway/base/err.h"
#include "gateway/system/id.h"
#include "policies/row.h"

#define INCIDENT_COLUMNS                                                                           \
    "number, uuid, policy, policy_hash, group_key, title, state, severity, priority, "             \
    "priority_set, live, opened_at_ms, acked_at_ms, resolved_at_ms, owner, ack_until_ms, "         \
    "eta_at_ms, slip_count, known, cleared, cause, linked, firing_count, next_due_at_ms, "         \
    "updated_at_ms, ladder, repliers"
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
    "attempt_count, ended_at_ms, provider_id, body_hash, content_type, subject, "
#define NOTIFICATION_LONG "snapshot, body"
#define NOTIFICATION_SHORT "'', NULL"

#define TIMELINE_COLUMNS "incident, at_ms, kind, actor, credential, text, data, id"
#define TIMELINE_ID_COLUMN 7
#define ATTEMPT_COLUMNS                                                                            \
    "notification, attempt, started_at_ms, ended_at_ms, outcome, reason, detail"

int row_decode_incident(sqlite3_stmt *statement, struct incident_row *out_row, struct err *err);
int row_decode_alert(sqlite3_stmt *statement, struct alert_row *out_row, struct err *err);
int row_decode_notification(sqlite3_stmt *statement, struct notification_row *out_row,
                            struct err *err);
int row_decode_timeline(sqlite3_stmt *statement, struct timeline_row *out_row, struct err *err);
int row_decode_attempt(sqlite3_stmt *statement, struct attempt_row *out_row, struct err *err);

#endif

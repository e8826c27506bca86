/*
 * sqlite_row - the current row of a statement as row_decode.h wants it.
 *
 * Shape:   a SELECT of the column lists of row_decode.h -> row_decode_*.
 * Owns:    texts point into the statement and are valid until its next step (see row_keep in row_shape.h).
 * Fails:   decoding: -1, ERR_CORRUPT for a word that is no state, kind or severity.
 */
#ifndef ESCALATED_STORE_SQLITE_ROW_H
#define ESCALATED_STORE_SQLITE_ROW_H

#include <sqlite3.h>

#include "gateway/store/row_decode.h"

int row_decode_incident(sqlite3_stmt *statement, struct incident_row *out_row, struct err *err);
int row_decode_alert(sqlite3_stmt *statement, struct alert_row *out_row, struct err *err);
int row_decode_notification(sqlite3_stmt *statement, struct notification_row *out_row,
                            struct err *err);
int row_decode_timeline(sqlite3_stmt *statement, struct timeline_row *out_row, struct err *err);
int row_decode_attempt(sqlite3_stmt *statement, struct attempt_row *out_row, struct err *err);
int row_decode_silence(sqlite3_stmt *statement, struct silence_row *out_row, struct err *err);
int row_decode_quarantine(sqlite3_stmt *statement, struct quarantine_row *out_row, struct err *err);
int row_decode_heartbeat(sqlite3_stmt *statement, struct heartbeat_row *out_row, struct err *err);

#endif

/*
 * sqlite_statement - the prepared statements of the SQLite store, and what is bound to them.
 *
 * Shape:   queries_prepare once; then binding_start, bind_* in the order of the parameters, binding_run. New rows go
 *          through `struct rows`, which writes several with one statement.
 * Owns:    texts and rows are borrowed until they have been written: until binding_run, or rows_flush.
 * Threads: as sqlite.h.
 * Fails:   `int rc` as in sqlite.h. After a failure of rows_flush some of the rows may stand: the batch is rolled back.
 */
#ifndef ESCALATED_STORE_SQLITE_STATEMENT_H
#define ESCALATED_STORE_SQLITE_STATEMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/system/id.h"
#include "policies/row.h"

#define SQLITE_STORE_ROWS 16     /* new rows in one statement, at most */
#define SQLITE_STORE_ROW_SIZES 3 /* statements for fewer */

struct sqlite_store;

enum query {
    QUERY_BEGIN,
    QUERY_COMMIT,
    QUERY_ROLLBACK,
    QUERY_META,
    QUERY_ALERT_COUNT,
    QUERY_ALERT_STATE,
    QUERY_ALERT_ALL,
    QUERY_ALERT_OVER,
    QUERY_ALERT_FIND,
    QUERY_ALERT_LAST,
    QUERY_INCIDENT_UPDATE,
    QUERY_INCIDENT_TURN,
    QUERY_INCIDENT_MOVE,
    QUERY_INCIDENT_CLOSED,
    QUERY_LAST_TOLD,
    QUERY_CLAIM,
    QUERY_CLAIM_BODY,
    QUERY_ATTEMPT_END,
    QUERY_OUTCOME_AGAIN,
    QUERY_OUTCOME_END,
    QUERY_PROVIDER_ID,
    QUERY_POLICY,
    QUERY_QUARANTINE,
    QUERY_QUARANTINE_CUT,
    QUERY_SESSION,
    QUERY_DELIVERIES,
    QUERY_DELIVERIES_CUT,
    QUERY_INBOX_APPEND,
    QUERY_INBOX_DROP,
    QUERY_READ,
    QUERY_FIND_NOTIFICATION,
    QUERY_FIND_DETAILS_FIRING,
    QUERY_FIND_DETAILS_OLDEST,
    QUERY_FIND_PROVIDER_ID,
    QUERY_MARK,
    QUERY_MARK_GONE,
    QUERY_MARK_FIND,
    QUERY_SILENCE,
    QUERY_HEARTBEAT,
    QUERY_HEARTBEAT_GONE,
    QUERY_COUNT,
};

/* New rows. */
enum insert {
    INSERT_EVENT,
    INSERT_ALERT,
    INSERT_INCIDENT,
    INSERT_NOTIFICATION,
    INSERT_TIMELINE,
    INSERT_ATTEMPT,
    INSERT_COUNT,
};

/* One use of a prepared statement: bind in the order of its parameters, then run. Texts are borrowed until then. */
struct binding {
    sqlite3_stmt *statement;
    int place;
    int rc;
};

int queries_prepare(struct sqlite_store *store, struct err *err);
void queries_finalize(struct sqlite_store *store);
struct binding binding_start(struct sqlite_store *store, enum query query);
void bind_text(struct binding *binding, const char *text); /* NULL is "" */
void bind_i64(struct binding *binding, int64_t value);
void bind_u64(struct binding *binding, uint64_t value);
void bind_bytes(struct binding *binding, const void *bytes, size_t count); /* NULL is NULL */
int binding_run(struct binding *binding);
int query_run(struct sqlite_store *store, enum query query); /* one without parameters */

/* New rows of one kind on their way into statements. Rows are borrowed until the flush; zero but for the store at first. */
struct rows {
    struct sqlite_store *store;
    enum insert insert;
    size_t count;
    const void *items[SQLITE_STORE_ROWS];
};

int inserts_prepare(struct sqlite_store *store, struct err *err);
void inserts_finalize(struct sqlite_store *store);
/* Writes what waits first when that is full or of another kind. */
int rows_add(struct rows *rows, enum insert insert, const void *row);
int rows_flush(struct rows *rows);

/* Columns that inserts and updates share; `uuid` and `text` have to last until the statement has run. */
void bind_uuid(struct binding *binding, const unsigned char bytes[16], char text[ID_TEXT_BYTES]);
void bind_alert(struct binding *b, const struct alert_row *row, bool with_texts);
void bind_incident(struct binding *b, const struct incident_row *row, char uuid[ID_TEXT_BYTES]);

#endif

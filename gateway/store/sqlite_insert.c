#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/store/row_decode.h"
#include "gateway/store/sqlite.h"

/*
 * New rows, several to a statement: most of what an insert of one row costs is the statement around
 * it. FAIL, because ABORT would keep copies of pages to undo rows that the rollback of the whole
 * batch undoes anyway.
 */

enum { INSERT_TEXT_MAX = 64 * 1024 };

/* Columns in the order in which they are bound. */
static const struct {
    const char *sql;
    const char *table;
    const char *columns;
    int column_count;
} inserts[INSERT_COUNT] = {
    [INSERT_EVENT] = {.sql = "INSERT OR FAIL INTO ",
                      .table = "events",
                      .columns =
                          "uuid, at_ms, source, key, action, severity, disposition, incident",
                      .column_count = 8},
    [INSERT_ALERT] = {.sql = "INSERT OR FAIL INTO ",
                      .table = "alerts",
                      .columns = ALERT_COLUMNS ALERT_LONG,
                      .column_count = 14},
    [INSERT_INCIDENT] = {.sql = "INSERT OR FAIL INTO ",
                         .table = "incidents",
                         .columns = INCIDENT_COLUMNS INCIDENT_OPEN,
                         .column_count = 32},
    [INSERT_NOTIFICATION] = {.sql = "INSERT OR FAIL INTO ",
                             .table = "notifications",
                             .columns = NOTIFICATION_COLUMNS NOTIFICATION_LONG,
                             .column_count = 29},
    [INSERT_TIMELINE] = {.sql = "INSERT OR FAIL INTO ",
                         .table = "timeline",
                         .columns = "incident, at_ms, kind, actor, credential, text, data",
                         .column_count = 7},
    /* History, not state: an attempt counted twice must not stop the engine. */
    [INSERT_ATTEMPT] = {.sql = "INSERT OR REPLACE INTO ",
                        .table = "attempts",
                        .columns = "notification, attempt, started_at_ms, deadline_mono_ms, "
                                   "boot_id, ended_at_ms, outcome, reason, detail",
                        .column_count = 9},
};

static int prepare(struct sqlite_store *store, enum insert insert, size_t row_count,
                   sqlite3_stmt **out_statement, struct err *err)
{
    struct strbuf sql;
    strbuf_init(&sql, INSERT_TEXT_MAX);
    strbuf_printf(&sql, "%s%s (%s) VALUES", inserts[insert].sql, inserts[insert].table,
                  inserts[insert].columns);
    for (size_t row = 0; row < row_count; row++) {
        for (int i = 0; i < inserts[insert].column_count; i++) {
            strbuf_add(&sql, i > 0 ? ", ?" : row > 0 ? ", (?" : " (?");
        }
        strbuf_add_char(&sql, ')');
    }
    ASSERT(!sql.overflowed);
    int rc = sqlite3_prepare_v3(store->db, strbuf_text(&sql), -1, SQLITE_PREPARE_PERSISTENT,
                                out_statement, NULL);
    int result =
        rc == SQLITE_OK ? 0 : sqlite_fail(store->db, store->path, rc, inserts[insert].table, err);
    strbuf_clear(&sql);
    return result;
}

/* What waits is written by as few statements as these allow. */
static const size_t sizes[SQLITE_STORE_ROW_SIZES] = {SQLITE_STORE_ROWS, SQLITE_STORE_ROWS / 4, 1};

/* Those of one row, which can write everything; the others once they are of use: to prepare them all is a good part of what
 * opening a store costs. */
int inserts_prepare(struct sqlite_store *store, struct err *err)
{
    enum { OF_ONE = SQLITE_STORE_ROW_SIZES - 1 };
    for (int i = 0; i < INSERT_COUNT; i++) {
        if (prepare(store, (enum insert)i, sizes[OF_ONE], &store->inserts[i][OF_ONE], err) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_ready(struct sqlite_store *store, enum insert insert, int size)
{
    sqlite3_stmt **statement = &store->inserts[insert][size];
    struct err ignored; /* the rows go out one by one then, and say what is wrong with the store */
    if (*statement == NULL && prepare(store, insert, sizes[size], statement, &ignored) != 0) {
        *statement = NULL;
    }
    return *statement != NULL;
}

void inserts_finalize(struct sqlite_store *store)
{
    for (int i = 0; i < INSERT_COUNT; i++) {
        for (int j = 0; j < SQLITE_STORE_ROW_SIZES; j++) {
            (void)sqlite3_finalize(store->inserts[i][j]); /* repeats the last step's code */
            store->inserts[i][j] = NULL;
        }
    }
}

/* Rows: the columns of the table above. */

static void bind_event(struct binding *b, const struct event_row *row, char uuid[ID_TEXT_BYTES])
{
    bind_uuid(b, row->id, uuid);
    bind_i64(b, row->at_ms);
    bind_text(b, row->source);
    bind_text(b, row->key);
    bind_text(b, event_action_name(row->action));
    bind_text(b, severity_name(row->severity));
    bind_text(b, disposition_name(row->disposition));
    bind_u64(b, row->incident);
}

static void bind_notification(struct binding *b, const struct notification_row *row)
{
    bind_u64(b, row->id);
    bind_u64(b, row->incident);
    bind_text(b, notification_kind_name(row->kind));
    bind_i64(b, row->climb);
    bind_text(b, row->step);
    bind_i64(b, row->repetition);
    bind_text(b, row->contact);
    bind_text(b, row->channel);
    bind_text(b, row->address);
    bind_text(b, row->key);
    bind_text(b, severity_name(row->severity));
    bind_text(b, notification_state_name(row->state));
    bind_text(b, row->reason);
    bind_i64(b, row->created_at_ms);
    bind_i64(b, row->due_at_ms);
    bind_i64(b, row->next_at_ms);
    bind_i64(b, row->expires_at_ms);
    bind_i64(b, row->token_expires_at_ms);
    bind_i64(b, row->attempt_count);
    bind_i64(b, row->ended_at_ms);
    bind_text(b, row->provider_id);
    bind_text(b, row->body_hash);
    bind_text(b, row->content_type);
    bind_text(b, row->subject);
    bind_u64(b, row->digest);
    bind_i64(b, row->admitted);
    bind_i64(b, row->deferred);
    bind_text(b, row->snapshot);
    bind_bytes(b, row->body, row->body_count);
}

static void bind_timeline(struct binding *b, const struct timeline_row *row)
{
    bind_u64(b, row->incident);
    bind_i64(b, row->at_ms);
    bind_text(b, row->kind);
    bind_text(b, row->actor);
    bind_text(b, row->credential);
    bind_text(b, row->text);
    bind_text(b, row->data);
}

static void bind_attempt(struct binding *b, const struct claim_row *row)
{
    bind_u64(b, row->notification);
    bind_i64(b, row->attempt);
    bind_i64(b, row->at_ms);
    bind_i64(b, row->deadline_mono_ms);
    bind_text(b, row->boot_id);
    bind_i64(b, 0);
    bind_text(b, "");
    bind_text(b, "");
    bind_text(b, "");
}

/* `uuid` has to last until the statement has run. */
static void bind_row(struct binding *b, enum insert insert, const void *row,
                     char uuid[ID_TEXT_BYTES])
{
    switch (insert) {
    case INSERT_EVENT:
        bind_event(b, row, uuid);
        break;
    case INSERT_ALERT:
        bind_alert(b, row, true);
        break;
    case INSERT_INCIDENT:
        bind_incident(b, row, uuid);
        break;
    case INSERT_NOTIFICATION:
        bind_notification(b, row);
        break;
    case INSERT_TIMELINE:
        bind_timeline(b, row);
        break;
    case INSERT_ATTEMPT:
        bind_attempt(b, row);
        break;
    case INSERT_COUNT:
        break;
    }
    ASSERT(b->place % inserts[insert].column_count == 0);
}

static int write_some(const struct rows *rows, size_t first, int size)
{
    char uuids[SQLITE_STORE_ROWS][ID_TEXT_BYTES];
    struct binding b = {.statement = rows->store->inserts[rows->insert][size], .rc = SQLITE_OK};
    for (size_t i = 0; i < sizes[size]; i++) {
        bind_row(&b, rows->insert, rows->items[first + i], uuids[i]);
    }
    return binding_run(&b);
}

int rows_flush(struct rows *rows)
{
    int rc = SQLITE_OK;
    size_t done = 0;
    for (int size = 0; size < SQLITE_STORE_ROW_SIZES; size++) {
        bool fits = rows->count - done >= sizes[size];
        if (!fits || !is_ready(rows->store, rows->insert, size)) {
            continue;
        }
        for (; rows->count - done >= sizes[size] && rc == SQLITE_OK; done += sizes[size]) {
            rc = write_some(rows, done, size);
        }
    }
    rows->count = 0;
    return rc;
}

int rows_add(struct rows *rows, enum insert insert, const void *row)
{
    int rc = SQLITE_OK;
    if (rows->insert != insert || rows->count == SQLITE_STORE_ROWS) {
        rc = rows_flush(rows);
    }
    rows->insert = insert;
    rows->items[rows->count++] = row;
    return rc;
}

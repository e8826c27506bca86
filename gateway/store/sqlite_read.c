#include "gateway/store/reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/store/row_shape.h"
#include "gateway/store/sqlite.h"
#include "gateway/store/sqlite_question.h"
#include "gateway/store/sqlite_row.h"

static struct sqlite_reader *sqlite_of(struct store_reader *reader)
{
    return (struct sqlite_reader *)(void *)reader;
}

/* Open and close. */

static int configure_reader(struct sqlite_reader *reader, struct err *err)
{
    int rc = sqlite3_extended_result_codes(reader->db, 1);
    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(reader->db, SQLITE_STORE_BUSY_MS);
    }
    if (rc == SQLITE_OK) {
        /* Only the writer's connection may checkpoint, also when a reader is the last to close. */
        rc = sqlite3_db_config(reader->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_wal_autocheckpoint(reader->db, 0);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(reader->db, "PRAGMA query_only = 1; PRAGMA mmap_size = 0", NULL, NULL,
                          NULL);
    }
    return rc == SQLITE_OK ? 0 : sqlite_fail(reader->db, reader->path, rc, "settings", err);
}

static int reader_open_file(struct sqlite_reader *reader, struct err *err)
{
    if (access(reader->path, F_OK) != 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "store %s: it is not there; the daemon makes it at its start", reader->path);
    }
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int rc = sqlite3_open_v2(reader->path, &reader->db, flags, NULL);
    if (rc != SQLITE_OK) {
        return sqlite_fail(reader->db, reader->path, rc, "open", err);
    }
    if (configure_reader(reader, err) != 0) {
        return -1;
    }
    return schema_check(reader->db, reader->path, err);
}

static void reader_close(struct store_reader *base)
{
    struct sqlite_reader *reader = sqlite_of(base);
    (void)sqlite3_close(reader->db); /* it has written nothing */
    free(reader->path);
    free(reader);
}

/* Rows. */

static int decode_incident(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_incident(statement, out_row, err);
}

static int decode_alert(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_alert(statement, out_row, err);
}

static int decode_notification(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_notification(statement, out_row, err);
}

static int decode_timeline(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_timeline(statement, out_row, err);
}

static int decode_attempt(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_attempt(statement, out_row, err);
}

static int decode_silence(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_silence(statement, out_row, err);
}

static int decode_quarantine(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_quarantine(statement, out_row, err);
}

/* Incidents. */

/* The newest numbers that one of the indexes leads to. A row is open, or lingers (live, but not open), or is over. */
#define NUMBERS(where)                                                                             \
    "SELECT number FROM (SELECT number FROM incidents " where                                      \
    " AND number < ?1 ORDER BY number DESC LIMIT ?3)"
#define OVER "INDEXED BY incidents_over WHERE live = 0"
#define OPEN "INDEXED BY incidents_open WHERE open = 1"
#define LINGERING "INDEXED BY incidents_lingering WHERE live = 1 AND open = 0"
#define OF_POLICY " AND policy = ?2"
#define ROWS(numbers)                                                                              \
    "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number IN (" numbers ") ORDER BY number "    \
    "DESC"
#define AND_ALSO " UNION ALL "

static const char incidents_all[] =
    "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number < ?1 ORDER BY number DESC";
static const char incidents_of_policy[] = ROWS(
    NUMBERS(OVER OF_POLICY) AND_ALSO NUMBERS(OPEN OF_POLICY) AND_ALSO NUMBERS(LINGERING OF_POLICY));
static const char incidents_open_of_policy[] = ROWS(NUMBERS(OPEN OF_POLICY));
static const char incidents_open[] = ROWS(NUMBERS(OPEN));
/* In a storm nearly all of the newest are open, and walking those is quicker than to sort what the index gives. */
static const char incidents_open_newest[] =
    "SELECT " INCIDENT_COLUMNS " FROM (SELECT * FROM incidents WHERE number < ?1 "
    "ORDER BY number DESC LIMIT 1000) WHERE open = 1 ORDER BY number DESC";

static int ask_incidents(const struct question *question, const struct incident_filter *filter,
                         const char *sql, void **out_rows, size_t *out_count, struct err *err)
{
    bool from_newest = filter->before == 0 || filter->before > INT64_MAX;
    sqlite3_stmt *statement = NULL;
    if (sqlite_question_prepare(question, sql, &statement, err) != 0) {
        return -1;
    }
    int rc = sqlite3_bind_int64(statement, 1, from_newest ? INT64_MAX : (int64_t)filter->before);
    int parameter_count = sqlite3_bind_parameter_count(statement);
    if (rc == SQLITE_OK && parameter_count > 1 && filter->policy_or_null != NULL) {
        rc = sqlite3_bind_text(statement, 2, filter->policy_or_null, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && parameter_count > 2) {
        rc = sqlite3_bind_int64(statement, 3, (sqlite3_int64)question->limit);
    }
    if (rc != SQLITE_OK) {
        (void)sqlite3_finalize(statement); /* nothing was stepped */
        return sqlite_fail(question->reader->db, question->reader->path, rc, question->what, err);
    }
    return sqlite_question_collect(question, statement, out_rows, out_count, err);
}

static int read_incidents(struct store_reader *reader, const struct incident_filter *filter,
                          struct arena *arena, struct incident_row **out_rows, size_t *out_count,
                          struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read incidents",
                                      .shape = &incident_shape,
                                      .decode = decode_incident,
                                      .limit = reader_limit(filter->limit)};
    void *rows = NULL;
    const char *sql = filter->open_only ? incidents_open_newest : incidents_all;
    if (filter->policy_or_null != NULL) {
        sql = filter->open_only ? incidents_open_of_policy : incidents_of_policy;
    }
    int result = ask_incidents(&question, filter, sql, &rows, out_count, err);
    if (result == 0 && sql == incidents_open_newest && *out_count < question.limit) {
        result = ask_incidents(&question, filter, incidents_open, &rows, out_count, err);
    }
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_incident(struct store_reader *reader, uint64_t number, struct arena *arena,
                         struct incident_row *out_row, struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read incident",
                                      .shape = &incident_shape,
                                      .decode = decode_incident,
                                      .limit = 1};
    void *rows = NULL;
    size_t count = 0;
    if (sqlite_question_ask(&question,
                            "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number = ?1",
                            (const uint64_t[3]){number}, &rows, &count, err) != 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "incident %llu is not there",
                       (unsigned long long)number);
    }
    *out_row = *(struct incident_row *)rows;
    return 0;
}

static int read_alerts(struct store_reader *reader, uint64_t incident, size_t limit,
                       struct arena *arena, struct alert_row **out_rows, size_t *out_count,
                       struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read alerts",
                                      .shape = &alert_shape,
                                      .decode = decode_alert,
                                      .limit = reader_limit(limit)};
    void *rows = NULL;
    int result =
        sqlite_question_ask(&question,
                            "SELECT " ALERT_COLUMNS ALERT_LONG " FROM alerts WHERE incident = ?1 "
                            "ORDER BY id DESC",
                            (const uint64_t[3]){incident}, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

/* Notifications and their attempts. */

static int read_notifications(struct store_reader *reader, uint64_t incident, uint64_t before,
                              size_t limit, struct arena *arena, struct notification_row **out_rows,
                              size_t *out_count, struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read notifications",
                                      .shape = &notification_shape,
                                      .decode = decode_notification,
                                      .limit = reader_limit(limit)};
    const char *sql = incident == 0
                          ? "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT
                            " FROM notifications WHERE id < ?1 ORDER BY id DESC"
                          : "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT
                            " FROM notifications WHERE id < ?1 AND incident = ?2 ORDER BY id DESC";
    void *rows = NULL;
    int result = sqlite_question_ask(
        &question, sql, (const uint64_t[3]){before == 0 ? INT64_MAX : before, incident}, &rows,
        out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_notification(struct store_reader *reader, uint64_t id, struct arena *arena,
                             struct notification_row *out_row, struct err *err)
{
    const struct sqlite_reader *own = sqlite_of(reader);
    sqlite3_stmt *statement = NULL;
    bool found = false;
    int rc = sqlite3_prepare_v2(own->db, SQLITE_FIND_NOTIFICATION, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        return sqlite_fail(own->db, own->path, rc, "notification", err);
    }
    int result = sqlite_step_notification(statement, own->path, id, arena, out_row, &found, err);
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    if (result == 0 && !found) {
        result =
            err_set(err, ERR_NOT_FOUND, "notification %llu is not there", (unsigned long long)id);
    }
    return result;
}

static int read_attempts(struct store_reader *reader, uint64_t notification, struct arena *arena,
                         struct attempt_row **out_rows, size_t *out_count, struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read attempts",
                                      .shape = &attempt_shape,
                                      .decode = decode_attempt,
                                      .limit = STORE_READ_LIMIT_MAX};
    void *rows = NULL;
    int result =
        sqlite_question_ask(&question,
                            "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE notification = ?1 "
                            "ORDER BY attempt DESC",
                            (const uint64_t[3]){notification}, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_quarantine(struct store_reader *reader, uint64_t before, size_t limit,
                           struct arena *arena, struct quarantine_row **out_rows, size_t *out_count,
                           struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read quarantine",
                                      .shape = &quarantine_shape,
                                      .decode = decode_quarantine,
                                      .limit = reader_limit(limit)};
    void *rows = NULL;
    int result = sqlite_question_ask(
        &question,
        "SELECT " QUARANTINE_COLUMNS QUARANTINE_ID " FROM quarantine WHERE id < ?1 "
        "ORDER BY id DESC",
        (const uint64_t[3]){before == 0 ? INT64_MAX : before}, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_silences(struct store_reader *reader, bool held_only, uint64_t before, size_t limit,
                         struct arena *arena, struct silence_row **out_rows, size_t *out_count,
                         struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read silences",
                                      .shape = &silence_shape,
                                      .decode = decode_silence,
                                      .limit = reader_limit(limit)};
    void *rows = NULL;
    int result = sqlite_question_ask(
        &question,
        held_only ? "SELECT " SILENCE_COLUMNS " FROM silences WHERE id < ?1 AND "
                    "ended_at_ms = 0 ORDER BY id DESC"
                  : "SELECT " SILENCE_COLUMNS " FROM silences WHERE id < ?1 ORDER BY id DESC",
        (const uint64_t[3]){before == 0 ? INT64_MAX : before}, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int decode_heartbeat(sqlite3_stmt *statement, void *out_row, struct err *err)
{
    return row_decode_heartbeat(statement, out_row, err);
}

static int read_heartbeats(struct store_reader *reader, const struct heartbeat_filter *filter,
                           struct arena *arena, struct heartbeat_row **out_rows, size_t *out_count,
                           struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read heartbeats",
                                      .shape = &heartbeat_shape,
                                      .decode = decode_heartbeat,
                                      .limit = reader_limit(filter->limit)};
    const char *const texts[] = {filter->source, filter->after_source, filter->after_key};
    sqlite3_stmt *statement = NULL;
    void *rows = NULL;
    if (sqlite_question_prepare(&question, HEARTBEATS_SQL("?1", "?2", "?3"), &statement, err) !=
        0) {
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        int rc = sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
        if (rc != SQLITE_OK) {
            (void)sqlite3_finalize(statement); /* nothing was stepped */
            return sqlite_fail(question.reader->db, question.reader->path, rc, question.what, err);
        }
    }
    int result = sqlite_question_collect(&question, statement, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_marks(struct store_reader *base, enum mark_kind kind, struct arena *arena,
                      struct mark_row **out_rows, size_t *out_count, struct err *err)
{
    const struct sqlite_reader *reader = sqlite_of(base);
    return sqlite_read_marks(reader->db, reader->path, kind, arena, out_rows, out_count, err);
}

/* Sessions of brokers. */

static int ask_text(struct sqlite_reader *reader, const char *sql, const char *broker,
                    sqlite3_stmt **out_statement, struct err *err)
{
    int rc = sqlite3_prepare_v2(reader->db, sql, -1, out_statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(*out_statement, 1, broker, -1, SQLITE_STATIC);
    }
    return rc == SQLITE_OK ? 0 : sqlite_fail(reader->db, reader->path, rc, "read session", err);
}

static int read_policy(struct store_reader *base, const char *hash, struct arena *arena,
                       struct policy_row *out_row, struct err *err)
{
    struct sqlite_reader *reader = sqlite_of(base);
    sqlite3_stmt *statement = NULL;
    int result = -1;
    if (ask_text(reader, "SELECT name, text FROM policies WHERE hash = ?1", hash, &statement,
                 err) == 0) {
        int rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            *out_row = (struct policy_row){
                .hash = arena_strdup(arena, hash),
                .name = arena_strdup(arena, (const char *)sqlite3_column_text(statement, 0)),
                .text = arena_strdup(arena, (const char *)sqlite3_column_text(statement, 1))};
            result = 0;
        } else if (rc == SQLITE_DONE) {
            (void)err_set(err, ERR_NOT_FOUND, "policy version %.12s is not stored", hash);
        } else {
            (void)sqlite_fail(reader->db, reader->path, rc, "read policy", err);
        }
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return result;
}

/* Whole marks only: a row that somebody has cut by hand gives what is whole in it. */
static void add_marks(struct strbuf *marks, const void *bytes, int count)
{
    if (bytes != NULL && count > 0) {
        strbuf_add_bytes(marks, bytes, (size_t)(count - count % DELIVERY_MARK_BYTES));
    }
}

static int read_session_rows(struct sqlite_reader *reader, sqlite3_stmt *statement,
                             struct arena *arena, struct known_session *out, struct err *err)
{
    struct strbuf marks;
    struct id id;
    int rc = SQLITE_ROW;
    strbuf_init(&marks, SESSION_MARK_BYTES_MAX);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!out->found) {
            out->found = id_parse((const char *)sqlite3_column_text(statement, 0), &id) == 0;
            memcpy(out->id, id.bytes, sizeof(out->id));
            out->filters = arena_strdup(arena, (const char *)sqlite3_column_text(statement, 1));
        }
        const void *bytes = sqlite3_column_blob(statement, 2);
        add_marks(&marks, bytes, sqlite3_column_bytes(statement, 2));
    }
    out->mark_count = marks.length / DELIVERY_MARK_BYTES;
    out->marks = arena_copy(arena, strbuf_text(&marks), marks.length);
    strbuf_clear(&marks);
    return rc == SQLITE_DONE ? 0 : sqlite_fail(reader->db, reader->path, rc, "read session", err);
}

static int read_session(struct store_reader *base, const char *broker, struct arena *arena,
                        struct known_session *out_session, struct err *err)
{
    struct sqlite_reader *reader = sqlite_of(base);
    struct known_session session = {.filters = ""};
    sqlite3_stmt *statement = NULL;
    int result = ask_text(reader, SESSION_SQL("?1"), broker, &statement, err);
    if (result == 0) {
        result = read_session_rows(reader, statement, arena, &session, err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    if (result == 0) {
        *out_session = session;
    }
    return result;
}

/* Timeline. */

static int read_timeline(struct store_reader *reader, uint64_t incident, size_t limit,
                         struct arena *arena, struct timeline_row **out_rows, size_t *out_count,
                         struct err *err)
{
    const struct question question = {.reader = sqlite_of(reader),
                                      .arena = arena,
                                      .what = "read timeline",
                                      .shape = &timeline_shape,
                                      .decode = decode_timeline,
                                      .limit = reader_limit(limit)};
    void *rows = NULL;
    int result =
        sqlite_question_ask(&question,
                            "SELECT " TIMELINE_COLUMNS " FROM timeline WHERE incident = ?1 "
                            "ORDER BY id DESC",
                            (const uint64_t[3]){incident}, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_timeline_after(struct store_reader *reader, uint64_t after, size_t limit,
                               struct arena *arena, struct timeline_row **out_rows,
                               uint64_t **out_ids, size_t *out_count, struct err *err)
{
    const struct question question = {
        .reader = sqlite_of(reader),
        .arena = arena,
        .what = "follow timeline",
        .shape = &timeline_shape,
        .decode = decode_timeline,
        .limit = reader_limit(limit),
        .ids = arena_alloc_array(arena, reader_limit(limit) + 1, sizeof(uint64_t)),
        .id_column = TIMELINE_ID_COLUMN,
    };
    void *rows = NULL;
    int result = sqlite_question_ask(
        &question, "SELECT " TIMELINE_COLUMNS " FROM timeline WHERE id > ?1 ORDER BY id",
        (const uint64_t[3]){after}, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
        *out_ids = question.ids;
    }
    return result;
}

static int read_timeline_last(struct store_reader *base, uint64_t *out_last, struct err *err)
{
    struct sqlite_reader *reader = sqlite_of(base);
    sqlite3_stmt *statement = NULL;
    int result = 0;
    int rc = sqlite3_prepare_v2(reader->db, "SELECT coalesce(max(id), 0) FROM timeline", -1,
                                &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        *out_last = (uint64_t)sqlite3_column_int64(statement, 0);
    } else {
        result = sqlite_fail(reader->db, reader->path, rc, "end of timeline", err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return result;
}

static const struct store_reader_ops reader_ops = {
    .incidents = read_incidents,
    .incident = read_incident,
    .alerts = read_alerts,
    .timeline = read_timeline,
    .notifications = read_notifications,
    .notification = read_notification,
    .attempts = read_attempts,
    .quarantine = read_quarantine,
    .silences = read_silences,
    .policy = read_policy,
    .heartbeats = read_heartbeats,
    .session = read_session,
    .marks = read_marks,
    .timeline_after = read_timeline_after,
    .timeline_last = read_timeline_last,
    .close = reader_close,
};

int store_sqlite_reader_open(const char *path, struct store_reader **out_reader, struct err *err)
{
    struct sqlite_reader *reader = heap_alloc(sizeof(*reader));
    reader->reader.ops = &reader_ops;
    reader->path = heap_strdup(path);
    if (reader_open_file(reader, err) != 0) {
        reader_close(&reader->reader);
        return -1;
    }
    *out_reader = &reader->reader;
    return 0;
}

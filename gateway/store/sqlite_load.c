#include "gateway/store/row_shape.h"
#include "gateway/store/sqlite.h"
#include "gateway/store/sqlite_row.h"

/* Live incidents by the two indexes that lead to them: what is open is live. */
#define LIVE_NUMBERS                                                                               \
    "(SELECT number FROM incidents WHERE open = 1 UNION ALL "                                      \
    "SELECT number FROM incidents WHERE live = 1 AND open = 0)"
#define IS_LIVE "(SELECT live FROM incidents WHERE number = incident)"
#define UNFINISHED "ended_at_ms = 0 AND state IN ('pending', 'claimed')"

static int give_policy(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct policy_row row = {
        .hash = (const char *)sqlite3_column_text(statement, 0),
        .name = (const char *)sqlite3_column_text(statement, 1),
        .text = (const char *)sqlite3_column_text(statement, 2),
    };
    sink->policy(sink->self, &row);
    return 0;
}

static int give_incident(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err)
{
    struct incident_row row;
    if (row_decode_incident(statement, &row, err) != 0) {
        return -1;
    }
    sink->incident(sink->self, &row);
    return 0;
}

static int give_alert(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err)
{
    struct alert_row row;
    if (row_decode_alert(statement, &row, err) != 0) {
        return -1;
    }
    sink->alert(sink->self, &row);
    return 0;
}

static int give_notification(sqlite3_stmt *statement, const struct store_sink *sink,
                             struct err *err)
{
    struct notification_row row;
    if (row_decode_notification(statement, &row, err) != 0) {
        return -1;
    }
    sink->notification(sink->self, &row);
    return 0;
}

/*
 * Live incidents are few among those kept, or, after a storm, most of them. For few, indexes lead
 * to their rows; for many, walking the whole table in order is two to three times as fast (a
 * leading + keeps an index out of it), and a set of their numbers would cost as much as reading
 * the rows: each looks its own incident up.
 */
struct load_part {
    const char *what;
    const char *sql_few;
    const char *sql_many;
    int (*give)(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err);
};

#define SELECT_POLICIES                                                                            \
    "SELECT hash, name, text FROM policies WHERE hash IN "                                         \
    "(SELECT policy_hash FROM incidents WHERE number IN " LIVE_NUMBERS ") ORDER BY rowid"

#define SELECT_MARKS                                                                               \
    "SELECT kind, name, value, at_ms FROM marks WHERE kind <> 'heard' ORDER BY kind, name"

/* The last one too, whose number is not given again. */
#define SELECT_SILENCES                                                                            \
    "SELECT " SILENCE_COLUMNS " FROM silences WHERE ended_at_ms = 0 OR "                           \
    "id = (SELECT max(id) FROM silences) ORDER BY id"
#define SELECT_HEARTBEATS "SELECT " HEARTBEAT_COLUMNS " FROM heartbeats ORDER BY source, key"

static const struct load_part load_parts[] = {
    {.what = "load policies",
     .sql_few = SELECT_POLICIES,
     .sql_many = "SELECT hash, name, text FROM policies WHERE hash IN "
                 "(SELECT policy_hash FROM incidents WHERE live = 1) ORDER BY rowid",
     .give = give_policy},
    {.what = "load incidents",
     .sql_few = "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number IN " LIVE_NUMBERS
                " ORDER BY number",
     .sql_many = "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE live = 1 ORDER BY number",
     .give = give_incident},
    {.what = "load alerts",
     .sql_few = "SELECT " ALERT_COLUMNS ALERT_SHORT " FROM alerts WHERE id IN "
                "(SELECT id FROM alerts WHERE incident IN " LIVE_NUMBERS ") ORDER BY id",
     .sql_many = "SELECT " ALERT_COLUMNS ALERT_SHORT " FROM alerts WHERE " IS_LIVE " ORDER BY id",
     .give = give_alert},
    {.what = "load notifications",
     .sql_few = "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT " FROM notifications WHERE id IN "
                "(SELECT id FROM notifications WHERE incident IN " LIVE_NUMBERS " UNION ALL "
                "SELECT id FROM notifications WHERE " UNFINISHED ") ORDER BY id",
     .sql_many = "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT " FROM notifications WHERE "
                 "(" UNFINISHED ") OR " IS_LIVE " ORDER BY id",
     .give = give_notification},
    {.what = "load marks",
     .sql_few = SELECT_MARKS,
     .sql_many = SELECT_MARKS,
     .give = sqlite_give_mark},
    {.what = "load silences",
     .sql_few = SELECT_SILENCES,
     .sql_many = SELECT_SILENCES,
     .give = sqlite_give_silence},
    {.what = "load heartbeats",
     .sql_few = SELECT_HEARTBEATS,
     .sql_many = SELECT_HEARTBEATS,
     .give = sqlite_give_heartbeat},
};

static int read_many(struct sqlite_store *store, bool *out_many, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int result = 0;
    int rc =
        sqlite3_prepare_v2(store->db,
                           "SELECT ((SELECT count(*) FROM incidents WHERE open = 1) + "
                           "(SELECT count(*) FROM incidents WHERE live = 1 AND open = 0)) * 4 > "
                           "(SELECT max(number) FROM incidents) - "
                           "(SELECT min(number) FROM incidents)",
                           -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        *out_many = sqlite3_column_int(statement, 0) != 0;
    } else {
        result = sqlite_fail(store->db, store->path, rc, "load", err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return result;
}

static int load_rows(struct sqlite_store *store, const struct load_part *part, bool many,
                     const struct store_sink *sink, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int result = 0;
    int rc =
        sqlite3_prepare_v2(store->db, many ? part->sql_many : part->sql_few, -1, &statement, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW && part->give(statement, sink, err) != 0) {
            result = -1;
            break;
        }
    }
    if (result == 0 && rc != SQLITE_DONE) {
        result = sqlite_fail(store->db, store->path, rc, part->what, err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return result;
}

int sqlite_read_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    struct sqlite_store *store = self;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db,
                                "SELECT engine_time_ms, next_incident, next_notification, "
                                "next_alert, epoch FROM meta WHERE id = 1",
                                -1, &statement, NULL);
    int result = 0;
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        *out_meta = (struct store_meta){
            .engine_time_ms = sqlite3_column_int64(statement, 0),
            .next_incident = (uint64_t)sqlite3_column_int64(statement, 1),
            .next_notification = (uint64_t)sqlite3_column_int64(statement, 2),
            .next_alert = (uint64_t)sqlite3_column_int64(statement, 3),
            .epoch = (uint64_t)sqlite3_column_int64(statement, 4),
        };
    } else {
        result = sqlite_fail(store->db, store->path, rc, "load counters", err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return result;
}

/* Once: this is the only writer, and a commit that was refused has put too much into it at most. */
static int load_over(struct sqlite_store *store, struct err *err)
{
    if (store->over.known) {
        return 0;
    }
    sqlite3_stmt *statement = NULL;
    over_begin(&store->over);
    int rc = sqlite3_prepare_v2(store->db, "SELECT source, key FROM alerts WHERE over = 1", -1,
                                &statement, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            over_add(&store->over, (const char *)sqlite3_column_text(statement, 0),
                     (const char *)sqlite3_column_text(statement, 1));
        }
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    if (rc != SQLITE_DONE) {
        return sqlite_fail(store->db, store->path, rc, "load alerts that are over", err);
    }
    over_end(&store->over);
    return 0;
}

static int load_all(struct sqlite_store *store, const struct store_sink *sink, struct err *err)
{
    struct store_meta meta;
    bool many = false;
    if (sqlite_read_meta(store, &meta, err) != 0 || read_many(store, &many, err) != 0) {
        return -1;
    }
    sink->meta(sink->self, &meta);
    for (size_t i = 0; i < sizeof(load_parts) / sizeof(load_parts[0]); i++) {
        if (load_rows(store, &load_parts[i], many, sink, err) != 0) {
            return -1;
        }
    }
    return load_over(store, err);
}

/* In one transaction, so that somebody's hand in a SQL shell cannot come between two tables. */
int sqlite_load(void *self, const struct store_sink *sink, struct err *err)
{
    struct sqlite_store *store = self;
    int rc = sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        return sqlite_fail(store->db, store->path, rc, "load", err);
    }
    int result = load_all(store, sink, err);
    rc = sqlite_rollback(store);
    if (result == 0 && rc != SQLITE_OK) {
        result = sqlite_fail(store->db, store->path, rc, "load", err);
    }
    return result;
}

static const char *keep_text(sqlite3_stmt *statement, int column, struct arena *arena)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return arena_strdup(arena, text == NULL ? "" : (const char *)text);
}

/* Details of the incident's oldest firing alert, or of its oldest; *out_found stays as it is
 * without one. */
static int step_details(struct sqlite_store *store, enum query query, struct arena *arena,
                        struct stored_notification *item, bool *out_found)
{
    struct binding b = binding_start(store, query);
    bind_u64(&b, item->row.incident);
    int rc = b.rc == SQLITE_OK ? sqlite3_step(b.statement) : b.rc;
    if (rc == SQLITE_ROW) {
        item->details = keep_text(b.statement, 0, arena);
        item->links = keep_text(b.statement, 1, arena);
        *out_found = true;
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_details(struct sqlite_store *store, struct arena *arena,
                        struct stored_notification *item, struct err *err)
{
    bool found = false;
    item->details = "";
    item->links = "";
    int rc = step_details(store, QUERY_FIND_DETAILS_FIRING, arena, item, &found);
    if (rc == SQLITE_OK && !found) {
        rc = step_details(store, QUERY_FIND_DETAILS_OLDEST, arena, item, &found);
    }
    return rc == SQLITE_OK ? 0 : sqlite_fail(store->db, store->path, rc, "alert details", err);
}

int sqlite_step_notification(sqlite3_stmt *statement, const char *path, uint64_t id,
                             struct arena *arena, struct notification_row *out_row, bool *out_found,
                             struct err *err)
{
    struct notification_row row;
    int result = 0;
    int rc = SQLITE_OK;
    *out_found = false;
    if (id <= INT64_MAX) {
        rc = sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    } else {
        rc = sqlite3_bind_null(statement, 1); /* which is no id */
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        result = row_decode_notification(statement, &row, err);
        if (result == 0) {
            row_keep(&notification_shape, &row, arena);
            row.body = row.body == NULL ? NULL : arena_copy(arena, row.body, row.body_count);
            *out_row = row;
            *out_found = true;
        }
    } else if (rc != SQLITE_DONE) {
        result = sqlite_fail(sqlite3_db_handle(statement), path, rc, "notification", err);
    }
    (void)sqlite3_reset(statement); /* repeats the step's code */
    return result;
}

static int read_notification(struct sqlite_store *store, uint64_t id, struct arena *arena,
                             struct stored_notification *out_item, struct err *err)
{
    *out_item = (struct stored_notification){.found = false};
    if (sqlite_step_notification(store->queries[QUERY_FIND_NOTIFICATION], store->path, id, arena,
                                 &out_item->row, &out_item->found, err) != 0) {
        return -1;
    }
    return out_item->found ? read_details(store, arena, out_item, err) : 0;
}

/* In one transaction: SQLite then takes its locks once, not for each row. */
int sqlite_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                         struct stored_notification *out_items, struct err *err)
{
    struct sqlite_store *store = self;
    int result = 0;
    int rc = query_run(store, QUERY_READ);
    if (rc != SQLITE_OK) {
        return sqlite_fail(store->db, store->path, rc, "read notifications", err);
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = read_notification(store, ids[i], arena, &out_items[i], err);
    }
    rc = sqlite_rollback(store);
    if (result == 0 && rc != SQLITE_OK) {
        result = sqlite_fail(store->db, store->path, rc, "read notifications", err);
    }
    return result;
}

int sqlite_find_provider_id(void *self, const char *channel, const char *provider_id,
                            uint64_t *out_notification, struct err *err)
{
    struct sqlite_store *store = self;
    int result = 0;
    struct binding b = binding_start(store, QUERY_FIND_PROVIDER_ID);
    bind_text(&b, provider_id);
    bind_text(&b, channel);
    int rc = b.rc == SQLITE_OK ? sqlite3_step(b.statement) : b.rc;
    if (rc == SQLITE_ROW) {
        *out_notification = (uint64_t)sqlite3_column_int64(b.statement, 0);
    } else if (rc == SQLITE_DONE) {
        result =
            err_set(err, ERR_NOT_FOUND, "no notification of channel %s has the provider id '%s'",
                    channel, provider_id);
    } else {
        result = sqlite_fail(store->db, store->path, rc, "provider id", err);
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    return result;
}

/* Runs a bound query for one number; 0 where it answers no row. */
static int read_found(struct sqlite_store *store, struct binding *b, const char *what,
                      int64_t *out_number, struct err *err)
{
    int rc = b->rc == SQLITE_OK ? sqlite3_step(b->statement) : b->rc;
    int64_t found = rc == SQLITE_ROW ? sqlite3_column_int64(b->statement, 0) : 0;
    (void)sqlite3_reset(b->statement); /* repeats the step's code */
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return sqlite_fail(store->db, store->path, rc, what, err);
    }
    *out_number = found;
    return 0;
}

int sqlite_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                      struct err *err)
{
    struct sqlite_store *store = self;
    struct binding b = binding_start(store, QUERY_ALERT_FIND);
    int64_t found = 0;
    if (!over_may_have(&store->over, source, key)) {
        *out_incident = 0;
        return 0;
    }
    bind_text(&b, source);
    bind_text(&b, key);
    if (read_found(store, &b, "alert by key", &found, err) != 0) {
        return -1;
    }
    *out_incident = (uint64_t)found;
    return 0;
}

int sqlite_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                      struct alert_row *out_row, struct err *err)
{
    struct sqlite_store *store = self;
    struct binding b = binding_start(store, QUERY_ALERT_LAST);
    bind_text(&b, source);
    bind_text(&b, key);
    int result = 0;
    struct alert_row row = {.id = 0};
    int rc = b.rc == SQLITE_OK ? sqlite3_step(b.statement) : b.rc;
    if (rc == SQLITE_ROW) {
        result = row_decode_alert(b.statement, &row, err);
    } else if (rc != SQLITE_DONE) {
        result = sqlite_fail(store->db, store->path, rc, "last alert", err);
    }
    if (result == 0) {
        row_keep(&alert_shape, &row, arena);
        *out_row = row;
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    return result;
}

int sqlite_closed(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                  bool *out_found, struct err *err)
{
    struct sqlite_store *store = self;
    struct binding b = binding_start(store, QUERY_INCIDENT_CLOSED);
    struct incident_row row;
    int result = 0;
    bool found = false;
    bind_i64(&b, number <= INT64_MAX ? (int64_t)number : 0); /* 0 is no incident */
    int rc = b.rc == SQLITE_OK ? sqlite3_step(b.statement) : b.rc;
    if (rc == SQLITE_ROW) {
        result = row_decode_incident(b.statement, &row, err);
        found = result == 0;
    } else if (rc != SQLITE_DONE) {
        result = sqlite_fail(store->db, store->path, rc, "closed incident", err);
    }
    if (found) {
        row_keep(&incident_shape, &row, arena);
        *out_row = row;
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    *out_found = found;
    return result;
}

int sqlite_last_told(void *self, const char *contact, struct store_told *out_told, struct err *err)
{
    struct sqlite_store *store = self;
    struct binding b = binding_start(store, QUERY_LAST_TOLD);
    struct store_told told = {.notification = 0};
    bind_text(&b, contact);
    int rc = b.rc == SQLITE_OK ? sqlite3_step(b.statement) : b.rc;
    if (rc == SQLITE_ROW) {
        told = (struct store_told){
            .notification = (uint64_t)sqlite3_column_int64(b.statement, 0),
            .incident = (uint64_t)sqlite3_column_int64(b.statement, 1),
            .due_at_ms = sqlite3_column_int64(b.statement, 2),
        };
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return sqlite_fail(store->db, store->path, rc, "last notification", err);
    }
    *out_told = told;
    return 0;
}

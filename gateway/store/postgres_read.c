#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/store/postgres.h"
#include "gateway/store/reader.h"
#include "gateway/store/row_shape.h"

struct postgres_reader {
    struct store_reader reader; /* first: one is the other */
    struct link link;
};

static struct postgres_reader *postgres_of(struct store_reader *reader)
{
    return (struct postgres_reader *)(void *)reader;
}

static void reader_close(struct store_reader *base)
{
    struct postgres_reader *reader = postgres_of(base);
    link_clear(&reader->link);
    free(reader);
}

/* One question: SQL with parameters, rows of one shape, cut at a limit (its last parameter). */

struct question {
    struct store_reader *reader;
    struct arena *arena;
    const struct row_shape *shape;
    int (*decode)(struct cells *c, void *out_row, struct err *err);
    uint64_t *ids; /* NULL: not wanted; else the column `id_column` of each row */
    int id_column;
};

static int decode_incident(struct cells *c, void *out_row, struct err *err)
{
    return cells_incident(c, out_row, err);
}

static int decode_alert(struct cells *c, void *out_row, struct err *err)
{
    return cells_alert(c, out_row, err);
}

static int decode_notification(struct cells *c, void *out_row, struct err *err)
{
    return cells_notification(c, out_row, err);
}

static int decode_timeline(struct cells *c, void *out_row, struct err *err)
{
    return cells_timeline(c, out_row, err);
}

static int decode_attempt(struct cells *c, void *out_row, struct err *err)
{
    return cells_attempt(c, out_row, err);
}

static int decode_silence(struct cells *c, void *out_row, struct err *err)
{
    return cells_silence(c, out_row, err);
}

static int decode_quarantine(struct cells *c, void *out_row, struct err *err)
{
    return cells_quarantine(c, out_row, err);
}

static int ask(const struct question *question, const char *sql, const struct params *params,
               void **out_rows, size_t *out_count, struct err *err)
{
    PGresult *result = NULL;
    if (link_ask(&postgres_of(question->reader)->link, sql, params, &result, err) != 0) {
        return -1;
    }
    int count = PQntuples(result);
    char *rows = arena_alloc_array(question->arena, (size_t)count + 1, question->shape->size);
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        struct result_row cells = {.result = result, .row = i, .arena_or_null = question->arena};
        struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
        void *row = rows + (size_t)i * question->shape->size;
        status = question->decode(&c, row, err);
        if (status == 0) {
            row_keep(question->shape, row, question->arena);
        }
        if (status == 0 && question->ids != NULL) {
            question->ids[i] = (uint64_t)result_number(result, i, question->id_column);
        }
    }
    PQclear(result);
    if (status == 0) {
        *out_rows = rows;
        *out_count = (size_t)count;
    }
    return status;
}

/* Incidents. */

static int read_incidents(struct store_reader *reader, const struct incident_filter *filter,
                          struct arena *arena, struct incident_row **out_rows, size_t *out_count,
                          struct err *err)
{
#define LIST(where) "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE " where "number < $1 "
#define NEWEST " ORDER BY number DESC LIMIT $2"
#define NUMBERS(where)                                                                             \
    "(SELECT number FROM incidents WHERE " where " AND policy = $3 AND number < $1" NEWEST ")"
/* What is over has an index by policy, what is live is walked. */
#define OF_POLICY                                                                                  \
    LIST("number IN (" NUMBERS("live = 0") " UNION ALL " NUMBERS("live = 1") ") AND ") NEWEST
    static const char *const sql[2][2] = {
        {LIST("") NEWEST, OF_POLICY},
        {LIST("live = 1 AND open = 1 AND ") NEWEST,
         LIST("live = 1 AND open = 1 AND ") "AND policy = $3" NEWEST},
    };
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &incident_shape, .decode = decode_incident};
    struct params params = {.count = 0};
    params_number(&params, filter->before == 0 ? INT64_MAX : number_bound(filter->before));
    params_number(&params, (int64_t)reader_limit(filter->limit));
    if (filter->policy_or_null != NULL) {
        params_text(&params, filter->policy_or_null);
    }
    void *rows = NULL;
    int result = ask(&question, sql[filter->open_only][filter->policy_or_null != NULL], &params,
                     &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_incident(struct store_reader *reader, uint64_t number, struct arena *arena,
                         struct incident_row *out_row, struct err *err)
{
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &incident_shape, .decode = decode_incident};
    struct params params = {.count = 0};
    void *rows = NULL;
    size_t count = 0;
    params_number(&params, number_bound(number));
    if (ask(&question, "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number = $1", &params,
            &rows, &count, err) != 0) {
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
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &alert_shape, .decode = decode_alert};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, number_bound(incident));
    params_number(&params, (int64_t)reader_limit(limit));
    int result = ask(&question,
                     "SELECT " ALERT_COLUMNS ALERT_LONG
                     " FROM alerts WHERE incident = $1 ORDER BY id DESC LIMIT $2",
                     &params, &rows, out_count, err);
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
    static const char all[] = "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT
                              " FROM notifications WHERE id < $1 ORDER BY id DESC LIMIT $2";
    static const char of_one[] =
        "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT
        " FROM notifications WHERE id < $1 AND incident = $3 ORDER BY id DESC LIMIT $2";
    const struct question question = {.reader = reader,
                                      .arena = arena,
                                      .shape = &notification_shape,
                                      .decode = decode_notification};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, before == 0 ? INT64_MAX : number_bound(before));
    params_number(&params, (int64_t)reader_limit(limit));
    if (incident != 0) {
        params_number(&params, number_bound(incident));
    }
    int result = ask(&question, incident == 0 ? all : of_one, &params, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_notification(struct store_reader *reader, uint64_t id, struct arena *arena,
                             struct notification_row *out_row, struct err *err)
{
    return postgres_read_notification(&postgres_of(reader)->link, id, arena, out_row, err);
}

static int read_attempts(struct store_reader *reader, uint64_t notification, struct arena *arena,
                         struct attempt_row **out_rows, size_t *out_count, struct err *err)
{
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &attempt_shape, .decode = decode_attempt};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, number_bound(notification));
    params_number(&params, STORE_READ_LIMIT_MAX);
    int result = ask(&question,
                     "SELECT " ATTEMPT_COLUMNS
                     " FROM attempts WHERE notification = $1 ORDER BY attempt DESC LIMIT $2",
                     &params, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_quarantine(struct store_reader *reader, uint64_t before, size_t limit,
                           struct arena *arena, struct quarantine_row **out_rows, size_t *out_count,
                           struct err *err)
{
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &quarantine_shape, .decode = decode_quarantine};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, before == 0 ? INT64_MAX : number_bound(before));
    params_number(&params, (int64_t)reader_limit(limit));
    int result = ask(&question,
                     "SELECT " QUARANTINE_COLUMNS QUARANTINE_ID
                     " FROM quarantine WHERE id < $1 ORDER BY id DESC LIMIT $2",
                     &params, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_marks(struct store_reader *reader, enum mark_kind kind, struct arena *arena,
                      struct mark_row **out_rows, size_t *out_count, struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_text(&params, mark_kind_name(kind));
    params_number(&params, STORE_READ_LIMIT_MAX);
    if (link_ask(&postgres_of(reader)->link,
                 "SELECT name, value, at_ms FROM marks WHERE kind = $1 ORDER BY name LIMIT $2",
                 &params, &result, err) != 0) {
        return -1;
    }
    size_t count = (size_t)PQntuples(result);
    struct mark_row *rows = arena_alloc_array(arena, count + 1, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct mark_row){.kind = kind,
                                    .name = arena_strdup(arena, PQgetvalue(result, (int)i, 0)),
                                    .value = arena_strdup(arena, PQgetvalue(result, (int)i, 1)),
                                    .at_ms = result_number(result, (int)i, 2)};
    }
    PQclear(result);
    *out_rows = rows;
    *out_count = count;
    return 0;
}

static int read_silences(struct store_reader *reader, bool held_only, uint64_t before, size_t limit,
                         struct arena *arena, struct silence_row **out_rows, size_t *out_count,
                         struct err *err)
{
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &silence_shape, .decode = decode_silence};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, before == 0 ? INT64_MAX : number_bound(before));
    params_number(&params, (int64_t)reader_limit(limit));
    int result = ask(&question,
                     held_only ? "SELECT " SILENCE_COLUMNS " FROM silences WHERE id < $1 AND "
                                 "ended_at_ms = 0 ORDER BY id DESC LIMIT $2"
                               : "SELECT " SILENCE_COLUMNS
                                 " FROM silences WHERE id < $1 ORDER BY id DESC LIMIT $2",
                     &params, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int decode_heartbeat(struct cells *c, void *out_row, struct err *err)
{
    return cells_heartbeat(c, out_row, err);
}

static int read_heartbeats(struct store_reader *reader, const struct heartbeat_filter *filter,
                           struct arena *arena, struct heartbeat_row **out_rows, size_t *out_count,
                           struct err *err)
{
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &heartbeat_shape, .decode = decode_heartbeat};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_text(&params, filter->source);
    params_text(&params, filter->after_source);
    params_text(&params, filter->after_key);
    params_number(&params, (int64_t)reader_limit(filter->limit));
    int result = ask(&question, HEARTBEATS_SQL("$1", "$2", "$3") " LIMIT $4", &params, &rows,
                     out_count, err);
    if (result == 0) {
        *out_rows = rows;
    }
    return result;
}

static int read_policy(struct store_reader *reader, const char *hash, struct arena *arena,
                       struct policy_row *out_row, struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_text(&params, hash);
    if (link_ask(&postgres_of(reader)->link, "SELECT name, text FROM policies WHERE hash = $1",
                 &params, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        *out_row = (struct policy_row){.hash = arena_strdup(arena, hash),
                                       .name = arena_strdup(arena, PQgetvalue(result, 0, 0)),
                                       .text = arena_strdup(arena, PQgetvalue(result, 0, 1))};
    }
    PQclear(result);
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "policy version %.12s is not stored", hash);
}

/* Sessions of brokers. */

static void take_session_row(struct result_row *row, struct known_session *out,
                             struct strbuf *marks)
{
    struct id id;
    size_t count = 0;
    if (!out->found) {
        out->found = id_parse(postgres_cells_ops.text(row, 0), &id) == 0;
        memcpy(out->id, id.bytes, sizeof(out->id));
        out->filters = arena_strdup(row->arena_or_null, postgres_cells_ops.text(row, 1));
    }
    const void *bytes = postgres_cells_ops.bytes(row, 2, &count);
    if (bytes != NULL) {
        strbuf_add_bytes(marks, bytes, count - count % DELIVERY_MARK_BYTES);
    }
}

static int read_session(struct store_reader *reader, const char *broker, struct arena *arena,
                        struct known_session *out_session, struct err *err)
{
    struct known_session session = {.filters = ""};
    struct params params = {.count = 0};
    PGresult *result = NULL;
    struct strbuf marks;
    params_text(&params, broker);
    if (link_ask(&postgres_of(reader)->link, SESSION_SQL("$1"), &params, &result, err) != 0) {
        return -1;
    }
    strbuf_init(&marks, SESSION_MARK_BYTES_MAX);
    for (int i = 0; i < PQntuples(result); i++) {
        struct result_row row = {.result = result, .row = i, .arena_or_null = arena};
        take_session_row(&row, &session, &marks);
    }
    PQclear(result);
    session.mark_count = marks.length / DELIVERY_MARK_BYTES;
    session.marks = arena_copy(arena, strbuf_text(&marks), marks.length);
    strbuf_clear(&marks);
    *out_session = session;
    return 0;
}

/* Timeline. */

static int read_timeline(struct store_reader *reader, uint64_t incident, size_t limit,
                         struct arena *arena, struct timeline_row **out_rows, size_t *out_count,
                         struct err *err)
{
    const struct question question = {
        .reader = reader, .arena = arena, .shape = &timeline_shape, .decode = decode_timeline};
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, number_bound(incident));
    params_number(&params, (int64_t)reader_limit(limit));
    int result = ask(&question,
                     "SELECT " TIMELINE_COLUMNS
                     " FROM timeline WHERE incident = $1 ORDER BY id DESC LIMIT $2",
                     &params, &rows, out_count, err);
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
        .reader = reader,
        .arena = arena,
        .shape = &timeline_shape,
        .decode = decode_timeline,
        .ids = arena_alloc_array(arena, reader_limit(limit) + 1, sizeof(uint64_t)),
        .id_column = TIMELINE_ID_COLUMN,
    };
    struct params params = {.count = 0};
    void *rows = NULL;
    params_number(&params, number_bound(after));
    params_number(&params, (int64_t)reader_limit(limit));
    int result = ask(&question,
                     "SELECT " TIMELINE_COLUMNS " FROM timeline WHERE id > $1 ORDER BY id LIMIT $2",
                     &params, &rows, out_count, err);
    if (result == 0) {
        *out_rows = rows;
        *out_ids = question.ids;
    }
    return result;
}

static int read_timeline_last(struct store_reader *reader, uint64_t *out_last, struct err *err)
{
    PGresult *result = NULL;
    if (link_ask(&postgres_of(reader)->link, "SELECT coalesce(max(id), 0) FROM timeline", NULL,
                 &result, err) != 0) {
        return -1;
    }
    *out_last = (uint64_t)result_number(result, 0, 0);
    PQclear(result);
    return 0;
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

int store_postgres_reader_open(const char *url, struct store_reader **out_reader, struct err *err)
{
    struct link link;
    if (link_init(&link, url, true, err) != 0) {
        return -1;
    }
    struct postgres_reader *reader = heap_alloc(sizeof(*reader));
    reader->reader.ops = &reader_ops;
    reader->link = link;
    if (postgres_schema_check(&reader->link, err) != 0) {
        reader_close(&reader->reader);
        return -1;
    }
    *out_reader = &reader->reader;
    return 0;
}

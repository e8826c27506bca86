#include "gateway/store/postgres_columns.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/store/row_decode.h"

#define OID_BYTES 17
#define OID_I64 20
#define OID_TEXT 25
#define OID_BYTES_ARRAY 1001
#define OID_TEXT_ARRAY 1009
#define OID_I64_ARRAY 1016

#define ARRAY_HEADER_BYTES 20
#define SQL_BYTES_MAX 4096
#define QUOTED(number) #number
#define TEXT_OF(number) QUOTED(number)
#define CUT_TEXT TEXT_OF(DELIVERY_ROWS_MAX)

#define INCIDENT_ALL INCIDENT_COLUMNS INCIDENT_OPEN ", group_hash"
#define INCIDENT_TYPES "itttttttiiiiiitiiiiitiiiittttttit"
#define INCIDENT_UPDATE                                                                            \
    "UPDATE incidents AS o SET policy_hash = n.policy_hash, title = n.title, state = n.state, "    \
    "severity = n.severity, priority = n.priority, priority_set = n.priority_set, live = n.live, " \
    "opened_at_ms = n.opened_at_ms, acked_at_ms = n.acked_at_ms, "                                 \
    "resolved_at_ms = n.resolved_at_ms, owner = n.owner, ack_until_ms = n.ack_until_ms, "          \
    "eta_at_ms = n.eta_at_ms, slip_count = n.slip_count, known = n.known, cleared = n.cleared, "   \
    "cause = n.cause, linked = n.linked, firing_count = n.firing_count, "                          \
    "next_due_at_ms = n.next_due_at_ms, updated_at_ms = n.updated_at_ms, ladder = n.ladder, "      \
    "repliers = n.repliers, fields = n.fields, talks = n.talks, suppressed = n.suppressed, flap "  \
    "= n.flap, "                                                                                   \
    "open = n.open FROM "
#define ALERT_STATE_SET                                                                            \
    "UPDATE alerts AS o SET incident = n.incident, state = n.state, severity = n.severity, "       \
    "first_at_ms = n.first_at_ms, last_at_ms = n.last_at_ms, "                                     \
    "resolved_at_ms = n.resolved_at_ms, count = n.count"

/* The text around `unnest($1, $2, …)`; in types each letter is a column: integer, text, bytes. */
struct group_sql {
    const char *what;
    const char *head;
    const char *types;
    const char *tail;
    bool every_row; /* a row without effect is a bug of the caller, unless `unmet` says otherwise */
    enum store_verdict unmet; /* 0: broken */
};

static const struct group_sql group_sql[GROUP_COUNT] = {
    [GROUP_POLICY] = {.what = "policy",
                      .head = "INSERT INTO policies (hash, name, text) SELECT * FROM ",
                      .types = "ttt",
                      .tail = " ON CONFLICT (hash) DO NOTHING"},
    [GROUP_INCIDENT_CLOSE] = {.what = "incident: no such row to update",
                              .head = INCIDENT_UPDATE,
                              .types = INCIDENT_TYPES,
                              .tail = " AS n (" INCIDENT_ALL ") WHERE o.number = n.number",
                              .every_row = true},
    [GROUP_INCIDENT_MOVE] = {.what = "incident to another policy: no such row to update",
                             .head = "UPDATE incidents AS o SET policy = n.policy, "
                                     "group_key = n.group_key, group_hash = n.group_hash FROM ",
                             .types = "ittt",
                             .tail = " AS n (number, policy, group_key, group_hash) "
                                     "WHERE o.number = n.number",
                             .every_row = true},
    [GROUP_INCIDENT_OPEN] = {.what = "incident: no such row to update",
                             .head = INCIDENT_UPDATE,
                             .types = INCIDENT_TYPES,
                             .tail = " AS n (" INCIDENT_ALL ") WHERE o.number = n.number",
                             .every_row = true},
    [GROUP_INCIDENT_INSERT] = {.what = "new incident",
                               .head = "INSERT INTO incidents (" INCIDENT_ALL ") SELECT * FROM ",
                               .types = INCIDENT_TYPES,
                               .tail = "",
                               .every_row = true},
    [GROUP_ALERT_STATE] =
        {.what = "alert: no such row to update",
         .head = ALERT_STATE_SET " FROM ",
         .types = "iittiiii",
         .tail = " AS n (id, incident, state, severity, first_at_ms, last_at_ms, resolved_at_ms, "
                 "count) WHERE o.id = n.id",
         .every_row = true},
    [GROUP_ALERT_ALL] = {.what = "alert: no such row to update",
                         .head = ALERT_STATE_SET
                         ", summary = n.summary, labels = n.labels, details = n.details, "
                         "links = n.links FROM ",
                         .types = "iittttiiiitttt",
                         .tail = " AS n (" ALERT_COLUMNS ALERT_LONG ") WHERE o.id = n.id",
                         .every_row = true},
    [GROUP_ALERT_INSERT] = {.what = "new alert",
                            .head =
                                "INSERT INTO alerts (" ALERT_COLUMNS ALERT_LONG ") SELECT * FROM ",
                            .types = "iittttiiiitttt",
                            .tail = "",
                            .every_row = true},
    [GROUP_OUTCOME_AGAIN] =
        {.what = "outcome of notification: no such row to update",
         .head = "UPDATE notifications AS o SET state = n.state, reason = n.reason, "
                 "next_at_ms = n.next_at_ms, digest = n.digest, "
                 "admitted = n.admitted FROM ",
         .types = "ittiii",
         .tail = " AS n (id, state, reason, next_at_ms, digest, admitted) WHERE o.id = n.id",
         .every_row = true},
    [GROUP_OUTCOME_END] =
        {.what = "outcome of notification: no such row to update",
         .head = "UPDATE notifications AS o SET state = n.state, reason = n.reason, "
                 "next_at_ms = n.next_at_ms, ended_at_ms = n.ended_at_ms, "
                 "body = NULL, snapshot = '' FROM ",
         .types = "ittii",
         .tail = " AS n (id, state, reason, next_at_ms, ended_at_ms) WHERE o.id = n.id",
         .every_row = true},
    [GROUP_PROVIDER_ID] = {.what = "provider's id of notification: no such row to update",
                           .head =
                               "UPDATE notifications AS o SET provider_id = n.provider_id FROM ",
                           .types = "it",
                           .tail = " AS n (id, provider_id) WHERE o.id = n.id",
                           .every_row = true},
    [GROUP_ATTEMPT_END] =
        {.what = "end of attempt",
         .head = "UPDATE attempts AS o SET ended_at_ms = n.ended_at_ms, outcome = n.outcome, "
                 "reason = n.reason, detail = n.detail FROM ",
         .types = "iiittt",
         .tail = " AS n (notification, attempt, ended_at_ms, outcome, reason, detail) "
                 "WHERE o.notification = n.notification AND o.attempt = n.attempt"},
    [GROUP_CLAIM] =
        {.what = "claim of notification: no such row to update",
         .head = "UPDATE notifications AS o SET state = 'claimed', attempt_count = n.attempt FROM ",
         .types = "ii",
         .tail = " AS n (id, attempt) WHERE o.id = n.id",
         .every_row = true},
    [GROUP_CLAIM_BODY] =
        {.what = "claim of notification: no such row to update",
         .head = "UPDATE notifications AS o SET state = 'claimed', attempt_count = n.attempt, "
                 "body_hash = n.body_hash, content_type = n.content_type, subject = n.subject, "
                 "body = n.body, snapshot = '' FROM ",
         .types = "iitttb",
         .tail = " AS n (id, attempt, body_hash, content_type, subject, body) WHERE o.id = n.id",
         .every_row = true},
    /* History, not state: an attempt counted twice must not stop the engine. */
    [GROUP_ATTEMPT_START] =
        {.what = "start of attempt",
         .head = "INSERT INTO attempts (notification, attempt, started_at_ms, deadline_mono_ms, "
                 "boot_id, ended_at_ms, outcome, reason, detail) SELECT *, 0, '', '', '' FROM ",
         .types = "iiiit",
         .tail = " ON CONFLICT (notification, attempt) DO UPDATE SET "
                 "started_at_ms = excluded.started_at_ms, "
                 "deadline_mono_ms = excluded.deadline_mono_ms, boot_id = excluded.boot_id, "
                 "ended_at_ms = 0, outcome = '', reason = '', detail = ''"},
    [GROUP_NOTIFICATION] = {.what = "new notification",
                            .head =
                                "INSERT INTO notifications (" NOTIFICATION_COLUMNS NOTIFICATION_LONG
                                ") SELECT * FROM ",
                            .types = "iititi"
                                     "ttttttt"
                                     "iiiiiii"
                                     "tttt"
                                     "iii"
                                     "tb",
                            .tail = "",
                            .every_row = true},
    [GROUP_INCIDENT_OVER] = {.what = "alerts of an incident that is over",
                             .head = "UPDATE alerts SET over = 1 WHERE over = 0 AND incident IN "
                                     "(SELECT * FROM ",
                             .types = "i",
                             .tail = ")"},
    [GROUP_EVENT] =
        {.what = "event",
         .head = "INSERT INTO events (id, uuid, at_ms, source, key, action, severity, disposition, "
                 "incident) SELECT * FROM ",
         .types = "itittttti",
         .tail = "",
         .every_row = true},
    [GROUP_TIMELINE] = {.what = "timeline",
                        .head = "INSERT INTO timeline (" TIMELINE_COLUMNS ") SELECT * FROM ",
                        .types = "iittttti",
                        .tail = "",
                        .every_row = true},
    [GROUP_QUARANTINE] = {.what = "quarantine",
                          .head = "INSERT INTO quarantine (" QUARANTINE_COLUMNS QUARANTINE_ID
                                  ") SELECT * FROM ",
                          .types = "titttbii",
                          .tail = "",
                          .every_row = true},
    [GROUP_SESSION] = {.what = "session of a broker",
                       .head = "INSERT INTO mqtt_sessions (broker, session, filters) "
                               "SELECT * FROM ",
                       .types = "ttt",
                       .tail = " ON CONFLICT (broker) DO UPDATE SET session = excluded.session, "
                               "filters = excluded.filters",
                       .every_row = true},
    [GROUP_DELIVERIES] =
        {.what = "deliveries of a broker",
         .head = "INSERT INTO mqtt_deliveries (broker, sequence, session, marks) "
                 "SELECT n.broker, (SELECT coalesce(max(sequence), 0) + 1 FROM mqtt_deliveries "
                 "AS o WHERE o.broker = n.broker), n.session, n.marks FROM ",
         .types = "ttb",
         .tail = " AS n (broker, session, marks)",
         .every_row = true},
    [GROUP_DELIVERIES_CUT] =
        {.what = "old deliveries of a broker",
         .head = "DELETE FROM mqtt_deliveries AS o USING ",
         .types = "t",
         .tail = " AS n (broker) WHERE o.broker = n.broker AND o.sequence <= (SELECT "
                 "max(sequence) FROM mqtt_deliveries AS p WHERE p.broker = n.broker) - " CUT_TEXT},
    [GROUP_MARK] = {.what = "mark",
                    .head = "INSERT INTO marks (kind, name, value, at_ms) SELECT * FROM ",
                    .types = "ttti",
                    .tail = " ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, "
                            "at_ms = excluded.at_ms",
                    .every_row = true},
    [GROUP_MARK_GONE] = {.what = "mark that has gone",
                         .head = "DELETE FROM marks AS o USING ",
                         .types = "tt",
                         .tail = " AS n (kind, name) WHERE o.kind = n.kind AND o.name = n.name"},
    [GROUP_SILENCE] = {.what = "silence",
                       .head = "INSERT INTO silences (" SILENCE_COLUMNS ") SELECT * FROM ",
                       .types = "itttiiit",
                       .tail = " ON CONFLICT (id) DO UPDATE SET "
                               "ended_at_ms = excluded.ended_at_ms, ended_by = excluded.ended_by",
                       .every_row = true},
    [GROUP_HEARTBEAT] =
        {.what = "heartbeat",
         .head = "INSERT INTO heartbeats (" HEARTBEAT_COLUMNS ") SELECT * FROM ",
         .types = "ttt"
                  "iiiiiiiii"
                  "iii"
                  "t",
         .tail = " ON CONFLICT (source, key) DO UPDATE SET state = excluded.state, "
                 "first_at_ms = excluded.first_at_ms, seen_at_ms = excluded.seen_at_ms, "
                 "success_at_ms = excluded.success_at_ms, "
                 "started_at_ms = excluded.started_at_ms, failed_at_ms = excluded.failed_at_ms, "
                 "missed_at_ms = excluded.missed_at_ms, duration_ms = excluded.duration_ms, "
                 "waits_from_ms = excluded.waits_from_ms, gone_at_ms = excluded.gone_at_ms, "
                 "missed_count = excluded.missed_count, exit_status = excluded.exit_status, "
                 "running = excluded.running, run = excluded.run",
         .every_row = true},
    [GROUP_HEARTBEAT_GONE] = {.what = "heartbeat that is forgotten",
                              .head = "DELETE FROM heartbeats AS o USING ",
                              .types = "tt",
                              .tail = " AS n (source, key) WHERE o.source = n.source AND "
                                      "o.key = n.key"},
    [GROUP_INBOX] = {.what = "inbox",
                     .head = "INSERT INTO inbox (sequence, uuid, bytes) SELECT * FROM ",
                     .types = "itb",
                     .tail = "",
                     .every_row = true},
    [GROUP_INBOX_DROP] = {.what = "inbox: an item is not there any more",
                          .head = "DELETE FROM inbox WHERE sequence IN (SELECT * FROM ",
                          .types = "i",
                          .tail = ")",
                          .every_row = true,
                          .unmet = STORE_BUSY},
};

_Static_assert(GROUP_COUNT <= LINK_STATEMENTS_MAX, "a statement for each group");

/* Adding. */

static void put_u32(unsigned char *place, uint32_t value)
{
    place[0] = (unsigned char)(value >> 24);
    place[1] = (unsigned char)(value >> 16);
    place[2] = (unsigned char)(value >> 8);
    place[3] = (unsigned char)value;
}

/* Room for `count` bytes more at the end of the next column. */
static unsigned char *grow(struct columns *columns, size_t count)
{
    ASSERT(columns->next < LINK_COLUMNS_MAX);
    struct column *column = &columns->columns[columns->next++];
    if (column->count == 0) {
        column->count = ARRAY_HEADER_BYTES;
    }
    size_t needed = column->count + count;
    if (needed > column->capacity) {
        column->capacity = needed < 1024 ? 1024 : needed * 2;
        column->data = heap_realloc(column->data, column->capacity);
    }
    unsigned char *place = column->data + column->count;
    column->count = needed;
    return place;
}

static void put_element(struct columns *columns, const void *bytes, size_t count)
{
    ASSERT(count <= INT32_MAX);
    unsigned char *place = grow(columns, 4 + count);
    put_u32(place, (uint32_t)count);
    if (count > 0) {
        memcpy(place + 4, bytes, count);
    }
}

struct columns *columns_row(struct columns *columns)
{
    columns->rows++;
    columns->next = 0;
    return columns;
}

void column_i64(struct columns *columns, int64_t number)
{
    unsigned char bytes[8];
    put_u32(bytes, (uint32_t)((uint64_t)number >> 32));
    put_u32(bytes + 4, (uint32_t)(uint64_t)number);
    put_element(columns, bytes, sizeof(bytes));
}

void column_u64(struct columns *columns, uint64_t number)
{
    ASSERT(number <= INT64_MAX);
    column_i64(columns, (int64_t)number);
}

/* Everything from outside was checked at the edge; a text that was not must not stop every later
 * batch. */
static void put_repaired(struct columns *columns, const char *text, size_t length)
{
    struct strbuf good;
    strbuf_init(&good, length * 3);
    for (size_t i = 0; i < length;) {
        size_t step = text_utf8_step(text + i, length - i);
        strbuf_add_bytes(&good, step == 0 ? "\xef\xbf\xbd" : text + i, step == 0 ? 3 : step);
        i += step == 0 ? 1 : step;
    }
    put_element(columns, strbuf_text(&good), good.length);
    strbuf_clear(&good);
}

void column_text(struct columns *columns, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length == 0 || text_is_utf8(text, length)) {
        put_element(columns, text, length);
    } else {
        put_repaired(columns, text, length);
    }
}

void column_bytes(struct columns *columns, const void *bytes, size_t count)
{
    if (bytes == NULL) {
        put_u32(grow(columns, 4), UINT32_MAX);
    } else {
        put_element(columns, bytes, count);
    }
}

/* Sending. */

struct type {
    Oid element;
    Oid array;
};

static struct type type_of(char letter)
{
    switch (letter) {
    case 'i':
        return (struct type){.element = OID_I64, .array = OID_I64_ARRAY};
    case 'b':
        return (struct type){.element = OID_BYTES, .array = OID_BYTES_ARRAY};
    default:
        return (struct type){.element = OID_TEXT, .array = OID_TEXT_ARRAY};
    }
}

static void write_sql(const struct group_sql *group, char out[SQL_BYTES_MAX])
{
    struct strbuf sql;
    strbuf_init(&sql, SQL_BYTES_MAX - 1);
    strbuf_printf(&sql, "%sunnest(", group->head);
    for (int i = 0; group->types[i] != '\0'; i++) {
        strbuf_printf(&sql, "%s$%d", i == 0 ? "" : ", ", i + 1);
    }
    strbuf_printf(&sql, ")%s", group->tail);
    ASSERT(!sql.overflowed);
    memcpy(out, strbuf_text(&sql), sql.length + 1);
    strbuf_clear(&sql);
}

static void write_header(struct column *column, Oid element, size_t rows)
{
    put_u32(column->data, 1);     /* dimensions */
    put_u32(column->data + 4, 1); /* there may be NULLs */
    put_u32(column->data + 8, element);
    put_u32(column->data + 12, (uint32_t)rows);
    put_u32(column->data + 16, 1); /* first index */
}

void columns_send(struct columns *columns, enum group group, struct pipe *pipe)
{
    const struct group_sql *sql = &group_sql[group];
    Oid types[LINK_COLUMNS_MAX];
    const char *values[LINK_COLUMNS_MAX];
    int lengths[LINK_COLUMNS_MAX];
    char text[SQL_BYTES_MAX];
    if (columns->rows == 0) {
        return;
    }
    int count = (int)strlen(sql->types);
    ASSERT(columns->next == count);
    for (int i = 0; i < count; i++) {
        struct column *column = &columns->columns[i];
        struct type type = type_of(sql->types[i]);
        ASSERT(column->count <= INT_MAX);
        write_header(column, type.element, columns->rows);
        types[i] = type.array;
        values[i] = (const char *)column->data;
        lengths[i] = (int)column->count;
    }
    if (!pipe->link->prepared[group]) {
        write_sql(sql, text);
    }
    const struct pipe_params params = {
        .count = count, .types = types, .values = values, .lengths = lengths};
    pipe_send_prepared(pipe, (int)group, text, &params,
                       (struct pipe_step){.what = sql->what,
                                          .want_rows = sql->every_row ? (int64_t)columns->rows : -1,
                                          .unmet = sql->unmet != 0 ? sql->unmet : STORE_BROKEN});
    for (int i = 0; i < count; i++) {
        columns->columns[i].count = 0;
    }
    columns->rows = 0;
}

void columns_clear(struct columns *columns)
{
    for (int i = 0; i < LINK_COLUMNS_MAX; i++) {
        free(columns->columns[i].data);
    }
    *columns = (struct columns){.rows = 0};
}

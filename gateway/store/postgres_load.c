#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/store/postgres.h"
#include "gateway/store/row_shape.h"

#define NUMBER_BYTES_MAX 21
#define LIVE_NUMBERS "(SELECT number FROM incidents WHERE live = 1)"

static int give_policy(void *self, PGresult *result, struct err *err)
{
    (void)err; /* nothing here can fail */
    const struct store_sink *sink = self;
    struct policy_row row = {.hash = PQgetvalue(result, 0, 0),
                             .name = PQgetvalue(result, 0, 1),
                             .text = PQgetvalue(result, 0, 2)};
    sink->policy(sink->self, &row);
    return 0;
}

static int give_incident(void *self, PGresult *result, struct err *err)
{
    const struct store_sink *sink = self;
    struct result_row cells = {.result = result};
    struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
    struct incident_row row;
    if (cells_incident(&c, &row, err) != 0) {
        return -1;
    }
    sink->incident(sink->self, &row);
    return 0;
}

static int give_alert(void *self, PGresult *result, struct err *err)
{
    const struct store_sink *sink = self;
    struct result_row cells = {.result = result};
    struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
    struct alert_row row;
    if (cells_alert(&c, &row, err) != 0) {
        return -1;
    }
    sink->alert(sink->self, &row);
    return 0;
}

static int give_notification(void *self, PGresult *result, struct err *err)
{
    const struct store_sink *sink = self;
    struct result_row cells = {.result = result};
    struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
    struct notification_row row;
    if (cells_notification(&c, &row, err) != 0) {
        return -1;
    }
    sink->notification(sink->self, &row);
    return 0;
}

static const struct load_part {
    const char *sql;
    int (*give)(void *self, PGresult *result, struct err *err);
} load_parts[] = {
    {.sql = "SELECT hash, name, text FROM policies WHERE hash IN "
            "(SELECT policy_hash FROM incidents WHERE live = 1) ORDER BY hash",
     .give = give_policy},
    {.sql = "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE live = 1 ORDER BY number",
     .give = give_incident},
    {.sql = "SELECT " ALERT_COLUMNS ALERT_SHORT " FROM alerts WHERE incident IN " LIVE_NUMBERS
            " ORDER BY id",
     .give = give_alert},
    {.sql = "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_SHORT " FROM notifications WHERE id IN "
            "(SELECT id FROM notifications WHERE incident IN " LIVE_NUMBERS " UNION "
            "SELECT id FROM notifications WHERE ended_at_ms = 0 AND state IN ('pending', "
            "'claimed')) ORDER BY id",
     .give = give_notification},
    {.sql = "SELECT kind, name, value, at_ms FROM marks WHERE kind <> 'heard' ORDER BY kind, name",
     .give = postgres_give_mark},
    /* The last one too, whose number is not given again. */
    {.sql = "SELECT " SILENCE_COLUMNS " FROM silences WHERE ended_at_ms = 0 OR "
            "id = (SELECT max(id) FROM silences) ORDER BY id",
     .give = postgres_give_silence},
    {.sql = "SELECT " HEARTBEAT_COLUMNS " FROM heartbeats ORDER BY source, key",
     .give = postgres_give_heartbeat},
};

int postgres_read_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    struct postgres_store *store = self;
    PGresult *result = NULL;
    if (link_ask(
            &store->link,
            "SELECT m.engine_time_ms, m.next_incident, m.next_notification, m.next_alert, l.epoch "
            "FROM meta AS m, lease AS l WHERE m.realm = 'main' AND l.realm = 'main'",
            NULL, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        *out_meta = (struct store_meta){
            .engine_time_ms = result_number(result, 0, 0),
            .next_incident = (uint64_t)result_number(result, 0, 1),
            .next_notification = (uint64_t)result_number(result, 0, 2),
            .next_alert = (uint64_t)result_number(result, 0, 3),
            /* Ours, if we hold one: another's must not become ours by reading it. */
            .epoch = store->held ? store->epoch : (uint64_t)result_number(result, 0, 4),
        };
    }
    PQclear(result);
    return found ? 0
                 : err_set(err, ERR_CORRUPT, "store %s: table meta or lease has lost its row",
                           store->link.name);
}

/* The lock keeps every batch away until the load is through, also one of ours whose answer was
 * lost. */
static int lock_lease(struct postgres_store *store, struct err *err)
{
    struct params ours = {.count = 0};
    PGresult *result = NULL;
    params_ours(&ours, store, store->epoch);
    if (link_ask(&store->link, "SELECT epoch FROM lease WHERE " PG_OURS " FOR UPDATE", &ours,
                 &result, err) != 0) {
        return -1;
    }
    bool held = PQntuples(result) == 1;
    PQclear(result);
    return held ? 0
                : err_set(err, ERR_CONFLICT, "store %s: another node has the engine lease",
                          store->link.name);
}

static int give_over(void *self, PGresult *result, struct err *err)
{
    (void)err; /* nothing here can fail */
    over_add(self, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    return 0;
}

static int load_over(struct postgres_store *store, struct err *err)
{
    over_begin(&store->over);
    if (link_each(&store->link, "SELECT source, key FROM alerts WHERE over = 1", NULL, give_over,
                  &store->over, err) != 0) {
        return -1;
    }
    over_end(&store->over);
    return 0;
}

static int load_all(struct postgres_store *store, const struct store_sink *sink, struct err *err)
{
    struct store_meta meta;
    if (lock_lease(store, err) != 0 || postgres_read_meta(store, &meta, err) != 0) {
        return -1;
    }
    sink->meta(sink->self, &meta);
    for (size_t i = 0; i < sizeof(load_parts) / sizeof(load_parts[0]); i++) {
        if (link_each(&store->link, load_parts[i].sql, NULL, load_parts[i].give,
                      (void *)(uintptr_t)sink, err) != 0) {
            return -1;
        }
    }
    if (load_over(store, err) != 0) {
        return -1;
    }
    /* A long load must not cost the lease. */
    struct params ours = {.count = 0};
    params_ours(&ours, store, store->epoch);
    params_number(&ours, store->lease_ms);
    return link_ask(&store->link, "UPDATE lease SET until_ms = " PG_NOW " + $3 WHERE " PG_OURS,
                    &ours, NULL, err);
}

int postgres_load(void *self, const struct store_sink *sink, struct err *err)
{
    struct postgres_store *store = self;
    char begin[128];
    store->counters_known = false;
    int length =
        snprintf(begin, sizeof(begin), "BEGIN; SET LOCAL statement_timeout = %d", LINK_LONG_MS);
    if (length < 0 || link_up(&store->link, err) != 0 ||
        link_run(&store->link, begin, LINK_ANSWER_MS, err) != 0) {
        return -1;
    }
    int result = load_all(store, sink, err);
    if (result == 0) {
        return link_run(&store->link, "COMMIT", LINK_ANSWER_MS, err);
    }
    struct err ignored;
    if (store->link.conn != NULL &&
        link_run(&store->link, "ROLLBACK", LINK_ANSWER_MS, &ignored) != 0) {
        link_drop(&store->link);
    }
    return -1;
}

/* Look-ups. */

int postgres_read_notification(struct link *link, uint64_t id, struct arena *arena,
                               struct notification_row *out_row, struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_number(&params, id <= INT64_MAX ? (int64_t)id : -1);
    if (link_ask(link,
                 "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_LONG
                 " FROM notifications WHERE id = $1",
                 &params, &result, err) != 0) {
        return -1;
    }
    int status = 0;
    if (PQntuples(result) == 0) {
        status =
            err_set(err, ERR_NOT_FOUND, "notification %llu is not there", (unsigned long long)id);
    } else {
        struct result_row cells = {.result = result, .arena_or_null = arena};
        struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
        struct notification_row row;
        status = cells_notification(&c, &row, err);
        if (status == 0) {
            row_keep(&notification_shape, &row, arena);
            *out_row = row;
        }
    }
    PQclear(result);
    return status;
}

/* {1,2,3}, the text of an array. */
static void add_ids(struct strbuf *text, const uint64_t *ids, size_t count)
{
    strbuf_add_char(text, '{');
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(text, "%s%lld", i == 0 ? "" : ",", (long long)number_bound(ids[i]));
    }
    strbuf_add_char(text, '}');
}

static int ask_ids(struct postgres_store *store, const char *sql, const uint64_t *ids, size_t count,
                   PGresult **out_result, struct err *err)
{
    struct params params = {.count = 0};
    struct strbuf text;
    strbuf_init(&text, 2 + count * NUMBER_BYTES_MAX);
    add_ids(&text, ids, count);
    params_text(&params, strbuf_text(&text));
    int result = link_ask(&store->link, sql, &params, out_result, err);
    strbuf_clear(&text);
    return result;
}

static int fill_items(const PGresult *result, const uint64_t *ids, size_t count,
                      struct arena *arena, struct stored_notification *items, struct err *err)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct result_row cells = {.result = result, .row = i, .arena_or_null = arena};
        struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
        struct notification_row row;
        if (cells_notification(&c, &row, err) != 0) {
            return -1;
        }
        row_keep(&notification_shape, &row, arena);
        for (size_t j = 0; j < count; j++) {
            if (ids[j] == row.id) {
                items[j] = (struct stored_notification){
                    .found = true, .row = row, .details = "", .links = ""};
            }
        }
    }
    return 0;
}

static void fill_details(const PGresult *result, size_t count, struct arena *arena,
                         struct stored_notification *items)
{
    for (int i = 0; i < PQntuples(result); i++) {
        const char *details = arena_strdup(arena, PQgetvalue(result, i, 1));
        const char *links = arena_strdup(arena, PQgetvalue(result, i, 2));
        for (size_t j = 0; j < count; j++) {
            if (items[j].found && items[j].row.incident == (uint64_t)result_number(result, i, 0)) {
                items[j].details = details;
                items[j].links = links;
            }
        }
    }
}

/* Two questions, one state: nobody but this very thread writes these tables. */
int postgres_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                           struct stored_notification *out_items, struct err *err)
{
    struct postgres_store *store = self;
    PGresult *result = NULL;
    uint64_t *incidents = arena_alloc_array(arena, count + 1, sizeof(*incidents));
    size_t incident_count = 0;
    for (size_t i = 0; i < count; i++) {
        out_items[i] = (struct stored_notification){.found = false};
    }
    if (ask_ids(store,
                "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_LONG
                " FROM notifications WHERE id = ANY($1::bigint[])",
                ids, count, &result, err) != 0) {
        return -1;
    }
    int status = fill_items(result, ids, count, arena, out_items, err);
    PQclear(result);
    for (size_t i = 0; i < count && status == 0; i++) {
        if (out_items[i].found) {
            incidents[incident_count++] = out_items[i].row.incident;
        }
    }
    if (status != 0 || incident_count == 0) {
        return status;
    }
    if (ask_ids(store,
                "SELECT DISTINCT ON (incident) incident, details, links FROM alerts "
                "WHERE incident = ANY($1::bigint[]) "
                "ORDER BY incident, CASE WHEN state = 'firing' THEN 0 ELSE 1 END, id",
                incidents, incident_count, &result, err) != 0) {
        return -1;
    }
    fill_details(result, count, arena, out_items);
    PQclear(result);
    return 0;
}

/* The number in the first column of the only row; 0 without one. */
static int ask_found(struct postgres_store *store, const char *sql, const struct params *params,
                     int64_t *out_number, struct err *err)
{
    PGresult *result = NULL;
    if (link_ask(&store->link, sql, params, &result, err) != 0) {
        return -1;
    }
    *out_number = PQntuples(result) == 1 ? result_number(result, 0, 0) : 0;
    PQclear(result);
    return 0;
}

void postgres_note_over(struct postgres_store *store, const struct effects *effects)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->kind == EFFECT_INCIDENT && !effect->insert && !effect->u.incident->live) {
            numbers = numbers == NULL ? heap_alloc(effects->count * sizeof(*numbers)) : numbers;
            numbers[count++] = effect->u.incident->number;
        }
    }
    PGresult *result = NULL;
    struct err ignored; /* without an answer every later question goes to the server */
    if (count > 0 &&
        ask_ids(store, "SELECT source, key FROM alerts WHERE incident = ANY($1::bigint[])", numbers,
                count, &result, &ignored) != 0) {
        store->over.known = false;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        over_add(&store->over, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
    }
    PQclear(result);
    free(numbers);
}

int postgres_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                        struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    int64_t found = 0;
    if (!over_may_have(&store->over, source, key)) {
        *out_incident = 0;
        return 0;
    }
    params_text(&params, source);
    params_text(&params, key);
    if (ask_found(self,
                  "SELECT incident FROM alerts WHERE over = 1 AND source = $1 AND key = $2 "
                  "ORDER BY id DESC LIMIT 1",
                  &params, &found, err) != 0) {
        return -1;
    }
    *out_incident = (uint64_t)found;
    return 0;
}

int postgres_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                        struct alert_row *out_row, struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    PGresult *result = NULL;
    struct alert_row row = {.id = 0};
    int status = 0;
    if (over_may_have(&store->over, source, key)) {
        params_text(&params, source);
        params_text(&params, key);
        if (link_ask(&store->link,
                     "SELECT " ALERT_COLUMNS ALERT_LONG " FROM alerts WHERE over = 1 AND "
                     "source = $1 AND key = $2 ORDER BY id DESC LIMIT 1",
                     &params, &result, err) != 0) {
            return -1;
        }
        struct result_row cells = {.result = result, .row = 0, .arena_or_null = arena};
        struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
        status = PQntuples(result) > 0 ? cells_alert(&c, &row, err) : 0;
    }
    if (status == 0) {
        row_keep(&alert_shape, &row, arena);
        *out_row = row;
    }
    PQclear(result);
    return status;
}

int postgres_closed(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                    bool *out_found, struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    PGresult *result = NULL;
    struct incident_row row;
    int status = 0;
    params_number(&params, number_bound(number));
    if (link_ask(&store->link,
                 "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE number = $1 AND live = 0",
                 &params, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        struct result_row cells = {.result = result, .arena_or_null = arena};
        struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
        status = cells_incident(&c, &row, err);
        found = status == 0;
    }
    if (found) {
        row_keep(&incident_shape, &row, arena);
        *out_row = row;
    }
    PQclear(result);
    *out_found = found;
    return status;
}

int postgres_last_told(void *self, const char *contact, struct store_told *out_told,
                       struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    PGresult *result = NULL;
    struct store_told told = {.notification = 0};
    params_text(&params, contact);
    if (link_ask(
            &store->link,
            "SELECT id, incident, due_at_ms FROM notifications WHERE contact = $1 AND " STATE_TOLD
            " AND incident <> 0 ORDER BY id DESC LIMIT 1",
            &params, &result, err) != 0) {
        return -1;
    }
    if (PQntuples(result) == 1) {
        told = (struct store_told){.notification = (uint64_t)result_number(result, 0, 0),
                                   .incident = (uint64_t)result_number(result, 0, 1),
                                   .due_at_ms = result_number(result, 0, 2)};
    }
    PQclear(result);
    *out_told = told;
    return 0;
}

int postgres_find_provider_id(void *self, const char *channel, const char *provider_id,
                              uint64_t *out_notification, struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_text(&params, provider_id);
    params_text(&params, channel);
    if (link_ask(&store->link,
                 "SELECT id FROM notifications WHERE provider_id = $1 AND provider_id <> '' AND "
                 "channel = $2 "
                 "ORDER BY id DESC LIMIT 1",
                 &params, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        *out_notification = (uint64_t)result_number(result, 0, 0);
    }
    PQclear(result);
    return found ? 0
                 : err_set(err, ERR_NOT_FOUND,
                           "no notification of channel %s has the provider id '%s'", channel,
                           provider_id);
}

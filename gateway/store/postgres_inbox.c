#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/store/postgres.h"
#include "gateway/store/postgres_columns.h"

/* The last sequence of `count` new ones. Other nodes wait here until this transaction is through.
 */
static int take_sequences(struct postgres_store *store, size_t count, int64_t *out_last,
                          struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_number(&params, (int64_t)count);
    if (link_ask(&store->link,
                 "UPDATE inbox_counter SET last = last + $1 WHERE realm = 'main' RETURNING last",
                 &params, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        *out_last = result_number(result, 0, 0);
    }
    PQclear(result);
    return found ? 0
                 : err_set(err, ERR_CORRUPT, "store %s: table inbox_counter has lost its row",
                           store->link.name);
}

static int append_all(struct postgres_store *store, const struct store_inbox_item *items,
                      size_t count, struct err *err)
{
    int64_t last = 0;
    if (link_up(&store->link, err) != 0 ||
        link_run(&store->link, "BEGIN", LINK_ANSWER_MS, err) != 0 ||
        take_sequences(store, count, &last, err) != 0) {
        return -1;
    }
    struct columns columns = {.rows = 0};
    struct pipe pipe;
    for (size_t i = 0; i < count; i++) {
        struct id id;
        char text[ID_TEXT_BYTES];
        memcpy(id.bytes, items[i].id, sizeof(id.bytes));
        struct columns *c = columns_row(&columns);
        column_i64(c, last - (int64_t)(count - 1 - i));
        column_text(c, id_text(&id, text));
        column_bytes(c, items[i].bytes == NULL ? "" : items[i].bytes, items[i].count);
    }
    pipe_begin(&pipe, &store->link);
    columns_send(&columns, GROUP_INBOX, &pipe);
    enum store_verdict verdict = pipe_finish(&pipe, err);
    columns_clear(&columns);
    return verdict == STORE_COMMITTED ? 0 : -1;
}

int postgres_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                          struct err *err)
{
    struct postgres_store *store = self;
    if (store->broken) {
        return err_set(err, ERR_SYSTEM, "store %s: an earlier commit failed for good",
                       store->link.name);
    }
    if (count == 0) {
        return 0;
    }
    if (append_all(store, items, count, err) != 0 ||
        link_run(&store->link, "SET LOCAL statement_timeout = 0", LINK_ANSWER_MS, err) != 0) {
        struct err ignored;
        if (store->link.conn != NULL &&
            link_run(&store->link, "ROLLBACK", LINK_ANSWER_MS, &ignored) != 0) {
            link_drop(&store->link);
        }
        return -1;
    }
    PGresult *result = NULL;
    if (link_ask(&store->link, "COMMIT", NULL, &result, err) != 0) {
        return -1; /* perhaps it is in all the same: who appends again is taken twice, not lost */
    }
    bool committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    return committed ? 0
                     : err_set(err, ERR_BUSY, "store %s: the server rolled the inbox back",
                               store->link.name);
}

void postgres_inbox_drop(const struct commit *commit, struct pipe *pipe)
{
    struct columns columns = {.rows = 0};
    for (size_t i = 0; i < commit->applied_count; i++) {
        column_u64(columns_row(&columns), commit->applied[i]);
    }
    columns_send(&columns, GROUP_INBOX_DROP, pipe);
    columns_clear(&columns);
}

static int keep_items(const PGresult *result, struct arena *arena, struct store_inbox_item *items,
                      struct err *err)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct result_row cells = {.result = result, .row = i, .arena_or_null = arena};
        struct id id;
        if (id_parse(PQgetvalue(result, i, 1), &id) != 0) {
            return err_set(err, ERR_CORRUPT,
                           "store: inbox %s has the uuid '%s', which nobody wrote",
                           PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
        }
        memcpy(items[i].id, id.bytes, sizeof(items[i].id));
        items[i].sequence = (uint64_t)result_number(result, i, 0);
        items[i].bytes = postgres_cells_ops.bytes(&cells, 2, &items[i].count);
    }
    return 0;
}

int postgres_inbox_take(void *self, uint64_t after, size_t max, struct arena *arena,
                        struct store_inbox_item **out_items, size_t *out_count, struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_number(&params, (int64_t)after);
    params_number(&params, number_bound(max));
    if (link_ask(&store->link,
                 "SELECT sequence, uuid, bytes FROM inbox WHERE sequence > $1 ORDER BY sequence "
                 "LIMIT $2",
                 &params, &result, err) != 0) {
        return -1;
    }
    size_t count = (size_t)PQntuples(result);
    struct store_inbox_item *items = arena_alloc_array(arena, count + 1, sizeof(*items));
    int status = keep_items(result, arena, items, err);
    PQclear(result);
    if (status != 0) {
        return -1;
    }
    *out_items = items;
    *out_count = count;
    return 0;
}

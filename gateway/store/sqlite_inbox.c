#include <string.h>

#include "gateway/store/sqlite.h"
#include "gateway/system/id.h"

static int append_all(struct sqlite_store *store, const struct store_inbox_item *items,
                      size_t count)
{
    int rc = query_run(store, QUERY_BEGIN);
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        struct id id;
        char text[ID_TEXT_BYTES];
        memcpy(id.bytes, items[i].id, sizeof(id.bytes));
        struct binding b = binding_start(store, QUERY_INBOX_APPEND);
        bind_text(&b, id_text(&id, text));
        bind_bytes(&b, items[i].bytes == NULL ? "" : items[i].bytes, items[i].count);
        rc = binding_run(&b);
    }
    return rc == SQLITE_OK ? query_run(store, QUERY_COMMIT) : rc;
}

int sqlite_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                        struct err *err)
{
    struct sqlite_store *store = self;
    if (store->broken) {
        return err_set(err, ERR_SYSTEM, "store %s: an earlier write or sync failed", store->path);
    }
    int rc = append_all(store, items, count);
    if (rc == SQLITE_OK) {
        return 0;
    }
    enum store_verdict verdict = sqlite_verdict(store->db, rc, SQLITE_FCNTL_JOURNAL_POINTER);
    (void)sqlite_fail(store->db, store->path, rc, "inbox", err); /* returned below */
    if (sqlite_rollback(store) != SQLITE_OK || verdict == STORE_BROKEN) {
        store->broken = true;
    } else if (verdict == STORE_FULL) {
        ballast_drop(&store->ballast);
    }
    return -1;
}

static int take_rows(sqlite3_stmt *statement, size_t max, struct arena *arena,
                     struct store_inbox_item *items, size_t *count)
{
    int rc = SQLITE_ROW;
    while (*count < max && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_inbox_item *item = &items[*count];
        struct id id;
        const unsigned char *text = sqlite3_column_text(statement, 1);
        if (text == NULL || id_parse((const char *)text, &id) != 0) {
            return SQLITE_CORRUPT;
        }
        memcpy(item->id, id.bytes, sizeof(item->id));
        item->sequence = (uint64_t)sqlite3_column_int64(statement, 0);
        const void *bytes = sqlite3_column_blob(statement, 2);
        item->count = (size_t)sqlite3_column_bytes(statement, 2);
        item->bytes = arena_copy(arena, bytes == NULL ? "" : bytes, item->count);
        (*count)++;
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sqlite_inbox_take(void *self, uint64_t after, size_t max, struct arena *arena,
                      struct store_inbox_item **out_items, size_t *out_count, struct err *err)
{
    struct sqlite_store *store = self;
    struct store_inbox_item *items = arena_alloc_array(arena, max, sizeof(*items));
    size_t count = 0;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db,
                                "SELECT sequence, uuid, bytes FROM inbox WHERE sequence > ?1 "
                                "ORDER BY sequence",
                                -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 1, (int64_t)after);
    }
    if (rc == SQLITE_OK) {
        rc = take_rows(statement, max, arena, items, &count);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    if (rc != SQLITE_OK) {
        return sqlite_fail(store->db, store->path, rc, "inbox", err);
    }
    *out_items = items;
    *out_count = count;
    return 0;
}

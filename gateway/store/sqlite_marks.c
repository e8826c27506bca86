#include "gateway/store/sqlite.h"
#include "gateway/store/store_read.h"

int write_mark(struct sqlite_store *store, const struct mark_row *row)
{
    struct binding b = binding_start(store, row->gone ? QUERY_MARK_GONE : QUERY_MARK);
    bind_text(&b, mark_kind_name(row->kind));
    bind_text(&b, row->name);
    if (!row->gone) {
        bind_text(&b, row->value);
        bind_i64(&b, row->at_ms);
    }
    return binding_run(&b);
}

int sqlite_give_mark(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err)
{
    const char *kind = (const char *)sqlite3_column_text(statement, 0);
    struct mark_row row = {
        .name = (const char *)sqlite3_column_text(statement, 1),
        .value = (const char *)sqlite3_column_text(statement, 2),
        .at_ms = sqlite3_column_int64(statement, 3),
    };
    if (kind == NULL || row.name == NULL || row.value == NULL ||
        mark_kind_parse(kind, &row.kind) != 0) {
        return err_set(err, ERR_CORRUPT, "marks: got kind '%s', want one that this program knows",
                       kind == NULL ? "" : kind);
    }
    sink->mark(sink->self, &row);
    return 0;
}

int sqlite_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                     struct mark_row *out_row, struct err *err)
{
    struct sqlite_store *store = self;
    int result = 0;
    struct binding b = binding_start(store, QUERY_MARK_FIND);
    bind_text(&b, mark_kind_name(kind));
    bind_text(&b, name);
    int rc = b.rc == SQLITE_OK ? sqlite3_step(b.statement) : b.rc;
    if (rc == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(b.statement, 0);
        *out_row = (struct mark_row){.kind = kind,
                                     .name = arena_strdup(arena, name),
                                     .value = arena_strdup(arena, value == NULL ? "" : value),
                                     .at_ms = sqlite3_column_int64(b.statement, 1)};
    } else if (rc == SQLITE_DONE) {
        result = err_set(err, ERR_NOT_FOUND, "no mark %s '%s'", mark_kind_name(kind), name);
    } else {
        result = sqlite_fail(store->db, store->path, rc, "mark", err);
    }
    (void)sqlite3_reset(b.statement); /* repeats the step's code */
    return result;
}

static const char *keep_column(sqlite3_stmt *statement, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return arena_strdup(arena, text != NULL ? text : "");
}

int sqlite_read_marks(sqlite3 *db, const char *path, enum mark_kind kind, struct arena *arena,
                      struct mark_row **out_rows, size_t *out_count, struct err *err)
{
    struct mark_row *rows = arena_alloc_array(arena, STORE_READ_LIMIT_MAX, sizeof(*rows));
    sqlite3_stmt *statement = NULL;
    size_t count = 0;
    int rc =
        sqlite3_prepare_v2(db, "SELECT name, value, at_ms FROM marks WHERE kind = ?1 ORDER BY name",
                           -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 1, mark_kind_name(kind), -1, SQLITE_STATIC);
    }
    while ((rc == SQLITE_OK || rc == SQLITE_ROW) && count < STORE_READ_LIMIT_MAX &&
           (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        rows[count++] = (struct mark_row){.kind = kind,
                                          .name = keep_column(statement, 0, arena),
                                          .value = keep_column(statement, 1, arena),
                                          .at_ms = sqlite3_column_int64(statement, 2)};
    }
    int result =
        rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sqlite_fail(db, path, rc, "read marks", err);
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    if (result == 0) {
        *out_rows = rows;
        *out_count = count;
    }
    return result;
}

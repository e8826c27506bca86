#include "gateway/store/sqlite.h"

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

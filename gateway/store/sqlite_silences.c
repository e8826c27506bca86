#include "gateway/store/sqlite.h"
#include "gateway/store/sqlite_row.h"

int write_silence(struct sqlite_store *store, const struct silence_row *row)
{
    struct binding b = binding_start(store, QUERY_SILENCE);
    bind_u64(&b, row->id);
    bind_text(&b, row->match);
    bind_text(&b, row->author);
    bind_text(&b, row->reason);
    bind_i64(&b, row->from_ms);
    bind_i64(&b, row->until_ms);
    bind_i64(&b, row->ended_at_ms);
    bind_text(&b, row->ended_by);
    return binding_run(&b);
}

int sqlite_give_silence(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err)
{
    struct silence_row row;
    if (row_decode_silence(statement, &row, err) != 0) {
        return -1;
    }
    sink->silence(sink->self, &row);
    return 0;
}

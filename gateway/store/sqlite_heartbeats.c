#include "gateway/store/sqlite.h"
#include "gateway/store/sqlite_row.h"

int write_heartbeat(struct sqlite_store *store, const struct heartbeat_row *row)
{
    struct binding b =
        binding_start(store, row->forgotten ? QUERY_HEARTBEAT_GONE : QUERY_HEARTBEAT);
    bind_text(&b, row->source);
    bind_text(&b, row->key);
    if (!row->forgotten) {
        const int64_t numbers[] = {
            row->first_at_ms,  row->seen_at_ms,   row->success_at_ms, row->started_at_ms,
            row->failed_at_ms, row->missed_at_ms, row->duration_ms,   row->waits_from_ms,
            row->gone_at_ms,   row->missed_count, row->exit_status,   row->is_running,
        };
        bind_text(&b, heartbeat_state_name(row->state));
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            bind_i64(&b, numbers[i]);
        }
        bind_text(&b, row->run);
    }
    return binding_run(&b);
}

int sqlite_give_heartbeat(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err)
{
    struct heartbeat_row row;
    if (row_decode_heartbeat(statement, &row, err) != 0) {
        return -1;
    }
    sink->heartbeat(sink->self, &row);
    return 0;
}

#include "gateway/store/postgres.h"
#include "gateway/store/postgres_columns.h"
#include "gateway/store/row_decode.h"

void postgres_add_heartbeat(struct columns *c, const struct heartbeat_row *row)
{
    (void)columns_row(c);
    column_text(c, row->source);
    column_text(c, row->key);
    if (row->forgotten) {
        return;
    }
    const int64_t numbers[] = {
        row->first_at_ms,  row->seen_at_ms,   row->success_at_ms, row->started_at_ms,
        row->failed_at_ms, row->missed_at_ms, row->duration_ms,   row->waits_from_ms,
        row->gone_at_ms,   row->missed_count, row->exit_status,   row->is_running,
    };
    column_text(c, heartbeat_state_name(row->state));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        column_i64(c, numbers[i]);
    }
    column_text(c, row->run);
}

int postgres_give_heartbeat(void *self, PGresult *result, struct err *err)
{
    const struct store_sink *sink = self;
    struct result_row cells = {.result = result};
    struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
    struct heartbeat_row row;
    if (cells_heartbeat(&c, &row, err) != 0) {
        return -1;
    }
    sink->heartbeat(sink->self, &row);
    return 0;
}

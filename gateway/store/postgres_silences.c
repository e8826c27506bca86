#include "gateway/store/postgres.h"

int postgres_give_silence(void *self, PGresult *result, struct err *err)
{
    const struct store_sink *sink = self;
    struct result_row cells = {.result = result};
    struct cells c = {.ops = &postgres_cells_ops, .self = &cells};
    struct silence_row row;
    if (cells_silence(&c, &row, err) != 0) {
        return -1;
    }
    sink->silence(sink->self, &row);
    return 0;
}

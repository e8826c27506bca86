#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/store/postgres.h"

static const char *cell_text(void *self, int place)
{
    const struct result_row *row = self;
    return PQgetvalue(row->result, row->row, place); /* "" for NULL */
}

static int64_t cell_number(void *self, int place)
{
    const struct result_row *row = self;
    return result_number(row->result, row->row, place);
}

static const void *cell_bytes(void *self, int place, size_t *out_count)
{
    const struct result_row *row = self;
    *out_count = 0;
    if (PQgetisnull(row->result, row->row, place) || row->arena_or_null == NULL) {
        return NULL;
    }
    const char *text = PQgetvalue(row->result, row->row, place);
    unsigned char *bytes = PQunescapeBytea((const unsigned char *)text, out_count);
    if (bytes == NULL) {
        assert_out_of_memory((unsigned long)strlen(text));
    }
    const void *kept = arena_copy(row->arena_or_null, *out_count == 0 ? (const void *)"" : bytes,
                                  *out_count + (*out_count == 0));
    PQfreemem(bytes);
    return kept;
}

const struct cells_ops postgres_cells_ops = {
    .text = cell_text, .number = cell_number, .bytes = cell_bytes};

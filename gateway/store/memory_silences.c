/* Silences of the memory store. */
#include <stdlib.h>

#include "gateway/store/memory.h"
#include "gateway/store/row_shape.h"

void memory_put_silence(struct memory_store *memory, const struct silence_row *row)
{
    struct memory_entry *entry = memory_table_find(&memory->silences, row->id);
    if (entry == NULL) {
        (void)memory_table_insert(&memory->silences, row->id,
                                  row_copy_heap(&silence_shape, row)); /* looked up above */
        return;
    }
    struct silence_row next = *(const struct silence_row *)entry->row;
    next.ended_at_ms = row->ended_at_ms;
    next.ended_by = row->ended_by;
    void *old = entry->row;
    entry->row = row_copy_heap(&silence_shape, &next);
    free(old);
}

void memory_load_silences(const struct memory_store *memory, const struct store_sink *sink)
{
    for (size_t i = 0; i < memory->silences.count; i++) {
        const struct silence_row *row = memory->silences.entries[i].row;
        if (row->ended_at_ms == 0 || i + 1 == memory->silences.count) {
            sink->silence(sink->self, row);
        }
    }
}

void memory_sweep_silences(struct memory_store *memory, int64_t keep_before_ms)
{
    for (size_t i = 0; i + 1 < memory->silences.count; i++) {
        const struct silence_row *row = memory->silences.entries[i].row;
        if (row->ended_at_ms != 0 && row->ended_at_ms < keep_before_ms) {
            free(memory->silences.entries[i].row);
            memory->silences.entries[i].row = NULL;
        }
    }
    memory_table_compact(&memory->silences);
}

void memory_clear_silences(struct memory_store *memory)
{
    for (size_t i = 0; i < memory->silences.count; i++) {
        free(memory->silences.entries[i].row);
    }
    memory_table_clear(&memory->silences);
}

/* Marks of the memory store: all kinds in one map. */
#include "gateway/store/memory.h"

void memory_load_marks(const struct memory_store *memory, const struct store_sink *sink)
{
    for (size_t i = 0; i < memory->marks.count; i++) {
        const struct ledger_entry *mark = &memory->marks.items[i];
        const struct mark_row row = {.kind = (enum mark_kind)mark->kind,
                                     .name = mark->name,
                                     .value = mark->value,
                                     .at_ms = mark->at_ms};
        if (mark->kind != MARK_HEARD) {
            sink->mark(sink->self, &row);
        }
    }
}

int memory_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                     struct mark_row *out_row, struct err *err)
{
    const struct memory_store *memory = self;
    const struct ledger_entry *mark = ledger_find(&memory->marks, (int)kind, name);
    if (mark == NULL) {
        return err_set(err, ERR_NOT_FOUND, "no mark %s '%s'", mark_kind_name(kind), name);
    }
    *out_row = (struct mark_row){.kind = kind,
                                 .name = arena_strdup(arena, mark->name),
                                 .value = arena_strdup(arena, mark->value),
                                 .at_ms = mark->at_ms};
    return 0;
}

void memory_sweep_marks(struct memory_store *memory)
{
    int64_t newest_ms = INT64_MIN;
    for (size_t i = 0; i < memory->marks.count; i++) {
        const struct ledger_entry *mark = &memory->marks.items[i];
        if (mark->kind == MARK_HEARD && mark->at_ms > newest_ms) {
            newest_ms = mark->at_ms;
        }
    }
    for (size_t i = memory->marks.count; i > 0; i--) {
        const struct ledger_entry *mark = &memory->marks.items[i - 1];
        if (mark->kind == MARK_HEARD && mark->at_ms < newest_ms - STORE_HEARD_KEEP_MS) {
            ledger_drop(&memory->marks, mark->kind, mark->name);
        }
    }
}

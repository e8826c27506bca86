/* What a source says has changed: for the lists of the incidents around it. */
#include <string.h>

#include "gateway/engine/engine_state.h"

/* The last CHANGES_MAX are kept. */
void changes_keep(struct engine *engine, const struct event *event)
{
    enum { TEXT_BYTES_MAX = 300 };
    const struct ledger_entry *spare = marks_spare_change(&engine->world.marks);
    char name[MARK_NUMBER_BYTES];
    size_t length = strnlen(event->summary, TEXT_BYTES_MAX + 1);
    while (length > TEXT_BYTES_MAX ||
           (length > 0 && ((unsigned char)event->summary[length] & 0xc0) == 0x80))
        length--;
    (void)marks_next_change(&engine->world.marks, name);
    if (spare != NULL)
        batch_mark(engine,
                   &(struct mark_row){.kind = MARK_CHANGE, .name = spare->name, .gone = true});
    batch_mark(engine,
               &(struct mark_row){.kind = MARK_CHANGE,
                                  .name = name,
                                  .value = arena_printf(&engine->arena, "%s: %.*s", event->source,
                                                        (int)length, event->summary)});
}

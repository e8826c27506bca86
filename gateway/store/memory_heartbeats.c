/* Heartbeats of the memory store, by source and key. */
#include "gateway/store/memory.h"

void memory_load_heartbeats(const struct memory_store *memory, const struct store_sink *sink)
{
    const struct pairs *rows = &memory->heartbeats.rows;
    for (size_t i = 0; i < rows->count; i++) {
        for (size_t j = 0; j < rows->groups[i]->count; j++) {
            const struct heartbeat *heartbeat = rows->groups[i]->items[j].value;
            sink->heartbeat(sink->self, &heartbeat->row);
        }
    }
}

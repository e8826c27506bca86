/* Ways that are no longer there: what waited for them ends, and the next way comes forward. */
#include <stdlib.h>

#include "gateway/base/text.h"
#include "gateway/engine/engine_state.h"

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Ends pending notifications in the order of their ids; an end may cancel others of them. */
static void end_each(struct engine *engine, uint64_t *ids, size_t count,
                     enum notification_state state, const char *reason)
{
    qsort(ids, count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < count; i++) {
        struct notification *n = world_notification(&engine->world, ids[i]);
        if (n != NULL && n->state == NOTIFICATION_PENDING)
            attempts_end_as_failed(engine, n, state, reason);
    }
}

void attempts_drop_method(struct engine *engine, const char *contact, const char *channel)
{
    size_t count = 0;
    size_t slot = 0;
    uint64_t *ids =
        arena_alloc_array(&engine->arena, engine->world.notifications.count + 1, sizeof(*ids));
    for (struct notification *n = table_each(&engine->world.notifications, &slot); n != NULL;
         n = table_each(&engine->world.notifications, &slot)) {
        if (n->state == NOTIFICATION_PENDING && text_equal(n->contact, contact) &&
            text_equal(n->channel, channel))
            ids[count++] = n->id;
    }
    end_each(engine, ids, count, NOTIFICATION_CANCELLED, "its reader has switched this way off");
}

void attempts_drop_channels(struct engine *engine)
{
    size_t count = 0;
    size_t slot = 0;
    uint64_t *ids =
        arena_alloc_array(&engine->arena, engine->world.notifications.count + 1, sizeof(*ids));
    for (struct notification *n = table_each(&engine->world.notifications, &slot); n != NULL;
         n = table_each(&engine->world.notifications, &slot)) {
        if (n->state == NOTIFICATION_PENDING && !rulebook_has_channel(engine->book, n->channel))
            ids[count++] = n->id;
    }
    end_each(engine, ids, count, NOTIFICATION_FAILED, "its channel is no longer configured");
}

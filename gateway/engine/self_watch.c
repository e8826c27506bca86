#include "gateway/engine/self_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/text.h"
#include "gateway/engine/engine_state.h"

enum { LOOKS_IN_TIME = 10, LOOK_LEAST_MS = 1000, KEYS_MAX = 2 * TROUBLES_MAX };

void self_watch_load(const struct self_watch *watch, const struct engine *engine)
{
    const char *keys[KEYS_MAX];
    size_t count = 0;
    size_t slot = 0;
    if (watch->troubles == NULL)
        return;
    const struct table *incidents = &engine->world.incidents;
    for (const struct incident *incident = table_each(incidents, &slot); incident != NULL;
         incident = table_each(incidents, &slot)) {
        for (const struct alert *alert = incident->alerts; alert != NULL; alert = alert->next) {
            bool is_ours = alert->firing && text_equal(alert->source, TROUBLE_SOURCE);
            if (is_ours && count < KEYS_MAX)
                keys[count++] = alert_key(alert);
        }
    }
    troubles_load(watch->troubles, keys, count);
}

/* Due for too long, since we run, and nothing but delivery keeps it: it is in no digest, and quiet hours have moved when it
 * is due. */
static bool waits_too_long(const struct engine *engine, const struct notification *n)
{
    int64_t since_ms = n->due_at_ms > engine->started_at_ms ? n->due_at_ms : engine->started_at_ms;
    return n->state == NOTIFICATION_PENDING && n->digest == 0 &&
           engine->now_ms - since_ms >= engine->book->outbox_trouble_ms;
}

static void tell_outbox(struct troubles *troubles, const struct engine *engine, const char *channel)
{
    char text[TROUBLES_TEXT_BYTES];
    char after[TEXT_RFC3339_BYTES];
    (void)snprintf(text, sizeof(text),
                   "Messages by channel %s have been waiting for longer than %s: its provider does "
                   "not take them. Look for channel=%s in the log; people are reached by their "
                   "other methods meanwhile",
                   channel, text_duration(engine->book->outbox_trouble_ms, after), channel);
    troubles_begin(troubles, &(struct trouble){.kind = TROUBLE_OUTBOX,
                                               .name = channel,
                                               .severity = SEVERITY_CRITICAL,
                                               .summary = text});
}

static void look_at_outbox(struct troubles *troubles, const struct engine *engine)
{
    const struct lanes *lanes = &engine->lanes;
    const struct table *notifications = &engine->world.notifications;
    const char **names = heap_alloc((lanes->channel_count + 1) * sizeof(*names));
    size_t count = 0;
    size_t slot = 0;
    const struct notification *n =
        engine->world.pending_count > 0 ? table_each(notifications, &slot) : NULL;
    for (; n != NULL; n = table_each(notifications, &slot)) {
        if (!waits_too_long(engine, n))
            continue;
        const char *channel = lanes->items[n->lane]->channel->name;
        size_t i = 0;
        while (i < count && names[i] != channel)
            i++;
        if (i == count)
            names[count++] = channel;
    }
    troubles_keep(troubles, TROUBLE_OUTBOX, names, count);
    for (size_t i = 0; i < count; i++)
        tell_outbox(troubles, engine, names[i]);
    free(names);
}

static void look_at_disk(struct troubles *troubles, bool has_room)
{
    static const struct trouble full = {
        .kind = TROUBLE_DISK,
        .name = "",
        .severity = SEVERITY_CRITICAL,
        .summary = "The disk of the state folder is full: new alerts are refused (503) until there "
                   "is space, what is under way goes on. Make at least 48 MB free there"};
    if (has_room)
        troubles_end(troubles, TROUBLE_DISK, "");
    else
        troubles_begin(troubles, &full);
}

static int64_t look_ms(const struct engine *engine)
{
    int64_t wait_ms = engine->book->outbox_trouble_ms / LOOKS_IN_TIME;
    wait_ms = wait_ms > LOOK_LEAST_MS ? wait_ms : LOOK_LEAST_MS;
    return wait_ms < SELF_WATCH_LOOK_MS ? wait_ms : SELF_WATCH_LOOK_MS;
}

void self_watch_turn(struct self_watch *watch, const struct engine *engine, bool has_room,
                     int64_t mono_ms)
{
    struct troubles *troubles = watch->troubles;
    if (troubles == NULL)
        return;
    look_at_disk(troubles, has_room);
    if (engine->is_loaded && mono_ms >= watch->look_at_mono_ms) {
        watch->look_at_mono_ms = mono_ms + look_ms(engine);
        look_at_outbox(troubles, engine);
    }
    troubles_turn(troubles, mono_ms);
}

#include "gateway/handoff/inbox.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/system/queue.h"

struct inbox {
    struct queue *queue;
    _Atomic bool door_open;
};

int inbox_create(size_t capacity, struct inbox **out_inbox, struct err *err)
{
    struct queue *queue = NULL;
    if (queue_create(capacity, &queue, err) != 0) {
        return err_wrap(err, "inbox");
    }
    struct inbox *inbox = heap_alloc(sizeof *inbox);
    inbox->queue = queue;
    atomic_init(&inbox->door_open, true);
    *out_inbox = inbox;
    return 0;
}

void inbox_destroy(struct inbox *inbox)
{
    if (inbox == NULL) {
        return;
    }
    struct input *input = NULL;
    while (inbox_take(inbox, &input, 1, 0) > 0) {
        if (input->release != NULL) {
            input->release(input);
        }
    }
    queue_destroy(inbox->queue);
    free(inbox);
}

enum inbox_verdict inbox_put(struct inbox *inbox, struct input *const *inputs, size_t count)
{
    /* An input may pass while another thread shuts the door; the engine answers it like the ones
     * already inside. */
    if (!inbox_door_is_open(inbox)) {
        return INBOX_IS_CLOSED;
    }
    if (queue_put_many(inbox->queue, (void *const *)inputs, count)) {
        return INBOX_TAKEN;
    }
    return queue_is_stopped(inbox->queue) ? INBOX_IS_CLOSED : INBOX_IS_FULL;
}

bool inbox_put_owed(struct inbox *inbox, struct input *input)
{
    return queue_put_owed(inbox->queue, input);
}

size_t inbox_take(struct inbox *inbox, struct input **out_inputs, size_t max, int64_t timeout_ms)
{
    return queue_take(inbox->queue, (void **)out_inputs, max, timeout_ms);
}

void inbox_close_door(struct inbox *inbox)
{
    atomic_store(&inbox->door_open, false);
}

void inbox_open_door(struct inbox *inbox)
{
    atomic_store(&inbox->door_open, true);
}

bool inbox_door_is_open(const struct inbox *inbox)
{
    return atomic_load(&inbox->door_open) && !queue_is_stopped(inbox->queue);
}

void inbox_stop(struct inbox *inbox)
{
    queue_stop(inbox->queue);
}

size_t inbox_count(const struct inbox *inbox)
{
    return queue_count(inbox->queue);
}

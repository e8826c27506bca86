#include "gateway/handoff/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/queue.h"

struct outbox {
    struct queue *queue;
};

/* Every text of an order; a field that is missing here would be shared with the engine's arena. */
static const size_t order_texts[] = {
    offsetof(struct order, channel),  offsetof(struct order, contact),
    offsetof(struct order, address),  offsetof(struct order, key),
    offsetof(struct order, snapshot), offsetof(struct order, details),
    offsetof(struct order, links),    offsetof(struct order, content_type),
    offsetof(struct order, subject),
};
#define ORDER_TEXT_COUNT (sizeof order_texts / sizeof order_texts[0])

int outbox_create(size_t capacity, struct outbox **out_outbox, struct err *err)
{
    struct queue *queue = NULL;
    if (queue_create(capacity, &queue, err) != 0) {
        return err_wrap(err, "outbox");
    }
    struct outbox *outbox = heap_alloc(sizeof *outbox);
    outbox->queue = queue;
    *out_outbox = outbox;
    return 0;
}

void outbox_destroy(struct outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    struct order *order = NULL;
    while (outbox_take(outbox, &order, 1, 0) > 0) {
        order_free(order);
    }
    queue_destroy(outbox->queue);
    free(outbox);
}

static const char **order_text(struct order *order, size_t which)
{
    return (const char **)(void *)((char *)order + order_texts[which]);
}

/* One block: the struct, its texts with their NULs, the body. Absent texts become "". */
static struct order *order_copy(const struct order *order)
{
    struct order fields = *order;
    size_t sizes[ORDER_TEXT_COUNT];
    size_t total = sizeof *order + order->body_count;
    ASSERT(order->body != NULL || order->body_count == 0);
    for (size_t i = 0; i < ORDER_TEXT_COUNT; i++) {
        const char **text = order_text(&fields, i);
        *text = *text == NULL ? "" : *text;
        sizes[i] = strlen(*text) + 1;
        total += sizes[i];
    }
    struct order *copy = heap_alloc(total);
    char *place = (char *)(copy + 1);
    *copy = fields;
    for (size_t i = 0; i < ORDER_TEXT_COUNT; i++) {
        memcpy(place, *order_text(&fields, i), sizes[i]);
        *order_text(copy, i) = place;
        place += sizes[i];
    }
    copy->body = NULL;
    if (order->body != NULL) {
        memcpy(place, order->body, order->body_count);
        copy->body = place;
    }
    return copy;
}

void outbox_put(struct outbox *outbox, const struct order *order)
{
    struct order *copy = order_copy(order);
    /* The engine's credits bound how many orders there can be; a START or DROP that found no room
     * would be lost for good, so that the capacity is never the reason. After the stop nobody will
     * look at an order again. */
    if (!queue_put_owed(outbox->queue, copy)) {
        order_free(copy);
    }
}

size_t outbox_take(struct outbox *outbox, struct order **out_orders, size_t max, int64_t timeout_ms)
{
    return queue_take(outbox->queue, (void **)out_orders, max, timeout_ms);
}

void order_free(struct order *order)
{
    free(order);
}

void outbox_stop(struct outbox *outbox)
{
    queue_stop(outbox->queue);
}

bool outbox_is_stopped(const struct outbox *outbox)
{
    return queue_is_stopped(outbox->queue);
}

size_t outbox_count(const struct outbox *outbox)
{
    return queue_count(outbox->queue);
}

void outbox_nudge(struct outbox *outbox)
{
    queue_nudge(outbox->queue);
}

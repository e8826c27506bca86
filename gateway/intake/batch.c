#include "gateway/intake/batch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/handoff/ticket.h"
#include "gateway/system/clock.h"

struct batch {
    struct ticket ticket; /* first: a ticket is its batch */
    struct http_request *request;
    void (*answered)(void *self, struct http_request *request, const struct batch *batch);
    void (*refused)(void *self, struct http_request *request, enum inbox_verdict verdict);
    void *self;
    int64_t started_at_ns;
    size_t count;
    size_t unanswered, unreleased; /* the engine's thread alone counts */
    enum answer_status worst;
    _Atomic unsigned users; /* the engine, and the server until the request is answered */
    uint64_t *incidents;
    struct input *inputs;
};

struct batches {
    struct inbox *inbox;
    struct input **waiting; /* those of one request stand together */
    size_t count, capacity;
};

static struct batch *batch_of(struct ticket *ticket)
{
    return (struct batch *)ticket;
}

static void batch_leave(struct batch *batch)
{
    if (atomic_fetch_sub(&batch->users, 1) == 1) {
        free(batch);
    }
}

/* On the I/O thread. */
static void answer_request(void *self, struct http_request *request)
{
    struct batch *batch = self;
    batch->answered(batch->self, request, batch);
    batch_leave(batch);
}

static void batch_finish(struct batch *batch)
{
    if (!http_resume(batch->request, answer_request, batch)) {
        batch_leave(batch); /* nobody waits for the answer any more */
    }
}

/* Which trouble the sender is told first. */
static int rank(enum answer_status status)
{
    static const int ranks[ANSWER_STATUS_COUNT] = {[ANSWER_UNKNOWN] = 1,
                                                   [ANSWER_REFUSED] = 2,
                                                   [ANSWER_OVERLIMIT] = 3,
                                                   [ANSWER_FULL] = 4,
                                                   [ANSWER_BUSY] = 5};
    return ranks[status];
}

static void note(struct batch *batch, enum answer_status status)
{
    if (rank(status) > rank(batch->worst)) {
        batch->worst = status;
    }
    ASSERT(batch->unanswered > 0);
    batch->unanswered--;
}

static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    struct batch *batch = batch_of(ticket);
    ASSERT(index < batch->count);
    batch->incidents[index] = answer->incident;
    note(batch, answer->status);
    if (batch->unanswered == 0) {
        batch_finish(batch);
    }
}

static void release(struct input *input)
{
    struct batch *batch = batch_of(input->ticket);
    ASSERT(batch->unreleased > 0);
    if (--batch->unreleased > 0) {
        return;
    }
    if (batch->unanswered > 0) { /* the engine has ended without a word */
        while (batch->unanswered > 0) {
            note(batch, ANSWER_BUSY);
        }
        batch_finish(batch);
    }
    batch_leave(batch);
}

/* Texts are laid one after the other behind the inputs; with no block yet they are only measured.
 */
struct layout {
    char *next; /* NULL: measuring */
    size_t bytes;
};

static const char *put_text(struct layout *layout, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = layout->next;
    if (copy) {
        memcpy(copy, text, size);
        layout->next += size;
    } else {
        layout->bytes += size;
    }
    return copy;
}

static void put_event(struct layout *layout, const struct event *event, struct label *labels,
                      struct event *out_event)
{
    struct event copy = *event;
    copy.source = put_text(layout, event->source);
    copy.key = put_text(layout, event->key);
    copy.summary = put_text(layout, event->summary);
    copy.details = put_text(layout, event->details);
    copy.links = put_text(layout, event->links);
    copy.run_or_null = event->run_or_null != NULL ? put_text(layout, event->run_or_null) : NULL;
    copy.labels = labels;
    for (size_t i = 0; i < event->label_count; i++) {
        struct label label = {.name = put_text(layout, event->labels[i].name),
                              .value = put_text(layout, event->labels[i].value)};
        if (labels) {
            labels[i] = label;
        }
    }
    if (out_event) {
        *out_event = copy;
    }
}

static size_t count_labels(const struct batch_order *order)
{
    size_t count = 0;
    for (size_t i = 0; i < order->count; i++) {
        count += order->events[i].label_count;
    }
    return count;
}

static void fill_input(struct batch *batch, size_t index, const struct event *event)
{
    struct id id = id_make();
    struct input *input = &batch->inputs[index];
    _Static_assert(sizeof(input->id) == sizeof(id.bytes), "an input's id is a UUID");
    /* An input is large because of its replies: of the union only the event is ever written. */
    input->kind = INPUT_EVENT;
    input->ticket = &batch->ticket;
    input->ticket_index = (uint32_t)index;
    input->inbox_sequence = 0;
    input->release = release;
    input->arrival = NULL;
    input->u.event = *event;
    memcpy(input->id, id.bytes, sizeof(input->id));
}

/* One block: batch, inputs, incidents, labels, texts, in falling alignment. */
static struct batch *batch_make(const struct batch_order *order)
{
    struct layout layout = {0};
    size_t label_count = count_labels(order);
    (void)put_text(&layout, order->actor);
    (void)put_text(&layout, order->credential);
    for (size_t i = 0; i < order->count; i++) {
        put_event(&layout, &order->events[i], NULL, NULL);
    }
    size_t fixed = sizeof(struct batch) + order->count * (sizeof(struct input) + sizeof(uint64_t)) +
                   label_count * sizeof(struct label);
    struct batch *batch = heap_take(fixed + layout.bytes);
    batch->inputs = (struct input *)(void *)(batch + 1);
    batch->incidents = (uint64_t *)(void *)(batch->inputs + order->count);
    struct label *labels = (struct label *)(void *)(batch->incidents + order->count);
    layout.next = (char *)(labels + label_count);
    const char *actor = put_text(&layout, order->actor);
    const char *credential = put_text(&layout, order->credential);
    for (size_t i = 0; i < order->count; i++) {
        struct event event;
        put_event(&layout, &order->events[i], labels, &event);
        fill_input(batch, i, &event);
        batch->inputs[i].actor = actor;
        batch->inputs[i].credential = credential;
        batch->incidents[i] = 0;
        labels += event.label_count;
    }
    ASSERT(layout.next == (char *)batch + fixed + layout.bytes);
    return batch;
}

struct batches *batches_create(struct inbox *inbox)
{
    struct batches *batches = heap_alloc(sizeof(*batches));
    batches->inbox = inbox;
    return batches;
}

void batches_destroy(struct batches *batches)
{
    if (batches) {
        ASSERT(batches->count == 0);
        free(batches->waiting);
        free(batches);
    }
}

/* The inbox did not take all: each request hears for itself. */
static void submit_singly(struct batches *batches)
{
    size_t at = 0;
    while (at < batches->count) {
        struct batch *batch = batch_of(batches->waiting[at]->ticket);
        size_t count = batch->count; /* once taken, a batch may be gone */
        enum inbox_verdict verdict = inbox_put(batches->inbox, batches->waiting + at, count);
        if (verdict != INBOX_TAKEN) {
            batch->refused(batch->self, batch->request, verdict);
            free(batch);
        }
        at += count;
    }
}

void batches_submit(struct batches *batches)
{
    if (batches->count > 0 &&
        inbox_put(batches->inbox, batches->waiting, batches->count) != INBOX_TAKEN) {
        submit_singly(batches);
    }
    batches->count = 0;
}

void batches_add(struct batches *batches, const struct batch_order *order)
{
    _Static_assert(_Alignof(struct input) <= _Alignof(struct batch), "inputs follow the batch");
    ASSERT(order->count > 0);
    struct batch *batch = batch_make(order);
    batch->ticket = (struct ticket){.complete = complete};
    batch->request = order->request;
    batch->answered = order->answered;
    batch->refused = order->refused;
    batch->self = order->self;
    batch->count = batch->unanswered = batch->unreleased = order->count;
    batch->worst = ANSWER_DONE;
    batch->started_at_ns = clock_mono_ns();
    atomic_init(&batch->users, 2);
    if (batches->capacity - batches->count < order->count) {
        batches->capacity = 2 * batches->capacity + order->count;
        batches->waiting =
            heap_realloc(batches->waiting, batches->capacity * sizeof(struct input *));
    }
    for (size_t i = 0; i < order->count; i++) {
        batches->waiting[batches->count++] = &batch->inputs[i];
    }
    http_defer(order->request);
}

size_t batch_count(const struct batch *batch)
{
    return batch->count;
}

enum answer_status batch_status(const struct batch *batch)
{
    return batch->worst;
}

int64_t batch_elapsed_ns(const struct batch *batch)
{
    return clock_mono_ns() - batch->started_at_ns;
}

const struct event *batch_event_at(const struct batch *batch, size_t index)
{
    ASSERT(index < batch->count);
    return &batch->inputs[index].u.event;
}

uint64_t batch_incident(const struct batch *batch, size_t index)
{
    ASSERT(index < batch->count);
    return batch->incidents[index];
}

const char *batch_id(const struct batch *batch, size_t index, char out[ID_TEXT_BYTES])
{
    ASSERT(index < batch->count);
    struct id id;
    memcpy(id.bytes, batch->inputs[index].id, sizeof(id.bytes));
    return id_text(&id, out);
}

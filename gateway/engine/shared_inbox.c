#include "gateway/engine/shared_inbox.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/engine/engine.h"
#include "gateway/system/log.h"

struct shared_inbox {
    struct store *store;
    struct arena arena; /* of the last take */
    int64_t poll_at_mono_ms;
    struct store_inbox_item *refused; /* in the arena */
    size_t refused_count;
    struct log_burst burst;
};

/* One event that was taken: its texts are those of the JSON tree. */
struct shared_input {
    struct input input;
    struct ticket ticket;
    struct shared_inbox *shared; /* NULL in tests */
    struct store_inbox_item item;
    struct json *root;
    struct label labels[EVENT_LABELS_MAX];
};

struct shared_inbox *shared_inbox_create(struct store *store)
{
    struct shared_inbox *shared = heap_alloc(sizeof(*shared));
    shared->store = store;
    arena_init(&shared->arena);
    return shared;
}

void shared_inbox_destroy(struct shared_inbox *shared)
{
    if (shared == NULL) {
        return;
    }
    arena_clear(&shared->arena);
    free(shared);
}

/* Bytes. */

int shared_inbox_encode(const struct input *input, struct strbuf *buf, struct err *err)
{
    const struct event *event = &input->u.event;
    struct json_out out;
    ASSERT(input->kind == INPUT_EVENT);
    json_out_begin(&out, buf);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "kind", "event");
    json_add_string(&out, "actor", input->actor);
    json_add_string(&out, "credential", input->credential);
    json_add_string(&out, "action", event_action_name(event->action));
    json_add_string(&out, "severity", severity_name(event->severity));
    json_add_string(&out, "source", event->source);
    json_add_string(&out, "key", event->key);
    json_add_string(&out, "summary", event->summary);
    json_add_object_begin(&out, "labels");
    for (size_t i = 0; i < event->label_count; i++) {
        json_add_string(&out, event->labels[i].name, event->labels[i].value);
    }
    json_add_object_end(&out);
    json_add_string(&out, "details", event->details);
    json_add_string(&out, "links", event->links);
    json_add_integer(&out, "at_ms", event->at_ms);
    json_add_object_end(&out);
    return buf->overflowed ? err_set(err, ERR_TOO_LARGE, "event: more than %d bytes as JSON",
                                     SHARED_INBOX_ITEM_BYTES_MAX)
                           : 0;
}

static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    (void)index; /* one input, one ticket */
    struct shared_input *taken =
        (struct shared_input *)((char *)ticket - offsetof(struct shared_input, ticket));
    struct shared_inbox *shared = taken->shared;
    if (answer->status == ANSWER_OVERLIMIT && shared != NULL) {
        shared->refused[shared->refused_count++] = taken->item;
    }
}

static void release(struct input *input)
{
    struct shared_input *taken =
        (struct shared_input *)((char *)input - offsetof(struct shared_input, input));
    json_free(taken->root);
    free(taken);
}

static int decode_event(struct shared_input *taken, struct err *err)
{
    const struct json *root = taken->root;
    struct event *event = &taken->input.u.event;
    const char *name = NULL;
    const struct json *value = NULL;
    if (event_action_parse(json_string(json_get(root, "action")), &event->action) != 0 ||
        severity_parse(json_string(json_get(root, "severity")), &event->severity) != 0) {
        return err_set(err, ERR_CORRUPT, "shared inbox: got action '%s', severity '%s'",
                       json_string(json_get(root, "action")),
                       json_string(json_get(root, "severity")));
    }
    event->source = json_string(json_get(root, "source"));
    event->key = json_string(json_get(root, "key"));
    event->summary = json_string(json_get(root, "summary"));
    event->details = json_string(json_get(root, "details"));
    event->links = json_string(json_get(root, "links"));
    event->at_ms = json_integer(json_get(root, "at_ms"));
    for (void *position = NULL; json_next(json_get(root, "labels"), &position, &name, &value);) {
        if (event->label_count == EVENT_LABELS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "shared inbox: an event with more than %d labels",
                           EVENT_LABELS_MAX);
        }
        taken->labels[event->label_count++] =
            (struct label){.name = name, .value = json_string(value)};
    }
    event->labels = taken->labels;
    return 0;
}

int shared_inbox_decode(const struct store_inbox_item *item, struct input **out_input,
                        struct err *err)
{
    struct shared_input *taken = heap_alloc(sizeof(*taken));
    struct input *input = &taken->input;
    taken->item = *item;
    input->kind = INPUT_EVENT;
    input->release = release;
    input->ticket = &taken->ticket;
    taken->ticket.complete = complete;
    memcpy(input->id, item->id, sizeof(input->id));
    if (json_parse(item->bytes, item->count, &taken->root, err) != 0 ||
        decode_event(taken, err) != 0) {
        release(input);
        return -1;
    }
    input->actor = json_string(json_get(taken->root, "actor"));
    input->credential = json_string(json_get(taken->root, "credential"));
    *out_input = input;
    return 0;
}

/* The standby's side. */

int shared_inbox_put(struct store *store, struct input *const *events, size_t count,
                     struct err *err)
{
    struct store_inbox_item *items = heap_alloc((count + 1) * sizeof(*items));
    struct strbuf *texts = heap_alloc((count + 1) * sizeof(*texts));
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        strbuf_init(&texts[i], SHARED_INBOX_ITEM_BYTES_MAX);
        if (result == 0) {
            result = shared_inbox_encode(events[i], &texts[i], err);
        }
        memcpy(items[i].id, events[i]->id, sizeof(items[i].id));
        items[i].bytes = strbuf_text(&texts[i]);
        items[i].count = texts[i].length;
    }
    if (result == 0) {
        result = store->ops->inbox_append(store->self, items, count, err);
    }
    for (size_t i = 0; i < count; i++) {
        strbuf_clear(&texts[i]);
    }
    free(texts);
    free(items);
    return result;
}

/* The engine's side. */

struct shared_unusable {
    struct input input;
    struct ticket
        ticket; /* answers nobody: what has one is not kept after a refused commit, but taken again */
    struct err err;
};

static void complete_unusable(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    (void)ticket;
    (void)index;
    (void)answer;
}

static void release_unusable(struct input *input)
{
    free((char *)input - offsetof(struct shared_unusable, input));
}

/* Only a newer node or a hand in a SQL shell writes what we cannot read; it leaves the shared inbox with the commit that
 * puts it into quarantine. Its bytes live until the next take, as the item does. */
static struct input *make_unusable(const struct store_inbox_item *item, const struct err *why)
{
    struct shared_unusable *unusable = heap_alloc(sizeof(*unusable));
    unusable->err = *why;
    unusable->ticket.complete = complete_unusable;
    unusable->input = (struct input){.kind = INPUT_QUARANTINE,
                                     .actor = "engine",
                                     .credential = "",
                                     .ticket = &unusable->ticket,
                                     .release = release_unusable,
                                     .u.unusable = {.source = "",
                                                    .origin = "shared inbox",
                                                    .reason = unusable->err.text,
                                                    .bytes = item->bytes,
                                                    .byte_count = item->count < QUARANTINE_BYTES_MAX
                                                                      ? item->count
                                                                      : QUARANTINE_BYTES_MAX,
                                                    .size = item->count}};
    memcpy(unusable->input.id, item->id, sizeof(unusable->input.id));
    return &unusable->input;
}

static struct input *take_one(struct shared_inbox *shared, const struct store_inbox_item *item)
{
    struct err err;
    struct input *input = NULL;
    if (shared_inbox_decode(item, &input, &err) != 0) {
        log_line(LOG_ERROR, "an item of the shared inbox cannot be read, it goes into quarantine",
                 "sequence", log_i64((int64_t)item->sequence), "error", err.text, NULL);
        return make_unusable(item, &err);
    }
    struct shared_input *taken =
        (struct shared_input *)((char *)input - offsetof(struct shared_input, input));
    taken->shared = shared;
    return input;
}

size_t shared_inbox_take(struct shared_inbox *shared, struct input **out_inputs, size_t max,
                         int64_t mono_ms)
{
    struct store_inbox_item *items = NULL;
    size_t count = 0;
    size_t given = 0;
    struct err err;
    if (mono_ms < shared->poll_at_mono_ms || max == 0) {
        return 0;
    }
    shared->poll_at_mono_ms = mono_ms + SHARED_INBOX_POLL_MS;
    arena_reset(&shared->arena);
    if (shared->store->ops->inbox_take(shared->store->self, max, &shared->arena, &items, &count,
                                       &err) != 0) {
        if (log_burst_due(&shared->burst, mono_ms)) {
            log_line(LOG_WARNING, "the shared inbox cannot be read, trying again", "error",
                     err.text, NULL);
        }
        return 0;
    }
    shared->refused = arena_alloc_array(&shared->arena, count + 1, sizeof(*shared->refused));
    shared->refused_count = 0;
    for (size_t i = 0; i < count; i++) {
        out_inputs[given++] = take_one(shared, &items[i]);
    }
    if (count == max) {
        shared->poll_at_mono_ms = mono_ms; /* there is more */
    }
    return given;
}

void shared_inbox_settle(struct shared_inbox *shared)
{
    struct err err;
    size_t count = shared->refused_count;
    shared->refused_count = 0;
    if (count > 0 &&
        shared->store->ops->inbox_append(shared->store->self, shared->refused, count, &err) != 0) {
        log_line(LOG_ERROR,
                 "events that other nodes took in found no room and could not be put back", "count",
                 log_i64((int64_t)count), "error", err.text, NULL);
    }
}

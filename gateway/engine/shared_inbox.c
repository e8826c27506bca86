#include "gateway/engine/shared_inbox.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/engine/engine.h"
#include "gateway/engine/shared_item.h"
#include "gateway/handoff/ticket.h"
#include "gateway/system/log.h"

struct shared_inbox {
    struct store *store;
    struct ticket ticket; /* of everything that was taken last */
    struct arena arena;   /* of the last take */
    uint64_t *sequences;  /* in the arena: by ticket index */
    uint64_t after;       /* what comes behind this one was not given out yet */
    bool left_some;       /* something before `after` is still in the store and must come again */
    int64_t poll_at_mono_ms;
    int64_t retry_at_mono_ms;
    struct log_burst store_burst;
    struct log_burst newer_burst;
};

/* A commit that was refused leaves everything in the store, from the first item on; what alone was not applied must not
 * hold up what is behind it. */
static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    struct shared_inbox *shared =
        (struct shared_inbox *)((char *)ticket - offsetof(struct shared_inbox, ticket));
    uint64_t sequence = shared->sequences[index];
    switch (answer->status) {
    case ANSWER_DONE:
    case ANSWER_REFUSED:
    case ANSWER_UNKNOWN:
    case ANSWER_RECORDED:
        break;
    case ANSWER_BUSY:
    case ANSWER_FULL:
        shared->after = sequence <= shared->after ? sequence - 1 : shared->after;
        break;
    case ANSWER_OVERLIMIT:
        shared->left_some = true;
        break;
    case ANSWER_STATUS_COUNT:
        break;
    }
}

struct shared_inbox *shared_inbox_create(struct store *store)
{
    struct shared_inbox *shared = heap_alloc(sizeof(*shared));
    shared->store = store;
    shared->ticket = (struct ticket){.complete = complete};
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

/* The standby's side. */

int shared_inbox_put(struct store *store, struct input *const *inputs, size_t count,
                     struct err *err)
{
    struct store_inbox_item *items = heap_alloc((count + 1) * sizeof(*items));
    struct strbuf *texts = heap_alloc((count + 1) * sizeof(*texts));
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        strbuf_init(&texts[i], SHARED_ITEM_BYTES_MAX);
        if (result == 0) {
            result = shared_item_encode(inputs[i], &texts[i], err);
        }
        memcpy(items[i].id, inputs[i]->id, sizeof(items[i].id));
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

/* Only a hand in a SQL shell writes what no version reads: it leaves with the commit that puts it into quarantine. Its
 * bytes lie in the arena, as long as the ticket does. */
static struct input *make_unusable(struct shared_inbox *shared, const struct store_inbox_item *item,
                                   const struct err *why)
{
    struct input *input = arena_alloc(&shared->arena, sizeof(*input));
    *input = (struct input){.kind = INPUT_QUARANTINE,
                            .actor = "engine",
                            .credential = "",
                            .inbox_sequence = item->sequence,
                            .u.unusable = {.source = "",
                                           .origin = "shared inbox",
                                           .reason = arena_strdup(&shared->arena, why->text),
                                           .bytes = item->bytes,
                                           .byte_count = item->count < QUARANTINE_BYTES_MAX
                                                             ? item->count
                                                             : QUARANTINE_BYTES_MAX,
                                           .size = item->count}};
    memcpy(input->id, item->id, sizeof(input->id));
    return input;
}

/* NULL: it stays in the store for a program that can read it. */
static struct input *take_one(struct shared_inbox *shared, const struct store_inbox_item *item,
                              int64_t mono_ms)
{
    struct err err;
    struct input *input = NULL;
    if (shared_item_decode(item, &input, &err) == 0) {
        return input;
    }
    bool is_newer = err.code == ERR_BUSY;
    if (!is_newer || log_burst_due(&shared->newer_burst, mono_ms)) {
        log_line(LOG_ERROR,
                 is_newer ? "an item of the shared inbox waits for a newer version of this program"
                          : "an item of the shared inbox cannot be read, it goes into quarantine",
                 "sequence", log_i64((int64_t)item->sequence), "error", err.text, NULL);
    }
    shared->left_some = shared->left_some || is_newer;
    return is_newer ? NULL : make_unusable(shared, item, &err);
}

static void begin_again_if_due(struct shared_inbox *shared, int64_t mono_ms)
{
    if (mono_ms < shared->retry_at_mono_ms) {
        return;
    }
    shared->retry_at_mono_ms = mono_ms + SHARED_INBOX_RETRY_MS;
    if (shared->left_some) {
        shared->left_some = false;
        shared->after = 0;
    }
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
    begin_again_if_due(shared, mono_ms);
    arena_reset(&shared->arena);
    if (shared->store->ops->inbox_take(shared->store->self, shared->after, max, &shared->arena,
                                       &items, &count, &err) != 0) {
        if (log_burst_due(&shared->store_burst, mono_ms)) {
            log_line(LOG_WARNING, "the shared inbox cannot be read, trying again", "error",
                     err.text, NULL);
        }
        return 0;
    }
    shared->sequences = arena_alloc_array(&shared->arena, count + 1, sizeof(*shared->sequences));
    for (size_t i = 0; i < count; i++) {
        shared->after = items[i].sequence;
        struct input *input = take_one(shared, &items[i], mono_ms);
        if (input != NULL) {
            input->ticket = &shared->ticket;
            input->ticket_index = (uint32_t)given;
            shared->sequences[given] = items[i].sequence;
            out_inputs[given++] = input;
        }
    }
    if (count == max) {
        shared->poll_at_mono_ms = mono_ms; /* there is more */
    }
    return given;
}

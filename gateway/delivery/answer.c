#include "gateway/delivery/answer.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/id.h"

#define TEXTS_MAX 3

struct answer_block {
    struct input input;
    char bytes[]; /* the texts, then the body */
};

static void answer_release(struct input *input)
{
    _Static_assert(offsetof(struct answer_block, input) == 0,
                   "the input is the block's first member");
    free(input);
}

/* Replaces each text by a copy behind the input. */
static struct answer_block *make_block(const char **texts, size_t text_count, const void **body,
                                       size_t body_count)
{
    size_t sizes[TEXTS_MAX];
    size_t total = body_count;
    ASSERT(text_count <= TEXTS_MAX);
    for (size_t i = 0; i < text_count; i++) {
        texts[i] = texts[i] == NULL ? "" : texts[i];
        sizes[i] = strlen(texts[i]) + 1;
        total += sizes[i];
    }
    struct answer_block *block = heap_alloc(sizeof *block + total);
    char *place = block->bytes;
    for (size_t i = 0; i < text_count; i++) {
        texts[i] = memcpy(place, texts[i], sizes[i]);
        place += sizes[i];
    }
    if (*body != NULL) {
        *body = memcpy(place, *body, body_count);
    }
    struct id id = id_make();
    memcpy(block->input.id, id.bytes, sizeof block->input.id);
    block->input.actor = "delivery";
    block->input.credential = "";
    block->input.release = answer_release;
    return block;
}

static bool put(struct inbox *inbox, struct answer_block *block)
{
    if (inbox_put_owed(inbox, &block->input)) {
        return true;
    }
    answer_release(&block->input);
    return false;
}

bool answer_prepared(struct inbox *inbox, const struct prepared *prepared)
{
    const char *texts[TEXTS_MAX] = {prepared->reason, prepared->content_type, prepared->subject};
    const void *body = prepared->body;
    struct answer_block *block = make_block(texts, TEXTS_MAX, &body, prepared->body_count);
    block->input.kind = INPUT_PREPARED;
    block->input.u.prepared = *prepared;
    block->input.u.prepared.reason = texts[0];
    block->input.u.prepared.content_type = texts[1];
    block->input.u.prepared.subject = texts[2];
    block->input.u.prepared.body = body;
    return put(inbox, block);
}

bool answer_result(struct inbox *inbox, const struct result *result)
{
    const char *texts[TEXTS_MAX] = {result->reason, result->detail, result->provider_id};
    const void *no_body = NULL;
    struct answer_block *block = make_block(texts, TEXTS_MAX, &no_body, 0);
    block->input.kind = INPUT_RESULT;
    block->input.u.result = *result;
    block->input.u.result.reason = texts[0];
    block->input.u.result.detail = texts[1];
    block->input.u.result.provider_id = texts[2];
    return put(inbox, block);
}

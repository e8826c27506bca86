#include "gateway/worker/frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

/* Most answers are short; a large frame grows the buffer to its own size, once. */
#define FIRST_BYTES 4096

void frame_head(enum frame_kind kind, size_t count, unsigned char out[FRAME_HEAD_BYTES])
{
    ASSERT(count <= UINT32_MAX);
    out[0] = (unsigned char)kind;
    for (unsigned i = 1; i < FRAME_HEAD_BYTES; i++) {
        out[i] = (unsigned char)(count >> (8 * (FRAME_HEAD_BYTES - 1 - i)));
    }
}

static bool is_kind(unsigned char byte)
{
    static const char kinds[] = {FRAME_SETUP,  FRAME_READY, FRAME_REQUEST,
                                 FRAME_ANSWER, FRAME_END,   FRAME_FAILED};
    return memchr(kinds, byte, sizeof kinds) != NULL;
}

static size_t read_count(const unsigned char *head)
{
    return (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
}

void frame_reader_init(struct frame_reader *reader, size_t bytes_max)
{
    *reader = (struct frame_reader){.bytes_max = bytes_max};
}

void frame_reader_clear(struct frame_reader *reader)
{
    free(reader->data);
    reader->data = NULL;
    reader->capacity = reader->used = reader->taken = 0;
}

void frame_reader_reset(struct frame_reader *reader)
{
    reader->used = reader->taken = 0;
}

static void drop_taken(struct frame_reader *reader)
{
    if (reader->taken > 0) {
        reader->used -= reader->taken;
        memmove(reader->data, reader->data + reader->taken, reader->used);
        reader->taken = 0;
    }
}

unsigned char *frame_reader_room(struct frame_reader *reader, size_t *out_room)
{
    drop_taken(reader);
    size_t want = FIRST_BYTES;
    if (reader->used >= FRAME_HEAD_BYTES) {
        /* frame_reader_next has refused what is larger than allowed. */
        want = FRAME_HEAD_BYTES + read_count(reader->data) + 1;
        ASSERT(want <= FRAME_HEAD_BYTES + reader->bytes_max + 1);
    }
    want = want > reader->used + 1 ? want : reader->used + 2;
    if (want > reader->capacity) {
        reader->data = heap_realloc(reader->data, want);
        reader->capacity = want;
    }
    *out_room = reader->capacity - reader->used - 1;
    return reader->data + reader->used;
}

void frame_reader_took(struct frame_reader *reader, size_t count)
{
    ASSERT(reader->used + count < reader->capacity);
    reader->used += count;
}

enum frame_state frame_reader_next(struct frame_reader *reader, struct frame *out_frame,
                                   struct err *err)
{
    drop_taken(reader);
    if (reader->used == 0) {
        return FRAME_PARTIAL;
    }
    if (!is_kind(reader->data[0])) {
        (void)err_set(err, ERR_INVALID, "got the byte 0x%02x, want the kind of a frame",
                      reader->data[0]);
        return FRAME_BAD;
    }
    if (reader->used < FRAME_HEAD_BYTES) {
        return FRAME_PARTIAL;
    }
    size_t count = read_count(reader->data);
    if (count > reader->bytes_max) {
        (void)err_set(err, ERR_TOO_LARGE, "got a frame of %zu bytes, want at most %zu", count,
                      reader->bytes_max);
        return FRAME_BAD;
    }
    size_t whole = FRAME_HEAD_BYTES + count;
    if (reader->used < whole) {
        return FRAME_PARTIAL;
    }
    *out_frame = (struct frame){.kind = (enum frame_kind)reader->data[0],
                                .bytes = reader->data + FRAME_HEAD_BYTES,
                                .count = count};
    reader->taken = whole;
    return FRAME_WHOLE;
}

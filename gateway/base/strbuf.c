#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define CAPACITY_MIN ((size_t)256)

void strbuf_init(struct strbuf *buf, size_t max_length)
{
    ASSERT(max_length < SIZE_MAX / 4);
    *buf = (struct strbuf){.max_length = max_length};
}

void strbuf_init_in(struct strbuf *buf, struct arena *arena, size_t max_length)
{
    strbuf_init(buf, max_length);
    buf->arena = arena;
}

char *strbuf_finish(struct strbuf *buf)
{
    ASSERT(buf->arena != NULL);
    char *text = buf->data != NULL
                     ? arena_resize(buf->arena, buf->data, buf->capacity, buf->length + 1)
                     : arena_strdup(buf->arena, "");
    buf->data = NULL;
    buf->length = 0;
    buf->capacity = 0;
    /* `overflowed` stays, as in strbuf_steal. */
    return text;
}

void strbuf_clear(struct strbuf *buf)
{
    if (buf->arena == NULL) {
        free(buf->data);
    }
    strbuf_init_in(buf, buf->arena, buf->max_length);
}

void strbuf_reset(struct strbuf *buf)
{
    buf->length = 0;
    buf->overflowed = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

const char *strbuf_text(const struct strbuf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *strbuf_steal(struct strbuf *buf)
{
    ASSERT(buf->arena == NULL);
    char *text = buf->data != NULL ? buf->data : heap_strdup("");
    buf->data = NULL;
    buf->length = 0;
    buf->capacity = 0;
    /* `overflowed` stays: a caller that looks only after taking the text must still see it. */
    return text;
}

/* Makes room for `count` more bytes and the NUL; false, and overflowed, when the maximum forbids
 * it. */
static bool reserve(struct strbuf *buf, size_t count)
{
    if (buf->overflowed || count > buf->max_length - buf->length) {
        buf->overflowed = true;
        return false;
    }
    size_t needed = buf->length + count + 1;
    if (needed <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity * 2 > CAPACITY_MIN ? buf->capacity * 2 : CAPACITY_MIN;
    if (capacity > buf->max_length + 1) {
        capacity = buf->max_length + 1;
    }
    if (capacity < needed) {
        capacity = needed;
    }
    buf->data = buf->arena != NULL ? arena_resize(buf->arena, buf->data, buf->capacity, capacity)
                                   : heap_realloc(buf->data, capacity);
    buf->capacity = capacity;
    return true;
}

void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t count)
{
    char *to = count > 0 ? strbuf_room(buf, count) : NULL;
    if (to == NULL) {
        return;
    }
    memcpy(to, bytes, count);
    strbuf_wrote(buf, to + count);
}

char *strbuf_make_room(struct strbuf *buf, size_t count)
{
    return reserve(buf, count) ? buf->data + buf->length : NULL;
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    size_t count = (size_t)length;
    if (count == 0 || !reserve(buf, count)) {
        return;
    }
    va_start(arguments, format);
    int written = vsnprintf(buf->data + buf->length, count + 1, format, arguments);
    va_end(arguments);
    ASSERT(written == length);
    buf->length += count;
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

char *text_put_i64(char *to, int64_t number)
{
    char digits[2 *
                TEXT_I64_BYTES]; /* the second half is never read but by the copy of fixed size */
    size_t at = TEXT_I64_BYTES;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    if ((uint64_t)number < 10) {
        *to = (char)('0' + number);
        return to + 1;
    }
    while (rest >= 100) { /* two at a time: a division is what it costs */
        at -= 2;
        memcpy(digits + at, pairs + rest % 100 * 2, 2);
        rest /= 100;
    }
    if (rest >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + rest * 2, 2);
    } else {
        digits[--at] = (char)('0' + rest);
    }
    if (number < 0) {
        digits[--at] = '-';
    }
    memcpy(to, digits + at, TEXT_I64_BYTES);
    return to + TEXT_I64_BYTES - at;
}

void strbuf_add_i64(struct strbuf *buf, int64_t number)
{
    char text[TEXT_I64_BYTES];
    strbuf_add_bytes(buf, text, (size_t)(text_put_i64(text, number) - text));
}

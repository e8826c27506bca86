#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define STRBUF_FIRST_BYTES ((size_t)64)

void strbuf_init(struct strbuf *buf, size_t max_length)
{
    ASSERT(max_length < SIZE_MAX / 4);
    *buf = (struct strbuf){.max_length = max_length};
}

void strbuf_clear(struct strbuf *buf)
{
    free(buf->data);
    *buf = (struct strbuf){.max_length = buf->max_length};
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
    return buf->data == NULL ? "" : buf->data;
}

char *strbuf_steal(struct strbuf *buf)
{
    char *text = buf->data == NULL ? heap_strdup("") : buf->data;
    *buf = (struct strbuf){.max_length = buf->max_length};
    return text;
}

/* Room for `count` more bytes and the NUL, or false, and then the buffer takes nothing more. */
static bool strbuf_reserve(struct strbuf *buf, size_t count)
{
    if (buf->overflowed || count > buf->max_length - buf->length) {
        buf->overflowed = true;
        return false;
    }
    size_t needed = buf->length + count + 1;
    if (needed <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity == 0 ? STRBUF_FIRST_BYTES : buf->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity > buf->max_length + 1) {
        capacity = buf->max_length + 1;
    }
    buf->data = heap_realloc(buf->data, capacity);
    buf->capacity = capacity;
    return true;
}

void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t count)
{
    if (count == 0 || !strbuf_reserve(buf, count)) {
        return;
    }
    memcpy(buf->data + buf->length, bytes, count);
    buf->length += count;
    buf->data[buf->length] = '\0';
}

void strbuf_add(struct strbuf *buf, const char *text)
{
    strbuf_add_bytes(buf, text, strlen(text));
}

void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add_bytes(buf, &c, 1);
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    ASSERT(length >= 0);
    if ((size_t)length < sizeof(small)) {
        strbuf_add_bytes(buf, small, (size_t)length);
    } else if (strbuf_reserve(buf, (size_t)length)) {
        int written = vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
        ASSERT(written == length);
        buf->length += (size_t)length;
    }
    va_end(again);
}

void strbuf_add_i64(struct strbuf *buf, int64_t number)
{
    char digits[20]; /* "-9223372036854775808" */
    size_t first = sizeof(digits);
    uint64_t rest = number < 0 ? UINT64_C(0) - (uint64_t)number : (uint64_t)number;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) {
        digits[--first] = '-';
    }
    strbuf_add_bytes(buf, digits + first, sizeof(digits) - first);
}

void strbuf_add_rfc3339(struct strbuf *buf, int64_t at_ms)
{
    char text[TEXT_RFC3339_BYTES];
    strbuf_add(buf, text_rfc3339(at_ms, text));
}

#include "gateway/base/wire.h"

#include <string.h>

#include "gateway/base/assert.h"

#define NUMBER_BYTES 4

void wire_put_number(struct strbuf *out, uint32_t number)
{
    const unsigned char bytes[NUMBER_BYTES] = {(unsigned char)(number >> 24),
                                               (unsigned char)(number >> 16),
                                               (unsigned char)(number >> 8), (unsigned char)number};
    strbuf_add_bytes(out, bytes, sizeof bytes);
}

void wire_put_bytes(struct strbuf *out, const void *bytes, size_t count)
{
    ASSERT(count <= UINT32_MAX);
    wire_put_number(out, (uint32_t)count);
    strbuf_add_bytes(out, bytes, count);
    strbuf_add_bytes(out, "", 1);
}

void wire_put_text(struct strbuf *out, const char *text)
{
    wire_put_bytes(out, text, strlen(text));
}

void wire_begin(struct wire *wire, const void *bytes, size_t count)
{
    *wire = (struct wire){.at = bytes, .left = count};
}

static const unsigned char *take(struct wire *wire, size_t count)
{
    const unsigned char *taken = wire->at;
    if (wire->is_bad || count > wire->left) {
        wire->is_bad = true;
        return NULL;
    }
    wire->at += count;
    wire->left -= count;
    return taken;
}

uint32_t wire_number(struct wire *wire)
{
    const unsigned char *bytes = take(wire, NUMBER_BYTES);
    return bytes == NULL ? 0
                         : (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                               (uint32_t)bytes[2] << 8 | bytes[3];
}

const char *wire_bytes(struct wire *wire, size_t *out_count)
{
    size_t count = wire_number(wire);
    const unsigned char *bytes = take(wire, count + 1);
    if (bytes == NULL || bytes[count] != '\0') {
        wire->is_bad = true;
        *out_count = 0;
        return "";
    }
    *out_count = count;
    return (const char *)bytes;
}

const char *wire_text(struct wire *wire)
{
    size_t count = 0;
    const char *text = wire_bytes(wire, &count);
    if (strlen(text) != count) {
        wire->is_bad = true;
        return "";
    }
    return text;
}

bool wire_is_over(const struct wire *wire)
{
    return !wire->is_bad && wire->left == 0;
}

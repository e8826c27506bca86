#include "gateway/api/ics.h"

#include <string.h>

#include "gateway/base/assert.h"

enum { LINE_BYTES_MAX = 75, VALUE_BYTES_MAX = 8192 };

void ics_line(struct strbuf *out, const char *name, const char *value)
{
    struct strbuf line;
    strbuf_init(&line, VALUE_BYTES_MAX);
    strbuf_printf(&line, "%s:%s", name, value);
    const char *text = strbuf_text(&line);
    size_t left = line.length;
    size_t room = LINE_BYTES_MAX;
    while (left > 0) {
        size_t take = 0;
        while (take < left) {
            size_t step = text_utf8_step(text + take, left - take);
            step = step == 0 ? 1 : step; /* no character: as it is */
            if (take + step > room)
                break;
            take += step;
        }
        strbuf_add_bytes(out, text, take);
        text += take;
        left -= take;
        if (left > 0)
            strbuf_add(out, "\r\n ");
        room = LINE_BYTES_MAX - 1; /* the blank counts */
    }
    strbuf_add(out, "\r\n");
    out->overflowed = out->overflowed || line.overflowed;
    strbuf_clear(&line);
}

void ics_text(struct strbuf *out, const char *name, const char *text)
{
    struct strbuf value;
    strbuf_init(&value, VALUE_BYTES_MAX);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n')
            strbuf_add(&value, "\\n");
        else if (strchr("\\;,", *c) != NULL)
            strbuf_printf(&value, "\\%c", *c);
        else if ((unsigned char)*c >= ' ' && *c != '\x7f')
            strbuf_add_char(&value, *c);
    }
    ics_line(out, name, strbuf_text(&value));
    out->overflowed = out->overflowed || value.overflowed;
    strbuf_clear(&value);
}

/* "2026-03-01T09:00:00Z" without its dashes and colons. */
const char *ics_time_text(int64_t at_ms, char out[ICS_TIME_BYTES])
{
    char text[TEXT_RFC3339_BYTES];
    size_t count = 0;
    text_rfc3339(at_ms - at_ms % 1000, text);
    for (const char *c = text; *c != '\0' && count + 1 < ICS_TIME_BYTES; c++) {
        if (*c != '-' && *c != ':')
            out[count++] = *c;
    }
    ASSERT(count == ICS_TIME_BYTES - 1 && out[count - 1] == 'Z');
    out[count] = '\0';
    return out;
}

void ics_time(struct strbuf *out, const char *name, int64_t at_ms)
{
    char text[ICS_TIME_BYTES];
    ics_line(out, name, ics_time_text(at_ms, text));
}

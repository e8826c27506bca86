#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

/* What stands for a byte sequence that is no UTF-8, as raw UTF-8 and as an escape. */
static const char replacement[] = "\xef\xbf\xbd";
static const char replacement_escape[] = "\\ufffd";

static const char *json_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case '<':
        return "\\u003c";
    case '>':
        return "\\u003e";
    case '&':
        return "\\u0026";
    default:
        return NULL;
    }
}

static bool json_is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '<' &&
           byte != '>' && byte != '&';
}

static void add_json_byte(struct strbuf *buf, unsigned char byte)
{
    const char *escape = json_escape(byte);
    if (escape != NULL) {
        strbuf_add(buf, escape);
    } else {
        strbuf_printf(buf, "\\u%04x", (unsigned)byte);
    }
}

void strbuf_add_json_string(struct strbuf *buf, const char *text)
{
    const char *end = text + strlen(text);
    strbuf_add_char(buf, '"');
    const char *run = text; /* what may be copied as it is */
    const char *at = text;
    while (at < end) {
        unsigned char byte = (unsigned char)*at;
        size_t step =
            byte < 0x80 ? (json_is_plain(byte) ? 1 : 0) : text_utf8_step(at, (size_t)(end - at));
        if (step != 0) {
            at += step;
            continue;
        }
        strbuf_add_bytes(buf, run, (size_t)(at - run));
        if (byte < 0x80) {
            add_json_byte(buf, byte);
        } else {
            strbuf_add(buf, replacement_escape);
        }
        run = ++at;
    }
    strbuf_add_bytes(buf, run, (size_t)(at - run));
    strbuf_add_char(buf, '"');
}

static const char *html_escape(unsigned char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        break;
    }
    /* HTML has no way to write the other control characters, not even escaped. */
    bool is_control = (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f;
    return is_control ? replacement : NULL;
}

void strbuf_add_html(struct strbuf *buf, const char *text)
{
    const char *end = text + strlen(text);
    const char *run = text;
    const char *at = text;
    while (at < end) {
        unsigned char byte = (unsigned char)*at;
        const char *escape = html_escape(byte);
        size_t step = text_utf8_step(at, (size_t)(end - at));
        if (escape == NULL && step != 0) {
            at += step;
            continue;
        }
        strbuf_add_bytes(buf, run, (size_t)(at - run));
        strbuf_add(buf, escape != NULL ? escape : replacement);
        run = ++at;
    }
    strbuf_add_bytes(buf, run, (size_t)(at - run));
}

/* U+0080..U+009F are control characters too, and some terminals obey them. */
static bool is_c1_control(const char *at, size_t step)
{
    return step == 2 && (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] < 0xa0;
}

static bool logfmt_is_bare(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        unsigned char byte = (unsigned char)text[at];
        size_t step = text_utf8_step(text + at, length - at);
        bool plain = step != 0 && byte > 0x20 && byte != 0x7f && byte != '"' && byte != '=' &&
                     byte != '\\' && !is_c1_control(text + at, step);
        if (!plain) {
            return false;
        }
        at += step;
    }
    return length != 0;
}

static void add_logfmt_char(struct strbuf *buf, const char *at, size_t step)
{
    unsigned char byte = (unsigned char)*at;
    if (step == 0) {
        strbuf_add(buf, replacement_escape);
    } else if (byte == '"' || byte == '\\' || byte == '\n' || byte == '\r' || byte == '\t') {
        strbuf_add(buf, json_escape(byte));
    } else if (byte < 0x20 || byte == 0x7f) {
        strbuf_printf(buf, "\\u%04x", (unsigned)byte);
    } else if (is_c1_control(at, step)) {
        strbuf_printf(buf, "\\u%04x", (unsigned)(unsigned char)at[1]);
    } else {
        strbuf_add_bytes(buf, at, step);
    }
}

void strbuf_add_logfmt(struct strbuf *buf, const char *text)
{
    size_t length = strlen(text);
    if (logfmt_is_bare(text, length)) {
        strbuf_add_bytes(buf, text, length);
        return;
    }
    strbuf_add_char(buf, '"');
    for (size_t at = 0; at < length;) {
        size_t step = text_utf8_step(text + at, length - at);
        add_logfmt_char(buf, text + at, step);
        at += step == 0 ? 1 : step;
    }
    strbuf_add_char(buf, '"');
}

static bool url_is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void strbuf_add_url(struct strbuf *buf, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (url_is_unreserved(byte)) {
            strbuf_add_char(buf, *at);
            continue;
        }
        const char escaped[] = {'%', hex[byte >> 4], hex[byte & 15]};
        strbuf_add_bytes(buf, escaped, sizeof(escaped));
    }
}

#include "gateway/base/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/base/words.h"

#define INTEGER_DIGITS_MAX 18 /* every such number fits into 64 bits */

void json_scan_begin(struct json_scan *scan, char *text, size_t count)
{
    ASSERT(text[count] == '\0');
    *scan = (struct json_scan){.at = text, .end = text + count};
}

static void skip_space(struct json_scan *scan)
{
    while (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t') {
        scan->at++;
    }
}

bool json_scan_sees(struct json_scan *scan, char wanted)
{
    skip_space(scan);
    return *scan->at == wanted; /* the NUL at the end is never wanted */
}

bool json_scan_take(struct json_scan *scan, char wanted)
{
    if (!json_scan_sees(scan, wanted)) {
        return false;
    }
    scan->at++;
    return true;
}

bool json_scan_at_end(struct json_scan *scan)
{
    skip_space(scan);
    return scan->at == scan->end;
}

/* Bytes 0x20..0x7e other than quote and backslash: what stands in a string for itself. */
static bool is_plain_word(uint64_t word)
{
    return !word_has_below(word, 0x20) && !word_has(word, '"') && !word_has(word, '\\') &&
           !word_has(word, 0x7f) && !word_has_top(word);
}

static bool is_plain_byte(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static char *skip_plain(char *at, const char *end)
{
    while ((size_t)(end - at) >= WORD_BYTES && is_plain_word(word_load(at))) {
        at += WORD_BYTES;
    }
    while (is_plain_byte(*at)) {
        at++;
    }
    return at;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits, or -1. A NUL is no digit, so the end is never passed. */
static int32_t hex_4(const char *at)
{
    int32_t number = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = hex_value(at[i]);
        if (value < 0) {
            return -1;
        }
        number = number * 16 + value;
    }
    return number;
}

static char *put_utf8(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | (code >> 6));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | (code >> 12));
        *out++ = (char)(0x80 | ((code >> 6) & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | (code >> 18));
        *out++ = (char)(0x80 | ((code >> 12) & 0x3f));
        *out++ = (char)(0x80 | ((code >> 6) & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* *at is behind "\u" and moves behind the digits; half a pair of surrogates is refused, as is
 * U+0000. */
static int32_t unicode_escape(char **at)
{
    int32_t code = hex_4(*at);
    if (code <= 0 || (code >= 0xdc00 && code < 0xe000)) {
        return -1;
    }
    *at += 4;
    if (code < 0xd800 || code >= 0xe000) {
        return code;
    }
    int32_t low = (*at)[0] == '\\' && (*at)[1] == 'u' ? hex_4(*at + 2) : -1;
    if (low < 0xdc00 || low >= 0xe000) {
        return -1;
    }
    *at += 6;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* What stands after the backslash at *at; -1: no escape. */
static int32_t escaped_code(char **at)
{
    char c = *(*at)++;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        return unicode_escape(at);
    default:
        return -1;
    }
}

/* The rest of a string from its first byte that is not plain; decoding never writes past what was
 * read. */
static bool decode_rest(struct json_scan *scan, char *out, struct json_scan_text *text)
{
    char *at = scan->at;
    while (*at != '"') {
        if (*at == '\\') {
            at++;
            int32_t code = escaped_code(&at);
            if (code < 0) {
                return false;
            }
            char *from = out;
            out = put_utf8(out, code);
            text->has_control = text->has_control || text_has_control(from, (size_t)(out - from));
            continue;
        }
        size_t step = text_utf8_step(at, (size_t)(scan->end - at));
        if (step == 0 || (unsigned char)*at < 0x20) {
            return false;
        }
        text->has_control = text->has_control || *at == 0x7f;
        memmove(out, at, step);
        out += step;
        at += step;
    }
    *out = '\0';
    text->length = (size_t)(out - text->text);
    scan->at = at + 1;
    return true;
}

bool json_scan_string(struct json_scan *scan, struct json_scan_text *out_text)
{
    if (!json_scan_take(scan, '"')) {
        return false;
    }
    struct json_scan_text text = {.text = scan->at};
    char *stop = skip_plain(scan->at, scan->end);
    if (*stop == '"') {
        *stop = '\0';
        text.length = (size_t)(stop - scan->at);
        scan->at = stop + 1;
    } else {
        scan->at = stop;
        if (!decode_rest(scan, stop, &text)) {
            return false;
        }
    }
    *out_text = text;
    return true;
}

bool json_scan_key(struct json_scan *scan, struct json_scan_text *out_key)
{
    return json_scan_string(scan, out_key) && json_scan_take(scan, ':');
}

static bool copy_word(struct json_scan *scan, const char *word, struct strbuf *out)
{
    size_t length = strlen(word);
    if (strncmp(scan->at, word, length) != 0) {
        return false;
    }
    scan->at += length;
    strbuf_add_bytes(out, word, length);
    return true;
}

static bool copy_integer(struct json_scan *scan, struct strbuf *out)
{
    const char *first = scan->at;
    const char *digits = first + (*first == '-');
    size_t count = strspn(digits, "0123456789");
    bool is_canonical = digits[0] != '0' || (count == 1 && digits == first);
    bool is_real = digits[count] == '.' || (digits[count] | 0x20) == 'e';
    if (count == 0 || count > INTEGER_DIGITS_MAX || !is_canonical || is_real) {
        return false;
    }
    size_t length = count + (size_t)(digits - first);
    strbuf_add_bytes(out, first, length);
    scan->at += length;
    return true;
}

static bool copy_array(struct json_scan *scan, unsigned depth, struct strbuf *out)
{
    const char *separator = "";
    strbuf_add_char(out, '[');
    if (!json_scan_take(scan, ']')) {
        do {
            strbuf_add(out, separator);
            separator = ",";
            if (!json_scan_copy(scan, depth, out)) {
                return false;
            }
        } while (json_scan_take(scan, ','));
        if (!json_scan_take(scan, ']')) {
            return false;
        }
    }
    strbuf_add_char(out, ']');
    return true;
}

static bool is_new(const struct json_scan_text *keys, size_t count,
                   const struct json_scan_text *key)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].length == key->length && memcmp(keys[i].text, key->text, key->length) == 0) {
            return false;
        }
    }
    return true;
}

static bool copy_member(struct json_scan *scan, unsigned depth, struct json_scan_text *out_key,
                        struct strbuf *out)
{
    if (!json_scan_key(scan, out_key)) {
        return false;
    }
    strbuf_add_json_string(out, out_key->text);
    strbuf_add_char(out, ':');
    return json_scan_copy(scan, depth, out);
}

static bool copy_object(struct json_scan *scan, unsigned depth, struct strbuf *out)
{
    struct json_scan_text keys[JSON_SCAN_KEYS_MAX];
    size_t count = 0;
    strbuf_add_char(out, '{');
    if (!json_scan_take(scan, '}')) {
        do {
            strbuf_add(out, count > 0 ? "," : "");
            if (count == JSON_SCAN_KEYS_MAX || !copy_member(scan, depth, &keys[count], out) ||
                !is_new(keys, count, &keys[count])) {
                return false;
            }
            count++;
        } while (json_scan_take(scan, ','));
        if (!json_scan_take(scan, '}')) {
            return false;
        }
    }
    strbuf_add_char(out, '}');
    return true;
}

static bool copy_string(struct json_scan *scan, struct strbuf *out)
{
    struct json_scan_text text;
    if (!json_scan_string(scan, &text)) {
        return false;
    }
    strbuf_add_json_string(out, text.text);
    return true;
}

static bool copy_value(struct json_scan *scan, unsigned depth, struct strbuf *out)
{
    if (json_scan_take(scan, '{')) {
        return depth < JSON_DEPTH_MAX && copy_object(scan, depth + 1, out);
    }
    if (json_scan_take(scan, '[')) {
        return depth < JSON_DEPTH_MAX && copy_array(scan, depth + 1, out);
    }
    switch (*scan->at) { /* the space before it has been skipped */
    case '"':
        return copy_string(scan, out);
    case 't':
        return copy_word(scan, "true", out);
    case 'f':
        return copy_word(scan, "false", out);
    case 'n':
        return copy_word(scan, "null", out);
    default:
        return copy_integer(scan, out);
    }
}

/* Recursion is bounded by the depth. */
bool json_scan_copy(struct json_scan *scan, unsigned depth, struct strbuf *out)
{
    return copy_value(scan, depth, out) && !out->overflowed;
}

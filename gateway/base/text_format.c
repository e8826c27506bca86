#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/base/words.h"
#include "gateway/base/zone.h"

#define DAY_MS ((int64_t)86400000)

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

/* What one unit of text becomes; `keep` bytes pass as they are, otherwise `with` stands for `step`
 * bytes. */
struct piece {
    size_t step;
    const char *with; /* NULL: keep */
};

static struct piece utf8_piece(const char *text, size_t left, const char *replacement)
{
    size_t step = text_utf8_step(text, left);
    if (step == 0) {
        return (struct piece){.step = 1, .with = replacement};
    }
    return (struct piece){.step = step, .with = NULL};
}

static const char *unicode_escape(unsigned char c, char out[8])
{
    memcpy(out, "\\u00", 4);
    out[4] = hex_lower[c >> 4];
    out[5] = hex_lower[c & 15];
    out[6] = '\0';
    return out;
}

static const char *control_escape(unsigned char c, char out[8])
{
    switch (c) {
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
    default:
        return unicode_escape(c, out);
    }
}

typedef struct piece piece_maker(const char *text, size_t left, char scratch[8]);

/* Runs that need no change are added in one go. */
static void add_escaped(struct strbuf *buf, const char *text, piece_maker *make)
{
    size_t length = strlen(text);
    size_t run = 0;
    size_t at = 0;
    while (at < length) {
        char scratch[8];
        struct piece piece = make(text + at, length - at, scratch);
        if (piece.with != NULL) {
            strbuf_add_bytes(buf, text + run, at - run);
            strbuf_add(buf, piece.with);
            run = at + piece.step;
        }
        at += piece.step;
    }
    strbuf_add_bytes(buf, text + run, length - run);
}

static struct piece json_piece(const char *text, size_t left, char scratch[8])
{
    unsigned char c = (unsigned char)*text;
    if (c >= 0x80) {
        return utf8_piece(text, left, "\\ufffd");
    }
    bool keep = c >= 0x20 && c != '"' && c != '\\' && c != '<';
    return (struct piece){.step = 1, .with = keep ? NULL : control_escape(c, scratch)};
}

/* Not 0 if any of the eight bytes cannot stand in a JSON string as it is: the top bit of one that is below 0x20, `"`, `\`,
 * `<` or beyond ASCII is set. (A borrow may set another one too, but only above such a byte.) */
static inline uint64_t json_odd(uint64_t word)
{
    uint64_t quote = word ^ (WORD_ONES * '"');
    uint64_t slash = word ^ (WORD_ONES * '\\');
    uint64_t angle = word ^ (WORD_ONES * '<');
    return ((word - WORD_ONES * 0x20) | (quote - WORD_ONES) | (slash - WORD_ONES) |
            (angle - WORD_ONES) | word) &
           WORD_TOPS;
}

/* Copies the text if all of it can stand in a JSON string as it is; otherwise what lies at `to` means nothing. */
static inline bool json_copy_plain(char *to, const char *text, size_t length)
{
    uint64_t odd = 0;
    if (length >= WORD_BYTES) {
        for (size_t at = 0; at + WORD_BYTES < length; at += WORD_BYTES) {
            odd |= json_odd(word_load(text + at));
            memcpy(to + at, text + at, WORD_BYTES);
        }
        /* The end once more as a whole, instead of the few bytes that are left one by one. */
        memcpy(to + length - WORD_BYTES, text + length - WORD_BYTES, WORD_BYTES);
        return (odd | json_odd(word_load_end(text, length))) == 0;
    }
    if (length >= WORD_BYTES / 2) {
        memcpy(to, text, WORD_BYTES / 2);
        memcpy(to + length - WORD_BYTES / 2, text + length - WORD_BYTES / 2, WORD_BYTES / 2);
        return json_odd(word_load_end(text, length)) == 0;
    }
    for (size_t at = 0; at < length; at++) {
        to[at] = text[at];
        odd = odd << 8 | (unsigned char)text[at];
    }
    return json_odd(odd | (WORD_ONES * 'a') << 8 * length) == 0;
}

/* Bytes that stand in a JSON string as they are. */
static const bool json_plain[256] = {
    [0x20 ... '!'] = true, ['#' ... ';'] = true, ['=' ... '['] = true, [']' ... 0x7f] = true};
enum { JSON_SHORT = 16 };

/* The same for a text below JSON_SHORT bytes, byte by byte: it need not be measured before. Its end, or NULL when the text
 * is anything else. */
static inline char *json_copy_short(char *to, const char *text)
{
#pragma GCC unroll 16
    for (size_t at = 0; at < JSON_SHORT; at++) {
        unsigned char c = (unsigned char)text[at];
        if (!json_plain[c]) {
            return c == '\0' ? to + at : NULL;
        }
        to[at] = text[at];
    }
    return NULL;
}

/* Out of the way of what is written mostly. */
static __attribute__((noinline)) void add_json_long(struct strbuf *buf, const char *text)
{
    size_t length = strlen(text);
    char *place = strbuf_room(buf, length + 2);
    if (place == NULL) {
        return;
    }
    if (json_copy_plain(place + 1, text, length)) {
        place[0] = '"';
        place[length + 1] = '"';
        strbuf_wrote(buf, place + length + 2);
        return;
    }
    strbuf_add_char(buf, '"');
    add_escaped(buf, text, json_piece);
    strbuf_add_char(buf, '"');
}

void strbuf_add_json_string(struct strbuf *buf, const char *text)
{
    char *to = strbuf_spare(buf, JSON_SHORT + 2);
    char *end = to != NULL ? json_copy_short(to + 1, text) : NULL;
    if (end == NULL) {
        add_json_long(buf, text);
        return;
    }
    *to = '"';
    *end = '"';
    strbuf_wrote(buf, end + 1);
}

void strbuf_add_json_member(struct strbuf *buf, char before, const char *name, const char *value)
{
    char *to = strbuf_spare(buf, 2 * JSON_SHORT + strlen(",\"\":\"\""));
    char *middle = to != NULL ? json_copy_short(to + 2, name) : NULL;
    char *end = middle != NULL ? json_copy_short(middle + 3, value) : NULL;
    if (end == NULL) {
        strbuf_add_char(buf, before);
        strbuf_add_json_string(buf, name);
        strbuf_add_char(buf, ':');
        strbuf_add_json_string(buf, value);
        return;
    }
    to[0] = before;
    to[1] = '"';
    memcpy(middle, "\":\"", 3);
    *end = '"';
    strbuf_wrote(buf, end + 1);
}

static const char replacement_character[] = "\xef\xbf\xbd"; /* U+FFFD */

static struct piece html_piece(const char *text, size_t left, char scratch[8])
{
    (void)scratch;
    if ((unsigned char)*text >= 0x80) {
        return utf8_piece(text, left, replacement_character);
    }
    /* HTML cannot carry the other control characters, not even escaped. */
    const char *with = text_has_control(text, 1) && *text != '\r' ? replacement_character : NULL;
    switch (*text) {
    case '&':
        with = "&amp;";
        break;
    case '<':
        with = "&lt;";
        break;
    case '>':
        with = "&gt;";
        break;
    case '"':
        with = "&quot;";
        break;
    case '\'':
        with = "&#39;";
        break;
    default:
        break;
    }
    return (struct piece){.step = 1, .with = with};
}

void strbuf_add_html(struct strbuf *buf, const char *text)
{
    add_escaped(buf, text, html_piece);
}

static struct piece logfmt_piece(const char *text, size_t left, char scratch[8])
{
    unsigned char c = (unsigned char)*text;
    if (c == 0xc2 && left > 1 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0) {
        /* The C1 controls: terminals act on them as on ESC sequences. */
        return (struct piece){.step = 2, .with = unicode_escape((unsigned char)text[1], scratch)};
    }
    if (c >= 0x80) {
        return utf8_piece(text, left, replacement_character);
    }
    bool keep = c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
    return (struct piece){.step = 1, .with = keep ? NULL : control_escape(c, scratch)};
}

static bool is_bare(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return *text != '\0';
}

void strbuf_add_logfmt(struct strbuf *buf, const char *text)
{
    if (is_bare(text)) {
        strbuf_add(buf, text);
        return;
    }
    strbuf_add_char(buf, '"');
    add_escaped(buf, text, logfmt_piece);
    strbuf_add_char(buf, '"');
}

static struct piece url_piece(const char *text, size_t left, char scratch[8])
{
    (void)left;
    unsigned char c = (unsigned char)*text;
    bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '.' || c == '_' || c == '~';
    scratch[0] = '%';
    scratch[1] = hex_upper[c >> 4];
    scratch[2] = hex_upper[c & 15];
    scratch[3] = '\0';
    return (struct piece){.step = 1, .with = keep ? NULL : scratch};
}

void strbuf_add_url(struct strbuf *buf, const char *text)
{
    add_escaped(buf, text, url_piece);
}

static char *put_digits(char *at, int number, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + width;
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

const char *text_rfc3339(int64_t at_ms, char out[TEXT_RFC3339_BYTES])
{
    /* RFC 3339 has four digits for the year: what lies outside is shown as its nearest end. */
    at_ms = clamp(at_ms, civil_days(1, 1, 1) * DAY_MS, civil_days(10000, 1, 1) * DAY_MS - 1);
    int64_t days = at_ms / DAY_MS - (at_ms % DAY_MS < 0);
    int ms = (int)(at_ms - days * DAY_MS);
    int year, month, day;
    civil_from_days(days, &year, &month, &day);
    char *at = put_digits(out, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, ms / 1000 % 60, 2);
    if (ms % 1000 != 0) {
        *at++ = '.';
        at = put_digits(at, ms % 1000, 3);
    }
    *at++ = 'Z';
    *at = '\0';
    return out;
}

void strbuf_add_rfc3339(struct strbuf *buf, int64_t at_ms)
{
    char text[TEXT_RFC3339_BYTES];
    strbuf_add(buf, text_rfc3339(at_ms, text));
}

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

const char *text_duration(int64_t duration_ms, char out[TEXT_RFC3339_BYTES])
{
    static const struct {
        uint64_t seconds;
        char letter;
    } units[] = {{.seconds = 86400, .letter = 'd'},
                 {.seconds = 3600, .letter = 'h'},
                 {.seconds = 60, .letter = 'm'},
                 {.seconds = 1, .letter = 's'}};
    char *at = out;
    uint64_t rest = duration_ms < 0 ? 0 - (uint64_t)duration_ms : (uint64_t)duration_ms;
    if (duration_ms < 0) {
        *at++ = '-';
    }
    if (rest % 1000 != 0) {
        at = put_number(at, rest);
        memcpy(at, "ms", 3);
        return out;
    }
    rest /= 1000;
    if (rest == 0) {
        memcpy(at, "0s", 3);
        return out;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (rest >= units[i].seconds) {
            at = put_number(at, rest / units[i].seconds);
            *at++ = units[i].letter;
            rest %= units[i].seconds;
        }
    }
    *at = '\0';
    return out;
}

const char *text_uuid(const unsigned char bytes[16], char out[TEXT_UUID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    size_t length = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[length++] = '-';
        }
        out[length++] = digits[bytes[i] >> 4];
        out[length++] = digits[bytes[i] & 15];
    }
    out[length] = '\0';
    return out;
}

#include "gateway/delivery/mime.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/assert.h"
#include "gateway/base/mailbox.h"
#include "gateway/system/digest.h"

#define HEADER_TEXT_MAX 4096 /* of one value; what is longer is cut between two characters */
#define WIRE_LINE_MAX 998
#define WORD_LINE_MAX 60 /* a longer word of ASCII is encoded, so that it can be folded */
#define CLOSING "?="

static const char hex[] = "0123456789ABCDEF";

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

/* The gate: what reaches a header is one line of UTF-8 without unseen characters, runs of blanks are
 * one, none at the ends. */
static void clean(const char *text, struct strbuf *out)
{
    size_t left = strlen(text);
    bool owes_blank = false;
    strbuf_init(out, HEADER_TEXT_MAX);
    while (left > 0) {
        size_t unseen = text_unseen_step(text, left);
        size_t step = unseen != 0 ? unseen : text_utf8_step(text, left);
        if (unseen != 0 || *text == ' ') {
            owes_blank = out->length > 0;
        } else {
            if (out->length + 1 + 3 + step > HEADER_TEXT_MAX) {
                break;
            }
            strbuf_add(out, owes_blank ? " " : "");
            strbuf_add_bytes(out, step != 0 ? text : "\xef\xbf\xbd", step != 0 ? step : 3);
            owes_blank = false;
        }
        step = step != 0 ? step : 1;
        text += step;
        left -= step;
    }
}

static size_t line_room(size_t used)
{
    return used < MIME_LINE_BYTES_MAX ? MIME_LINE_BYTES_MAX - used : 0;
}

/* --- encoded words --- */

static bool stays_in_q(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!*+-/", c) != NULL);
}

static size_t q_width(const char *text, size_t count)
{
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        width += c == ' ' || stays_in_q(c) ? 1 : 3;
    }
    return width;
}

static void add_q(struct strbuf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == ' ') {
            strbuf_add_char(out, '_');
        } else if (stays_in_q(c)) {
            strbuf_add_char(out, (char)c);
        } else {
            const char escaped[] = {'=', hex[c >> 4], hex[c & 15]};
            strbuf_add_bytes(out, escaped, sizeof escaped);
        }
    }
}

static size_t b_width(size_t count)
{
    return (count + 2) / 3 * 4;
}

/* As many whole characters as fit into `room` columns of an encoded word. */
static size_t word_bytes(const char *text, size_t left, bool is_b, size_t room)
{
    size_t taken = 0;
    while (taken < left) {
        size_t step = text_utf8_step(text + taken, left - taken);
        size_t next = taken + (step != 0 ? step : 1);
        if ((is_b ? b_width(next) : q_width(text, next)) > room) {
            break;
        }
        taken = next;
    }
    return taken;
}

/* `text` as encoded words with folds between them; `used` bytes of the line are gone already. The
 * blank between two of them is not part of the text. */
static void add_words(struct strbuf *out, const char *text, size_t used)
{
    size_t left = strlen(text);
    bool is_b = q_width(text, left) > b_width(left);
    const char *opening = is_b ? "=?UTF-8?B?" : "=?UTF-8?Q?";
    size_t frame = strlen(opening) + strlen(CLOSING);
    while (left > 0) {
        size_t room = line_room(used + frame);
        size_t taken = word_bytes(text, left, is_b, room);
        if (taken > 0) {
            strbuf_add(out, opening);
            if (is_b) {
                digest_base64(text, taken, out);
            } else {
                add_q(out, text, taken);
            }
            strbuf_add(out, CLOSING);
        }
        text += taken;
        left -= taken;
        strbuf_add(out, left > 0 ? "\r\n " : "");
        used = 1;
    }
}

/* --- headers --- */

static size_t add_name(struct strbuf *out, const char *name)
{
    strbuf_add(out, name);
    strbuf_add(out, ": ");
    return strlen(name) + 2;
}

/* Words of ASCII, folded at blanks. */
static void add_folded(struct strbuf *out, const char *text, size_t used)
{
    for (bool first = true; *text != '\0'; first = false) {
        size_t word = strcspn(text, " ");
        if (!first && word + 1 > line_room(used)) {
            strbuf_add(out, "\r\n");
            used = 0;
        }
        if (!first) {
            strbuf_add_char(out, ' ');
            used++;
        }
        strbuf_add_bytes(out, text, word);
        used += word;
        text += word + (text[word] == ' ');
    }
}

static bool has_long_word(const char *text)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (word > WORD_LINE_MAX) {
            return true;
        }
        text += word + (text[word] == ' ');
    }
    return false;
}

void mime_text_header(struct strbuf *out, const char *name, const char *text)
{
    struct strbuf cleaned;
    clean(text, &cleaned);
    size_t used = add_name(out, name);
    const char *value = strbuf_text(&cleaned);
    /* What looks like an encoded word already would be decoded by the reader. */
    if (is_printable(value) && strstr(value, "=?") == NULL && !has_long_word(value)) {
        add_folded(out, value, used);
    } else {
        add_words(out, value, used);
    }
    strbuf_add(out, "\r\n");
    strbuf_clear(&cleaned);
}

static void add_quoted(struct strbuf *out, const char *text)
{
    strbuf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        strbuf_add(out, *text == '"' || *text == '\\' ? "\\" : "");
        strbuf_add_char(out, *text);
    }
    strbuf_add_char(out, '"');
}

/* NAME: display <inside>; on two lines when one is too short. */
static void add_bracketed(struct strbuf *out, const char *name, const char *display,
                          const char *inside)
{
    struct strbuf cleaned;
    clean(display, &cleaned);
    size_t start = out->length;
    size_t used = add_name(out, name);
    const char *text = strbuf_text(&cleaned);
    if (text[0] != '\0') {
        if (is_printable(text) && strstr(text, "=?") == NULL && strlen(text) <= WORD_LINE_MAX / 2) {
            add_quoted(out, text);
        } else {
            add_words(out, text, used);
        }
        /* Words may have begun new lines; counting from the start only folds too early. */
        strbuf_add(out,
                   out->length - start + strlen(inside) + 3 > MIME_LINE_BYTES_MAX ? "\r\n " : " ");
    }
    strbuf_add_char(out, '<');
    strbuf_add(out, inside);
    strbuf_add(out, ">\r\n");
    strbuf_clear(&cleaned);
}

void mime_mailbox_header(struct strbuf *out, const char *name, const char *display,
                         const char *address)
{
    ASSERT(mailbox_check_address(address, NULL) == 0);
    add_bracketed(out, name, display, address);
}

void mime_list_header(struct strbuf *out, const char *name, const char *display, const char *id)
{
    ASSERT(is_printable(id) && strpbrk(id, " <>") == NULL);
    add_bracketed(out, name, display, id);
}

void mime_token_header(struct strbuf *out, const char *name, const char *value)
{
    ASSERT(text_is_utf8(value, strlen(value)) && !text_has_control(value, strlen(value)) &&
           strpbrk(value, "\t\n") == NULL);
    add_folded(out, value, add_name(out, name));
    strbuf_add(out, "\r\n");
}

void mime_date_header(struct strbuf *out, const char *name, int64_t at_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    time_t at = (time_t)(at_ms / 1000);
    ASSERT(gmtime_r(&at, &tm) != NULL);
    (void)add_name(out, name);
    strbuf_printf(out, "%s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
                  months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* --- bodies --- */

/* A dot or "From " at the start of a line is what careless software changes on the way. */
static bool is_escaped(const char *at, size_t column, const char *end)
{
    unsigned char c = (unsigned char)*at;
    bool is_last = at + 1 == end || at[1] == '\n';
    if (c == ' ' || c == '\t') {
        return is_last;
    }
    return c < 0x20 || c > 0x7e || c == '=' ||
           (column == 0 && (c == '.' || (c == 'F' && strncmp(at, "From ", 5) == 0)));
}

static void add_quoted_printable(struct strbuf *out, const char *text)
{
    const char *end = text + strlen(text);
    size_t column = 0;
    for (; text < end; text++) {
        if (*text == '\n') {
            strbuf_add(out, "\r\n");
            column = 0;
            continue;
        }
        size_t width = is_escaped(text, column, end) ? 3 : 1;
        bool is_last = text + 1 == end || text[1] == '\n';
        if (column + width > (size_t)MIME_LINE_BYTES_MAX - (is_last ? 0 : 1)) {
            strbuf_add(out, "=\r\n");
            column = 0;
            width = is_escaped(text, column, end) ? 3 : 1;
        }
        unsigned char c = (unsigned char)*text;
        const char escaped[] = {'=', hex[c >> 4], hex[c & 15]};
        strbuf_add_bytes(out, width == 3 ? escaped : text, width);
        column += width;
    }
    strbuf_add(out, column > 0 ? "\r\n" : "");
}

static void add_base64(struct strbuf *out, const char *text)
{
    struct strbuf lines;
    struct strbuf encoded;
    strbuf_init(&lines, out->max_length);
    strbuf_init(&encoded, out->max_length);
    for (; *text != '\0'; text++) {
        strbuf_add(&lines, *text == '\n' ? "\r" : "");
        strbuf_add_char(&lines, *text);
    }
    digest_base64(strbuf_text(&lines), lines.length, &encoded);
    for (size_t at = 0; at < encoded.length; at += MIME_LINE_BYTES_MAX) {
        size_t left = encoded.length - at;
        strbuf_add_bytes(out, strbuf_text(&encoded) + at,
                         left < MIME_LINE_BYTES_MAX ? left : MIME_LINE_BYTES_MAX);
        strbuf_add(out, "\r\n");
    }
    out->overflowed = out->overflowed || lines.overflowed || encoded.overflowed;
    strbuf_clear(&encoded);
    strbuf_clear(&lines);
}

void mime_body(struct strbuf *out, const char *text)
{
    size_t count = strlen(text);
    size_t wide = 0;
    for (size_t i = 0; i < count; i++) {
        wide += ((unsigned char)text[i] & 0x80) != 0;
    }
    /* Three bytes for each of these, or a third more for all. */
    bool is_base64 = wide * 6 > count;
    mime_token_header(out, "Content-Transfer-Encoding", is_base64 ? "base64" : "quoted-printable");
    strbuf_add(out, "\r\n");
    if (is_base64) {
        add_base64(out, text);
    } else {
        add_quoted_printable(out, text);
    }
}

bool mime_is_wire_safe(const char *bytes, size_t count)
{
    size_t line = 0;
    for (size_t i = 0; i < count; i++) {
        bool ends = bytes[i] == '\r' && i + 1 < count && bytes[i + 1] == '\n';
        if (ends) {
            line = 0;
            i++;
        } else if (bytes[i] == '\r' || bytes[i] == '\n' || bytes[i] == '\0' ||
                   ++line > WIRE_LINE_MAX) {
            return false;
        }
    }
    return count >= 2 && line == 0;
}

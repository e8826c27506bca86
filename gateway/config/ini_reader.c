#include "gateway/config/ini_reader.h"

#include <ini.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

/* What an indented line would continue. Mirrors inih's idea of the "previous name". */
enum reader_tail {
    TAIL_NONE,   /* nothing: an indented line is an ordinary one */
    TAIL_VALUE,  /* the value of `entry` */
    TAIL_BROKEN, /* a line that was refused: its continuations go with it */
};

struct ini_reader {
    struct document *document;
    struct problems *problems;
    const struct ini_file *file;
    const char *text;
    size_t count;
    size_t position;
    unsigned line;
    struct ini_section *section; /* NULL before the first header and after a refused one */
    bool section_refused;
    enum reader_tail tail;
    bool continues;  /* the line just handed on */
    bool quote_open; /* at the end of the value so far */
    char key[INI_NAME_BYTES_MAX + 1];
    unsigned key_line;
    struct strbuf value;
};

struct line {
    const char *text;
    size_t length;
    size_t indent; /* bytes of leading white space */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct place reader_place(const struct ini_reader *reader)
{
    return (struct place){.file = reader->file->name,
                          .line = reader->line,
                          .order = reader->file->order,
                          .order_line = reader->line};
}

/* The value is complete when something else begins. */
static void reader_flush(struct ini_reader *reader)
{
    if (reader->tail == TAIL_VALUE) {
        if (reader->value.overflowed) {
            struct place place = reader_place(reader);
            place.line = reader->key_line;
            problems_add(reader->problems, place,
                         "the value of %s is too long (want at most %d bytes; longer lists belong "
                         "into a file)",
                         reader->key, DOCUMENT_VALUE_BYTES_MAX);
        }
        document_add_entry(reader->document, reader->section, reader->key,
                           strbuf_text(&reader->value), reader->key_line);
    }
    if (reader->value.data != NULL) {
        explicit_bzero(reader->value.data, reader->value.capacity);
    }
    strbuf_clear(&reader->value);
    strbuf_init(&reader->value, DOCUMENT_VALUE_BYTES_MAX);
    reader->tail = TAIL_NONE;
}

/* Where inih would stop: at one of `stops` or at a comment, which is `;` after white space. */
static size_t scan(const char *text, size_t start, size_t length, const char *stops)
{
    bool after_blank = false;
    size_t at = start;
    for (; at < length; at++) {
        if (strchr(stops, text[at]) != NULL || (after_blank && text[at] == ';')) {
            break;
        }
        after_blank = is_blank(text[at]);
    }
    return at;
}

/* Whether a double quote is open at `end`, when it was `open` at the start. */
static bool quote_is_open(const char *text, size_t end, bool open)
{
    for (size_t i = 0; i < end; i++) {
        if (open && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            open = !open;
        }
    }
    return open;
}

/* Keeps account of the value's quotes from line to line. */
static bool check_comment(struct ini_reader *reader, const char *text, size_t length)
{
    size_t end = scan(text, 0, length, "");
    reader->quote_open = quote_is_open(text, end, reader->quote_open);
    if (end == length || !reader->quote_open) {
        return true;
    }
    problems_add(reader->problems, reader_place(reader),
                 "a blank and ';' inside quotes begin a comment and cut the value "
                 "(leave the blank out)");
    return false;
}

static bool check_bytes(struct ini_reader *reader, const struct line *line)
{
    const char *wrong = NULL;
    if (memchr(line->text, '\0', line->length) != NULL) {
        wrong = "the line holds a NUL byte (want text)";
    } else if (!text_is_utf8(line->text, line->length)) {
        wrong = "the line is not UTF-8";
    } else if (text_has_control(line->text, line->length)) {
        wrong = "the line holds a control character";
    }
    if (wrong != NULL) {
        problems_add(reader->problems, reader_place(reader), "%s", wrong);
        return false;
    }
    if (line->length > INI_LINE_BYTES_MAX) {
        problems_add(reader->problems, reader_place(reader),
                     "the line has %zu bytes (want at most %d; continue on an indented line, or "
                     "use a _file key)",
                     line->length, INI_LINE_BYTES_MAX);
        return false;
    }
    return true;
}

static const char *check_header(const struct line *line, size_t *out_end)
{
    size_t end = scan(line->text, line->indent + 1, line->length, "]");
    if (end == line->length || line->text[end] != ']') {
        return "the section has no ']'";
    }
    size_t after = end + 1;
    while (after < line->length && is_blank(line->text[after])) {
        after++;
    }
    if (after < line->length && line->text[after] != ';' && line->text[after] != '#') {
        return "text after ']' (want it on a line of its own)";
    }
    if (end - line->indent - 1 > INI_NAME_BYTES_MAX) {
        return "the section's name is too long (want at most 49 bytes)";
    }
    size_t first = line->indent + 1;
    while (first < end && is_blank(line->text[first])) {
        first++;
    }
    if (first == end) {
        return "the section has no name (want [KIND] or [KIND NAME])";
    }
    *out_end = end;
    return NULL;
}

static bool take_header(struct ini_reader *reader, const struct line *line)
{
    reader_flush(reader);
    size_t end = 0;
    const char *wrong = check_header(line, &end);
    reader->section = NULL;
    if (wrong == NULL) {
        reader->section =
            document_add_section(reader->document, reader->file, reader->line,
                                 line->text + line->indent + 1, end - line->indent - 1);
        wrong = reader->section == NULL ? "too many sections (want at most 20000)" : NULL;
    }
    reader->section_refused = wrong != NULL;
    if (wrong != NULL) {
        problems_add(reader->problems, reader_place(reader), "%s", wrong);
    }
    return wrong == NULL;
}

/* An indented `key = value` is taken for a continuation by inih; nearly always it was meant as a
 * key. Matchers
 * (`label="x"`, `label =~ "x"`) look alike and are told apart by their quote. */
static bool looks_like_key(const struct line *line)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *text = line->text + line->indent;
    size_t length = line->length - line->indent;
    size_t at = 0;
    while (at < length && strchr(letters, text[at]) != NULL) {
        at++;
    }
    if (at == 0) {
        return false;
    }
    while (at < length && is_blank(text[at])) {
        at++;
    }
    if (at == length || text[at] != '=') {
        return false;
    }
    at++;
    while (at < length && is_blank(text[at])) {
        at++;
    }
    return at < length && text[at] != '"' && text[at] != '~';
}

static bool take_continuation(struct ini_reader *reader, const struct line *line)
{
    if (reader->tail == TAIL_BROKEN) {
        return false;
    }
    if (line->text[line->indent] == '[' || looks_like_key(line)) {
        problems_add(reader->problems, reader_place(reader),
                     "an indented line continues the value of %s (begin sections and keys in the "
                     "first column)",
                     reader->key);
        return false;
    }
    if (!check_comment(reader, line->text, line->length)) {
        return false;
    }
    reader->continues = true;
    return true;
}

static const char *check_key(const struct ini_reader *reader, const struct line *line,
                             size_t *out_stop)
{
    size_t stop = scan(line->text, line->indent, line->length, "=:");
    if (stop == line->length || line->text[stop] == ';') {
        return "want KEY = VALUE, or a [SECTION]";
    }
    size_t end = stop;
    while (end > line->indent && is_blank(line->text[end - 1])) {
        end--;
    }
    if (end == line->indent) {
        return "a value without a key (want KEY = VALUE)";
    }
    if (end - line->indent > INI_NAME_BYTES_MAX) {
        return "the key is too long (want at most 49 bytes)";
    }
    if (reader->section == NULL) {
        return "the key stands before any section (want a [SECTION] above it)";
    }
    *out_stop = stop;
    return NULL;
}

static bool take_key(struct ini_reader *reader, const struct line *line)
{
    reader_flush(reader);
    reader->tail = TAIL_BROKEN;
    if (reader->section_refused) {
        return false; /* its header was reported; its keys belong to nothing */
    }
    size_t stop = 0;
    const char *wrong = check_key(reader, line, &stop);
    if (wrong != NULL) {
        problems_add(reader->problems, reader_place(reader), "%s", wrong);
        return false;
    }
    reader->quote_open = false;
    if (!check_comment(reader, line->text + stop + 1, line->length - stop - 1)) {
        return false;
    }
    reader->tail = TAIL_VALUE;
    return true;
}

/* A line whose bytes are wrong is not looked into; what it seems to be decides what follows it. */
static void drop_line(struct ini_reader *reader, const struct line *line)
{
    bool continues = line->indent > 0 && reader->tail != TAIL_NONE;
    if (continues || line->indent == line->length) {
        return;
    }
    reader_flush(reader);
    reader->tail = TAIL_BROKEN;
    if (line->text[line->indent] == '[') {
        reader->section = NULL;
        reader->section_refused = true;
    }
}

/* False: inih gets an empty line instead. */
static bool take_line(struct ini_reader *reader, const struct line *line)
{
    if (!check_bytes(reader, line)) {
        drop_line(reader, line);
        return false;
    }
    if (line->indent == line->length || strchr(";#", line->text[line->indent]) != NULL) {
        return false;
    }
    if (line->indent > 0 && reader->tail != TAIL_NONE) {
        return take_continuation(reader, line);
    }
    return line->text[line->indent] == '[' ? take_header(reader, line) : take_key(reader, line);
}

static bool next_line(struct ini_reader *reader, struct line *out_line)
{
    if (reader->position >= reader->count) {
        return false;
    }
    const char *start = reader->text + reader->position;
    size_t left = reader->count - reader->position;
    const char *newline = memchr(start, '\n', left);
    size_t length = newline == NULL ? left : (size_t)(newline - start);
    reader->position += length + (newline == NULL ? 0 : 1);
    reader->line++;
    if (length > 0 && start[length - 1] == '\r') {
        length--;
    }
    while (length > 0 && is_blank(start[length - 1])) {
        length--;
    }
    size_t indent = 0;
    while (indent < length && is_blank(start[indent])) {
        indent++;
    }
    *out_line = (struct line){.text = start, .length = length, .indent = indent};
    return true;
}

/* inih's fgets: at most size - 1 bytes with the newline, NULL at the end. */
static char *reader_line(char *buffer, int size, void *context)
{
    struct ini_reader *reader = context;
    struct line line;
    ASSERT(size >= INI_LINE_BYTES_MAX + 2);
    if (!next_line(reader, &line)) {
        return NULL;
    }
    reader->continues = false;
    size_t used = 0;
    if (take_line(reader, &line)) {
        memcpy(buffer, line.text, line.length);
        used = line.length;
    }
    buffer[used] = '\n';
    buffer[used + 1] = '\0';
    return buffer;
}

/* inih leaves comments on continuation lines in the value; they are cut here like everywhere else.
 */
static void reader_continue(struct ini_reader *reader, const char *value)
{
    size_t length = strlen(value);
    size_t end = scan(value, 0, length, "");
    while (end > 0 && is_blank(value[end - 1])) {
        end--;
    }
    strbuf_add_char(&reader->value, ' ');
    strbuf_add_bytes(&reader->value, value, end);
}

static int reader_entry(void *context, const char *section, const char *name, const char *value)
{
    (void)section; /* cut at 49 bytes by inih; ours is the whole one */
    struct ini_reader *reader = context;
    ASSERT(reader->tail == TAIL_VALUE);
    if (reader->continues) {
        reader_continue(reader, value);
        return 1;
    }
    size_t length = strlen(name);
    ASSERT(length <= INI_NAME_BYTES_MAX);
    memcpy(reader->key, name, length + 1);
    reader->key_line = reader->line;
    strbuf_add(&reader->value, value);
    return 1;
}

void ini_read(struct document *document, const struct ini_file *file, const char *text,
              size_t count, struct problems *problems)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct ini_reader reader = {.document = document,
                                .problems = problems,
                                .file = file,
                                .text = text,
                                .count = count,
                                .tail = TAIL_NONE};
    if (count >= 3 && memcmp(text, mark, 3) == 0) {
        reader.position = 3;
    }
    strbuf_init(&reader.value, DOCUMENT_VALUE_BYTES_MAX);
    int result = ini_parse_stream(reader_line, &reader, reader_entry, &reader);
    ASSERT(result == 0); /* every line inih could refuse was refused before it */
    reader_flush(&reader);
    strbuf_clear(&reader.value);
}

#include "gateway/system/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/system/clock.h"

#define LINE_BYTES_MAX 4096
#define CUT_MARK "..."
/* Room that is kept for the mark of left-out pairs and the end of the line. */
#define TAIL_BYTES 16
#define ESCAPED_BYTES_MAX (6 * (LINE_BYTES_MAX + sizeof CUT_MARK))
#define NUMBER_RING 8
#define NUMBER_BYTES 24
#define BURST_AGAIN_MS 60000
#define MS_PER_S 1000

static const struct {
    const char *name;
    const char *journal_prefix;
} levels[LOG_LEVEL_COUNT] = {
    [LOG_ERROR] = {.name = "error", .journal_prefix = "<3>"},
    [LOG_WARNING] = {.name = "warning", .journal_prefix = "<4>"},
    [LOG_INFO] = {.name = "info", .journal_prefix = "<6>"},
    [LOG_DEBUG] = {.name = "debug", .journal_prefix = "<7>"},
};

static _Atomic int highest_level = LOG_INFO;
static _Atomic bool as_json;
static _Atomic bool to_journal;
static _Atomic uint64_t lost_count;

/* The service manager puts device and inode of the journal's socket there; anything else on stderr
 * is a terminal, file or pipe, where the prefix would be noise. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];
    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    int length =
        snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    ASSERT(length > 0 && (size_t)length < sizeof own);
    return text_equal(stream, own);
}

void log_init(enum log_level highest, bool json)
{
    atomic_store(&to_journal, stderr_is_journal());
    log_set(highest, json);
}

void log_set(enum log_level highest, bool json)
{
    ASSERT(highest < LOG_LEVEL_COUNT);
    atomic_store(&highest_level, (int)highest);
    atomic_store(&as_json, json);
}

uint64_t log_lost_count(void)
{
    return atomic_load(&lost_count);
}

/* Always with milliseconds, so that lines sort as text. */
static void time_write(int64_t at_ms, char out[TEXT_RFC3339_BYTES])
{
    char second[TEXT_RFC3339_BYTES];
    int64_t ms = at_ms % MS_PER_S;
    (void)text_rfc3339(at_ms - ms, second); /* returns its argument */
    size_t length = strlen(second);
    ASSERT(length > 0 && second[length - 1] == 'Z');
    int written =
        snprintf(out, TEXT_RFC3339_BYTES, "%.*s.%03" PRId64 "Z", (int)(length - 1), second, ms);
    ASSERT(written > 0 && written < TEXT_RFC3339_BYTES);
}

static void value_escape(struct strbuf *out, const char *value, bool json)
{
    strbuf_reset(out);
    if (json) {
        strbuf_add_json_string(out, value);
    } else {
        strbuf_add_logfmt(out, value);
    }
}

/* How much of `value` to keep so that no UTF-8 sequence (at most four bytes) is cut in two. */
static size_t whole_characters(const char *value, size_t count)
{
    for (size_t kept = count; kept > 0 && count - kept < 4; kept--) {
        if (((unsigned char)value[kept] & 0xc0U) != 0x80U) {
            return kept;
        }
    }
    return count;
}

/* Escape the longest beginning of `value`, with the mark behind it, that takes at most `room`
 * bytes; false when not even the mark fits. */
static bool value_escape_cut(struct strbuf *out, const char *value, size_t room, bool json)
{
    char kept[LINE_BYTES_MAX + sizeof CUT_MARK];
    size_t fits = 0;
    size_t too_many = strnlen(value, LINE_BYTES_MAX) + 1;
    while (fits + 1 < too_many) {
        size_t middle = fits + (too_many - fits) / 2;
        memcpy(kept, value, middle);
        memcpy(kept + middle, CUT_MARK, sizeof CUT_MARK);
        value_escape(out, kept, json);
        if (out->length <= room) {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    fits = whole_characters(value, fits);
    memcpy(kept, value, fits);
    memcpy(kept + fits, CUT_MARK, sizeof CUT_MARK);
    value_escape(out, kept, json);
    return out->length <= room;
}

struct line {
    struct strbuf text;
    struct strbuf escaped; /* of the value at hand */
    bool json;
    bool full;
};

static void line_add(struct line *line, const char *key, const char *value)
{
    const char *between = line->json ? ",\"" : " ";
    const char *before_value = line->json ? "\":" : "=";
    size_t around = strlen(between) + strlen(key) + strlen(before_value);
    size_t used = line->text.length + TAIL_BYTES + around;
    size_t room = used < LINE_BYTES_MAX ? LINE_BYTES_MAX - used : 0;
    if (line->full) {
        return;
    }
    bool whole = strnlen(value, room + 1) <= room;
    if (whole) {
        value_escape(&line->escaped, value, line->json);
        whole = line->escaped.length <= room;
    }
    if (!whole) {
        line->full = true;
        if (!value_escape_cut(&line->escaped, value, room, line->json)) {
            strbuf_add(&line->text, line->json ? ",\"" CUT_MARK "\":\"\"" : " " CUT_MARK);
            return;
        }
    }
    strbuf_add(&line->text, between);
    strbuf_add(&line->text, key);
    strbuf_add(&line->text, before_value);
    strbuf_add_bytes(&line->text, strbuf_text(&line->escaped), line->escaped.length);
}

/* One call, so that lines of different threads never mix; a line written in part counts as lost. */
static void line_write(const struct strbuf *text)
{
    ssize_t written;
    do {
        written = write(STDERR_FILENO, strbuf_text(text), text->length);
    } while (written < 0 && errno == EINTR);
    if (written != (ssize_t)text->length) {
        atomic_fetch_add(&lost_count, 1);
    }
}

static void line_begin(struct line *line, enum log_level level, const char *message)
{
    char at[TEXT_RFC3339_BYTES];
    time_write(clock_wall_ms(), at);
    line->json = atomic_load(&as_json);
    line->full = false;
    strbuf_init(&line->text, LINE_BYTES_MAX);
    strbuf_init(&line->escaped, ESCAPED_BYTES_MAX);
    if (atomic_load(&to_journal)) {
        strbuf_add(&line->text, levels[level].journal_prefix);
    }
    if (line->json) {
        strbuf_printf(&line->text, "{\"at\":\"%s\",\"level\":\"%s\"", at, levels[level].name);
    } else {
        strbuf_printf(&line->text, "at=%s level=%s", at, levels[level].name);
    }
    line_add(line, "msg", message);
}

void log_line(enum log_level level, const char *message, ...)
{
    ASSERT(level < LOG_LEVEL_COUNT);
    if ((int)level > atomic_load_explicit(&highest_level, memory_order_relaxed)) {
        return;
    }
    int caller_errno = errno;
    struct line line;
    line_begin(&line, level, message);
    va_list pairs;
    va_start(pairs, message);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        line_add(&line, key, value == NULL ? "" : value);
    }
    va_end(pairs);
    strbuf_add(&line.text, line.json ? "}\n" : "\n");
    ASSERT(!line.text.overflowed);
    line_write(&line.text);
    strbuf_clear(&line.text);
    strbuf_clear(&line.escaped);
    errno = caller_errno;
}

const char *log_i64(int64_t number)
{
    static _Thread_local char ring[NUMBER_RING][NUMBER_BYTES];
    static _Thread_local size_t next;
    char *out = ring[next++ % NUMBER_RING];
    int length = snprintf(out, NUMBER_BYTES, "%" PRId64, number);
    ASSERT(length > 0 && length < NUMBER_BYTES);
    return out;
}

static bool is_power_of_ten(uint64_t number)
{
    while (number % 10 == 0 && number > 0) {
        number /= 10;
    }
    return number == 1;
}

bool log_burst_due(struct log_burst *burst, int64_t mono_ms)
{
    burst->count++;
    if (!is_power_of_ten(burst->count) && mono_ms - burst->last_logged_mono_ms < BURST_AGAIN_MS) {
        return false;
    }
    burst->last_logged_mono_ms = mono_ms;
    return true;
}

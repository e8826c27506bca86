#include <string.h>

#include "gateway/config/build.h"

#define HOURS_SHAPE                                                                                \
    "[DAYS] HH:MM-HH:MM[, ...] [ZONE], such as mon-fri 09:00-17:00, sat,sun 10:00-14:00 "          \
    "Europe/Berlin"

enum { WORDS_MAX = 2 * HOURS_SPANS_MAX + 1, WEEK_DAYS = 7, ALL_DAYS = 0x7f, DAY_MINUTES = 1440 };

static int day_of(const char *text, size_t length)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    for (int i = 0; i < WEEK_DAYS && length == 3; i++) {
        if (strncasecmp(days[i], text, length) == 0) {
            return i;
        }
    }
    return -1;
}

/* `mon`, `mon-fri`, `fri-mon`, `sat,sun`; 0 when it is none. */
static unsigned parse_days(const char *text)
{
    unsigned days = 0;
    for (;;) {
        size_t length = strcspn(text, ",-");
        int first = day_of(text, length);
        int last = first;
        text += length;
        if (*text == '-') {
            length = strcspn(text + 1, ",-");
            last = day_of(text + 1, length);
            text += 1 + length;
        }
        if (first < 0 || last < 0 || *text == '-') {
            return 0;
        }
        for (int day = first;; day = (day + 1) % WEEK_DAYS) {
            days |= 1U << day;
            if (day == last) {
                break;
            }
        }
        if (*text == '\0') {
            return days;
        }
        text++;
    }
}

static int parse_minute(const char *text, int *out_minute)
{
    for (int i = 0; i < 5; i++) {
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9') {
            return -1;
        }
    }
    int hour = (text[0] - '0') * 10 + text[1] - '0';
    int minute = (text[3] - '0') * 10 + text[4] - '0';
    *out_minute = hour * 60 + minute;
    return minute <= 59 && *out_minute <= DAY_MINUTES ? 0 : -1;
}

/* `09:00-17:00` */
static int parse_times(const char *text, struct hours_span *span)
{
    if (strlen(text) != 11 || text[5] != '-' || parse_minute(text, &span->from_minute) != 0 ||
        parse_minute(text + 6, &span->until_minute) != 0 || span->from_minute == DAY_MINUTES ||
        span->from_minute == span->until_minute) {
        return -1;
    }
    if (span->until_minute == 0) {
        span->until_minute = DAY_MINUTES;
    }
    return 0;
}

static size_t split(struct arena *arena, const char *text, const char *words[WORDS_MAX])
{
    size_t count = 0;
    text += strspn(text, " \t");
    while (text[0] != '\0' && count <= WORDS_MAX) {
        size_t length = strcspn(text, " \t");
        if (count < WORDS_MAX) {
            words[count] = arena_strndup(arena, text, length);
        }
        count++;
        text += length + strspn(text + length, " \t");
    }
    return count;
}

/* A comma at the end of the times says that another span follows. */
static bool cut_comma(struct arena *arena, const char **word)
{
    size_t length = strlen(*word);
    if (length == 0 || (*word)[length - 1] != ',') {
        return false;
    }
    *word = arena_strndup(arena, *word, length - 1);
    return true;
}

/* The index of the first word behind the spans; 0 when they make no sense. */
static size_t parse_spans(struct build *build, const char **words, size_t count,
                          struct hours_span *spans, size_t *out_count)
{
    size_t at = 0;
    for (bool more = true; more;) {
        struct hours_span span = {.days = ALL_DAYS};
        if (at < count && words[at][0] >= 'A') {
            span.days = (uint8_t)parse_days(words[at++]);
        }
        if (at == count || span.days == 0 || *out_count == HOURS_SPANS_MAX) {
            return 0;
        }
        more = cut_comma(build->arena, &words[at]);
        if (parse_times(words[at++], &span) != 0) {
            return 0;
        }
        spans[(*out_count)++] = span;
    }
    return at;
}

const struct hours *hours_build(struct build *build, const struct ini_section *section,
                                const char *key, const char *text, const struct zone *zone)
{
    return hours_build_entry(build, section, section_entry(section, key), text, zone);
}

const struct hours *hours_build_entry(struct build *build, const struct ini_section *section,
                                      const struct ini_entry *entry, const char *text,
                                      const struct zone *zone)
{
    const char *words[WORDS_MAX];
    struct hours_span spans[HOURS_SPANS_MAX];
    size_t span_count = 0;
    size_t count = split(build->arena, text, words);
    size_t at = count <= WORDS_MAX ? parse_spans(build, words, count, spans, &span_count) : 0;
    if (at == 0 || count > at + 1) {
        char got[TEXT_EXCERPT_BYTES];
        build_problem(build, section, entry, "got '%s', want " HOURS_SHAPE,
                      text_excerpt(text, got));
        return NULL;
    }
    struct hours *hours = arena_alloc(build->arena, sizeof(*hours));
    hours->zone = count > at ? build_zone(build, section, entry, words[at]) : zone;
    hours->spans = arena_copy(build->arena, spans, span_count * sizeof(spans[0]));
    hours->span_count = span_count;
    return hours;
}

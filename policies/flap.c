#include "policies/flap.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"

struct history {
    int64_t calm_ms;
    int64_t counted;
    int64_t times[FLAP_COUNT_MAX + 1]; /* rising */
    size_t count;
};

enum { DIGITS_MAX = 19, HISTORY_BYTES_MAX = 1024 };

/* The number that the text begins with, and the text behind it. */
static const char *read_number(const char *text, int64_t *out_number)
{
    char digits[DIGITS_MAX + 1];
    size_t length = strcspn(text, " ");
    if (length == 0 || length > DIGITS_MAX)
        return NULL;
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (parse_i64(digits, 0, INT64_MAX, out_number, NULL) != 0)
        return NULL;
    return text + length + (text[length] == ' ' ? 1 : 0);
}

static struct history read_history(const char *text)
{
    struct history history = {.count = 0};
    const char *at = read_number(text, &history.calm_ms);
    if (at == NULL)
        return (struct history){.count = 0};
    at = read_number(at, &history.counted);
    while (at != NULL && *at != '\0' && history.count <= FLAP_COUNT_MAX) {
        at = read_number(at, &history.times[history.count]);
        history.count += at != NULL ? 1 : 0;
    }
    return at != NULL ? history : (struct history){.count = 0};
}

static const char *write_history(const struct history *history, struct arena *arena)
{
    struct strbuf text;
    strbuf_init(&text, HISTORY_BYTES_MAX);
    strbuf_add_i64(&text, history->calm_ms);
    strbuf_add_char(&text, ' ');
    strbuf_add_i64(&text, history->counted);
    for (size_t i = 0; i < history->count; i++) {
        strbuf_add_char(&text, ' ');
        strbuf_add_i64(&text, history->times[i]);
    }
    ASSERT(!text.overflowed);
    const char *copy = arena_strndup(arena, strbuf_text(&text), text.length);
    strbuf_clear(&text);
    return copy;
}

int64_t flap_calm_ms(const struct incident *incident)
{
    return incident->later->flap[0] != '\0' ? read_history(incident->later->flap).calm_ms : 0;
}

int64_t flap_counted(const struct incident *incident)
{
    return incident->later->flap[0] != '\0' ? read_history(incident->later->flap).counted : 0;
}

/* The times that still lie in the window, with `now_ms` behind them: the newest where there are too many. */
static void add_time(struct history *history, int64_t now_ms, int64_t window_ms)
{
    size_t old = 0;
    while (old < history->count && history->times[old] <= now_ms - window_ms)
        old++;
    if (history->count - old == FLAP_COUNT_MAX + 1)
        old++;
    history->count -= old;
    memmove(history->times, history->times + old, history->count * sizeof(history->times[0]));
    history->times[history->count++] = now_ms;
}

bool flap_transition(struct incident *incident, struct moment *moment, bool cleared)
{
    const struct policy *policy = incident->policy;
    if (policy->flap_count == 0)
        return false;
    struct history history = read_history(incident->later->flap);
    bool flapped = history.calm_ms != 0;
    add_time(&history, moment->now_ms, policy->flap_ms);
    bool flaps = flapped || (int64_t)history.count > policy->flap_count;
    if (flaps) {
        history.calm_ms = moment->now_ms + policy->flap_ms;
        history.counted += cleared ? 1 : 0;
    }
    incident->later->flap = write_history(&history, moment->arena);
    if (flaps && !flapped) {
        char window[TEXT_RFC3339_BYTES];
        struct facts facts = {.until_ms = history.calm_ms};
        moment_notef(moment, "flapping", &facts,
                     "more than %lld changes within %s: resolves are only counted until it has "
                     "been quiet for that long",
                     (long long)policy->flap_count, text_duration(policy->flap_ms, window));
    }
    return flaps;
}

#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/config/build.h"

#define WORDS_MAX 4
#define HOUR_MINUTES 60

/* At most WORDS_MAX + 1 are counted, so that one too many is seen. */
static size_t split_words(struct arena *arena, const char *text, const char *words[WORDS_MAX])
{
    size_t count = 0;
    text += strspn(text, " \t");
    while (text[0] != '\0') {
        size_t length = strcspn(text, " \t");
        if (count == WORDS_MAX) {
            return WORDS_MAX + 1;
        }
        words[count++] = arena_strndup(arena, text, length);
        text += length + strspn(text + length, " \t");
    }
    return count;
}

static int weekday_of(const char *word)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    for (int i = 0; i < 7; i++) {
        if (text_equal_fold(days[i], word)) {
            return i;
        }
    }
    return -1;
}

void rotate_build(struct build *build, const struct ini_section *section, const char *text,
                  struct schedule *schedule)
{
    const char *words[WORDS_MAX] = {"", "", "", ""};
    size_t count = split_words(build->arena, text, words);
    bool is_weekly = text_equal(words[0], "weekly");
    bool is_daily = text_equal(words[0], "daily");
    size_t clock = is_weekly ? 2 : 1;
    const struct ini_entry *entry = section_entry(section, "rotate");
    int weekday = is_weekly ? weekday_of(words[1]) : 0;
    int minute = 0;
    if ((!is_weekly && !is_daily) || count < clock + 1 || count > clock + 2 || weekday < 0 ||
        !parse_clock(words[clock], &minute)) {
        char got[TEXT_EXCERPT_BYTES];
        build_problem(build, section, entry,
                      "got '%s', want daily HH:MM [ZONE], or weekly mon HH:MM [ZONE]",
                      text_excerpt(text, got));
        return;
    }
    schedule->rotate_days = is_weekly ? 7 : 1;
    schedule->rotate_weekday = weekday;
    schedule->rotate_hour = minute / HOUR_MINUTES;
    schedule->rotate_minute = minute % HOUR_MINUTES;
    if (count == clock + 2) {
        schedule->zone = build_zone(build, section, entry, words[clock + 1]);
    }
}

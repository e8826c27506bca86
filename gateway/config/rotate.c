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

/* `8h`: hours between the turns of a day, which they must fill. 0: it is no such word. */
static int hours_of(const char *word)
{
    static const char *const words[] = {"1h", "2h", "3h", "4h", "6h", "8h", "12h"};
    static const int hours[] = {1, 2, 3, 4, 6, 8, 12};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text_equal_fold(word, words[i])) {
            return hours[i];
        }
    }
    return 0;
}

void rotate_build(struct build *build, const struct ini_section *section, const char *text,
                  struct schedule *schedule)
{
    const char *words[WORDS_MAX] = {"", "", "", ""};
    size_t count = split_words(build->arena, text, words);
    bool is_weekly = text_equal(words[0], "weekly");
    int hours = hours_of(words[0]);
    bool is_daily = text_equal(words[0], "daily") || hours > 0;
    size_t clock = is_weekly ? 2 : 1;
    const struct ini_entry *entry = section_entry(section, "rotate");
    int weekday = is_weekly ? weekday_of(words[1]) : 0;
    int minute = 0;
    if ((!is_weekly && !is_daily) || count < clock + 1 || count > clock + 2 || weekday < 0 ||
        !parse_clock(words[clock], &minute)) {
        char got[TEXT_EXCERPT_BYTES];
        build_problem(
            build, section, entry,
            "got '%s', want daily HH:MM [ZONE], weekly mon HH:MM [ZONE], or 8h HH:MM [ZONE] "
            "with 1h, 2h, 3h, 4h, 6h, 8h or 12h",
            text_excerpt(text, got));
        return;
    }
    schedule->rotate_days = is_weekly ? 7 : 1;
    schedule->rotate_weekday = weekday;
    schedule->rotate_hours = hours;
    schedule->rotate_hour = minute / HOUR_MINUTES;
    schedule->rotate_minute = minute % HOUR_MINUTES;
    if (count == clock + 2) {
        schedule->zone = build_zone(build, section, entry, words[clock + 1]);
    }
}

/* [maintenance] and [inhibit]: what holds incidents back by configuration. */
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/config/build.h"
#include "policies/matchers.h"

#define ONCE_SHAPE                                                                                 \
    "YYYY-MM-DDTHH:MM/YYYY-MM-DDTHH:MM [ZONE], such as 2026-03-01T02:00/2026-03-01T04:00 "         \
    "Europe/Berlin"

enum { INSTANT_LENGTH = 16, RFC3339_BYTES = INSTANT_LENGTH + 5 };

/* `2026-03-01T02:00` on the zone's clock. */
static int parse_local(const char *text, size_t length, const struct zone *zone, int64_t *out_ms)
{
    char full[RFC3339_BYTES];
    int64_t as_utc_ms = 0;
    struct civil civil;
    struct zone *utc = NULL;
    if (length != INSTANT_LENGTH) {
        return -1;
    }
    memcpy(full, text, INSTANT_LENGTH);
    memcpy(full + INSTANT_LENGTH, ":00Z", sizeof(":00Z"));
    if (parse_rfc3339(full, &as_utc_ms, NULL) != 0) {
        return -1;
    }
    utc = zone_utc();
    zone_civil(utc, as_utc_ms, &civil);
    zone_destroy(utc);
    *out_ms = zone_instant(zone, &civil);
    return 0;
}

static bool is_once(const char *text)
{
    return strspn(text, "0123456789") == 4 && text[4] == '-';
}

static void build_once(struct build *build, const struct ini_section *section,
                       const struct ini_entry *entry, const struct zone *zone,
                       struct maintenance_window *window)
{
    const char *text = entry->value;
    size_t length = strcspn(text, " \t");
    const char *zone_text = text + length + strspn(text + length, " \t");
    const char *slash = memchr(text, '/', length);
    if (zone_text[0] != '\0') {
        zone = build_zone(build, section, entry, zone_text);
    }
    if (zone == NULL) {
        return; /* was reported */
    }
    if (slash == NULL || parse_local(text, (size_t)(slash - text), zone, &window->from_ms) != 0 ||
        parse_local(slash + 1, length - (size_t)(slash + 1 - text), zone, &window->until_ms) != 0) {
        char got[TEXT_EXCERPT_BYTES];
        build_problem(build, section, entry, "got '%s', want " ONCE_SHAPE, text_excerpt(text, got));
    } else if (window->until_ms <= window->from_ms) {
        build_problem(build, section, entry, "ends before it begins (want FROM/UNTIL)");
    }
}

static void build_windows(struct build *build, const struct ini_section *section,
                          const struct zone *zone, struct maintenance *maintenance)
{
    struct maintenance_window windows[WINDOWS_MAX];
    size_t count = 0;
    for (const struct ini_entry *entry = section->first; entry != NULL; entry = entry->next) {
        if (!text_equal(entry->key, "during")) {
            continue;
        }
        if (count == WINDOWS_MAX) {
            build_problem(build, section, entry, "more than %d during lines", WINDOWS_MAX);
            break;
        }
        struct maintenance_window *window = &windows[count++];
        *window = (struct maintenance_window){.hours_or_null = NULL};
        if (is_once(entry->value)) {
            build_once(build, section, entry, zone, window);
        } else {
            window->hours_or_null = hours_build_entry(build, section, entry, entry->value, zone);
        }
    }
    maintenance->windows = arena_copy(build->arena, windows, count * sizeof(windows[0]));
    maintenance->window_count = count;
}

static void build_maintenance(struct build *build, const struct ini_section *section,
                              struct maintenance *maintenance)
{
    struct maintenance_values values = {.time_zone = NULL};
    const struct zone *zone = build->config->rulebook.zone;
    section_apply(build, section, SECTION_MAINTENANCE, &values, NULL, NULL);
    *maintenance = (struct maintenance){.name = arena_strdup(build->arena, section->name)};
    if (values.time_zone[0] != '\0') {
        zone = build_zone(build, section, section_entry(section, "time_zone"), values.time_zone);
    }
    maintenance->match_count = matches_build(build, section, "match", &maintenance->match);
    if (zone != NULL) {
        build_windows(build, section, zone, maintenance);
    }
}

static void check_equal(struct build *build, const struct ini_section *section,
                        const struct option_list *labels)
{
    const struct ini_entry *entry = section_entry(section, "equal");
    for (size_t i = 0; i < labels->count; i++) {
        if (!matchers_label_is_valid(labels->items[i])) {
            build_problem(build, section, entry, "got '%s', want a label of a-z, 0-9 and '_'",
                          labels->items[i]);
        }
    }
}

static void build_inhibit(struct build *build, const struct ini_section *section,
                          struct inhibit *inhibit)
{
    struct inhibit_values values = {.when = NULL};
    section_apply(build, section, SECTION_INHIBIT, &values, NULL, NULL);
    *inhibit = (struct inhibit){.name = arena_strdup(build->arena, section->name),
                                .equal = values.equal.items,
                                .equal_count = values.equal.count};
    inhibit->when_count = matches_build(build, section, "when", &inhibit->when);
    inhibit->mute_count = matches_build(build, section, "mute", &inhibit->mute);
    check_equal(build, section, &values.equal);
}

static size_t count_of(struct build *build, const char *word, size_t most)
{
    size_t count = document_count(build->document, word);
    if (count > most) {
        build_problem(build, document_next(build->document, NULL, word), NULL,
                      "got %zu sections of this kind, want at most %zu", count, most);
        return most;
    }
    return count;
}

void build_suppression(struct build *build)
{
    struct rulebook *book = &build->config->rulebook;
    size_t count = count_of(build, "maintenance", MAINTENANCES_MAX);
    struct maintenance *maintenances =
        arena_alloc_array(build->arena, count + 1, sizeof(*maintenances));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "maintenance");
        build_maintenance(build, section, &maintenances[i]);
    }
    book->maintenances = maintenances;
    book->maintenance_count = count;

    count = count_of(build, "inhibit", INHIBITS_MAX);
    struct inhibit *inhibits = arena_alloc_array(build->arena, count + 1, sizeof(*inhibits));
    section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "inhibit");
        build_inhibit(build, section, &inhibits[i]);
    }
    book->inhibits = inhibits;
    book->inhibit_count = count;
}

/* `5 in 10m`, or off. */
int flap_parse(const char *text, int64_t *out_count, int64_t *out_ms, struct err *err)
{
    char count[24];
    size_t length = strcspn(text, " \t");
    const char *rest = text + length + strspn(text + length, " \t");
    if (text_equal(text, "off")) {
        *out_count = 0;
        *out_ms = 0;
        return 0;
    }
    if (length > 0 && length < sizeof(count) && rest[0] == 'i' && rest[1] == 'n' &&
        (rest[2] == ' ' || rest[2] == '\t')) {
        memcpy(count, text, length);
        count[length] = '\0';
        rest += 2;
        rest += strspn(rest, " \t");
        if (parse_i64(count, 1, FLAP_COUNT_MAX, out_count, NULL) == 0 &&
            parse_duration(rest, 1000, INT64_C(7) * 86400000, out_ms, NULL) == 0) {
            return 0;
        }
    }
    char got[TEXT_EXCERPT_BYTES];
    return err_set(err, ERR_INVALID,
                   "got '%s', want COUNT in TIME, such as 5 in 10m (1..%d, 1s..7d), or off",
                   text_excerpt(text, got), FLAP_COUNT_MAX);
}

/* A schedule's calendar: who its shifts call, as stretches that never overlap. One that comes over the network is read from
 * the copy that was kept last, and what is wrong in it is a warning: nobody here wrote it, and who has duty in the rest of it
 * is known. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/calendar/calendar.h"
#include "gateway/config/build.h"
#include "gateway/system/certificate.h"
#include "gateway/system/clock.h"
#include "gateway/system/digest.h"
#include "gateway/system/file.h"

enum { PEOPLE_MAX = CALENDAR_PEOPLE_MAX, TOLD_MAX = 5, PIECE_BYTES_MAX = 256 };

/* One calendar under way. */
struct calendars {
    struct build *build;
    const struct ini_section *section;
    const struct ini_entry *entry;
    const struct option_list *members; /* when given, only they have duty */
    bool is_remote;
    size_t told_count;
};

static void add_warning(struct build *build, const char *text)
{
    struct config *config = build->config;
    const char **all = arena_alloc_array(build->arena, config->warning_count + 1, sizeof(*all));
    if (config->warning_count == CONFIG_WARNINGS_MAX)
        return;
    if (config->warning_count > 0)
        memcpy(all, config->warnings, config->warning_count * sizeof(*all));
    all[config->warning_count++] = text;
    config->warnings = all;
}

/* A problem of a file refuses the configuration; one of a server is told. */
static void say(struct calendars *calendars, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct calendars *calendars, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format,
                    arguments); /* cut at the end of a sentence at worst */
    va_end(arguments);
    if (calendars->is_remote)
        add_warning(calendars->build,
                    arena_printf(calendars->build->arena, "[schedule %s] %s: %s",
                                 calendars->section->name, calendars->entry->key, text));
    else
        build_problem(calendars->build, calendars->section, calendars->entry, "%s", text);
}

static const struct zone *find_zone(void *self, const char *name)
{
    struct build *build = self;
    const struct zone *zone = NULL;
    return keeper_zone(build->keeper, name, &zone, NULL) == 0 ? zone : NULL;
}

static bool may_have_duty(const struct calendars *calendars, const char *name)
{
    if (calendars->members->count == 0)
        return true;
    for (size_t i = 0; i < calendars->members->count; i++) {
        if (text_equal(calendars->members->items[i], name))
            return true;
    }
    return false;
}

static bool is_called(const struct contact *contact, const char *text)
{
    if (text_equal_fold(contact->name, text) || text_equal_fold(contact->full_name, text))
        return true;
    for (size_t i = 0; i < contact->method_count; i++) {
        if (text_equal_fold(contact->methods[i].address, text))
            return true;
    }
    return false;
}

static const char *find_person(const struct calendars *calendars, const char *text)
{
    const struct rulebook *book = &calendars->build->config->rulebook;
    for (size_t i = 0; i < book->contact_count; i++) {
        if (is_called(&book->contacts[i], text) && may_have_duty(calendars, book->contacts[i].name))
            return book->contacts[i].name;
    }
    return NULL;
}

/* `text` up to `length`, without blanks around it. */
static const char *find_in_piece(const struct calendars *calendars, const char *text, size_t length)
{
    char piece[PIECE_BYTES_MAX];
    while (length > 0 && text[0] == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length == 0 || length >= sizeof(piece))
        return NULL;
    memcpy(piece, text, length);
    piece[length] = '\0';
    return find_person(calendars, piece);
}

/* The whole summary, else the first of its pieces that is somebody: `On Call - Ann Lee - Primary`, `night: ann`, `ann is on
 * call`, `carol@example.com for bob`. */
static const char *find_in_summary(const struct calendars *calendars, const char *summary)
{
    const char *name = find_in_piece(calendars, summary, strlen(summary));
    for (const char *piece = summary; name == NULL && *piece != '\0';) {
        const char *dash = strstr(piece, " - ");
        const char *colon = strstr(piece, ": ");
        const char *end = dash != NULL && (colon == NULL || dash < colon) ? dash : colon;
        size_t length = end != NULL ? (size_t)(end - piece) : strlen(piece);
        name = find_in_piece(calendars, piece, length);
        piece += length;
        if (*piece != '\0')
            piece += *piece == ':' ? 2 : 3;
    }
    for (const char *word = summary; name == NULL && *word != '\0';) {
        size_t length = strcspn(word, " ");
        name = find_in_piece(calendars, word, length);
        word += length + strspn(word + length, " ");
    }
    return name;
}

/* NULL: has any contact? */
static bool has_declined(const struct calendars *calendars, const struct calendar_shift *shift,
                         const char *contact_or_null)
{
    for (size_t i = 0; i < shift->declined_count; i++) {
        const char *name = find_person(calendars, shift->declined[i]);
        if (name != NULL && (contact_or_null == NULL || text_equal(name, contact_or_null)))
            return true;
    }
    return false;
}

static size_t find_people(struct calendars *calendars, const struct calendar_shift *shift,
                          const char *names[PEOPLE_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < shift->mail_count && count < PEOPLE_MAX; i++) {
        const char *name = find_person(calendars, shift->mails[i]);
        if (name != NULL)
            names[count++] = name;
    }
    if (count == 0) {
        names[0] = find_in_summary(calendars, shift->summary);
        count = names[0] != NULL && !has_declined(calendars, shift, names[0]) ? 1 : 0;
    }
    return count;
}

static void tell_nobody(struct calendars *calendars, const struct calendar_shift *shift)
{
    char at[TEXT_RFC3339_BYTES];
    char got[TEXT_EXCERPT_BYTES];
    if (calendars->told_count++ < TOLD_MAX)
        say(calendars,
            "the shift of %s, '%s', names nobody (want a contact's name, full name or address%s)",
            text_rfc3339(shift->from_ms, at), text_excerpt(shift->summary, got),
            calendars->members->count > 0 ? ", of those in members" : "");
}

static int by_time(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* A shift with its people found. */
struct manned {
    int64_t from_ms, until_ms;
    const char *const *names;
    size_t name_count;
};

static size_t add_names(const struct manned *manned, const char **names, size_t count)
{
    for (size_t i = 0; i < manned->name_count && count < PEOPLE_MAX; i++) {
        size_t j = 0;
        while (j < count && !text_equal(names[j], manned->names[i]))
            j++;
        if (j == count)
            names[count++] = manned->names[i];
    }
    return count;
}

/* Where shifts overlap all their people have duty. `edges` are the starts and ends in order. */
static void cut_into_stretches(struct arena *arena, const struct manned *manned, size_t count,
                               const int64_t *edges, size_t edge_count, struct schedule *schedule)
{
    struct shift *shifts = arena_alloc_array(arena, edge_count + 1, sizeof(*shifts));
    size_t shift_count = 0;
    size_t first = 0; /* all before it have ended */
    for (size_t i = 0; i + 1 < edge_count; i++) {
        const char *names[PEOPLE_MAX];
        size_t name_count = 0;
        if (edges[i] == edges[i + 1])
            continue;
        while (first < count && manned[first].until_ms <= edges[i])
            first++;
        for (size_t j = first; j < count && manned[j].from_ms <= edges[i]; j++) {
            if (manned[j].until_ms > edges[i])
                name_count = add_names(&manned[j], names, name_count);
        }
        if (name_count == 0)
            continue;
        shifts[shift_count++] =
            (struct shift){.from_ms = edges[i],
                           .until_ms = edges[i + 1],
                           .names = arena_copy(arena, names, name_count * sizeof(names[0])),
                           .name_count = name_count};
    }
    schedule->shifts = shifts;
    schedule->shift_count = shift_count;
}

static void man_shifts(struct calendars *calendars, const struct calendar_shift *shifts,
                       size_t count, struct schedule *schedule)
{
    struct manned *manned = heap_alloc((count + 1) * sizeof(*manned));
    int64_t *edges = heap_alloc((2 * count + 1) * sizeof(*edges));
    size_t manned_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *names[PEOPLE_MAX];
        size_t name_count = find_people(calendars, &shifts[i], names);
        if (name_count == 0) {
            if (!has_declined(calendars, &shifts[i], NULL)) /* else it is a gap like any other */
                tell_nobody(calendars, &shifts[i]);
            continue;
        }
        edges[2 * manned_count] = shifts[i].from_ms;
        edges[2 * manned_count + 1] = shifts[i].until_ms;
        manned[manned_count++] = (struct manned){
            .from_ms = shifts[i].from_ms,
            .until_ms = shifts[i].until_ms,
            .names = arena_copy(calendars->build->arena, names, name_count * sizeof(names[0])),
            .name_count = name_count};
    }
    if (calendars->told_count > TOLD_MAX)
        say(calendars, "%zu more shifts name nobody", calendars->told_count - TOLD_MAX);
    qsort(edges, 2 * manned_count, sizeof(*edges), by_time);
    cut_into_stretches(calendars->build->arena, manned, manned_count, edges, 2 * manned_count,
                       schedule);
    free(edges);
    free(manned);
}

static bool is_address(const char *text)
{
    return strstr(text, "://") != NULL;
}

/* webcal: is how calendar programs call https. */
static const char *read_address(struct calendars *calendars, const char *text)
{
    static const char want[] = "https://";
    struct build *build = calendars->build;
    const char *rest = text_starts_with(text, "webcal://")    ? text + sizeof("webcal://") - 1
                       : text_starts_with(text, want)         ? text + sizeof(want) - 1
                       : text_starts_with(text, "webcals://") ? text + sizeof("webcals://") - 1
                                                              : "";
    bool is_good = rest[0] != '\0' && rest[0] != '/' && strpbrk(rest, " \t\"<>\\^`{|}") == NULL;
    for (const char *c = rest; *c != '\0'; c++)
        is_good = is_good && (unsigned char)*c > ' ' && (unsigned char)*c < 0x7f;
    if (!is_good) {
        build_problem(build, calendars->section, calendars->entry,
                      "want https://HOST/PATH (or webcal://), in plain characters");
        return "";
    }
    return arena_printf(build->arena, "%s%s", want, rest);
}

/* Another address is another calendar: its copy has another name. */
static const char *copy_path(struct build *build, const char *schedule, const char *url)
{
    char hex[DIGEST_HEX_BYTES];
    if (build->span.copies_dir == NULL)
        return "";
    return arena_printf(build->arena, "%s/%s-%.16s.ics", build->span.copies_dir, schedule,
                        digest_sha256_hex(url, strlen(url), hex));
}

static struct config_calendar *add_calendar(struct build *build, struct config_calendar calendar)
{
    struct config *config = build->config;
    if (config->calendars == NULL)
        config->calendars = arena_alloc_array(
            build->arena, document_count(build->document, "schedule"), sizeof(*config->calendars));
    config->calendars[config->calendar_count] = calendar;
    return &config->calendars[config->calendar_count++];
}

static void read_shifts(struct calendars *calendars, struct config_calendar *calendar,
                        struct schedule *schedule)
{
    struct build *build = calendars->build;
    const struct calendar_options options = {.zone = schedule->zone,
                                             .find_zone = find_zone,
                                             .self = build,
                                             .from_ms = build->span.from_ms,
                                             .until_ms = build->span.until_ms};
    struct err err = {0};
    char *bytes = NULL;
    size_t count = 0;
    struct calendar_shift *shifts = NULL;
    size_t shift_count = 0;
    int verdict = file_read(calendar->path, CALENDAR_BYTES_MAX, &bytes, &count, &err);
    if (verdict == 0)
        verdict = calendar_read(bytes, count, &options, build->arena, &shifts, &shift_count, &err);
    if (verdict == 0) {
        calendar->bytes = arena_copy_text(build->arena, bytes, count);
        calendar->byte_count = count;
        man_shifts(calendars, shifts, shift_count, schedule);
    } else if (calendars->is_remote) {
        schedule->awaits_calendar = true;
        say(calendars,
            "nobody has duty and the fallback is told, until the calendar could be fetched: %s",
            err.code == ERR_NOT_FOUND ? "there is no copy of it yet" : err.text);
    } else {
        say(calendars, "%s: %s", calendars->entry->value, err.text);
    }
    free(bytes);
}

static void check_ca_file(struct calendars *calendars, const struct schedule_values *values)
{
    static const char key[] = "calendar_ca_file";
    const struct ini_entry *entry = section_entry(calendars->section, key);
    struct build *build = calendars->build;
    struct err err = {0};
    if (entry == NULL)
        return;
    if (!calendars->is_remote)
        build_problem(build, calendars->section, entry, "has a meaning for an https address only");
    else if (build->plugins != NULL && certificate_check_trust(values->calendar_ca_file, &err) != 0)
        build_problem(build, calendars->section, entry, "%s", err.text);
}

void calendar_build(struct build *build, const struct ini_section *section,
                    const struct schedule_values *values, struct schedule *schedule)
{
    struct calendars calendars = {.build = build,
                                  .section = section,
                                  .entry = section_entry(section, "calendar"),
                                  .members = &values->members};
    const char *url = values->calendar_url;
    bool is_secret = calendars.entry == NULL;
    if (is_secret) {
        calendars.entry = section_entry(section, "calendar_url");
        if (calendars.entry == NULL)
            calendars.entry = section_entry(section, "calendar_url_file");
    } else if (url[0] != '\0' || section_entry(section, "calendar_url_file") != NULL) {
        build_problem(build, section, calendars.entry,
                      "calendar_url stands too (want one of both)");
    } else if (is_address(values->calendar)) {
        url = values->calendar;
    }
    calendars.is_remote = is_secret || url[0] != '\0';
    /* Without plugins secrets are not read: nothing is to be fetched either. */
    if (url[0] != '\0')
        url = read_address(&calendars, url);
    check_ca_file(&calendars, values);
    schedule->has_calendar = true;
    schedule->is_remote = calendars.is_remote;
    schedule->shifts_until_ms = build->span.until_ms;
    build->config->calendars_until_ms = build->span.until_ms;
    struct config_calendar *calendar = add_calendar(
        build,
        (struct config_calendar){.schedule = schedule->name,
                                 .url = url,
                                 .ca_file = values->calendar_ca_file,
                                 .refresh_ms = values->refresh_ms,
                                 .trouble_after_ms = values->trouble_after_ms,
                                 .path = calendars.is_remote ? copy_path(build, schedule->name, url)
                                                             : build_path(build, values->calendar),
                                 .zone = schedule->zone});
    if (calendar->path[0] != '\0')
        read_shifts(&calendars, calendar, schedule);
    else
        schedule->awaits_calendar = true;
}

/* --- what a server gives now, beside what is in force --- */

struct reading {
    struct keeper keeper;
    struct arena arena;
    struct calendar_shift *shifts[2];
    size_t counts[2];
};

static const struct zone *find_zone_alone(void *self, const char *name)
{
    struct reading *reading = self;
    const struct zone *zone = NULL;
    return keeper_zone(&reading->keeper, name, &zone, NULL) == 0 ? zone : NULL;
}

static bool is_same_list(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    size_t i = 0;
    while (i < a_count && i < b_count && text_equal(a[i], b[i]))
        i++;
    return i == a_count && i == b_count;
}

static bool is_same_shift(const struct calendar_shift *a, const struct calendar_shift *b)
{
    return a->from_ms == b->from_ms && a->until_ms == b->until_ms &&
           text_equal(a->summary, b->summary) &&
           is_same_list(a->mails, a->mail_count, b->mails, b->mail_count) &&
           is_same_list(a->declined, a->declined_count, b->declined, b->declined_count);
}

static bool has_changed(const struct reading *reading)
{
    if (reading->counts[0] != reading->counts[1])
        return true;
    for (size_t i = 0; i < reading->counts[0]; i++) {
        if (!is_same_shift(&reading->shifts[0][i], &reading->shifts[1][i]))
            return true;
    }
    return false;
}

int config_calendar_compare(const struct config_calendar *calendar, const char *bytes,
                            size_t byte_count, bool *out_differs, bool *out_is_empty,
                            struct err *err)
{
    struct reading reading = {.counts = {0}};
    int64_t now_ms = clock_wall_ms();
    const struct calendar_options options = {.zone = calendar->zone,
                                             .find_zone = find_zone_alone,
                                             .self = &reading,
                                             .from_ms = now_ms - CONFIG_CALENDARS_BEFORE_MS,
                                             .until_ms = now_ms + CONFIG_CALENDARS_AHEAD_MS};
    keeper_init(&reading.keeper);
    arena_init(&reading.arena);
    bool had_any = calendar->bytes != NULL &&
                   calendar_read(calendar->bytes, calendar->byte_count, &options, &reading.arena,
                                 &reading.shifts[0], &reading.counts[0], NULL) == 0;
    int verdict = calendar_read(bytes, byte_count, &options, &reading.arena, &reading.shifts[1],
                                &reading.counts[1], err);
    if (verdict == 0) {
        *out_differs = !had_any || has_changed(&reading);
        *out_is_empty = reading.counts[0] > 0 && reading.counts[1] == 0;
    }
    arena_clear(&reading.arena);
    keeper_clear(&reading.keeper);
    return verdict;
}

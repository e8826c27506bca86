/* A schedule's calendar: who its shifts call, as stretches that never overlap. */
#include <stdlib.h>
#include <string.h>

#include "gateway/calendar/calendar.h"
#include "gateway/config/build.h"
#include "gateway/system/file.h"

enum { PEOPLE_MAX = CALENDAR_PEOPLE_MAX, TOLD_MAX = 5, PIECE_BYTES_MAX = 256 };

/* One calendar under way. */
struct calendars {
    struct build *build;
    const struct ini_section *section;
    const struct ini_entry *entry;
    const struct option_list *members; /* when given, only they have duty */
    size_t told_count;
};

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
        count = names[0] != NULL ? 1 : 0;
    }
    return count;
}

static void tell_nobody(struct calendars *calendars, const struct calendar_shift *shift)
{
    char at[TEXT_RFC3339_BYTES];
    char got[TEXT_EXCERPT_BYTES];
    if (calendars->told_count++ < TOLD_MAX)
        build_problem(
            calendars->build, calendars->section, calendars->entry,
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
        build_problem(calendars->build, calendars->section, calendars->entry,
                      "%zu more shifts name nobody", calendars->told_count - TOLD_MAX);
    qsort(edges, 2 * manned_count, sizeof(*edges), by_time);
    cut_into_stretches(calendars->build->arena, manned, manned_count, edges, 2 * manned_count,
                       schedule);
    free(edges);
    free(manned);
}

void calendar_build(struct build *build, const struct ini_section *section, const char *path,
                    const struct option_list *members, struct schedule *schedule)
{
    struct calendars calendars = {.build = build,
                                  .section = section,
                                  .entry = section_entry(section, "calendar"),
                                  .members = members};
    const struct calendar_options options = {.zone = schedule->zone,
                                             .find_zone = find_zone,
                                             .self = build,
                                             .from_ms = build->span.from_ms,
                                             .until_ms = build->span.until_ms};
    struct err err;
    char *bytes = NULL;
    size_t count = 0;
    struct calendar_shift *shifts = NULL;
    size_t shift_count = 0;
    schedule->has_calendar = true;
    build->config->calendars_until_ms = options.until_ms;
    schedule->shifts_until_ms = options.until_ms;
    if (file_read(build_path(build, path), CALENDAR_BYTES_MAX, &bytes, &count, &err) != 0 ||
        calendar_read(bytes, count, &options, build->arena, &shifts, &shift_count, &err) != 0)
        build_problem(build, section, calendars.entry, "%s: %s", path, err.text);
    else
        man_shifts(&calendars, shifts, shift_count, schedule);
    free(bytes);
}

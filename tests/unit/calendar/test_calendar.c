#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/calendar/calendar.h"

enum { ZONES_MAX = 16, FILE_BYTES_MAX = 1 << 20 };

struct world {
    struct zone *zones[ZONES_MAX];
    size_t zone_count;
    struct arena arena;
    struct calendar_options options;
    struct calendar_shift *shifts;
    size_t count;
    struct err err;
};

static char *read_file(const char *path, size_t *out_count)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char *bytes = malloc(FILE_BYTES_MAX + 1);
    assert_non_null(bytes);
    *out_count = fread(bytes, 1, FILE_BYTES_MAX, file);
    bytes[*out_count] = '\0';
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static const struct zone *find_zone(void *self, const char *name)
{
    struct world *world = self;
    char path[512];
    for (size_t i = 0; i < world->zone_count; i++) {
        if (text_equal(zone_name(world->zones[i]), name))
            return world->zones[i];
    }
    if (strstr(name, "..") != NULL || strpbrk(name, " \\") != NULL || name[0] == '/')
        return NULL;
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    size_t count = 0;
    char *bytes = read_file(path, &count);
    struct zone *zone = NULL;
    if (bytes != NULL && zone_parse(name, bytes, count, &zone, NULL) == 0) {
        assert_true(world->zone_count < ZONES_MAX);
        world->zones[world->zone_count++] = zone;
    }
    free(bytes);
    return zone;
}

static int64_t instant(const char *text)
{
    struct civil civil = {0};
    char end = '\0';
    int read = sscanf(text, "%d-%d-%dT%d:%d:%d%c", &civil.year, &civil.month, &civil.day,
                      &civil.hour, &civil.minute, &civil.second, &end);
    assert_true(read == 7 && end == 'Z');
    struct zone *utc = zone_utc();
    int64_t at_ms = zone_instant(utc, &civil);
    zone_destroy(utc);
    return at_ms;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    arena_init(&world->arena);
    world->options = (struct calendar_options){.find_zone = find_zone,
                                               .self = world,
                                               .from_ms = instant("2024-01-01T00:00:00Z"),
                                               .until_ms = instant("2030-01-01T00:00:00Z")};
    world->options.zone = find_zone(world, "Europe/Berlin");
    assert_non_null(world->options.zone);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    arena_clear(&world->arena);
    for (size_t i = 0; i < world->zone_count; i++)
        zone_destroy(world->zones[i]);
    free(world);
    return 0;
}

static int read_text(struct world *world, const char *text)
{
    return calendar_read(text, strlen(text), &world->options, &world->arena, &world->shifts,
                         &world->count, &world->err);
}

/* One event in a calendar around it. */
static int read_event(struct world *world, const char *lines)
{
    return read_text(
        world, arena_printf(&world->arena,
                            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:u1\nSUMMARY:ann\n%s"
                            "END:VEVENT\nEND:VCALENDAR\n",
                            lines));
}

static void expect_shift(const struct world *world, size_t index, const char *from,
                         const char *until)
{
    char text[2][TEXT_RFC3339_BYTES];
    assert_true(index < world->count);
    assert_int_equal(world->shifts[index].from_ms, instant(from));
    if (world->shifts[index].until_ms != instant(until))
        fail_msg("shift %zu is %s to %s, want %s to %s", index,
                 text_rfc3339(world->shifts[index].from_ms, text[0]),
                 text_rfc3339(world->shifts[index].until_ms, text[1]), from, until);
}

/* "2026-03-02T08:00:00Z"; a date or a floating time is in the zone of the test. */
static int64_t expected_at(const struct world *world, const char *text)
{
    struct civil civil = {0};
    if (strchr(text, 'Z') != NULL)
        return instant(text);
    int read = sscanf(text, "%d-%d-%dT%d:%d:%d", &civil.year, &civil.month, &civil.day, &civil.hour,
                      &civil.minute, &civil.second);
    assert_true(read == 3 || read == 6);
    return zone_instant(world->options.zone, &civil);
}

static bool has_shift(const struct world *world, int64_t from_ms, int64_t until_ms,
                      const char *summary)
{
    for (size_t i = 0; i < world->count; i++) {
        const struct calendar_shift *shift = &world->shifts[i];
        if (shift->from_ms == from_ms && shift->until_ms == until_ms &&
            text_equal(shift->summary, summary))
            return true;
    }
    return false;
}

/* The samples' instances were made by another reader; where a rule has no end they stop after some. */
static void test_samples(void **state)
{
    struct world *world = *state;
    size_t count = 0;
    char *bytes = read_file(SAMPLES_DIR "/expected-occurrences.json", &count);
    assert_non_null(bytes);
    struct json *expected = NULL;
    assert_int_equal(json_parse(bytes, count, &expected, &world->err), 0);
    static const char *const files[] = {"floating-and-lf.ics",
                                        "google-allday.ics",
                                        "google-nightly-dst.ics",
                                        "google-weekly-rotation.ics",
                                        "outlook-windows-tzid.ics",
                                        "pagerduty-style.ics",
                                        "rrule-mix.ics",
                                        "opsgenie-style-unconfirmed.ics"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[512];
        size_t ical_count = 0;
        (void)snprintf(path, sizeof(path), "%s/%s", SAMPLES_DIR, files[i]);
        char *ical = read_file(path, &ical_count);
        assert_non_null(ical);
        if (calendar_read(ical, ical_count, &world->options, &world->arena, &world->shifts,
                          &world->count, &world->err) != 0)
            fail_msg("%s: %s", files[i], world->err.text);
        free(ical);
        const struct json *list = json_get(expected, files[i]);
        assert_true(json_count(list) > 0);
        for (size_t j = 0; j < json_count(list); j++) {
            const struct json *row = json_at(list, j);
            const char *from = json_string(json_at(row, 0));
            const char *until = json_string(json_at(row, 1));
            const char *summary = json_string(json_at(row, 2));
            if (!has_shift(world, expected_at(world, from), expected_at(world, until), summary))
                fail_msg("%s: no %s to %s: %s", files[i], from, until, summary);
        }
        bool is_endless = text_equal(files[i], "google-weekly-rotation.ics");
        if (!is_endless && world->count != json_count(list))
            fail_msg("%s: %zu shifts, want %zu", files[i], world->count, json_count(list));
    }
    json_free(expected);
    free(bytes);
}

static void test_exceptions(void **state)
{
    struct world *world = *state;
    size_t count = 0;
    char *ical = read_file(SAMPLES_DIR "/google-weekly-rotation.ics", &count);
    assert_int_equal(calendar_read(ical, count, &world->options, &world->arena, &world->shifts,
                                   &world->count, &world->err),
                     0);
    free(ical);
    /* EXDATE, and the instance that carol took over and prolonged. */
    assert_false(has_shift(world, instant("2026-03-23T08:00:00Z"), instant("2026-03-30T07:00:00Z"),
                           "bob@example.com"));
    assert_false(has_shift(world, instant("2026-04-06T07:00:00Z"), instant("2026-04-13T07:00:00Z"),
                           "bob@example.com"));
    assert_int_equal(world->shifts[0].mail_count, 1);
    assert_string_equal(world->shifts[0].mails[0], "alice@example.com");
}

static void test_clock_changes(void **state)
{
    struct world *world = *state;
    /* 2026-10-25: 03:00 becomes 02:00. Twice 02:30: the earlier; the end keeps its wall clock. */
    assert_int_equal(
        read_event(world, "DTSTART;TZID=Europe/Berlin:20261024T023000\n"
                          "DTEND;TZID=Europe/Berlin:20261024T060000\nRRULE:FREQ=DAILY;COUNT=3\n"),
        0);
    assert_int_equal(world->count, 3);
    expect_shift(world, 0, "2026-10-24T00:30:00Z", "2026-10-24T04:00:00Z");
    expect_shift(world, 1, "2026-10-25T00:30:00Z", "2026-10-25T05:00:00Z");
    expect_shift(world, 2, "2026-10-26T01:30:00Z", "2026-10-26T05:00:00Z");
    /* A duration of hours is exact, of days is of the wall clock. */
    assert_int_equal(
        read_event(world, "DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:PT8H\n"), 0);
    expect_shift(world, 0, "2026-10-24T20:00:00Z", "2026-10-25T04:00:00Z");
    assert_int_equal(
        read_event(world, "DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:P1D\n"), 0);
    expect_shift(world, 0, "2026-10-24T20:00:00Z", "2026-10-25T21:00:00Z");
    /* Half an hour's change: Lord Howe, 2026-04-05 02:00 becomes 01:30. */
    assert_int_equal(read_event(world,
                                "DTSTART;TZID=Australia/Lord_Howe:20260404T014500\nDURATION:PT1H\n"
                                "RRULE:FREQ=DAILY;COUNT=3\n"),
                     0);
    expect_shift(world, 1, "2026-04-04T14:45:00Z", "2026-04-04T15:45:00Z");
    expect_shift(world, 2, "2026-04-05T15:15:00Z", "2026-04-05T16:15:00Z");
    /* The southern spring: Santiago, midnight of 2026-09-06 is not there. */
    assert_int_equal(
        read_event(world, "DTSTART;TZID=America/Santiago:20260906T000000\nDURATION:PT1H\n"), 0);
    expect_shift(world, 0, "2026-09-06T04:00:00Z", "2026-09-06T05:00:00Z");
}

/* Hand-overs of a weekly rotation leave no gap and no overlap in any week of fourteen years, in zones of both halves of
 * the world. */
static void test_weeks_meet(void **state)
{
    static const char *const zones[] = {
        "Europe/Berlin", "America/New_York",  "America/Sao_Paulo", "Australia/Lord_Howe",
        "Asia/Kolkata",  "Africa/Casablanca", "Pacific/Apia",      "Asia/Tehran"};
    struct world *world = *state;
    world->options.from_ms = instant("2012-01-01T00:00:00Z");
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        const char *lines =
            arena_printf(&world->arena,
                         "DTSTART;TZID=%s:20120102T023000\nDTEND;TZID=%s:20120109T023000\n"
                         "RRULE:FREQ=WEEKLY\n",
                         zones[i], zones[i]);
        assert_int_equal(read_event(world, lines), 0);
        assert_true(world->count > 900);
        for (size_t j = 1; j < world->count; j++)
            assert_int_equal(world->shifts[j].from_ms, world->shifts[j - 1].until_ms);
    }
}

static void test_window(void **state)
{
    struct world *world = *state;
    world->options.from_ms = instant("2026-06-01T12:00:00Z");
    world->options.until_ms = instant("2026-06-03T12:00:00Z");
    assert_int_equal(
        read_event(world, "DTSTART:20260101T000000Z\nDTEND:20260102T000000Z\nRRULE:FREQ=DAILY\n"),
        0);
    assert_int_equal(world->count, 3); /* those that touch it, whole */
    expect_shift(world, 0, "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z");
    expect_shift(world, 2, "2026-06-03T00:00:00Z", "2026-06-04T00:00:00Z");
}

static void test_endings(void **state)
{
    struct world *world = *state;
    /* UNTIL in UTC is of the zone's wall clock: 09:00 in New York is 13:00 in summer. */
    assert_int_equal(read_event(world,
                                "DTSTART;TZID=America/New_York:20260601T090000\nDURATION:PT1H\n"
                                "RRULE:FREQ=DAILY;UNTIL=20260603T130000Z\n"),
                     0);
    assert_int_equal(world->count, 3);
    assert_int_equal(read_event(world,
                                "DTSTART;TZID=America/New_York:20260601T090000\nDURATION:PT1H\n"
                                "RRULE:FREQ=DAILY;UNTIL=20260603\n"),
                     0);
    assert_int_equal(world->count, 3);
    assert_int_equal(
        read_event(world, "STATUS:CANCELLED\nDTSTART:20260601T090000Z\nDURATION:PT1H\n"), 0);
    assert_int_equal(world->count, 0);
    assert_int_equal(read_event(world, "DTSTART:20260601T090000Z\n"), 0); /* has no length */
    assert_int_equal(world->count, 0);
    assert_int_equal(read_event(world, "DTSTART;VALUE=DATE:20260601\nRRULE:FREQ=DAILY;COUNT=3\n"
                                       "EXDATE;VALUE=DATE:20260602\n"),
                     0);
    assert_int_equal(world->count, 2);
    expect_shift(world, 1, "2026-06-02T22:00:00Z", "2026-06-03T22:00:00Z");
}

static void test_zone_names(void **state)
{
    struct world *world = *state;
    assert_int_equal(
        read_event(world, "DTSTART;TZID=/example.org/20260101_1/Europe/Paris:20260601T090000\n"
                          "DURATION:PT1H\n"),
        0);
    expect_shift(world, 0, "2026-06-01T07:00:00Z", "2026-06-01T08:00:00Z");
    /* An end in another zone: the length is exact. */
    assert_int_equal(read_event(world, "DTSTART;TZID=Europe/Paris:20260601T090000\n"
                                       "DTEND;TZID=America/New_York:20260601T090000\n"),
                     0);
    expect_shift(world, 0, "2026-06-01T07:00:00Z", "2026-06-01T13:00:00Z");
}

/* Weeks that begin on a Saturday, every other one; RFC 5545 counts from the week of the start. */
static void test_week_starts(void **state)
{
    struct world *world = *state;
    assert_int_equal(read_event(world,
                                "DTSTART:20260601T090000Z\nDURATION:PT1H\n"
                                "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SA;COUNT=4\n"),
                     0);
    assert_int_equal(world->count, 4);
    expect_shift(world, 0, "2026-06-01T09:00:00Z", "2026-06-01T10:00:00Z");
    expect_shift(world, 1, "2026-06-14T09:00:00Z", "2026-06-14T10:00:00Z");
    expect_shift(world, 2, "2026-06-15T09:00:00Z", "2026-06-15T10:00:00Z");
    expect_shift(world, 3, "2026-06-28T09:00:00Z", "2026-06-28T10:00:00Z");
    /* The end is of the same clock, and the days may stand in any order. */
    assert_int_equal(
        read_event(world, "DTSTART:20270315T091500Z\nDURATION:PT1H\n"
                          "RRULE:FREQ=WEEKLY;INTERVAL=26;BYDAY=SU,WE,MO;WKST=TH;UNTIL=20270317T"
                          "091500Z\n"),
        0);
    assert_int_equal(world->count, 2);
    expect_shift(world, 1, "2027-03-17T09:15:00Z", "2027-03-17T10:15:00Z");
}

/* What stands beside a start in a zone is in that zone when it names none; a date means that day's instance. */
static void test_beside_a_start(void **state)
{
    static const char rule[] = "DTSTART;TZID=America/New_York:20260601T090000\nDURATION:PT1H\n"
                               "RRULE:FREQ=DAILY;COUNT=3\n";
    struct world *world = *state;
    assert_int_equal(
        read_event(world, arena_printf(&world->arena, "%sEXDATE:20260602T090000\n", rule)), 0);
    assert_int_equal(world->count, 2);
    assert_int_equal(
        read_event(world, arena_printf(&world->arena, "%sRDATE:20260610T090000\n", rule)), 0);
    assert_int_equal(world->count, 4);
    expect_shift(world, 3, "2026-06-10T13:00:00Z", "2026-06-10T14:00:00Z");
    static const char *const names[] = {";VALUE=DATE:20260602", ":20260602T090000"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(
            read_event(world, arena_printf(&world->arena,
                                           "%sEND:VEVENT\nBEGIN:VEVENT\nUID:u1\nSUMMARY:bob\n"
                                           "RECURRENCE-ID%s\nDTSTART;TZID=America/New_York:"
                                           "20260602T150000\nDURATION:PT1H\n",
                                           rule, names[i])),
            0);
        assert_int_equal(world->count, 3);
        expect_shift(world, 1, "2026-06-02T19:00:00Z", "2026-06-02T20:00:00Z");
        assert_string_equal(world->shifts[1].summary, "bob");
    }
}

/* Of versions of the same instances one counts, wherever it stands in the text. */
static void test_versions(void **state)
{
    static const char head[] = "BEGIN:VCALENDAR\nVERSION:2.0\n";
    static const char next[] = "END:VCALENDAR\n";
    static const char master[] = "BEGIN:VEVENT\nUID:u\nSEQUENCE:1\nSUMMARY:ann\n"
                                 "DTSTART:20260601T090000Z\nDURATION:PT1H\n"
                                 "RRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n";
    static const char change[] = "BEGIN:VEVENT\nUID:u\nSEQUENCE:1\nSUMMARY:bob\n"
                                 "RECURRENCE-ID:20260602T090000Z\nDTSTART:20260602T120000Z\n"
                                 "DURATION:PT1H\nEND:VEVENT\n";
    static const struct {
        const char *name, *method, *more;
        size_t count;
        const char *second; /* summary of the second shift */
    } cases[] = {
        {"as they are", "PUBLISH", "", 3, "bob"},
        {"a newer instance", "PUBLISH",
         "BEGIN:VEVENT\nUID:u\nSEQUENCE:2\nSUMMARY:carol\nRECURRENCE-ID:20260602T090000Z\n"
         "DTSTART:20260602T120000Z\nDURATION:PT1H\nEND:VEVENT\n",
         3, "carol"},
        {"an older instance", "PUBLISH",
         "BEGIN:VEVENT\nUID:u\nSEQUENCE:0\nSUMMARY:carol\nRECURRENCE-ID:20260602T090000Z\n"
         "DTSTART:20260602T120000Z\nDURATION:PT1H\nEND:VEVENT\n",
         3, "bob"},
        {"a newer series", "PUBLISH",
         "BEGIN:VEVENT\nUID:u\nSEQUENCE:3\nSUMMARY:carol\nDTSTART:20260601T090000Z\n"
         "DURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=5\nEND:VEVENT\n",
         5, "bob"},
        {"a cancelled instance", "PUBLISH",
         "BEGIN:VEVENT\nUID:u\nSEQUENCE:1\nSTATUS:CANCELLED\nRECURRENCE-ID:20260602T090000Z\n"
         "END:VEVENT\n",
         2, "ann"},
        {"a cancelled series", "CANCEL", "BEGIN:VEVENT\nUID:u\nSEQUENCE:2\nEND:VEVENT\n", 0, ""},
        {"cancelled by its method", "CANCEL",
         "BEGIN:VEVENT\nUID:u\nSEQUENCE:1\nRECURRENCE-ID:20260603T090000Z\nEND:VEVENT\n", 2, "bob"},
        {"cancelled, and made again", "CANCEL", "BEGIN:VEVENT\nUID:u\nSEQUENCE:0\nEND:VEVENT\n", 3,
         "bob"},
        {"another's", "CANCEL", "BEGIN:VEVENT\nUID:v\nSEQUENCE:9\nEND:VEVENT\n", 3, "bob"},
        {"the same number, twice", "PUBLISH",
         "BEGIN:VEVENT\nUID:u\nSEQUENCE:1\nSUMMARY:carol\nDTSTART:20260605T090000Z\n"
         "DURATION:PT1H\nEND:VEVENT\n",
         4, "bob"},
        {"without a uid", "PUBLISH",
         "BEGIN:VEVENT\nSUMMARY:a\nDTSTART:20260605T090000Z\nDURATION:PT1H\nEND:VEVENT\n"
         "BEGIN:VEVENT\nSEQUENCE:1\nSUMMARY:b\nDTSTART:20260606T090000Z\nDURATION:PT1H\n"
         "END:VEVENT\n",
         5, "bob"},
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *more =
            arena_printf(&world->arena, "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:%s\n%s%s",
                         cases[i].method, cases[i].more, next);
        for (int is_first = 0; is_first < 2; is_first++) {
            const char *text = arena_printf(&world->arena, "%s%s%s%s%s%s", is_first ? more : "",
                                            head, master, change, next, is_first ? "" : more);
            if (read_text(world, text) != 0)
                fail_msg("%s: %s", cases[i].name, world->err.text);
            if (world->count != cases[i].count ||
                (world->count > 1 && !text_equal(world->shifts[1].summary, cases[i].second)))
                fail_msg("%s (%d): %zu shifts, the second is %s", cases[i].name, is_first,
                         world->count, world->count > 1 ? world->shifts[1].summary : "not there");
        }
    }
}

static void test_declined(void **state)
{
    struct world *world = *state;
    assert_int_equal(read_event(world, "DTSTART:20260601T090000Z\nDURATION:PT1H\n"
                                       "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.com\n"
                                       "ATTENDEE;PARTSTAT=TENTATIVE:mailto:bob@example.com\n"
                                       "ATTENDEE;PARTSTAT=DELEGATED:mailto:eve@example.com\n"
                                       "ATTENDEE;PARTSTAT=ACCEPTED:mailto:carol@example.com\n"
                                       "ATTENDEE;PARTSTAT=NEEDS-ACTION:MAILTO:dan@example.com\n"
                                       "ATTENDEE:mailto:fay@example.com\n"),
                     0);
    static const char *const stay[] = {"bob@example.com", "carol@example.com", "dan@example.com",
                                       "fay@example.com"};
    assert_int_equal(world->count, 1);
    assert_int_equal(world->shifts[0].mail_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(world->shifts[0].mails[i], stay[i]);
    assert_int_equal(world->shifts[0].declined_count, 2);
    assert_string_equal(world->shifts[0].declined[0], "ann@example.com");
    assert_string_equal(world->shifts[0].declined[1], "eve@example.com");
}

/* A rule that never comes true is no reason to refuse a calendar: what stands at its start counts. */
static void test_rules_without_instances(void **state)
{
    static const char *const rules[] = {
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYMONTH=2;BYDAY=5MO;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;UNTIL=20250601T090000Z",
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *lines = arena_printf(
            &world->arena, "DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:%s\n", rules[i]);
        if (read_event(world, lines) != 0)
            fail_msg("%s: %s", rules[i], world->err.text);
        if (world->count != 1)
            fail_msg("%s: %zu shifts", rules[i], world->count);
    }
    /* A leap day on a Monday comes once in 28 years. */
    world->options.until_ms = instant("2050-01-01T00:00:00Z");
    assert_int_equal(read_event(world, "DTSTART:20160229T090000Z\nDURATION:PT1H\n"
                                       "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO\n"),
                     0);
    assert_int_equal(world->count, 1);
    expect_shift(world, 0, "2044-02-29T09:00:00Z", "2044-02-29T10:00:00Z");
    /* Many of them would keep us for minutes. */
    struct strbuf text;
    strbuf_init(&text, CALENDAR_BYTES_MAX);
    strbuf_add(&text, "BEGIN:VCALENDAR\nVERSION:2.0\n");
    for (int i = 0; i < 1000; i++)
        strbuf_printf(
            &text,
            "BEGIN:VEVENT\nUID:u%d\nSUMMARY:ann\nDTSTART:20260601T090000Z\nDURATION:PT1H\n"
            "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\nEND:VEVENT\n",
            i);
    strbuf_add(&text, "END:VCALENDAR\n");
    assert_int_equal(read_text(world, strbuf_text(&text)), -1);
    assert_non_null(strstr(world->err.text, "in all"));
    strbuf_clear(&text);
}

static void test_refused(void **state)
{
    static const struct {
        const char *lines;
        const char *says;
    } cases[] = {
        {"DTSTART;TZID=Mars/Olympus:20260601T090000\nDURATION:PT1H\n", "Mars/Olympus"},
        {"DTSTART;TZID=../../etc/passwd:20260601T090000\nDURATION:PT1H\n", "no time zone"},
        {"DURATION:PT1H\n", "no valid DTSTART"},
        {"DTSTART:20261301T090000Z\nDURATION:PT1H\n", "DTSTART"},
        {"DTSTART:20260229T090000Z\nDURATION:PT1H\n", "DTSTART"},
        {"DTSTART:20260601T090000Z\nDTEND:20260601T250000Z\n", "DTEND"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXDATE:20260631T090000Z\n",
         "EXDATE"},
        {"DTSTART:gibberish\nDURATION:PT1H\n", "DTSTART"},
        {"DTSTART:20260601T090000Z\nDTEND:20260601T080000Z\n", "ends before"},
        {"DTSTART:20260601T090000Z\nDURATION:-PT1H\n", "ends before"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY\n", "every second"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:FREQ=MINUTELY\n", "every second"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES\n", "RRULE"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRECURRENCE-ID;RANGE=THISANDFUTURE:"
         "20260601T090000Z\n",
         "RANGE"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY\n",
         "EXRULE"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\n"
         "RRULE:FREQ=WEEKLY;INTERVAL=2;BYMONTH=6;WKST=SA\n",
         "WKST=MO"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=13\n", "1 to 12"},
        {"DTSTART:20260601T090000Z\nDURATION:PT1H\n"
         "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31\n",
         "DAILY with BYHOUR"},
        {"DTSTART:20260601T090000\nDURATION:PT1H\nEND:VEVENT\nX-WR-TIMEZONE:Mars/Olympus\n"
         "BEGIN:VEVENT\nSUMMARY:ann\nDTSTART:20260601T090000\nDURATION:PT1H\n",
         "X-WR-TIMEZONE"},
        {"DTSTART:19000101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY;BYMINUTE=0,10,20,30,40,50\n",
         "instances"},
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world->err = (struct err){0};
        if (read_event(world, cases[i].lines) == 0)
            fail_msg("case %zu was taken, want '%s'", i, cases[i].says);
        if (strstr(world->err.text, cases[i].says) == NULL)
            fail_msg("case %zu says '%s', want '%s'", i, world->err.text, cases[i].says);
        assert_non_null(strstr(world->err.text, "'ann'"));
    }
    static const char *const texts[] = {"", "hello",
                                        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260601T090000Z\n",
                                        "<html><body>Sign in</body></html>",
                                        "BEGIN:VEVENT\nDTSTART:20260601T090000Z\nEND:VEVENT\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (read_text(world, texts[i]) == 0)
            fail_msg("text %zu was taken", i);
    }
}

/* Each event alone is within its bound; together they would keep us for minutes. */
static void test_work_is_bounded(void **state)
{
    enum { EVENTS = 60 };
    struct world *world = *state;
    struct strbuf text;
    strbuf_init(&text, CALENDAR_BYTES_MAX);
    strbuf_add(&text, "BEGIN:VCALENDAR\nVERSION:2.0\n");
    for (int i = 0; i < EVENTS; i++)
        strbuf_printf(
            &text,
            "BEGIN:VEVENT\nUID:u%d\nSUMMARY:ann\nDTSTART:20220101T%02d0000Z\nDURATION:PT1M\n"
            "RRULE:FREQ=HOURLY;UNTIL=20231231T000000Z\nEND:VEVENT\n",
            i, i % 24);
    strbuf_add(&text, "END:VCALENDAR\n");
    assert_int_equal(read_text(world, strbuf_text(&text)), -1);
    assert_non_null(strstr(world->err.text, "in all"));
    /* One event of them is fine, and has no shift in the window. */
    world->err = (struct err){0};
    assert_int_equal(read_event(world, "DTSTART:20220101T000000Z\nDURATION:PT1M\n"
                                       "RRULE:FREQ=HOURLY;UNTIL=20231231T000000Z\n"),
                     0);
    assert_int_equal(world->count, 0);
    strbuf_clear(&text);
}

/* A calendar cut at any byte is refused or, past its end, the whole. */
static void test_cut_short(void **state)
{
    struct world *world = *state;
    size_t count = 0;
    char *ical = read_file(SAMPLES_DIR "/google-nightly-dst.ics", &count);
    assert_non_null(ical);
    size_t end = (size_t)(strstr(ical, "END:VCALENDAR") - ical) + strlen("END:VCALENDAR");
    for (size_t cut = 0; cut < end; cut++) {
        if (calendar_read(ical, cut, &world->options, &world->arena, &world->shifts, &world->count,
                          &world->err) == 0)
            fail_msg("cut at byte %zu it was taken, with %zu shifts", cut, world->count);
        arena_reset(&world->arena);
    }
    assert_int_equal(calendar_read(ical, end, &world->options, &world->arena, &world->shifts,
                                   &world->count, &world->err),
                     0);
    assert_int_equal(world->count, 7);
    free(ical);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_exceptions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weeks_meet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_endings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zone_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_week_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beside_a_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_declined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rules_without_instances, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_work_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_short, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

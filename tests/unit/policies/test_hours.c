#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/parse.h"
#include "policies/hours.h"

enum { MINUTE_MS = 60000, WORKDAYS = 0x3e, ALL_DAYS = 0x7f, SATURDAY = 1 << 6, SUNDAY = 1 };

static struct zone *load(const char *name)
{
    static unsigned char bytes[65536];
    char path[256];
    struct zone *zone = NULL;
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    assert_int_equal(zone_parse(name, bytes, count, &zone, NULL), 0);
    return zone;
}

static int64_t at(const char *text)
{
    int64_t at_ms = 0;
    assert_int_equal(parse_rfc3339(text, &at_ms, NULL), 0);
    return at_ms;
}

static const struct hours_span office[] = {
    {.days = WORKDAYS, .from_minute = 9 * 60, .until_minute = 17 * 60}};
static const struct hours_span night[] = {
    {.days = ALL_DAYS, .from_minute = 22 * 60, .until_minute = 7 * 60}};
static const struct hours_span weekend[] = {
    {.days = SATURDAY | SUNDAY, .from_minute = 0, .until_minute = 1440}};
static const struct hours_span small_hours[] = {
    {.days = ALL_DAYS, .from_minute = 2 * 60 + 15, .until_minute = 2 * 60 + 45}};

static void spans_contain(void **state)
{
    (void)state;
    struct zone *zone = load("Europe/Berlin");
    const struct {
        const struct hours_span *span;
        const char *at;
        bool is_in;
    } cases[] = {
        {office, "2026-03-02T08:59:59.999+01:00", false},
        {office, "2026-03-02T09:00:00+01:00", true},
        {office, "2026-03-02T16:59:59.999+01:00", true},
        {office, "2026-03-02T17:00:00+01:00", false},
        {office, "2026-03-01T12:00:00+01:00", false},
        {office, "2026-03-06T12:00:00+01:00", true},
        {night, "2026-03-02T21:59:59+01:00", false},
        {night, "2026-03-02T23:30:00+01:00", true},
        {night, "2026-03-03T06:59:59+01:00", true},
        {night, "2026-03-03T07:00:00+01:00", false},
        {weekend, "2026-02-27T23:59:59+01:00", false},
        {weekend, "2026-02-28T00:00:00+01:00", true},
        {weekend, "2026-03-01T23:59:59+01:00", true},
        {weekend, "2026-03-02T00:00:00+01:00", false},
        /* The night of the spring gap is an hour shorter, that of the autumn fold an hour longer. */
        {night, "2026-03-29T06:59:59+02:00", true},
        {night, "2026-03-29T07:00:00+02:00", false},
        {night, "2026-10-25T06:59:59+01:00", true},
        {night, "2026-10-25T07:00:00+01:00", false},
        /* 02:15 to 02:45 is not there on 29 March: it comes as much later as the gap is long. */
        {small_hours, "2026-03-29T01:59:59+01:00", false},
        {small_hours, "2026-03-29T03:20:00+02:00", true},
        {small_hours, "2026-03-29T03:45:00+02:00", false},
        /* On 25 October it is there twice: the earlier. */
        {small_hours, "2026-10-25T02:15:00+02:00", true},
        {small_hours, "2026-10-25T02:15:00+01:00", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct hours hours = {.zone = zone, .spans = cases[i].span, .span_count = 1};
        if (hours_contain(&hours, at(cases[i].at)) != cases[i].is_in)
            fail_msg("case %zu, %s", i, cases[i].at);
    }
    zone_destroy(zone);
}

/* Each change that is announced is one, but where one day ends as the next begins; between two nothing changes. */
static void changes_are_the_next(void **state)
{
    (void)state;
    static const char *const zones[] = {"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe",
                                        "Asia/Kolkata", "America/Sao_Paulo"};
    static const struct hours_span *const spans[] = {office, night, weekend, small_hours};
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        struct zone *zone = load(zones[z]);
        for (size_t s = 0; s < sizeof(spans) / sizeof(spans[0]); s++) {
            const struct hours hours = {.zone = zone, .spans = spans[s], .span_count = 1};
            int64_t at_ms = at("2016-01-01T00:00:00Z");
            int64_t end_ms = at("2019-01-01T00:00:00Z");
            while (at_ms < end_ms) {
                bool is_in = hours_contain(&hours, at_ms);
                int64_t next_ms = hours_next_change_ms(&hours, at_ms);
                assert_true(next_ms > at_ms);
                if (hours_contain(&hours, next_ms - 1) != is_in ||
                    (spans[s] != weekend && hours_contain(&hours, next_ms) == is_in))
                    fail_msg("%s, span %zu: no change at %lld s", zones[z], s,
                             (long long)next_ms / 1000);
                for (int64_t between_ms = at_ms; between_ms < next_ms; between_ms += 29 * MINUTE_MS)
                    assert_int_equal(hours_contain(&hours, between_ms), is_in);
                at_ms = next_ms;
            }
        }
        zone_destroy(zone);
    }
}

static void nothing_never_changes(void **state)
{
    (void)state;
    struct zone *zone = zone_utc();
    const struct hours hours = {.zone = zone};
    assert_false(hours_contain(&hours, 0));
    assert_true(hours_next_change_ms(&hours, 0) == INT64_MAX);
    zone_destroy(zone);
}

static void only_what_is_always_covers_the_week(void **state)
{
    (void)state;
    struct hours_span spans[] = {{.days = 0x7f, .from_minute = 0, .until_minute = 1440},
                                 {.days = 0x7f, .from_minute = 1320, .until_minute = 420},
                                 {.days = 0x7f, .from_minute = 420, .until_minute = 1319},
                                 {.days = 0x7f, .from_minute = 1319, .until_minute = 1320}};
    const struct {
        size_t first, count;
        bool want;
    } cases[] = {{0, 0, false}, {0, 1, true}, {1, 1, false}, {1, 2, false}, {1, 3, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct hours hours = {.spans = spans + cases[i].first, .span_count = cases[i].count};
        assert_int_equal(hours_cover_the_week(&hours), cases[i].want);
    }
    spans[3].days = 0x7e; /* but for one minute on Sunday */
    assert_false(hours_cover_the_week(&(struct hours){.spans = spans + 1, .span_count = 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_contain),
        cmocka_unit_test(changes_are_the_next),
        cmocka_unit_test(nothing_never_changes),
        cmocka_unit_test(only_what_is_always_covers_the_week),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/parse.h"
#include "policies/schedule.h"

static const char *const two[] = {"ann", "bob"};
static const char *const three[] = {"ann", "bob", "carol"};

static struct zone *berlin(void)
{
    static unsigned char bytes[65536];
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    struct zone *zone = NULL;
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    assert_int_equal(zone_parse("Europe/Berlin", bytes, count, &zone, NULL), 0);
    return zone;
}

static int64_t at(const char *text)
{
    int64_t at_ms = 0;
    assert_int_equal(parse_rfc3339(text, &at_ms, NULL), 0);
    return at_ms;
}

static void fixed_lists_have_everybody(void **state)
{
    (void)state;
    const struct schedule schedule = {.members = three, .member_count = 3};
    struct duty duty = schedule_on_call(&schedule, 0);
    assert_int_equal(duty.count, 3);
    assert_string_equal(duty.names[2], "carol");
    assert_true(schedule_next_turn_ms(&schedule, 0) == INT64_MAX);
    const struct schedule empty = {.member_count = 0, .rotate_days = 7};
    assert_int_equal(schedule_on_call(&empty, 0).count, 0);
}

static void turns_change_at_the_zones_clock(void **state)
{
    (void)state;
    struct zone *zone = berlin();
    const struct schedule weekly = {.members = two,
                                    .member_count = 2,
                                    .rotate_days = 7,
                                    .rotate_weekday = 1,
                                    .rotate_hour = 9,
                                    .zone = zone};
    const struct schedule daily = {.members = three,
                                   .member_count = 3,
                                   .rotate_days = 1,
                                   .rotate_hour = 2,
                                   .rotate_minute = 30,
                                   .zone = zone};
    static const struct {
        const char *name;
        bool is_daily;
        const char *at;
        const char *who;
        const char *next;
    } cases[] = {
        {"before the change", false, "2026-03-02T08:59:59+01:00", "ann",
         "2026-03-02T09:00:00+01:00"},
        {"at the change", false, "2026-03-02T09:00:00+01:00", "bob", "2026-03-09T09:00:00+01:00"},
        {"the week of 167 hours", false, "2026-03-29T12:00:00+02:00", "ann",
         "2026-03-30T09:00:00+02:00"},
        {"the week of 169 hours", false, "2026-10-25T12:00:00+01:00", "ann",
         "2026-10-26T09:00:00+01:00"},
        {"an hour that the night lacks", true, "2026-03-29T01:59:59+01:00", "carol",
         "2026-03-29T03:30:00+02:00"},
        {"after that hour", true, "2026-03-29T03:30:00+02:00", "ann", "2026-03-30T02:30:00+02:00"},
        {"an hour the night has twice: not the first", true, "2026-10-25T02:30:00+02:00", "carol",
         "2026-10-25T02:30:00+01:00"},
        {"an hour the night has twice: the second", true, "2026-10-25T02:30:00+01:00", "ann",
         "2026-10-26T02:30:00+01:00"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct schedule *schedule = cases[i].is_daily ? &daily : &weekly;
        struct duty duty = schedule_on_call(schedule, at(cases[i].at));
        assert_int_equal(duty.count, 1);
        int64_t next_ms = schedule_next_turn_ms(schedule, at(cases[i].at));
        if (strcmp(duty.names[0], cases[i].who) != 0 || next_ms != at(cases[i].next))
            fail_msg("%s: %s, next in %lld s", cases[i].name, duty.names[0],
                     (long long)(next_ms - at(cases[i].at)) / 1000);
    }
    zone_destroy(zone);
}

/* Three shifts a day, and four people who take turns in them. */
static void turns_of_hours_change_at_the_zones_clock(void **state)
{
    (void)state;
    static const char *const four[] = {"ann", "bob", "carol", "dora"};
    struct zone *zone = berlin();
    const struct schedule shifts = {.members = four,
                                    .member_count = 4,
                                    .rotate_days = 1,
                                    .rotate_hours = 8,
                                    .rotate_hour = 18,
                                    .zone = zone};
    static const struct {
        const char *at;
        const char *who;
        const char *next;
    } cases[] = {
        {"1970-01-01T18:00:00+01:00", "ann", "1970-01-02T02:00:00+01:00"},
        {"1970-01-02T01:59:59+01:00", "ann", "1970-01-02T02:00:00+01:00"},
        {"1970-01-02T02:00:00+01:00", "bob", "1970-01-02T10:00:00+01:00"},
        {"1970-01-02T10:00:00+01:00", "carol", "1970-01-02T18:00:00+01:00"},
        {"1970-01-02T18:00:00+01:00", "dora", "1970-01-03T02:00:00+01:00"},
        {"1970-01-01T17:59:59+01:00", "dora", "1970-01-01T18:00:00+01:00"},
        {"1970-01-01T09:59:59+01:00", "carol", "1970-01-01T10:00:00+01:00"},
        /* 02:00 is not shown: the turn comes at 03:00, and is an hour shorter. */
        {"2026-03-29T01:59:59+01:00", "ann", "2026-03-29T03:00:00+02:00"},
        {"2026-03-29T03:00:00+02:00", "bob", "2026-03-29T10:00:00+02:00"},
        /* 02:00 is shown twice: the turn before it has an hour more. */
        {"2026-10-25T02:00:00+02:00", "carol", "2026-10-25T02:00:00+01:00"},
        {"2026-10-25T02:00:00+01:00", "dora", "2026-10-25T10:00:00+01:00"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct duty duty = schedule_on_call(&shifts, at(cases[i].at));
        int64_t next_ms = schedule_next_turn_ms(&shifts, at(cases[i].at));
        assert_int_equal(duty.count, 1);
        if (strcmp(duty.names[0], cases[i].who) != 0 || next_ms != at(cases[i].next))
            fail_msg("%s: %s, next in %lld s", cases[i].at, duty.names[0],
                     (long long)(next_ms - at(cases[i].at)) / 1000);
    }
    zone_destroy(zone);
}

/* Every instant has exactly one turn, and turns follow each other without gap (I31). */
static void turns_leave_no_gap(void **state)
{
    (void)state;
    struct zone *zone = berlin();
    const struct schedule schedule = {.members = three,
                                      .member_count = 3,
                                      .rotate_days = 1,
                                      .rotate_hour = 2,
                                      .rotate_minute = 30,
                                      .zone = zone};
    int64_t at_ms = at("2026-01-01T02:30:00+01:00");
    size_t index = (size_t)(schedule_on_call(&schedule, at_ms).names - three);
    for (int day = 0; day < 800; day++) {
        int64_t next_ms = schedule_next_turn_ms(&schedule, at_ms);
        assert_true(next_ms > at_ms && next_ms - at_ms <= 25 * 3600000);
        assert_ptr_equal(schedule_on_call(&schedule, next_ms - 1).names, &three[index]);
        index = (index + 1) % 3;
        assert_ptr_equal(schedule_on_call(&schedule, next_ms).names, &three[index]);
        at_ms = next_ms;
    }
    zone_destroy(zone);
}

static const char *const *who(const struct schedule *schedule, const char *when, size_t count)
{
    struct duty duty = schedule_on_call(schedule, at(when));
    assert_int_equal(duty.count, count);
    return duty.names;
}

static void shifts_of_a_calendar(void **state)
{
    (void)state;
    const struct shift shifts[] = {
        {at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"), &three[0], 1},
        {at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z"), &three[1], 2},
        {at("2026-03-04T00:00:00Z"), at("2026-03-05T00:00:00Z"), &three[2], 1},
    };
    const struct schedule schedule = {.has_calendar = true,
                                      .shifts = shifts,
                                      .shift_count = 3,
                                      .members = three,
                                      .member_count = 3};
    (void)who(&schedule, "2026-02-28T23:59:59Z", 0);
    assert_string_equal(who(&schedule, "2026-03-01T00:00:00Z", 1)[0], "ann");
    assert_string_equal(who(&schedule, "2026-03-01T23:59:59Z", 1)[0], "ann");
    assert_string_equal(who(&schedule, "2026-03-02T00:00:00Z", 2)[1], "carol");
    (void)who(&schedule, "2026-03-03T12:00:00Z", 0); /* a gap is nobody, not the members */
    assert_string_equal(who(&schedule, "2026-03-04T12:00:00Z", 1)[0], "carol");
    (void)who(&schedule, "2026-03-05T00:00:00Z", 0);
    assert_int_equal(schedule_next_turn_ms(&schedule, at("2026-02-01T00:00:00Z")),
                     shifts[0].from_ms);
    assert_int_equal(schedule_next_turn_ms(&schedule, at("2026-03-03T00:00:00Z")),
                     shifts[2].from_ms);
    assert_int_equal(schedule_next_turn_ms(&schedule, at("2026-03-04T00:00:00Z")),
                     shifts[2].until_ms);
    assert_true(schedule_next_turn_ms(&schedule, shifts[2].until_ms) == INT64_MAX);
    const struct schedule none = {.has_calendar = true};
    (void)who(&none, "2026-03-01T00:00:00Z", 0);
}

static void layers_go_first(void **state)
{
    (void)state;
    struct zone *utc = zone_utc();
    const struct hours_span night_span = {
        .days = 0x7f, .from_minute = 22 * 60, .until_minute = 6 * 60};
    const struct hours night_hours = {.zone = utc, .spans = &night_span, .span_count = 1};
    const struct shift holiday[] = {
        {at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"), &three[2], 1}};
    const struct schedule calendar = {.has_calendar = true, .shifts = holiday, .shift_count = 1};
    const struct schedule night = {.during = &night_hours, .members = &two[1], .member_count = 1};
    const struct schedule *const layers[] = {&calendar, &night};
    const struct schedule primary = {
        .layers = layers, .layer_count = 2, .members = two, .member_count = 1};
    assert_string_equal(who(&primary, "2026-03-01T23:00:00Z", 1)[0], "carol");
    assert_string_equal(who(&primary, "2026-03-02T00:00:00Z", 1)[0], "bob");
    assert_string_equal(who(&primary, "2026-03-02T06:00:00Z", 1)[0], "ann");
    assert_string_equal(who(&primary, "2026-03-02T22:00:00Z", 1)[0], "bob");
    (void)who(&night, "2026-03-02T12:00:00Z", 0);
    assert_int_equal(schedule_next_turn_ms(&primary, at("2026-03-01T12:00:00Z")),
                     at("2026-03-01T22:00:00Z"));
    assert_int_equal(schedule_next_turn_ms(&primary, at("2026-03-01T23:00:00Z")),
                     at("2026-03-02T00:00:00Z"));
    assert_int_equal(schedule_next_turn_ms(&primary, at("2026-03-02T12:00:00Z")),
                     at("2026-03-02T22:00:00Z"));
    zone_destroy(utc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_lists_have_everybody),
        cmocka_unit_test(turns_change_at_the_zones_clock),
        cmocka_unit_test(turns_of_hours_change_at_the_zones_clock),
        cmocka_unit_test(turns_leave_no_gap),
        cmocka_unit_test(shifts_of_a_calendar),
        cmocka_unit_test(layers_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When a calendar that cannot be had is trouble of our own, and how much of it. */
#include "gateway/intake/calendar_trouble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/handoff/ticket.h"

#define NOW_MS INT64_C(1772330400000) /* 2026-03-01T02:00:00Z */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static const struct shift last_shifts[] = {
    {.from_ms = NOW_MS - DAY_MS, .until_ms = NOW_MS + 7 * DAY_MS},
    {.from_ms = NOW_MS - DAY_MS, .until_ms = NOW_MS + 7 * DAY_MS + 1},
};

struct given {
    const char *name;
    int failures;
    int64_t good_ago_ms; /* -1: never good */
    const struct shift *last_or_null;
    const char *want; /* the beginning of "SEVERITY: SUMMARY"; "" none */
    const char *holds;
};

static const struct given cases[] = {
    {.name = "well", .last_or_null = &last_shifts[1], .want = ""},
    {.name = "bad for less than a day",
     .failures = 10,
     .good_ago_ms = DAY_MS - 1,
     .last_or_null = &last_shifts[1],
     .want = ""},
    {.name = "for a day",
     .failures = 10,
     .good_ago_ms = DAY_MS,
     .last_or_null = &last_shifts[1],
     .want = "warning: The calendar of schedule lead cannot be read since 2026-02-28T02:00:00Z "
             "(the server answers 500)",
     .holds = "is in force. See"},
    {.name = "and its last shift ends in a week",
     .failures = 10,
     .good_ago_ms = DAY_MS,
     .last_or_null = &last_shifts[0],
     .want = "error: The calendar",
     .holds = "is in force, and names nobody after 2026-03-08T02:00:00Z. See"},
    {.name = "and it names nobody",
     .failures = 1,
     .good_ago_ms = DAY_MS,
     .want = "error: The calendar",
     .holds = "is in force and names nobody. See"},
    {.name = "never there, a second look", .failures = 2, .good_ago_ms = -1, .want = ""},
    {.name = "never there, a third look",
     .failures = 3,
     .good_ago_ms = -1,
     .want = "error: The calendar of schedule lead could never be read",
     .holds = "nobody has duty by it"},
};

static void judge(const struct given *given, char *out, size_t size)
{
    struct inbox *inbox = NULL;
    struct input *input = NULL;
    assert_int_equal(inbox_create(4, &inbox, NULL), 0);
    struct troubles *troubles = troubles_create(inbox);
    const struct schedule schedules[] = {
        {.name = "other"},
        {.name = "lead",
         .shifts = given->last_or_null,
         .shift_count = given->last_or_null != NULL ? 1 : 0},
    };
    struct config config = {.rulebook = {.schedules = schedules, .schedule_count = 2}};
    const struct config_calendar calendar = {.schedule = "lead", .trouble_after_ms = DAY_MS};
    const struct calendar_state state = {
        .config = &config,
        .calendar = &calendar,
        .failures = given->failures,
        .error = "the server answers 500",
        .good_at_ms = given->good_ago_ms < 0 ? 0 : NOW_MS - given->good_ago_ms};
    troubles_load(troubles, NULL, 0);
    calendar_trouble_tell(troubles, &state, NOW_MS);
    out[0] = '\0';
    if (inbox_take(inbox, &input, 1, 0) == 1) {
        assert_string_equal(input->u.event.key, "calendar lead");
        (void)snprintf(out, size, "%s: %s", severity_name(input->u.event.severity),
                       input->u.event.summary);
        input->release(input);
    }
    inbox_destroy(inbox);
    troubles_destroy(troubles);
}

static void test_calendars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[2 * TROUBLES_TEXT_BYTES];
        const struct given *given = &cases[i];
        judge(given, got, sizeof(got));
        bool fits = given->want[0] == '\0' ? got[0] == '\0'
                                           : strncmp(got, given->want, strlen(given->want)) == 0;
        if (!fits || (given->holds != NULL && strstr(got, given->holds) == NULL))
            fail_msg("%s: got '%s'", given->name, got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_calendars)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

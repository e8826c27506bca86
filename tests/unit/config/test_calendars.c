/* Schedules with calendars, hours and layers: from the folder's texts to who has duty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/parse.h"
#include "policies/schedule.h"
#include "tests/unit/config/folder.h"

#define PEOPLE                                                                                     \
    "[channel sms]\nplugin = file\n[channel email]\nplugin = file\n"                               \
    "[contact ann]\nname = Ann Lee\nsms = +15550100\nemail = ann@example.com\n"                    \
    "[contact bob]\nname = Bob Stone\nemail = bob@example.com\n"                                   \
    "[contact carol]\nsms = +15550103\n"                                                           \
    "[policy default]\npage = ann\n"
#define EVENT(from, until, more)                                                                   \
    "BEGIN:VEVENT\r\nUID:" from "\r\nDTSTART:" from "\r\nDTEND:" until "\r\n" more                 \
    "\r\nEND:VEVENT\r\n"

static int64_t at(const char *text)
{
    int64_t at_ms = 0;
    assert_int_equal(parse_rfc3339(text, &at_ms, NULL), 0);
    return at_ms;
}

/* Loads the schedule s of `ini` beside `events`; fails when there are problems and `want_problems` is NULL. */
static struct config *load(const char *ini, const char *events, const char *want_problems)
{
    struct test_folder folder;
    struct strbuf text, problems;
    struct config *config = NULL;
    const struct config_span span = {.from_ms = at("2026-02-27T00:00:00Z"),
                                     .until_ms = at("2026-06-01T00:00:00Z")};
    test_folder_make(&folder);
    strbuf_init(&text, 65536);
    strbuf_init(&problems, 65536);
    strbuf_printf(&text, "%s%s", PEOPLE, ini);
    test_folder_text(&folder, "a.ini", strbuf_text(&text));
    strbuf_clear(&text);
    strbuf_printf(&text, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n%sEND:VCALENDAR\r\n", events);
    test_folder_text(&folder, "duty.ics", strbuf_text(&text));
    int result = config_load_for(folder.path, test_plugins(), &span, &config, &problems);
    if (want_problems == NULL && result != 0)
        fail_msg("%s", strbuf_text(&problems));
    if (want_problems != NULL)
        assert_string_equal(strbuf_text(&problems), want_problems);
    strbuf_clear(&text);
    strbuf_clear(&problems);
    test_folder_remove(&folder);
    return config;
}

static void expect(const struct config *config, const char *when, const char *names)
{
    char got[256] = "";
    const struct schedule *schedule = rulebook_schedule(&config->rulebook, "s");
    assert_non_null(schedule);
    struct duty duty = schedule_on_call(schedule, at(when));
    for (size_t i = 0; i < duty.count; i++) {
        size_t used = strlen(got);
        (void)snprintf(got + used, sizeof(got) - used, "%s%s", i > 0 ? "," : "", duty.names[i]);
    }
    if (strcmp(got, names) != 0)
        fail_msg("%s: '%s' has duty, want '%s'", when, got, names);
}

static void people_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *names;
    } cases[] = {
        {"SUMMARY:ann", "ann"},
        {"SUMMARY:ANN", "ann"},
        {"SUMMARY:Bob Stone", "bob"},
        {"SUMMARY:On Call - Ann Lee - Primary", "ann"},
        {"SUMMARY:night: bob@example.com", "bob"},
        {"SUMMARY:bob@example.com is on call", "bob"},
        {"SUMMARY:+15550103", "carol"},
        {"SUMMARY:carol@example.net for bob@example.com", "bob"},
        {"SUMMARY:duty\r\nATTENDEE;CN=Ann:mailto:ann@example.com", "ann"},
        {"SUMMARY:duty\r\nATTENDEE:bob@example.com", "bob"},
        {"SUMMARY:bob\r\nATTENDEE:MAILTO:ANN@EXAMPLE.COM", "ann"},
        {"SUMMARY:duty\r\nATTENDEE:mailto:bob@example.com\r\nATTENDEE:mailto:ann@example.com",
         "bob,ann"},
        {"SUMMARY:ann\r\nATTENDEE:mailto:room-7@example.com", "ann"},
        {"SUMMARY:duty\r\nATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.com\r\n"
         "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.com",
         "bob"},
        {"SUMMARY:ann\r\nATTENDEE;PARTSTAT=DECLINED:mailto:room-7@example.com", "ann"},
        {"SUMMARY:ann\r\nATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.com", "ann"},
        /* Who has declined is not called by the summary either, and that is a gap, not a mistake. */
        {"SUMMARY:Ann Lee\r\nATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.com", ""},
        {"SUMMARY:ann\r\nSTATUS:CANCELLED", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char events[512];
        (void)snprintf(events, sizeof(events), EVENT("20260301T000000Z", "20260302T000000Z", "%s"),
                       cases[i].line);
        struct config *config = load("[schedule s]\ncalendar = duty.ics\n", events, NULL);
        expect(config, "2026-03-01T12:00:00Z", cases[i].names);
        expect(config, "2026-03-02T00:00:00Z", "");
        assert_int_equal(config->calendars_until_ms, at("2026-06-01T00:00:00Z"));
        config_release(config);
    }
}

static void overlaps_are_everybody(void **state)
{
    (void)state;
    struct config *config =
        load("[schedule s]\ncalendar = duty.ics\n",
             EVENT("20260301T000000Z", "20260303T000000Z", "SUMMARY:ann")
                 EVENT("20260302T000000Z", "20260304T000000Z", "SUMMARY:bob")
                     EVENT("20260302T060000Z", "20260302T120000Z", "SUMMARY:Ann Lee"),
             NULL);
    expect(config, "2026-03-01T23:00:00Z", "ann");
    expect(config, "2026-03-02T00:00:00Z", "ann,bob");
    expect(config, "2026-03-02T07:00:00Z", "ann,bob");
    expect(config, "2026-03-03T00:00:00Z", "bob");
    config_release(config);
}

static void hours_and_layers(void **state)
{
    (void)state;
    struct config *config =
        load("[schedule s]\nmembers = ann\nlayers = holidays, nights\n"
             "[schedule holidays]\ncalendar = duty.ics\n"
             "[schedule nights]\nmembers = bob\nduring = mon-fri 22:00-06:00 Europe/Berlin\n",
             EVENT("20260304T000000Z", "20260305T000000Z", "SUMMARY:carol"), NULL);
    expect(config, "2026-03-02T12:00:00Z", "ann");
    expect(config, "2026-03-02T21:00:00Z", "bob"); /* 22:00 in Berlin */
    expect(config, "2026-03-04T03:00:00Z", "carol");
    expect(config, "2026-03-01T03:00:00Z", "ann"); /* Sunday */
    config_release(config);
}

static void problems_are_told(void **state)
{
    (void)state;
    assert_null(load("[schedule s]\ncalendar = duty.ics\n",
                     EVENT("20260301T000000Z", "20260302T000000Z", "SUMMARY:zoe"),
                     "a.ini:17: [schedule s] calendar: the shift of 2026-03-01T00:00:00Z, 'zoe', "
                     "names nobody (want a "
                     "contact's name, full name or address)\n"));
    assert_null(load("[schedule s]\ncalendar = duty.ics\nmembers = bob\n",
                     EVENT("20260301T000000Z", "20260302T000000Z", "SUMMARY:ann"),
                     "a.ini:17: [schedule s] calendar: the shift of 2026-03-01T00:00:00Z, 'ann', "
                     "names nobody (want a "
                     "contact's name, full name or address, of those in members)\n"));
    assert_null(load(
        "[schedule s]\ncalendar = duty.ics\n",
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:ann\r\nDTSTART;TZID=Mars/Olympus:20260301T000000\r\n"
        "DURATION:PT1H\r\nEND:VEVENT\r\n",
        "a.ini:17: [schedule s] calendar: duty.ics: event 'ann': DTSTART: there is no time zone "
        "'Mars/Olympus', and the calendar does not describe it\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_found),
        cmocka_unit_test(overlaps_are_everybody),
        cmocka_unit_test(hours_and_layers),
        cmocka_unit_test(problems_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

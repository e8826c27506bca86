/* The lines of a calendar: folded where RFC 5545 wants it, escaped, and read back by another library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/api/ics.h"
#include "gateway/calendar/calendar.h"

static void expect(struct strbuf *out, const char *want)
{
    assert_string_equal(strbuf_text(out), want);
    assert_false(out->overflowed);
    strbuf_reset(out);
}

static void lines_are_escaped(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 65536);
    ics_text(&out, "SUMMARY", "a, b; c\\d\ne:\"f\"\r\t\x01\x7f");
    expect(&out, "SUMMARY:a\\, b\\; c\\\\d\\ne:\"f\"\r\n");
    ics_line(&out, "VERSION", "2.0");
    expect(&out, "VERSION:2.0\r\n");
    ics_time(&out, "DTSTART", 1772330400999);
    expect(&out, "DTSTART:20260301T020000Z\r\n");
    ics_text(&out, "X", "");
    expect(&out, "X:\r\n");
    strbuf_clear(&out);
}

/* Any length, with characters of one to four bytes: no line over 75 bytes, no character cut, and unfolded it is the same. */
static void lines_are_folded(void **state)
{
    (void)state;
    static const char *const letters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x94"};
    struct strbuf out, value;
    strbuf_init(&out, 65536);
    strbuf_init(&value, 65536);
    for (size_t kind = 0; kind < 4; kind++) {
        for (size_t count = 0; count < 320; count++) {
            strbuf_reset(&value);
            strbuf_reset(&out);
            for (size_t i = 0; i < count; i++)
                strbuf_add(&value, letters[i % 3 == 2 ? 0 : kind]);
            ics_text(&out, "SUMMARY", strbuf_text(&value));
            struct strbuf unfolded;
            strbuf_init(&unfolded, 65536);
            const char *at = strbuf_text(&out);
            bool is_first = true;
            while (*at != '\0') {
                size_t length = strcspn(at, "\r");
                assert_true(length <= 75 && at[length + 1] == '\n');
                assert_true(is_first || at[0] == ' ');
                assert_true(text_is_utf8(at, length));
                strbuf_add_bytes(&unfolded, is_first ? at : at + 1, is_first ? length : length - 1);
                at += length + 2;
                is_first = false;
            }
            assert_true(text_starts_with(strbuf_text(&unfolded), "SUMMARY:"));
            assert_string_equal(strbuf_text(&unfolded) + 8, strbuf_text(&value));
            strbuf_clear(&unfolded);
        }
    }
    strbuf_clear(&value);
    strbuf_clear(&out);
}

static const struct zone *no_zone(void *self, const char *name)
{
    (void)self;
    (void)name;
    return NULL;
}

static void another_library_reads_it_back(void **state)
{
    (void)state;
    static const char summary[] =
        "On Call - M\xc3\xbcller\\; Sons, \"the \xf0\x9f\x94\x94\" - a very "
        "long schedule's name that has to be folded somewhere";
    struct strbuf out;
    struct arena arena;
    struct calendar_shift *shifts = NULL;
    size_t count = 0;
    struct err err = {0};
    const int64_t from_ms = INT64_C(1772330400000);
    struct zone *utc = zone_utc();
    const struct calendar_options options = {.zone = utc,
                                             .find_zone = no_zone,
                                             .from_ms = from_ms - 1000,
                                             .until_ms = from_ms + 86400000};
    arena_init(&arena);
    strbuf_init(&out, 65536);
    ics_line(&out, "BEGIN", "VCALENDAR");
    ics_line(&out, "VERSION", "2.0");
    ics_line(&out, "BEGIN", "VEVENT");
    ics_text(&out, "UID", "a-b-c@example.com");
    ics_time(&out, "DTSTART", from_ms);
    ics_time(&out, "DTEND", from_ms + 3600000);
    ics_text(&out, "SUMMARY", summary);
    ics_line(&out, "END", "VEVENT");
    ics_line(&out, "END", "VCALENDAR");
    if (calendar_read(strbuf_text(&out), out.length, &options, &arena, &shifts, &count, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(count, 1);
    assert_string_equal(shifts[0].summary, summary);
    assert_true(shifts[0].from_ms == from_ms && shifts[0].until_ms == from_ms + 3600000);
    strbuf_clear(&out);
    arena_clear(&arena);
    zone_destroy(utc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_escaped),
        cmocka_unit_test(lines_are_folded),
        cmocka_unit_test(another_library_reads_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/when.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };

#define NOW_MS INT64_C(1772366400000) /* 2026-03-01T12:00:00Z, 13:00 in Berlin */

static struct zone *berlin(void)
{
    static unsigned char bytes[1 << 20];
    const char *folder = getenv("TZDIR");
    char path[512];
    struct zone *zone = NULL;
    assert_true(snprintf(path, sizeof(path), "%s/Europe/Berlin",
                         folder != NULL ? folder : "/usr/share/zoneinfo") < (int)sizeof(path));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof(bytes), file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(zone_parse("Europe/Berlin", bytes, count, &zone, NULL), 0);
    return zone;
}

static void every_way_of_writing_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t after_ms; /* added to now */
        int64_t want_ms;  /* the same; -1: refused */
    } cases[] = {
        {"+0", 0, 0},
        {"+2h", 0, 2 * HOUR_MS},
        {"+1h30m", 0, 90 * MINUTE_MS},
        {"+2h", HOUR_MS, 2 * HOUR_MS}, /* from now, whatever begins later */
        {"13:30", 0, 30 * MINUTE_MS},
        {"13:00", 0, INT64_C(24) * HOUR_MS}, /* the next one, not this one */
        {"9:00", 0, INT64_C(20) * HOUR_MS},
        {"09:00", 0, INT64_C(20) * HOUR_MS},
        {"13:30", HOUR_MS, INT64_C(24) * HOUR_MS + 30 * MINUTE_MS},
        {"2026-03-01T12:30:00Z", 0, 30 * MINUTE_MS},
        {"2026-03-01T12:30:30.5Z", 0, 30 * MINUTE_MS + 30500},
        {"2026-03-01T12:30Z", 0, 30 * MINUTE_MS},
        {"2026-03-01 12:30z", 0, 30 * MINUTE_MS},
        {"2026-03-01T13:30+01:00", 0, 30 * MINUTE_MS},
        {"2026-03-01T07:30-05:00", 0, 30 * MINUTE_MS},
        {"2h", 0, -1},
        {"+", 0, -1},
        {"+2 h", 0, -1},
        {"+-2h", 0, -1},
        {"+4000d", 0, -1},
        {"24:00", 0, -1},
        {"12:60", 0, -1},
        {"1:5", 0, -1},
        {"123:00", 0, -1},
        {"12:30 ", 0, -1},
        {"2026-03-01T12:30", 0, -1}, /* where? */
        {"2026-03-01T12Z", 0, -1},
        {"2026-03-01T12:30:Z", 0, -1},
        {"2026-02-30T12:30Z", 0, -1},
        {"2026-03-01T12:30Zaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0,
         -1},
        {"soon", 0, -1},
        {"", 0, -1},
    };
    struct zone *zone = berlin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        int64_t at_ms = -7;
        const struct when when = {
            .now_ms = NOW_MS, .after_ms = NOW_MS + cases[i].after_ms, .zone = zone};
        int verdict = when_parse(cases[i].text, &when, &at_ms, &err);
        bool is_refused = cases[i].want_ms < 0;
        if (verdict != (is_refused ? -1 : 0) ||
            at_ms != (is_refused ? -7 : NOW_MS + cases[i].want_ms))
            fail_msg("'%s': %d, %lld", cases[i].text, verdict, (long long)(at_ms - NOW_MS));
        if (is_refused) {
            assert_non_null(strstr(err.text, "want a time from now like +2h, a time of day like "
                                             "14:30 (in Europe/Berlin), or RFC 3339 like"));
        }
    }
    zone_destroy(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_of_writing_a_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

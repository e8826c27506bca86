#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/text.h"
#include "gateway/base/zone.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define END_S INT64_C(2145916800) /* 2038-01-01 */

/* A file with no transitions whose footer says everything. */
static int rule_parse(const char *rule, int32_t offset_s, struct zone **out_zone, struct err *err)
{
    struct strbuf buf;
    strbuf_init(&buf, 1000);
    for (int block = 0; block < 2; block++) {
        static const char head[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4";
        strbuf_add_bytes(&buf, head, 44);
        for (int shift = 24; shift >= 0; shift -= 8) {
            strbuf_add_char(&buf, (char)((uint32_t)offset_s >> shift & 0xff));
        }
        strbuf_add_bytes(&buf, "\0\0ABC", 6);
    }
    strbuf_printf(&buf, "\n%s\n", rule);
    int rc = zone_parse("rule", strbuf_text(&buf), buf.length, out_zone, err);
    strbuf_clear(&buf);
    return rc;
}

static int reference_offset_s(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    assert_non_null(localtime_r(&at, &tm));
    return (int)tm.tm_gmtoff;
}

/* The C library reads the same rules from TZ itself. */
static void test_rules_equal_the_c_library(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int32_t offset_s;
    } cases[] = {
        {"UTC0", 0},
        {"<+0545>-5:45", 20700},
        {"<-03>3", -10800},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 3600},
        {"EST5EDT,M3.2.0,M11.1.0", -18000},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 3600},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37800},
        {"NZST-12NZDT,M9.5.0,M4.1.0/3", 43200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200},
        {"EET-2EEST,M3.4.4/50,M10.4.4/50", 7200},
        {"<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", 0},
        {"AAA3BBB,J60/0,J300/0", -10800},
        {"AAA3BBB,59/0,299/0", -10800},
        {"AAA-3BBB,J1/4,J365/22", 10800},
        {"AAA0BBB-0:20:30,M1.1.1/1:02:03,M12.5.6/23:59:59", 0},
        {"AAA+12BBB+11,M2.4.3/24,M8.2.6/12", -43200},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct zone *zone = NULL;
        struct err err = {.code = ERR_NONE};
        if (rule_parse(cases[at].rule, cases[at].offset_s, &zone, &err) != 0) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(setenv("TZ", cases[at].rule, 1), 0);
        tzset();
        for (int64_t at_s = 0; at_s < END_S; at_s += 1800) {
            int want = reference_offset_s(at_s);
            if (zone_offset_s(zone, at_s * 1000) != want ||
                zone_offset_s(zone, at_s * 1000 - 1) != reference_offset_s(at_s - 1)) {
                fail_msg("%s at %lld: got %d, want %d", cases[at].rule, (long long)at_s,
                         zone_offset_s(zone, at_s * 1000), want);
            }
        }
        zone_destroy(zone);
    }
}

static void test_summer_time_all_year_round(void **state)
{
    (void)state;
    struct zone *zone = NULL;
    assert_int_equal(rule_parse("XXX3EDT4,0/0,J365/23", -14400, &zone, NULL), 0);
    for (int64_t at_s = 0; at_s < END_S; at_s += 3600) {
        assert_int_equal(zone_offset_s(zone, at_s * 1000), -14400);
    }
    zone_destroy(zone);
}

static void test_the_last_offset_stays(void **state)
{
    (void)state;
    struct zone *zone = NULL;
    assert_int_equal(rule_parse("CET-1CEST,M3.5.0,M10.5.0/3", 3600, &zone, NULL), 0);
    assert_int_equal(zone_offset_s(zone, INT64_C(2130000000000)), 7200); /* July 2037 */
    assert_int_equal(zone_offset_s(zone, INT64_C(2161500000000)), 3600); /* July 2038 */
    zone_destroy(zone);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "U0",
        "UTC",
        "UTC25",
        "UTC0:60",
        "UTC0:00:60",
        "<UTC0",
        "<>0",
        "<A>0",
        "UTC0x",
        "0",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J365",
        "CET-1CEST,J366,J1",
        "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0/-168,M10.5.0",
        "CET-1CEST,M3.5.0/,M1.1.1",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
        "CET-1CEST,M3.5.0,M10.5.0,M1.1.1",
        "CET--1",
        ":UTC",
        " UTC0",
        "UTC99999999999999999999",
        "CET-1C,M3.5.0,M10.5.0",
    };
    for (size_t at = 0; at < COUNT(rules); at++) {
        struct zone *zone = NULL;
        struct err err = {.code = ERR_NONE};
        if (rule_parse(rules[at], 0, &zone, &err) != -1 || err.code != ERR_CORRUPT) {
            fail_msg("'%s' was accepted", rules[at]);
        }
        assert_null(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_equal_the_c_library),
        cmocka_unit_test(test_summer_time_all_year_round),
        cmocka_unit_test(test_the_last_offset_stays),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

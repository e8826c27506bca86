#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define UNTOUCHED INT64_C(-123456789)

/* A refused text leaves the result alone and says what was got. */
static void refusal_check(const char *text, int rc, int64_t value, const struct err *err)
{
    if (rc != -1 || value != UNTOUCHED || err->code != ERR_INVALID ||
        strncmp(err->text, "got '", 5) != 0 || strstr(err->text, "', want ") == NULL) {
        fail_msg("'%s': rc %d, '%s'", text, rc, err->text);
    }
}

static void test_i64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {
        "",
        " 1",
        "1 ",
        "+1",
        "-",
        "--1",
        "1.0",
        "0x1",
        "1e3",
        "one",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999",
        "1\n",
        "\xd9\xa3",
    };
    for (size_t at = 0; at < COUNT(good); at++) {
        int64_t value = UNTOUCHED;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(parse_i64(good[at].text, INT64_MIN, INT64_MAX, &value, &err), 0);
        assert_true(value == good[at].want);
        assert_int_equal(err.code, ERR_NONE);
    }
    for (size_t at = 0; at < COUNT(bad); at++) {
        int64_t value = UNTOUCHED;
        struct err err = {.code = ERR_NONE};
        refusal_check(bad[at], parse_i64(bad[at], INT64_MIN, INT64_MAX, &value, &err), value, &err);
    }
    int64_t value = UNTOUCHED;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(parse_i64("5", 5, 5, &value, &err), 0);
    assert_int_equal(parse_i64("4", 5, 7, &value, &err), -1);
    assert_string_equal(err.text, "got '4', want a whole number from 5 to 7");
    assert_int_equal(parse_i64("8", 5, 7, &value, NULL), -1);
    assert_int_equal(value, 5);
}

static void test_u64(void **state)
{
    (void)state;
    uint64_t value = 9;
    assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &value, NULL), 0);
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"", "-1", "+1", "18446744073709551616", "1x", "101"};
    for (size_t at = 0; at < COUNT(bad); at++) {
        struct err err = {.code = ERR_NONE};
        assert_int_equal(parse_u64(bad[at], 0, at == 5 ? 100 : UINT64_MAX, &value, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(value == UINT64_MAX);
    }
}

static void test_bool(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "true", "on", "Yes", "TRUE"};
    static const char *const no[] = {"no", "false", "off", "OFF"};
    static const char *const bad[] = {"", "1", "0", "y", "yes ", "enabled"};
    for (size_t at = 0; at < COUNT(yes); at++) {
        bool value = false;
        assert_int_equal(parse_bool(yes[at], &value, NULL), 0);
        assert_true(value);
    }
    for (size_t at = 0; at < COUNT(no); at++) {
        bool value = true;
        assert_int_equal(parse_bool(no[at], &value, NULL), 0);
        assert_false(value);
    }
    for (size_t at = 0; at < COUNT(bad); at++) {
        bool value = true;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(parse_bool(bad[at], &value, &err), -1);
        assert_non_null(strstr(err.text, "want yes or no"));
        assert_true(value);
    }
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_ms;
    } good[] = {
        {"0", 0},         {"0s", 0},          {"90s", 90000},
        {"5m", 300000},   {"2h", 7200000},    {"3d", 259200000},
        {"250ms", 250},   {"1h30m", 5400000}, {"1d2h3m4s5ms", 93784005},
        {"1m5ms", 60005}, {"90m", 5400000},   {"106751991167d", INT64_C(9223372036828800000)},
    };
    static const char *const bad[] = {
        "",
        "5",
        "5 x",
        "5 m",
        " 5m",
        "5m ",
        "-5m",
        "+5m",
        "1.5h",
        "5M",
        "m",
        "5mm",
        "1m1h",
        "1m1m",
        "1ms1s",
        "1h30",
        "5sec",
        "5w",
        "00",
        "106751991168d",
        "99999999999999999999s",
        "9223372036854775807ms1",
    };
    for (size_t at = 0; at < COUNT(good); at++) {
        int64_t value = UNTOUCHED;
        assert_int_equal(parse_duration(good[at].text, 0, INT64_MAX, &value, NULL), 0);
        assert_true(value == good[at].want_ms);
    }
    for (size_t at = 0; at < COUNT(bad); at++) {
        int64_t value = UNTOUCHED;
        struct err err = {.code = ERR_NONE};
        int rc = parse_duration(bad[at], 0, INT64_MAX, &value, &err);
        refusal_check(bad[at], rc, value, &err);
        assert_non_null(strstr(err.text, "want a duration like 90s, 5m, 2h, 3d"));
    }
    int64_t value = UNTOUCHED;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(parse_duration("8d", 1000, 604800000, &value, &err), -1);
    assert_string_equal(err.text, "got '8d', want a duration of 1s..7d");
    assert_int_equal(parse_duration("999ms", 1000, 604800000, &value, &err), -1);
    assert_int_equal(parse_duration("7d", 1000, 604800000, &value, &err), 0);
}

static void test_duration_reads_what_is_printed(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < INT64_C(400000000000); ms = ms * 3 + 777) {
        for (int64_t at = ms; at <= ms + 1000; at += 250) {
            char text[TEXT_RFC3339_BYTES];
            int64_t value = UNTOUCHED;
            assert_int_equal(parse_duration(text_duration(at, text), 0, INT64_MAX, &value, NULL),
                             0);
            assert_true(value == at);
        }
    }
}

static void test_size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {"64k", 65536},
        {"64K", 65536},
        {"1M", 1048576},
        {"2G", UINT64_C(2147483648)},
        {"2g", UINT64_C(2147483648)},
        {"17179869183G", UINT64_C(18446744072635809792)},
    };
    static const char *const bad[] = {"", "k", "-1", "1kb", "1 k", "1T", "1.5M", "17179869184G"};
    for (size_t at = 0; at < COUNT(good); at++) {
        uint64_t value = 1;
        assert_int_equal(parse_size(good[at].text, 0, UINT64_MAX, &value, NULL), 0);
        assert_true(value == good[at].want);
    }
    for (size_t at = 0; at < COUNT(bad); at++) {
        uint64_t value = 1;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(parse_size(bad[at], 0, UINT64_MAX, &value, &err), -1);
        assert_non_null(strstr(err.text, "want a size like 4096, 64k, 1M, 2G"));
        assert_true(value == 1);
    }
    uint64_t value = 1;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(parse_size("2k", 1, 1024, &value, &err), -1);
    assert_string_equal(err.text, "got '2k', want a size from 1 to 1024 bytes");
}

static void test_rfc3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-03-01T02:00:00Z", INT64_C(1772330400000)},
        {"2026-03-01t02:00:00z", INT64_C(1772330400000)},
        {"2026-03-01T03:00:00+01:00", INT64_C(1772330400000)},
        {"2026-02-28T20:30:00-05:30", INT64_C(1772330400000)},
        {"2026-03-01T02:00:00-00:00", INT64_C(1772330400000)},
        {"2026-03-01T02:00:00.5Z", INT64_C(1772330400500)},
        {"2026-03-01T02:00:00.123999999999999Z", INT64_C(1772330400123)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2000-02-29T23:59:59.999Z", INT64_C(951868799999)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228799999)},
        {"2016-12-31T23:59:60.25Z", INT64_C(1483228799999)},
        {"2016-12-31T18:59:60-05:00", INT64_C(1483228799999)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"2026-03-01 02:00:00Z", INT64_C(1772330400000)},
    };
    static const char *const bad[] = {
        "",
        "2026-03-01",
        "2026-03-01T02:00Z",
        "1969-12-31T23:00:00-01:00",
        "2026-03-01T02:00:00",
        "2026-03-01T02:00:00z ",
        "2026-3-1T02:00:00Z",
        "2026-13-01T02:00:00Z",
        "2026-00-01T02:00:00Z",
        "2026-02-29T02:00:00Z",
        "2100-02-29T02:00:00Z",
        "2026-04-31T02:00:00Z",
        "2026-03-00T02:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T02:60:00Z",
        "2026-03-01T02:00:61Z",
        "2026-03-01T02:00:00.Z",
        "2026-03-01T02:00:00,5Z",
        "2026-03-01T02:00:00+0100",
        "2026-03-01T02:00:00+01",
        "2026-03-01T02:00:00+24:00",
        "2026-03-01T02:00:00+01:60",
        "2026-03-01T02:00:00 Z",
        "+2026-03-01T02:00:00Z",
        "12026-03-01T02:00:00Z",
        "20260301T020000Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "2026-03-01T02:00:00Zx",
        "2026-03-01T-2:00:00Z",
    };
    for (size_t at = 0; at < COUNT(good); at++) {
        int64_t value = UNTOUCHED;
        struct err err = {.code = ERR_NONE};
        if (parse_rfc3339(good[at].text, &value, &err) != 0 || value != good[at].want_ms) {
            fail_msg("%s: got %lld %s", good[at].text, (long long)value, err.text);
        }
    }
    for (size_t at = 0; at < COUNT(bad); at++) {
        int64_t value = UNTOUCHED;
        struct err err = {.code = ERR_NONE};
        refusal_check(bad[at], parse_rfc3339(bad[at], &value, &err), value, &err);
    }
}

static void test_rfc3339_reads_what_is_printed(void **state)
{
    (void)state;
    const int64_t end_ms = INT64_C(253402300800000);
    for (int64_t at_ms = 0; at_ms < end_ms; at_ms += INT64_C(86400000) * 97 + 12345678) {
        char text[TEXT_RFC3339_BYTES];
        int64_t value = UNTOUCHED;
        assert_int_equal(parse_rfc3339(text_rfc3339(at_ms, text), &value, NULL), 0);
        assert_true(value == at_ms);
    }
}

static void test_certificate_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: none */
    } cases[] = {
        {.text = "Mar  1 02:00:00 2026 GMT", .want = INT64_C(1772330400000)},
        {.text = "2026-03-01 02:00:00 GMT", .want = INT64_C(1772330400000)},
        {.text = "Dec 31 23:59:59 2049 GMT", .want = INT64_C(2524607999000)},
        {.text = "2049-12-31 23:59:59 GMT", .want = INT64_C(2524607999000)},
        {.text = "", .want = -1},
        {.text = " GMT", .want = -1},
        {.text = "Mar  1 02:00:00 2026", .want = -1},
        {.text = "Mrz  1 02:00:00 2026 GMT", .want = -1},
        {.text = "Feb 30 02:00:00 2026 GMT", .want = -1},
        {.text = "Mar  1 02:00:00 2026 CET", .want = -1},
        {.text = "2026-03-01 02:00:00 CET", .want = -1},
        {.text = "2026-13-01 02:00:00 GMT", .want = -1},
        {.text = "Mar  1 02:00:00 2026 GMT ", .want = -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t at_ms = -1;
        int code = parse_certificate_time(cases[i].text, &at_ms);
        if (at_ms != cases[i].want || (code == 0) != (cases[i].want >= 0))
            fail_msg("'%s': got %lld", cases[i].text, (long long)at_ms);
    }
}

static void test_hostile_text_is_shown_cut_and_clean(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '\x1b', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    int64_t value = UNTOUCHED;
    struct err err = {.code = ERR_NONE};
    refusal_check(text, parse_duration(text, 0, 1, &value, &err), value, &err);
    assert_false(text_has_control(err.text, strlen(err.text)));
    assert_true(strlen(err.text) < 200);
}

static void test_uuid(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"0198c0de-7e57-7abc-8def-0123456789ab", true},
        {"0198C0DE-7E57-7ABC-8DEF-0123456789AB", true},
        {"0198c0de-7e57-7abc-8def-0123456789a", false},
        {"0198c0de-7e57-7abc-8def-0123456789abc", false},
        {"0198c0de07e57-7abc-8def-0123456789ab", false},
        {"0198c0de-7e57-7abc-8def-0123456789ag", false},
        {"{198c0de-7e57-7abc-8def-0123456789ab", false},
        {"", false},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        assert_int_equal(parse_is_uuid(cases[at].text), cases[at].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_duration_reads_what_is_printed),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_rfc3339_reads_what_is_printed),
        cmocka_unit_test(test_certificate_time),
        cmocka_unit_test(test_hostile_text_is_shown_cut_and_clean),
        cmocka_unit_test(test_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "gateway/base/text.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void test_rfc3339(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *want;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(1772330400000), "2026-03-01T02:00:00Z"},
        {INT64_C(1772330400120), "2026-03-01T02:00:00.120Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0001-01-01T00:00:00Z"},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        char out[TEXT_RFC3339_BYTES];
        assert_string_equal(text_rfc3339(cases[at].at_ms, out), cases[at].want);
        struct strbuf buf;
        strbuf_init(&buf, 100);
        strbuf_add_rfc3339(&buf, cases[at].at_ms);
        assert_string_equal(strbuf_text(&buf), cases[at].want);
        strbuf_clear(&buf);
    }
}

static void test_rfc3339_equals_the_c_library(void **state)
{
    (void)state;
    for (int64_t at_s = 0; at_s < INT64_C(4200000000); at_s += 86400 * 3 + 12345) {
        time_t at = (time_t)at_s;
        struct tm tm;
        assert_non_null(gmtime_r(&at, &tm));
        char want[64];
        assert_true(strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
        char out[TEXT_RFC3339_BYTES];
        assert_string_equal(text_rfc3339(at_s * 1000, out), want);
    }
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {0, "0s"},
        {1500, "1500ms"},
        {1000, "1s"},
        {90000, "1m30s"},
        {300000, "5m"},
        {3600000, "1h"},
        {90061000, "1d1h1m1s"},
        {-300000, "-5m"},
        {-1, "-1ms"},
        {INT64_MAX, "9223372036854775807ms"},
        {INT64_MIN, "-9223372036854775808ms"},
        {INT64_MIN + 808, "-106751991167d7h12m55s"},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        char out[TEXT_RFC3339_BYTES];
        assert_string_equal(text_duration(cases[at].ms, out), cases[at].want);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t length;
        bool want;
    } cases[] = {
        {"empty", "", 0, true},
        {"ascii", "abc\x7f", 4, true},
        {"nul", "a\0b", 3, false},
        {"two", "\xc2\x80\xdf\xbf", 4, true},
        {"three", "\xe0\xa0\x80\xef\xbf\xbf", 6, true},
        {"four", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, true},
        {"overlong two", "\xc1\xbf", 2, false},
        {"overlong three", "\xe0\x9f\xbf", 3, false},
        {"overlong four", "\xf0\x8f\xbf\xbf", 4, false},
        {"before the surrogates", "\xed\x9f\xbf", 3, true},
        {"first surrogate", "\xed\xa0\x80", 3, false},
        {"last surrogate", "\xed\xbf\xbf", 3, false},
        {"after the surrogates", "\xee\x80\x80", 3, true},
        {"past the end", "\xf4\x90\x80\x80", 4, false},
        {"five", "\xf8\x88\x80\x80\x80", 5, false},
        {"continuation alone", "\x80", 1, false},
        {"cut two", "\xc2", 1, false},
        {"cut three", "\xe2\x82", 2, false},
        {"cut four", "\xf0\x9f\x9a", 3, false},
        {"bad third", "\xe2\x82\x41", 3, false},
        {"bad fourth", "\xf0\x9f\x9a\xc0", 4, false},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        if (text_is_utf8(cases[at].bytes, cases[at].length) != cases[at].want) {
            fail_msg("%s", cases[at].name);
        }
    }
}

/* Every code point, encoded here in the plain way, is accepted exactly when it may stand in UTF-8.
 */
static void test_utf8_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0x80; code < 0x120000; code++) {
        unsigned char bytes[4];
        size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        uint32_t rest = code;
        for (size_t at = size - 1; at > 0; at--) {
            bytes[at] = (unsigned char)(0x80 | (rest & 0x3f));
            rest >>= 6;
        }
        bytes[0] = (unsigned char)((0xf00u >> size & 0xff) | rest);
        bool want = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        assert_int_equal(text_utf8_step((const char *)bytes, size), want ? size : 0);
        assert_int_equal(text_utf8_step((const char *)bytes, size - 1), 0);
    }
}

static void test_control(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const char text[] = {'a', (char)byte};
        bool want = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
        assert_int_equal(text_has_control(text, 2), want);
    }
    assert_false(text_has_control("\x01", 0));
}

static void test_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"a", true},
        {"0", true},
        {"tech-lead", true},
        {"a--", true},
        {"", false},
        {"-a", false},
        {"A", false},
        {"a_b", false},
        {"a b", false},
        {"a.", false},
        {"gr\xc3\xbcn", false},
        {"123456789-123456789-123456789-123456789-12345678", true},
        {"123456789-123456789-123456789-123456789-123456789", false},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        assert_int_equal(text_is_name(cases[at].text), cases[at].want);
    }
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(text_equal("", ""));
    assert_false(text_equal("a", "A"));
    assert_true(text_equal_fold("AbZz@[`{", "aBzZ@[`{"));
    assert_false(text_equal_fold("@", "`"));
    assert_false(text_equal_fold("ab", "abc"));
    assert_false(text_equal_fold("abc", "ab"));
    assert_false(text_equal_fold("\xc3\x84", "\xc3\xa4"));
    assert_true(text_starts_with("abc", ""));
    assert_true(text_starts_with("abc", "abc"));
    assert_false(text_starts_with("ab", "abc"));
}

static void test_excerpt(void **state)
{
    (void)state;
    char out[TEXT_EXCERPT_BYTES];
    assert_string_equal(text_excerpt("", out), "");
    assert_string_equal(text_excerpt("a\nb\x7f\xff\xc3\xbc", out), "a?b??\xc3\xbc");
    char text[300];
    for (size_t length = 0; length < 200; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        (void)text_excerpt(text, out);
        if (length < TEXT_EXCERPT_BYTES) {
            assert_string_equal(out, text);
        } else {
            assert_int_equal(strlen(out), TEXT_EXCERPT_BYTES - 1);
            assert_string_equal(out + TEXT_EXCERPT_BYTES - 4, "...");
        }
    }
    for (size_t at = 0; at < 200; at += 2) {
        memcpy(text + at, "\xc3\xbc", 3);
    }
    for (size_t shift = 0; shift < 2; shift++) {
        text[0] = 'x';
        text[1] = 'y';
        (void)text_excerpt(text + shift, out);
        assert_true(text_is_utf8(out, strlen(out)));
        assert_non_null(strstr(out, "..."));
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const candidates[] = {"wait", "page",   "group_by",
                                             "hold", "repeat", "repeats"};
    static const struct {
        const char *wanted;
        const char *want_or_null;
    } cases[] = {
        {"wait", "wait"},
        {"wiat", "wait"},
        {"wai", "wait"},
        {"waits", "wait"},
        {"pgae", "page"},
        {"groupby", "group_by"},
        {"gruopby", "group_by"},
        {"xyz", NULL},
        {"", NULL},
        {"wxyt", NULL},
        {"repeat", "repeat"},
        {"repeatt", "repeat"},
        {"hld", "hold"},
        {"h", NULL},
        {"HOLD", NULL},
        {"a-word-that-is-longer-than-any-key-could-be-and-therefore-gets-no-suggestion", NULL},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        const char *got = text_nearest(cases[at].wanted, candidates, COUNT(candidates));
        if (cases[at].want_or_null == NULL ? got != NULL
                                           : got == NULL || strcmp(got, cases[at].want_or_null)) {
            fail_msg("%s: got %s", cases[at].wanted, got == NULL ? "nothing" : got);
        }
    }
    assert_null(text_nearest("wait", NULL, 0));
}

static void test_hash(void **state)
{
    (void)state;
    /* Fixed values: stored or traced hashes must not change with compiler or release. */
    assert_true(text_hash(0, "", 0) == UINT64_C(0x25a80301815dc6ef));
    assert_true(text_hash(0, "storefront", 10) == UINT64_C(0x1b6ff97c935eb379));
    assert_true(text_hash(42, "\xff\x00\x80", 3) == UINT64_C(0x0466cacd45cc7ff4));
    assert_true(text_hash(1, "a", 1) != text_hash(2, "a", 1));
    /* 4096 near-equal keys over 4096 slots: an even spread fills about 63 percent of them. */
    static unsigned char used[4096];
    memset(used, 0, sizeof(used));
    size_t filled = 0;
    for (uint32_t at = 0; at < 4096; at++) {
        const unsigned char key[] = {'k', (unsigned char)(at >> 8), (unsigned char)at};
        size_t slot = text_hash(7, key, sizeof(key)) % 4096;
        filled += used[slot] == 0 ? 1 : 0;
        used[slot] = 1;
    }
    assert_in_range(filled, 2400, 2800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_rfc3339_equals_the_c_library),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_excerpt),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

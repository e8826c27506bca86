#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"

struct escape_case {
    const char *text;
    const char *want;
};

static void cases_check(void (*escape)(struct strbuf *, const char *),
                        const struct escape_case *cases, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        struct strbuf buf;
        strbuf_init(&buf, 1000);
        escape(&buf, cases[at].text);
        assert_string_equal(strbuf_text(&buf), cases[at].want);
        strbuf_clear(&buf);
    }
}

#define CASES_CHECK(escape, cases) cases_check(escape, cases, sizeof(cases) / sizeof((cases)[0]))

static void test_json(void **state)
{
    (void)state;
    static const struct escape_case cases[] = {
        {"", "\"\""},
        {"plain text", "\"plain text\""},
        {"\"\\\n\r\t", "\"\\\"\\\\\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"</script>&", "\"\\u003c/script>&\""},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa8", "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa8\""},
        {"a\xff"
         "b\xc3",
         "\"a\\ufffdb\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
    };
    CASES_CHECK(strbuf_add_json_string, cases);
}

static void test_html(void **state)
{
    (void)state;
    static const struct escape_case cases[] = {
        {"", ""},
        {"a b", "a b"},
        {"<a href=\"x\">'&amp;", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;"},
        {"line\nline\t.", "line\nline\t."},
        {"\x01\x7f", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc3\xbc\xff", "\xc3\xbc\xef\xbf\xbd"},
    };
    CASES_CHECK(strbuf_add_html, cases);
}

static void test_logfmt(void **state)
{
    (void)state;
    static const struct escape_case cases[] = {
        {"", "\"\""},
        {"plain-1.2/x", "plain-1.2/x"},
        {"\xc3\xbc", "\"\xc3\xbc\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"\\", "\"say \\\"hi\\\"\\\\\""},
        {"a\nlevel=error", "\"a\\nlevel=error\""},
        {"\x1b[31m", "\"\\u001b[31m\""},
        {"\x7f", "\"\\u007f\""},
        {"\xc2\x9b"
         "31m",
         "\"\\u009b31m\""},
        {"<&>", "<&>"},
        {"< &>", "\"< &>\""},
        {"\xff", "\"\xef\xbf\xbd\""},
    };
    CASES_CHECK(strbuf_add_logfmt, cases);
}

static void test_url(void **state)
{
    (void)state;
    static const struct escape_case cases[] = {
        {"", ""},
        {"AZaz09-._~", "AZaz09-._~"},
        {"a b+c&d=e/f?g%", "a%20b%2Bc%26d%3De%2Ff%3Fg%25"},
        {"\xc3\xbc\r\n", "%C3%BC%0D%0A"},
    };
    CASES_CHECK(strbuf_add_url, cases);
}

static void test_members_are_written_as_two_strings(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 80);
    strbuf_add_json_member(&buf, '{', "service", "shop");
    strbuf_add_json_member(&buf, ',', "a\"b", "");
    strbuf_add_json_member(&buf, ',', "", "tab\t");
    strbuf_add_json_member(&buf, ',', "host", "<");
    assert_string_equal(
        strbuf_text(&buf),
        "{\"service\":\"shop\",\"a\\\"b\":\"\",\"\":\"tab\\t\",\"host\":\"\\u003c\"");
    assert_false(buf.overflowed);
    strbuf_add_json_member(&buf, ',', "much-longer-name", "much-longer-value");
    assert_true(buf.overflowed);
    strbuf_clear(&buf);
}

/* Texts are looked at in words: a byte is found wherever it stands. */
static void test_every_byte_at_every_place_is_written_as_alone(void **state)
{
    (void)state;
    enum { LENGTH_MAX = 19 };
    struct strbuf alone, buf;
    char want[LENGTH_MAX * 8], text[LENGTH_MAX + 1];
    strbuf_init(&alone, 100);
    strbuf_init(&buf, 1000);
    for (int byte = 1; byte < 256; byte++) {
        strbuf_reset(&alone);
        strbuf_add_json_string(&alone, (const char[]){(char)byte, '\0'});
        for (int length = 1; length <= LENGTH_MAX; length++) {
            for (int place = 0; place < length; place++) {
                memset(text, 'z', sizeof(text));
                text[length] = '\0';
                text[place] = (char)byte;
                (void)snprintf(want, sizeof(want), "\"%.*s%.*s%s\"", place, text,
                               (int)alone.length - 2, strbuf_text(&alone) + 1, text + place + 1);
                strbuf_reset(&buf);
                strbuf_add_json_string(&buf, text);
                assert_string_equal(strbuf_text(&buf), want);
            }
        }
    }
    strbuf_clear(&alone);
    strbuf_clear(&buf);
}

/* No byte alone, and none between two others, breaks out of its quoting. */
static void test_every_byte_reads_back_as_json(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        const char text[] = {'a', (char)byte, 'b', '\0'};
        struct strbuf buf;
        strbuf_init(&buf, 100);
        strbuf_add_json_string(&buf, text);
        struct json *root = NULL;
        assert_int_equal(json_parse(strbuf_text(&buf), buf.length, &root, NULL), 0);
        assert_string_equal(json_string(root), byte < 0x80 ? text
                                                           : "a\xef\xbf\xbd"
                                                             "b");
        json_free(root);
        strbuf_clear(&buf);
    }
}

static void test_every_byte_stays_inside_html_url_and_log(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        const char text[] = {(char)byte, '\0'};
        struct strbuf buf;
        strbuf_init(&buf, 100);
        strbuf_add_html(&buf, text);
        assert_null(strpbrk(strbuf_text(&buf), "<>\"'"));
        assert_true(text_is_utf8(strbuf_text(&buf), buf.length));
        strbuf_reset(&buf);
        strbuf_add_url(&buf, text);
        assert_null(strpbrk(strbuf_text(&buf), " \r\n&=?#/\"<>'"));
        strbuf_reset(&buf);
        strbuf_add_logfmt(&buf, text);
        assert_false(text_has_control(strbuf_text(&buf), buf.length));
        assert_null(strpbrk(strbuf_text(&buf), "\n\t"));
        strbuf_clear(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_logfmt),
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_members_are_written_as_two_strings),
        cmocka_unit_test(test_every_byte_at_every_place_is_written_as_alone),
        cmocka_unit_test(test_every_byte_reads_back_as_json),
        cmocka_unit_test(test_every_byte_stays_inside_html_url_and_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

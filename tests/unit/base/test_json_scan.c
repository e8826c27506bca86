/* The scan: what it takes and how it decodes; intake/native_quick holds it against the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/base/json_scan.h"

#define TEXT_BYTES_MAX 400

static char text[TEXT_BYTES_MAX];

static struct json_scan scan_of(const char *json)
{
    struct json_scan scan;
    size_t count = strlen(json);
    assert_true(count < sizeof(text));
    memcpy(text, json, count + 1);
    json_scan_begin(&scan, text, count);
    return scan;
}

static const struct {
    const char *json;
    const char *want; /* NULL: no string */
    bool has_control;
} strings[] = {
    {.json = "\"\"", .want = ""},
    {.json = " \t\r\n\"abc\"", .want = "abc"},
    {.json = "\"exactly8\"", .want = "exactly8"},
    {.json = "\"seven..\\\"eight\"", .want = "seven..\"eight"},
    {.json = "\"\\\"\\\\\\/\\n\\t\"", .want = "\"\\/\n\t"},
    {.json = "\"\\b\"", .want = "\b", .has_control = true},
    {.json = "\"\\f\\r\"", .want = "\f\r", .has_control = true},
    {.json = "\"\\u001F\"", .want = "\x1f", .has_control = true},
    {.json = "\"plain plain\x7f\"", .want = "plain plain\x7f", .has_control = true},
    {.json = "\"\\u007f\"", .want = "\x7f", .has_control = true},
    {.json = "\"\\u0080\\u07ff\\u0800\\uffff\"",
     .want = "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
    {.json = "\"\\ud800\\udc00\\uDBFF\\uDFFF\"", .want = "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    {.json = "\"\xc3\xa4 and \xf0\x9f\x98\x80\"", .want = "\xc3\xa4 and \xf0\x9f\x98\x80"},
    {.json = "abc"},
    {.json = ""},
    {.json = "\""},
    {.json = "\"abc"},
    {.json = "\"\\"},
    {.json = "\"\\q\""},
    {.json = "\"\\u12\""},
    {.json = "\"\\u0000\""},
    {.json = "\"\\ud800\""},
    {.json = "\"\\ud800\\n\""},
    {.json = "\"\\ud800\\ud800\""},
    {.json = "\"\\udfff\""},
    {.json = "\"line\nfeed\""},
    {.json = "\"\xc0\x80\""},
    {.json = "\"\xf4\x90\x80\x80\""},
};

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        struct json_scan scan = scan_of(strings[i].json);
        struct json_scan_text got = {.text = "untouched"};
        assert_int_equal(json_scan_string(&scan, &got), strings[i].want != NULL);
        assert_string_equal(got.text, strings[i].want ? strings[i].want : "untouched");
        if (strings[i].want) {
            assert_int_equal(got.length, strlen(strings[i].want));
            assert_int_equal(got.has_control, strings[i].has_control);
            assert_true(json_scan_at_end(&scan));
        }
    }
}

static void test_walk(void **state)
{
    (void)state;
    struct json_scan scan = scan_of(" { \"a\" : [ ] } ");
    struct json_scan_text key;
    assert_false(json_scan_take(&scan, '['));
    assert_true(json_scan_take(&scan, '{'));
    assert_true(json_scan_key(&scan, &key));
    assert_string_equal(key.text, "a");
    assert_true(json_scan_sees(&scan, '['));
    assert_true(json_scan_take(&scan, '['));
    assert_true(json_scan_take(&scan, ']'));
    assert_false(json_scan_at_end(&scan));
    assert_true(json_scan_take(&scan, '}'));
    assert_true(json_scan_at_end(&scan));
}

/* A NUL within is no end. */
static void test_nul(void **state)
{
    (void)state;
    static char bytes[] = "1\0002";
    struct json_scan scan;
    json_scan_begin(&scan, bytes, sizeof(bytes) - 1);
    assert_true(json_scan_take(&scan, '1'));
    assert_false(json_scan_at_end(&scan));
    assert_false(json_scan_take(&scan, '2'));
}

static const struct {
    const char *json;
    bool is_copied;
} values[] = {
    {.json = "null", .is_copied = true},
    {.json = " [ true , false ] ", .is_copied = true},
    {.json = "{\"a\" : {\"b\":[1,-2,0]},\"c\":\"<\\u00e4\\u0007\"}", .is_copied = true},
    {.json = "[999999999999999999]", .is_copied = true},
    {.json = "[1000000000000000000]"},
    {.json = "[1.0]"},
    {.json = "[1e1]"},
    {.json = "[-0]"},
    {.json = "[00]"},
    {.json = "[+1]"},
    {.json = "[1,]"},
    {.json = "[,1]"},
    {.json = "[1 2]"},
    {.json = "{\"a\":1,}"},
    {.json = "{\"a\"}"},
    {.json = "{\"a\":1,\"a\":1}"},
    {.json = "{\"a\":[{\"b\":1,\"b\":1}]}"},
    {.json = "{a:1}"},
    {.json = "[nul]"},
    {.json = "["},
    {.json = "{"},
    {.json = ""},
};

/* The copy is what the tree writes. */
static void test_copies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct json_scan scan = scan_of(values[i].json);
        struct strbuf copy, written;
        strbuf_init(&copy, 1000);
        strbuf_init(&written, 1000);
        bool is_copied = json_scan_copy(&scan, 0, &copy) && json_scan_at_end(&scan);
        if (is_copied != values[i].is_copied) {
            fail_msg("%s: got %d", values[i].json, is_copied);
        }
        if (is_copied) {
            struct json *root = NULL;
            assert_int_equal(json_parse(values[i].json, strlen(values[i].json), &root, NULL), 0);
            json_write(root, &written);
            json_free(root);
            assert_string_equal(strbuf_text(&copy), strbuf_text(&written));
        }
        strbuf_clear(&copy);
        strbuf_clear(&written);
    }
}

static void test_copy_limits(void **state)
{
    (void)state;
    struct strbuf copy;
    struct json_scan scan = scan_of("[[]]");
    strbuf_init(&copy, 4);
    assert_true(json_scan_copy(&scan, JSON_DEPTH_MAX - 2, &copy));
    assert_string_equal(strbuf_text(&copy), "[[]]");
    scan = scan_of("[[]]");
    strbuf_reset(&copy);
    assert_false(json_scan_copy(&scan, JSON_DEPTH_MAX - 1, &copy));
    scan = scan_of("[1,2]");
    strbuf_reset(&copy);
    assert_false(json_scan_copy(&scan, 0, &copy)); /* longer than the buffer may grow */
    strbuf_clear(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),     cmocka_unit_test(test_walk),
        cmocka_unit_test(test_nul),         cmocka_unit_test(test_copies),
        cmocka_unit_test(test_copy_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

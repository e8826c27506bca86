#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct json *parse_ok(const char *text)
{
    struct json *root = NULL;
    struct err err = {.code = ERR_NONE};
    if (json_parse(text, strlen(text), &root, &err) != 0) {
        fail_msg("%s: %s", text, err.text);
    }
    assert_int_equal(err.code, ERR_NONE);
    return root;
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t length;
        const char *want;
    } cases[] = {
        {"empty", "", 0, "line 1 column "},
        {"blank", "  ", 2, "line 1 column "},
        {"cut", "{\"a\":", 5, "line 1 column 5: "},
        {"line and column", "{\n \"a\": 1,\n \"b\": x\n}", 20, "line 3 column 7: "},
        {"duplicate", "{\"a\":1,\"a\":2}", 13, "duplicate object key"},
        {"duplicate by escape", "{\"a\":1,\"\\u0061\":2}", 18, "duplicate object key"},
        {"duplicate inside", "[{\"k\":{\"a\":1,\"a\":2}}]", 21, "duplicate object key"},
        {"nul in a string", "\"a\\u0000b\"", 10, "\\u0000"},
        {"nul in a key", "{\"a\\u0000b\":1}", 14, "\\u0000"},
        {"nul byte", "\"a\0b\"", 5, "line 1 column "},
        {"nul byte behind", "1\0", 2, "line 1 column "},
        {"trailing", "{} x", 4, "end of file expected"},
        {"two values", "1 2", 3, "end of file expected"},
        {"single quotes", "{'a':1}", 7, "line 1 column 2: "},
        {"trailing comma", "[1,]", 4, "line 1 column 4: "},
        {"comment", "[1]//", 5, "line 1 column "},
        {"leading zero", "[01]", 4, "line 1 column "},
        {"plus", "[+1]", 4, "line 1 column 2: "},
        {"NaN", "[NaN]", 5, "line 1 column 4: "},
        {"integer past 64 bits", "[9223372036854775808]", 21, "too big integer"},
        {"integer below 64 bits", "[-9223372036854775809]", 22, "too big negative integer"},
        {"real past the range", "[1e999]", 7, "real number overflow"},
        {"raw line feed", "[\"a\nb\"]", 7, "line 1 column "},
        {"control byte", "[\"\x01\"]", 5, "control character"},
        {"invalid UTF-8", "[\"\xff\"]", 5, "unable to decode byte 0xff"},
        {"overlong", "[\"\xc0\xaf\"]", 6, "unable to decode byte 0xc0"},
        {"surrogate bytes", "[\"\xed\xa0\x80\"]", 7, "unable to decode byte 0xed"},
        {"lone high surrogate", "[\"\\ud800\"]", 10, "line 1 column "},
        {"lone low surrogate", "[\"\\udc00\"]", 10, "line 1 column "},
        {"byte order mark", "\xef\xbb\xbf{}", 5, "line 1 column 1: "},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct json *root = NULL;
        struct err err = {.code = ERR_NONE};
        if (json_parse(cases[at].bytes, cases[at].length, &root, &err) != -1) {
            fail_msg("%s: accepted", cases[at].name);
        }
        assert_null(root);
        assert_int_equal(err.code, ERR_INVALID);
        if (strstr(err.text, cases[at].want) == NULL || strncmp(err.text, "line ", 5) != 0) {
            fail_msg("%s: got '%s', want '%s'", cases[at].name, err.text, cases[at].want);
        }
    }
}

static void test_every_prefix_of_a_text_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,\"x\\\"]\\u00fc\",true,null],\"b\":{\"c\":{}}}";
    for (size_t length = 0; length + 1 < sizeof(text); length++) {
        struct json *root = NULL;
        assert_int_equal(json_parse(text, length, &root, NULL), -1);
    }
    json_free(parse_ok(text));
}

/* `depth` brackets around an empty array or object. */
static char *nested(size_t depth, const char *open, const char *close)
{
    struct strbuf buf;
    strbuf_init(&buf, 20 * depth + 100);
    for (size_t at = 0; at < depth; at++) {
        strbuf_add(&buf, open);
    }
    strbuf_add(&buf, "1");
    for (size_t at = 0; at < depth; at++) {
        strbuf_add(&buf, close);
    }
    return strbuf_steal(&buf);
}

static void test_depth(void **state)
{
    (void)state;
    static const struct {
        const char *open;
        const char *close;
        size_t depth;
        int want;
    } cases[] = {
        {"[", "]", JSON_DEPTH_MAX, 0},
        {"[", "]", JSON_DEPTH_MAX + 1, -1},
        {"{\"k\":", "}", JSON_DEPTH_MAX, 0},
        {"{\"k\":", "}", JSON_DEPTH_MAX + 1, -1},
        {"[", "]", 1000000, -1},
        {"[\n", "]", JSON_DEPTH_MAX + 1, -1},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        char *text = nested(cases[at].depth, cases[at].open, cases[at].close);
        struct json *root = NULL;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(json_parse(text, strlen(text), &root, &err), cases[at].want);
        assert_int_equal(err.code, cases[at].want == 0 ? ERR_NONE : ERR_TOO_LARGE);
        json_free(root);
        free(text);
    }
    struct err err = {.code = ERR_NONE};
    struct json *root = NULL;
    char *text = nested(JSON_DEPTH_MAX + 1, "[\n ", "]");
    assert_int_equal(json_parse(text, strlen(text), &root, &err), -1);
    assert_string_equal(err.text, "line 33 column 2: nested deeper than 32");
    free(text);
}

static void test_brackets_in_strings_have_no_depth(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 1000);
    strbuf_add(&buf, "[\"\\\"");
    for (int at = 0; at < 200; at++) {
        strbuf_add(&buf, "[{");
    }
    strbuf_add(&buf, "\\\\\",[[\"]]\"]]]");
    json_free(parse_ok(strbuf_text(&buf)));
    strbuf_clear(&buf);
}

static void test_accessors(void **state)
{
    (void)state;
    struct json *root = parse_ok("{\"s\":\"gr\\u00fc\\ud83d\\udea8\",\"i\":-9223372036854775808,"
                                 "\"r\":1.5,\"t\":true,\"f\":false,\"n\":null,"
                                 "\"a\":[1,[2],{}],\"o\":{\"x\":1,\"y\":2}}");
    assert_int_equal(json_kind(root), JSON_OBJECT);
    assert_int_equal(json_count(root), 8);
    assert_string_equal(json_string(json_get(root, "s")), "gr\xc3\xbc\xf0\x9f\x9a\xa8");
    assert_int_equal(json_string_length(json_get(root, "s")), 8);
    assert_true(json_integer(json_get(root, "i")) == INT64_MIN);
    assert_int_equal(json_kind(json_get(root, "r")), JSON_REAL);
    assert_true(json_bool(json_get(root, "t")));
    assert_false(json_bool(json_get(root, "f")));
    assert_int_equal(json_kind(json_get(root, "f")), JSON_BOOL);
    assert_int_equal(json_kind(json_get(root, "n")), JSON_NULL);
    const struct json *array = json_get(root, "a");
    assert_int_equal(json_count(array), 3);
    assert_int_equal(json_integer(json_at(array, 0)), 1);
    assert_int_equal(json_integer(json_at(json_at(array, 1), 0)), 2);
    assert_null(json_at(array, 3));
    assert_int_equal(json_count(json_get(root, "o")), 2);
    json_free(root);
}

static void test_accessors_answer_absent(void **state)
{
    (void)state;
    struct json *root = parse_ok("[\"s\",1,1.5,true,null,[],{}]");
    for (size_t at = 0; at < 8; at++) {
        const struct json *value = at == 7 ? NULL : json_at(root, at);
        assert_null(json_get(value, "s"));
        assert_null(json_at(value, 0));
        assert_int_equal(json_count(value), 0);
        assert_string_equal(json_string(value), at == 0 ? "s" : "");
        assert_int_equal(json_string_length(value), at == 0 ? 1 : 0);
        assert_int_equal(json_integer(value), at == 1 ? 1 : 0);
        assert_int_equal(json_bool(value), at == 3);
        void *position = NULL;
        const char *key = NULL;
        const struct json *member = NULL;
        assert_false(json_next(value, &position, &key, &member));
        assert_null(position);
    }
    assert_int_equal(json_kind(NULL), JSON_ABSENT);
    json_free(root);
    json_free(NULL);
}

static void test_kind_names(void **state)
{
    (void)state;
    assert_string_equal(json_kind_name(JSON_ABSENT), "nothing");
    assert_string_equal(json_kind_name(JSON_OBJECT), "an object");
    for (enum json_kind kind = JSON_ABSENT; kind <= JSON_OBJECT; kind++) {
        assert_non_null(json_kind_name(kind));
    }
}

static void test_members_keep_their_order(void **state)
{
    (void)state;
    struct strbuf text;
    strbuf_init(&text, 100000);
    for (int at = 0; at < 1000; at++) {
        strbuf_printf(&text, "%s\"k%d\":%d", at == 0 ? "{" : ",", at * 7919 % 1000, at);
    }
    strbuf_add(&text, "}");
    struct json *root = parse_ok(strbuf_text(&text));
    void *position = NULL;
    const char *key = NULL;
    const struct json *value = NULL;
    int count = 0;
    while (json_next(root, &position, &key, &value)) {
        assert_int_equal(atol(key + 1), count * 7919 % 1000);
        assert_int_equal(json_integer(value), count);
        count++;
    }
    assert_int_equal(count, 1000);
    struct strbuf again;
    strbuf_init(&again, 100000);
    json_write(root, &again);
    assert_string_equal(strbuf_text(&again), strbuf_text(&text));
    strbuf_clear(&again);
    strbuf_clear(&text);
    json_free(root);
}

static void test_write(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {" { } ", "{}"},
        {" [ ] ", "[]"},
        {"null", "null"},
        {"\"a\"", "\"a\""},
        {"{\"b\" : [1, 2 ,{}], \"a\":{\"x\":null,\"y\":false}}",
         "{\"b\":[1,2,{}],\"a\":{\"x\":null,\"y\":false}}"},
        {"\"\\u003cb> \\/\"", "\"\\u003cb> /\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-0", "0"},
        {"0.1", "0.1"},
        {"1.0", "1.0"},
        {"1e2", "100.0"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1.7976931348623157e308", "1.7976931348623157e308"},
        {"5e-324", "4.94065645841247e-324"},
        {"-2.5", "-2.5"},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct json *root = parse_ok(cases[at].text);
        struct strbuf buf;
        strbuf_init(&buf, 1000);
        json_write(root, &buf);
        assert_string_equal(strbuf_text(&buf), cases[at].want);
        strbuf_clear(&buf);
        json_free(root);
    }
    struct strbuf buf;
    strbuf_init(&buf, 1000);
    json_write(NULL, &buf);
    assert_string_equal(strbuf_text(&buf), "null");
    strbuf_clear(&buf);
}

/* Reading numbers must reach jansson's own constructors, which share their names with our
 * accessors. */
static void test_numbers_and_strings_are_not_mixed_up_at_link_time(void **state)
{
    (void)state;
    struct json *root = parse_ok("{\"n\":[1,2,3],\"s\":[\"a\",\"b\"]}");
    assert_int_equal(json_integer(json_at(json_get(root, "n"), 2)), 3);
    assert_string_equal(json_string(json_at(json_get(root, "s"), 1)), "b");
    json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_every_prefix_of_a_text_is_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_brackets_in_strings_have_no_depth),
        cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_accessors_answer_absent),
        cmocka_unit_test(test_kind_names),
        cmocka_unit_test(test_members_keep_their_order),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_numbers_and_strings_are_not_mixed_up_at_link_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

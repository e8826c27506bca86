#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/base/json.h"

static void test_every_kind(void **state)
{
    (void)state;
    struct strbuf buf;
    struct json_out out;
    strbuf_init(&buf, 10000);
    json_out_begin(&out, &buf);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "s", "a\"b");
    json_add_integer(&out, "i", INT64_MIN);
    json_add_bool(&out, "t", true);
    json_add_bool(&out, "f", false);
    json_add_null(&out, "n");
    json_add_time(&out, "at", INT64_C(1772330400000));
    json_add_raw(&out, "raw", "{\"x\":1}");
    json_add_raw(&out, "gap", "");
    json_add_array_begin(&out, "a");
    json_add_array_begin(&out, NULL);
    json_add_array_end(&out);
    json_add_object_begin(&out, NULL);
    json_add_object_end(&out);
    json_add_integer(&out, NULL, 1);
    json_add_string(&out, NULL, "");
    json_add_array_end(&out);
    json_add_object_begin(&out, "o<");
    json_add_null(&out, "x");
    json_add_object_end(&out);
    json_add_object_end(&out);
    assert_string_equal(strbuf_text(&buf),
                        "{\"s\":\"a\\\"b\",\"i\":-9223372036854775808,\"t\":true,\"f\":false,"
                        "\"n\":null,\"at\":\"2026-03-01T02:00:00Z\",\"raw\":{\"x\":1},"
                        "\"gap\":null,\"a\":[[],{},1,\"\"],\"o\\u003c\":{\"x\":null}}");
    assert_int_equal(out.depth, 0);
    struct json *root = NULL;
    assert_int_equal(json_parse(strbuf_text(&buf), buf.length, &root, NULL), 0);
    json_free(root);
    strbuf_clear(&buf);
}

static void test_as_deep_as_a_bit_each_allows(void **state)
{
    (void)state;
    struct strbuf buf;
    struct json_out out;
    strbuf_init(&buf, 1000);
    json_out_begin(&out, &buf);
    for (int depth = 0; depth < 63; depth++) {
        json_add_array_begin(&out, NULL);
        json_add_integer(&out, NULL, 1);
    }
    for (int depth = 0; depth < 63; depth++) {
        json_add_integer(&out, NULL, 2);
        json_add_array_end(&out);
    }
    assert_true(text_starts_with(strbuf_text(&buf), "[1,[1,[1,[1,"));
    assert_non_null(strstr(strbuf_text(&buf), ",[1,2],2],2],2]"));
    strbuf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_as_deep_as_a_bit_each_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "gateway/base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_there_and_back(void **state)
{
    (void)state;
    struct strbuf out;
    struct wire wire;
    size_t count = 0;
    strbuf_init(&out, 1000);
    wire_put_number(&out, 0xfedcba98u);
    wire_put_text(&out, "Grüße");
    wire_put_bytes(&out, "a\0b", 3);
    wire_put_text(&out, "");
    wire_begin(&wire, strbuf_text(&out), out.length);
    assert_int_equal(wire_number(&wire), 0xfedcba98u);
    assert_string_equal(wire_text(&wire), "Grüße");
    const char *bytes = wire_bytes(&wire, &count);
    assert_int_equal(count, 3);
    assert_memory_equal(bytes, "a\0b\0", 4);
    assert_false(wire_is_over(&wire));
    assert_string_equal(wire_text(&wire), "");
    assert_true(wire_is_over(&wire));
    assert_int_equal(wire_number(&wire), 0);
    assert_true(wire.is_bad);
    assert_false(wire_is_over(&wire));
    strbuf_clear(&out);
}

/* Cut anywhere, it is bad and nothing is read past the end (the sanitizers look). */
static void test_cut(void **state)
{
    (void)state;
    static const unsigned char whole[] = {0, 0, 0, 2, 'h', 'i', 0, 0, 0, 0, 7};
    for (size_t count = 0; count < sizeof whole; count++) {
        unsigned char part[sizeof whole];
        struct wire wire;
        memcpy(part + sizeof part - count, whole, count);
        wire_begin(&wire, part + sizeof part - count, count);
        const char *text = wire_text(&wire);
        assert_true(count < 7 ? text[0] == '\0' : strcmp(text, "hi") == 0);
        assert_int_equal(wire_number(&wire), 0);
        assert_true(wire.is_bad);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned char bytes[8];
        size_t count;
    } cases[] = {
        {"no NUL behind it", {0, 0, 0, 2, 'h', 'i', '!', 0}, 7},
        {"a NUL within", {0, 0, 0, 2, 'h', 0, 0, 0}, 7},
        {"longer than there is", {0xff, 0xff, 0xff, 0xff, 'h', 'i', 0, 0}, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire wire;
        wire_begin(&wire, cases[i].bytes, cases[i].count);
        assert_string_equal(wire_text(&wire), "");
        if (!wire.is_bad) {
            fail_msg("%s: taken", cases[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

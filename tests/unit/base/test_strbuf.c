#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

static void test_an_empty_buffer(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 10);
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_add(&buf, "");
    strbuf_add_bytes(&buf, NULL, 0);
    assert_null(buf.data);
    char *stolen = strbuf_steal(&buf);
    assert_string_equal(stolen, "");
    free(stolen);
    strbuf_clear(&buf);
}

static void test_all_kinds_of_pieces(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 1 << 20);
    strbuf_add(&buf, "a");
    strbuf_add_char(&buf, 'b');
    strbuf_add_bytes(&buf, "cdX", 2);
    strbuf_printf(&buf, "%d%s", 12, "e");
    strbuf_add_i64(&buf, -7);
    assert_string_equal(strbuf_text(&buf), "abcd12e-7");
    assert_int_equal(buf.length, 9);
    strbuf_reset(&buf);
    assert_string_equal(strbuf_text(&buf), "");
    for (int at = 0; at < 10000; at++) {
        strbuf_printf(&buf, "%05d", at);
    }
    assert_int_equal(buf.length, 50000);
    assert_memory_equal(strbuf_text(&buf) + 5 * 1234, "01234", 5);
    strbuf_printf(&buf, "%03000d", 5);
    assert_int_equal(strlen(strbuf_text(&buf)), 53000);
    char *stolen = strbuf_steal(&buf);
    assert_int_equal(strlen(stolen), 53000);
    free(stolen);
    strbuf_add(&buf, "new");
    assert_string_equal(strbuf_text(&buf), "new");
    strbuf_clear(&buf);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *want;
    } cases[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {-1, "-1"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t at = 0; at < sizeof(cases) / sizeof(cases[0]); at++) {
        struct strbuf buf;
        strbuf_init(&buf, 20);
        strbuf_add_i64(&buf, cases[at].number);
        assert_string_equal(strbuf_text(&buf), cases[at].want);
        strbuf_clear(&buf);
    }
}

/* For every maximum, the same pieces: what is there is a prefix made of whole pieces. */
static void test_the_maximum_is_hard(void **state)
{
    (void)state;
    static const char *const pieces[] = {"one", " ", "three hundred", "x",
                                         "long enough to grow twice"};
    for (size_t max = 0; max < 300; max++) {
        struct strbuf buf;
        strbuf_init(&buf, max);
        size_t want = 0;
        bool full = false;
        for (size_t at = 0; at < 60; at++) {
            const char *piece = pieces[at % 5];
            full = full || want + strlen(piece) > max;
            want += full ? 0 : strlen(piece);
            if (at % 2 == 0) {
                strbuf_add(&buf, piece);
            } else {
                strbuf_printf(&buf, "%s", piece);
            }
            assert_int_equal(buf.length, want);
            assert_int_equal(buf.overflowed, full);
            assert_int_equal(strlen(strbuf_text(&buf)), want);
            assert_true(buf.capacity <= max + 1);
        }
        strbuf_reset(&buf);
        assert_false(buf.overflowed);
        strbuf_clear(&buf);
    }
}

static void test_a_long_printf_past_the_maximum_adds_nothing(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 1000);
    strbuf_add(&buf, "kept");
    strbuf_printf(&buf, "%0997d", 1);
    assert_true(buf.overflowed);
    assert_string_equal(strbuf_text(&buf), "kept");
    strbuf_add(&buf, "x");
    assert_string_equal(strbuf_text(&buf), "kept");
    strbuf_reset(&buf);
    strbuf_printf(&buf, "%01000d", 1);
    assert_false(buf.overflowed);
    assert_int_equal(buf.length, 1000);
    strbuf_clear(&buf);
}

static void test_text_in_an_arena_outlives_its_buffer(void **state)
{
    (void)state;
    struct arena arena;
    struct strbuf buf;
    arena_init(&arena);
    strbuf_init_in(&buf, &arena, 2000);
    assert_string_equal(strbuf_finish(&buf), "");
    for (int i = 0; i < 300; i++)
        strbuf_add(&buf, "abc");
    size_t before = arena.used_bytes;
    const char *text = strbuf_finish(&buf);
    assert_int_equal(strlen(text), 900);
    assert_true(arena.used_bytes <= before);
    assert_int_equal(buf.length, 0);
    strbuf_add(&buf, "next");
    assert_string_equal(strbuf_finish(&buf), "next");
    assert_memory_equal(text + 897, "abc", 4);
    strbuf_clear(&buf); /* frees nothing of the arena's */
    for (int i = 0; i < 700; i++)
        strbuf_add(&buf, "abc");
    assert_true(buf.overflowed);
    arena_clear(&arena);
}

static void test_room_is_written_byte_by_byte(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 300);
    char *at = strbuf_room(&buf, 280);
    memset(at, 'x', 5);
    strbuf_wrote(&buf, at + 5);
    at = text_put_i64(strbuf_room(&buf, TEXT_I64_BYTES), INT64_MIN);
    strbuf_wrote(&buf, at);
    assert_string_equal(strbuf_text(&buf), "xxxxx-9223372036854775808");
    assert_null(strbuf_room(&buf, 300 - buf.length + 1));
    assert_true(buf.overflowed);
    assert_null(strbuf_room(&buf, 1));
    strbuf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_buffer),
        cmocka_unit_test(test_all_kinds_of_pieces),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_the_maximum_is_hard),
        cmocka_unit_test(test_a_long_printf_past_the_maximum_adds_nothing),
        cmocka_unit_test(test_text_in_an_arena_outlives_its_buffer),
        cmocka_unit_test(test_room_is_written_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

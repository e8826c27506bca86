#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"

static bool is_zero(const unsigned char *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (bytes[at] != 0) {
            return false;
        }
    }
    return true;
}

static void test_pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4000, 4096, 5000, 20000, 70000, 1, 300000, 8};
    enum { PIECE_COUNT = sizeof(sizes) / sizeof(sizes[0]) };
    unsigned char *pieces[PIECE_COUNT];
    struct arena arena;
    arena_init(&arena);
    for (int round = 0; round < 3; round++) {
        for (size_t at = 0; at < PIECE_COUNT; at++) {
            pieces[at] = arena_alloc(&arena, sizes[at]);
            assert_int_equal((uintptr_t)pieces[at] % 16, 0);
            assert_true(is_zero(pieces[at], sizes[at]));
            memset(pieces[at], (int)at + 1, sizes[at]);
        }
        for (size_t at = 0; at < PIECE_COUNT; at++) {
            for (size_t byte = 0; byte < sizes[at]; byte++) {
                assert_int_equal(pieces[at][byte], at + 1);
            }
        }
        assert_true(arena.used_bytes >= 400000);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_clear(&arena);
    assert_null(arena.head);
    assert_string_equal(arena_strdup(&arena, "again"), "again");
    arena_clear(&arena);
}

static void test_reset_reuses_its_chunk(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    const void *first = arena_alloc(&arena, 100);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_clear(&arena);
}

static void test_a_large_piece_leaves_the_head_in_use(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    const char *before = arena_alloc(&arena, 16);
    (void)arena_alloc(&arena, 1000000);
    assert_ptr_equal(arena_alloc(&arena, 16), before + 16);
    arena_clear(&arena);
}

static void test_copies_of_text_and_bytes(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    assert_string_equal(arena_strdup(&arena, ""), "");
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&arena, "ab", 30), "ab");
    assert_string_equal(arena_printf(&arena, "%s=%d", "n", 7), "n=7");
    assert_int_equal(strlen(arena_printf(&arena, "%09000d", 1)), 9000);
    for (int length = 254; length <= 258; length++)
        assert_int_equal(strlen(arena_printf(&arena, "%0*d", length, 1)), length);
    const char *const parts[] = {"a", "", "bc"};
    assert_string_equal(arena_join(&arena, parts, 3), "abc");
    assert_string_equal(arena_join(&arena, parts, 0), "");
    assert_memory_equal(arena_copy(&arena, "a\0b", 3), "a\0b", 3);
    assert_non_null(arena_copy(&arena, NULL, 0));
    const int *numbers = arena_alloc_array(&arena, 10, sizeof(*numbers));
    assert_int_equal(numbers[9], 0);
    arena_clear(&arena);
}

static void test_only_the_last_piece_changes_where_it_lies(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    char *first = arena_resize(&arena, NULL, 0, 20);
    memcpy(first, "first", 6);
    assert_ptr_equal(arena_resize(&arena, first, 20, 100), first);
    assert_ptr_equal(arena_resize(&arena, first, 100, 6), first);
    assert_int_equal(arena.used_bytes, 16);
    char *second = arena_take(&arena, 16);
    assert_ptr_equal(second, first + 16);
    assert_ptr_equal(arena_resize(&arena, first, 6, 3), first); /* it stays, nothing comes back */
    char *moved = arena_resize(&arena, first, 6, 40);
    assert_true(moved >= second + 16);
    assert_string_equal(moved, "first");
    moved = arena_resize(&arena, moved, 40, 100000); /* past its chunk */
    assert_string_equal(moved, "first");
    memset(moved, 1, 100000);
    arena_clear(&arena);
}

static void test_heap_helpers(void **state)
{
    (void)state;
    unsigned char *bytes = heap_alloc(64);
    assert_true(is_zero(bytes, 64));
    bytes[0] = 9;
    bytes = heap_realloc(bytes, 4096);
    assert_int_equal(bytes[0], 9);
    free(bytes);
    char *text = heap_strdup("hello");
    assert_string_equal(text, "hello");
    free(text);
    void *nothing = heap_alloc(0);
    assert_non_null(nothing);
    free(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_reset_reuses_its_chunk),
        cmocka_unit_test(test_a_large_piece_leaves_the_head_in_use),
        cmocka_unit_test(test_copies_of_text_and_bytes),
        cmocka_unit_test(test_only_the_last_piece_changes_where_it_lies),
        cmocka_unit_test(test_heap_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

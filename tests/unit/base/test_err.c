#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"

static void test_set_and_wrap(void **state)
{
    (void)state;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(err_set(&err, ERR_TOO_LARGE, "got %d, want %d", 5, 4), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(err.text, "got 5, want 4");
    assert_int_equal(err_wrap(&err, "step %s", "vp"), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(err.text, "step vp: got 5, want 4");
}

static void test_errno(void **state)
{
    (void)state;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(err_set_errno(&err, ENOENT, "open %s", "a.ini"), -1);
    assert_int_equal(err.code, ERR_SYSTEM);
    assert_string_equal(err.text, "open a.ini: No such file or directory");
}

static void test_nobody_asked(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_INVALID, "x"), -1);
    assert_int_equal(err_set_errno(NULL, EIO, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void test_arguments_may_point_into_the_err(void **state)
{
    (void)state;
    struct err err = {.code = ERR_INVALID, .text = "old"};
    (void)err_set(&err, ERR_CONFLICT, "new and %s", err.text);
    assert_string_equal(err.text, "new and old");
    (void)err_wrap(&err, "about %s", err.text);
    assert_string_equal(err.text, "about new and old: new and old");
}

/* Texts of every length around the limit, of one-byte and of three-byte characters. */
static void test_cut_is_visible_and_leaves_whole_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xe2\x82\xac"};
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t length = 0; length < 2 * ERR_TEXT_BYTES; length++) {
            char text[2 * ERR_TEXT_BYTES + 4] = "";
            size_t used = 0;
            while (used < length) {
                memcpy(text + used, characters[kind], strlen(characters[kind]) + 1);
                used += strlen(characters[kind]);
            }
            struct err err = {.code = ERR_NONE};
            (void)err_set(&err, ERR_INVALID, "%s", text);
            assert_true(text_is_utf8(err.text, strlen(err.text)));
            if (used < ERR_TEXT_BYTES) {
                assert_string_equal(err.text, text);
                continue;
            }
            size_t kept = strlen(err.text);
            assert_true(kept > ERR_TEXT_BYTES - 4 && kept < ERR_TEXT_BYTES);
            assert_string_equal(err.text + kept - 3, "...");
        }
    }
}

static void test_wrapping_cuts_the_end(void **state)
{
    (void)state;
    struct err err = {.code = ERR_NONE};
    (void)err_set(&err, ERR_INVALID, "%0500d", 7);
    (void)err_wrap(&err, "a prefix of some length");
    assert_true(text_starts_with(err.text, "a prefix of some length: 000"));
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_string_equal(err.text + ERR_TEXT_BYTES - 4, "...");
    for (int depth = 0; depth < 50; depth++) {
        (void)err_wrap(&err, "%0600d", depth);
        assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    }
    (void)err_set_errno(&err, EIO, "%0600d", 1);
    assert_string_equal(err.text + ERR_TEXT_BYTES - 4, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_wrap),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_nobody_asked),
        cmocka_unit_test(test_arguments_may_point_into_the_err),
        cmocka_unit_test(test_cut_is_visible_and_leaves_whole_characters),
        cmocka_unit_test(test_wrapping_cuts_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

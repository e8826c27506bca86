#include "gateway/system/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/system/file.h"

static char folder[] = "secret-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return unlink("secret") == 0 && chdir("..") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void test_newline(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* "": refused */
    } cases[] = {
        {.text = "s3cret", .want = "s3cret"},
        {.text = "s3cret\n", .want = "s3cret"},
        {.text = "two\n\n", .want = "two\n"},
        {.text = "a\nb", .want = "a\nb"},
        {.text = " blank ", .want = " blank "},
        {.text = "\n", .want = ""},
        {.text = "", .want = ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secret secret = {.bytes = NULL};
        struct err err = {.code = ERR_NONE};
        bool refused = cases[i].want[0] == '\0';
        assert_int_equal(file_write("secret", cases[i].text, strlen(cases[i].text), 0400, &err), 0);
        assert_int_equal(secret_read("secret", &secret, &err), refused ? -1 : 0);
        assert_int_equal(err.code, refused ? ERR_INVALID : ERR_NONE);
        assert_int_equal(secret.count, strlen(cases[i].want));
        if (!refused) {
            assert_string_equal((const char *)secret.bytes, cases[i].want);
        }
        secret_clear(&secret);
        assert_null(secret.bytes);
        assert_int_equal(secret.count, 0);
    }
}

static void test_modes(void **state)
{
    (void)state;
    static const unsigned owners_and_group[] = {0400, 0600, 0640, 0660, 0770};
    for (size_t i = 0; i < 8 * sizeof owners_and_group / sizeof owners_and_group[0]; i++) {
        unsigned others = (unsigned)i % 8;
        struct secret secret = {.bytes = NULL};
        struct err err = {.code = ERR_NONE};
        assert_int_equal(file_write("secret", "x", 1, owners_and_group[i / 8] | others, &err), 0);
        assert_int_equal(secret_read("secret", &secret, &err), others == 0 ? 0 : -1);
        assert_int_equal(err.code, others == 0 ? ERR_NONE : ERR_DENIED);
        assert_int_equal(secret.bytes != NULL, others == 0);
        secret_clear(&secret);
    }
}

static void test_limit_and_content(void **state)
{
    (void)state;
    size_t max = 64 * 1024;
    char *bytes = malloc(max + 1);
    struct secret secret = {.bytes = NULL};
    struct err err = {.code = ERR_NONE};
    assert_non_null(bytes);
    memset(bytes, 'k', max + 1);
    assert_int_equal(file_write("secret", bytes, max, 0600, &err), 0);
    assert_int_equal(secret_read("secret", &secret, &err), 0);
    assert_int_equal(secret.count, max);
    secret_clear(&secret);
    assert_int_equal(file_write("secret", bytes, max + 1, 0600, &err), 0);
    assert_int_equal(secret_read("secret", &secret, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(strstr(err.text, "kkk"));
    assert_int_equal(secret_read("missing", &secret, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "missing"));
    free(bytes);
}

static void test_set_copies(void **state)
{
    (void)state;
    char bytes[] = "a\0b";
    struct secret secret;
    secret_set(&secret, bytes, 3);
    bytes[0] = 'z';
    assert_int_equal(secret.count, 3);
    assert_memory_equal(secret.bytes, "a\0b", 4);
    secret_clear(&secret);
    secret_clear(&secret);
    secret_set(&secret, NULL, 0);
    assert_int_equal(secret.count, 0);
    assert_int_equal(secret.bytes[0], '\0');
    secret_clear(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newline),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_limit_and_content),
        cmocka_unit_test(test_set_copies),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

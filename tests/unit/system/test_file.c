#include "gateway/system/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "file-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return chdir("..") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void assert_content(const char *path, const char *want)
{
    char *text = NULL;
    size_t count = 0;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(file_read(path, 1 << 20, &text, &count, &err), 0);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(count, strlen(want));
    assert_string_equal(text, want);
    free(text);
}

static void test_write_then_read(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *text;
        unsigned mode;
    } cases[] = {
        {.path = "a", .text = "first", .mode = 0600},
        {.path = "a", .text = "second, longer than the first", .mode = 0644},
        {.path = "./a", .text = "", .mode = 0400},
        {.path = "a", .text = "over a read-only one", .mode = 0660},
    };
    mode_t before = umask(0077);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stat status;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(
            file_write(cases[i].path, cases[i].text, strlen(cases[i].text), cases[i].mode, &err),
            0);
        assert_content("a", cases[i].text);
        assert_int_equal(stat("a", &status), 0);
        assert_int_equal(status.st_mode & 07777, cases[i].mode);
    }
    (void)umask(before);
    assert_int_equal(unlink("a"), 0);
}

static void test_nul_bytes_and_limits(void **state)
{
    (void)state;
    static const char bytes[] = {'a', '\0', 'b', '\n', '\0'};
    char *text = NULL;
    size_t count = 0;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(file_write("b", bytes, sizeof bytes, 0600, &err), 0);
    assert_int_equal(file_read("b", sizeof bytes, &text, &count, &err), 0);
    assert_int_equal(count, sizeof bytes);
    assert_memory_equal(text, bytes, sizeof bytes);
    assert_int_equal(text[count], '\0');
    free(text);
    text = NULL;
    assert_int_equal(file_read("b", sizeof bytes - 1, &text, &count, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(text);
    assert_int_equal(unlink("b"), 0);
}

/* The kernel says 0 bytes for such files although there is something to read. */
static void test_file_of_unknown_size(void **state)
{
    (void)state;
    char *text = NULL;
    size_t count = 0;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(file_read("/proc/self/status", 1 << 20, &text, &count, &err), 0);
    assert_true(count > 0 && strlen(text) == count);
    assert_non_null(strstr(text, "Name:"));
    free(text);
    text = NULL;
    assert_int_equal(file_read("/proc/self/status", 3, &text, &count, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(text);
}

static void test_read_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum err_code want;
    } cases[] = {
        {.path = "missing", .want = ERR_NOT_FOUND}, {.path = "plain/below", .want = ERR_NOT_FOUND},
        {.path = ".", .want = ERR_INVALID},         {.path = "pipe", .want = ERR_INVALID},
        {.path = "/dev/zero", .want = ERR_INVALID},
    };
    struct err err = {.code = ERR_NONE};
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(file_write("plain", "x", 1, 0600, &err), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t count = 7;
        err = (struct err){.code = ERR_NONE};
        assert_int_equal(file_read(cases[i].path, 100, &text, &count, &err), -1);
        assert_int_equal(err.code, cases[i].want);
        assert_non_null(strstr(err.text, cases[i].path));
        assert_null(text);
        assert_int_equal(count, 7);
        assert_int_equal(file_read(cases[i].path, 100, &text, &count, NULL), -1);
    }
    assert_int_equal(unlink("pipe"), 0);
    assert_int_equal(unlink("plain"), 0);
}

static void test_private_looks_at_the_mode(void **state)
{
    (void)state;
    static const struct {
        unsigned mode;
        int want;
    } cases[] = {
        {.mode = 0600, .want = 0},  {.mode = 0640, .want = 0},  {.mode = 0770, .want = 0},
        {.mode = 0604, .want = -1}, {.mode = 0602, .want = -1}, {.mode = 0601, .want = -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t count = 0;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(file_write("private", "x", 1, cases[i].mode, &err), 0);
        assert_int_equal(file_read_private("private", 9, &text, &count, &err), cases[i].want);
        assert_int_equal(err.code, cases[i].want == 0 ? ERR_NONE : ERR_DENIED);
        assert_int_equal(text != NULL, cases[i].want == 0);
        free(text);
    }
    assert_int_equal(unlink("private"), 0);
}

static void test_write_refuses(void **state)
{
    (void)state;
    char long_path[5000];
    struct err err = {.code = ERR_NONE};
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(file_write("missing/a", "x", 1, 0600, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(file_write(long_path, "x", 1, 0600, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(file_write("folder", "x", 1, 0600, &err), -1);
    /* rmdir of both folders in the end shows that nothing was left behind. */
    assert_int_equal(rmdir("folder"), 0);
}

static void test_make_dir(void **state)
{
    (void)state;
    struct stat status;
    struct err err = {.code = ERR_NONE};
    mode_t before = umask(0077);
    assert_int_equal(file_make_dir("new", 0750, &err), 0);
    (void)umask(before);
    assert_int_equal(stat("new", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    assert_int_equal(file_make_dir("new", 0700, &err), 0);
    assert_int_equal(stat("new", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(file_make_dir("missing/new", 0700, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(file_write("new/plain", "x", 1, 0600, &err), 0);
    assert_int_equal(file_make_dir("new/plain", 0700, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(unlink("new/plain"), 0);
    assert_int_equal(rmdir("new"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_then_read),
        cmocka_unit_test(test_nul_bytes_and_limits),
        cmocka_unit_test(test_file_of_unknown_size),
        cmocka_unit_test(test_read_refuses),
        cmocka_unit_test(test_private_looks_at_the_mode),
        cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_make_dir),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

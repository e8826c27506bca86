/* Every system call of file_write fails once, one after the other: the file is old or new, never
 * half. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/system/file.h"

#define OLD_TEXT "the old text"
#define NEW_TEXT "the new text, which is longer"

static bool faults_on;
static int calls_until_fault;
static int fault_number;

static bool fault_due(void)
{
    if (!faults_on || calls_until_fault-- != 0) {
        return false;
    }
    errno = fault_number;
    return true;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t count);
ssize_t __wrap_write(int fd, const void *data, size_t count);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return fault_due() ? -1 : __real_open(path, flags, mode);
}

/* A working write is a short one, so that the loop around it is run as well. */
ssize_t __wrap_write(int fd, const void *data, size_t count)
{
    if (!faults_on) {
        return __real_write(fd, data, count);
    }
    return fault_due() ? -1 : __real_write(fd, data, count > 9 ? 9 : count);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return fault_due() ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fsync(int fd)
{
    return fault_due() ? -1 : __real_fsync(fd);
}

/* A failing close has closed: the descriptor is gone on this system. */
int __wrap_close(int fd)
{
    int result = __real_close(fd);
    return fault_due() ? -1 : result;
}

int __wrap_rename(const char *from, const char *to)
{
    return fault_due() ? -1 : __real_rename(from, to);
}

static char folder[] = "fault-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return unlink("file") == 0 && chdir("..") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static size_t names_in_folder(void)
{
    size_t count = 0;
    DIR *dir = opendir(".");
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    assert_int_equal(closedir(dir), 0);
    return count;
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* 0: the write under faults went well. */
static int write_with_fault(int call, struct err *err)
{
    assert_int_equal(file_write("file", OLD_TEXT, strlen(OLD_TEXT), 0600, NULL), 0);
    calls_until_fault = call;
    faults_on = true;
    int result = file_write("file", NEW_TEXT, strlen(NEW_TEXT), 0600, err);
    faults_on = false;
    return result;
}

static void test_each_call_fails_once(void **state)
{
    (void)state;
    static const int numbers[] = {EIO, ENOSPC};
    size_t descriptors = open_descriptors();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int call = 0;
        int result = -1;
        fault_number = numbers[i];
        for (; result != 0; call++) {
            char *text = NULL;
            size_t count = 0;
            struct err err = {.code = ERR_NONE};
            assert_true(call < 40);
            result = write_with_fault(call, &err);
            assert_int_equal(file_read("file", 100, &text, &count, NULL), 0);
            assert_true(strcmp(text, NEW_TEXT) == 0 ||
                        (result != 0 && strcmp(text, OLD_TEXT) == 0));
            assert_int_equal(err.code, result == 0 ? ERR_NONE : ERR_SYSTEM);
            free(text);
            assert_int_equal(names_in_folder(), 1);
            assert_int_equal(open_descriptors(), descriptors);
        }
        /* open, 4 writes, fchmod, fsync, close, rename, open and fsync of the folder at least */
        assert_true(call > 11);
    }
}

static void test_interrupted_write_goes_on(void **state)
{
    (void)state;
    struct err err = {.code = ERR_NONE};
    fault_number = EINTR;
    assert_int_equal(write_with_fault(1, &err), 0); /* the first write */
    char *text = NULL;
    size_t count = 0;
    assert_int_equal(file_read("file", 100, &text, &count, NULL), 0);
    assert_string_equal(text, NEW_TEXT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_interrupted_write_goes_on),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

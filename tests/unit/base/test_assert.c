#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/json.h"

static void break_condition(void)
{
    ASSERT(strcmp("a\"b", "c\\") == 0);
}

static void run_out_of_memory(void)
{
    assert_out_of_memory(123);
}

static void overflow_array(void)
{
    struct arena arena;
    arena_init(&arena);
    (void)arena_alloc_array(&arena, SIZE_MAX / 2, 3);
}

static void exceed_every_memory(void)
{
    struct arena arena;
    arena_init(&arena);
    (void)arena_alloc(&arena, SIZE_MAX - 3);
}

static void end_what_never_began(void)
{
    struct strbuf buf;
    struct json_out out;
    strbuf_init(&buf, 100);
    json_out_begin(&out, &buf);
    json_add_object_end(&out);
}

/* Run `action` in a child; its standard error is kept in `out`. Returns the wait status. */
static int child_run(void (*action)(void), char *out, size_t out_size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        action();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t count = 0;
    while ((count = read(ends[0], out + length, out_size - 1 - length)) > 0) {
        length += (size_t)count;
    }
    out[length] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_a_broken_promise_ends_the_process(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*action)(void);
        const char *want;
    } cases[] = {
        {"condition", break_condition,
         "level=error msg=\"assertion failed\" condition=\"strcmp('a''b', 'c''') == 0\" file="},
        {"where", break_condition, "test_assert.c line="},
        {"function", break_condition, "function=break_condition next=abort\n"},
        {"memory", run_out_of_memory, "level=error msg=\"out of memory\" bytes=123 next=abort\n"},
        {"array", overflow_array, "out of memory"},
        {"size", exceed_every_memory, "out of memory"},
        {"writer", end_what_never_began, "assertion failed"},
    };
    for (size_t at = 0; at < sizeof(cases) / sizeof(cases[0]); at++) {
        char text[2048];
        int status = child_run(cases[at].action, text, sizeof(text));
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        if (strstr(text, cases[at].want) == NULL) {
            fail_msg("%s: got '%s', want '%s'", cases[at].name, text, cases[at].want);
        }
    }
}

static void test_a_kept_promise_does_nothing(void **state)
{
    (void)state;
    int evaluated = 0;
    ASSERT(++evaluated == 1);
    assert_int_equal(evaluated, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broken_promise_ends_the_process),
        cmocka_unit_test(test_a_kept_promise_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

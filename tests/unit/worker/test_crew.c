#include "gateway/worker/crew.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "gateway/system/clock.h"

/* Long enough for a loaded machine; only what is meant to be late waits for its own short deadline. */
#define LONG_MS 60000
#define SHORT_MS 300
#define ANSWER_BYTES_MAX (1 << 20)

struct heard {
    size_t count;
    size_t bytes;
    char first[256];
    char last[256];
};

static void on_answer(void *context, const void *bytes, size_t count)
{
    struct heard *heard = context;
    size_t shown = count < sizeof heard->last - 1 ? count : sizeof heard->last - 1;
    memcpy(heard->last, bytes, shown);
    heard->last[shown] = '\0';
    if (heard->count == 0) {
        memcpy(heard->first, heard->last, sizeof heard->first);
    }
    heard->count++;
    heard->bytes += count;
}

static struct crew *crew_with(const char *setup, size_t process_max)
{
    struct crew *crew = NULL;
    struct err err = {.code = ERR_NONE};
    const struct crew_options options = {.program = ODD_HELPER,
                                         .process_max = process_max,
                                         .request_bytes_max = 1 << 22,
                                         .answer_bytes_max = ANSWER_BYTES_MAX,
                                         .setup_or_null = setup,
                                         .setup_count = strlen(setup)};
    if (crew_create(&options, &crew, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return crew;
}

static enum crew_end ask(struct crew *crew, const char *text, int64_t within_ms,
                         struct heard *out_heard, struct err *err)
{
    const struct crew_request request = {.bytes = text,
                                         .count = strlen(text),
                                         .deadline_mono_ms = clock_mono_ms() + within_ms,
                                         .context = out_heard,
                                         .answer = on_answer};
    *out_heard = (struct heard){.count = 0};
    *err = (struct err){.code = ERR_NONE};
    return crew_ask(crew, &request, err);
}

static void expect_echo(struct crew *crew)
{
    struct heard heard;
    struct err err;
    if (ask(crew, "echo it lives", LONG_MS, &heard, &err) != CREW_DONE) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.last, "it lives");
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void test_answers(void **state)
{
    (void)state;
    struct heard heard;
    struct err err;
    struct crew *crew = crew_with("compute", 1);
    expect_echo(crew);
    assert_int_equal(ask(crew, "many 2000", LONG_MS, &heard, &err), CREW_DONE);
    assert_int_equal(heard.count, 2000);
    assert_string_equal(heard.first, "0");
    assert_string_equal(heard.last, "1999");
    assert_int_equal(ask(crew, "fail the request makes no sense", LONG_MS, &heard, &err),
                     CREW_REFUSED);
    assert_string_equal(err.text, "the request makes no sense");
    assert_int_equal(ask(crew, "environment", LONG_MS, &heard, &err), CREW_DONE);
    assert_string_equal(heard.last, "empty");
    crew_destroy(crew);
    crew_destroy(NULL);
}

/* More than any socket buffer holds, both ways at once. */
static void test_large(void **state)
{
    (void)state;
    struct heard heard;
    struct err err;
    struct crew *crew = crew_with("compute", 1);
    size_t count = ANSWER_BYTES_MAX + 5;
    char *text = malloc(count + 1);
    assert_non_null(text);
    memset(text, 'x', count);
    text[count] = '\0';
    memcpy(text, "echo ", 5);
    assert_int_equal(ask(crew, text, LONG_MS, &heard, &err), CREW_DONE);
    assert_int_equal(heard.bytes, ANSWER_BYTES_MAX);
    /* One byte more than an answer may have. */
    char *longer = malloc(count + 2);
    assert_non_null(longer);
    memset(longer, 'x', count + 1);
    longer[count + 1] = '\0';
    memcpy(longer, "echo ", 5);
    assert_int_equal(ask(crew, longer, LONG_MS, &heard, &err), CREW_DIED);
    assert_non_null(strstr(err.text, "want at most"));
    expect_echo(crew);
    free(longer);
    free(text);
    crew_destroy(crew);
}

/* After each kind of trouble: the right word, no process, descriptor or zombie left, and the next request is served. */
static void test_trouble(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        enum crew_end want;
        size_t answers;
        const char *text;
    } cases[] = {
        {"hang", CREW_LATE, 0, "deadline"},
        {"stubborn", CREW_LATE, 0, "deadline"},
        {"answer-hang one", CREW_LATE, 1, "deadline"},
        {"die", CREW_DIED, 0, "signal"},
        {"answer-die one", CREW_DIED, 1, "signal"},
        {"close", CREW_DIED, 0, "signal 9"},
        {"garbage", CREW_DIED, 0, "want the kind of a frame"},
        {"oversize", CREW_DIED, 0, "want at most"},
        {"partial", CREW_DIED, 0, "exit code 0"},
        {"turn", CREW_DIED, 0, "out of turn"},
    };
    struct crew *crew = crew_with("network", 1);
    expect_echo(crew);
    size_t before = open_descriptors();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heard heard;
        struct err err;
        int64_t within_ms = cases[i].want == CREW_LATE ? SHORT_MS : LONG_MS;
        enum crew_end end = ask(crew, cases[i].request, within_ms, &heard, &err);
        if (end != cases[i].want || heard.count != cases[i].answers ||
            strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: end %d, %zu answers, %s", cases[i].request, (int)end, heard.count,
                     err.text);
        }
        /* It was reaped: this process has no child any more. */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        expect_echo(crew);
        assert_int_equal(open_descriptors(), before);
    }
    crew_destroy(crew);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* One that died while nobody asked is replaced before the next request is given to it. */
static void test_idle_death(void **state)
{
    (void)state;
    struct heard heard;
    struct err err;
    siginfo_t info = {.si_pid = 0};
    struct crew *crew = crew_with("network", 1);
    assert_int_equal(ask(crew, "pid", LONG_MS, &heard, &err), CREW_DONE);
    int pid = (int)strtol(heard.last, NULL, 10);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(ask(crew, "echo again", LONG_MS, &heard, &err), CREW_DONE);
    crew_destroy(crew);
}

/* A program that does not come up is left alone for a while, which grows. */
static void test_no_start(void **state)
{
    (void)state;
    static const struct {
        const char *setup;
        const char *text;
    } cases[] = {{"die", "exit code 9"}, {"refuse", "line 3 makes no sense"}};
    struct heard heard;
    struct err err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct crew *crew = crew_with(cases[i].setup, 2);
        size_t before = open_descriptors();
        assert_int_equal(ask(crew, "echo", LONG_MS, &heard, &err), CREW_ABSENT);
        assert_non_null(strstr(err.text, cases[i].text));
        int64_t begin_mono_ms = clock_mono_ms();
        size_t starts = 0, refusals = 0;
        while (clock_mono_ms() - begin_mono_ms < 1000) {
            assert_int_equal(ask(crew, "echo", LONG_MS, &heard, &err), CREW_ABSENT);
            bool was_left_alone = strstr(err.text, "tried again in") != NULL;
            starts += was_left_alone ? 0 : 1;
            refusals += was_left_alone ? 1 : 0;
        }
        /* After 100, 200, 400 ms; the fourth falls outside. */
        assert_true(starts <= 3);
        assert_true(refusals > 0);
        assert_int_equal(open_descriptors(), before);
        crew_destroy(crew);
    }
    struct crew *crew = crew_with("hang", 1);
    assert_int_equal(ask(crew, "echo", SHORT_MS, &heard, &err), CREW_ABSENT);
    assert_non_null(strstr(err.text, "did not come up"));
    crew_destroy(crew);
}

static void test_no_program(void **state)
{
    (void)state;
    static const char *const programs[] = {"/nonexistent/helper", "/tmp", "/etc/hostname"};
    struct heard heard;
    struct err err;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        struct crew *crew = NULL;
        const struct crew_options options = {.program = programs[i],
                                             .process_max = 1,
                                             .request_bytes_max = 100,
                                             .answer_bytes_max = 100};
        assert_int_equal(crew_create(&options, &crew, &err), 0);
        size_t before = open_descriptors();
        assert_int_equal(ask(crew, "echo", LONG_MS, &heard, &err), CREW_ABSENT);
        assert_non_null(strstr(err.text, programs[i]));
        assert_int_equal(open_descriptors(), before);
        crew_destroy(crew);
    }
    struct crew *crew = NULL;
    const struct crew_options none = {.program = ODD_HELPER, .process_max = 0};
    assert_int_equal(crew_create(&none, &crew, &err), -1);
}

struct asker {
    struct crew *crew;
    const char *text;
    int64_t within_ms;
    size_t rounds;
    enum crew_end end;
    size_t answers;
    pthread_t thread;
};

static void *run_asker(void *context)
{
    struct asker *asker = context;
    for (size_t i = 0; i < asker->rounds; i++) {
        struct heard heard;
        struct err err;
        asker->end = ask(asker->crew, asker->text, asker->within_ms, &heard, &err);
        asker->answers += heard.count;
    }
    return NULL;
}

static void start_asker(struct asker *asker)
{
    assert_int_equal(pthread_create(&asker->thread, NULL, run_asker, asker), 0);
}

/* More threads than processes: all are served, none gets another's answer. */
static void test_many_threads(void **state)
{
    (void)state;
    struct asker askers[8];
    struct crew *crew = crew_with("compute", 3);
    for (size_t i = 0; i < 8; i++) {
        askers[i] = (struct asker){.crew = crew,
                                   .text = i % 2 == 0 ? "many 3" : "many 5",
                                   .within_ms = LONG_MS,
                                   .rounds = 50};
        start_asker(&askers[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].end, CREW_DONE);
        assert_int_equal(askers[i].answers, (i % 2 == 0 ? 3 : 5) * 50);
    }
    crew_destroy(crew);
}

/* While its only process is busy: waiting ends at the deadline; nothing was begun. */
static void test_busy_and_stop(void **state)
{
    (void)state;
    struct heard heard;
    struct err err;
    struct crew *crew = crew_with("compute", 1);
    struct asker busy = {
        .crew = crew, .text = "answer-hang one", .within_ms = LONG_MS, .rounds = 1};
    struct asker waiting = {.crew = crew, .text = "echo", .within_ms = LONG_MS, .rounds = 1};
    expect_echo(crew);
    start_asker(&busy);
    /* Once this one finds no place, the other has it. */
    do {
        (void)ask(crew, "echo x", 1, &heard, &err);
    } while (strstr(err.text, "busy") == NULL);
    assert_int_equal(ask(crew, "echo x", SHORT_MS, &heard, &err), CREW_ABSENT);
    assert_non_null(strstr(err.text, "busy"));
    start_asker(&waiting);
    crew_stop(crew);
    assert_int_equal(pthread_join(busy.thread, NULL), 0);
    assert_int_equal(pthread_join(waiting.thread, NULL), 0);
    assert_int_equal(busy.end, CREW_STOPPED);
    assert_int_equal(waiting.end, CREW_STOPPED);
    assert_int_equal(ask(crew, "echo x", LONG_MS, &heard, &err), CREW_STOPPED);
    crew_destroy(crew);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* What a helper that talks to the network can do, and what not. */
static void test_sandbox(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int want;
    } cases[] = {
        {"try execve", EPERM},      {"try fork", EPERM},        {"try ptrace", EPERM},
        {"try write-file", EPERM},  {"try create-file", EPERM}, {"try unlink", EPERM},
        {"try kill", EPERM},        {"try unix-socket", EPERM}, {"try listen", EPERM},
        {"try raise-limit", EPERM}, {"try tcp-socket", 0},      {"try read-file", 0},
        {"try thread", 0},
    };
    struct crew *network = crew_with("network", 1);
    struct crew *compute = crew_with("compute", 1);
    struct heard heard;
    struct err err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[16];
        (void)snprintf(want, sizeof want, "%d", cases[i].want);
        assert_int_equal(ask(network, cases[i].call, LONG_MS, &heard, &err), CREW_DONE);
        if (strcmp(heard.last, want) != 0) {
            fail_msg("%s: got %s, want %s", cases[i].call, heard.last, want);
        }
        /* Who only computes is killed for any of them. */
        assert_int_equal(ask(compute, cases[i].call, LONG_MS, &heard, &err), CREW_DIED);
        if (strstr(err.text, "signal 31") == NULL) {
            fail_msg("%s: %s", cases[i].call, err.text);
        }
    }
    crew_destroy(network);
    crew_destroy(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_large),
        cmocka_unit_test(test_trouble),      cmocka_unit_test(test_idle_death),
        cmocka_unit_test(test_no_start),     cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_many_threads), cmocka_unit_test(test_busy_and_stop),
        cmocka_unit_test(test_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

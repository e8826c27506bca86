#include "gateway/system/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/system/clock.h"

#define CAPTURE_BYTES (1 << 20)
#define LINE_BYTES_MAX 4096
#define AT_LENGTH 24 /* 2026-03-01T02:00:00.123Z */
#define THREADS 4
#define LINES_PER_THREAD 500

static int real_stderr = -1;
static int captured = -1;
static char text[CAPTURE_BYTES];

/* stderr becomes a file in memory for one test. */
static int capture_begin(void **state)
{
    (void)state;
    captured = memfd_create("stderr", MFD_CLOEXEC);
    real_stderr = dup(STDERR_FILENO);
    assert_true(captured >= 0 && real_stderr >= 0);
    assert_int_equal(fcntl(captured, F_SETFL, O_APPEND), 0);
    assert_true(dup2(captured, STDERR_FILENO) >= 0);
    return 0;
}

static int capture_end(void **state)
{
    (void)state;
    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    assert_int_equal(close(real_stderr), 0);
    assert_int_equal(close(captured), 0);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    log_init(LOG_INFO, false);
    return 0;
}

/* What was logged since the last call. */
static const char *logged(void)
{
    ssize_t count = pread(captured, text, sizeof text - 1, 0);
    assert_true(count >= 0);
    text[count] = '\0';
    assert_int_equal(ftruncate(captured, 0), 0);
    return text;
}

/* The line without its time, which is checked and cut out: `at=… level=info` becomes `at=
 * level=info`. */
static const char *logged_without_time(const char *before_time)
{
    char at[AT_LENGTH + 1];
    int64_t at_ms = 0;
    (void)logged();
    size_t start = strlen(before_time);
    assert_memory_equal(text, before_time, start);
    assert_true(strlen(text) > start + AT_LENGTH);
    memcpy(at, text + start, AT_LENGTH);
    at[AT_LENGTH] = '\0';
    assert_int_equal(at[19], '.');
    assert_int_equal(parse_rfc3339(at, &at_ms, NULL), 0);
    int64_t age_ms = clock_wall_ms() - at_ms;
    assert_true(age_ms >= 0 && age_ms < 60000);
    memmove(text + start, text + start + AT_LENGTH, strlen(text + start + AT_LENGTH) + 1);
    return text;
}

static void test_logfmt(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, false);
    log_line(LOG_INFO, "delivery refused", "channel", "ops", "attempt", log_i64(3), NULL);
    assert_string_equal(logged_without_time("at="),
                        "at= level=info msg=\"delivery refused\" channel=ops attempt=3\n");
    log_line(LOG_ERROR, "odd \"values\"", "a", "", "b", (const char *)NULL, "c", "x=y", "d",
             "two\nlines", NULL);
    assert_string_equal(logged_without_time("at="),
                        "at= level=error msg=\"odd \\\"values\\\"\" a=\"\" b=\"\" c=\"x=y\" "
                        "d=\"two\\nlines\"\n");
    log_line(LOG_WARNING, "no pairs", NULL);
    assert_string_equal(logged_without_time("at="), "at= level=warning msg=\"no pairs\"\n");
}

static void test_json(void **state)
{
    (void)state;
    log_init(LOG_DEBUG, true);
    log_line(LOG_DEBUG, "odd \"values\"", "incident", log_i64(-7), "b", (const char *)NULL, "c",
             "two\nlines", NULL);
    assert_string_equal(logged_without_time("{\"at\":\""),
                        "{\"at\":\"\",\"level\":\"debug\",\"msg\":\"odd \\\"values\\\"\","
                        "\"incident\":\"-7\",\"b\":\"\",\"c\":\"two\\nlines\"}\n");
    log_set(LOG_DEBUG, false);
    log_line(LOG_DEBUG, "plain again", NULL);
    assert_string_equal(logged_without_time("at="), "at= level=debug msg=\"plain again\"\n");
}

static void test_levels(void **state)
{
    (void)state;
    static const int want_lines[LOG_LEVEL_COUNT] = {
        [LOG_ERROR] = 1, [LOG_WARNING] = 2, [LOG_INFO] = 3, [LOG_DEBUG] = 4};
    log_init(LOG_INFO, false);
    for (int highest = 0; highest < LOG_LEVEL_COUNT; highest++) {
        int lines = 0;
        log_set((enum log_level)highest, false);
        for (int level = 0; level < LOG_LEVEL_COUNT; level++) {
            log_line((enum log_level)level, "x", NULL);
        }
        for (const char *c = logged(); *c != '\0'; c++) {
            lines += *c == '\n';
        }
        assert_int_equal(lines, want_lines[highest]);
    }
}

static void test_journal_prefix(void **state)
{
    (void)state;
    static const char *const want[LOG_LEVEL_COUNT] = {
        [LOG_ERROR] = "<3>at=",
        [LOG_WARNING] = "<4>at=",
        [LOG_INFO] = "<6>at=",
        [LOG_DEBUG] = "<7>at=",
    };
    char stream[64];
    struct stat status;
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    assert_true(snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
                         (uintmax_t)status.st_ino) > 0);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_init(LOG_DEBUG, false);
    for (int level = 0; level < LOG_LEVEL_COUNT; level++) {
        log_line((enum log_level)level, "x", NULL);
        assert_memory_equal(logged(), want[level], strlen(want[level]));
    }
    assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    log_init(LOG_DEBUG, false);
    log_line(LOG_INFO, "x", NULL);
    assert_memory_equal(logged(), "at=", 3);
}

static void assert_valid_line(bool json)
{
    size_t length = strlen(text);
    assert_true(length <= LINE_BYTES_MAX);
    assert_int_equal(text[length - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    assert_true(text_is_utf8(text, length));
    if (json) {
        struct json *root = NULL;
        assert_int_equal(json_parse(text, length, &root, NULL), 0);
        json_free(root);
    }
}

/* Values of every length around the limit, of bytes that grow in different ways when they are
 * escaped. */
static void test_cut(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\"", "\x01", "\xc3\xa4", "\xf0\x9f\x94\xa5", "<"};
    static char value[3 * LINE_BYTES_MAX];
    for (size_t i = 0; i < 2 * sizeof units / sizeof units[0]; i++) {
        const char *unit = units[i / 2];
        bool json = i % 2 == 1;
        size_t shortest_cut = 0;
        log_init(LOG_INFO, json);
        for (size_t count = 400; count * strlen(unit) < sizeof value; count += 1 + count / 20) {
            for (size_t j = 0; j < count; j++) {
                memcpy(value + j * strlen(unit), unit, strlen(unit) + 1);
            }
            /* Messages of four lengths, so that the limit falls at every place of a character. */
            log_line(LOG_INFO, &"mmmm"[count % 4], "k", value, "after", "kept", NULL);
            const char *line = logged();
            assert_valid_line(json);
            bool cut = strstr(line, "kept") == NULL;
            assert_int_equal(cut, strstr(line, "...") != NULL);
            if (cut && strlen(unit) > 1) { /* cut between characters, not inside one */
                const char *mark = strstr(line, "...");
                assert_memory_equal(mark - strlen(unit), unit, strlen(unit));
            }
            shortest_cut = cut && shortest_cut == 0 ? strlen(line) : shortest_cut;
            assert_true(!cut || strlen(line) > LINE_BYTES_MAX - 64);
        }
        assert_true(shortest_cut > 0);
    }
}

/* Whatever room is left for the last pair: it is there whole, or the line shows that it is not. */
static void test_cut_between_pairs(void **state)
{
    (void)state;
    static char half[1951];
    char padding[200];
    memset(half, 'h', sizeof half - 1);
    for (int json = 0; json <= 1; json++) {
        const char *last = json == 1 ? "\"a_long_key\":\"v\"}\n" : " a_long_key=v\n";
        size_t whole = 0;
        size_t marked = 0;
        log_init(LOG_INFO, json == 1);
        for (size_t i = 0; i < sizeof padding; i++) {
            memset(padding, 'p', i);
            padding[i] = '\0';
            log_line(LOG_INFO, "m", "a", half, "b", half, "c", padding, "a_long_key", "v", NULL);
            const char *line = logged();
            assert_valid_line(json == 1);
            assert_int_equal(strstr(line, last) == NULL, strstr(line, "...") != NULL);
            whole += strstr(line, last) != NULL;
            marked += strstr(line, "...\n") != NULL || strstr(line, ",\"...\":\"\"}") != NULL;
        }
        assert_true(whole > 0 && marked > 0);
    }
}

static void *log_many(void *argument)
{
    for (int i = 0; i < LINES_PER_THREAD; i++) {
        log_line(LOG_INFO, "from a thread", "source", argument, "attempt", log_i64(i), NULL);
    }
    return NULL;
}

static void test_lines_of_threads_stay_whole(void **state)
{
    (void)state;
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    int next[THREADS] = {0};
    pthread_t threads[THREADS];
    log_init(LOG_INFO, false);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    char *rest = NULL;
    (void)logged();
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char source = '\0';
        int attempt = -1;
        int read_bytes = 0;
        assert_int_equal(sscanf(line,
                                "at=%*24s level=info msg=\"from a thread\" source=%c attempt=%d%n",
                                &source, &attempt, &read_bytes),
                         2);
        assert_int_equal(read_bytes, strlen(line));
        assert_int_equal(attempt, next[source - 'a']++);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(next[i], LINES_PER_THREAD);
    }
}

static void test_lost_lines_are_counted(void **state)
{
    (void)state;
    log_init(LOG_INFO, false);
    uint64_t before = log_lost_count();
    log_line(LOG_INFO, "seen", NULL);
    assert_true(log_lost_count() == before);
    assert_int_equal(close(STDERR_FILENO), 0);
    errno = ERANGE;
    log_line(LOG_INFO, "lost", NULL);
    assert_int_equal(errno, ERANGE);
    assert_true(log_lost_count() == before + 1);
    assert_true(dup2(captured, STDERR_FILENO) >= 0);
    assert_null(strstr(logged(), "lost"));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *want;
    } cases[] = {
        {.number = 0, .want = "0"},
        {.number = -1, .want = "-1"},
        {.number = 142, .want = "142"},
        {.number = INT64_MAX, .want = "9223372036854775807"},
        {.number = INT64_MIN, .want = "-9223372036854775808"},
    };
    const char *texts[8];
    for (size_t i = 0; i < 8; i++) {
        texts[i] = log_i64(cases[i % 5].number);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(texts[i], cases[i % 5].want);
    }
}

static void test_burst(void **state)
{
    (void)state;
    struct log_burst burst = {.count = 0};
    uint64_t due_at[16];
    size_t due = 0;
    for (uint64_t i = 1; i <= 12000; i++) {
        if (log_burst_due(&burst, 1000)) {
            due_at[due++] = i;
        }
        assert_true(due < 16 && burst.count == i);
    }
    static const uint64_t want[] = {1, 10, 100, 1000, 10000};
    assert_int_equal(due, sizeof want / sizeof want[0]);
    assert_memory_equal(due_at, want, sizeof want);
    assert_false(log_burst_due(&burst, 1000 + 59999));
    assert_true(log_burst_due(&burst, 1000 + 60000));
    assert_false(log_burst_due(&burst, 1000 + 60000));
    assert_false(log_burst_due(&burst, 1000 + 119999));
    assert_true(log_burst_due(&burst, 1000 + 120000));
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture_begin, capture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(test_logfmt),
        CAPTURED(test_json),
        CAPTURED(test_levels),
        CAPTURED(test_journal_prefix),
        CAPTURED(test_cut),
        CAPTURED(test_cut_between_pairs),
        CAPTURED(test_lines_of_threads_stay_whole),
        CAPTURED(test_lost_lines_are_counted),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

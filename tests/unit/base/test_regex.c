#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "gateway/base/regex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct regex *compiled(const char *pattern)
{
    struct regex *regex = NULL;
    struct err err = {.code = ERR_NONE};
    if (regex_create(pattern, &regex, &err) != 0) {
        fail_msg("%s: %s", pattern, err.text);
    }
    return regex;
}

static void test_matching_is_whole_text(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        size_t length;
        bool want;
    } cases[] = {
        {"error", "error", 5, true},
        {"error", "an error", 8, false},
        {"error", "errors", 6, false},
        {"critical|error", "error", 5, true},
        {"critical|error", "criticalx", 9, false},
        {"a|ab", "ab", 2, true},
        {"", "", 0, true},
        {"", "x", 1, false},
        {".*", "", 0, true},
        {".+", "a\nb", 3, true},
        {"a$", "a\n", 2, false},
        {"^a$", "a", 1, true},
        {"(?i)ERROR", "error", 5, true},
        {"web-[0-9]+", "web-12", 6, true},
        {"gr.n", "gr\xc3\xbcn", 5, true},
        {"\\d{3}", "12\xd9\xa3", 4, false},
        {"a.b", "a\0b", 3, true},
        {"a", "a\0b", 3, false},
        {".*", "\xff", 1, false},
        {"(a(b(c)?)?)?", "ab", 2, true},
        {"(?=a).", "a", 1, true},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct regex *regex = compiled(cases[at].pattern);
        bool limited = true;
        bool got = regex_matches(regex, cases[at].text, cases[at].length, &limited);
        if (got != cases[at].want || limited) {
            fail_msg("%s on %s", cases[at].pattern, cases[at].text);
        }
        assert_int_equal(regex_matches(regex, cases[at].text, cases[at].length, NULL), got);
        regex_destroy(regex);
    }
    regex_destroy(NULL);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *want;
    } cases[] = {
        {"a(b", "at offset 3"},
        {"a)", "at offset 1"},
        {"[a", "at offset 2"},
        {"*a", "at offset "},
        {"a{2,1}", "at offset "},
        {"\xff", "at offset "},
        {"(a)\\1", "at offset 4"},
        {"(?<n>a)\\k<n>", "back-reference"},
        {"(?<n>a)\\k{n}b", "back-reference"},
        {"(?<n>a)(?P=n)", "back-reference"},
        {"(a)\\g{-1}", "at offset "},
        {"(?J)(?<n>a)(?<n>b)\\k<n>", "back-reference"},
        {"(a)?(?(1)b|c)", "at offset "},
        {"a(?C1)b", "callout"},
        {"a(?C'text')b", "callout"},
        {"(*UCP)a", "at offset "},
        {"a\\Cb", "at offset "},
        {"((a{1,500}){1,500}){1,500}", "at offset "},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct regex *regex = NULL;
        struct err err = {.code = ERR_NONE};
        if (regex_create(cases[at].pattern, &regex, &err) != -1 ||
            strstr(err.text, cases[at].want) == NULL) {
            fail_msg("%s: got '%s', want '%s'", cases[at].pattern, err.text, cases[at].want);
        }
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(regex);
    }
}

static void test_pattern_length_and_nesting(void **state)
{
    (void)state;
    char pattern[1002];
    memset(pattern, 'a', sizeof(pattern));
    pattern[1000] = '\0';
    regex_destroy(compiled(pattern));
    pattern[1000] = 'a';
    pattern[1001] = '\0';
    struct regex *regex = NULL;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(regex_create(pattern, &regex, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    memset(pattern, '(', 500);
    memset(pattern + 500, ')', 500);
    pattern[1000] = '\0';
    assert_int_equal(regex_create(pattern, &regex, &err), -1);
    assert_null(regex);
}

/* Patterns known to blow up. The bound of a second for each is generous: the limits stop them
 * within milliseconds. */
static void test_hostile_patterns_end_soon(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(a+)+[bc]",
        "(a|a)*[bc]",
        "(a|aa)+[bc]",
        "(.*)*[bc]",
        "(.*.*)*[bc]",
        "(a*)*(a*)*[bc]",
        "((a{0,20}){0,20}){0,20}[bc]",
        "(?:a?){30}a{30}[bc]",
        "(x+x+)+y|(a+a+)+[bc]",
        "((?R)|a)*[bc]",
        "(a(?1)?)*[bc]",
        "(?:.*,){20}[bc]",
    };
    char text[4001];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t at = 0; at < COUNT(patterns); at++) {
        struct regex *regex = NULL;
        if (regex_create(patterns[at], &regex, NULL) != 0) {
            continue;
        }
        struct timespec before;
        struct timespec after;
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
        bool limited = false;
        assert_false(regex_matches(regex, text, sizeof(text) - 1, &limited));
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
        assert_true(after.tv_sec - before.tv_sec <= 1);
        regex_destroy(regex);
    }
    /* A pattern may lower the limits but not raise them. */
    struct regex *regex = compiled("(*LIMIT_MATCH=1000000000)(*LIMIT_DEPTH=1000000000)(a+)+[bc]");
    bool limited = false;
    assert_false(regex_matches(regex, text, 100, &limited));
    assert_true(limited);
    assert_true(regex_matches(regex, "aaab", 4, &limited));
    assert_false(limited);
    regex_destroy(regex);
}

/* What people write is decided for every value that an event may have. */
static void test_usual_patterns_are_decided(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool want;
    } cases[] = {
        {"(\\w|-)+ done", false}, {"(\\w|-)+", true},        {"(a|b)*", true},
        {"(?:a|b)+c", false},     {"([a-z]+[0-9]?)*", true}, {".*error.*", false},
    };
    char text[1025]; /* a label's longest value */
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct regex *regex = compiled(cases[at].pattern);
        bool limited = false;
        bool got = regex_matches(regex, text, sizeof(text) - 1, &limited);
        if (limited || got != cases[at].want)
            fail_msg("%s: limited %d, got %d", cases[at].pattern, limited, got);
        regex_destroy(regex);
    }
}

static void *matcher(void *shared)
{
    const struct regex *regex = shared;
    size_t right = 0;
    for (int at = 0; at < 5000; at++) {
        bool limited = true;
        bool hit = regex_matches(regex, "web-12", 6, &limited) && !limited;
        right += hit && !regex_matches(regex, "web-x", 5, &limited) ? 1 : 0;
    }
    return right == 5000 ? shared : NULL;
}

static void test_threads_share_one_pattern(void **state)
{
    (void)state;
    struct regex *regex = compiled("web-([0-9]+)+");
    pthread_t threads[4];
    for (size_t at = 0; at < COUNT(threads); at++) {
        assert_int_equal(pthread_create(&threads[at], NULL, matcher, regex), 0);
    }
    for (size_t at = 0; at < COUNT(threads); at++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[at], &result), 0);
        assert_ptr_equal(result, regex);
    }
    regex_destroy(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching_is_whole_text),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_pattern_length_and_nesting),
        cmocka_unit_test(test_hostile_patterns_end_soon),
        cmocka_unit_test(test_usual_patterns_are_decided),
        cmocka_unit_test(test_threads_share_one_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Messages delivered again are known by a run at the beginning of a connection, and by nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/intake/mqtt_taken.h"

/* A letter is a message: its packet id and content. Upper case: another content under the same id. */
static bool is_again(struct taken *taken, char letter)
{
    return taken_is_again(taken, (uint16_t)(letter | 0x20), (uint64_t)letter, true);
}

static void add(struct taken *taken, const char *letters)
{
    for (; *letters != '\0'; letters++)
        taken_add(taken, (uint16_t)(*letters | 0x20), (uint64_t)*letters);
}

static void test_runs(void **state)
{
    static const struct {
        const char *name, *taken, *comes, *want; /* want: y again, n news */
    } cases[] = {
        {"nothing taken", "", "ab", "nn"},
        {"the whole of it", "abc", "abc", "yyy"},
        {"the end of it, then news", "abcd", "cdef", "yynn"},
        {"news at once", "abc", "dabc", "nnnn"},
        {"what was taken in between need not come", "abcd", "bd", "yy"},
        {"what was taken before ends the run", "abcd", "bacd", "ynnn"},
        {"taken anew in another order", "abcddce", "abdce", "yyyyy"},
        {"a run does not begin again", "abcd", "ab", "yy"},
        {"another content", "abc", "Bc", "nn"},
        {"an id given out again", "aab", "ab", "yy"},
        {"an id given out again for something else", "aA", "a", "n"},
        {"and within a run", "abBc", "abc", "ynn"},
        {"the newest place", "abab", "ab", "yy"},
        {"and no more than was taken", "abab", "abab", "yynn"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct taken *taken = taken_create();
        add(taken, cases[i].taken);
        taken_resume(taken);
        for (size_t j = 0; cases[i].comes[j] != '\0'; j++) {
            if (is_again(taken, cases[i].comes[j]) != (cases[i].want[j] == 'y'))
                fail_msg("%s: message %zu", cases[i].name, j);
        }
        taken_destroy(taken);
    }
}

static void test_without_a_resumption_all_is_news(void **state)
{
    struct taken *taken = taken_create();
    (void)state;
    add(taken, "abc");
    assert_false(is_again(taken, 'a'));
    taken_resume(taken);
    assert_true(is_again(taken, 'c'));
    taken_begin(taken, NULL, 0); /* another session */
    taken_resume(taken);
    assert_false(is_again(taken, 'c'));
    taken_destroy(taken);
}

static void test_marks_of_the_store(void **state)
{
    static const unsigned char marks[] = {0, 'x', 0, 0, 0, 0, 0, 0, 0, 'x',
                                          0, 'y', 0, 0, 0, 0, 0, 0, 0, 'y'};
    struct taken *taken = taken_create();
    (void)state;
    taken_begin(taken, marks, 2);
    taken_resume(taken);
    assert_true(is_again(taken, 'x'));
    assert_true(is_again(taken, 'y'));
    assert_false(is_again(taken, 'x'));
    taken_destroy(taken);
}

/* A broker that gives the lowest free packet id: everything comes as number 1, and an alert that rises again has the very
 * bytes of the last time. */
static void test_what_comes_for_the_first_time_is_news(void **state)
{
    struct taken *taken = taken_create();
    (void)state;
    add(taken, "a");
    taken_resume(taken);
    assert_false(taken_is_again(taken, 'a', 'a', false));
    assert_false(taken_is_again(taken, 'a', 'a', true)); /* the run is over */
    taken_resume(taken);
    assert_true(taken_is_again(taken, 'a', 'a', true));
    taken_destroy(taken);
}

static void test_an_id_seen_again_was_confirmed(void **state)
{
    struct taken *taken = taken_create();
    (void)state;
    add(taken, "ab");
    taken_forget(taken, 'b'); /* read, and its commit refused: now it comes again */
    taken_resume(taken);
    assert_false(is_again(taken, 'b'));
    taken_add(taken, 'b', 'b');
    taken_resume(taken);
    assert_true(is_again(taken, 'b'));
    taken_destroy(taken);
}

static void test_the_oldest_are_forgotten(void **state)
{
    struct taken *taken = taken_create();
    (void)state;
    for (int i = 0; i <= TAKEN_MAX; i++)
        taken_add(taken, (uint16_t)i, (uint64_t)i);
    taken_resume(taken);
    assert_false(taken_is_again(taken, 0, 0, true));
    taken_resume(taken);
    for (int i = 1; i <= TAKEN_MAX; i++)
        assert_true(taken_is_again(taken, (uint16_t)i, (uint64_t)i, true));
    assert_false(taken_is_again(taken, 1, 1, true));
    taken_destroy(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_without_a_resumption_all_is_news),
        cmocka_unit_test(test_marks_of_the_store),
        cmocka_unit_test(test_what_comes_for_the_first_time_is_news),
        cmocka_unit_test(test_an_id_seen_again_was_confirmed),
        cmocka_unit_test(test_the_oldest_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

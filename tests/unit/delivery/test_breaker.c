#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/delivery/breaker.h"

static struct breaker open_breaker(int64_t now_ms)
{
    struct breaker breaker = {.failures = 0};
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_int_equal(breaker_ask(&breaker, now_ms), BREAKER_PASS);
        assert_int_equal(breaker_failed(&breaker, false, now_ms), i == BREAKER_FAILURES - 1);
    }
    return breaker;
}

static void test_success_starts_the_count_anew(void **state)
{
    (void)state;
    struct breaker breaker = {.failures = 0};
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < BREAKER_FAILURES - 1; j++) {
            assert_false(breaker_failed(&breaker, false, i));
        }
        assert_false(breaker_succeeded(&breaker));
        assert_int_equal(breaker_ask(&breaker, i), BREAKER_PASS);
    }
}

static void test_one_probe_at_a_time(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker(0);
    assert_int_equal(breaker_ask(&breaker, 999), BREAKER_WAIT);
    assert_int_equal(breaker_ask(&breaker, 1000), BREAKER_PROBE);
    assert_int_equal(breaker_ask(&breaker, 1000), BREAKER_WAIT);
    assert_int_equal(breaker_ask(&breaker, 100000), BREAKER_WAIT);
    breaker_probe_cancelled(&breaker);
    assert_int_equal(breaker_ask(&breaker, 100000), BREAKER_PROBE);
    assert_true(breaker_succeeded(&breaker));
    assert_int_equal(breaker_ask(&breaker, 100000), BREAKER_PASS);
}

static void test_probes_come_at_growing_intervals(void **state)
{
    (void)state;
    static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct breaker breaker = open_breaker(0);
    int64_t now_ms = 0;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(breaker_ask(&breaker, now_ms + waits[i] - 1), BREAKER_WAIT);
        now_ms += waits[i];
        assert_int_equal(breaker_ask(&breaker, now_ms), BREAKER_PROBE);
        assert_false(breaker_failed(&breaker, true, now_ms));
    }
}

/* Attempts that were under way when it opened say nothing about the probe. */
static void test_late_failures_do_not_count_as_the_probe(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker(0);
    assert_false(breaker_failed(&breaker, false, 500));
    assert_int_equal(breaker_ask(&breaker, 1000), BREAKER_PROBE);
    assert_false(breaker_failed(&breaker, false, 1001));
    assert_int_equal(breaker_ask(&breaker, 1002), BREAKER_WAIT);
    assert_false(breaker_failed(&breaker, true, 1003));
    assert_int_equal(breaker_ask(&breaker, 3002), BREAKER_WAIT);
    assert_int_equal(breaker_ask(&breaker, 3003), BREAKER_PROBE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_starts_the_count_anew),
        cmocka_unit_test(test_one_probe_at_a_time),
        cmocka_unit_test(test_probes_come_at_growing_intervals),
        cmocka_unit_test(test_late_failures_do_not_count_as_the_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

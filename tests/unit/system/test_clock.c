#include "gateway/system/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

static void test_clocks_agree_with_each_other(void **state)
{
    (void)state;
    int64_t wall_ms = clock_wall_ms();
    int64_t mono_ms = clock_mono_ms();
    assert_true(wall_ms > INT64_C(1700000000000));
    assert_in_range(clock_wall_ns() / 1000000 - wall_ms, 0, 60000);
    assert_in_range(clock_mono_ns() / 1000000 - mono_ms, 0, 60000);
}

static void test_monotonic_never_goes_back(void **state)
{
    (void)state;
    int64_t last_ns = clock_mono_ns();
    for (int i = 0; i < 10000; i++) {
        int64_t now_ns = clock_mono_ns();
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
}

static void test_wait_until_is_bounded(void **state)
{
    (void)state;
    static const struct {
        int64_t timeout_ms;
        int64_t min_s;
        int64_t max_s;
    } cases[] = {
        {.timeout_ms = INT64_MIN, .min_s = 0, .max_s = 60},
        {.timeout_ms = 0, .min_s = 0, .max_s = 60},
        {.timeout_ms = 3600000, .min_s = 3600, .max_s = 3660},
        {.timeout_ms = INT64_MAX, .min_s = 366 * 86400, .max_s = 366 * 86400 + 60},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct timespec now;
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        struct timespec until = clock_wait_until(cases[i].timeout_ms);
        assert_in_range(until.tv_nsec, 0, 999999999);
        assert_true(until.tv_sec - now.tv_sec >= cases[i].min_s);
        assert_true(until.tv_sec - now.tv_sec <= cases[i].max_s);
    }
}

static void test_engine_starts_at_the_later_time(void **state)
{
    (void)state;
    int64_t wall_ms = clock_wall_ms();
    const struct {
        int64_t last_committed_ms;
        int64_t want_ms;
        int64_t want_offset_ms;
    } cases[] = {
        {.last_committed_ms = 0, .want_ms = wall_ms, .want_offset_ms = 0},
        {.last_committed_ms = wall_ms - YEAR_MS, .want_ms = wall_ms, .want_offset_ms = 0},
        {.last_committed_ms = wall_ms + YEAR_MS,
         .want_ms = wall_ms + YEAR_MS,
         .want_offset_ms = -YEAR_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct clock_engine engine;
        clock_engine_init(&engine, cases[i].last_committed_ms);
        int64_t now_ms = clock_engine_ms(&engine);
        assert_true(now_ms >= cases[i].last_committed_ms);
        assert_in_range(now_ms - cases[i].want_ms, 0, 60000);
        int64_t off_by_ms = clock_engine_wall_offset_ms(&engine) - cases[i].want_offset_ms;
        assert_true(off_by_ms > -1000 && off_by_ms < 1000);
    }
}

/* What a step of the wall clock after the start looks like from here. */
static void test_engine_ignores_wall_steps(void **state)
{
    (void)state;
    struct clock_engine engine;
    clock_engine_init(&engine, 0);
    int64_t before_ms = clock_engine_ms(&engine);
    engine.base_ms += YEAR_MS;
    assert_true(clock_engine_ms(&engine) >= before_ms + YEAR_MS);
    int64_t offset_ms = clock_engine_wall_offset_ms(&engine);
    assert_true(offset_ms > -YEAR_MS - 1000 && offset_ms < -YEAR_MS + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_agree_with_each_other),
        cmocka_unit_test(test_monotonic_never_goes_back),
        cmocka_unit_test(test_wait_until_is_bounded),
        cmocka_unit_test(test_engine_starts_at_the_later_time),
        cmocka_unit_test(test_engine_ignores_wall_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

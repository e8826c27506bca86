#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/delivery/limits.h"

static enum limits_word ask(struct limits *limits, struct destination *destination, int64_t now_ms)
{
    return limits_ask(limits, destination, false, now_ms).word;
}

static void test_slots(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits, 3, 2);
    struct destination *a = limits_destination(&limits, "a:80");
    struct destination *b = limits_destination(&limits, "b:80");
    assert_ptr_equal(limits_destination(&limits, "a:80"), a);
    assert_int_equal(ask(&limits, a, 0), LIMITS_NOW);
    assert_int_equal(ask(&limits, a, 0), LIMITS_NOW);
    assert_int_equal(ask(&limits, a, 0), LIMITS_WAIT); /* its own limit */
    assert_int_equal(ask(&limits, b, 0), LIMITS_NOW);
    assert_int_equal(ask(&limits, b, 0), LIMITS_WAIT); /* the channel's */
    (void)limits_give_back(&limits, a, false, LIMITS_SUCCEEDED, 0, 1);
    assert_int_equal(limits_ask(&limits, a, true, 1).word, LIMITS_NOW);
    assert_int_equal(limits_ask(&limits, b, true, 1).word, LIMITS_WAIT);
    assert_int_equal(a->waiting_count, 0);
    assert_int_equal(b->waiting_count, 1);
    limits_clear(&limits);
}

static void test_a_dead_destination_has_few_waiting_places(void **state)
{
    (void)state;
    struct limits limits;
    size_t waiting = 0;
    limits_init(&limits, 32, 1);
    struct destination *dead = limits_destination(&limits, "dead");
    assert_int_equal(ask(&limits, dead, 0), LIMITS_NOW);
    /* Nothing has ended for longer than a second. */
    int64_t now_ms = LIMITS_SLOW_AFTER_MS + 1;
    while (ask(&limits, dead, now_ms) == LIMITS_WAIT) {
        waiting++;
    }
    assert_int_equal(waiting, LIMITS_WAITING_SLOW_MAX);
    struct limits_answer answer = limits_ask(&limits, dead, false, now_ms);
    assert_string_equal(answer.reason, "busy");
    assert_true(answer.retry_mono_ms > now_ms && answer.retry_mono_ms <= now_ms + 1000);
    limits_clear(&limits);
}

static void test_a_quick_destination_has_many(void **state)
{
    (void)state;
    struct limits limits;
    size_t waiting = 0;
    limits_init(&limits, 32, 1);
    struct destination *quick = limits_destination(&limits, "quick");
    assert_int_equal(ask(&limits, quick, 0), LIMITS_NOW);
    while (ask(&limits, quick, 1) == LIMITS_WAIT) {
        waiting++;
    }
    assert_int_equal(waiting, LIMITS_WAITING_MAX);
    assert_int_equal(limits_waiting_max(quick, 1), LIMITS_WAITING_MAX);
    assert_int_equal(limits_waiting_max(quick, LIMITS_SLOW_AFTER_MS + 1), LIMITS_WAITING_SLOW_MAX);
    limits_clear(&limits);
}

/* Slots ahead of the attempts only where these are quick and do not fail. */
static void test_slots_ahead(void **state)
{
    (void)state;
    static const struct {
        int64_t took_ms;
        enum limits_ending ending;
        size_t slots;
    } cases[] = {
        {.took_ms = 0, .ending = LIMITS_SUCCEEDED, .slots = 6},
        {.took_ms = LIMITS_QUICK_MS - 1, .ending = LIMITS_SUCCEEDED, .slots = 6},
        {.took_ms = LIMITS_QUICK_MS, .ending = LIMITS_SUCCEEDED, .slots = 2},
        {.took_ms = 0, .ending = LIMITS_FAILED, .slots = 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct limits limits;
        size_t slots = 0;
        limits_init(&limits, 3, 2);
        struct destination *a = limits_destination(&limits, "a");
        assert_int_equal(ask(&limits, a, 0), LIMITS_NOW);
        assert_true(limits_may_run(&limits, a));
        limits_began(&limits, a);
        limits_ended(&limits, a, cases[i].took_ms);
        (void)limits_give_back(&limits, a, false, cases[i].ending, 0, 0);
        while (ask(&limits, a, 0) == LIMITS_NOW) {
            slots++;
        }
        assert_int_equal(slots, cases[i].slots);
        limits_began(&limits, a);
        assert_true(limits_may_run(&limits, a));
        limits_began(&limits, a);
        assert_false(limits_may_run(&limits, a));
        limits_clear(&limits);
    }
}

static void test_open_breaker_answers_at_once(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits, 32, 4);
    struct destination *dead = limits_destination(&limits, "dead");
    struct destination *fine = limits_destination(&limits, "fine");
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_int_equal(ask(&limits, dead, 0), LIMITS_NOW);
        bool opened = limits_give_back(&limits, dead, false, LIMITS_FAILED, 0, 0);
        assert_int_equal(opened, i == BREAKER_FAILURES - 1);
    }
    assert_int_equal(limits_open_count(&limits), 1);
    struct limits_answer answer = limits_ask(&limits, dead, false, 10);
    assert_int_equal(answer.word, LIMITS_LATER);
    assert_int_equal(answer.retry_mono_ms, 1000);
    assert_string_equal(answer.reason, "breaker-open");
    assert_int_equal(ask(&limits, fine, 10), LIMITS_NOW);
    assert_int_equal(ask(&limits, dead, 1000), LIMITS_PROBE);
    assert_int_equal(ask(&limits, dead, 1000), LIMITS_LATER);
    /* A probe that never started leaves the way free for another. */
    (void)limits_give_back(&limits, dead, true, LIMITS_NOTHING, 0, 1000);
    assert_int_equal(ask(&limits, dead, 1000), LIMITS_PROBE);
    assert_true(limits_give_back(&limits, dead, true, LIMITS_SUCCEEDED, 0, 1001));
    assert_int_equal(limits_open_count(&limits), 0);
    limits_clear(&limits);
}

static void test_a_wish_to_wait_is_kept(void **state)
{
    (void)state;
    static const enum limits_ending endings[] = {LIMITS_PAUSED, LIMITS_FAILED};
    for (size_t i = 0; i < 2; i++) {
        struct limits limits;
        limits_init(&limits, 32, 4);
        struct destination *busy = limits_destination(&limits, "busy");
        assert_int_equal(ask(&limits, busy, 0), LIMITS_NOW);
        assert_false(limits_give_back(&limits, busy, false, endings[i], 7000, 100));
        struct limits_answer answer = limits_ask(&limits, busy, false, 200);
        assert_int_equal(answer.word, LIMITS_LATER);
        assert_int_equal(answer.retry_mono_ms, 7100);
        assert_string_equal(answer.reason, "asked-to-wait");
        assert_int_equal(ask(&limits, busy, 7100), LIMITS_NOW);
        assert_int_equal(busy->breaker.failures, endings[i] == LIMITS_FAILED ? 1 : 0);
        limits_clear(&limits);
    }
}

static void test_destinations_are_bounded(void **state)
{
    (void)state;
    struct limits limits;
    char name[32];
    limits_init(&limits, 2, 1);
    struct destination *used = limits_destination(&limits, "used");
    struct destination *failing = limits_destination(&limits, "failing");
    assert_int_equal(ask(&limits, used, 0), LIMITS_NOW);
    failing->breaker.failures = 1;
    for (int i = 0; i < 3 * LIMITS_DESTINATIONS_MAX; i++) {
        (void)snprintf(name, sizeof name, "d%d", i);
        (void)limits_destination(&limits, name);
        assert_true(limits.destination_count <= LIMITS_DESTINATIONS_MAX);
    }
    assert_ptr_equal(limits_destination(&limits, "used"), used);
    assert_ptr_equal(limits_destination(&limits, "failing"), failing);
    limits_clear(&limits);
}

static void test_lost_slots(void **state)
{
    (void)state;
    struct limits limits;
    limits_init(&limits, 1, 1);
    struct destination *a = limits_destination(&limits, "a");
    limits_shrink(&limits);
    assert_int_equal(ask(&limits, a, 0), LIMITS_WAIT);
    limits_grow(&limits);
    assert_int_equal(limits_ask(&limits, a, true, 0).word, LIMITS_NOW);
    limits_clear(&limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_a_dead_destination_has_few_waiting_places),
        cmocka_unit_test(test_a_quick_destination_has_many),
        cmocka_unit_test(test_slots_ahead),
        cmocka_unit_test(test_open_breaker_answers_at_once),
        cmocka_unit_test(test_a_wish_to_wait_is_kept),
        cmocka_unit_test(test_destinations_are_bounded),
        cmocka_unit_test(test_lost_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Buckets of messages to one person by one channel (DESIGN section 4, rule 15; GUARANTEES I22). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/storm.h"

#define START_MS INT64_C(1772330400000)

static const struct channel_rule rule = {.per_contact = 6, .per_contact_critical = 12};

static int take_all(struct storm_bucket *bucket, bool urgent, int64_t now_ms)
{
    int count = 0;
    while (storm_take(bucket, &rule, urgent, now_ms))
        count++;
    return count;
}

static void a_bucket_holds_a_minute(void **state)
{
    (void)state;
    struct storm_bucket bucket = {0};
    assert_int_equal(take_all(&bucket, false, START_MS), 6);
    assert_int_equal(take_all(&bucket, false, START_MS + 9999), 0);
    assert_int_equal(take_all(&bucket, false, START_MS + 10000), 1);
    assert_int_equal(take_all(&bucket, false, START_MS + 40000), 3);
    assert_int_equal(take_all(&bucket, false, START_MS + 3600000), 6); /* and never more */
}

static void what_is_urgent_crowds_out_the_rest(void **state)
{
    (void)state;
    struct storm_bucket bucket = {0};
    assert_int_equal(take_all(&bucket, false, START_MS), 6);
    assert_int_equal(take_all(&bucket, true, START_MS), 6); /* the rest of twelve */
    assert_int_equal(take_all(&bucket, true, START_MS + 5000), 1);
    assert_int_equal(take_all(&bucket, false, START_MS + 10000), 0);
    assert_int_equal(take_all(&bucket, false, START_MS + 15000), 1);
    bucket = (struct storm_bucket){0};
    assert_int_equal(take_all(&bucket, true, START_MS), 12);
    assert_int_equal(take_all(&bucket, false, START_MS + 9999), 0);
    assert_int_equal(take_all(&bucket, false, START_MS + 10000), 1);
}

static void a_reserved_token_is_gone(void **state)
{
    (void)state;
    struct storm_bucket bucket = {0};
    (void)take_all(&bucket, false, START_MS);
    assert_int_equal(storm_reserve(&bucket, &rule, false, START_MS + 2000) - START_MS, 10000);
    assert_int_equal(storm_reserve(&bucket, &rule, false, START_MS + 2000) - START_MS, 20000);
    assert_int_equal(take_all(&bucket, false, START_MS + 20000), 0);
    assert_int_equal(take_all(&bucket, false, START_MS + 30000), 1);
    bucket = (struct storm_bucket){0};
    assert_int_equal(storm_reserve(&bucket, &rule, true, START_MS), START_MS);
}

/* Over any time, as many as it holds and as came in meanwhile; counted at every pair of sends. */
static void never_more_than_it_holds_and_gets(void **state)
{
    (void)state;
    enum { SENDS_MAX = 4000 };
    static int64_t sent_ms[SENDS_MAX];
    static bool was_urgent[SENDS_MAX];
    size_t count = 0;
    uint64_t dice = 7;
    struct storm_bucket bucket = {0};
    for (int64_t now_ms = START_MS; count < SENDS_MAX; now_ms += (int64_t)(dice >> 33) % 3000) {
        dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bool urgent = (dice >> 60) < 6;
        if (!storm_take(&bucket, &rule, urgent, now_ms))
            continue;
        sent_ms[count] = now_ms;
        was_urgent[count++] = urgent;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t calm = 0;
        for (size_t j = i; j < count && sent_ms[j] - sent_ms[i] < 300000; j++) {
            int64_t passed_ms = sent_ms[j] - sent_ms[i];
            calm += was_urgent[j] ? 0 : 1;
            assert_true((int64_t)(j - i + 1) <= 12 + passed_ms / 5000);
            assert_true(calm <= 6 + passed_ms / 10000);
        }
    }
}

static void limits_may_be_absent(void **state)
{
    (void)state;
    assert_false(storm_is_limited(&(struct channel_rule){.per_contact = 0}, false));
    assert_true(storm_is_limited(&(struct channel_rule){.per_contact = 1}, false));
    assert_false(storm_is_limited(&(struct channel_rule){.per_contact = 1}, true));
    const struct channel_rule calm_only = {.per_contact = 1};
    struct storm_bucket bucket = {0};
    assert_true(storm_take(&bucket, &calm_only, false, START_MS));
    assert_false(storm_take(&bucket, &calm_only, false, START_MS + 59999));
    assert_true(storm_take(&bucket, &calm_only, false, START_MS + 60000));
}

static void a_bucket_is_written_and_read(void **state)
{
    (void)state;
    char text[STORM_BUCKET_BYTES];
    struct storm_bucket bucket = {.calm_full_ms = START_MS, .urgent_full_ms = INT64_MAX};
    storm_write(&bucket, text);
    struct storm_bucket again = storm_read(text);
    assert_int_equal(again.calm_full_ms, START_MS);
    assert_true(again.urgent_full_ms == INT64_MAX);
    static const char *const broken[] = {"",
                                         "1",
                                         "x 1",
                                         "1 x",
                                         "-1 1",
                                         "1 1 1",
                                         "99999999999999999999999999999999999999999999999999 1"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        again = storm_read(broken[i]);
        assert_int_equal(again.calm_full_ms, 0);
        assert_int_equal(again.urgent_full_ms, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_holds_a_minute),
        cmocka_unit_test(what_is_urgent_crowds_out_the_rest),
        cmocka_unit_test(a_reserved_token_is_gone),
        cmocka_unit_test(never_more_than_it_holds_and_gets),
        cmocka_unit_test(limits_may_be_absent),
        cmocka_unit_test(a_bucket_is_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

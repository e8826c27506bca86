#include "gateway/system/id.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/system/clock.h"

#define THREADS 4
#define IDS_PER_THREAD 50000

static struct id made[THREADS][IDS_PER_THREAD];

static void *make_many(void *argument)
{
    struct id *ids = argument;
    for (size_t i = 0; i < IDS_PER_THREAD; i++) {
        ids[i] = id_make();
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static void test_monotone_over_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t j = 1; j < IDS_PER_THREAD; j++) {
            assert_true(compare_ids(&made[i][j - 1], &made[i][j]) < 0);
        }
    }
    /* Time and counter alone (the first 8 bytes) must differ, not only the random rest. */
    struct id *all = &made[0][0];
    size_t count = (size_t)THREADS * IDS_PER_THREAD;
    qsort(all, count, sizeof *all, compare_ids);
    for (size_t i = 1; i < count; i++) {
        assert_true(memcmp(all[i - 1].bytes, all[i].bytes, 8) < 0);
    }
    /* What is made later, by whatever thread, is larger. */
    struct id last = id_make();
    assert_true(compare_ids(&all[count - 1], &last) < 0);
}

static void test_fields(void **state)
{
    (void)state;
    unsigned char seen_any[8] = {0};
    unsigned char seen_all[8];
    memset(seen_all, 0xff, sizeof seen_all);
    for (int i = 0; i < 1000; i++) {
        int64_t before_ms = clock_wall_ms();
        struct id id = id_make();
        int64_t at_ms = 0;
        for (size_t j = 0; j < 6; j++) {
            at_ms = (at_ms << 8) | id.bytes[j];
        }
        /* Ids of the test before may have run the counter a little ahead of the clock. */
        assert_true(at_ms >= before_ms && at_ms <= clock_wall_ms() + 1000);
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        for (size_t j = 0; j < 8; j++) {
            seen_any[j] |= id.bytes[8 + j];
            seen_all[j] &= id.bytes[8 + j];
        }
    }
    /* Every random bit was once 1 and once 0: of the first byte the variant is fixed. */
    assert_int_equal(seen_any[0], 0xbf);
    assert_int_equal(seen_all[0], 0x80);
    for (size_t j = 1; j < 8; j++) {
        assert_int_equal(seen_any[j], 0xff);
        assert_int_equal(seen_all[j], 0);
    }
}

static void test_text_round_trip(void **state)
{
    (void)state;
    struct id id = {.bytes = {0x01, 0x93, 0xab, 0xcd, 0xef, 0x00, 0x7f, 0xff, 0x80, 0x09, 0x0a,
                              0x9f, 0xa0, 0xf9, 0x12, 0x34}};
    static const char want[] = "0193abcd-ef00-7fff-8009-0a9fa0f91234";
    struct id back;
    char text[ID_TEXT_BYTES];
    assert_ptr_equal(id_text(&id, text), text);
    assert_string_equal(text, want);
    assert_int_equal(id_parse("0193ABCD-EF00-7FFF-8009-0A9FA0F91234", &back), 0);
    assert_memory_equal(&back, &id, sizeof id);
    for (int i = 0; i < 1000; i++) {
        id = id_make();
        assert_int_equal(id_parse(id_text(&id, text), &back), 0);
        assert_memory_equal(&back, &id, sizeof id);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "0193abcd-ef00-7fff-8009-0a9fa0f9123",
        "0193abcd-ef00-7fff-8009-0a9fa0f912345",
        "0193abcd-ef00-7fff-80090a9fa0f91234",
        "0193abcdef00-7fff-8009-0a9fa0f912340",
        "0193abcd-ef00-7fff-8009-0a9fa0f9123g",
        "0193abcd-ef00-7fff-8009-0a9fa0f9123 ",
        " 193abcd-ef00-7fff-8009-0a9fa0f91234",
        "{193abcd-ef00-7fff-8009-0a9fa0f9123}",
        "0193abcd_ef00_7fff_8009_0a9fa0f91234",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct id id = {.bytes = {1, 2, 3}};
        struct id before = id;
        assert_int_equal(id_parse(cases[i], &id), -1);
        assert_memory_equal(&id, &before, sizeof id);
    }
}

static void test_random_fills_all(void **state)
{
    (void)state;
    unsigned char first[1000] = {0};
    unsigned char second[1000] = {0};
    size_t zeros = 0;
    id_random(first, sizeof first);
    id_random(second, sizeof second);
    assert_true(memcmp(first, second, sizeof first) != 0);
    for (size_t i = 0; i < sizeof first; i++) {
        zeros += first[i] == 0;
    }
    assert_true(zeros < 100);
    first[0] = 7;
    id_random(first, 0);
    assert_int_equal(first[0], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotone_over_threads), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_text_round_trip),       cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_random_fills_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

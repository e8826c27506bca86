#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/pairs.h"

static int *put(struct pairs *pairs, const char *group, const char *key, int number)
{
    const char *kept_group;
    const char *kept_key;
    int *value = pairs_put(pairs, group, key, sizeof(*value), &kept_group, &kept_key);
    assert_string_equal(kept_group, group);
    assert_string_equal(kept_key, key);
    *value = number;
    return value;
}

static void test_pairs_are_set_changed_and_dropped(void **state)
{
    struct pairs pairs = {0};
    (void)state;
    assert_null(pairs_find(&pairs, "g", "a"));
    assert_null(pairs_group(&pairs, "g"));
    pairs_drop(&pairs, "g", "a"); /* nothing */
    int *value = put(&pairs, "g", "b", 1);
    (void)put(&pairs, "g", "a", 2);
    (void)put(&pairs, "f", "b", 3);
    assert_ptr_equal(put(&pairs, "g", "b", 4), value);
    assert_int_equal(*(int *)pairs_find(&pairs, "g", "b"), 4);
    assert_null(pairs_find(&pairs, "f", "a"));
    assert_int_equal(pairs_group(&pairs, "g")->count, 2);
    pairs_drop(&pairs, "g", "c"); /* nothing */
    /* By their own texts; the last key takes its group along. */
    pairs_drop(&pairs, pairs.groups[1]->name, pairs.groups[1]->items[0].key);
    assert_null(pairs_find(&pairs, "g", "a"));
    pairs_drop(&pairs, pairs.groups[1]->name, pairs.groups[1]->items[0].key);
    assert_int_equal(pairs.count, 1);
    assert_int_equal(*(int *)pairs_find(&pairs, "f", "b"), 3);
    pairs_clear(&pairs);
    assert_int_equal(pairs.count, 0);
}

static void test_many_stand_in_order(void **state)
{
    enum { COUNT = 1000, GROUPS = 20 };
    struct pairs pairs = {0};
    char group[16];
    char key[16];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        int number = i * 7919 % COUNT;
        (void)snprintf(group, sizeof(group), "%d", number % GROUPS);
        (void)snprintf(key, sizeof(key), "%d", number);
        (void)put(&pairs, group, key, number);
    }
    assert_int_equal(pairs.count, GROUPS);
    for (size_t i = 0; i < GROUPS; i++) {
        assert_int_equal(pairs.groups[i]->count, COUNT / GROUPS);
        assert_true(i == 0 || strcmp(pairs.groups[i - 1]->name, pairs.groups[i]->name) < 0);
        for (size_t j = 1; j < pairs.groups[i]->count; j++)
            assert_true(strcmp(pairs.groups[i]->items[j - 1].key, pairs.groups[i]->items[j].key) <
                        0);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(group, sizeof(group), "%d", i % GROUPS);
        (void)snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(*(int *)pairs_find(&pairs, group, key), i);
        pairs_drop(&pairs, group, key);
        assert_null(pairs_find(&pairs, group, key));
    }
    assert_int_equal(pairs.count, 0);
    pairs_clear(&pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_set_changed_and_dropped),
        cmocka_unit_test(test_many_stand_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

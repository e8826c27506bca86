#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/ledger.h"

static void test_entries_are_set_changed_and_dropped(void **state)
{
    struct ledger ledger = {0};
    (void)state;
    assert_null(ledger_find(&ledger, 1, "a"));
    ledger_drop(&ledger, 1, "a"); /* nothing */
    ledger_put(&ledger, 2, "a", "two", 2);
    ledger_put(&ledger, 1, "b", "one", 1);
    ledger_put(&ledger, 1, "b", ledger_find(&ledger, 1, "b")->value, 3); /* its own text */
    assert_int_equal(ledger.count, 2);
    assert_string_equal(ledger_find(&ledger, 1, "b")->value, "one");
    assert_int_equal(ledger_find(&ledger, 1, "b")->at_ms, 3);
    assert_null(ledger_find(&ledger, 2, "b"));
    ledger_drop(&ledger, ledger.items[0].kind, ledger.items[0].name);
    assert_int_equal(ledger.count, 1);
    assert_string_equal(ledger_find(&ledger, 2, "a")->value, "two");
    ledger_clear(&ledger);
    assert_int_equal(ledger.count, 0);
}

static void test_many_stand_in_order(void **state)
{
    enum { COUNT = 1000 };
    struct ledger ledger = {0};
    char name[16];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "%d", i * 7919 % COUNT);
        ledger_put(&ledger, i % 3, name, name, i);
    }
    for (size_t i = 1; i < ledger.count; i++) {
        const struct ledger_entry *a = &ledger.items[i - 1];
        const struct ledger_entry *b = &ledger.items[i];
        assert_true(a->kind < b->kind || (a->kind == b->kind && strcmp(a->name, b->name) < 0));
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "%d", i * 7919 % COUNT);
        assert_string_equal(ledger_find(&ledger, i % 3, name)->value, name);
        ledger_drop(&ledger, i % 3, name);
        assert_null(ledger_find(&ledger, i % 3, name));
    }
    assert_int_equal(ledger.count, 0);
    ledger_clear(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_are_set_changed_and_dropped),
        cmocka_unit_test(test_many_stand_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

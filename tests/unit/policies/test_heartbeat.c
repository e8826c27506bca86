#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "policies/heartbeat.h"

static void put(struct heartbeats *all, const char *source, const char *key, int64_t success_at_ms)
{
    const struct heartbeat_row row = {
        .source = source, .key = key, .state = HEARTBEAT_UP, .success_at_ms = success_at_ms};
    assert_non_null(heartbeats_put(all, &row));
}

static void rows_are_found_changed_and_dropped(void **state)
{
    (void)state;
    struct heartbeats all = {0};
    assert_null(heartbeats_find(&all, "jobs", "a"));
    for (int i = 0; i < 40; i++) {
        char key[] = {(char)('z' - i % 20), (char)('a' + i / 20), '\0'};
        put(&all, i % 2 == 0 ? "jobs" : "devices", key, i + 1);
    }
    assert_int_equal(all.rows.count, 2);
    assert_string_equal(all.rows.groups[0]->name, "devices");
    const struct pair_group *jobs = pairs_group(&all.rows, "jobs");
    assert_int_equal(jobs->count, 20);
    for (size_t i = 1; i < 20; i++)
        assert_true(strcmp(jobs->items[i - 1].key, jobs->items[i].key) < 0);
    assert_int_equal(heartbeats_find(&all, "jobs", "za")->row.success_at_ms, 1);
    put(&all, "jobs", "za", 99);
    assert_int_equal(heartbeats_find(&all, "jobs", "za")->row.success_at_ms, 99);
    assert_null(heartbeats_find(&all, "jobs", "ya"));
    assert_non_null(heartbeats_find(&all, "devices", "ya"));
    /* The last key of a source takes the source with it; a row may name itself. */
    while (jobs != NULL) {
        struct heartbeat *last = jobs->items[jobs->count - 1].value;
        last->row.forgotten = true;
        assert_null(heartbeats_put(&all, &last->row));
        jobs = pairs_group(&all.rows, "jobs");
    }
    assert_int_equal(all.rows.count, 1);
    assert_null(heartbeats_put(
        &all, &(struct heartbeat_row){.source = "jobs", .key = "za", .forgotten = true}));
    heartbeats_clear(&all);
}

static void the_oldest_last_success_counts(void **state)
{
    (void)state;
    struct heartbeats all = {0};
    struct heartbeat_successes sum = heartbeats_successes(&all, "backup");
    assert_int_equal(sum.key_count, 0);
    assert_int_equal(sum.oldest_at_ms, 0);
    put(&all, "backup", "db", 500);
    put(&all, "backup", "files", 300);
    put(&all, "backup", "mail", 0);
    put(&all, "other", "db", 100);
    sum = heartbeats_successes(&all, "backup");
    assert_int_equal(sum.key_count, 3);
    assert_int_equal(sum.never_count, 1);
    assert_int_equal(sum.oldest_at_ms, 300);
    assert_string_equal(sum.oldest_key, "files");
    assert_int_equal(sum.newest_at_ms, 500);
    heartbeats_clear(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_changed_and_dropped),
        cmocka_unit_test(the_oldest_last_success_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

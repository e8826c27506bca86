#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/base/text.h"
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

static const struct source_rule rule = {
    .name = "jobs", .expect_every_ms = 1000, .grace_ms = 100, .keys_max = 10};

static void the_end_of_a_run_has_a_duration(void **state)
{
    struct heartbeat_row row = heartbeat_expected("jobs", "db", 50);
    (void)state;
    assert_int_equal(heartbeat_hear(&row, HEARTBEAT_START, "a", 0, 100), HEARTBEAT_NO_NEWS);
    assert_int_equal(row.state, HEARTBEAT_NEW);
    /* Another run ends: this one goes on. */
    assert_int_equal(heartbeat_hear(&row, HEARTBEAT_SUCCESS, "b", 0, 120), HEARTBEAT_IS_WELL);
    assert_true(row.is_running);
    assert_int_equal(row.duration_ms, 0);
    assert_int_equal(heartbeat_hear(&row, HEARTBEAT_FAIL, "a", 3, 150), HEARTBEAT_IS_NOT_WELL);
    assert_false(row.is_running);
    assert_int_equal(row.duration_ms, 50);
    assert_int_equal(row.exit_status, 3);
    assert_int_equal(row.success_at_ms, 120);
    /* An end without a name ends whatever runs, also within the same millisecond. */
    (void)heartbeat_hear(&row, HEARTBEAT_START, "c", 0, 200);
    (void)heartbeat_hear(&row, HEARTBEAT_SUCCESS, "", 0, 200);
    assert_int_equal(row.duration_ms, 1);
    assert_string_equal(row.run, "");
    assert_int_equal(heartbeat_hear(&row, HEARTBEAT_LOG, "", 0, 300), HEARTBEAT_NO_NEWS);
    assert_int_equal(row.seen_at_ms, 300);
    assert_int_equal(row.waits_from_ms, 200);
}

static void silence_is_too_long_when_the_rule_says_so(void **state)
{
    struct source_rule no_grace = rule;
    struct source_rule nothing = rule;
    struct heartbeat_row row = heartbeat_expected("jobs", "db", 50);
    no_grace.grace_ms = 0;
    nothing.expect_every_ms = 0;
    (void)state;
    assert_int_equal(heartbeat_due_ms(&row, &rule), 1150);
    assert_true(heartbeat_due_ms(&row, &nothing) == INT64_MAX);
    (void)heartbeat_hear(&row, HEARTBEAT_START, "", 0, 60);
    assert_int_equal(heartbeat_due_ms(&row, &rule), 160);
    assert_int_equal(heartbeat_due_ms(&row, &no_grace), 1050);
    heartbeat_miss(&row, 160);
    assert_int_equal(row.missed_count, 1);
    assert_int_equal(heartbeat_due_ms(&row, &rule), 1260); /* whatever runs */
    /* Started late within the grace: the end of the grace holds. */
    (void)heartbeat_hear(&row, HEARTBEAT_SUCCESS, "", 0, 2000);
    (void)heartbeat_hear(&row, HEARTBEAT_START, "", 0, 3050);
    assert_int_equal(heartbeat_due_ms(&row, &rule), 3100);
    row.gone_at_ms = 3060;
    assert_true(heartbeat_due_ms(&row, &rule) == INT64_MAX);
}

static void only_what_may_have_gone_unheard_is_excused(void **state)
{
    enum { HOUR = 3600000, MINUTE = 60000 };
    const struct source_rule hourly = {
        .name = "jobs", .expect_every_ms = HOUR, .grace_ms = 10 * MINUTE};
    static const struct {
        const char *name;
        int64_t lost_from_ms, now_ms;
        bool is_running, is_excused;
    } cases[] = {
        {.name = "over its time",
         .lost_from_ms = 30 * MINUTE,
         .now_ms = 65 * MINUTE,
         .is_excused = true},
        {.name = "long ago", .lost_from_ms = 30 * MINUTE, .now_ms = 40 * HOUR, .is_excused = true},
        {.name = "a moment", .lost_from_ms = 60 * MINUTE, .now_ms = 60 * MINUTE + 30000},
        {.name = "more than a moment",
         .lost_from_ms = 60 * MINUTE,
         .now_ms = 60 * MINUTE + 30001,
         .is_excused = true},
        {.name = "too early", .lost_from_ms = 30 * MINUTE, .now_ms = 50 * MINUTE},
        {.name = "as early as it may come",
         .lost_from_ms = 30 * MINUTE,
         .now_ms = 50 * MINUTE + 1,
         .is_excused = true},
        {.name = "too early, but running",
         .lost_from_ms = MINUTE,
         .now_ms = 2 * MINUTE,
         .is_running = true,
         .is_excused = true},
        {.name = "missed before", .lost_from_ms = 70 * MINUTE, .now_ms = 90 * MINUTE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct heartbeat_row row = heartbeat_expected("jobs", "db", 0);
        row.is_running = cases[i].is_running;
        if (heartbeat_excuse(&row, &hourly, cases[i].lost_from_ms, cases[i].now_ms) !=
            cases[i].is_excused)
            fail_msg("%s", cases[i].name);
        assert_int_equal(row.waits_from_ms, cases[i].is_excused ? cases[i].now_ms : 0);
        assert_int_equal(row.is_running, cases[i].is_running && !cases[i].is_excused);
    }
}

static void its_incident_is_called_what_the_source_says(void **state)
{
    (void)state;
    const struct heartbeat_facts facts = {
        .source = "jobs", .key = "db {what}", .what = "no success in 26h", .last = "never"};
    static const struct {
        const char *pattern; /* NULL: the default */
        const char *want;
    } cases[] = {
        {NULL, "jobs: no success in 26h; never"},
        {"{key} on {source}", "db {what} on jobs"}, /* what stands in for one is not read again */
        {"quiet", "quiet"},
        {"", ""},
        {"{what}{what}", "no success in 26hno success in 26h"},
        {"{why}", "{why}"},
        {"{", "{"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(heartbeat_summary(cases[i].pattern, &facts, &arena), cases[i].want);
    struct strbuf text;
    strbuf_init(&text, 10000);
    for (int i = 0; i < 500; i++)
        strbuf_add(&text, "{key}");
    assert_string_equal(heartbeat_summary(strbuf_text(&text), &facts, &arena), "no success in 26h");
    strbuf_clear(&text);
    arena_clear(&arena);
    struct err err = {0};
    assert_int_equal(heartbeat_summary_check(HEARTBEAT_SUMMARY_DEFAULT, NULL), 0);
    assert_int_equal(heartbeat_summary_check("no braces", NULL), 0);
    static const char *const bad[] = {"{why}", "{source", "}", "{what} {", "{ key}", "{Key}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(heartbeat_summary_check(bad[i], &err), -1);
        assert_non_null(strstr(err.text, "want {source}, {key}, {what} or {last}"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_changed_and_dropped),
        cmocka_unit_test(the_oldest_last_success_counts),
        cmocka_unit_test(the_end_of_a_run_has_a_duration),
        cmocka_unit_test(silence_is_too_long_when_the_rule_says_so),
        cmocka_unit_test(only_what_may_have_gone_unheard_is_excused),
        cmocka_unit_test(its_incident_is_called_what_the_source_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

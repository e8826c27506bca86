/* The last good backup, as messages state it (DESIGN section 4, rule 19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/backup.h"
#include "policies/heartbeat.h"

#define OPENED_MS INT64_C(1772330400000) /* Sun 2026-03-01 02:00 UTC */
#define HOUR_MS INT64_C(3600000)

static const char *const named[] = {"weekly", "gone"};
static const struct source_rule sources[] = {
    {.name = "shop"}, {.name = "nightly", .backup = true}, {.name = "weekly"}};

struct job {
    const char *source, *key;
    enum heartbeat_state state;
    int64_t success_at_ms;
};

static const struct {
    const char *name;
    const struct job jobs[4];
    bool names_jobs; /* the policy does: `named` */
    bool has_none;   /* no source has `backup = yes` */
    const char *want;
} cases[] = {
    {.name = "nobody expects any", .has_none = true, .want = ""},
    {.name = "none was ever heard", .want = "no backup known (nightly)"},
    {.name = "one that never succeeded",
     .jobs = {{"nightly", "db1", HEARTBEAT_FAILED, 0}},
     .want = "no backup known (nightly)"},
    {.name = "before it began",
     .jobs = {{"nightly", "db1", HEARTBEAT_UP, OPENED_MS - 4 * HOUR_MS - 300000}},
     .want = "Sat 2026-02-28 21:55 (UTC), 4h 5m before it began (nightly db1)"},
    {.name = "the source is the key",
     .jobs = {{"nightly", "nightly", HEARTBEAT_UP, OPENED_MS - 60000}},
     .want = "Sun 2026-03-01 01:59 (UTC), 1m before it began (nightly)"},
    {.name = "after it began",
     .jobs = {{"nightly", "", HEARTBEAT_UP, OPENED_MS + HOUR_MS}},
     .want = "Sun 2026-03-01 03:00 (UTC), 1h 0m after it began (nightly)"},
    {.name = "the oldest counts, and others are no backups",
     .jobs = {{"nightly", "db1", HEARTBEAT_UP, OPENED_MS - HOUR_MS},
              {"nightly", "db2", HEARTBEAT_MISSED, OPENED_MS - 76 * HOUR_MS},
              {"weekly", "all", HEARTBEAT_UP, OPENED_MS - 99 * HOUR_MS},
              {"shop", "x", HEARTBEAT_UP, 1}},
     .want = "Wed 2026-02-25 22:00 (UTC), 3d 4h before it began (nightly db2); the next one is "
             "OVERDUE"},
    {.name = "the latest failed, and one was never heard",
     .jobs = {{"nightly", "db1", HEARTBEAT_FAILED, OPENED_MS - HOUR_MS},
              {"nightly", "db2", HEARTBEAT_NEW, 0}},
     .want = "Sun 2026-03-01 01:00 (UTC), 1h 0m before it began (nightly db1); the latest one "
             "FAILED; none known of nightly"},
    {.name = "the policy's own, and one that is gone",
     .jobs = {{"nightly", "db1", HEARTBEAT_UP, OPENED_MS - 99 * HOUR_MS},
              {"weekly", "all", HEARTBEAT_UP, OPENED_MS - HOUR_MS}},
     .names_jobs = true,
     .want = "Sun 2026-03-01 01:00 (UTC), 1h 0m before it began (weekly all)"},
};

static void check_case(size_t index)
{
    struct zone *zone = zone_utc();
    struct heartbeats all = {0};
    struct arena arena;
    struct moment moment;
    const struct rulebook book = {
        .sources = sources, .source_count = cases[index].has_none ? 1 : 3, .zone = zone};
    const struct policy policy = {
        .name = "p", .backup = named, .backup_count = cases[index].names_jobs ? 2 : 0};
    const struct incident incident = {.policy = &policy, .opened_at_ms = OPENED_MS};
    for (size_t i = 0; i < 4 && cases[index].jobs[i].source != NULL; i++) {
        const struct job *job = &cases[index].jobs[i];
        const struct heartbeat_row row = {.source = job->source,
                                          .key = job->key,
                                          .state = job->state,
                                          .success_at_ms = job->success_at_ms};
        (void)heartbeats_put(&all, &row); /* a row that is not forgotten stays */
    }
    arena_init(&arena);
    moment_init(&moment, &book, &arena, OPENED_MS + 2 * HOUR_MS, 0);
    moment.heartbeats_or_null = &all;
    const char *got = backup_text(&incident, &moment, zone);
    if (!text_equal(got, cases[index].want))
        fail_msg("%s:\n got  %s\n want %s", cases[index].name, got, cases[index].want);
    heartbeats_clear(&all);
    arena_clear(&arena);
    zone_destroy(zone);
}

static void the_oldest_last_success_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_oldest_last_success_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/ladder.h"

enum { MINUTE = 60000 };

static const struct step steps[] = {
    {.name = "lead", .kind = STEP_PAGE, .wait_ms = 5 * MINUTE},
    {.name = "tell", .kind = STEP_INFORM, .wait_ms = MINUTE},
    {.name = "vp", .kind = STEP_PAGE, .wait_ms = 10 * MINUTE},
    {.name = "late", .kind = STEP_ASK, .wait_ms = 0},
};
static const struct policy policy = {.name = "p", .steps = steps, .step_count = 4, .repeat = 2};

static void steps_stand_at_the_waits_above_them(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    ladder_open(&ladder, &later, &policy, 1000);
    assert_int_equal(ladder.climb, 1);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 0), 1000);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 1), 1000 + 5 * MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 2), 1000 + 6 * MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 3), 1000 + 16 * MINUTE);
    assert_int_equal(ladder_repeat_ms(&ladder, &policy), 1000 + 16 * MINUTE);
    assert_int_equal(ladder_first_page(&policy), 0);
    assert_int_equal(ladder_next_page(&(struct ladder){.page_from = 1}, &policy), 2);
    assert_int_equal(ladder_next_page(&(struct ladder){.page_from = 3}, &policy), LADDER_NOBODY);
    assert_int_equal(ladder_find_step(&policy, policy.steps[2].name), 2);
    assert_int_equal(ladder_find_step(&policy, "none"), LADDER_NOBODY);
}

static void an_early_page_moves_pages_only(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    ladder_open(&ladder, &later, &policy, 0);
    ladder_move_pages(&ladder, &policy, 2, MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 2), MINUTE);
    assert_int_equal(ladder_repeat_ms(&ladder, &policy), 11 * MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 1), 5 * MINUTE);
    ladder_shift(&ladder, MINUTE);
    assert_int_equal(ladder_repeat_ms(&ladder, &policy), 12 * MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 1), 6 * MINUTE);
}

static void a_climb_keeps_the_distances(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    ladder_open(&ladder, &later, &policy, 0);
    ladder_climb(&ladder, &later, &policy, 16 * MINUTE);
    assert_int_equal(ladder.climb, 2);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 0), 16 * MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 2), 22 * MINUTE);
    assert_int_equal(ladder_due_ms(&ladder, &later, &policy, 1), 5 * MINUTE);
}

static void a_reopening_goes_on_counting(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    ladder_open(&ladder, &later, &policy, 0);
    ladder.serial = 7;
    ladder_mark_run(&ladder, 1);
    ladder_open(&ladder, &later, &policy, 5);
    assert_int_equal(ladder.climb, 2);
    assert_int_equal(ladder.first_climb, 2);
    assert_int_equal(ladder.serial, 7);
    assert_false(ladder_has_run(&ladder, 1));
    assert_int_equal(ladder.climbs_left, 2);
}

/* The policy of this file, with other waits, one step more and one moved up. */
static const struct step other_steps[] = {
    {.name = "lead", .kind = STEP_PAGE, .wait_ms = 2 * MINUTE},
    {.name = "late", .kind = STEP_ASK, .wait_ms = 0},
    {.name = "new", .kind = STEP_PAGE, .wait_ms = 3 * MINUTE},
    {.name = "vp", .kind = STEP_PAGE, .wait_ms = 4 * MINUTE},
    {.name = "tell", .kind = STEP_PAGE, .wait_ms = 7 * MINUTE},
};
static const struct policy other = {
    .name = "p", .steps = other_steps, .step_count = 5, .repeat = 1};

struct repolicy_case {
    const char *name;
    int32_t ran;         /* page step that ran last, at its time; LADDER_NOBODY: none yet */
    bool told;           /* the inform step `tell` has run */
    int64_t now_minutes; /* of the change */
    int32_t next;        /* page step then */
    int64_t next_minutes;
    int64_t repeat_minutes;
};

static void another_version_repeats_nothing(void **state)
{
    (void)state;
    static const struct repolicy_case cases[] = {
        {"nothing ran", LADDER_NOBODY, false, 0, 0, 0, 16},
        {"nothing ran in time", LADDER_NOBODY, false, 1, 0, 1, 17},
        {"the next in time", 0, false, 1, 2, 2, 16},
        {"the next is overdue", 0, false, 4, 2, 4, 18},
        {"what informed does not page", 0, true, 5, 2, 5, 12},
        {"one in between", 2, false, 7, 2, 7, 17},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct repolicy_case *c = &cases[i];
        int64_t now_ms = c->now_minutes * MINUTE;
        struct ladder ladder = {0};
        struct ladder_later later = {0};
        ladder_open(&ladder, &later, &policy, 0);
        ladder.page_from = (int8_t)(c->ran + 1);
        ladder.latest = (int8_t)c->ran;
        if (c->told)
            ladder_mark_run(&ladder, 1);
        ladder_repolicy(&ladder, &later, &policy, &other, 0, now_ms);
        int32_t next = ladder_next_page(&ladder, &other);
        if (next != c->next ||
            ladder_due_ms(&ladder, &later, &other, (size_t)next) != c->next_minutes * MINUTE ||
            ladder_repeat_ms(&ladder, &other) != c->repeat_minutes * MINUTE)
            fail_msg("%s: step %d at %lld, repeat at %lld", c->name, next,
                     (long long)ladder_due_ms(&ladder, &later, &other, (size_t)next),
                     (long long)ladder_repeat_ms(&ladder, &other));
        assert_true(ladder_due_ms(&ladder, &later, &other, 1) >= now_ms);
        assert_int_equal(ladder.climbs_left, 1);
        assert_int_equal(ladder.climb, 1);
        assert_int_equal(ladder.latest, c->ran == 2 ? 3 : c->ran);
        ladder_climb(&ladder, &later, &other, 60 * MINUTE); /* the next climb has all of them */
        assert_int_equal(ladder_next_page(&ladder, &other), 0);
        assert_int_equal(ladder_repeat_ms(&ladder, &other), 76 * MINUTE);
    }
}

static void another_version_counts_climbs_and_ends_exhaustion(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    ladder_open(&ladder, &later, &policy, 0);
    ladder.climbs_left = 0; /* both used up */
    ladder.page_from = 3;
    ladder.latest = LADDER_FALLBACK;
    ladder.exhausted = true;
    later.fallback_at_ms = 99 * MINUTE;
    struct ladder same = ladder;
    struct ladder_later same_later = later;
    struct policy longer = policy;
    longer.repeat = 1; /* fewer than used up: none */
    ladder_repolicy(&ladder, &later, &policy, &longer, 0, 50 * MINUTE);
    assert_int_equal(ladder.climbs_left, 0);
    assert_true(ladder.exhausted && later.fallback_at_ms == 99 * MINUTE);
    assert_int_equal(ladder.latest, LADDER_FALLBACK);
    longer.repeat = 3;
    ladder = same;
    later = same_later;
    ladder_repolicy(&ladder, &later, &policy, &longer, 0, 50 * MINUTE);
    assert_int_equal(ladder.climbs_left, 1);
    assert_true(!ladder.exhausted && later.fallback_at_ms == 0);
    assert_int_equal(ladder_repeat_ms(&ladder, &longer), 50 * MINUTE);
    const struct policy silent = {.name = "p", .repeat = 9};
    ladder = same;
    later = same_later;
    ladder_repolicy(&ladder, &later, &policy, &silent, 0,
                    50 * MINUTE); /* without page steps: never silence */
    assert_true(ladder.exhausted && later.fallback_at_ms == 99 * MINUTE);
}

static void waits_of_zero_do_not_repeat_at_once(void **state)
{
    (void)state;
    static const struct step step = {.name = "s", .kind = STEP_PAGE};
    const struct policy quick = {.name = "q", .steps = &step, .step_count = 1};
    const struct policy silent = {.name = "r"};
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    ladder_open(&ladder, &later, &quick, 0);
    assert_int_equal(ladder_repeat_ms(&ladder, &quick), LADDER_REPEAT_MIN_MS);
    assert_true(ladder_repeat_ms(&ladder, &silent) == INT64_MAX);
}

static void text_reads_back(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    struct ladder_later later = {0};
    struct ladder copy = {0};
    struct ladder_later copy_later = {0};
    struct arena arena;
    struct strbuf text;
    arena_init(&arena);
    struct strbuf again;
    strbuf_init(&text, 10000);
    strbuf_init(&again, 10000);
    ladder_open(&ladder, &later, &policy, 1772330400000);
    ladder.latest = LADDER_FALLBACK;
    ladder.exhausted = true;
    ladder.by_person = true;
    ladder.serial = 12;
    ladder_mark_run(&ladder, 63);
    ladder_write(&ladder, &later, &text);
    assert_int_equal(ladder_read(strbuf_text(&text), &arena, &copy, &copy_later, NULL), 0);
    assert_memory_equal(&ladder, &copy, sizeof(ladder));
    ladder_write(&copy, &copy_later, &again);
    assert_string_equal(strbuf_text(&text), strbuf_text(&again));
    strbuf_clear(&text);
    strbuf_clear(&again);
    arena_clear(&arena);
}

/* Written by an older version, or by hand. */
static void other_forms_read_the_same(void **state)
{
    (void)state;
    static const char *const cases[] = {"{\"climb\":2,\"serial\":7}", "{\"serial\":7,\"climb\":2}",
                                        " { \"climb\" : 2, \"serial\" : 7 }",
                                        "{\"climb\":2,\"gone\":\"x\",\"serial\":7}"};
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ladder ladder = {0};
        struct ladder_later later = {0};
        assert_int_equal(ladder_read(cases[i], &arena, &ladder, &later, NULL), 0);
        assert_int_equal(ladder.climb, 2);
        assert_int_equal(ladder.serial, 7);
    }
    arena_clear(&arena);
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "{",
                                        "[]x",
                                        "{}",
                                        "{\"climb\":0}",
                                        "{\"climb\":\"1\"}",
                                        "{\"climb\":99999999999}",
                                        "{\"climb\":1,\"exhausted\":2}",
                                        "{\"climb\":1,\"latest\":64}",
                                        "{\"climb\":1,\"page_from\":-1}",
                                        "{\"climb\":1,\"climb\":1}",
                                        "{\"climb\":1} x",
                                        "{\"climb\":1,}",
                                        "{\"climb\":-}",
                                        "{\"climb\":1"};
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ladder ladder = {.climb = 77};
        struct ladder_later later = {0};
        struct err err;
        if (ladder_read(cases[i], &arena, &ladder, &later, &err) == 0 || ladder.climb != 77)
            fail_msg("accepted %s", cases[i]);
    }
    arena_clear(&arena);
}

static void the_last_promises_are_kept_and_the_others_counted(void **state)
{
    struct ladder ladder = {.climb = 1};
    struct ladder_later later = {0};
    struct ladder again;
    struct ladder_later again_later;
    struct arena arena;
    struct strbuf text;
    arena_init(&arena);
    struct err err;
    (void)state;
    assert_int_equal(ladder_promise_count(&later), 0);
    for (int64_t minute = 1; minute <= LADDER_PROMISES_MAX + 2; minute++) {
        ladder_promise(&later, &arena, minute * 60000);
        ladder_promise(&later, &arena,
                       minute * 60000 + 30000); /* the same minute: no new promise */
    }
    assert_int_equal(ladder_promise_count(&later), LADDER_PROMISES_MAX);
    assert_int_equal(ladder_promise_drops(&later), 2);
    assert_int_equal(ladder_promise_ms(&later, 0), 3 * 60000);
    assert_int_equal(ladder_promise_ms(&later, LADDER_PROMISES_MAX - 1),
                     (LADDER_PROMISES_MAX + 2) * 60000);
    strbuf_init(&text, 4096);
    ladder_write(&ladder, &later, &text);
    assert_int_equal(ladder_read(strbuf_text(&text), &arena, &again, &again_later, &err), 0);
    assert_memory_equal(again_later.promises, later.promises, sizeof(*later.promises));
    assert_int_equal(ladder_promise_drops(&again_later), 2);
    ladder_open(&again, &again_later, &policy, 1000); /* they were those of the opening before */
    assert_null(again_later.promises);
    arena_clear(&arena);
    strbuf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_stand_at_the_waits_above_them),
        cmocka_unit_test(an_early_page_moves_pages_only),
        cmocka_unit_test(a_climb_keeps_the_distances),
        cmocka_unit_test(a_reopening_goes_on_counting),
        cmocka_unit_test(another_version_repeats_nothing),
        cmocka_unit_test(another_version_counts_climbs_and_ends_exhaustion),
        cmocka_unit_test(waits_of_zero_do_not_repeat_at_once),
        cmocka_unit_test(text_reads_back),
        cmocka_unit_test(other_forms_read_the_same),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(the_last_promises_are_kept_and_the_others_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Overrides and hand-overs: commands, time, reloads, outages, restarts, and a store that refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/store/store.h"
#include "policies/override.h"
#include "tests/unit/engine/rig.h"

enum { HOUR = 3600 };

static const char *const fixed[] = {"ann"};
static const char *const turning[] = {"ann", "bob"};

struct world {
    struct rig rig;
    struct schedule schedules[2];
};

/* `lead` is ann's and told; with `rotates` it goes round at 03:00, an hour after the start. */
static int set_up_with(void **state, bool rotates)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    rig_init(&world->rig);
    world->schedules[0] = (struct schedule){.name = "lead",
                                            .members = rotates ? turning : fixed,
                                            .member_count = rotates ? 2 : 1,
                                            .rotate_days = rotates ? 1 : 0,
                                            .rotate_hour = 3,
                                            .zone = world->rig.zone,
                                            .tells_handover = true};
    world->rig.book.schedules = world->schedules;
    world->rig.book.schedule_count = 1;
    rig_reload(&world->rig, false);
    (void)rig_log(&world->rig);
    *state = world;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, false);
}

static int set_up_turning(void **state)
{
    return set_up_with(state, true);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    rig_clear(&world->rig);
    free(world);
    return 0;
}

static void expect(struct rig *rig, const char *want)
{
    char got[4096];
    (void)snprintf(got, sizeof(got), "%s", rig_log(rig));
    assert_string_equal(got, want);
}

static bool is_stored(struct rig *rig, enum mark_kind kind, const char *name)
{
    struct arena arena;
    struct mark_row row;
    arena_init(&arena);
    bool found = rig->store->ops->find_mark(rig->store->self, kind, name, &arena, &row, NULL) == 0;
    arena_clear(&arena);
    return found;
}

#define BOB_FOR(time) "{\"schedule\":\"lead\",\"who\":\"bob\",\"for\":\"" time "\"}"
#define TO_BOB(at) at " handover\n" at " notice @lead ann email\n" at " notice @lead bob sms\n"
#define TO_ANN(at) at " handover\n" at " notice @lead bob sms\n" at " notice @lead ann email\n"

static void made_told_and_over(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    rig_override(rig, BOB_FOR("1h"));
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    assert_int_equal(rig->answer_incident, 1);
    expect(rig, "0 override\n" TO_BOB("0"));
    assert_true(is_stored(rig, MARK_OVERRIDE, "1"));
    rig_run(rig, HOUR - 1);
    expect(rig, "");
    rig_restart(rig);
    rig_run(rig, 2);
    expect(rig, TO_ANN("3600"));
    assert_false(is_stored(rig, MARK_OVERRIDE, "1"));
    /* A number is never given twice. */
    rig_restart(rig);
    rig_override(rig, BOB_FOR("1h"));
    assert_int_equal(rig->answer_incident, 2);
    rig_override(rig, "{\"remove\":2}");
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    rig_override(rig, "{\"remove\":2}");
    assert_int_equal(rig->answer_status, ANSWER_UNKNOWN);
}

static void an_outage_is_told_as_of_now(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    rig_override(rig, "{\"schedule\":\"lead\",\"who\":\"bob\",\"from\":\"2026-03-01T03:00:00Z\","
                      "\"until\":\"2026-03-01T04:00:00Z\"}");
    expect(rig, "0 override\n");
    /* It began and ended while nobody was there: there is nothing to tell. */
    rig_jump(rig, 3 * HOUR);
    rig_run(rig, 1);
    expect(rig, "");
    assert_false(is_stored(rig, MARK_OVERRIDE, "1"));
}

static void turns_over_downtime_are_one_hand_over(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    rig_run(rig, HOUR);
    const char *first = rig_log(rig);
    assert_non_null(strstr(first, "3600 handover\n"));
    /* Two turns later the same one has it; three later it is the other. */
    rig_jump(rig, 48 * HOUR);
    rig_run(rig, 1);
    expect(rig, "");
    rig_jump(rig, 24 * HOUR);
    rig_run(rig, 1);
    assert_non_null(strstr(rig_log(rig), "handover"));
    rig_restart(rig);
    rig_run(rig, 1);
    expect(rig, "");
}

static void a_moved_clock_moves_the_hand_over(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    rig_clock(rig, INT64_C(2) * HOUR * 1000);
    assert_non_null(strstr(rig_log(rig), "0 handover\n"));
    rig_clock(rig, 0);
    assert_non_null(strstr(rig_log(rig), "0 handover\n"));
    rig_clock(rig, -INT64_C(1) * HOUR * 1000);
    expect(rig, "");
    rig_run(rig, 2 * HOUR - 1);
    expect(rig, "");
    rig_run(rig, 1);
    assert_non_null(strstr(rig_log(rig), "7200 handover\n"));
}

static void a_refused_commit_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    rig_override(rig, BOB_FOR("1h"));
    assert_int_equal(rig->verdict, STORE_BUSY);
    (void)rig_log(rig);
    rig_run(rig, 60);
    expect(rig, "");
    assert_false(is_stored(rig, MARK_OVERRIDE, "1"));
    /* Its commit was lost on the way back: it is made, and told once. */
    store_fail_commit(rig->store, 1, STORE_UNKNOWN, true);
    rig_override(rig, BOB_FOR("1h"));
    assert_int_equal(rig->verdict, STORE_UNKNOWN);
    (void)rig_log(rig);
    rig_run(rig, 60);
    expect(rig, "");
    assert_true(is_stored(rig, MARK_OVERRIDE, "1"));
    rig_override(rig, BOB_FOR("2h"));
    assert_int_equal(rig->answer_incident, 2);
    expect(rig, "120 override\n");
}

static void a_hand_over_that_cannot_be_stored_is_told_later(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    rig_run(rig, HOUR - 1);
    store_fail_commit(rig->store, 1, STORE_FULL, false);
    rig_run(rig, 10);
    const char *log = rig_log(rig);
    const char *once = strstr(log, "handover\n");
    assert_non_null(once);
    assert_null(strstr(once + 1, "handover\n"));
}

static void switched_on_and_off(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    assert_true(is_stored(rig, MARK_DUTY, "lead"));
    world->schedules[0].tells_handover = false;
    rig_reload(rig, false);
    assert_false(is_stored(rig, MARK_DUTY, "lead"));
    rig_override(rig, BOB_FOR("1h"));
    expect(rig, "0 override\n");
    world->schedules[0].tells_handover = true;
    rig_reload(rig, false);
    expect(rig, "");
    /* The schedule goes: its overrides wait, its duty is forgotten. */
    rig->book.schedule_count = 0;
    rig_reload(rig, false);
    expect(rig, "");
    assert_false(is_stored(rig, MARK_DUTY, "lead"));
    assert_true(is_stored(rig, MARK_OVERRIDE, "1"));
    rig_run(rig, 2 * HOUR);
    assert_false(is_stored(rig, MARK_OVERRIDE, "1"));
}

static void an_unknown_calendar_is_no_hand_over(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    world->schedules[0].has_calendar = true;
    world->schedules[0].is_remote = true;
    world->schedules[0].awaits_calendar = true;
    rig_reload(rig, false);
    expect(rig, "");
    world->schedules[0].awaits_calendar = false;
    rig_reload(rig, false);
    expect(rig, "0 handover\n0 notice @lead ann email\n");
}

static void as_many_as_there_may_be(void **state)
{
    struct world *world = *state;
    struct rig *rig = &world->rig;
    rig->checks_reload = false;
    for (int i = 0; i < OVERRIDES_MAX; i++) {
        rig_override(rig, BOB_FOR("30d"));
        assert_int_equal(rig->answer_status, ANSWER_DONE);
    }
    rig_override(rig, BOB_FOR("30d"));
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    assert_non_null(strstr(strbuf_text(&rig->answer), "at most 1000"));
    rig_override(rig, "{\"remove\":500}");
    rig_override(rig, BOB_FOR("30d"));
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    assert_int_equal(rig->answer_incident, OVERRIDES_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_told_and_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_outage_is_told_as_of_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turns_over_downtime_are_one_hand_over, set_up_turning,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_moved_clock_moves_the_hand_over, set_up_turning,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_refused_commit_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hand_over_that_cannot_be_stored_is_told_later,
                                        set_up_turning, tear_down),
        cmocka_unit_test_setup_teardown(switched_on_and_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_calendar_is_no_hand_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_as_there_may_be, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

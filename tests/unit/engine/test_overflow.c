/* More alerts than a source, or an incident, may have: nothing more opens or joins, one incident pages and counts, and other
 * sources do not notice (GUARANTEES P8, T17, I1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

static int setup(void **state)
{
    struct rig *rig = heap_alloc(sizeof(*rig));
    rig_init(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_clear(*state);
    free(*state);
    return 0;
}

static const char *key_of(struct rig *rig, int number)
{
    return arena_printf(&rig->arena, "key-%d", number);
}

static void fire(struct rig *rig, int number, const char *service)
{
    rig_event(rig, EVENT_TRIGGER, key_of(rig, number), SEVERITY_WARNING, service);
}

static size_t lines_of(const char *log, const char *line)
{
    size_t count = 0;
    for (const char *at = strstr(log, line); at != NULL; at = strstr(at + 1, line))
        count++;
    return count;
}

static void expect_alerts(struct rig *rig, uint64_t firing, uint64_t open)
{
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.firing_alerts, firing);
    assert_int_equal(counts.open_incidents, open);
}

/* The 21st of a source that may have 20. */
static void past_its_incidents_a_source_is_counted_in_one(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 20; i++)
        fire(rig, i, "other");
    (void)rig_log(rig);
    for (int i = 20; i < 320; i++)
        fire(rig, i, "other");
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    assert_int_equal(rig->answer_incident, 21);
    const char *log = rig_log(rig);
    assert_int_equal(lines_of(log, " page only bob sms\n"), 1);
    assert_int_equal(lines_of(log, " overflowed\n"), 100);
    expect_alerts(rig, 21, 21);
    rig_restart(rig);
    rig_settle(rig);
    fire(rig, 400, "other");
    assert_int_equal(rig->answer_incident, 21);
    fire(rig, 0, "other"); /* what is known is counted where it is */
    assert_int_equal(rig->answer_incident, 1);
}

/* Room again: a new alert opens as ever; the overflow stays until somebody has looked at it. */
static void with_room_again_alerts_open_as_ever(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 21; i++)
        fire(rig, i, "other");
    rig_event(rig, EVENT_RESOLVE, key_of(rig, 3), SEVERITY_WARNING, "other");
    fire(rig, 20, "other");
    assert_int_equal(rig->answer_incident, 22);
    expect_alerts(rig, 21, 21);
}

/* A label that nobody groups by: thousands of alerts in one incident. */
static void an_incident_takes_so_many_alerts_and_no_more(void **state)
{
    struct rig *rig = *state;
    rig->book.incident_alerts_max = 5;
    for (int i = 0; i < 50; i++)
        fire(rig, i, "shop");
    const char *log = rig_log(rig);
    assert_int_equal(lines_of(log, " full\n"), 1);
    assert_int_equal(lines_of(log, " overflowed\n"), 45);
    expect_alerts(rig, 6, 2);
    fire(rig, 2, "shop");
    assert_int_equal(rig->answer_incident, 1);
    /* Resolved ones count as well: they are in memory as long as their incident is open. */
    rig_event(rig, EVENT_RESOLVE, key_of(rig, 2), SEVERITY_WARNING, "shop");
    fire(rig, 60, "shop");
    assert_int_equal(rig->answer_incident, 2);
    fire(rig, 2, "shop");
    assert_int_equal(rig->answer_incident, 1);
}

static void a_source_has_so_many_alerts_in_all(void **state)
{
    struct rig *rig = *state;
    rig->sources[0].alerts_max = 4;
    fire(rig, 1, "shop");
    fire(rig, 2, "shop");
    fire(rig, 3, "other");
    fire(rig, 4, "other");
    fire(rig, 5, "other"); /* may open nothing */
    fire(rig, 6, "shop");  /* nor join */
    expect_alerts(rig, 5, 4);
    struct input other = rig_event_input(rig, EVENT_TRIGGER, "o", SEVERITY_WARNING, "shop");
    other.u.event.source = "other"; /* which has a limit of its own */
    rig_apply(rig, &other, 1);
    rig_settle(rig);
    assert_int_equal(rig->answer_incident, 1);
    expect_alerts(rig, 6, 4);
    rig_restart(rig);
    rig_settle(rig);
    fire(rig, 7, "shop");
    expect_alerts(rig, 6, 4);
    /* What has left memory makes room. */
    for (uint64_t number = 1; number <= 4; number++)
        rig_say(rig, "ann", number, VERB_RESOLVE);
    rig_run(rig, 3 * 3600);
    fire(rig, 8, "shop");
    assert_int_equal(rig->answer_incident, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(past_its_incidents_a_source_is_counted_in_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(with_room_again_alerts_open_as_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(an_incident_takes_so_many_alerts_and_no_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_source_has_so_many_alerts_in_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Heartbeats in the engine: what the scenarios cannot show, since nothing goes wrong in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

enum { EVERY_S = 3600, GRACE_S = 600 };

static int setup(void **state)
{
    struct rig *rig = heap_alloc(sizeof(*rig));
    rig_init(rig);
    rig->sources[0] = (struct source_rule){.name = "monitor",
                                           .incidents_max = 1000,
                                           .expect_every_ms = EVERY_S * 1000,
                                           .grace_ms = GRACE_S * 1000,
                                           .keys_max = 1000,
                                           .severity = SEVERITY_ERROR,
                                           .is_pings = true};
    rig->book.expects_heartbeats = rig->book_again.expects_heartbeats = true;
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_clear(*state);
    free(*state);
    return 0;
}

static void say(struct rig *rig, const char *key, enum heartbeat_signal signal)
{
    struct input input = rig_event_input(rig, EVENT_HEARTBEAT, key, SEVERITY_ERROR, "shop");
    input.u.event.signal = signal;
    input.u.event.summary = "";
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

static const struct heartbeat_row *row_of(const struct rig *rig, const char *key)
{
    const struct heartbeat *found = heartbeats_find(engine_heartbeats(rig->engine), "monitor", key);
    return found != NULL ? &found->row : NULL;
}

static uint64_t open_count(const struct rig *rig)
{
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    return counts.open_incidents;
}

static void a_refused_heartbeat_is_nothing(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    say(rig, "db", HEARTBEAT_SUCCESS);
    assert_int_equal(rig->verdict, STORE_BUSY);
    assert_null(row_of(rig, "db"));
    say(rig, "db", HEARTBEAT_SUCCESS);
    assert_non_null(row_of(rig, "db"));
}

static void what_the_store_refused_is_not_held_against_a_source(void **state)
{
    struct rig *rig = *state;
    say(rig, "db", HEARTBEAT_SUCCESS);
    rig_run(rig, EVERY_S - 60);
    /* Nothing can be committed from before its time until after its end. */
    store_fail_commit(rig->store, 1, STORE_FULL, false);
    say(rig, "db", HEARTBEAT_SUCCESS);
    assert_int_equal(rig->verdict, STORE_FULL);
    rig_jump(rig, GRACE_S + 120);
    assert_int_equal(open_count(rig), 0);
    assert_int_equal(row_of(rig, "db")->waits_from_ms, rig->now_ms);
    rig_run(rig, EVERY_S + GRACE_S - 1);
    assert_int_equal(open_count(rig), 0);
    rig_run(rig, 1);
    assert_int_equal(open_count(rig), 1);
}

static void a_moment_of_refusal_excuses_nothing(void **state)
{
    struct rig *rig = *state;
    say(rig, "db", HEARTBEAT_SUCCESS);
    rig_run(rig, EVERY_S - 60);
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    say(rig, "other", HEARTBEAT_SUCCESS);
    rig_run(rig, 60 + GRACE_S);
    assert_int_equal(open_count(rig), 1);
}

static void nobody_listens_while_the_machine_sleeps(void **state)
{
    struct rig *rig = *state;
    say(rig, "db", HEARTBEAT_SUCCESS);
    int64_t slept_at_ms = rig->now_ms;
    engine_was_away(rig->engine, slept_at_ms);
    rig_jump(rig, 2 * EVERY_S);
    assert_int_equal(open_count(rig), 0);
    assert_int_equal(row_of(rig, "db")->waits_from_ms, rig->now_ms);
}

static void a_crash_counts_from_the_last_commit(void **state)
{
    struct rig *rig = *state;
    say(rig, "db", HEARTBEAT_SUCCESS);
    rig->now_ms += INT64_C(2000) * EVERY_S;
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(open_count(rig), 0);
    rig_run(rig, EVERY_S + GRACE_S);
    assert_int_equal(open_count(rig), 1);
}

static void an_orderly_end_says_until_when_somebody_listened(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    say(rig, "db", HEARTBEAT_SUCCESS);
    rig_run(rig, EVERY_S);
    assert_int_equal(engine_rest(rig->engine, rig->now_ms, &err), STORE_COMMITTED);
    rig_restart(rig);
    rig_run(rig, GRACE_S);
    assert_int_equal(open_count(rig), 1);
}

static void a_key_too_many_is_refused(void **state)
{
    struct rig *rig = *state;
    rig->sources[0].keys_max = 2;
    say(rig, "a", HEARTBEAT_SUCCESS);
    say(rig, "b", HEARTBEAT_SUCCESS);
    say(rig, "c", HEARTBEAT_FAIL);
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    assert_string_equal(strbuf_text(&rig->answer),
                        "the source has as many keys as keys_max allows, so there is no room for "
                        "'c' of monitor");
    assert_null(row_of(rig, "c"));
    say(rig, "a", HEARTBEAT_SUCCESS);
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    say(rig, "a", HEARTBEAT_FORGET);
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    say(rig, "c", HEARTBEAT_SUCCESS);
    assert_int_equal(rig->answer_status, ANSWER_DONE);
}

static void what_is_configured_cannot_be_forgotten(void **state)
{
    static const char *const expect[] = {"db"};
    struct rig *rig = *state;
    rig->sources[0].expect = expect;
    rig->sources[0].expect_count = 1;
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(row_of(rig, "db")->state, HEARTBEAT_NEW);
    say(rig, "db", HEARTBEAT_FORGET);
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    assert_non_null(row_of(rig, "db"));
    say(rig, "none", HEARTBEAT_FORGET);
    assert_int_equal(rig->answer_status, ANSWER_UNKNOWN);
    say(rig, "none", HEARTBEAT_LOG);
    assert_int_equal(rig->answer_status, ANSWER_UNKNOWN);
    assert_null(row_of(rig, "none"));
}

static void a_source_that_is_gone_is_kept_for_a_while(void **state)
{
    struct rig *rig = *state;
    rig->book.keep_ms = rig->book_again.keep_ms = INT64_C(86400000);
    say(rig, "db", HEARTBEAT_SUCCESS);
    say(rig, "files", HEARTBEAT_FAIL);
    rig->sources[0].expect_every_ms = 0;
    rig_reload(rig, true);
    rig_run(rig, 86399);
    rig_say(rig, "ann", 1, VERB_RESOLVE);
    assert_non_null(row_of(rig, "db"));
    rig_run(rig, 1);
    assert_null(row_of(rig, "db"));
    assert_null(row_of(rig, "files"));
    assert_int_equal(open_count(rig), 0);
}

/* More than one step takes. */
static void very_many_may_be_missed_at_once(void **state)
{
    enum { COUNT = 900 };
    struct rig *rig = *state;
    char key[16];
    rig->checks_reload = false;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        say(rig, key, HEARTBEAT_SUCCESS);
    }
    rig_run(rig, EVERY_S + GRACE_S + 1);
    assert_int_equal(open_count(rig), COUNT);
}

static void what_is_known_survives_a_restart(void **state)
{
    struct rig *rig = *state;
    struct input input = rig_event_input(rig, EVENT_HEARTBEAT, "db", SEVERITY_ERROR, "shop");
    input.u.event.signal = HEARTBEAT_START;
    input.u.event.run_or_null = "9f1c";
    rig_apply(rig, &input, 1);
    rig_run(rig, 20);
    rig_restart(rig);
    rig_settle(rig);
    assert_string_equal(row_of(rig, "db")->run, "9f1c");
    say(rig, "db", HEARTBEAT_SUCCESS);
    assert_int_equal(row_of(rig, "db")->duration_ms, 20000);
    assert_int_equal(row_of(rig, "db")->success_at_ms, rig->now_ms);
    assert_false(row_of(rig, "db")->is_running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refused_heartbeat_is_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_store_refused_is_not_held_against_a_source, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_moment_of_refusal_excuses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens_while_the_machine_sleeps, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_counts_from_the_last_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(an_orderly_end_says_until_when_somebody_listened, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_key_too_many_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_configured_cannot_be_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_that_is_gone_is_kept_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(very_many_may_be_missed_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_known_survives_a_restart, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

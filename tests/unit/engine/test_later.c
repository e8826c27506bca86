/* What most incidents and alerts do not have: shared by all without it, made for one, given back, never written to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/engine/engine_state.h"
#include "gateway/engine/later.h"
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

/* An incident's own part is there if and only if there is something in it. */
static void expect_own(struct rig *rig, uint64_t number, bool incident_has, bool alert_has)
{
    const struct world *world = &rig->engine->world;
    const struct incident *incident = world_incident(world, number);
    assert_non_null(incident);
    assert_int_equal(incident->later != &incident_blank, incident_has);
    assert_int_equal(incident_later_is_blank(incident->later), !incident_has);
    assert_int_equal(incident->alerts->later != &alert_blank, alert_has);
    assert_int_equal(world->later_pool.used, incident_has);
}

static void it_is_made_by_an_answer_and_given_back(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    expect_own(rig, 1, false, false);
    rig_run(rig, 60); /* pages alone need none of it */
    rig_restart(rig);
    rig_settle(rig);
    expect_own(rig, 1, false, false);
    rig_say(rig, "ann", 1, VERB_ACK);
    expect_own(rig, 1, true, false);
    rig_restart(rig);
    rig_settle(rig);
    expect_own(rig, 1, true, false);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew");
    expect_own(rig, 1, true, true);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew"); /* reopened: nobody has it */
    expect_own(rig, 1, false, false);
}

static void it_goes_with_its_incident(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew");
    expect_own(rig, 1, true, true);
    rig_run(rig, 24 * 60 * 60);
    assert_null(world_incident(&rig->engine->world, 1));
    assert_int_equal(rig->engine->world.later_pool.used, 0);
}

static void a_commit_that_failed_leaves_none(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    rig_say(rig, "ann", 1, VERB_ACK);
    assert_int_equal(rig->answer_status, ANSWER_BUSY);
    expect_own(rig, 1, false, false);
}

static void write_to_shared_incident(void)
{
    struct incident incident = {.later = incident_without_later()};
    *(volatile uint32_t *)&incident.later->slip_count = 1;
}

static void write_to_shared_alert(void)
{
    struct alert alert = {.later = alert_without_later()};
    *(volatile int64_t *)&alert.later->resolved_at_ms = 1;
}

static bool ends_badly(void (*action)(void))
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        action();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

/* Whoever forgets later_own would give all incidents an owner at once. */
static void what_all_share_cannot_be_written_to(void **state)
{
    (void)state;
    assert_true(ends_badly(write_to_shared_incident));
    assert_true(ends_badly(write_to_shared_alert));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_made_by_an_answer_and_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_with_its_incident, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_failed_leaves_none, setup, teardown),
        cmocka_unit_test(what_all_share_cannot_be_written_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

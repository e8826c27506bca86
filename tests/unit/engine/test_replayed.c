/* A retained message that a broker shows again: what is news and what is not. */
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

static void show(struct rig *rig, enum event_action action, enum severity severity,
                 enum event_standing standing)
{
    struct input input = rig_event_input(rig, action, "k1", severity, "shop");
    input.u.event.standing = standing;
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

/* Before the replay: what happened to the alert. */
enum past { NEVER, FIRING, ACKED, BY_PERSON, BY_SOURCE, GONE_BY_PERSON, GONE_BY_SOURCE };

static void live_through(struct rig *rig, enum past past)
{
    if (past == NEVER)
        return;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 61);
    if (past == ACKED)
        rig_say(rig, "ann", 1, VERB_ACK);
    if (past == BY_PERSON || past == GONE_BY_PERSON)
        rig_say(rig, "ann", 1, VERB_RESOLVE);
    if (past == BY_SOURCE || past == GONE_BY_SOURCE)
        rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "shop");
    if (past == GONE_BY_PERSON || past == GONE_BY_SOURCE)
        rig_run(rig, 86400); /* after-care and reopening are over: it has left memory */
}

static void test_triggers(void **state)
{
    static const struct {
        const char *name;
        enum past past;
        enum severity severity;
        enum event_standing standing;
        bool is_news;
    } cases[] = {
        {"unknown", NEVER, SEVERITY_CRITICAL, EVENT_IS_REPLAYED, true},
        {"unknown after a gap", NEVER, SEVERITY_CRITICAL, EVENT_IS_REPLAYED_AFTER_GAP, true},
        {"firing", FIRING, SEVERITY_CRITICAL, EVENT_IS_REPLAYED, false},
        {"firing after a gap", FIRING, SEVERITY_CRITICAL, EVENT_IS_REPLAYED_AFTER_GAP, false},
        {"acknowledged", ACKED, SEVERITY_CRITICAL, EVENT_IS_REPLAYED, false},
        {"resolved by a person", BY_PERSON, SEVERITY_CRITICAL, EVENT_IS_REPLAYED, false},
        {"the same after a gap", BY_PERSON, SEVERITY_CRITICAL, EVENT_IS_REPLAYED_AFTER_GAP, false},
        {"resolved by a person long ago", GONE_BY_PERSON, SEVERITY_CRITICAL, EVENT_IS_REPLAYED,
         false},
        {"that after a gap", GONE_BY_PERSON, SEVERITY_CRITICAL, EVENT_IS_REPLAYED_AFTER_GAP, false},
        {"cleared by the source", BY_SOURCE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED, false},
        {"cleared, and after a gap", BY_SOURCE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED_AFTER_GAP,
         true},
        {"cleared long ago", GONE_BY_SOURCE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED, false},
        {"cleared long ago, after a gap", GONE_BY_SOURCE, SEVERITY_CRITICAL,
         EVENT_IS_REPLAYED_AFTER_GAP, true},
        {"another content", GONE_BY_PERSON, SEVERITY_WARNING, EVENT_IS_REPLAYED, true},
        {"no replay", GONE_BY_PERSON, SEVERITY_CRITICAL, EVENT_IS_NEWS, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
        struct rig rig;
        rig_init(&rig);
        live_through(&rig, cases[i / 2].past);
        if (i % 2 == 1)
            rig_restart(&rig);
        (void)rig_log(&rig);
        show(&rig, EVENT_TRIGGER, cases[i / 2].severity, cases[i / 2].standing);
        bool is_news = strcmp(rig_log(&rig), "") != 0;
        if (is_news != cases[i / 2].is_news)
            fail_msg("%s%s: got %s", cases[i / 2].name, i % 2 == 1 ? ", restarted" : "",
                     is_news ? "news" : "no news");
        rig_clear(&rig);
    }
}

static void test_a_replay_counts_nothing(void **state)
{
    struct rig *rig = *state;
    live_through(rig, FIRING);
    struct engine_counts before, after;
    unsigned char hash[2][32];
    engine_counts(rig->engine, &before);
    engine_hash(rig->engine, hash[0]);
    show(rig, EVENT_TRIGGER, SEVERITY_CRITICAL, EVENT_IS_REPLAYED);
    engine_counts(rig->engine, &after);
    engine_hash(rig->engine, hash[1]);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_memory_equal(hash[0], hash[1], sizeof(hash[0]));
    assert_int_equal(rig->answer_incident, 1);
}

static void test_acts_happen_once(void **state)
{
    struct rig *rig = *state;
    live_through(rig, FIRING);
    (void)rig_log(rig);
    show(rig, EVENT_ACKNOWLEDGE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED_AFTER_GAP);
    show(rig, EVENT_HEARTBEAT, SEVERITY_CRITICAL, EVENT_IS_REPLAYED);
    show(rig, EVENT_CHANGE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED);
    assert_string_equal(rig_log(rig), "");
}

static void test_a_resolve_is_a_state(void **state)
{
    struct rig *rig = *state;
    live_through(rig, FIRING);
    (void)rig_log(rig);
    show(rig, EVENT_RESOLVE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED);
    assert_non_null(strstr(rig_log(rig), "resolved"));
    show(rig, EVENT_RESOLVE, SEVERITY_CRITICAL, EVENT_IS_REPLAYED);
    assert_string_equal(rig_log(rig), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triggers),
        cmocka_unit_test_setup_teardown(test_a_replay_counts_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acts_happen_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_resolve_is_a_state, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

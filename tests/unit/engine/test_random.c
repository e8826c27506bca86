/* Random lives of a small world, with a store that refuses, outages, restarts and bad channels:
 * after every commit a reload gives the same world, the order protocol holds, keys are unique; when
 * the faults stop everything comes to rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

enum { SEEDS = 30, STEPS = 120, QUIET_SECONDS = 16 * 3600 };

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static uint64_t pick(uint64_t *seed, uint64_t below)
{
    return next(seed) % below;
}

static void some_event(struct rig *rig, uint64_t *seed)
{
    static const char *const keys[] = {"a", "b", "c", "d", ""};
    static const char *const services[] = {"shop", "crew", "manual", "blog"};
    static const enum event_action actions[] = {EVENT_TRIGGER,  EVENT_TRIGGER, EVENT_TRIGGER,
                                                EVENT_RESOLVE,  EVENT_RESOLVE, EVENT_ACKNOWLEDGE,
                                                EVENT_HEARTBEAT};
    struct input inputs[4];
    size_t count = 1 + pick(seed, 4);
    for (size_t i = 0; i < count; i++) {
        inputs[i] =
            rig_event_input(rig, actions[pick(seed, 7)], keys[pick(seed, 5)],
                            (enum severity)pick(seed, SEVERITY_COUNT), services[pick(seed, 4)]);
        if (rig->book.expects_heartbeats)
            inputs[i].u.event.signal = (enum heartbeat_signal)pick(seed, HEARTBEAT_SIGNAL_COUNT);
    }
    rig_apply(rig, inputs, count);
}

static void some_reply(struct rig *rig, uint64_t *seed)
{
    static const char *const people[] = {"ann", "bob", "carol", "mallory"};
    struct reply_command commands[2];
    size_t count = pick(seed, 3);
    for (size_t i = 0; i < count; i++)
        commands[i] = (struct reply_command){.verb = (enum verb)(1 + pick(seed, VERB_COUNT - 1)),
                                             .text = "words",
                                             .duration_ms = (int64_t)pick(seed, 7200) * 1000,
                                             .clock_minute = -1,
                                             .priority = (int)pick(seed, 7)};
    if (pick(seed, 4) == 0)
        rig_tell(rig, people[pick(seed, 4)], pick(seed, 60), "01:30 deployed\nand nothing else");
    else
        rig_reply(rig, people[pick(seed, 4)], pick(seed, 6), commands, count);
}

static void some_report(struct rig *rig, uint64_t *seed)
{
    static const char *const people[] = {"ann", "bob", "root"};
    static const char *const reports[] = {
        "{\"summary\":\"down\",\"labels\":{\"service\":\"shop\"}}",
        "{\"summary\":\"down\",\"labels\":{\"service\":\"crew\"},\"key\":\"a\",\"source\":\"mon\"}",
        "{\"summary\":\"down\",\"severity\":\"warning\",\"labels\":{\"service\":\"manual\"}}",
        "{\"summary\":\"down\",\"labels\":{\"service\":\"blog\"}}", "{}"};
    rig_report(rig, people[pick(seed, 3)], reports[pick(seed, 5)], (int64_t)pick(seed, 3) * 600000);
}

static void some_fault(struct rig *rig, uint64_t *seed)
{
    static const enum store_verdict verdicts[] = {STORE_BUSY, STORE_FULL, STORE_UNKNOWN,
                                                  STORE_UNKNOWN};
    if (pick(seed, 3) == 0)
        store_fail_commit(rig->store, (int64_t)(1 + pick(seed, 3)), verdicts[pick(seed, 4)],
                          pick(seed, 2) == 1);
    for (size_t i = 0; i < 3; i++)
        rig->outcomes[i] =
            pick(seed, 2) == 0 ? OUTCOME_ACCEPTED : (enum outcome)pick(seed, OUTCOME_COUNT);
}

/* Duty changes hands daily, people stand in, and all of it is told. */
static const char *const on_duty[] = {"ann", "bob", "carol"};
static const struct schedule schedules[] = {
    {.name = "lead",
     .members = on_duty,
     .member_count = 3,
     .rotate_days = 1,
     .rotate_hour = 3,
     .tells_handover = true},
    {.name = "all", .members = on_duty, .member_count = 2, .tells_handover = true}};

static void some_override(struct rig *rig, uint64_t *seed)
{
    char text[256];
    uint64_t number = 1 + pick(seed, 6);
    const char *schedule = pick(seed, 2) == 0 ? "lead" : "all";
    const char *instead_of = pick(seed, 2) == 0 ? "" : on_duty[pick(seed, 3)];
    if (pick(seed, 3) == 0)
        (void)snprintf(text, sizeof(text), "{\"remove\":%u}", (unsigned)number);
    else
        (void)snprintf(text, sizeof(text),
                       "{\"schedule\":\"%s\",\"who\":\"%s\",\"for\":\"%us\"%s%s%s}", schedule,
                       on_duty[pick(seed, 3)], 1 + (unsigned)pick(seed, 4000),
                       instead_of[0] != '\0' ? ",\"instead_of\":\"" : "", instead_of,
                       instead_of[0] != '\0' ? "\"" : "");
    rig_override(rig, text);
}

static void give_schedules(struct rig *rig, struct schedule mine[2])
{
    memcpy(mine, schedules, sizeof(schedules));
    mine[0].zone = rig->zone;
    mine[1].zone = rig->zone;
    rig->book.schedules = mine;
    rig->book.schedule_count = 2;
    rig->book_again.schedules = mine; /* a reload takes the second away, and gives it back */
    rig->book_again.schedule_count = 1;
}

static void some_change(struct rig *rig, uint64_t *seed)
{
    if (pick(seed, 3) == 0)
        rig_reload(rig, rig->current == &rig->book);
    rig_command(rig, 1 + pick(seed, 6), VERB_REPOLICY);
}

static void live_on(struct rig *rig, uint64_t *seed)
{
    switch (pick(seed, 10)) {
    case 9:
        some_override(rig, seed);
        break;
    case 8:
        some_change(rig, seed);
        break;
    case 0:
    case 1:
        some_event(rig, seed);
        break;
    case 2:
        some_reply(rig, seed);
        break;
    case 3:
        some_fault(rig, seed);
        break;
    case 4:
        rig_receipt(rig, 1 + pick(seed, 40), pick(seed, 2) == 0);
        break;
    case 5:
        rig_jump(rig, (int64_t)pick(seed, 4000));
        break;
    case 6:
        if (pick(seed, 6) == 0)
            rig_restart(rig);
        else
            some_report(rig, seed);
        break;
    default:
        rig_run(rig, (int64_t)pick(seed, 400));
        break;
    }
}

/* In every other life the source is watched as well: each of its events is a sign of life. */
static void watch_source(struct rig *rig, bool is_watched)
{
    static const char *const expect[] = {"a", "never"};
    rig->sources[0].expect_every_ms = is_watched ? 1800000 : 0;
    rig->sources[0].grace_ms = 300000;
    rig->sources[0].keys_max = 4;
    rig->sources[0].expect = expect;
    rig->sources[0].expect_count = is_watched ? 2 : 0;
    rig->sources[0].severity = SEVERITY_ERROR;
    rig->book.expects_heartbeats = rig->book_again.expects_heartbeats = is_watched;
}

static void come_to_rest(struct rig *rig)
{
    struct engine_counts counts;
    if (rig->book.expects_heartbeats) {
        watch_source(rig, false);
        rig_restart(rig);
    }
    for (size_t i = 0; i < 4; i++)
        rig->outcomes[i] = OUTCOME_ACCEPTED;
    rig_run(rig, 60); /* uses up what was still to be refused */
    rig_event(rig, EVENT_HEARTBEAT, "x", SEVERITY_INFO, "blog");
    rig_event(rig, EVENT_HEARTBEAT, "x", SEVERITY_INFO, "blog");
    rig_event(rig, EVENT_HEARTBEAT, "x", SEVERITY_INFO, "blog");
    for (uint64_t number = 1; number < 400; number++)
        rig_say(rig, "ann", number, VERB_RESOLVE);
    rig_run(rig, QUIET_SECONDS);
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.open_incidents, 0);
    assert_int_equal(counts.pending_notifications, 0);
    assert_int_equal(counts.claimed_notifications, 0);
    assert_int_equal(counts.live_incidents, 0);
}

static void random_lives_keep_the_invariants(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= SEEDS; start++) {
        uint64_t seed = start * 7919;
        struct rig rig;
        struct schedule mine[2];
        rig_init(&rig);
        give_schedules(&rig, mine);
        watch_source(&rig, start % 2 == 0);
        rig_ask_for(&rig, 0, (uint8_t)(start % 16));
        rig_ask_for(&rig, 1, (uint8_t)(start / 2 % 16));
        for (int i = 0; i < STEPS; i++)
            live_on(&rig, &seed);
        come_to_rest(&rig);
        rig_clear(&rig);
    }
}

/* Most messages meet a limit, and half of the people sleep. */
static void some_storm(struct rig *rig, uint64_t *seed)
{
    if (pick(seed, 4) == 0)
        rig_clock(rig, (int64_t)pick(seed, 24) * 3600000);
    else
        rig_say(rig, pick(seed, 2) == 0 ? "ann" : "bob", 0, VERB_ALL_ACK);
}

static void storms_and_nights_keep_the_invariants(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= SEEDS; start++) {
        uint64_t seed = start * 104729;
        struct rig rig;
        rig_init(&rig);
        rig_limit(&rig, 1 + (int64_t)pick(&seed, 3), 3);
        rig_quiet(&rig);
        for (int i = 0; i < STEPS; i++) {
            if (pick(&seed, 10) == 0)
                some_storm(&rig, &seed);
            else
                live_on(&rig, &seed);
        }
        rig_clock(&rig, 0);
        come_to_rest(&rig);
        rig_clear(&rig);
    }
}

static uint64_t life_hash(uint64_t start)
{
    uint64_t seed = start;
    struct rig rig;
    struct schedule mine[2];
    rig_init(&rig);
    give_schedules(&rig, mine);
    watch_source(&rig, start % 2 == 0);
    rig.checks_reload = false;
    for (int i = 0; i < STEPS; i++)
        live_on(&rig, &seed);
    uint64_t hash = text_hash(1, strbuf_text(&rig.log), rig.log.length);
    rig_clear(&rig);
    return hash;
}

static void the_same_seed_gives_the_same_life(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= 10; start++)
        assert_true(life_hash(start) == life_hash(start));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_keep_the_invariants),
        cmocka_unit_test(storms_and_nights_keep_the_invariants),
        cmocka_unit_test(the_same_seed_gives_the_same_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* DESIGN section 4, rules 1 to 8, 10 and 12, as timelines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

static void expect(struct rig *rig, const char *want)
{
    const char *got = rig_log(rig);
    if (strcmp(got, want) != 0)
        fail_msg("got:\n%swant:\n%s", got, want);
}

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

static void the_ladder_climbs_to_exhaustion(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    assert_int_equal(rig->answer_incident, 1);
    expect(rig, "0 opened\n");
    rig_run(rig, 60);
    expect(rig, "60 triggered\n60 step\n60 page lead ann sms\n60 page lead ann voice +180\n");
    rig_run(rig, 300);
    expect(rig, "360 step\n360 page vp carol sms\n");
    rig_run(rig, 600);
    expect(rig, "960 climb\n960 step\n960 page lead ann sms\n960 page lead ann voice +180\n");
    rig_run(rig, 300);
    expect(rig, "1260 step\n1260 page vp carol sms\n");
    rig_run(rig, 600);
    expect(rig, "1860 exhausted\n1860 fallback\n1860 page fallback bob sms\n");
    rig_run(rig, 7200);
    expect(
        rig,
        "5460 fallback\n5460 page fallback bob sms\n9060 fallback\n9060 page fallback bob sms\n");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_CRITICAL, "shop");
    expect(rig, "9060 alert\n9060 climb\n9060 step\n9060 page lead ann sms\n9060 page lead ann "
                "voice +180\n");
}

static void what_clears_in_the_hold_is_told_to_nobody(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 30);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 36000);
    expect(rig, "0 opened\n30 cleared-in-hold\n30 resolved\n");
    assert_int_equal(rig->start_count, 0);
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.live_incidents, 0);
}

static void an_ack_stops_the_pages_and_its_end_climbs_on(void **state)
{
    struct rig *rig = *state;
    const struct reply_command ack[] = {
        {.verb = VERB_ACK, .text = "", .clock_minute = -1},
        {.verb = VERB_ETA, .text = "", .duration_ms = 1800000, .clock_minute = -1}};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 120);
    (void)rig_log(rig);
    rig_reply(rig, "ann", 1, ack, 2);
    expect(rig, "120 cancelled 2\n120 ack\n");
    assert_string_equal(
        strbuf_text(&rig->answer),
        "#1 is yours until Sun 2026-03-01 02:37 (UTC), back expected Sun 2026-03-01 02:32 (UTC).");
    rig_run(rig, 1799);
    expect(rig, "960 step\n960 inform tell &fans email\n960 inform tell &fans email\n");
    rig_run(rig, 1);
    expect(rig, "1920 reminder\n1920 reminder lead ann sms\n");
    rig_run(rig, 300);
    expect(rig, "2220 eta-missed\n2220 triggered\n2220 step\n2220 page vp carol sms\n");
    rig_run(rig, 600);
    expect(rig, "2820 climb\n2820 step\n2820 page lead ann sms\n2820 page lead ann voice +180\n");
}

static void an_ack_in_the_hold_counts(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_say(rig, "ann", 1, VERB_KNOWN);
    rig_run(rig, 600);
    expect(rig, "0 opened\n0 ack\n0 known\n");
    assert_int_equal(rig->start_count, 0);
}

static void those_paged_hear_who_has_it_and_the_end(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "crew");
    expect(rig, "0 opened\n0 triggered\n0 step\n0 page crew ann sms\n0 page crew ann voice +180\n0 "
                "page crew bob sms\n");
    rig_run(rig, 10);
    rig_say(rig, "ann", 1, VERB_ACK);
    expect(rig, "10 cancelled 2\n10 ack\n10 notice crew bob sms\n");
    rig_run(rig, 10);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "crew");
    expect(rig, "20 resolved\n20 notice crew ann sms\n20 notice crew bob sms\n");
}

static void a_step_that_names_nobody_moves_on(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "crew");
    (void)rig_log(rig);
    rig_run(rig, 300);
    expect(
        rig,
        "300 nobody\n300 fallback\n300 page fallback bob sms\n300 step\n300 page vp carol sms\n");
    rig_run(rig, 299);
    expect(rig, "");
    rig_run(rig, 1);
    expect(rig, "600 exhausted\n600 fallback\n600 page fallback bob sms\n");
}

static void failed_methods_bring_the_next_forward(void **state)
{
    struct rig *rig = *state;
    rig->outcomes[0] = OUTCOME_FAILED;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 60);
    expect(rig, "0 opened\n60 triggered\n60 step\n60 page lead ann sms\n60 page lead ann voice "
                "+180\n60 not-sent\n");
    assert_int_equal(rig->start_count, 2); /* the voice page has gone out at once */
    rig_run(rig, 299);
    expect(rig, "");
}

static void when_all_methods_fail_the_next_step_runs(void **state)
{
    struct rig *rig = *state;
    rig->outcomes[0] = OUTCOME_FAILED;
    rig->outcomes[1] = OUTCOME_FAILED;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 61);
    /* carol has only sms: the fallback (bob) follows, and its failure leaves nobody */
    expect(rig, "0 opened\n60 triggered\n60 step\n60 page lead ann sms\n60 page lead ann voice "
                "+180\n60 not-sent\n"
                "60 not-sent\n60 unreached\n60 step\n60 page vp carol sms\n"
                "60 not-sent\n60 unreached\n60 fallback\n60 page fallback bob sms\n60 not-sent\n60 "
                "fallback-unreachable\n");
    rig->outcomes[0] = OUTCOME_ACCEPTED;
    rig_run(rig, 600);
    expect(rig, "660 climb\n660 step\n660 page lead ann sms\n660 page lead ann voice +180\n");
}

static void nobody_within_reach_runs_the_next_step(void **state)
{
    struct rig *rig = *state;
    rig->holds_results = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 179);
    (void)rig_log(rig);
    rig_run(rig, 1);
    expect(rig, "180 unreached\n180 step\n180 page vp carol sms\n180 cancelled 2\n");
}

static void an_undelivered_receipt_is_a_failure(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 62);
    (void)rig_log(rig);
    rig_receipt(rig, 1, false);
    expect(rig, "62 not-sent\n");
    assert_int_equal(rig->start_count, 2);
    rig_receipt(rig, 1, true); /* never backwards */
    rig_receipt(rig, 2, true);
    rig_receipt(rig, 2, false);
    expect(rig, "");
}

static void the_same_key_soon_reopens(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 100);
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "shop");
    (void)rig_log(rig);
    rig_run(rig, 299);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    assert_int_equal(rig->answer_incident, 1);
    rig_run(rig, 60);
    expect(rig, "399 reopened\n459 triggered\n459 step\n459 page lead ann sms\n459 page lead ann "
                "voice +180\n");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 301);
    (void)rig_log(rig);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    assert_int_equal(rig->answer_incident, 2);
}

static void after_a_persons_resolve_repeats_only_count(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 100);
    rig_say(rig, "bob", 1, VERB_RESOLVE);
    (void)rig_log(rig);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "shop");
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    expect(rig, "");
    rig_run(rig, 301);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    assert_int_equal(rig->answer_incident, 2);
    expect(rig, "401 opened\n401 linked\n");
    rig_say(rig, "ann", 2, VERB_ACK);
    (void)rig_log(rig);
    rig_run(
        rig,
        600); /* after-care comes at its place in the ladder, not before the reopening is past */
    expect(rig, "960 step\n960 ask next ann email\n");
}

/* Reopening one incident and resolving the group's other one in the same batch: the store must see
 * the group free before it is taken. */
static void a_group_changes_hands_within_a_batch(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "shop");
    struct input note = {.kind = INPUT_REPLY, .actor = "ann"};
    note.u.reply =
        (struct reply){.from = "ann", .via = "sms", .incident = 1, .raw = "looked at it"};
    struct input inputs[] = {note,
                             rig_event_input(rig, EVENT_RESOLVE, "k2", SEVERITY_ERROR, "shop"),
                             rig_event_input(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop")};
    (void)rig_log(rig);
    rig_apply(rig, inputs, 3);
    assert_int_equal(rig->verdict, STORE_COMMITTED);
    assert_non_null(strstr(rig_log(rig), "0 resolved\n0 reopened\n"));
}

static void manual_policies_wait_for_a_person(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "manual");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "manual");
    expect(rig, "0 opened\n0 triggered\n0 step\n0 page only bob sms\n0 cleared\n");
    rig_run(rig, 300);
    expect(rig, "300 exhausted\n300 fallback\n300 page fallback bob sms\n");
    rig_say(rig, "bob", 1, VERB_RESOLVE);
    expect(rig, "300 resolved\n");
}

/* What informs is not cancelled by the resolution, so whoever is still to get it hears the end. */
static void who_is_still_to_be_informed_hears_the_end(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_run(rig, 961); /* 1m hold and 15m to the step `tell` */
    (void)rig_log(rig);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "shop");
    expect(rig, "961 resolved\n961 notice tell &fans email\n961 notice tell &fans email\n");
}

static void a_policy_without_pages_stays_exhausted(void **state)
{
    struct rig *rig = *state;
    rig->policies[2].group_by = rig->policies[0].group_by;
    rig->policies[2].group_by_count = 1;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "manual");
    rig_run(rig, 301);
    rig_reload(rig, true);
    rig_command(rig, 1, VERB_REPOLICY);
    (void)rig_log(rig);
    rig_run(rig, 3600);
    assert_non_null(strstr(rig_log(rig), "3900 fallback\n3900 page fallback bob sms\n"));
    rig->policies_again[2].group_by = rig->policies[0].group_by;
    rig->policies_again[2].group_by_count = 1;
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "manual");
    assert_int_equal(rig->answer_incident, 1);
    expect(rig, "3901 alert\n");
}

static void an_outage_does_not_become_a_burst(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 70);
    (void)rig_log(rig);
    rig->now_ms += 3600000;
    rig_restart(rig);
    rig_settle(rig);
    expect(rig, "3670 step\n3670 page vp carol sms\n");
    rig_run(rig, 600);
    expect(rig, "4270 climb\n4270 step\n4270 page lead ann sms\n4270 page lead ann voice +180\n");
}

/* Down before the page went out: nobody has been tried, so nobody counts as not reached. */
static void an_outage_skips_nobody(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 61);
    expect(rig, "0 opened\n60 triggered\n60 step\n60 page lead ann sms\n60 page lead ann voice "
                "+180\n");
    uint64_t started = rig->start_count;
    rig->holds_offers = false;
    rig->now_ms += 3600000;
    rig_restart(rig);
    rig_settle(rig);
    expect(rig, "");
    assert_int_equal(rig->start_count, started + 2);
    rig_run(rig, 300);
    expect(rig, "3961 step\n3961 page vp carol sms\n"); /* 5m from when the lead was paged */
}

/* The time of the reminder and that of the lapse both passed while down: nobody is asked for what no longer counts. */
static void an_outage_past_the_end_of_an_ack_reminds_nobody(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 61);
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_run(rig, 1000);
    (void)rig_log(rig);
    rig->now_ms += 3600000;
    rig_restart(rig);
    rig_settle(rig);
    expect(rig, "4661 ack-timeout\n4661 triggered\n4661 step\n4661 page vp carol sms\n");
}

static void a_rising_severity_pages_the_owner(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_run(rig, 61);
    rig_say(rig, "ann", 1, VERB_ACK);
    (void)rig_log(rig);
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    expect(rig, "61 alert\n61 severity\n61 page lead ann sms\n");
    rig_run(rig, 300);
    expect(rig, "361 no-answer\n361 triggered\n361 step\n361 page vp carol sms\n");
}

static void too_many_incidents_open_one_more(void **state)
{
    struct rig *rig = *state;
    char key[16];
    for (int i = 0; i < 30; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        rig_event(rig, EVENT_TRIGGER, arena_strdup(&rig->arena, key), SEVERITY_ERROR, "blog");
        assert_int_equal(rig->answer_status, ANSWER_DONE);
        assert_int_equal(rig->answer_incident, i < 20 ? i + 1 : 21);
    }
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.open_incidents, 21);
    rig_event(rig, EVENT_RESOLVE, "k3", SEVERITY_ERROR, "blog");
    rig_event(rig, EVENT_TRIGGER, "k31", SEVERITY_ERROR, "blog");
    assert_int_equal(rig->answer_incident, 22);
}

static void unknown_keys_create_nothing(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_RESOLVE, "k9", SEVERITY_ERROR, "shop");
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    assert_int_equal(rig->answer_incident, 0);
    rig_event(rig, EVENT_ACKNOWLEDGE, "k9", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_HEARTBEAT, "k9", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_CHANGE, "k9", SEVERITY_ERROR, "shop");
    expect(rig, "");
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.live_incidents, 0);
}

static void an_acknowledge_event_reminds_whoever_was_paged(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_run(rig, 61);
    rig_event(rig, EVENT_ACKNOWLEDGE, "k1", SEVERITY_CRITICAL, "shop");
    (void)rig_log(rig);
    rig_run(rig, 1800);
    expect(rig, "960 step\n960 inform tell &fans email\n960 inform tell &fans email\n"
                "1561 reminder\n1561 reminder lead ann sms\n1861 ack-timeout\n1861 triggered\n1861 "
                "step\n1861 page vp carol sms\n");
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_ladder_climbs_to_exhaustion),
        RIG_TEST(what_clears_in_the_hold_is_told_to_nobody),
        RIG_TEST(an_ack_stops_the_pages_and_its_end_climbs_on),
        RIG_TEST(an_ack_in_the_hold_counts),
        RIG_TEST(those_paged_hear_who_has_it_and_the_end),
        RIG_TEST(a_step_that_names_nobody_moves_on),
        RIG_TEST(failed_methods_bring_the_next_forward),
        RIG_TEST(when_all_methods_fail_the_next_step_runs),
        RIG_TEST(nobody_within_reach_runs_the_next_step),
        RIG_TEST(an_undelivered_receipt_is_a_failure),
        RIG_TEST(the_same_key_soon_reopens),
        RIG_TEST(after_a_persons_resolve_repeats_only_count),
        RIG_TEST(a_group_changes_hands_within_a_batch),
        RIG_TEST(manual_policies_wait_for_a_person),
        RIG_TEST(who_is_still_to_be_informed_hears_the_end),
        RIG_TEST(a_policy_without_pages_stays_exhausted),
        RIG_TEST(an_outage_does_not_become_a_burst),
        RIG_TEST(an_outage_skips_nobody),
        RIG_TEST(an_outage_past_the_end_of_an_ack_reminds_nobody),
        RIG_TEST(a_rising_severity_pages_the_owner),
        RIG_TEST(too_many_incidents_open_one_more),
        RIG_TEST(unknown_keys_create_nothing),
        RIG_TEST(an_acknowledge_event_reminds_whoever_was_paged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

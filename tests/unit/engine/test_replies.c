/* What people say, and what they hear (DESIGN section 4, rules 7 to 9; section 7). */
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

static void expect_answer(struct rig *rig, enum answer_status status, const char *part)
{
    const char *got = strbuf_text(&rig->answer);
    if (rig->answer_status != status || strstr(got, part) == NULL)
        fail_msg("status %d: %s; want %d: %s", (int)rig->answer_status, got, (int)status, part);
}

static void the_first_ack_wins_and_the_second_hears_it(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 is yours until Sun 2026-03-01 02:30 (UTC).");
    rig_say(rig, "bob", 1, VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "ann already has #1 until Sun 2026-03-01 02:30 (UTC)");
    rig_say(rig, "bob", 1, VERB_TAKE);
    expect_answer(rig, ANSWER_DONE, "#1 is yours");
    rig_say(rig, "ann", 1, VERB_RESOLVE);
    expect_answer(rig, ANSWER_DONE, "#1 is resolved.");
    rig_say(rig, "bob", 1, VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 was resolved at Sun 2026-03-01 02:00 (UTC).");
}

static void an_eta_may_be_a_clock_time(void **state)
{
    struct rig *rig = *state;
    const struct reply_command eta = {.verb = VERB_ETA, .text = "", .clock_minute = 14 * 60 + 30};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_reply(rig, "ann", 1, &eta, 1);
    expect_answer(rig, ANSWER_DONE, "back expected Sun 2026-03-01 14:30 (UTC)");
    const struct reply_command past = {.verb = VERB_ETA, .text = "", .clock_minute = 60};
    rig_reply(rig, "ann", 1, &past, 1);
    expect_answer(rig, ANSWER_DONE, "back expected Mon 2026-03-02 01:00 (UTC)");
}

static void fields_are_recorded_in_one_message(void **state)
{
    struct rig *rig = *state;
    const struct reply_command commands[] = {
        {.verb = VERB_ACK, .text = "", .clock_minute = -1},
        {.verb = VERB_PRIORITY, .text = "", .priority = 2, .clock_minute = -1},
        {.verb = VERB_CAUSE, .text = "db failover", .clock_minute = -1},
        {.verb = VERB_LOSS, .text = "two minutes", .clock_minute = -1},
        {.verb = VERB_RESTORED, .text = "from the snapshot", .clock_minute = -1}};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    rig_reply(rig, "ann", 1, commands, 5);
    assert_non_null(strstr(
        rig_log(rig), "0 ack\n0 notice crew bob sms\n0 priority\n0 cause\n0 loss\n0 restored\n"));
    expect_answer(rig, ANSWER_DONE, "#1 is p2. #1: cause recorded. #1: loss recorded.");
}

static void unbound_replies_guess_nothing(void **state)
{
    struct rig *rig = *state;
    rig_say(rig, "ann", 0, VERB_ACK);
    expect_answer(rig, ANSWER_UNKNOWN, "No open incident of yours");
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 0, VERB_ACK);
    expect_answer(rig, ANSWER_UNKNOWN,
                  "Which one? Put its number first: #1 something broke; #2 something broke");
    rig_say(rig, "ann", 2, VERB_ACK);
    rig_say(rig, "ann", 0, VERB_ACK); /* one is left that she was paged for */
    expect_answer(rig, ANSWER_DONE, "#1 is yours");
    rig_say(rig, "carol", 0, VERB_STATUS);
    expect_answer(rig, ANSWER_UNKNOWN, "No open incident of yours");
    rig_say(rig, "bob", 9, VERB_ACK);
    expect_answer(rig, ANSWER_UNKNOWN, "There is no incident #9.");
}

static void strangers_change_and_hear_nothing(void **state)
{
    struct rig *rig = *state;
    unsigned char before[32];
    unsigned char after[32];
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    engine_hash(rig->engine, before);
    rig_say(rig, "mallory", 1, VERB_ACK);
    engine_hash(rig->engine, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    assert_string_equal(strbuf_text(&rig->answer), "");
}

static void escalate_and_pass_move_the_ladder(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_run(rig, 10);
    (void)rig_log(rig);
    rig_say(rig, "ann", 1, VERB_PASS);
    assert_string_equal(rig_log(rig), "10 pass\n10 cancelled 2\n");
    rig_say(rig, "bob", 1, VERB_PASS);
    assert_non_null(strstr(rig_log(rig), "10 pass\n10 escalate\n10 nobody\n10 fallback\n"));
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "shop");
    rig_say(rig, "ann", 2, VERB_ACK);
    (void)rig_log(rig);
    rig_say(rig, "bob", 2, VERB_ESCALATE);
    assert_string_equal(rig_log(rig), "10 ack-ended\n10 triggered\n10 escalate\n10 step\n10 page "
                                      "lead ann sms\n10 page lead ann voice +180\n");
}

static void an_escalate_of_an_old_page_is_answered_only(void **state)
{
    struct rig *rig = *state;
    struct input input = {.kind = INPUT_REPLY, .actor = "contact ann"};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_run(rig, 400); /* step vp has run */
    (void)rig_log(rig);
    input.u.reply = (struct reply){
        .from = "ann", .via = "sms", .notification = 1, .raw = "e", .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = VERB_ESCALATE, .text = "", .clock_minute = -1};
    rig_apply(rig, &input, 1);
    rig_settle(rig);
    assert_string_equal(rig_log(rig), "400 note\n400 answer lead ann sms\n");
}

static void what_is_not_possible_is_said_and_noted(void **state)
{
    struct rig *rig = *state;
    static const enum verb verbs[] = {VERB_APPROVE, VERB_REJECT};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        (void)rig_log(rig);
        rig_say(rig, "ann", 1, verbs[i]);
        expect_answer(rig, ANSWER_REFUSED, "#1: no update waits for approval.");
        assert_string_equal(rig_log(rig), "0 note\n");
    }
    rig_say(rig, "ann", 1, VERB_WHAT);
    expect_answer(rig, ANSWER_REFUSED, "what: the text is missing");
}

static void what_is_closed_is_still_answered(void **state)
{
    struct rig *rig = *state;
    const struct reply_command note = {.verb = VERB_NOTE, .text = "it was a fuse"};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew");
    rig_run(rig, 6 * 3600);
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.live_incidents, 0);
    (void)rig_log(rig);
    rig_say(rig, "ann", 1, VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 was resolved at Sun 2026-03-01 02:00 (UTC).");
    rig_reply(rig, "ann", 1, &note, 1);
    expect_answer(rig, ANSWER_DONE, "#1 was resolved at");
    rig_reply(rig, "bob", 1, NULL, 0);
    rig_say(rig, "bob", 1, VERB_ESCALATE);
    expect_answer(rig, ANSWER_REFUSED, "#1 was resolved at");
    assert_string_equal(rig_log(rig), "21600 note\n21600 note\n21600 note\n");
}

static void whoever_takes_over_may_promise(void **state)
{
    struct rig *rig = *state;
    const struct reply_command commands[] = {
        {.verb = VERB_TAKE, .text = "", .clock_minute = -1},
        {.verb = VERB_ETA, .text = "", .duration_ms = 3600000, .clock_minute = -1}};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_reply(rig, "bob", 1, commands, 2);
    expect_answer(rig, ANSWER_DONE,
                  "#1 is yours until Sun 2026-03-01 03:05 (UTC), back expected Sun 2026-03-01 "
                  "03:00 (UTC).");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    rig_reply(rig, "bob", 2, commands, 2); /* nobody has it: one ack */
    assert_string_equal(rig_log(rig), "0 cancelled 6\n0 ack\n0 notice crew ann sms\n");
}

/* Reopened, and still holding: the page of before is no longer the latest. */
static void an_old_page_escalates_nothing_in_the_hold(void **state)
{
    struct rig *rig = *state;
    struct input input = {.kind = INPUT_REPLY, .actor = "contact ann"};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_run(rig, 70);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    (void)rig_log(rig);
    input.u.reply = (struct reply){
        .from = "ann", .via = "sms", .notification = 1, .raw = "e", .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = VERB_ESCALATE, .text = "", .clock_minute = -1};
    rig_apply(rig, &input, 1);
    rig_settle(rig);
    assert_string_equal(rig_log(rig), "70 note\n70 answer  ann sms\n");
    rig_say(rig, "ann", 1, VERB_ESCALATE);
    assert_non_null(strstr(rig_log(rig), "70 triggered\n70 escalate\n70 step\n"));
}

static void whoever_replies_is_one_of_everyone(void **state)
{
    struct rig *rig = *state;
    rig_reload(rig, true);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_say(rig, "ann", 1, VERB_STATUS); /* not of the second version's ladder */
    rig_say(rig, "ann", 1, VERB_STATUS);
    rig_restart(rig);
    rig_run(rig, 420); /* 1m hold and 6m to the step `all` */
    const char *log = rig_log(rig);
    assert_non_null(strstr(log, "420 inform all carol email\n420 inform all bob sms\n"
                                "420 inform all ann email\n"));
}

static void an_operator_moves_it_to_the_current_version(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_command(rig, 1, VERB_REPOLICY);
    expect_answer(rig, ANSWER_REFUSED, "#1 already runs the current version of policy shop.");
    rig_reload(rig, true);
    rig_run(rig, 70); /* lead was paged at 60 */
    (void)rig_log(rig);
    rig_command(rig, 1, VERB_REPOLICY);
    expect_answer(rig, ANSWER_DONE, "#1 now runs version shop again of policy shop.");
    /* vp now stands above lead: at once; lead had its turn; boss after vp's wait; then the climb.
     */
    assert_string_equal(rig_log(rig),
                        "70 repolicy\n70 step\n70 page vp carol sms\n70 cancelled 2\n");
    rig_run(rig, 180);
    assert_non_null(strstr(rig_log(rig), "190 step\n190 page boss carol sms\n250 climb\n"));
    rig_say(rig, "ann", 1, VERB_RESOLVE);
    rig_command(rig, 1, VERB_REPOLICY);
    expect_answer(rig, ANSWER_REFUSED, "#1 was resolved at");
}

static void without_its_policy_it_is_routed_anew(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_reload(rig, true);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew"); /* another may open meanwhile */
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    rig_reload(rig, false);
    rig_command(rig, 2, VERB_REPOLICY);
    expect_answer(rig, ANSWER_DONE, "#2 now runs version crew of policy crew.");
    rig_reload(rig, true);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew"); /* reopened under `crew` */
    assert_int_equal(rig->answer_incident, 1);
    rig_command(rig, 1, VERB_REPOLICY);
    expect_answer(rig, ANSWER_DONE, "#1 now runs version team of policy team.");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew");
    assert_int_equal(rig->answer_incident, 1);
}

static void free_text_is_a_note_and_no_ack(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    rig_reply(rig, "ann", 1, NULL, 0);
    expect_answer(rig, ANSWER_DONE, "It did not acknowledge");
    assert_string_equal(rig_log(rig), "0 note\n");
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_first_ack_wins_and_the_second_hears_it),
        RIG_TEST(an_eta_may_be_a_clock_time),
        RIG_TEST(fields_are_recorded_in_one_message),
        RIG_TEST(unbound_replies_guess_nothing),
        RIG_TEST(strangers_change_and_hear_nothing),
        RIG_TEST(escalate_and_pass_move_the_ladder),
        RIG_TEST(an_escalate_of_an_old_page_is_answered_only),
        RIG_TEST(what_is_not_possible_is_said_and_noted),
        RIG_TEST(what_is_closed_is_still_answered),
        RIG_TEST(whoever_takes_over_may_promise),
        RIG_TEST(an_old_page_escalates_nothing_in_the_hold),
        RIG_TEST(whoever_replies_is_one_of_everyone),
        RIG_TEST(an_operator_moves_it_to_the_current_version),
        RIG_TEST(without_its_policy_it_is_routed_anew),
        RIG_TEST(free_text_is_a_note_and_no_ack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

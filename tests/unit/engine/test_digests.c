/* Limits for each person, and digests: what the rows say, over restarts, refused commits, lost answers and receipts
 * (DESIGN section 4, rules 14 and 15; GUARANTEES I2, I14, I22, I33). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/system/token.h"
#include "policies/digest.h"
#include "tests/unit/engine/rig.h"

enum { DIGEST = 5 }; /* the notification after those of four incidents */

static int setup(void **state)
{
    struct rig *rig = heap_alloc(sizeof(*rig));
    rig_init(rig);
    rig_limit(rig, 2, 4);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_clear(*state);
    free(*state);
    return 0;
}

/* Incidents of policy default, each of which pages bob by sms. */
static void open_some(struct rig *rig, size_t count, enum severity severity)
{
    struct input inputs[16];
    for (size_t i = 0; i < count; i++)
        inputs[i] =
            rig_event_input(rig, EVENT_TRIGGER,
                            arena_printf(&rig->arena, "k%llu", (unsigned long long)++rig->next_id),
                            severity, "other");
    rig_apply(rig, inputs, count);
    rig_settle(rig);
}

static struct notification_row row_of(struct rig *rig, uint64_t id)
{
    struct stored_notification stored;
    assert_int_equal(store_notification(rig->store, id, &rig->arena, &stored, NULL), 0);
    return stored.row;
}

static void expect_states(struct rig *rig, enum notification_state states[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct notification_row row = row_of(rig, i + 1);
        if (row.state != states[i])
            fail_msg("notification %zu is %s (%s), want %s", i + 1,
                     notification_state_name(row.state), row.reason,
                     notification_state_name(states[i]));
    }
}

#define EXPECT_STATES(rig, ...)                                                                    \
    do {                                                                                           \
        enum notification_state list[] = {__VA_ARGS__};                                            \
        expect_states((rig), list, sizeof(list) / sizeof(list[0]));                                \
    } while (false)

static void what_exceeds_the_limit_is_named_by_its_digest(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    EXPECT_STATES(rig, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED, NOTIFICATION_PENDING,
                  NOTIFICATION_PENDING, NOTIFICATION_PENDING);
    struct notification_row digest = row_of(rig, DIGEST);
    assert_int_equal(digest.kind, KIND_DIGEST);
    assert_int_equal(digest.incident, 0);
    assert_int_equal(digest.due_at_ms - rig->now_ms, 30000);
    assert_string_equal(digest.key, "digest_bob_sms_5");
    assert_string_equal(digest.address, "+2");
    assert_int_equal(row_of(rig, 3).digest, DIGEST);
    assert_int_equal(row_of(rig, 4).digest, DIGEST);
    assert_int_equal(row_of(rig, 1).digest, 0);
    assert_true(row_of(rig, 1).admitted);
    rig_run(rig, 30);
    EXPECT_STATES(rig, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED,
                  NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED);
    assert_string_equal(row_of(rig, 3).reason, "in a digest");
    assert_int_equal(rig->start_count, 3);
}

static void a_restart_forgets_neither_bucket_nor_digest(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 3, SEVERITY_ERROR);
    rig_restart(rig);
    rig_settle(rig);
    open_some(rig, 1, SEVERITY_ERROR);
    assert_int_equal(rig->start_count, 2);
    rig_run(rig, 29);
    assert_int_equal(rig->start_count, 2);
    rig_restart(rig);
    rig_run(rig, 1);
    assert_int_equal(rig->start_count, 3);
    assert_int_equal(row_of(rig, 3).state, NOTIFICATION_ACCEPTED);
    assert_int_equal(row_of(rig, 5).state, NOTIFICATION_ACCEPTED); /* the fourth page */
    rig_run(rig, 60);
    assert_int_equal(rig->start_count, 3);
}

static void what_was_let_through_takes_no_second_place(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true;
    open_some(rig, 2, SEVERITY_ERROR);
    rig->holds_offers = false;
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(rig->start_count, 2);
}

static void a_refused_commit_takes_nothing(void **state)
{
    struct rig *rig = *state;
    struct input inputs[3];
    for (size_t i = 0; i < 3; i++)
        inputs[i] = rig_event_input(rig, EVENT_TRIGGER,
                                    i == 0   ? "a"
                                    : i == 1 ? "b"
                                             : "c",
                                    SEVERITY_ERROR, "other");
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    rig_apply(rig, inputs, 3);
    assert_int_equal(rig->verdict, STORE_BUSY);
    rig_settle(rig);
    rig_apply(rig, inputs, 3);
    rig_settle(rig);
    assert_int_equal(rig->start_count, 2);
    rig_run(rig, 30);
    assert_int_equal(rig->start_count, 3);
}

/* The answer to its attempt never came: the same bytes go out again, and those in it wait with it. */
static void a_lost_answer_keeps_them_together(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    rig->holds_results = true;
    rig_run(rig, 30);
    EXPECT_STATES(rig, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED, NOTIFICATION_CLAIMED,
                  NOTIFICATION_CLAIMED, NOTIFICATION_CLAIMED);
    rig->holds_results = false;
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(row_of(rig, 3).state, row_of(rig, DIGEST).state);
    rig_run(rig, 10);
    EXPECT_STATES(rig, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED,
                  NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED);
    assert_int_equal(row_of(rig, DIGEST).attempt_count, 2);
}

/* Handed over, it cannot be taken back; where only its first try was lost, nobody left means no second one. */
static void an_ack_after_its_start_leaves_the_others(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    rig->holds_results = true;
    rig_run(rig, 30);
    rig_say(rig, "carol", 3, VERB_ACK);
    rig->holds_results = false;
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(row_of(rig, 3).state, NOTIFICATION_CANCELLED);
    rig_say(rig, "carol", 4, VERB_ACK);
    assert_int_equal(row_of(rig, 4).state, NOTIFICATION_CANCELLED);
    rig_run(rig, 10);
    assert_int_equal(row_of(rig, DIGEST).state, NOTIFICATION_CANCELLED);
}

static void receipts_of_a_digest_are_those_of_its_pages(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    rig_run(rig, 30);
    (void)rig_log(rig);
    rig_receipt(rig, DIGEST, false);
    assert_int_equal(row_of(rig, 3).state, NOTIFICATION_FAILED);
    assert_int_equal(row_of(rig, 4).state, NOTIFICATION_FAILED);
    assert_non_null(strstr(rig_log(rig), "unreached"));
    rig_receipt(rig, DIGEST, true); /* too late: failed is failed */
    assert_int_equal(row_of(rig, 3).state, NOTIFICATION_FAILED);
}

static void a_delivered_digest_was_delivered_to_all(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 3, SEVERITY_ERROR);
    rig_run(rig, 30);
    rig_receipt(rig, 4, true);
    assert_int_equal(row_of(rig, 4).state, NOTIFICATION_DELIVERED);
    assert_int_equal(row_of(rig, 3).state, NOTIFICATION_DELIVERED);
}

/* By the last message there that somebody has to answer, also after a restart, when the digest has left memory. */
static void all_ack_by_sms_is_about_the_last_digest(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    rig_run(rig, 30);
    rig_restart(rig);
    rig_settle(rig);
    rig_sms(rig, "bob", "+2", "SM1", VERB_ALL_ACK);
    assert_string_equal(strbuf_text(&rig->answer), "You have #3, #4.");
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    rig_sms(rig, "bob", "+2", "SM2", VERB_ALL_ACK);
    assert_string_equal(strbuf_text(&rig->answer), "You have #3, #4.");
    (void)rig_log(rig);
    rig_say(rig, "carol", 1, VERB_RESOLVE);
    assert_null(strstr(rig_log(rig), " ack\n"));
}

static void say_bound(struct rig *rig, uint64_t notification, enum verb verb, const char *code)
{
    struct input input = rig_sms_input(rig, "bob", "+2", NULL, verb);
    input.u.reply.notification = notification;
    input.u.reply.code_or_null = code;
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

static void anything_else_has_to_name_one_of_several(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 5, SEVERITY_ERROR);
    rig_run(rig, 30);
    say_bound(rig, 6, VERB_RESOLVE, "");
    assert_string_equal(strbuf_text(&rig->answer),
                        "Which one? Put its number first: #3-5. Or reply \"all ack\" for all.");
    rig_say(rig, "carol", 3, VERB_RESOLVE);
    rig_say(rig, "carol", 4, VERB_RESOLVE);
    say_bound(rig, 6, VERB_RESOLVE, "");
    assert_int_equal(rig->answer_incident, 5);
    assert_int_equal(rig->answer_status, ANSWER_DONE);
    say_bound(rig, 6, VERB_ALL_ACK, "");
    assert_string_equal(strbuf_text(&rig->answer), "Resolved: #3, #4, #5.");
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
}

static void where_codes_are_wanted_all_ack_needs_that_of_the_digest(void **state)
{
    struct rig *rig = *state;
    char code[TOKEN_CODE_BYTES];
    rig->rules[0].code = CHANNEL_CODE_ALWAYS;
    open_some(rig, 4, SEVERITY_ERROR);
    rig_run(rig, 30);
    say_bound(rig, 0, VERB_ALL_ACK, "");
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    token_code(&rig->token_key, 3, "bob", code); /* of the page, which was never sent itself */
    say_bound(rig, 0, VERB_ALL_ACK, code);
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    token_code(&rig->token_key, DIGEST, "bob", code);
    say_bound(rig, 0, VERB_ALL_ACK, code);
    assert_string_equal(strbuf_text(&rig->answer), "You have #3, #4.");
}

static void who_switches_the_way_off_gets_no_digest(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    rig_sms(rig, "bob", "+2", "SM1", VERB_STOP);
    EXPECT_STATES(rig, NOTIFICATION_ACCEPTED, NOTIFICATION_ACCEPTED, NOTIFICATION_CANCELLED,
                  NOTIFICATION_CANCELLED, NOTIFICATION_CANCELLED);
}

/* 130 at once, of which two go by themselves: what a digest has no room for makes another, with a place of its own. */
static void a_digest_has_a_bound(void **state)
{
    struct rig *rig = *state;
    size_t first_count = 0;
    size_t second_count = 0;
    rig->checks_reload = false;
    rig->sources[0].incidents_max = 1000;
    for (int i = 0; i < 13; i++)
        open_some(rig, 10, SEVERITY_WARNING);
    rig_run(rig, 59);
    assert_int_equal(rig->start_count, 2 + 1);
    rig_run(rig, 1);
    assert_int_equal(rig->start_count, 2 + 2);
    for (uint64_t id = 1; id <= 132; id++) {
        uint64_t digest = row_of(rig, id).digest;
        first_count += digest == 11;
        second_count += digest != 11 && digest != 0;
    }
    assert_int_equal(first_count, DIGEST_INCIDENTS_MAX);
    assert_int_equal(second_count, 28);
}

/* The limit is lifted by a reload while messages have just come due. */
static void a_reload_may_lift_the_limit(void **state)
{
    struct rig *rig = *state;
    open_some(rig, 4, SEVERITY_ERROR);
    rig_limit(rig, 0, 0);
    rig_reload(rig, false);
    open_some(rig, 4, SEVERITY_ERROR);
    assert_int_equal(rig->start_count, 6);
    rig_run(rig, 30);
    assert_int_equal(rig->start_count, 7);
}

static void the_clock_wakes_nobody_early_and_everybody_in_the_morning(void **state)
{
    struct rig *rig = *state;
    rig_quiet(rig); /* it is 02:00 */
    open_some(rig, 1, SEVERITY_WARNING);
    assert_int_equal(row_of(rig, 1).due_at_ms - rig->now_ms, 5 * 3600 * 1000);
    assert_true(row_of(rig, 1).deferred);
    rig_clock(rig, -3600000); /* 01:00: what waits is not put off again */
    assert_int_equal(row_of(rig, 1).next_at_ms - rig->now_ms, 5 * 3600 * 1000);
    rig_clock(rig, 3600000); /* 03:00 */
    assert_int_equal(row_of(rig, 1).next_at_ms - rig->now_ms, 4 * 3600 * 1000);
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(rig->start_count, 0);
    rig_clock(rig, 6 * 3600000); /* 08:00 */
    assert_int_equal(rig->start_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_exceeds_the_limit_is_named_by_its_digest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_restart_forgets_neither_bucket_nor_digest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_let_through_takes_no_second_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refused_commit_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_answer_keeps_them_together, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ack_after_its_start_leaves_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(receipts_of_a_digest_are_those_of_its_pages, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_delivered_digest_was_delivered_to_all, setup, teardown),
        cmocka_unit_test_setup_teardown(all_ack_by_sms_is_about_the_last_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(anything_else_has_to_name_one_of_several, setup, teardown),
        cmocka_unit_test_setup_teardown(where_codes_are_wanted_all_ack_needs_that_of_the_digest,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(who_switches_the_way_off_gets_no_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_digest_has_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_may_lift_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(the_clock_wakes_nobody_early_and_everybody_in_the_morning,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

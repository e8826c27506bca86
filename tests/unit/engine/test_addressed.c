/* Replies that prove an address and no more, stop and start, and receipts that come when they like (DESIGN section 7;
 * rule 6; GUARANTEES I20, I24). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/engine/addressed.h"
#include "gateway/system/token.h"
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
        fail_msg("status %d: '%s'; want %d: '%s'", (int)rig->answer_status, got, (int)status, part);
}

static void use_codes(struct rig *rig, enum channel_code code)
{
    for (size_t i = 0; i < 4; i++)
        rig->rules[i] = (struct channel_rule){.attempts_max = 8, .horizon_ms = 1800000};
    rig->rules[0].code = code;
    rig->book.channel_rules = rig->rules;
}

static void say_with_code(struct rig *rig, const char *code, enum verb verb)
{
    struct input input = rig_sms_input(rig, "ann", "+1", NULL, verb);
    input.u.reply.code_or_null = code;
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

static void say_as_to_a_page(struct rig *rig, uint64_t incident_else)
{
    struct input input = rig_sms_input(rig, "ann", "+1", NULL, VERB_ACK);
    input.u.reply.commands[0].answers_page = true;
    input.u.reply.incident_else = incident_else;
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

/* Messages. */

static void a_message_is_applied_once(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    struct input twins[] = {rig_sms_input(rig, "ann", "+1", "SM1", VERB_ACK),
                            rig_sms_input(rig, "ann", "+1", "SM1", VERB_ACK)};
    rig_apply(rig, twins, 2); /* in one batch */
    rig_settle(rig);
    expect_answer(rig, ANSWER_DONE, "#1 is yours until");
    assert_int_equal(rig->answer_incident, 1);
    const char *log = rig_log(rig);
    assert_true(strstr(log, "0 ack\n") != NULL &&
                strstr(strstr(log, "0 ack\n") + 1, "0 ack\n") == NULL);
    for (int i = 0; i < 2; i++) {
        rig_sms(rig, "ann", "+1", "SM1", VERB_RESOLVE);
        expect_answer(rig, ANSWER_DONE, "#1 is yours until");
        assert_string_equal(rig_log(rig), "");
        rig_restart(rig);
    }
    rig_sms(rig, "ann", "+1", "SM2", VERB_RESOLVE);
    expect_answer(rig, ANSWER_DONE, "#1 is resolved.");
}

static void a_message_whose_commit_failed_is_applied_when_it_comes_again(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    rig_sms(rig, "ann", "+1", "SM1", VERB_ACK);
    assert_int_equal(rig->answer_status, ANSWER_BUSY);
    rig_sms(rig, "ann", "+1", "SM1", VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 is yours until");
}

static void a_commit_whose_answer_was_lost_is_not_repeated(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    store_fail_commit(rig->store, 1, STORE_UNKNOWN, true);
    rig_sms(rig, "ann", "+1", "SM1", VERB_ACK);
    rig_settle(rig);
    (void)rig_log(rig);
    rig_sms(rig, "ann", "+1", "SM1", VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 is yours until");
    assert_string_equal(rig_log(rig), "");
}

static void at_most_five_answers_say_that_nothing_was_understood(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    for (int i = 0; i < ERROR_ANSWERS_MAX; i++) {
        rig_sms(rig, "ann", "+1", NULL, VERB_NONE);
        expect_answer(rig, ANSWER_DONE, "did not acknowledge");
        if (i == 2)
            rig_restart(rig);
    }
    (void)rig_log(rig);
    rig_sms(rig, "ann", "+1", NULL, VERB_NONE);
    assert_string_equal(strbuf_text(&rig->answer), "");
    assert_string_equal(rig_log(rig), "0 note\n"); /* recorded all the same */
    rig_sms(rig, "bob", "+2", NULL, VERB_NONE);
    expect_answer(rig, ANSWER_DONE, "did not acknowledge"); /* another address */
    rig_sms(rig, "ann", "+1", NULL, VERB_STATUS);
    expect_answer(rig, ANSWER_DONE, "#1 is triggered");
    rig_sms(rig, "ann", "+1", NULL, VERB_NONE);
    expect_answer(rig, ANSWER_DONE, "did not acknowledge");
}

static void an_address_of_nobody_is_a_stranger(void **state)
{
    struct rig *rig = *state;
    unsigned char before[32];
    unsigned char after[32];
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    engine_hash(rig->engine, before);
    rig_sms(rig, "ann", "+99", "SM1", VERB_ACK); /* the edge knew an older configuration */
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    assert_string_equal(strbuf_text(&rig->answer), "");
    rig_sms(rig, "ann", "+99", NULL, VERB_STOP);
    engine_hash(rig->engine, after);
    assert_memory_equal(before, after, sizeof(before));
}

static void of_two_with_one_telephone_the_one_spoken_to_answers(void **state)
{
    struct rig *rig = *state;
    static const struct method shared[] = {{"sms", "+1"}};
    rig->contacts[1].methods = shared;                           /* bob has the telephone of ann */
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none"); /* pages bob */
    rig_sms(rig, "ann", "+1", NULL, VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 is yours");
    rig_command(rig, 1, VERB_STATUS);
    expect_answer(rig, ANSWER_DONE, "bob has #1 until");
}

static void words_that_answer_a_page_act_only_there(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none"); /* pages bob */
    say_as_to_a_page(rig, 1);
    expect_answer(rig, ANSWER_DONE, "did not acknowledge"); /* 1 was a number, with nothing said */
    say_as_to_a_page(rig, 0);
    expect_answer(rig, ANSWER_UNKNOWN, "No open incident of yours");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    say_as_to_a_page(rig, 1);
    expect_answer(rig, ANSWER_DONE, "#2 is yours");
    /* The last message to ann is no page any more. */
    rig_sms(rig, "bob", "+2", NULL, VERB_RESOLVE);
    rig_event(rig, EVENT_RESOLVE, "k2", SEVERITY_ERROR, "crew");
    say_as_to_a_page(rig, 0);
    assert_true(strstr(strbuf_text(&rig->answer), "is yours") == NULL);
}

/* Codes. */

static const char *code_of(struct rig *rig, uint64_t notification, char out[TOKEN_CODE_BYTES])
{
    token_code(&rig->token_key, notification, "ann", out);
    return out;
}

static void a_code_names_a_message_and_is_wanted_where_the_channel_says_so(void **state)
{
    struct rig *rig = *state;
    char code[TOKEN_CODE_BYTES];
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew"); /* 1 ann, 3 bob */
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_CRITICAL, "crew");
    uint64_t second = 0;
    for (uint64_t id = 1; id <= 8 && second == 0; id++) {
        use_codes(rig, CHANNEL_CODE_OFF);
        say_with_code(rig, code_of(rig, id, code), VERB_STATUS);
        second = rig->answer_incident == 2 ? id : 0;
    }
    assert_int_not_equal(second, 0);
    use_codes(rig, CHANNEL_CODE_CRITICAL);
    struct input named = rig_sms_input(rig, "ann", "+1", NULL, VERB_ACK);
    named.u.reply.incident = 2;
    rig_apply(rig, &named, 1);
    expect_answer(rig, ANSWER_REFUSED, "Put the code of the message first");
    named.u.reply.incident = 1; /* is not critical */
    rig_apply(rig, &named, 1);
    rig_settle(rig);
    expect_answer(rig, ANSWER_DONE, "#1 is yours");
    say_with_code(rig, code_of(rig, second, code), VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#2 is yours");
    rig_sms(rig, "ann", "+1", NULL, VERB_STOP);
    expect_answer(rig, ANSWER_REFUSED, "Put the code");
    rig_sms(rig, "ann", "+1", NULL, VERB_START);
    expect_answer(rig, ANSWER_DONE, "Messages by sms are on.");
    rig_sms(rig, "ann", "+1", NULL, VERB_HELP);
    expect_answer(rig, ANSWER_DONE, "Reply with");
    use_codes(rig, CHANNEL_CODE_ALWAYS);
    named.u.reply.commands[0].verb = VERB_RESOLVE;
    rig_apply(rig, &named, 1);
    expect_answer(rig, ANSWER_REFUSED, "Put the code");
    say_with_code(rig, code_of(rig, second, code), VERB_STOP);
    expect_answer(rig, ANSWER_DONE, "Messages by sms are off");
}

static void wrong_codes_are_counted(void **state)
{
    struct rig *rig = *state;
    char code[TOKEN_CODE_BYTES];
    use_codes(rig, CHANNEL_CODE_ALWAYS);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    for (int i = 0; i < CODE_TRIES_MAX; i++) {
        struct input wrong = rig_sms_input(rig, "ann", "+1", NULL, VERB_ACK);
        wrong.u.reply.incident = 1;
        wrong.u.reply.code_or_null = "bbbbb";
        rig_apply(rig, &wrong, 1);
        expect_answer(rig, ANSWER_REFUSED, "That code is of no message to you");
        rig_run(rig, 60);
    }
    rig_restart(rig);
    say_with_code(rig, code_of(rig, 1, code), VERB_ACK);
    assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    rig_run(rig, 6 * 60); /* ten minutes after the first */
    say_with_code(rig, code_of(rig, 1, code), VERB_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 is yours");
}

static void ten_thousand_guesses_change_nothing(void **state)
{
    struct rig *rig = *state;
    use_codes(rig, CHANNEL_CODE_ALWAYS);
    rig->checks_reload = false;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    for (int i = 0; i < 10000; i++) {
        static const char alphabet[] = "bcdfghjkmnpqrstvwxz23456789";
        char guess[TOKEN_CODE_BYTES] = {alphabet[i % 19],
                                        alphabet[i / 19 % 27],
                                        alphabet[i / 513 % 27],
                                        alphabet[i / 13851 % 27],
                                        'b',
                                        0};
        struct input wrong = rig_sms_input(rig, "ann", "+1", NULL, VERB_ACK);
        wrong.u.reply.incident = 1;
        wrong.u.reply.code_or_null = guess;
        rig_apply(rig, &wrong, 1);
        assert_int_equal(rig->answer_status, ANSWER_REFUSED);
    }
    assert_string_equal(rig_log(rig), "");
}

/* Methods. */

static void stop_brings_the_next_method_and_start_brings_it_back(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true; /* nothing leaves */
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_run(rig, 60);
    assert_non_null(strstr(rig_log(rig), "60 page lead ann sms\n60 page lead ann voice +180\n"));
    rig->holds_offers = false;
    rig_sms(rig, "ann", "+1", "SM1", VERB_STOP);
    expect_answer(rig, ANSWER_DONE, "Messages by sms are off until you send start.");
    const char *log = rig_log(rig);
    assert_non_null(strstr(log, "60 stopped\n60 cancelled 1\n60 not-sent\n"));
    rig_sms(rig, "ann", "+1", "SM2", VERB_STOP); /* once more is no change */
    assert_string_equal(rig_log(rig), "");
    rig_restart(rig);
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    log = rig_log(rig);
    assert_null(strstr(log, "ann sms"));
    assert_non_null(strstr(log, "page crew ann voice +180\n60 page crew bob sms\n"));
    rig_sms(rig, "ann", "+1", "SM3", VERB_START);
    assert_string_equal(rig_log(rig), "60 started\n");
    rig_event(rig, EVENT_TRIGGER, "k3", SEVERITY_ERROR, "crew");
    assert_non_null(strstr(rig_log(rig), "60 page crew ann sms\n"));
}

static void who_has_stopped_every_way_counts_as_failed(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none");
    rig_sms(rig, "bob", "+2", NULL, VERB_STOP); /* his only method */
    expect_answer(rig, ANSWER_DONE, "Now no way is left to page you");
    rig_say(rig, "ann", 1, VERB_RESOLVE);
    (void)rig_log(rig);
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    assert_null(strstr(rig_log(rig), "bob"));
    /* The only step and the fallback name bob. */
    rig_event(rig, EVENT_TRIGGER, "k3", SEVERITY_ERROR, "none");
    assert_non_null(strstr(rig_log(rig), "0 nobody\n"));
}

static void a_new_address_is_not_switched_off(void **state)
{
    struct rig *rig = *state;
    static const struct method renewed[] = {{"sms", "+22"}};
    rig_sms(rig, "bob", "+2", NULL, VERB_STOP);
    rig->contacts[1].methods = renewed;
    (void)rig_log(rig);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none");
    assert_string_equal(rig_log(rig), "0 opened\n0 triggered\n0 step\n0 page only bob sms\n");
}

static void a_link_switches_the_way_it_came_by(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    struct input input = rig_sms_input(rig, "ann", NULL, NULL, VERB_STOP);
    input.u.reply.via = "link";
    rig_apply(rig, &input, 1);
    expect_answer(rig, ANSWER_REFUSED, "stop and start are about the way they come by");
    input.u.reply.notification = 1;
    rig_apply(rig, &input, 1);
    rig_settle(rig);
    expect_answer(rig, ANSWER_DONE, "Messages by sms are off");
}

static void all_ack_acknowledges_what_the_message_names(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_sms(rig, "ann", "+1", NULL, VERB_ALL_ACK);
    expect_answer(rig, ANSWER_DONE, "#1 is yours");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    rig_event(rig, EVENT_TRIGGER, "k3", SEVERITY_ERROR, "crew");
    rig_sms(rig, "ann", "+1", NULL, VERB_ALL_ACK);
    expect_answer(rig, ANSWER_UNKNOWN, "Which one?"); /* no message has listed both */
}

/* Receipts. */

static void receipt(struct rig *rig, uint64_t notification, const char *id, int said)
{
    rig_receipt_input(rig, (struct receipt){.notification = notification,
                                            .channel = "sms",
                                            .provider_id = id,
                                            .delivered = said == 'd',
                                            .is_underway = said == 'u',
                                            .reason = said == 'f' ? "twilio-30003" : ""});
}

static void result(struct rig *rig, uint64_t notification, int64_t attempt, enum outcome outcome,
                   const char *id)
{
    struct input input = {.kind = INPUT_RESULT, .actor = "delivery", .credential = "test"};
    input.u.result = (struct result){.notification = notification,
                                     .attempt = attempt,
                                     .outcome = outcome,
                                     .reason = "rig",
                                     .detail = "",
                                     .provider_id = id};
    for (size_t i = 0; i < rig->order_count; i++) {
        if (rig->orders[i].notification == notification)
            rig->orders[i].started = false;
    }
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

static const char *state_of(struct rig *rig, uint64_t notification)
{
    struct stored_notification stored;
    struct err err = {0};
    if (store_notification(rig->store, notification, &rig->arena, &stored, &err) != 0)
        fail_msg("%s", err.text);
    return notification_state_name(stored.row.state);
}

struct early_case {
    const char *name;
    const char *receipts; /* u d f, in this order, before the result */
    enum outcome outcome;
    const char *id; /* of the result; receipts say SM1 */
    const char *want;
    bool restarts; /* between the receipts and the result, which then is lost */
};

static const struct early_case early_cases[] = {
    {"delivered", "d", OUTCOME_ACCEPTED, "SM1", "delivered", false},
    {"under way, delivered", "ud", OUTCOME_ACCEPTED, "SM1", "delivered", false},
    {"delivered, under way", "du", OUTCOME_ACCEPTED, "SM1", "delivered", false},
    {"delivered, failed", "df", OUTCOME_ACCEPTED, "SM1", "delivered", false},
    {"failed, delivered", "fd", OUTCOME_ACCEPTED, "SM1", "delivered", false},
    {"under way", "u", OUTCOME_ACCEPTED, "SM1", "accepted", false},
    {"failed", "f", OUTCOME_ACCEPTED, "SM1", "failed", false},
    {"failed, of an attempt before", "f", OUTCOME_ACCEPTED, "SM2", "accepted", false},
    {"delivered, no answer", "d", OUTCOME_UNKNOWN, "", "delivered", false},
    {"under way, no answer", "u", OUTCOME_UNKNOWN, "", "accepted", false},
    {"delivered, not now", "d", OUTCOME_TEMPORARY, "", "delivered", false},
    {"failed, no answer", "f", OUTCOME_UNKNOWN, "", "pending", false},
    {"delivered, crash", "d", OUTCOME_UNKNOWN, "", "delivered", true},
    {"under way, crash", "u", OUTCOME_UNKNOWN, "", "accepted", true},
    {"failed, crash", "f", OUTCOME_UNKNOWN, "", "pending", true},
};

static void an_early_receipt_waits_for_its_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(early_cases) / sizeof(early_cases[0]); i++) {
        const struct early_case *one = &early_cases[i];
        struct rig rig;
        rig_init(&rig);
        rig.holds_results = true;
        rig_event(&rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none");
        assert_string_equal(state_of(&rig, 1), "claimed");
        for (const char *said = one->receipts; *said != '\0'; said++) {
            receipt(&rig, 1, "SM1", *said);
            assert_int_equal(rig.answer_status, ANSWER_DONE);
        }
        assert_string_equal(state_of(&rig, 1), "claimed");
        if (one->restarts) {
            rig_restart(&rig);
            rig_settle(&rig);
        } else {
            result(&rig, 1, 1, one->outcome, one->id);
        }
        if (strcmp(state_of(&rig, 1), one->want) != 0)
            fail_msg("%s: got %s, want %s", one->name, state_of(&rig, 1), one->want);
        rig_clear(&rig);
    }
}

static void a_receipt_stands_for_a_lost_answer(void **state)
{
    struct rig *rig = *state;
    rig->holds_results = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none");
    result(rig, 1, 1, OUTCOME_UNKNOWN, "");
    assert_string_equal(state_of(rig, 1), "pending");
    uint64_t starts = rig->start_count;
    receipt(rig, 1, "SM1", 'f'); /* of the first attempt: the next one is on its way */
    assert_string_equal(state_of(rig, 1), "pending");
    receipt(rig, 1, "SM1", 'u');
    assert_string_equal(state_of(rig, 1), "accepted");
    receipt(rig, 1, "SM1", 'd');
    assert_string_equal(state_of(rig, 1), "delivered");
    rig_run(rig, 240);
    assert_int_equal(rig->start_count, starts); /* the text did not go out again */
}

static void a_receipt_of_another_channel_or_message_is_none(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "none");
    rig_receipt_input(rig,
                      (struct receipt){.notification = 1, .channel = "voice", .delivered = true});
    assert_int_equal(rig->answer_status, ANSWER_UNKNOWN);
    rig_receipt_input(rig,
                      (struct receipt){.notification = 99, .channel = "sms", .delivered = true});
    assert_int_equal(rig->answer_status, ANSWER_UNKNOWN);
    rig_receipt_input(rig,
                      (struct receipt){.channel = "sms", .provider_id = "SM9", .delivered = true});
    assert_int_equal(rig->answer_status, ANSWER_UNKNOWN);
    assert_string_equal(state_of(rig, 1), "accepted");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_is_applied_once),
        CASE(a_message_whose_commit_failed_is_applied_when_it_comes_again),
        CASE(a_commit_whose_answer_was_lost_is_not_repeated),
        CASE(at_most_five_answers_say_that_nothing_was_understood),
        CASE(an_address_of_nobody_is_a_stranger),
        CASE(of_two_with_one_telephone_the_one_spoken_to_answers),
        CASE(words_that_answer_a_page_act_only_there),
        CASE(a_code_names_a_message_and_is_wanted_where_the_channel_says_so),
        CASE(wrong_codes_are_counted),
        CASE(ten_thousand_guesses_change_nothing),
        CASE(stop_brings_the_next_method_and_start_brings_it_back),
        CASE(who_has_stopped_every_way_counts_as_failed),
        CASE(a_new_address_is_not_switched_off),
        CASE(a_link_switches_the_way_it_came_by),
        CASE(all_ack_acknowledges_what_the_message_names),
        CASE(an_early_receipt_waits_for_its_result),
        CASE(a_receipt_stands_for_a_lost_answer),
        CASE(a_receipt_of_another_channel_or_message_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

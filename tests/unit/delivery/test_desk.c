/* From the offer to the reservation: slots, waiting, breakers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/system/metrics.h"
#include "tests/unit/delivery/desk_stage.h"

static void test_from_offer_to_result(void **state)
{
    struct stage *stage = *state;
    stage_offer(stage, 7, "a/x");
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    const struct prepared *prepared = &input->u.prepared;
    assert_true(prepared->ready);
    assert_non_null(memmem(prepared->body, prepared->body_count, "Disk full", 9));
    assert_string_equal(prepared->subject, "#142 critical: Disk full");
    assert_string_equal(prepared->content_type, "text/plain; charset=utf-8");
    world_release(input);
    assert_int_equal(fake.send_count, 0);

    stage_start(stage, 7, "a/x");
    assert_int_equal(fake.send_count, 1);
    const struct channel_message *message = fake.sends[0].message;
    assert_int_equal(message->size, sizeof *message);
    assert_int_equal(message->notification, 7);
    assert_int_equal(message->attempt, 1);
    assert_int_equal(message->deadline_mono_ms, stage->now_ms + 10000);
    assert_string_equal(message->kind, "page");
    assert_string_equal(message->severity, "critical");
    assert_string_equal(message->contact, "ann");
    assert_string_equal(message->address, "a/x");
    assert_string_equal(message->subject, "the subject");
    assert_memory_equal(message->body, "the body", message->body_count);
    stage_expect_silence(stage);

    stage_finish(0, CHANNEL_SENT, "http-200", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 7, OUTCOME_ACCEPTED, "http-200");
    stage_turn(stage, 60000);
    stage_expect_silence(stage);
    assert_int_equal(desk_busy_count(stage->desk), 0);
}

static void test_result_inside_send(void **state)
{
    struct stage *stage = *state;
    fake.mode = FAKE_INSIDE;
    stage_offer(stage, 7, "a");
    (void)stage_expect_prepared(stage, 7, "");
    stage_start(stage, 7, "a");
    stage_turn(stage, 0);
    stage_expect_result(stage, 7, OUTCOME_ACCEPTED, "inside");
    stage_expect_silence(stage);
}

static void test_rendered_offers_carry_no_body(void **state)
{
    struct stage *stage = *state;
    struct order order = world_offer(7, "hook", "a");
    order.rendered = true;
    order.snapshot = "";
    stage_give(stage, order);
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_true(input->u.prepared.ready);
    assert_null(input->u.prepared.body);
    world_release(input);
}

static void test_what_cannot_be_prepared_fails(void **state)
{
    struct stage *stage = *state;
    struct order order = world_offer(7, "hook", "a");
    stage_give(stage, world_offer(6, "nowhere", "a"));
    stage_expect_failed(stage, 6, "no-channel");
    order.snapshot = "not json";
    for (int i = 0; i < 10; i++) { /* more often than there are slots */
        stage_give(stage, order);
        stage_expect_failed(stage, 7, "render");
    }
    stage_attempt(stage, 8, "a", CHANNEL_SENT, "ok", 0);
}

static void test_drop_frees_the_slot(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 10; i++) {
        stage_offer(stage, i, "a");
        (void)stage_expect_prepared(stage, i, "");
        stage_drop(stage, i);
    }
    stage_drop(stage, 99);
    stage_expect_silence(stage);
    assert_int_equal(fake.send_count, 0);
}

static void test_waiting_for_a_slot(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 4; i++) {
        stage_offer(stage, i, "a/x");
    }
    (void)stage_expect_prepared(stage, 1, "");
    (void)stage_expect_prepared(stage, 2, "");
    stage_expect_silence(stage); /* per_target = 2: these wait */
    stage_offer(stage, 5, "b");
    (void)stage_expect_prepared(stage, 5, "");
    stage_start(stage, 1, "a/x");
    stage_turn(stage, LIMITS_QUICK_MS * 2); /* not quick: no slots ahead */
    stage_finish(0, CHANNEL_SENT, "ok", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    (void)stage_expect_prepared(stage, 3, "");
    stage_expect_silence(stage);
    stage_drop(stage, 2);
    stage_turn(stage, 0);
    (void)stage_expect_prepared(stage, 4, "");
    stage_expect_silence(stage);
}

/* A quick destination has slots ahead of its attempts; what is claimed there begins when a place is
 * free, in order, and too late it does not begin at all. */
static void test_claims_ahead_of_a_quick_destination(void **state)
{
    struct stage *stage = *state;
    stage_attempt(stage, 1, "a", CHANNEL_SENT, "ok", 0);
    size_t sent = fake.send_count;
    for (uint64_t i = 2; i <= 8; i++) {
        stage_offer(stage, i, "a");
    }
    for (uint64_t i = 2; i <= 7; i++) { /* per_target = 2, and 4 ahead */
        struct order start = world_start(i, 1, "hook", "a");
        (void)stage_expect_prepared(stage, i, "");
        start.deadline_mono_ms = stage->now_ms + (i == 5 ? 100 : 100000);
        stage_give(stage, start);
    }
    stage_expect_silence(stage);
    assert_int_equal(fake.send_count, sent + 2);
    stage_finish(sent, CHANNEL_SENT, "ok", 0);
    stage_turn(stage, 0);
    assert_int_equal(fake.send_count, sent + 3);
    stage_expect_result(stage, 2, OUTCOME_ACCEPTED, "ok");
    (void)stage_expect_prepared(stage, 8, "");
    /* One waits for longer than its claim allows, one is no longer wanted, one is under way. */
    stage_turn(stage, 100);
    stage_expect_result(stage, 5, OUTCOME_TEMPORARY, "late");
    stage_drop(stage, 6);
    stage_expect_result(stage, 6, OUTCOME_TEMPORARY, "recalled");
    stage_drop(stage, 3);
    stage_expect_silence(stage);
    assert_int_equal(fake.send_count, sent + 3);
    assert_int_equal(desk_busy_count(stage->desk), 4); /* 3 and 4, 7 ahead, 8 reserved */
    desk_close(stage->desk, stage->now_ms);
    stage_expect_result(stage, 7, OUTCOME_TEMPORARY, "stopping");
    stage_start(stage, 8, "a");
    stage_expect_result(stage, 8, OUTCOME_TEMPORARY, "stopping");
    assert_int_equal(desk_busy_count(stage->desk), 2);
}

static void test_a_dropped_waiting_offer_is_answered_once(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        stage_offer(stage, i, "a");
    }
    (void)stage_expect_prepared(stage, 1, "");
    (void)stage_expect_prepared(stage, 2, "");
    stage_drop(stage, 3);
    (void)stage_expect_prepared(stage, 3, "dropped");
    stage_turn(stage, DESK_WAIT_MAX_MS);
    stage_expect_silence(stage);
}

/* One destination hangs; its queue becomes short, and everybody else is served at once. */
static void test_a_dead_destination_holds_few_credits(void **state)
{
    struct stage *stage = *state;
    size_t refused = 0;
    for (uint64_t i = 1; i <= OUTBOX_CREDITS_PER_LANE; i++) {
        stage_offer(stage, i, "dead");
    }
    (void)stage_expect_prepared(stage, 1, "");
    (void)stage_expect_prepared(stage, 2, "");
    stage_start(stage, 1, "dead");
    stage_start(stage, 2, "dead");
    stage_turn(stage, LIMITS_SLOW_AFTER_MS + 1);
    for (struct input *input; (input = world_next(&stage->world, 0)) != NULL; refused++) {
        assert_int_equal(input->kind, INPUT_PREPARED);
        assert_false(input->u.prepared.ready);
        assert_string_equal(input->u.prepared.reason, "busy");
        world_release(input);
    }
    assert_int_equal(refused, OUTBOX_CREDITS_PER_LANE - 2 - LIMITS_WAITING_SLOW_MAX);
    for (uint64_t i = 1001; i <= 1020; i++) {
        stage_attempt(stage, i, "alive", CHANNEL_SENT, "ok", 0);
    }
    stage_turn(stage, DESK_WAIT_MAX_MS);
    for (size_t i = 0; i < LIMITS_WAITING_SLOW_MAX; i++) {
        /* Those who came first had kept their places, and hear it in order. */
        (void)stage_expect_prepared(stage, 3 + i, "busy");
    }
    stage_expect_silence(stage);
}

static void test_breaker(void **state)
{
    struct stage *stage = *state;
    struct metric *gauge = metric_gauge("escalated_breaker_open", "", NULL, NULL);
    for (uint64_t i = 1; i <= BREAKER_FAILURES; i++) {
        stage_attempt(stage, i, "dead", i % 2 == 0 ? CHANNEL_UNKNOWN : CHANNEL_RETRY, "timeout", 0);
    }
    assert_int_equal(metric_value(gauge), 1);
    stage_offer(stage, 10, "dead");
    int64_t wait_ms = stage_expect_prepared(stage, 10, "breaker-open");
    assert_true(wait_ms > 500 && wait_ms <= BREAKER_OPEN_FIRST_MS);
    stage_attempt(stage, 11, "alive", CHANNEL_SENT, "ok", 0);
    stage_turn(stage, BREAKER_OPEN_FIRST_MS);
    stage_offer(stage, 12, "dead");
    (void)stage_expect_prepared(stage, 12, "");
    stage_offer(stage, 13, "dead");
    (void)stage_expect_prepared(stage, 13, "breaker-open");
    stage_drop(stage, 12); /* acknowledged meanwhile: the next one probes */
    stage_attempt(stage, 14, "dead", CHANNEL_RETRY, "network", 0);
    stage_offer(stage, 15, "dead");
    wait_ms = stage_expect_prepared(stage, 15, "breaker-open");
    assert_true(wait_ms > BREAKER_OPEN_FIRST_MS);
    stage_turn(stage, 2 * BREAKER_OPEN_FIRST_MS);
    stage_attempt(stage, 16, "dead", CHANNEL_SENT, "ok", 0);
    assert_int_equal(metric_value(gauge), 0);
    stage_attempt(stage, 17, "dead", CHANNEL_SENT, "ok", 0);
}

/* The most severe come back first, so that the probe is theirs; of equals the page. */
static void test_the_probe_is_for_the_most_severe(void **state)
{
    static const struct {
        enum severity severity;
        enum notification_kind kind;
    } rows[] = {
        {SEVERITY_CRITICAL, KIND_PAGE}, {SEVERITY_CRITICAL, KIND_INFORM},
        {SEVERITY_ERROR, KIND_PAGE},    {SEVERITY_WARNING, KIND_REMINDER},
        {SEVERITY_INFO, KIND_PAGE},     {SEVERITY_INFO, KIND_NOTICE},
    };
    struct stage *stage = *state;
    int64_t before_ms = 0;
    for (uint64_t i = 1; i <= BREAKER_FAILURES; i++) {
        stage_attempt(stage, i, "dead", CHANNEL_RETRY, "timeout", 0);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct order order = world_offer(20 + i, "hook", "dead");
        order.severity = rows[i].severity;
        order.notification_kind = rows[i].kind;
        stage_give(stage, order);
        int64_t wait_ms = stage_expect_prepared(stage, 20 + i, "breaker-open");
        /* More than what clocks and rounding of two waits can differ by. */
        assert_true(i == 0 ? wait_ms <= BREAKER_OPEN_FIRST_MS : wait_ms - before_ms > 25);
        before_ms = wait_ms;
    }
}

/* A peer that refuses messages answers: it is not dead. */
static void test_rejections_open_no_breaker(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 20; i++) {
        stage_attempt(stage, i, "picky", CHANNEL_REJECTED, "http-404", 0);
    }
}

/* Nor is one that lets this message wait: those to others go on, and at once. */
static void test_a_message_that_waits_holds_up_no_other(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 20; i++) {
        stage_attempt(stage, i, "mail", CHANNEL_RETRY, STAGE_WELL, 7000);
    }
}

static void test_a_wish_to_wait_holds_for_the_destination(void **state)
{
    struct stage *stage = *state;
    stage_attempt(stage, 1, "busy", CHANNEL_RETRY, "http-429", 7000);
    stage_offer(stage, 2, "busy");
    int64_t wait_ms = stage_expect_prepared(stage, 2, "asked-to-wait");
    assert_true(wait_ms > 6000 && wait_ms <= 7000);
    stage_turn(stage, 7000);
    stage_attempt(stage, 3, "busy", CHANNEL_RETRY, "http-429", INT64_MAX);
    stage_turn(stage, INSTANCE_RETRY_AFTER_MAX_MS);
    stage_attempt(stage, 4, "busy", CHANNEL_SENT, "ok", 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_from_offer_to_result),
        CASE(test_result_inside_send),
        CASE(test_rendered_offers_carry_no_body),
        CASE(test_what_cannot_be_prepared_fails),
        CASE(test_drop_frees_the_slot),
        CASE(test_waiting_for_a_slot),
        CASE(test_claims_ahead_of_a_quick_destination),
        CASE(test_a_dropped_waiting_offer_is_answered_once),
        CASE(test_a_dead_destination_holds_few_credits),
        CASE(test_breaker),
        CASE(test_the_probe_is_for_the_most_severe),
        CASE(test_rejections_open_no_breaker),
        CASE(test_a_message_that_waits_holds_up_no_other),
        CASE(test_a_wish_to_wait_holds_for_the_destination),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    metrics_clear();
    return failed;
}

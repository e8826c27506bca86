/* From the claim to its one result; reload and stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/system/metrics.h"
#include "tests/unit/delivery/desk_stage.h"

static void test_an_attempt_that_never_ends(void **state)
{
    struct stage *stage = *state;
    stage_offer(stage, 1, "a");
    (void)stage_expect_prepared(stage, 1, "");
    stage_start(stage, 1, "a");
    stage_turn(stage, 10000 + INSTANCE_PATIENCE_MS - 1);
    stage_expect_silence(stage);
    assert_int_equal(desk_next_mono_ms(stage->desk, stage->now_ms), stage->now_ms + 1);
    stage_turn(stage, 1);
    stage_expect_result(stage, 1, OUTCOME_UNKNOWN, "no-answer");
    assert_int_equal(desk_busy_count(stage->desk), 0);
    /* The plugin still reads the message. */
    assert_memory_equal(fake.sends[0].message->body, "the body", 8);
    stage_turn(stage, 60000);
    stage_finish(0, CHANNEL_SENT, "late", 0);
    stage_finish(0, CHANNEL_SENT, "twice", 0);
    stage_turn(stage, 0);
    stage_expect_silence(stage);
    stage_attempt(stage, 2, "a", CHANNEL_SENT, "ok", 0);
}

/* A channel whose every slot hangs for ever answers "busy", and recovers with the plugin. */
static void test_all_slots_lost(void **state)
{
    struct stage *stage = *state;
    char address[8];
    for (uint64_t i = 1; i <= 8; i++) {
        (void)snprintf(address, sizeof address, "d%d", (int)i);
        stage_offer(stage, i, address);
        (void)stage_expect_prepared(stage, i, "");
        stage_start(stage, i, address);
    }
    stage_turn(stage, 10000 + INSTANCE_PATIENCE_MS);
    for (uint64_t i = 1; i <= 8; i++) {
        stage_expect_result(stage, i, OUTCOME_UNKNOWN, "no-answer");
    }
    stage_offer(stage, 20, "e");
    stage_expect_silence(stage);
    stage_turn(stage, DESK_WAIT_MAX_MS);
    (void)stage_expect_prepared(stage, 20, "busy");
    stage_finish(3, CHANNEL_SENT, "late", 0);
    stage_turn(stage, 0);
    stage_attempt(stage, 21, "e", CHANNEL_SENT, "ok", 0);
}

static void test_odd_plugins(void **state)
{
    struct stage *stage = *state;
    stage_attempt(stage, 1, "a", CHANNEL_SENT, "ok", 0);
    stage_finish(0, CHANNEL_REJECTED, "again", 0);
    fake.sends[0].host->finish(fake.sends[0].host->self, NULL, NULL);
    stage_turn(stage, 0);
    stage_expect_silence(stage);

    fake.mode = FAKE_BUSY;
    stage_offer(stage, 2, "a");
    (void)stage_expect_prepared(stage, 2, "");
    stage_start(stage, 2, "a");
    stage_expect_result(stage, 2, OUTCOME_TEMPORARY, "busy");
    fake.mode = FAKE_HOLD;

    stage_offer(stage, 3, "a");
    (void)stage_expect_prepared(stage, 3, "");
    stage_start(stage, 3, "a");
    const struct fake_send *sent = &fake.sends[fake.send_count - 1];
    sent->host->finish(sent->host->self, sent->ticket, NULL);
    stage_turn(stage, 0);
    stage_expect_result(stage, 3, OUTCOME_UNKNOWN, "bad-result");

    const struct channel_result control = {.size = sizeof control,
                                           .outcome = CHANNEL_SENT,
                                           .reason = "a\nb\x1b",
                                           .provider_id = "id\r\n\xff"};
    stage_offer(stage, 4, "a");
    (void)stage_expect_prepared(stage, 4, "");
    stage_start(stage, 4, "a");
    sent = &fake.sends[fake.send_count - 1];
    sent->host->finish(sent->host->self, sent->ticket, &control);
    stage_turn(stage, 0);
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_string_equal(input->u.result.reason, "a?b?");
    assert_string_equal(input->u.result.provider_id, "id???");
    world_release(input);
}

static void test_a_late_claim_starts_nothing(void **state)
{
    struct stage *stage = *state;
    struct order order = world_start(1, 1, "hook", "a");
    order.deadline_mono_ms = stage->now_ms;
    stage_offer(stage, 1, "a");
    (void)stage_expect_prepared(stage, 1, "");
    stage_give(stage, order);
    stage_expect_result(stage, 1, OUTCOME_TEMPORARY, "late");
    assert_int_equal(fake.send_count, 0);
    assert_int_equal(desk_busy_count(stage->desk), 0);
}

/* A START may leave to its OFFER where to send, to whom and under which key. */
static void test_the_offer_completes_the_claim(void **state)
{
    struct stage *stage = *state;
    struct order order = world_start(1, 2, "hook", "");
    order.key = "";
    order.contact = "";
    stage_offer(stage, 1, "a/b");
    (void)stage_expect_prepared(stage, 1, "");
    stage_give(stage, order);
    const struct channel_message *message = fake.sends[0].message;
    assert_string_equal(message->address, "a/b");
    assert_string_equal(message->key, "k");
    assert_string_equal(message->contact, "ann");
    assert_int_equal(message->attempt, 2);
    stage_finish(0, CHANNEL_SENT, "ok", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    /* Without the offer it must not go out under no key. */
    stage_give(stage, order);
    stage_expect_result(stage, 1, OUTCOME_TEMPORARY, "no-reservation");
    assert_int_equal(fake.send_count, 1);
}

static void test_a_claim_without_a_reservation_is_carried_out(void **state)
{
    struct stage *stage = *state;
    stage_start(stage, 1, "a");
    assert_int_equal(fake.send_count, 1);
    stage_finish(0, CHANNEL_SENT, "ok", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    stage_give(stage, world_start(2, 1, "nowhere", "a"));
    stage_expect_result(stage, 2, OUTCOME_TEMPORARY, "no-channel");
}

/* An engine that reloaded its store offers again what it had offered or claimed before. */
static void test_offers_that_come_again(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < 10; i++) {
        stage_offer(stage, 1, "a");
        (void)stage_expect_prepared(stage, 1, "");
    }
    stage_start(stage, 1, "a");
    stage_offer(stage, 1, "a");
    (void)stage_expect_prepared(stage, 1, "under-way");
    stage_finish(0, CHANNEL_RETRY, "network", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 1, OUTCOME_TEMPORARY, "network");
    stage_attempt(stage, 1, "a", CHANNEL_SENT, "ok", 0);
}

static void test_a_forgotten_reservation_is_freed(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 2; i++) {
        stage_offer(stage, i, "a");
        (void)stage_expect_prepared(stage, i, "");
    }
    stage_turn(stage, DESK_READY_MAX_MS);
    stage_expect_silence(stage);
    stage_attempt(stage, 3, "a", CHANNEL_SENT, "ok", 0);
}

static void test_reload(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 4; i++) {
        stage_offer(stage, i, "a");
    }
    (void)stage_expect_prepared(stage, 1, "");
    (void)stage_expect_prepared(stage, 2, "");
    stage_start(stage, 1, "a");
    struct config *config = world_config(&stage->world, STAGE_CHANNELS);
    desk_swap(stage->desk, stage_make_set(stage, config), stage->now_ms);
    config_release(config);
    /* Those that waited move to the new channel, which is free. */
    (void)stage_expect_prepared(stage, 3, "");
    (void)stage_expect_prepared(stage, 4, "");
    assert_null(desk_take_retired(stage->desk));
    stage_start(stage, 2, "a");
    assert_ptr_equal(fake.sends[0].host, fake.sends[1].host);
    stage_start(stage, 3, "a");
    assert_ptr_not_equal(fake.sends[0].host, fake.sends[2].host);
    stage_finish(0, CHANNEL_SENT, "old", 0);
    stage_finish(1, CHANNEL_SENT, "old", 0);
    assert_null(desk_take_retired(stage->desk)); /* its results are not told yet */
    stage_turn(stage, 0);
    struct channel_set *old = desk_take_retired(stage->desk);
    assert_non_null(old);
    channel_set_destroy(old);
    stage_finish(2, CHANNEL_SENT, "new", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 1, OUTCOME_ACCEPTED, "old");
    stage_expect_result(stage, 2, OUTCOME_ACCEPTED, "old");
    stage_expect_result(stage, 3, OUTCOME_ACCEPTED, "new");
    stage_drop(stage, 4);
    stage_expect_silence(stage);
}

static void test_reload_without_the_channel(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        stage_offer(stage, i, "a");
    }
    (void)stage_expect_prepared(stage, 1, "");
    (void)stage_expect_prepared(stage, 2, "");
    struct config *config = world_config(&stage->world, "");
    desk_swap(stage->desk, stage_make_set(stage, config), stage->now_ms);
    config_release(config);
    stage_expect_failed(stage, 3, "no-channel");
    stage_start(stage, 1, "a"); /* its slot is on the old channel, which still works */
    stage_finish(0, CHANNEL_SENT, "ok", 0);
    stage_turn(stage, 0);
    stage_expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    stage_drop(stage, 2);
}

static void test_stop(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        stage_offer(stage, i, "a");
    }
    (void)stage_expect_prepared(stage, 1, "");
    (void)stage_expect_prepared(stage, 2, "");
    stage_start(stage, 1, "a");
    desk_close(stage->desk, stage->now_ms);
    (void)stage_expect_prepared(stage, 3, "stopping");
    stage_offer(stage, 4, "b");
    (void)stage_expect_prepared(stage, 4, "stopping");
    stage_start(stage, 2, "a");
    stage_expect_result(stage, 2, OUTCOME_TEMPORARY, "stopping");
    assert_int_equal(desk_busy_count(stage->desk), 1);
    desk_give_up(stage->desk, stage->now_ms);
    stage_expect_result(stage, 1, OUTCOME_UNKNOWN, "stopped");
    assert_int_equal(desk_busy_count(stage->desk), 0);
    stage_finish(0, CHANNEL_SENT, "late", 0);
    stage_turn(stage, 0);
    stage_expect_silence(stage);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_attempt_that_never_ends),
        CASE(test_all_slots_lost),
        CASE(test_odd_plugins),
        CASE(test_a_late_claim_starts_nothing),
        CASE(test_the_offer_completes_the_claim),
        CASE(test_a_claim_without_a_reservation_is_carried_out),
        CASE(test_offers_that_come_again),
        CASE(test_a_forgotten_reservation_is_freed),
        CASE(test_reload),
        CASE(test_reload_without_the_channel),
        CASE(test_stop),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    metrics_clear();
    return failed;
}

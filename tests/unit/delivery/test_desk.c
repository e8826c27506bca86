/* The desk with a channel inside the test, under a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/delivery/desk.h"
#include "gateway/system/metrics.h"
#include "tests/support/delivery_world.h"

#define CHANNELS "[channel hook]\nplugin = fake\nin_flight = 8\nper_target = 2\nattempt_timeout = 10s\n"
#define SENT_MAX 64

enum fake_mode { FAKE_HOLD, FAKE_INSIDE, FAKE_BUSY };

struct fake_send {
    const struct channel_message *message;
    struct channel_ticket *ticket;
    const struct channel_host *host;
};

/* What the channel has been given; one for all its instances. */
static struct {
    enum fake_mode mode;
    struct fake_send sends[SENT_MAX];
    size_t send_count;
    size_t instance_count;
    size_t destroyed_count;
} fake;

static int fake_create(const struct channel_host *host, const struct channel_config *config, void **out_self,
                       char *why, size_t why_size)
{
    (void)config;
    (void)why;
    (void)why_size;
    fake.instance_count++;
    *out_self = (void *)(uintptr_t)host;
    return 0;
}

static void finish(size_t index, enum channel_outcome outcome, const char *reason, int64_t retry_after_ms)
{
    const struct channel_result result = {
        .size = sizeof result, .outcome = outcome, .reason = reason, .retry_after_ms = retry_after_ms};
    const struct fake_send *sent = &fake.sends[index];
    sent->host->finish(sent->host->self, sent->ticket, &result);
}

static enum channel_accept fake_send(void *self, const struct channel_message *message, struct channel_ticket *ticket)
{
    if (fake.mode == FAKE_BUSY) {
        return CHANNEL_BUSY;
    }
    assert_true(fake.send_count < SENT_MAX);
    fake.sends[fake.send_count++] = (struct fake_send){.message = message, .ticket = ticket, .host = self};
    if (fake.mode == FAKE_INSIDE) {
        finish(fake.send_count - 1, CHANNEL_SENT, "inside", 0);
    }
    return CHANNEL_TAKEN;
}

static void fake_destroy(void *self)
{
    fake.destroyed_count += self != NULL ? 1 : 0;
}

/* "host/anything" goes to "host". */
static void fake_destination(void *self, const char *address, char *out, size_t out_size)
{
    (void)self;
    (void)snprintf(out, out_size, "%.*s", (int)strcspn(address, "/"), address);
}

static const struct channel_option no_options[] = {{.key = NULL}};

static const struct channel_ops fake_ops = {
    .abi = CHANNEL_ABI,
    .size = sizeof fake_ops,
    .name = "fake",
    .format = "text",
    .options = no_options,
    .in_flight_max = 1024,
    .create = fake_create,
    .send = fake_send,
    .destroy = fake_destroy,
    .destination = fake_destination,
};

static const struct channel_ops *find_fake(void *self, const char *plugin, struct err *err)
{
    (void)self;
    (void)plugin;
    (void)err;
    return &fake_ops;
}

struct stage {
    struct world world;
    struct config *config;
    struct desk *desk;
    int64_t now_ms;
};

static void no_wake(void *waker)
{
    (void)waker;
}

static struct channel_set *make_set(struct stage *stage, struct config *config)
{
    struct channel_set *set = NULL;
    struct err err = {0};
    assert_int_equal(channel_set_create(config, stage->world.state_dir, NULL, no_wake, &set, &err), 0);
    return set;
}

static int set_up(void **state)
{
    static struct stage stage;
    memset(&fake, 0, sizeof fake);
    memset(&stage, 0, sizeof stage);
    world_init(&stage.world);
    stage.world.plugins = (struct config_plugins){.find = find_fake};
    stage.config = world_config(&stage.world, CHANNELS);
    stage.now_ms = 1000000;
    const struct desk_options options = {
        .inbox = stage.world.inbox, .token_key = &stage.world.token_key, .clock = &stage.world.clock};
    stage.desk = desk_create(&options, make_set(&stage, stage.config));
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    desk_destroy(stage->desk);
    config_release(stage->config);
    world_clear(&stage->world);
    assert_int_equal(fake.destroyed_count, fake.instance_count);
    return 0;
}

static void give(struct stage *stage, struct order order)
{
    desk_order(stage->desk, world_copy(&stage->world, &order), stage->now_ms);
}

static void offer(struct stage *stage, uint64_t notification, const char *address)
{
    give(stage, world_offer(notification, "hook", address));
}

static void start(struct stage *stage, uint64_t notification, const char *address)
{
    give(stage, world_start(notification, 1, "hook", address));
}

static void drop(struct stage *stage, uint64_t notification)
{
    struct order order = world_offer(notification, "hook", "");
    order.kind = ORDER_DROP;
    give(stage, order);
}

static void turn(struct stage *stage, int64_t later_ms)
{
    stage->now_ms += later_ms;
    desk_turn(stage->desk, stage->now_ms);
}

static void expect_silence(struct stage *stage)
{
    assert_null(world_next(&stage->world, 0));
}

/* The next input is a PREPARED for this notification; reason "" means ready, else not now for this reason. */
static int64_t expect_prepared(struct stage *stage, uint64_t notification, const char *reason)
{
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_PREPARED);
    const struct prepared *prepared = &input->u.prepared;
    assert_int_equal(prepared->notification, notification);
    assert_string_equal(prepared->reason, reason);
    assert_int_equal(prepared->ready, reason[0] == '\0');
    assert_false(prepared->failed);
    int64_t wait_ms = prepared->retry_at_ms - clock_engine_ms(&stage->world.clock);
    world_release(input);
    return wait_ms;
}

static void expect_failed(struct stage *stage, uint64_t notification, const char *reason)
{
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_PREPARED);
    assert_true(input->u.prepared.failed);
    assert_int_equal(input->u.prepared.notification, notification);
    assert_string_equal(input->u.prepared.reason, reason);
    world_release(input);
}

static void expect_result(struct stage *stage, uint64_t notification, enum outcome outcome, const char *reason)
{
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_RESULT);
    assert_int_equal(input->u.result.notification, notification);
    assert_int_equal(input->u.result.outcome, outcome);
    assert_string_equal(input->u.result.reason, reason);
    world_release(input);
}

/* One attempt from offer to result. */
static void attempt(struct stage *stage, uint64_t notification, const char *address, enum channel_outcome outcome,
                    const char *reason, int64_t retry_after_ms)
{
    static const enum outcome outcomes[] = {[CHANNEL_SENT] = OUTCOME_ACCEPTED,
                                            [CHANNEL_RETRY] = OUTCOME_TEMPORARY,
                                            [CHANNEL_UNKNOWN] = OUTCOME_UNKNOWN,
                                            [CHANNEL_REJECTED] = OUTCOME_FAILED};
    offer(stage, notification, address);
    (void)expect_prepared(stage, notification, "");
    start(stage, notification, address);
    finish(fake.send_count - 1, outcome, reason, retry_after_ms);
    turn(stage, 0);
    expect_result(stage, notification, outcomes[outcome], reason);
}

static void test_from_offer_to_result(void **state)
{
    struct stage *stage = *state;
    offer(stage, 7, "a/x");
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    const struct prepared *prepared = &input->u.prepared;
    assert_true(prepared->ready);
    assert_non_null(memmem(prepared->body, prepared->body_count, "Disk full", 9));
    assert_string_equal(prepared->subject, "#142 critical: Disk full");
    assert_string_equal(prepared->content_type, "text/plain; charset=utf-8");
    world_release(input);
    assert_int_equal(fake.send_count, 0);

    start(stage, 7, "a/x");
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
    expect_silence(stage);

    finish(0, CHANNEL_SENT, "http-200", 0);
    turn(stage, 0);
    expect_result(stage, 7, OUTCOME_ACCEPTED, "http-200");
    turn(stage, 60000);
    expect_silence(stage);
    assert_int_equal(desk_busy_count(stage->desk), 0);
}

static void test_result_inside_send(void **state)
{
    struct stage *stage = *state;
    fake.mode = FAKE_INSIDE;
    offer(stage, 7, "a");
    (void)expect_prepared(stage, 7, "");
    start(stage, 7, "a");
    turn(stage, 0);
    expect_result(stage, 7, OUTCOME_ACCEPTED, "inside");
    expect_silence(stage);
}

static void test_rendered_offers_carry_no_body(void **state)
{
    struct stage *stage = *state;
    struct order order = world_offer(7, "hook", "a");
    order.rendered = true;
    order.snapshot = "";
    give(stage, order);
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
    give(stage, world_offer(6, "nowhere", "a"));
    expect_failed(stage, 6, "no-channel");
    order.snapshot = "not json";
    for (int i = 0; i < 10; i++) { /* more often than there are slots */
        give(stage, order);
        expect_failed(stage, 7, "render");
    }
    attempt(stage, 8, "a", CHANNEL_SENT, "ok", 0);
}

static void test_drop_frees_the_slot(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 10; i++) {
        offer(stage, i, "a");
        (void)expect_prepared(stage, i, "");
        drop(stage, i);
    }
    drop(stage, 99);
    expect_silence(stage);
    assert_int_equal(fake.send_count, 0);
}

static void test_waiting_for_a_slot(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 4; i++) {
        offer(stage, i, "a/x");
    }
    (void)expect_prepared(stage, 1, "");
    (void)expect_prepared(stage, 2, "");
    expect_silence(stage); /* per_target = 2: these wait */
    offer(stage, 5, "b");
    (void)expect_prepared(stage, 5, "");
    start(stage, 1, "a/x");
    finish(0, CHANNEL_SENT, "ok", 0);
    turn(stage, 0);
    expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    (void)expect_prepared(stage, 3, "");
    expect_silence(stage);
    drop(stage, 2);
    turn(stage, 0);
    (void)expect_prepared(stage, 4, "");
    expect_silence(stage);
}

static void test_a_dropped_waiting_offer_is_answered_once(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        offer(stage, i, "a");
    }
    (void)expect_prepared(stage, 1, "");
    (void)expect_prepared(stage, 2, "");
    drop(stage, 3);
    (void)expect_prepared(stage, 3, "dropped");
    turn(stage, DESK_WAIT_MAX_MS);
    expect_silence(stage);
}

/* One destination hangs; its queue becomes short, and everybody else is served at once. */
static void test_a_dead_destination_holds_few_credits(void **state)
{
    struct stage *stage = *state;
    size_t refused = 0;
    for (uint64_t i = 1; i <= OUTBOX_CREDITS_PER_CHANNEL; i++) {
        offer(stage, i, "dead");
    }
    (void)expect_prepared(stage, 1, "");
    (void)expect_prepared(stage, 2, "");
    start(stage, 1, "dead");
    start(stage, 2, "dead");
    turn(stage, LIMITS_SLOW_AFTER_MS + 1);
    for (struct input *input; (input = world_next(&stage->world, 0)) != NULL; refused++) {
        assert_int_equal(input->kind, INPUT_PREPARED);
        assert_false(input->u.prepared.ready);
        assert_string_equal(input->u.prepared.reason, "busy");
        world_release(input);
    }
    assert_int_equal(refused, OUTBOX_CREDITS_PER_CHANNEL - 2 - LIMITS_WAITING_SLOW_MAX);
    for (uint64_t i = 101; i <= 120; i++) {
        attempt(stage, i, "alive", CHANNEL_SENT, "ok", 0);
    }
    turn(stage, DESK_WAIT_MAX_MS);
    for (size_t i = 0; i < LIMITS_WAITING_SLOW_MAX; i++) {
        /* Those who came first had kept their places, and hear it in order. */
        (void)expect_prepared(stage, 3 + i, "busy");
    }
    expect_silence(stage);
}

static void test_breaker(void **state)
{
    struct stage *stage = *state;
    struct metric *gauge = metric_gauge("escalated_breaker_open", "", NULL, NULL);
    for (uint64_t i = 1; i <= BREAKER_FAILURES; i++) {
        attempt(stage, i, "dead", i % 2 == 0 ? CHANNEL_UNKNOWN : CHANNEL_RETRY, "timeout", 0);
    }
    assert_int_equal(metric_value(gauge), 1);
    offer(stage, 10, "dead");
    int64_t wait_ms = expect_prepared(stage, 10, "breaker-open");
    assert_true(wait_ms > 500 && wait_ms <= BREAKER_OPEN_FIRST_MS);
    attempt(stage, 11, "alive", CHANNEL_SENT, "ok", 0);
    turn(stage, BREAKER_OPEN_FIRST_MS);
    offer(stage, 12, "dead");
    (void)expect_prepared(stage, 12, "");
    offer(stage, 13, "dead");
    (void)expect_prepared(stage, 13, "breaker-open");
    drop(stage, 12); /* acknowledged meanwhile: the next one probes */
    attempt(stage, 14, "dead", CHANNEL_RETRY, "network", 0);
    offer(stage, 15, "dead");
    wait_ms = expect_prepared(stage, 15, "breaker-open");
    assert_true(wait_ms > BREAKER_OPEN_FIRST_MS);
    turn(stage, 2 * BREAKER_OPEN_FIRST_MS);
    attempt(stage, 16, "dead", CHANNEL_SENT, "ok", 0);
    assert_int_equal(metric_value(gauge), 0);
    attempt(stage, 17, "dead", CHANNEL_SENT, "ok", 0);
}

/* A peer that refuses messages answers: it is not dead. */
static void test_rejections_open_no_breaker(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 20; i++) {
        attempt(stage, i, "picky", CHANNEL_REJECTED, "http-404", 0);
    }
}

static void test_a_wish_to_wait_holds_for_the_destination(void **state)
{
    struct stage *stage = *state;
    attempt(stage, 1, "busy", CHANNEL_RETRY, "http-429", 7000);
    offer(stage, 2, "busy");
    int64_t wait_ms = expect_prepared(stage, 2, "asked-to-wait");
    assert_true(wait_ms > 6000 && wait_ms <= 7000);
    turn(stage, 7000);
    attempt(stage, 3, "busy", CHANNEL_RETRY, "http-429", INT64_MAX);
    turn(stage, INSTANCE_RETRY_AFTER_MAX_MS);
    attempt(stage, 4, "busy", CHANNEL_SENT, "ok", 0);
}

static void test_an_attempt_that_never_ends(void **state)
{
    struct stage *stage = *state;
    offer(stage, 1, "a");
    (void)expect_prepared(stage, 1, "");
    start(stage, 1, "a");
    turn(stage, 10000 + INSTANCE_PATIENCE_MS - 1);
    expect_silence(stage);
    assert_int_equal(desk_next_mono_ms(stage->desk, stage->now_ms), stage->now_ms + 1);
    turn(stage, 1);
    expect_result(stage, 1, OUTCOME_UNKNOWN, "no-answer");
    assert_int_equal(desk_busy_count(stage->desk), 0);
    /* The plugin still reads the message. */
    assert_memory_equal(fake.sends[0].message->body, "the body", 8);
    turn(stage, 60000);
    finish(0, CHANNEL_SENT, "late", 0);
    finish(0, CHANNEL_SENT, "twice", 0);
    turn(stage, 0);
    expect_silence(stage);
    attempt(stage, 2, "a", CHANNEL_SENT, "ok", 0);
}

/* A channel whose every slot hangs for ever answers "busy", and recovers with the plugin. */
static void test_all_slots_lost(void **state)
{
    struct stage *stage = *state;
    char address[8];
    for (uint64_t i = 1; i <= 8; i++) {
        (void)snprintf(address, sizeof address, "d%d", (int)i);
        offer(stage, i, address);
        (void)expect_prepared(stage, i, "");
        start(stage, i, address);
    }
    turn(stage, 10000 + INSTANCE_PATIENCE_MS);
    for (uint64_t i = 1; i <= 8; i++) {
        expect_result(stage, i, OUTCOME_UNKNOWN, "no-answer");
    }
    offer(stage, 20, "e");
    expect_silence(stage);
    turn(stage, DESK_WAIT_MAX_MS);
    (void)expect_prepared(stage, 20, "busy");
    finish(3, CHANNEL_SENT, "late", 0);
    turn(stage, 0);
    attempt(stage, 21, "e", CHANNEL_SENT, "ok", 0);
}

static void test_odd_plugins(void **state)
{
    struct stage *stage = *state;
    attempt(stage, 1, "a", CHANNEL_SENT, "ok", 0);
    finish(0, CHANNEL_REJECTED, "again", 0);
    fake.sends[0].host->finish(fake.sends[0].host->self, NULL, NULL);
    turn(stage, 0);
    expect_silence(stage);

    fake.mode = FAKE_BUSY;
    offer(stage, 2, "a");
    (void)expect_prepared(stage, 2, "");
    start(stage, 2, "a");
    expect_result(stage, 2, OUTCOME_TEMPORARY, "busy");
    fake.mode = FAKE_HOLD;

    offer(stage, 3, "a");
    (void)expect_prepared(stage, 3, "");
    start(stage, 3, "a");
    const struct fake_send *sent = &fake.sends[fake.send_count - 1];
    sent->host->finish(sent->host->self, sent->ticket, NULL);
    turn(stage, 0);
    expect_result(stage, 3, OUTCOME_UNKNOWN, "bad-result");

    const struct channel_result control = {
        .size = sizeof control, .outcome = CHANNEL_SENT, .reason = "a\nb\x1b", .provider_id = "id\r\n\xff"};
    offer(stage, 4, "a");
    (void)expect_prepared(stage, 4, "");
    start(stage, 4, "a");
    sent = &fake.sends[fake.send_count - 1];
    sent->host->finish(sent->host->self, sent->ticket, &control);
    turn(stage, 0);
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
    offer(stage, 1, "a");
    (void)expect_prepared(stage, 1, "");
    give(stage, order);
    expect_result(stage, 1, OUTCOME_TEMPORARY, "late");
    assert_int_equal(fake.send_count, 0);
    assert_int_equal(desk_busy_count(stage->desk), 0);
}

static void test_a_claim_without_a_reservation_is_carried_out(void **state)
{
    struct stage *stage = *state;
    start(stage, 1, "a");
    assert_int_equal(fake.send_count, 1);
    finish(0, CHANNEL_SENT, "ok", 0);
    turn(stage, 0);
    expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    give(stage, world_start(2, 1, "nowhere", "a"));
    expect_result(stage, 2, OUTCOME_TEMPORARY, "no-channel");
}

/* An engine that reloaded its store offers again what it had offered or claimed before. */
static void test_offers_that_come_again(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < 10; i++) {
        offer(stage, 1, "a");
        (void)expect_prepared(stage, 1, "");
    }
    start(stage, 1, "a");
    offer(stage, 1, "a");
    (void)expect_prepared(stage, 1, "under-way");
    finish(0, CHANNEL_RETRY, "network", 0);
    turn(stage, 0);
    expect_result(stage, 1, OUTCOME_TEMPORARY, "network");
    attempt(stage, 1, "a", CHANNEL_SENT, "ok", 0);
}

static void test_a_forgotten_reservation_is_freed(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 2; i++) {
        offer(stage, i, "a");
        (void)expect_prepared(stage, i, "");
    }
    turn(stage, DESK_READY_MAX_MS);
    expect_silence(stage);
    attempt(stage, 3, "a", CHANNEL_SENT, "ok", 0);
}

static void test_reload(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 4; i++) {
        offer(stage, i, "a");
    }
    (void)expect_prepared(stage, 1, "");
    (void)expect_prepared(stage, 2, "");
    start(stage, 1, "a");
    struct config *config = world_config(&stage->world, CHANNELS);
    desk_swap(stage->desk, make_set(stage, config), stage->now_ms);
    config_release(config);
    /* Those that waited move to the new channel, which is free. */
    (void)expect_prepared(stage, 3, "");
    (void)expect_prepared(stage, 4, "");
    assert_null(desk_take_retired(stage->desk));
    start(stage, 2, "a");
    assert_ptr_equal(fake.sends[0].host, fake.sends[1].host);
    start(stage, 3, "a");
    assert_ptr_not_equal(fake.sends[0].host, fake.sends[2].host);
    finish(0, CHANNEL_SENT, "old", 0);
    finish(1, CHANNEL_SENT, "old", 0);
    assert_null(desk_take_retired(stage->desk)); /* its results are not told yet */
    turn(stage, 0);
    struct channel_set *old = desk_take_retired(stage->desk);
    assert_non_null(old);
    channel_set_destroy(old);
    finish(2, CHANNEL_SENT, "new", 0);
    turn(stage, 0);
    expect_result(stage, 1, OUTCOME_ACCEPTED, "old");
    expect_result(stage, 2, OUTCOME_ACCEPTED, "old");
    expect_result(stage, 3, OUTCOME_ACCEPTED, "new");
    drop(stage, 4);
    expect_silence(stage);
}

static void test_reload_without_the_channel(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        offer(stage, i, "a");
    }
    (void)expect_prepared(stage, 1, "");
    (void)expect_prepared(stage, 2, "");
    struct config *config = world_config(&stage->world, "");
    desk_swap(stage->desk, make_set(stage, config), stage->now_ms);
    config_release(config);
    expect_failed(stage, 3, "no-channel");
    start(stage, 1, "a"); /* its slot is on the old channel, which still works */
    finish(0, CHANNEL_SENT, "ok", 0);
    turn(stage, 0);
    expect_result(stage, 1, OUTCOME_ACCEPTED, "ok");
    drop(stage, 2);
}

static void test_stop(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        offer(stage, i, "a");
    }
    (void)expect_prepared(stage, 1, "");
    (void)expect_prepared(stage, 2, "");
    start(stage, 1, "a");
    desk_close(stage->desk, stage->now_ms);
    (void)expect_prepared(stage, 3, "stopping");
    offer(stage, 4, "b");
    (void)expect_prepared(stage, 4, "stopping");
    start(stage, 2, "a");
    expect_result(stage, 2, OUTCOME_TEMPORARY, "stopping");
    assert_int_equal(desk_busy_count(stage->desk), 1);
    desk_give_up(stage->desk, stage->now_ms);
    expect_result(stage, 1, OUTCOME_UNKNOWN, "stopped");
    assert_int_equal(desk_busy_count(stage->desk), 0);
    finish(0, CHANNEL_SENT, "late", 0);
    turn(stage, 0);
    expect_silence(stage);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_from_offer_to_result),
        CASE(test_result_inside_send),
        CASE(test_rendered_offers_carry_no_body),
        CASE(test_what_cannot_be_prepared_fails),
        CASE(test_drop_frees_the_slot),
        CASE(test_waiting_for_a_slot),
        CASE(test_a_dropped_waiting_offer_is_answered_once),
        CASE(test_a_dead_destination_holds_few_credits),
        CASE(test_breaker),
        CASE(test_rejections_open_no_breaker),
        CASE(test_a_wish_to_wait_holds_for_the_destination),
        CASE(test_an_attempt_that_never_ends),
        CASE(test_all_slots_lost),
        CASE(test_odd_plugins),
        CASE(test_a_late_claim_starts_nothing),
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

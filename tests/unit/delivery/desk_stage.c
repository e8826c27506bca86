#include "tests/unit/delivery/desk_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fake_channel fake;

static int fake_create(const struct channel_host *host, const struct channel_config *config,
                       void **out_self, char *why, size_t why_size)
{
    (void)config;
    (void)why;
    (void)why_size;
    fake.instance_count++;
    *out_self = (void *)(uintptr_t)host;
    return 0;
}

void stage_finish(size_t index, enum channel_outcome outcome, const char *reason,
                  int64_t retry_after_ms)
{
    const struct channel_result result = {.size = sizeof result,
                                          .outcome = outcome,
                                          .reason = reason,
                                          .retry_after_ms = retry_after_ms,
                                          .peer_is_well = text_equal(reason, STAGE_WELL) ? 1 : 0};
    const struct fake_send *sent = &fake.sends[index];
    sent->host->finish(sent->host->self, sent->ticket, &result);
}

static enum channel_accept fake_send(void *self, const struct channel_message *message,
                                     struct channel_ticket *ticket)
{
    if (fake.mode == FAKE_BUSY) {
        return CHANNEL_BUSY;
    }
    assert_true(fake.send_count < SENT_MAX);
    fake.sends[fake.send_count++] =
        (struct fake_send){.message = message, .ticket = ticket, .host = self};
    if (fake.mode == FAKE_INSIDE) {
        stage_finish(fake.send_count - 1, CHANNEL_SENT, "inside", 0);
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

static void no_wake(void *waker)
{
    (void)waker;
}

struct channel_set *stage_make_set(struct stage *stage, struct config *config)
{
    struct channel_set *set = NULL;
    struct err err = {0};
    assert_int_equal(channel_set_create(config,
                                        &(struct instance_options){
                                            .state_dir = stage->world.state_dir, .wake = no_wake},
                                        &set, &err),
                     0);
    return set;
}

int stage_set_up(void **state)
{
    static struct stage stage;
    memset(&fake, 0, sizeof fake);
    memset(&stage, 0, sizeof stage);
    world_init(&stage.world);
    stage.world.plugins = (struct config_plugins){.find = find_fake};
    stage.config = world_config(&stage.world, STAGE_CHANNELS);
    stage.now_ms = 1000000;
    const struct desk_options options = {.inbox = stage.world.inbox,
                                         .token_key = &stage.world.token_key,
                                         .clock = &stage.world.clock};
    stage.desk = desk_create(&options, stage_make_set(&stage, stage.config));
    *state = &stage;
    return 0;
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;
    desk_destroy(stage->desk);
    config_release(stage->config);
    world_clear(&stage->world);
    assert_int_equal(fake.destroyed_count, fake.instance_count);
    return 0;
}

void stage_give(struct stage *stage, struct order order)
{
    desk_order(stage->desk, world_copy(&stage->world, &order), stage->now_ms);
}

void stage_offer(struct stage *stage, uint64_t notification, const char *address)
{
    stage_give(stage, world_offer(notification, "hook", address));
}

void stage_start(struct stage *stage, uint64_t notification, const char *address)
{
    stage_give(stage, world_start(notification, 1, "hook", address));
}

void stage_drop(struct stage *stage, uint64_t notification)
{
    struct order order = world_offer(notification, "hook", "");
    order.kind = ORDER_DROP;
    stage_give(stage, order);
}

void stage_turn(struct stage *stage, int64_t later_ms)
{
    stage->now_ms += later_ms;
    desk_turn(stage->desk, stage->now_ms);
}

void stage_expect_silence(struct stage *stage)
{
    assert_null(world_next(&stage->world, 0));
}

/* The next input is a PREPARED for this notification; reason "" means ready, else not now for this
 * reason. */
int64_t stage_expect_prepared(struct stage *stage, uint64_t notification, const char *reason)
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

void stage_expect_failed(struct stage *stage, uint64_t notification, const char *reason)
{
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_PREPARED);
    assert_true(input->u.prepared.failed);
    assert_int_equal(input->u.prepared.notification, notification);
    assert_string_equal(input->u.prepared.reason, reason);
    world_release(input);
}

void stage_expect_result(struct stage *stage, uint64_t notification, enum outcome outcome,
                         const char *reason)
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
void stage_attempt(struct stage *stage, uint64_t notification, const char *address,
                   enum channel_outcome outcome, const char *reason, int64_t retry_after_ms)
{
    static const enum outcome outcomes[] = {[CHANNEL_SENT] = OUTCOME_ACCEPTED,
                                            [CHANNEL_RETRY] = OUTCOME_TEMPORARY,
                                            [CHANNEL_UNKNOWN] = OUTCOME_UNKNOWN,
                                            [CHANNEL_REJECTED] = OUTCOME_FAILED};
    stage_offer(stage, notification, address);
    (void)stage_expect_prepared(stage, notification, "");
    stage_start(stage, notification, address);
    stage_finish(fake.send_count - 1, outcome, reason, retry_after_ms);
    stage_turn(stage, 0);
    stage_expect_result(stage, notification, outcomes[outcome], reason);
}

/* Delivery's thread with the real webhook plugin and peers that answer badly; the test plays the
 * engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/delivery/delivery.h"
#include "gateway/system/metrics.h"
#include "gateway/system/token.h"
#include "tests/support/delivery_world.h"
#include "tests/support/fake_http.h"

#define WAIT_MS 20000
#define CHANNELS                                                                                   \
    "[channel hook]\nplugin = webhook\nin_flight = 8\nper_target = 2\n"                            \
    "attempt_timeout = 500ms\n"                                                                    \
    "[channel slow]\nplugin = webhook\nin_flight = 8\nper_target = 2\n"                            \
    "attempt_timeout = 60s\n"

struct stage {
    struct world world;
    struct config *config;
    struct plugins *plugins;
    struct delivery *delivery;
    struct fake_http *peer;
    struct fake_http *other; /* another destination */
};

static const struct channel_ops *find_plugin(void *self, const char *plugin, struct err *err)
{
    return plugins_find(self, strcmp(plugin, "fake") == 0 ? "file" : plugin, err);
}

static void start_delivery(struct stage *stage)
{
    struct err err = {0};
    const struct delivery_options options = {
        .config = stage->config,
        .plugins = stage->plugins,
        .outbox = stage->world.outbox,
        .inbox = stage->world.inbox,
        .token_key = &stage->world.token_key,
        .clock = &stage->world.clock,
        .state_dir = stage->world.state_dir,
    };
    if (delivery_start(&options, &stage->delivery, &err) != 0) {
        fail_msg("%s", err.text);
    }
}

static int set_up(void **state)
{
    static struct stage stage;
    struct err err = {0};
    memset(&stage, 0, sizeof stage);
    world_init(&stage.world);
    if (plugins_open(PLUGINS, &stage.plugins, &err) != 0) {
        fail_msg("%s", err.text);
    }
    stage.world.plugins = (struct config_plugins){.self = stage.plugins, .find = find_plugin};
    stage.config = world_config(&stage.world, CHANNELS);
    stage.peer = fake_http_start();
    stage.other = fake_http_start();
    start_delivery(&stage);
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    delivery_stop(stage->delivery, 0);
    delivery_destroy(stage->delivery);
    config_release(stage->config);
    plugins_close(stage->plugins);
    fake_http_stop(stage->peer);
    fake_http_stop(stage->other);
    /* What plugin `file` made for the channels that have it. */
    static const char *const made[] = {"messages/email", "messages/hook", "messages"};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", stage->world.state_dir, made[i]);
        (void)remove(path); /* not every test made all of them */
    }
    world_clear(&stage->world);
    return 0;
}

static void offer(struct stage *stage, uint64_t notification, const char *channel, const char *url)
{
    struct order order = world_offer(notification, channel, url);
    order.key = "142_1_lead_ann_hook_0";
    outbox_put(stage->world.outbox, &order);
}

/* The engine's part: every ready one starts, with the bytes it was given. Fills the next result for
 * `notification`; results of others count into *out_others when given. */
static void run_until_result(struct stage *stage, uint64_t notification, const char *channel,
                             const char *url, struct result *out_result)
{
    int64_t deadline_ms = clock_mono_ms() + WAIT_MS;
    while (clock_mono_ms() < deadline_ms) {
        struct input *input = world_next(&stage->world, 100);
        if (input == NULL) {
            continue;
        }
        if (input->kind == INPUT_RESULT && input->u.result.notification == notification) {
            static char reason[64];
            *out_result = input->u.result;
            (void)snprintf(reason, sizeof reason, "%s", input->u.result.reason);
            out_result->reason = reason;
            world_release(input);
            return;
        }
        if (input->kind == INPUT_PREPARED && input->u.prepared.ready) {
            struct order start = world_start(input->u.prepared.notification, 1, channel, url);
            start.key = "142_1_lead_ann_hook_0";
            start.body = input->u.prepared.body;
            start.body_count = input->u.prepared.body_count;
            start.content_type = input->u.prepared.content_type;
            start.subject = input->u.prepared.subject;
            outbox_put(stage->world.outbox, &start);
        }
        world_release(input);
    }
    fail_msg("no result for %llu within %d ms", (unsigned long long)notification, WAIT_MS);
}

struct peer_case {
    const char *path;
    enum outcome want;
    const char *reason;
    int64_t retry_after_ms;
};

static const struct peer_case peer_cases[] = {
    {.path = "/ok", .want = OUTCOME_ACCEPTED, .reason = "http-200"},
    {.path = "/status/503", .want = OUTCOME_TEMPORARY, .reason = "http-503"},
    {.path = "/ok", .want = OUTCOME_ACCEPTED, .reason = "http-200"},
    {.path = "/status/404", .want = OUTCOME_FAILED, .reason = "http-404"},
    {.path = "/redirect", .want = OUTCOME_FAILED, .reason = "http-302"},
    {.path = "/reset", .want = OUTCOME_UNKNOWN, .reason = "network"},
    {.path = "/hang", .want = OUTCOME_UNKNOWN, .reason = "timeout"},
    {.path = "/drip", .want = OUTCOME_ACCEPTED, .reason = "http-200"},
    {.path = "/huge", .want = OUTCOME_ACCEPTED, .reason = "http-200"},
    {.path = "/status/429?after=3",
     .want = OUTCOME_TEMPORARY,
     .reason = "http-429",
     .retry_after_ms = 3000},
};

static void test_peers(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof peer_cases / sizeof peer_cases[0]; i++) {
        char url[128];
        struct result got;
        (void)fake_http_url(stage->peer, peer_cases[i].path, url, sizeof url);
        offer(stage, i + 1, "hook", url);
        run_until_result(stage, i + 1, "hook", url, &got);
        if (got.outcome != peer_cases[i].want || strcmp(got.reason, peer_cases[i].reason) != 0 ||
            got.retry_after_ms != peer_cases[i].retry_after_ms || got.attempt != 1) {
            fail_msg("%s: got outcome %d, %s", peer_cases[i].path, got.outcome, got.reason);
        }
    }
    assert_null(world_next(&stage->world, 0));
}

static void test_the_envelope_arrives(void **state)
{
    struct stage *stage = *state;
    char url[128], value[256], token[TOKEN_TEXT_BYTES];
    struct result got;
    struct json *root = NULL;
    (void)fake_http_url(stage->peer, "/ok", url, sizeof url);
    offer(stage, 7, "hook", url);
    run_until_result(stage, 7, "hook", url, &got);
    const struct fake_request *request = fake_http_wait(stage->peer, 0, 0);
    assert_non_null(request);
    assert_int_equal(json_parse(request->body, request->body_count, &root, NULL), 0);
    const struct json *data = json_get(root, "data");
    assert_string_equal(json_string(json_get(root, "type")), "incident.page");
    assert_string_equal(json_string(json_get(data, "title")), "Disk full");
    token_make(&stage->world.token_key, 7, "ann", 0, token);
    assert_string_equal(json_string(json_get(data, "token")), token);
    assert_string_equal(fake_header(request, "webhook-id", value, sizeof value),
                        "142_1_lead_ann_hook_0");
    json_free(root);
}

/* Two attempts hang; those for another destination, on the same channel and thread, go through
 * meanwhile. */
static void test_a_dead_destination_delays_nobody(void **state)
{
    struct stage *stage = *state;
    char dead[128], alive[128];
    struct result got;
    (void)fake_http_url(stage->peer, "/hang", dead, sizeof dead);
    (void)fake_http_url(stage->other, "/ok", alive, sizeof alive);
    for (uint64_t i = 1; i <= 20; i++) {
        offer(stage, i, "slow", dead);
    }
    for (int i = 0; i < 2; i++) {
        struct input *input = world_next(&stage->world, WAIT_MS);
        assert_non_null(input);
        assert_true(input->kind == INPUT_PREPARED && input->u.prepared.ready);
        struct order start = world_start(input->u.prepared.notification, 1, "slow", dead);
        outbox_put(stage->world.outbox, &start);
        world_release(input);
    }
    assert_non_null(fake_http_wait(stage->peer, 1, WAIT_MS));
    int64_t begun_ms = clock_mono_ms();
    for (uint64_t i = 101; i <= 120; i++) {
        offer(stage, i, "slow", alive);
        run_until_result(stage, i, "slow", alive, &got);
        assert_int_equal(got.outcome, OUTCOME_ACCEPTED);
    }
    assert_true(clock_mono_ms() - begun_ms < WAIT_MS / 2);
    assert_int_equal(fake_http_count(stage->peer, "/hang"), 2);
}

static void test_stop_waits_for_its_grace_then_answers(void **state)
{
    struct stage *stage = *state;
    char url[128];
    (void)fake_http_url(stage->peer, "/hang", url, sizeof url);
    struct order start = world_start(1, 1, "slow", url);
    outbox_put(stage->world.outbox, &start);
    assert_non_null(fake_http_wait(stage->peer, 0, WAIT_MS));
    int64_t begun_ms = clock_mono_ms();
    delivery_stop(stage->delivery, 300);
    assert_true(clock_mono_ms() - begun_ms >= 300);
    delivery_stop(stage->delivery, 300); /* idempotent */
    struct input *input = world_next(&stage->world, 0);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_RESULT);
    assert_int_equal(input->u.result.outcome, OUTCOME_UNKNOWN);
    assert_string_equal(input->u.result.reason, "stopped");
    world_release(input);
    assert_null(world_next(&stage->world, 0));
}

static void test_stop_without_work_is_quick(void **state)
{
    struct stage *stage = *state;
    int64_t begun_ms = clock_mono_ms();
    delivery_stop(stage->delivery, WAIT_MS);
    assert_true(clock_mono_ms() - begun_ms < WAIT_MS / 2);
}

static void test_reload_under_way(void **state)
{
    struct stage *stage = *state;
    char hang[128], url[128];
    struct err err = {0};
    struct result got;
    (void)fake_http_url(stage->peer, "/hang", hang, sizeof hang);
    (void)fake_http_url(stage->other, "/ok", url, sizeof url);
    struct order start = world_start(1, 1, "hook", hang);
    outbox_put(stage->world.outbox, &start);
    assert_non_null(fake_http_wait(stage->peer, 0, WAIT_MS));
    for (int i = 0; i < 5; i++) {
        struct config *config = world_config(&stage->world, CHANNELS);
        assert_int_equal(delivery_reload(stage->delivery, config, &err), 0);
        config_release(config);
    }
    offer(stage, 2, "hook", url);
    run_until_result(stage, 2, "hook", url, &got);
    assert_int_equal(got.outcome, OUTCOME_ACCEPTED);
    offer(stage, 3, "hook", hang);
    run_until_result(stage, 3, "hook", hang, &got);
    assert_int_equal(got.outcome, OUTCOME_UNKNOWN);
}

/* A set that cannot be created whole changes nothing. */
static void test_refused_reload(void **state)
{
    struct stage *stage = *state;
    char url[128];
    struct err err = {0};
    struct result got;
    struct config *config = world_config(
        &stage->world,
        "[channel hook]\nplugin = file\n[channel bad]\nplugin = webhook\nsecret = tooshort\n");
    assert_int_equal(delivery_reload(stage->delivery, config, &err), -1);
    config_release(config);
    assert_non_null(strstr(err.text, "[channel bad] plugin webhook: secret"));
    assert_null(strstr(err.text, "tooshort"));
    (void)fake_http_url(stage->peer, "/ok", url, sizeof url);
    offer(stage, 2, "hook", url);
    run_until_result(stage, 2, "hook", url, &got);
    assert_int_equal(got.outcome, OUTCOME_ACCEPTED);
    assert_int_equal(fake_http_count(stage->peer, "/ok"), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_peers),
        CASE(test_the_envelope_arrives),
        CASE(test_a_dead_destination_delays_nobody),
        CASE(test_stop_waits_for_its_grace_then_answers),
        CASE(test_stop_without_work_is_quick),
        CASE(test_reload_under_way),
        CASE(test_refused_reload),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    metrics_clear();
    return failed;
}

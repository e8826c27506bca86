/* The example plugin, built outside the tree against the installed header: loaded, configured and
 * used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/delivery/delivery.h"
#include "gateway/system/metrics.h"
#include "tests/support/delivery_world.h"

#define WAIT_MS 20000

static const struct channel_ops *find_plugin(void *self, const char *plugin, struct err *err)
{
    return plugins_find(self, strcmp(plugin, "fake") == 0 ? "shout" : plugin, err);
}

static void send_one(struct world *world, const char *address, enum outcome want,
                     const char *reason)
{
    struct order start = world_start(1, 1, "loud", address);
    outbox_put(world->outbox, &start);
    struct input *input = world_next(world, WAIT_MS);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_RESULT);
    assert_int_equal(input->u.result.outcome, want);
    assert_string_equal(input->u.result.reason, reason);
    world_release(input);
}

static void test_use(void **state)
{
    (void)state;
    struct world world;
    struct err err = {0};
    struct plugins *plugins = NULL;
    struct delivery *delivery = NULL;
    world_init(&world);
    if (plugins_open(THIRDPARTY, &plugins, &err) != 0) {
        fail_msg("%s", err.text);
    }
    world.plugins = (struct config_plugins){.self = plugins, .find = find_plugin};
    struct config *config = world_config(&world, "[channel loud]\nplugin = shout\nprefix = HEAR\n");
    const struct delivery_options options = {.config = config,
                                             .plugins = plugins,
                                             .outbox = world.outbox,
                                             .inbox = world.inbox,
                                             .token_key = &world.token_key,
                                             .clock = &world.clock,
                                             .state_dir = world.state_dir};
    if (delivery_start(&options, &delivery, &err) != 0) {
        fail_msg("%s", err.text);
    }
    send_one(&world, "ann", OUTCOME_ACCEPTED, "shouted");
    send_one(&world, "", OUTCOME_FAILED, "no-address");
    delivery_stop(delivery, WAIT_MS);
    delivery_destroy(delivery);
    config_release(config);
    plugins_close(plugins);
    world_clear(&world);
}

static void test_refusal_names_the_section(void **state)
{
    (void)state;
    struct world world;
    struct err err = {0};
    struct plugins *plugins = NULL;
    struct delivery *delivery = NULL;
    world_init(&world);
    assert_int_equal(plugins_open(THIRDPARTY, &plugins, &err), 0);
    world.plugins = (struct config_plugins){.self = plugins, .find = find_plugin};
    struct config *config = world_config(&world, "[channel loud]\nplugin = shout\nprefix = 100%\n");
    const struct delivery_options options = {.config = config,
                                             .plugins = plugins,
                                             .outbox = world.outbox,
                                             .inbox = world.inbox,
                                             .token_key = &world.token_key,
                                             .clock = &world.clock,
                                             .state_dir = world.state_dir};
    assert_int_equal(delivery_start(&options, &delivery, &err), -1);
    assert_non_null(strstr(err.text, "[channel loud] plugin shout: prefix"));
    config_release(config);
    plugins_close(plugins);
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_use),
                                       cmocka_unit_test(test_refusal_names_the_section)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    metrics_clear();
    return failed;
}

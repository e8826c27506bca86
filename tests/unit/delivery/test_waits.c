/* Where delivery's thread waits: at the outbox and nowhere else, as long as orders may come. A nudge that nobody waited for
 * ends its next wait at once; the thread must then look again and not sleep where an order cannot wake it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "gateway/delivery/delivery.h"
#include "tests/support/delivery_world.h"

enum { NUDGED_TAKES = 200, WAIT_MS = 20000 };

static struct outbox *watched;
static atomic_int take_count;
static atomic_int other_waits;
static _Thread_local bool takes_orders;
static _Thread_local bool is_taking;

size_t __real_outbox_take(struct outbox *outbox, struct order **out_orders, size_t max,
                          int64_t timeout_ms);
size_t __wrap_outbox_take(struct outbox *outbox, struct order **out_orders, size_t max,
                          int64_t timeout_ms);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);

/* As if a channel had finished something just before each of the first turns. */
size_t __wrap_outbox_take(struct outbox *outbox, struct order **out_orders, size_t max,
                          int64_t timeout_ms)
{
    if (atomic_fetch_add(&take_count, 1) < NUDGED_TAKES) {
        outbox_nudge(outbox);
    }
    takes_orders = true;
    is_taking = true;
    size_t count = __real_outbox_take(outbox, out_orders, max, timeout_ms);
    is_taking = false;
    return count;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until)
{
    if (takes_orders && !is_taking && !outbox_is_stopped(watched)) {
        atomic_fetch_add(&other_waits, 1);
    }
    return __real_pthread_cond_timedwait(cond, lock, until);
}

static const struct channel_ops *find_plugin(void *self, const char *plugin, struct err *err)
{
    (void)plugin;
    return plugins_find(self, "file", err);
}

static void test_orders_never_wait_for_news(void **state)
{
    struct world world;
    struct err err = {0};
    struct plugins *plugins = NULL;
    struct delivery *delivery = NULL;
    (void)state;
    world_init(&world);
    assert_int_equal(plugins_open(PLUGINS, &plugins, &err), 0);
    world.plugins = (struct config_plugins){.self = plugins, .find = find_plugin};
    struct config *config = world_config(&world, "");
    watched = world.outbox;
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
    int64_t deadline_ms = clock_mono_ms() + WAIT_MS;
    while (atomic_load(&take_count) <= NUDGED_TAKES && clock_mono_ms() < deadline_ms) {
        outbox_nudge(world.outbox);
        assert_null(world_next(&world, 10));
    }
    assert_true(atomic_load(&take_count) > NUDGED_TAKES);
    assert_int_equal(atomic_load(&other_waits), 0);
    delivery_stop(delivery, 0);
    delivery_destroy(delivery);
    config_release(config);
    plugins_close(plugins);
    char path[256];
    static const char *const made[] = {"messages/email", "messages"};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", world.state_dir, made[i]);
        (void)remove(path); /* the plugin may not have made it */
    }
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_never_wait_for_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The delivery thread: orders from the outbox, news from the plugins, both to the desk (see
 * desk.h). */
#include "gateway/delivery/delivery.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/delivery/desk.h"
#include "gateway/system/clock.h"
#include "gateway/system/log.h"

#define ORDERS_AT_ONCE 64
/* Reservations are started or dropped by the engine within a batch; an engine that has gone must
 * not hold the stop for long. */
#define LAST_TURN_MS 100

struct delivery {
    struct delivery_options options;
    struct desk *desk; /* the thread's own until it has ended */
    pthread_t thread;
    bool started;

    pthread_mutex_t news_lock;
    pthread_cond_t news_changed;
    bool news;                        /* news_lock: something has ended, arrived or is to stop */
    bool stopping;                    /* news_lock */
    int64_t stop_mono_ms;             /* news_lock: no patience after this */
    struct channel_set *arriving_set; /* news_lock: from a reload, not yet taken over */
    struct channel_set *retired_sets; /* news_lock: for the main thread to destroy */
};

static void lock_news(struct delivery *delivery)
{
    ASSERT(pthread_mutex_lock(&delivery->news_lock) == 0);
}

static void unlock_news(struct delivery *delivery)
{
    ASSERT(pthread_mutex_unlock(&delivery->news_lock) == 0);
}

/* From any thread, also from inside a plugin's send. */
static void wake(void *waker)
{
    struct delivery *delivery = waker;
    lock_news(delivery);
    bool first = !delivery->news;
    delivery->news = true;
    if (first) {
        ASSERT(pthread_cond_signal(&delivery->news_changed) == 0);
    }
    unlock_news(delivery);
    if (first) {
        outbox_nudge(delivery->options.outbox);
    }
}

/* --- the thread --- */

static size_t take_orders(struct delivery *delivery, int64_t timeout_ms)
{
    struct order *orders[ORDERS_AT_ONCE];
    size_t count = outbox_take(delivery->options.outbox, orders, ORDERS_AT_ONCE, timeout_ms);
    for (size_t i = 0; i < count; i++) {
        desk_order(delivery->desk, orders[i], clock_mono_ms());
    }
    return count;
}

static void exchange_sets(struct delivery *delivery)
{
    struct channel_set *retired = desk_take_retired(delivery->desk);
    lock_news(delivery);
    struct channel_set *arriving = delivery->arriving_set;
    delivery->arriving_set = NULL;
    while (retired != NULL) {
        struct channel_set *set = retired;
        retired = set->next;
        set->next = delivery->retired_sets;
        delivery->retired_sets = set;
    }
    unlock_news(delivery);
    if (arriving != NULL) {
        desk_swap(delivery->desk, arriving, clock_mono_ms());
    }
}

static bool take_news(struct delivery *delivery)
{
    lock_news(delivery);
    delivery->news = false;
    bool stopping = delivery->stopping;
    unlock_news(delivery);
    return !stopping;
}

static void wait_for_news(struct delivery *delivery, int64_t timeout_ms)
{
    struct timespec until = clock_wait_until(timeout_ms);
    lock_news(delivery);
    if (!delivery->news) {
        /* A time-out and a spurious wake-up are both just another turn. */
        (void)pthread_cond_timedwait(&delivery->news_changed, &delivery->news_lock, &until);
    }
    unlock_news(delivery);
}

/* The engine still runs: it hears every outcome, and its last claims are answered, not started. */
static void drain(struct delivery *delivery)
{
    lock_news(delivery);
    int64_t stop_mono_ms = delivery->stop_mono_ms;
    unlock_news(delivery);
    desk_close(delivery->desk, clock_mono_ms());
    for (;;) {
        int64_t now_ms = clock_mono_ms();
        (void)take_news(delivery);
        while (take_orders(delivery, 0) > 0) {
        }
        desk_turn(delivery->desk, now_ms);
        if (desk_busy_count(delivery->desk) == 0 || now_ms >= stop_mono_ms) {
            break;
        }
        wait_for_news(delivery,
                      stop_mono_ms - now_ms < LAST_TURN_MS ? stop_mono_ms - now_ms : LAST_TURN_MS);
    }
    desk_give_up(delivery->desk, clock_mono_ms());
    /* What ended in between was not given up and is told now. */
    desk_turn(delivery->desk, clock_mono_ms());
}

static void *delivery_run(void *context)
{
    struct delivery *delivery = context;
    while (take_news(delivery)) {
        exchange_sets(delivery);
        desk_turn(delivery->desk, clock_mono_ms());
        int64_t now_ms = clock_mono_ms();
        int64_t timeout_ms = desk_next_mono_ms(delivery->desk, now_ms) - now_ms;
        timeout_ms = timeout_ms > 0 ? timeout_ms : 0;
        if (take_orders(delivery, timeout_ms) == 0 && outbox_is_stopped(delivery->options.outbox)) {
            /* It returns at once, for ever: wait here instead of spinning. */
            wait_for_news(delivery, timeout_ms < LAST_TURN_MS ? timeout_ms : LAST_TURN_MS);
        }
    }
    drain(delivery);
    return NULL;
}

/* --- life, on the main thread --- */

static void destroy_sets(struct channel_set *sets)
{
    while (sets != NULL) {
        struct channel_set *set = sets;
        sets = set->next;
        channel_set_destroy(set);
    }
}

static void make_news_lock(struct delivery *delivery)
{
    pthread_condattr_t attributes;
    ASSERT(pthread_mutex_init(&delivery->news_lock, NULL) == 0);
    ASSERT(pthread_condattr_init(&attributes) == 0);
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&delivery->news_changed, &attributes) == 0);
    ASSERT(pthread_condattr_destroy(&attributes) == 0);
}

static int start_thread(struct delivery *delivery, struct err *err)
{
    sigset_t all, before;
    ASSERT(sigfillset(&all) == 0);
    /* Signals belong to the main thread. */
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int failed = pthread_create(&delivery->thread, NULL, delivery_run, delivery);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (failed != 0) {
        return err_set_errno(err, failed, "the delivery thread cannot be started");
    }
    delivery->started = true;
    return 0;
}

static struct instance_options instance_common(struct delivery *delivery)
{
    return (struct instance_options){.state_dir = delivery->options.state_dir,
                                     .helper_dir = delivery->options.helper_dir,
                                     .troubles = delivery->options.troubles,
                                     .waker = delivery,
                                     .wake = wake};
}

int delivery_start(const struct delivery_options *options, struct delivery **out_delivery,
                   struct err *err)
{
    struct channel_set *set = NULL;
    struct delivery *delivery = heap_alloc(sizeof *delivery);
    const struct desk_options desk = {
        .inbox = options->inbox, .token_key = options->token_key, .clock = options->clock};
    delivery->options = *options;
    make_news_lock(delivery);
    const struct instance_options common = instance_common(delivery);
    if (channel_set_create(options->config, &common, &set, err) != 0) {
        delivery_destroy(delivery);
        return -1;
    }
    delivery->desk = desk_create(&desk, set);
    if (start_thread(delivery, err) != 0) {
        delivery_destroy(delivery);
        return -1;
    }
    *out_delivery = delivery;
    return 0;
}

int delivery_reload(struct delivery *delivery, struct config *config, struct err *err)
{
    struct channel_set *set = NULL;
    const struct instance_options common = instance_common(delivery);
    if (channel_set_create(config, &common, &set, err) != 0) {
        return -1;
    }
    lock_news(delivery);
    /* One that the thread has not taken over yet has never been used. */
    struct channel_set *unused = delivery->arriving_set;
    struct channel_set *retired = delivery->retired_sets;
    delivery->arriving_set = set;
    delivery->retired_sets = NULL;
    unlock_news(delivery);
    wake(delivery);
    destroy_sets(unused);
    destroy_sets(retired);
    return 0;
}

void delivery_stop(struct delivery *delivery, int64_t grace_ms)
{
    if (!delivery->started) {
        return;
    }
    lock_news(delivery);
    delivery->stopping = true;
    delivery->stop_mono_ms = clock_mono_ms() + grace_ms;
    unlock_news(delivery);
    wake(delivery);
    ASSERT(pthread_join(delivery->thread, NULL) == 0);
    delivery->started = false;
    log_line(LOG_INFO, "delivery has stopped", NULL);
}

void delivery_destroy(struct delivery *delivery)
{
    if (delivery == NULL) {
        return;
    }
    delivery_stop(delivery, 0);
    desk_destroy(delivery->desk);
    destroy_sets(delivery->arriving_set);
    destroy_sets(delivery->retired_sets);
    ASSERT(pthread_cond_destroy(&delivery->news_changed) == 0);
    ASSERT(pthread_mutex_destroy(&delivery->news_lock) == 0);
    free(delivery);
}

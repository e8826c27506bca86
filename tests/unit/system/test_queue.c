#include "gateway/system/queue.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/system/clock.h"

#define DEADLINE_MS 30000
#define PRODUCERS 3
#define CONSUMERS 3
#define ITEMS_PER_PRODUCER 20000

static int numbers[64];

static _Atomic int signal_count;
static _Atomic int write_count;

int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
ssize_t __real_write(int fd, const void *data, size_t count);
ssize_t __wrap_write(int fd, const void *data, size_t count);

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    signal_count++;
    return __real_pthread_cond_signal(cond);
}

ssize_t __wrap_write(int fd, const void *data, size_t count)
{
    write_count++;
    return __real_write(fd, data, count);
}

static struct queue *queue_of(size_t capacity)
{
    struct queue *queue = NULL;
    assert_int_equal(queue_create(capacity, &queue, NULL), 0);
    assert_int_equal(queue_capacity(queue), capacity);
    return queue;
}

static bool fd_is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void test_bad_capacities(void **state)
{
    (void)state;
    static const size_t cases[] = {0, SIZE_MAX, ((size_t)1 << 24) + 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct queue *queue = NULL;
        struct err err = {.code = ERR_NONE};
        assert_int_equal(queue_create(cases[i], &queue, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(queue);
    }
    queue_destroy(NULL);
}

static void test_order_and_all_or_none(void **state)
{
    (void)state;
    struct queue *queue = queue_of(5);
    void *in[6];
    void *out[8];
    for (size_t i = 0; i < 6; i++) {
        in[i] = &numbers[i];
    }
    /* Many rounds, so that the ring wraps at every place. */
    for (int round = 0; round < 20; round++) {
        assert_true(queue_put_many(queue, in, 3));
        assert_true(queue_put_many(queue, in, 0));
        assert_false(queue_put_many(queue, in, 3));
        assert_int_equal(queue_count(queue), 3);
        assert_true(queue_put_many(queue, in + 3, 2));
        assert_false(queue_put(queue, in[5]));
        assert_int_equal(queue_take(queue, out, 2, 0), 2);
        assert_int_equal(queue_take(queue, out + 2, 6, 0), 3);
        assert_memory_equal(out, in, 5 * sizeof in[0]);
        assert_int_equal(queue_take(queue, out, 8, 0), 0);
        assert_true(queue_put(queue, in[5]));
        assert_int_equal(queue_take(queue, out, 8, -1), 1);
        assert_ptr_equal(out[0], in[5]);
    }
    assert_false(queue_put_many(queue, in, 6));
    queue_destroy(queue);
}

static void test_owed_passes_the_capacity(void **state)
{
    (void)state;
    struct queue *queue = queue_of(2);
    void *out[64];
    for (int round = 0; round < 3; round++) {
        assert_true(queue_put(queue, &numbers[0]));
        for (size_t i = 1; i < 40; i++) {
            assert_true(queue_put_owed(queue, &numbers[i]));
        }
        assert_false(queue_put(queue, &numbers[40]));
        assert_int_equal(queue_count(queue), 40);
        assert_int_equal(queue_capacity(queue), 2);
        assert_int_equal(queue_take(queue, out, 39, 0), 39);
        assert_true(queue_put(queue, &numbers[40]));
        assert_int_equal(queue_take(queue, out + 39, 25, 0), 2);
        for (size_t i = 0; i <= 40; i++) {
            assert_ptr_equal(out[i], &numbers[i]);
        }
    }
    queue_destroy(queue);
}

static void test_stop(void **state)
{
    (void)state;
    struct queue *queue = queue_of(4);
    void *item = &numbers[0];
    void *out[4];
    assert_true(queue_put(queue, item));
    assert_false(queue_is_stopped(queue));
    queue_stop(queue);
    queue_stop(queue);
    assert_true(queue_is_stopped(queue));
    assert_false(queue_put(queue, item));
    assert_false(queue_put_many(queue, &item, 1));
    assert_false(queue_put_owed(queue, item));
    assert_int_equal(queue_take(queue, out, 4, -1), 1);
    assert_int_equal(queue_take(queue, out, 4, -1), 0);
    queue_destroy(queue);
}

static void test_timeout(void **state)
{
    (void)state;
    static const int64_t cases_ms[] = {0, 1, 30};
    struct queue *queue = queue_of(1);
    for (size_t i = 0; i < sizeof cases_ms / sizeof cases_ms[0]; i++) {
        void *out[1];
        int64_t before_ns = clock_mono_ns();
        assert_int_equal(queue_take(queue, out, 1, cases_ms[i]), 0);
        int64_t took_ns = clock_mono_ns() - before_ns;
        assert_true(took_ns >= cases_ms[i] * 1000000 - 100000 && took_ns < 10000000000);
    }
    queue_destroy(queue);
}

static void test_wake_fd_shows_the_level(void **state)
{
    (void)state;
    struct queue *queue = queue_of(4);
    void *out[4];
    assert_true(queue_put(queue, &numbers[0]));
    int fd = queue_wake_fd(queue);
    assert_true(fd >= 0);
    assert_int_equal(queue_wake_fd(queue), fd);
    assert_true(fd_is_readable(fd));
    assert_true(queue_put(queue, &numbers[1]));
    assert_int_equal(queue_take(queue, out, 1, 0), 1);
    assert_true(fd_is_readable(fd));
    assert_int_equal(queue_take(queue, out, 1, 0), 1);
    assert_false(fd_is_readable(fd));
    assert_int_equal(queue_take(queue, out, 1, 0), 0);
    assert_false(fd_is_readable(fd));
    assert_true(queue_put_owed(queue, &numbers[2]));
    assert_true(fd_is_readable(fd));
    queue_stop(queue);
    assert_int_equal(queue_take(queue, out, 4, 0), 1);
    assert_true(fd_is_readable(fd));
    queue_destroy(queue);

    queue = queue_of(1);
    queue_stop(queue);
    assert_true(fd_is_readable(queue_wake_fd(queue)));
    queue_destroy(queue);
}

static void test_nudge_is_remembered_once(void **state)
{
    (void)state;
    struct queue *queue = queue_of(1);
    void *out[1];
    queue_nudge(queue);
    queue_nudge(queue);
    assert_int_equal(queue_take(queue, out, 1, -1), 0);
    int64_t before_ms = clock_mono_ms();
    assert_int_equal(queue_take(queue, out, 1, 20), 0);
    assert_true(clock_mono_ms() - before_ms >= 19);
    queue_nudge(queue);
    assert_true(queue_put(queue, &numbers[0]));
    assert_int_equal(queue_take(queue, out, 1, -1), 1);
    queue_destroy(queue);
}

/* An awake consumer costs producers nothing: no signal, and one write for each change of the level.
 * */
static void test_puts_without_a_sleeper_are_quiet(void **state)
{
    (void)state;
    struct queue *queue = queue_of(40);
    void *out[40];
    signal_count = 0;
    write_count = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 40; i++) {
            assert_true(queue_put(queue, &numbers[i]));
        }
        assert_int_equal(queue_take(queue, out, 40, -1), 40);
        queue_nudge(queue);
        assert_int_equal(queue_take(queue, out, 40, -1), 0);
        assert_int_equal(write_count, 0);
    }
    assert_true(queue_wake_fd(queue) >= 0);
    for (int round = 1; round <= 3; round++) {
        for (size_t i = 0; i < 40; i++) {
            assert_true(queue_put(queue, &numbers[i]));
        }
        assert_int_equal(queue_take(queue, out, 40, -1), 40);
        assert_int_equal(write_count, round);
    }
    assert_int_equal(signal_count, 0);
    queue_destroy(queue);
}

struct taker {
    struct queue *queue;
    size_t count;
    _Atomic bool asleep_soon;
};

static void *take_once(void *argument)
{
    struct taker *taker = argument;
    void *out[4];
    taker->asleep_soon = true;
    taker->count = queue_take(taker->queue, out, 4, DEADLINE_MS);
    return NULL;
}

enum waker { WAKE_BY_PUT, WAKE_BY_OWED, WAKE_BY_NUDGE, WAKE_BY_STOP };

/* The taker may or may not sleep already: both ways it must come back long before its deadline. */
static void test_sleeping_taker_is_woken(void **state)
{
    (void)state;
    static const struct {
        enum waker waker;
        size_t want;
    } cases[] = {
        {.waker = WAKE_BY_PUT, .want = 1},
        {.waker = WAKE_BY_OWED, .want = 1},
        {.waker = WAKE_BY_NUDGE, .want = 0},
        {.waker = WAKE_BY_STOP, .want = 0},
    };
    for (size_t i = 0; i < 200 * sizeof cases / sizeof cases[0]; i++) {
        struct taker taker = {.queue = queue_of(4)};
        pthread_t thread;
        int64_t before_ms = clock_mono_ms();
        assert_int_equal(pthread_create(&thread, NULL, take_once, &taker), 0);
        while (i % 8 < 4 && !taker.asleep_soon) {
        }
        switch (cases[i % 4].waker) {
        case WAKE_BY_PUT:
            assert_true(queue_put(taker.queue, &numbers[0]));
            break;
        case WAKE_BY_OWED:
            assert_true(queue_put_owed(taker.queue, &numbers[0]));
            break;
        case WAKE_BY_NUDGE:
            queue_nudge(taker.queue);
            break;
        case WAKE_BY_STOP:
            queue_stop(taker.queue);
            break;
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(taker.count, cases[i % 4].want);
        assert_true(clock_mono_ms() - before_ms < DEADLINE_MS / 2);
        /* The sleeper is forgotten: nobody is signalled for the next item. */
        void *out[4];
        signal_count = 0;
        (void)queue_put(taker.queue, &numbers[1]); /* false after the stop */
        assert_int_equal(signal_count, 0);
        (void)queue_take(taker.queue, out, 4, 0);
        queue_destroy(taker.queue);
    }
}

/* One put of many items brings all sleeping takers back, and a stop the ones that got nothing. */
static void test_many_takers(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct queue *queue = queue_of(16);
        struct taker takers[4];
        pthread_t threads[4];
        void *items[8];
        size_t taken = 0;
        for (size_t i = 0; i < 8; i++) {
            items[i] = &numbers[i];
        }
        for (size_t i = 0; i < 4; i++) {
            takers[i] = (struct taker){.queue = queue};
            assert_int_equal(pthread_create(&threads[i], NULL, take_once, &takers[i]), 0);
        }
        assert_true(queue_put_many(queue, items, 8));
        int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS / 2;
        while (queue_count(queue) > 0) {
            assert_true(clock_mono_ms() < deadline_ms);
        }
        queue_stop(queue);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            taken += takers[i].count;
        }
        assert_int_equal(taken, 8);
        queue_destroy(queue);
    }
}

struct flow {
    struct queue *queue;
    size_t producer;
};

static int item_places[PRODUCERS][ITEMS_PER_PRODUCER];
static _Atomic unsigned char item_seen[PRODUCERS][ITEMS_PER_PRODUCER];
static _Atomic size_t received_count;

static void *produce(void *argument)
{
    struct flow *flow = argument;
    size_t sent = 0;
    while (sent < ITEMS_PER_PRODUCER) {
        void *batch[7];
        size_t count = 1 + sent % 7;
        count = count < ITEMS_PER_PRODUCER - sent ? count : ITEMS_PER_PRODUCER - sent;
        for (size_t i = 0; i < count; i++) {
            batch[i] = &item_places[flow->producer][sent + i];
        }
        if (queue_put_many(flow->queue, batch, count)) {
            sent += count;
        }
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct flow *flow = argument;
    size_t last[PRODUCERS] = {0};
    for (;;) {
        void *out[5];
        size_t count = queue_take(flow->queue, out, 5, DEADLINE_MS);
        if (count == 0) {
            return NULL;
        }
        for (size_t i = 0; i < count; i++) {
            size_t at = (size_t)((int *)out[i] - &item_places[0][0]);
            size_t producer = at / ITEMS_PER_PRODUCER;
            size_t number = at % ITEMS_PER_PRODUCER + 1;
            /* What one consumer gets of one producer is in order. */
            if (number <= last[producer]) {
                return argument;
            }
            last[producer] = number;
            atomic_fetch_add(&item_seen[producer][number - 1], 1);
        }
        atomic_fetch_add(&received_count, count);
    }
}

static void test_nothing_lost_nothing_twice(void **state)
{
    (void)state;
    struct queue *queue = queue_of(50);
    struct flow flows[PRODUCERS];
    pthread_t producers[PRODUCERS];
    pthread_t consumers[CONSUMERS];
    for (size_t i = 0; i < CONSUMERS; i++) {
        flows[i] = (struct flow){.queue = queue, .producer = i};
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, &flows[i]), 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &flows[i]), 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(producers[i], NULL), 0);
    }
    queue_stop(queue);
    for (size_t i = 0; i < CONSUMERS; i++) {
        void *out_of_order = NULL;
        assert_int_equal(pthread_join(consumers[i], &out_of_order), 0);
        assert_null(out_of_order);
    }
    assert_int_equal(received_count, (size_t)PRODUCERS * ITEMS_PER_PRODUCER);
    for (size_t i = 0; i < PRODUCERS; i++) {
        for (size_t j = 0; j < ITEMS_PER_PRODUCER; j++) {
            assert_int_equal(item_seen[i][j], 1);
        }
    }
    queue_destroy(queue);
}

static void *produce_and_stop(void *argument)
{
    (void)produce(argument);
    queue_stop(((struct flow *)argument)->queue);
    return NULL;
}

/* A consumer that polls the descriptor and then drains never misses an item or the stop. */
static void test_polling_consumer(void **state)
{
    (void)state;
    struct queue *queue = queue_of(50);
    struct flow flow = {.queue = queue, .producer = 0};
    struct pollfd poll_fd = {.fd = queue_wake_fd(queue), .events = POLLIN};
    pthread_t producer;
    size_t received = 0;
    assert_int_equal(pthread_create(&producer, NULL, produce_and_stop, &flow), 0);
    while (!queue_is_stopped(queue) || queue_count(queue) > 0) {
        void *out[16];
        assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
        for (size_t count = 1; count > 0; received += count) {
            count = queue_take(queue, out, 16, 0);
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(received, ITEMS_PER_PRODUCER);
    queue_destroy(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_capacities),
        cmocka_unit_test(test_order_and_all_or_none),
        cmocka_unit_test(test_owed_passes_the_capacity),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_wake_fd_shows_the_level),
        cmocka_unit_test(test_nudge_is_remembered_once),
        cmocka_unit_test(test_puts_without_a_sleeper_are_quiet),
        cmocka_unit_test(test_sleeping_taker_is_woken),
        cmocka_unit_test(test_many_takers),
        cmocka_unit_test(test_nothing_lost_nothing_twice),
        cmocka_unit_test(test_polling_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

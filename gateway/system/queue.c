#include "gateway/system/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/clock.h"

#define CAPACITY_MAX (1U << 24)

/* `count` and `stopped` change under the lock only; they are atomic so that others may look without
 * it. */
struct queue {
    pthread_mutex_t queue_lock;
    pthread_cond_t filled;
    void **items; /* a ring */
    size_t room;  /* of the ring: `capacity`, more once owed items needed it */
    size_t head;
    size_t capacity;
    _Atomic size_t count;
    _Atomic bool stopped;
    bool nudged;
    size_t waiting; /* takers asleep */
    size_t woken;   /* of those, signalled but not yet awake: no second signal is spent on them */
    int wake_fd;    /* -1 until somebody asks */
    bool readable;  /* what wake_fd shows now */
};

static void queue_lock(struct queue *queue)
{
    int status = pthread_mutex_lock(&queue->queue_lock);
    ASSERT(status == 0);
}

static void queue_unlock(struct queue *queue)
{
    int status = pthread_mutex_unlock(&queue->queue_lock);
    ASSERT(status == 0);
}

/* The two calls on our own non-blocking descriptor are made under the lock: outside it a put and a
 * take could pass each other and leave the level wrong for good. */
static void level_show(struct queue *queue)
{
    bool wanted = queue->count > 0 || queue->stopped;
    if (queue->wake_fd < 0 || queue->readable == wanted) {
        return;
    }
    uint64_t one = 1;
    ssize_t moved =
        wanted ? write(queue->wake_fd, &one, sizeof one) : read(queue->wake_fd, &one, sizeof one);
    ASSERT(moved == (ssize_t)sizeof one);
    queue->readable = wanted;
}

/* How many sleeping takers `item_count` new items are worth; they are noted as woken. The lock is
 * held. */
static size_t takers_to_wake(struct queue *queue, size_t item_count)
{
    ASSERT(queue->woken <= queue->waiting);
    size_t asleep = queue->waiting - queue->woken;
    size_t wanted = item_count < asleep ? item_count : asleep;
    queue->woken += wanted;
    return wanted;
}

/* Signals go out after the lock is given back, so that the woken thread does not run into it. */
static void takers_wake(struct queue *queue, size_t taker_count)
{
    for (size_t i = 0; i < taker_count; i++) {
        int status = pthread_cond_signal(&queue->filled);
        ASSERT(status == 0);
    }
}

static int cond_create(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int status = pthread_condattr_init(&attributes);
    if (status != 0) {
        return status;
    }
    status = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (status == 0) {
        status = pthread_cond_init(cond, &attributes);
    }
    (void)pthread_condattr_destroy(&attributes); /* cannot fail on attributes made above */
    return status;
}

int queue_create(size_t capacity, struct queue **out_queue, struct err *err)
{
    if (capacity == 0 || capacity > CAPACITY_MAX) {
        return err_set(err, ERR_INVALID, "queue: capacity %zu, want 1..%u", capacity, CAPACITY_MAX);
    }
    struct queue *queue = heap_alloc(sizeof *queue);
    int status = pthread_mutex_init(&queue->queue_lock, NULL);
    if (status != 0) {
        free(queue);
        return err_set_errno(err, status, "queue: cannot make its lock");
    }
    status = cond_create(&queue->filled);
    if (status != 0) {
        (void)pthread_mutex_destroy(&queue->queue_lock); /* nobody holds it yet */
        free(queue);
        return err_set_errno(err, status, "queue: cannot make its signal");
    }
    queue->items = heap_alloc(capacity * sizeof *queue->items);
    queue->room = capacity;
    queue->capacity = capacity;
    queue->wake_fd = -1;
    *out_queue = queue;
    return 0;
}

void queue_destroy(struct queue *queue)
{
    if (queue == NULL) {
        return;
    }
    ASSERT(queue->count == 0);
    ASSERT(queue->waiting == 0);
    if (queue->wake_fd >= 0) {
        (void)close(queue->wake_fd); /* an eventfd holds nothing that could be lost */
    }
    int status = pthread_cond_destroy(&queue->filled);
    ASSERT(status == 0);
    status = pthread_mutex_destroy(&queue->queue_lock);
    ASSERT(status == 0);
    free(queue->items);
    free(queue);
}

/* Copy between the ring from position `at` and a plain array; the ring may wrap once. */
static void ring_read(const struct queue *queue, size_t at, void **out_items, size_t count)
{
    size_t straight = queue->room - at;
    size_t first = count < straight ? count : straight;
    memcpy(out_items, queue->items + at, first * sizeof *out_items);
    memcpy(out_items + first, queue->items, (count - first) * sizeof *out_items);
}

static void ring_write(struct queue *queue, size_t at, void *const *items, size_t count)
{
    size_t straight = queue->room - at;
    size_t first = count < straight ? count : straight;
    memcpy(queue->items + at, items, first * sizeof *items);
    memcpy(queue->items, items + first, (count - first) * sizeof *items);
}

static void ring_grow(struct queue *queue)
{
    void **items = heap_alloc(2 * queue->room * sizeof *items);
    ring_read(queue, queue->head, items, queue->count);
    free(queue->items);
    queue->items = items;
    queue->room *= 2;
    queue->head = 0;
}

/* The one way in. `owed` items may pass the capacity. */
static bool items_append(struct queue *queue, void *const *items, size_t count, bool owed)
{
    queue_lock(queue);
    bool full = !owed && (queue->count > queue->capacity || count > queue->capacity - queue->count);
    if (queue->stopped || full) {
        queue_unlock(queue);
        return false;
    }
    while (count > queue->room - queue->count) {
        ring_grow(queue);
    }
    ring_write(queue, (queue->head + queue->count) % queue->room, items, count);
    queue->count += count;
    level_show(queue);
    size_t taker_count = takers_to_wake(queue, count);
    queue_unlock(queue);
    takers_wake(queue, taker_count);
    return true;
}

bool queue_put_many(struct queue *queue, void *const *items, size_t count)
{
    return items_append(queue, items, count, false);
}

bool queue_put(struct queue *queue, void *item)
{
    return items_append(queue, &item, 1, false);
}

bool queue_put_owed(struct queue *queue, void *item)
{
    return items_append(queue, &item, 1, true);
}

/* Sleep until there is a reason to return. The lock is held at entry and exit. */
static void taker_sleep(struct queue *queue, int64_t timeout_ms)
{
    struct timespec until = {.tv_sec = 0};
    if (timeout_ms > 0) {
        until = clock_wait_until(timeout_ms);
    }
    int status = timeout_ms == 0 ? ETIMEDOUT : 0;
    while (queue->count == 0 && !queue->stopped && !queue->nudged && status == 0) {
        queue->waiting++;
        status = timeout_ms < 0
                     ? pthread_cond_wait(&queue->filled, &queue->queue_lock)
                     : pthread_cond_timedwait(&queue->filled, &queue->queue_lock, &until);
        ASSERT(status == 0 || status == ETIMEDOUT);
        queue->waiting--;
        /* A taker that timed out may take another's mark with it; that costs one signal too many,
         * never one too few. */
        queue->woken -= queue->woken > 0;
    }
}

size_t queue_take(struct queue *queue, void **out_items, size_t max, int64_t timeout_ms)
{
    ASSERT(max > 0);
    queue_lock(queue);
    taker_sleep(queue, timeout_ms);
    queue->nudged = false;
    size_t count = queue->count < max ? queue->count : max;
    if (count > 0) {
        ring_read(queue, queue->head, out_items, count);
        queue->head = (queue->head + count) % queue->room;
        queue->count -= count;
        level_show(queue);
    }
    queue_unlock(queue);
    return count;
}

void queue_nudge(struct queue *queue)
{
    queue_lock(queue);
    queue->nudged = true;
    size_t taker_count = takers_to_wake(queue, 1);
    queue_unlock(queue);
    takers_wake(queue, taker_count);
}

size_t queue_count(const struct queue *queue)
{
    return atomic_load_explicit(&queue->count, memory_order_relaxed);
}

size_t queue_capacity(const struct queue *queue)
{
    return queue->capacity;
}

void queue_stop(struct queue *queue)
{
    queue_lock(queue);
    queue->stopped = true;
    level_show(queue);
    queue->woken = queue->waiting;
    int status = pthread_cond_broadcast(&queue->filled);
    ASSERT(status == 0);
    queue_unlock(queue);
}

bool queue_is_stopped(const struct queue *queue)
{
    return atomic_load_explicit(&queue->stopped, memory_order_acquire);
}

int queue_wake_fd(struct queue *queue)
{
    queue_lock(queue);
    if (queue->wake_fd < 0) {
        queue->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        level_show(queue);
    }
    int fd = queue->wake_fd;
    queue_unlock(queue);
    return fd;
}

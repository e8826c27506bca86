#include "channels/support/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/support/result.h"
#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

struct job {
    const struct channel_message *message;
    struct channel_ticket *ticket;
};

struct worker {
    struct worker_options options;
    pthread_t thread;
    bool started;

    pthread_mutex_t ring_lock;
    pthread_cond_t ring_changed;
    struct job *ring; /* ring_lock; in_flight_max places */
    size_t head;      /* ring_lock */
    size_t count;     /* ring_lock */
    bool stopping;    /* ring_lock */
};

static void lock_ring(struct worker *worker)
{
    ASSERT(pthread_mutex_lock(&worker->ring_lock) == 0);
}

static void unlock_ring(struct worker *worker)
{
    ASSERT(pthread_mutex_unlock(&worker->ring_lock) == 0);
}

/* Waits for a job; false when it is to be given up, or (ticket NULL) when there is none left. */
static bool take_job(struct worker *worker, struct job *out_job)
{
    *out_job = (struct job){.ticket = NULL};
    lock_ring(worker);
    while (worker->count == 0 && !worker->stopping) {
        ASSERT(pthread_cond_wait(&worker->ring_changed, &worker->ring_lock) == 0);
    }
    if (worker->count > 0) {
        *out_job = worker->ring[worker->head];
        worker->head = (worker->head + 1) % worker->options.in_flight_max;
        worker->count--;
    }
    bool go_on = !worker->stopping;
    unlock_ring(worker);
    return go_on;
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct job job;
    while (take_job(worker, &job)) {
        worker->options.handle(worker->options.context, job.message, job.ticket);
    }
    while (job.ticket != NULL) {
        result_finish(worker->options.host, job.ticket, CHANNEL_RETRY, "stopped",
                      "the channel was stopped");
        (void)take_job(worker, &job); /* stopping, so that it only hands out what is left */
    }
    return NULL;
}

int worker_create(const struct worker_options *options, struct worker **out_worker, char *why,
                  size_t why_size)
{
    sigset_t all, before;
    struct worker *worker = heap_alloc(sizeof *worker);
    worker->options = *options;
    worker->ring = heap_alloc(options->in_flight_max * sizeof *worker->ring);
    ASSERT(pthread_mutex_init(&worker->ring_lock, NULL) == 0);
    ASSERT(pthread_cond_init(&worker->ring_changed, NULL) == 0);
    ASSERT(sigfillset(&all) == 0);
    /* Signals belong to the daemon's main thread. */
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    worker->started = pthread_create(&worker->thread, NULL, worker_run, worker) == 0;
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (!worker->started) {
        (void)snprintf(why, why_size, "the channel's thread could not be started");
        worker_destroy(worker);
        return -1;
    }
    *out_worker = worker;
    return 0;
}

enum channel_accept worker_send(struct worker *worker, const struct channel_message *message,
                                struct channel_ticket *ticket)
{
    lock_ring(worker);
    /* The one being handled is not counted: its `finish` may already have told the daemon of a free
     * place. */
    bool room = !worker->stopping && worker->count < worker->options.in_flight_max;
    if (room) {
        size_t place = (worker->head + worker->count) % worker->options.in_flight_max;
        worker->ring[place] = (struct job){.message = message, .ticket = ticket};
        worker->count++;
    }
    ASSERT(pthread_cond_signal(&worker->ring_changed) == 0);
    unlock_ring(worker);
    return room ? CHANNEL_TAKEN : CHANNEL_BUSY;
}

void worker_destroy(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->started) {
        lock_ring(worker);
        worker->stopping = true;
        ASSERT(pthread_cond_signal(&worker->ring_changed) == 0);
        unlock_ring(worker);
        ASSERT(pthread_join(worker->thread, NULL) == 0);
    }
    ASSERT(pthread_cond_destroy(&worker->ring_changed) == 0);
    ASSERT(pthread_mutex_destroy(&worker->ring_lock) == 0);
    free(worker->ring);
    free(worker);
}

#include "gateway/worker/starter.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

enum turn { TURN_FREE, TURN_ASKED, TURN_DONE, TURN_OVER };

struct starter {
    pthread_t thread;
    pthread_mutex_t turn_lock;
    pthread_cond_t turn_changed;
    enum turn turn;         /* turn_lock; the rest belongs to whoever's turn it is */
    const char *program;    /* asked for */
    struct process process; /* done */
    struct err err;
    int result;
};

static void lock_turn(struct starter *starter)
{
    ASSERT(pthread_mutex_lock(&starter->turn_lock) == 0);
}

static void unlock_turn(struct starter *starter)
{
    ASSERT(pthread_mutex_unlock(&starter->turn_lock) == 0);
}

static void wait_turn(struct starter *starter)
{
    ASSERT(pthread_cond_wait(&starter->turn_changed, &starter->turn_lock) == 0);
}

static void set_turn(struct starter *starter, enum turn turn)
{
    starter->turn = turn;
    ASSERT(pthread_cond_broadcast(&starter->turn_changed) == 0);
}

static void *starter_run(void *context)
{
    struct starter *starter = context;
    lock_turn(starter);
    while (starter->turn != TURN_OVER) {
        if (starter->turn == TURN_ASKED) {
            unlock_turn(starter);
            starter->result = process_start(starter->program, &starter->process, &starter->err);
            lock_turn(starter);
            set_turn(starter, TURN_DONE);
        } else {
            wait_turn(starter);
        }
    }
    unlock_turn(starter);
    return NULL;
}

int starter_create(struct starter **out_starter, struct err *err)
{
    sigset_t all, before;
    struct starter *starter = heap_alloc(sizeof *starter);
    ASSERT(pthread_mutex_init(&starter->turn_lock, NULL) == 0);
    ASSERT(pthread_cond_init(&starter->turn_changed, NULL) == 0);
    ASSERT(sigfillset(&all) == 0);
    /* Signals belong to the main thread. */
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int failed = pthread_create(&starter->thread, NULL, starter_run, starter);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (failed != 0) {
        ASSERT(pthread_cond_destroy(&starter->turn_changed) == 0);
        ASSERT(pthread_mutex_destroy(&starter->turn_lock) == 0);
        free(starter);
        return err_set_errno(err, failed, "the thread that starts helper programs");
    }
    *out_starter = starter;
    return 0;
}

int starter_start(struct starter *starter, const char *program, struct process *out_process,
                  struct err *err)
{
    struct err why;
    lock_turn(starter);
    while (starter->turn != TURN_FREE) {
        wait_turn(starter);
    }
    starter->program = program;
    starter->err = (struct err){.code = ERR_NONE};
    set_turn(starter, TURN_ASKED);
    while (starter->turn != TURN_DONE) {
        wait_turn(starter);
    }
    int result = starter->result;
    why = starter->err;
    if (result == 0) {
        *out_process = starter->process;
    }
    set_turn(starter, TURN_FREE);
    unlock_turn(starter);
    return result == 0 ? 0 : err_set(err, why.code, "%s", why.text);
}

void starter_destroy(struct starter *starter)
{
    if (starter == NULL) {
        return;
    }
    lock_turn(starter);
    ASSERT(starter->turn == TURN_FREE);
    set_turn(starter, TURN_OVER);
    unlock_turn(starter);
    ASSERT(pthread_join(starter->thread, NULL) == 0);
    ASSERT(pthread_cond_destroy(&starter->turn_changed) == 0);
    ASSERT(pthread_mutex_destroy(&starter->turn_lock) == 0);
    free(starter);
}

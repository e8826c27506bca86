#include "gateway/engine/engine_thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/engine/engine_metrics.h"
#include "gateway/engine/heartbeat_metrics.h"
#include "gateway/engine/self_watch.h"
#include "gateway/engine/shared_inbox.h"
#include "gateway/engine/standby.h"
#include "gateway/system/log.h"
#include "gateway/system/metrics.h"

enum {
    BEAT_MS = 5000,       /* the loop turns at least this often */
    RETRY_MS = 1000,      /* after a refused commit */
    STALL_MS = 10000,     /* longer without a turn is "not ready" */
    QUIET_MS = 2000,      /* without inputs for so long: time for housekeeping */
    BUSY_MS = 60000,      /* which is not put off for longer than this */
    WALL_STEP_MS = 1000,  /* a larger step of the wall clock is an input */
    EXIT_IO_ERROR = 74,   /* EX_IOERR of sysexits.h */
    EXIT_LEASE_LOST = 75, /* EX_TEMPFAIL: the supervisor starts us again as a standby */
    HELD_MAX = ENGINE_BATCH_MAX * 4,
    SHARED_ROOM = 64, /* of a batch: what other nodes took in does not wait for a lull here */
};

struct engine_thread {
    struct engine_thread_options options;
    struct engine *engine;       /* NULL while standing by */
    struct shared_inbox *shared; /* NULL: nobody else uses the store */
    struct engine_metrics metrics;
    struct heartbeat_metrics heartbeats;
    struct self_watch watch;
    pthread_t thread;
    bool is_running;
    atomic_bool stopping;
    int64_t wall_offset_ms;   /* the engine was last told this */
    int64_t input_at_mono_ms; /* the last one came */
    int64_t idle_at_mono_ms;
    /* Inputs nobody repeats for us (results, receipts, a new configuration) that a refused commit did not take. */
    struct input *held[HELD_MAX];
    size_t held_count;
    struct log_burst refused_burst;
    struct log_burst doubt_bursts[MATCH_USE_COUNT];

    pthread_mutex_t status_lock; /* guards what follows */
    struct engine_counts counts;
    int64_t beat_mono_ms;
    enum store_verdict verdict;
    bool is_loaded;
    bool stands_by;
};

static void note_status(struct engine_thread *t, enum store_verdict verdict, int64_t mono_ms)
{
    struct engine_counts counts = {.oldest_due_ms = INT64_MAX};
    if (t->engine != NULL)
        engine_counts(t->engine, &counts);
    pthread_mutex_lock(&t->status_lock);
    t->counts = counts;
    t->verdict = verdict;
    t->beat_mono_ms = mono_ms;
    t->is_loaded = t->engine != NULL && engine_is_loaded(t->engine);
    t->stands_by = t->engine == NULL;
    pthread_mutex_unlock(&t->status_lock);
    engine_metrics_tell(&t->metrics, &counts);
}

static void note_queues(struct engine_thread *t)
{
    metric_set(t->metrics.inbox_depth, (int64_t)inbox_count(t->options.inbox));
    metric_set(t->metrics.outbox_depth, (int64_t)outbox_count(t->options.outbox));
}

static void release_all(struct input *const *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (inputs[i]->release != NULL)
            inputs[i]->release(inputs[i]);
}

static void tell(const struct engine_out *out)
{
    for (size_t i = 0; i < out->completed_count; i++) {
        const struct engine_completed *done = &out->completed[i];
        done->ticket->complete(done->ticket, done->index, &done->answer);
    }
}

/* After `unknown` the engine answers nobody, but a producer must not wait for ever: it hears "try again", and its
 * repetition meets what was committed after all (same key, counted once more at most). */
static void tell_busy(struct input *const *inputs, size_t count)
{
    const struct answer busy = {.status = ANSWER_BUSY,
                                .text = "the store did not answer; try again"};
    for (size_t i = 0; i < count; i++)
        if (inputs[i]->ticket != NULL)
            inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index, &busy);
}

/* Out of a batch: what comes behind an input of the same sequence that was not applied. */
static size_t drop_broken(struct input **inputs, size_t count)
{
    const struct answer busy = {.status = ANSWER_BUSY,
                                .text = "what came before it was not stored; try again"};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct input *input = inputs[i];
        struct ticket *ticket = input->ticket;
        if (ticket == NULL || ticket->is_broken == NULL || !*ticket->is_broken) {
            inputs[kept++] = input;
            continue;
        }
        ticket->complete(ticket, input->ticket_index, &busy);
        release_all(&input, 1);
    }
    return kept;
}

/* Producers with a ticket repeat their input; results and the like exist only once, so they wait for the next step. */
static void keep_owed(struct engine_thread *t, struct input *const *inputs, size_t count)
{
    size_t kept = 0;
    struct input *owed[HELD_MAX];
    for (size_t i = 0; i < count; i++) {
        if (inputs[i]->ticket != NULL) {
            release_all(&inputs[i], 1);
            continue;
        }
        ASSERT(kept < HELD_MAX);
        owed[kept++] = inputs[i];
    }
    memcpy(t->held, owed, kept * sizeof(owed[0]));
    t->held_count = kept;
}

/* Below the floor of free space what is under way may be recorded on the last reserve; what is new waits outside. */
static void tend_door(struct engine_thread *t, bool has_room)
{
    if (inbox_door_is_open(t->options.inbox) == has_room || atomic_load(&t->stopping))
        return;
    metric_set(t->metrics.intake_open, has_room);
    if (has_room) {
        inbox_open_door(t->options.inbox);
        log_line(LOG_INFO, "there is space again, intake is open", NULL);
    } else {
        inbox_close_door(t->options.inbox);
        log_line(LOG_ERROR, "the disk is full, intake is closed; what is under way goes on", NULL);
    }
}

static bool handle_refusal(struct engine_thread *t, enum store_verdict verdict,
                           const struct engine_out *out, struct input *const *inputs, size_t count,
                           const struct err *err)
{
    if (verdict == STORE_BROKEN || verdict == STORE_LEASE_LOST) {
        log_line(LOG_ERROR, "commit failed, stopping", "verdict", store_verdict_name(verdict),
                 "error", err->text, NULL);
        if (verdict == STORE_LEASE_LOST)
            tell(out);
        /* Given back when the thread is destroyed: until then the server tells those who wait that nobody knows. */
        ASSERT(count <= HELD_MAX);
        memcpy(t->held, inputs, count * sizeof(inputs[0]));
        t->held_count = count;
        t->options.on_fatal(t->options.self,
                            verdict == STORE_BROKEN ? EXIT_IO_ERROR : EXIT_LEASE_LOST, err);
        return false;
    }
    if (log_burst_due(&t->refused_burst, clock_mono_ms()))
        log_line(LOG_WARNING, "commit refused, producers hear 503, trying again", "verdict",
                 store_verdict_name(verdict), "error", err->text, "count",
                 log_i64((int64_t)t->refused_burst.count), NULL);
    if (verdict == STORE_FULL)
        tend_door(t, false);
    if (verdict == STORE_UNKNOWN)
        tell_busy(inputs, count);
    else
        tell(out);
    keep_owed(t, inputs, count);
    return true;
}

static void release_own(struct input *input)
{
    free(input);
}

/* Adds the wall clock's step, if there was one, behind what the queue gave. */
static size_t add_clock_input(struct engine_thread *t, struct input **inputs, size_t count)
{
    int64_t offset_ms = clock_engine_wall_offset_ms(t->options.clock);
    int64_t step_ms = offset_ms - t->wall_offset_ms;
    if (step_ms > -WALL_STEP_MS && step_ms < WALL_STEP_MS)
        return count;
    struct input *input = heap_alloc(sizeof(*input));
    *input = (struct input){.kind = INPUT_CLOCK, .actor = "engine", .credential = "clock"};
    input->u.wall_offset_ms = offset_ms;
    input->release = release_own;
    t->wall_offset_ms = offset_ms;
    inputs[count] = input;
    log_line(LOG_WARNING, "the wall clock was set; waits are not affected", "step_ms",
             log_i64(step_ms), NULL);
    return count + 1;
}

static void log_doubts(struct engine_thread *t, const struct doubts *doubts)
{
    for (int i = 0; i < MATCH_USE_COUNT; i++) {
        if (doubts->of[i].count == 0 || !log_burst_due(&t->doubt_bursts[i], clock_mono_ms()))
            continue;
        log_line(LOG_WARNING, "a pattern ran into its limits, so it matched nothing", "of",
                 match_use_name((enum match_use)i), "name", doubts->of[i].name, "matcher",
                 doubts->of[i].matcher, "count", log_i64((int64_t)t->doubt_bursts[i].count), NULL);
    }
}

static bool step(struct engine_thread *t, struct input **inputs, size_t count, int64_t now_ms)
{
    struct engine_out out = {0};
    struct err err = {0};
    int64_t started_ns = clock_mono_ns();
    enum store_verdict verdict =
        engine_step(t->engine, inputs, count, now_ms, started_ns / 1000000, &out, &err);
    int64_t ended_ns = clock_mono_ns();
    metric_add(t->metrics.batches_total, 1);
    metric_add(t->metrics.refused[verdict], 1);
    bool go_on = true;
    note_status(t, verdict, ended_ns / 1000000); /* whoever has an answer finds it counted */
    if (verdict == STORE_COMMITTED) {
        metric_add(t->metrics.inputs_total, (int64_t)count);
        if (count > 0)
            metric_observe_ns(t->metrics.commit_seconds, ended_ns - started_ns);
        t->held_count = 0;
        t->refused_burst = (struct log_burst){0};
        engine_metrics_note(&t->metrics, out.effects);
        engine_metrics_doubt(&t->metrics, out.doubts);
        log_doubts(t, out.doubts);
        heartbeat_metrics_note(&t->heartbeats, engine_heartbeats(t->engine), out.effects, now_ms);
        tell(&out);
        for (size_t i = 0; i < out.order_count; i++)
            outbox_put(t->options.outbox, &out.orders[i]);
        if (out.effects != NULL && t->options.on_commit != NULL)
            t->options.on_commit(t->options.self);
        release_all(inputs, count);
        tend_door(t, store_has_room(t->options.engine.store));
    } else {
        go_on = handle_refusal(t, verdict, &out, inputs, count, &err);
    }
    note_queues(t);
    return go_on;
}

static int64_t wait_ms(const struct engine_thread *t, int64_t now_ms)
{
    int64_t most_ms = t->shared != NULL ? SHARED_INBOX_POLL_MS : BEAT_MS;
    if (t->held_count > 0 || !engine_is_loaded(t->engine) || !inbox_door_is_open(t->options.inbox))
        return RETRY_MS;
    int64_t due_ms = engine_next_due_ms(t->engine);
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < most_ms ? due_ms - now_ms : most_ms;
}

static void housekeep(struct engine_thread *t, int64_t now_ms)
{
    int64_t mono_ms = clock_mono_ms();
    /* It may take some ten milliseconds, for which an alert would have to wait. */
    int64_t wait_ms =
        !inbox_door_is_open(t->options.inbox) || mono_ms - t->input_at_mono_ms >= QUIET_MS
            ? RETRY_MS
            : BUSY_MS;
    if (mono_ms - t->idle_at_mono_ms < wait_ms)
        return;
    t->idle_at_mono_ms = mono_ms;
    struct store *store = t->options.engine.store;
    store->ops->idle(store->self, now_ms - t->options.keep_ms);
}

/* The lease is ours: what others have committed is where we go on. */
static int become_engine(struct engine_thread *t, struct err *err)
{
    struct store *store = t->options.engine.store;
    struct store_meta meta;
    if (t->shared != NULL) {
        if (store->ops->read_meta(store->self, &meta, err) != 0)
            return -1;
        clock_engine_raise(t->options.clock, meta.engine_time_ms);
        t->options.engine.wall_offset_ms = clock_engine_wall_offset_ms(t->options.clock);
        t->options.engine.claim_start_max_ms = t->options.lease_ms / 3;
        t->wall_offset_ms = t->options.engine.wall_offset_ms;
        log_line(LOG_INFO, "this node holds the engine lease", "epoch",
                 log_i64((int64_t)meta.epoch), NULL);
    }
    if (engine_create(&t->options.engine, clock_engine_ms(t->options.clock), &t->engine, err) != 0)
        return -1;
    heartbeat_metrics_load(&t->heartbeats, engine_heartbeats(t->engine));
    self_watch_load(&t->watch, t->engine);
    note_status(t, STORE_COMMITTED, clock_mono_ms());
    return 0;
}

static void on_standby_turn(void *self)
{
    struct engine_thread *t = self;
    note_status(t, STORE_COMMITTED, clock_mono_ms());
    note_queues(t);
    if (t->options.on_beat != NULL)
        t->options.on_beat(t->options.self);
    if (t->options.on_commit != NULL)
        t->options.on_commit(t->options.self); /* perhaps the other node has committed */
}

/* False: stopping. A load that fails is tried again, by whoever has the lease then. */
static bool stand_by(struct engine_thread *t)
{
    const struct standby_options options = {.store = t->options.engine.store,
                                            .inbox = t->options.inbox,
                                            .lease_ms = t->options.lease_ms,
                                            .rulebook = &t->options.engine.rulebook,
                                            .stopping = &t->stopping,
                                            .on_turn = on_standby_turn,
                                            .self = t};
    while (standby_run(&options)) {
        struct err err = {0};
        if (become_engine(t, &err) == 0) {
            if (t->options.on_engine != NULL)
                t->options.on_engine(t->options.self);
            return true;
        }
        if (log_burst_due(&t->refused_burst, clock_mono_ms()))
            log_line(LOG_WARNING, "the store could not be loaded, trying again", "error", err.text,
                     NULL);
    }
    return false;
}

/* At every turn; the store does nothing until a third of the lease has passed. */
static bool keep_lease(struct engine_thread *t)
{
    struct store *store = t->options.engine.store;
    struct err err = {0};
    bool held = true;
    if (t->shared == NULL)
        return true;
    if (store->ops->lease(store->self, t->options.lease_ms, &held, &err) != 0) {
        if (log_burst_due(&t->refused_burst, clock_mono_ms()))
            log_line(LOG_WARNING, "the engine lease could not be renewed, trying again", "error",
                     err.text, NULL);
        note_status(t, STORE_BUSY, clock_mono_ms());
    }
    if (held)
        return true;
    (void)err_set(&err, ERR_CONFLICT, "another node has taken the engine lease");
    log_line(LOG_ERROR, "stopping", "error", err.text, NULL);
    t->options.on_fatal(t->options.self, EXIT_LEASE_LOST, &err);
    return false;
}

/* Not while the world is not loaded: a load means that what was taken before comes again. */
static size_t take_shared(struct engine_thread *t, struct input **inputs, size_t room)
{
    if (t->shared == NULL || !engine_is_loaded(t->engine))
        return 0;
    return shared_inbox_take(t->shared, inputs, room, clock_mono_ms());
}

static void rest(struct engine_thread *t)
{
    struct err err = {0};
    if (engine_rest(t->engine, clock_engine_ms(t->options.clock), &err) != STORE_COMMITTED)
        log_line(LOG_WARNING, "the time of the stop could not be recorded", "error", err.text,
                 NULL);
}

static void *run(void *self)
{
    struct engine_thread *t = self;
    struct input *inputs[HELD_MAX + ENGINE_BATCH_MAX + 1];
    if (t->engine == NULL && !stand_by(t))
        return NULL;
    int64_t turned_at_ms = clock_engine_ms(t->options.clock);
    for (;;) {
        bool stopping = atomic_load(&t->stopping);
        int64_t now_ms = clock_engine_ms(t->options.clock);
        int64_t due_ms = engine_next_due_ms(t->engine);
        size_t count = t->held_count;
        memcpy(inputs, t->held, count * sizeof(inputs[0]));
        /* Held inputs already waited; otherwise they and a full batch would have to fit into one step. */
        size_t most = t->shared != NULL ? ENGINE_BATCH_MAX - SHARED_ROOM : ENGINE_BATCH_MAX;
        size_t room = count < most ? most - count - (count > 0) : 0;
        size_t taken = room == 0 ? 0
                                 : inbox_take(t->options.inbox, inputs + count, room,
                                              stopping ? 0 : wait_ms(t, now_ms));
        count += drop_broken(inputs + count, taken);
        if (!keep_lease(t)) {
            release_all(inputs, count);
            t->held_count = 0;
            return NULL;
        }
        if (count + 1 < ENGINE_BATCH_MAX)
            count += take_shared(t, inputs + count, ENGINE_BATCH_MAX - count - 1);
        if (count < ENGINE_BATCH_MAX)
            count = add_clock_input(t, inputs, count);
        now_ms = clock_engine_ms(t->options.clock);
        if (due_ms < now_ms)
            metric_observe_ns(t->metrics.timer_lag_seconds, (now_ms - due_ms) * 1000000);
        if (t->options.on_beat != NULL)
            t->options.on_beat(t->options.self);
        if (now_ms - turned_at_ms > HEARTBEAT_GAP_MS)
            engine_was_away(t->engine, turned_at_ms);
        turned_at_ms = now_ms;
        if (!step(t, inputs, count, now_ms))
            return NULL;
        if (taken == 0 && stopping) {
            rest(t);
            return NULL;
        }
        if (taken > 0)
            t->input_at_mono_ms = clock_mono_ms();
        if (!stopping)
            self_watch_turn(&t->watch, t->engine, inbox_door_is_open(t->options.inbox),
                            clock_mono_ms());
        housekeep(t, now_ms);
    }
}

/* Alone on the store, or the first of its nodes: the engine from the start on. */
static int try_at_start(struct engine_thread *t, struct err *err)
{
    struct store *store = t->options.engine.store;
    bool held = true;
    if (store->ops->lease != NULL) {
        t->shared = shared_inbox_create(store);
        if (store->ops->lease(store->self, t->options.lease_ms, &held, err) != 0)
            return -1;
    }
    if (held)
        return become_engine(t, err);
    log_line(LOG_INFO, "standing by: another node holds the engine lease", NULL);
    note_status(t, STORE_COMMITTED, clock_mono_ms());
    return 0;
}

int engine_thread_start(const struct engine_thread_options *options,
                        struct engine_thread **out_thread, struct err *err)
{
    struct engine_thread *t = heap_alloc(sizeof(*t));
    t->options = *options;
    t->wall_offset_ms = options->engine.wall_offset_ms;
    t->watch.troubles = options->troubles;
    t->is_loaded = true;
    t->beat_mono_ms = clock_mono_ms();
    atomic_init(&t->stopping, false);
    engine_metrics_init(&t->metrics);
    heartbeat_metrics_init(&t->heartbeats);
    ASSERT(pthread_mutex_init(&t->status_lock, NULL) == 0);
    if (try_at_start(t, err) != 0)
        goto failed;
    tend_door(t, store_has_room(options->engine.store));
    int code = pthread_create(&t->thread, NULL, run, t);
    if (code != 0) {
        (void)err_set_errno(err, code, "engine thread");
        goto failed;
    }
    t->is_running = true;
    *out_thread = t;
    return 0;
failed:
    engine_thread_destroy(t);
    return -1;
}

void engine_thread_stop(struct engine_thread *thread)
{
    if (thread == NULL || !thread->is_running)
        return;
    atomic_store(&thread->stopping, true);
    inbox_stop(thread->options.inbox);
    (void)pthread_join(thread->thread, NULL);
    thread->is_running = false;
}

void engine_thread_destroy(struct engine_thread *thread)
{
    if (thread == NULL)
        return;
    engine_thread_stop(thread);
    release_all(thread->held, thread->held_count);
    engine_destroy(thread->engine);
    heartbeat_metrics_clear(&thread->heartbeats);
    engine_metrics_clear(&thread->metrics);
    shared_inbox_destroy(thread->shared);
    (void)pthread_mutex_destroy(&thread->status_lock);
    free(thread);
}

void engine_thread_counts(struct engine_thread *thread, struct engine_counts *out_counts)
{
    pthread_mutex_lock(&thread->status_lock);
    *out_counts = thread->counts;
    pthread_mutex_unlock(&thread->status_lock);
}

bool engine_thread_is_ready(struct engine_thread *thread, const char **out_why)
{
    pthread_mutex_lock(&thread->status_lock);
    int64_t silent_ms = clock_mono_ms() - thread->beat_mono_ms;
    enum store_verdict verdict = thread->verdict;
    bool is_loaded = thread->is_loaded;
    bool stands_by = thread->stands_by;
    pthread_mutex_unlock(&thread->status_lock);
    if (silent_ms > STALL_MS) {
        *out_why = "the engine has not turned for 10 s";
    } else if (stands_by) {
        *out_why = "standby: another node holds the engine lease; events are taken in for it";
    } else if (!is_loaded) {
        *out_why = "the store does not answer; the engine is reloading";
    } else if (verdict != STORE_COMMITTED) {
        *out_why = verdict == STORE_FULL ? "the disk is full" : "the store refuses commits";
    } else if (atomic_load(&thread->stopping)) {
        *out_why = "stopping";
    } else if (!inbox_door_is_open(thread->options.inbox)) {
        *out_why = "the disk is full: what is under way goes on, nothing new is taken in";
    } else {
        return true;
    }
    return false;
}

bool engine_thread_is_engine(struct engine_thread *thread)
{
    pthread_mutex_lock(&thread->status_lock);
    bool is_engine = !thread->stands_by;
    pthread_mutex_unlock(&thread->status_lock);
    return is_engine;
}

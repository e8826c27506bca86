/* The thread around the engine: nobody hears yes before the commit has returned, and each of the six answers has its
 * consequence. The store is the memory store behind a gate that holds a commit until the test opens it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/engine/engine_thread.h"
#include "tests/unit/engine/rig.h"

enum { WAIT_MS = 60000 };

struct place {
    struct rig rig; /* for its rulebook */
    struct store *inner;
    struct store store;
    struct inbox *inbox;
    struct outbox *outbox;
    struct clock_engine clock;
    struct engine_thread *thread;

    pthread_mutex_t place_lock; /* guards what follows */
    pthread_cond_t changed;
    bool gate_is_open;
    size_t commits_waiting;
    enum store_verdict
        next; /* of the commits until it is set again; committed goes to the inner store */
    size_t refusals_left;
    bool is_short; /* of space */
    size_t answer_count;
    struct answer answer;
    uint64_t open_at_answer; /* incidents, as counted when the answer came */
    int fatal_code;
};

struct sender {
    struct ticket ticket;
    struct input input;
    struct place *place;
    bool *is_broken; /* NULL: not of a sequence */
};

static void note(struct place *p, void (*change)(struct place *p))
{
    pthread_mutex_lock(&p->place_lock);
    change(p);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->place_lock);
}

static bool wait_until(struct place *p, bool (*is_true)(const struct place *p))
{
    struct timespec deadline = clock_wait_until(WAIT_MS);
    int code = 0;
    pthread_mutex_lock(&p->place_lock);
    while (!is_true(p) && code == 0)
        code = pthread_cond_timedwait(&p->changed, &p->place_lock, &deadline);
    bool result = is_true(p);
    pthread_mutex_unlock(&p->place_lock);
    return result;
}

static enum store_verdict gate_commit(void *self, const struct commit *commit, struct err *err)
{
    struct place *p = self;
    pthread_mutex_lock(&p->place_lock);
    p->commits_waiting++;
    pthread_cond_broadcast(&p->changed);
    while (!p->gate_is_open)
        pthread_cond_wait(&p->changed, &p->place_lock);
    p->commits_waiting--;
    enum store_verdict verdict = STORE_COMMITTED;
    if (p->refusals_left > 0) {
        p->refusals_left--;
        verdict = p->next;
    }
    pthread_mutex_unlock(&p->place_lock);
    if (verdict == STORE_COMMITTED)
        return p->inner->ops->commit(p->inner->self, commit, err);
    (void)err_set(err, ERR_BUSY, "refused by the test");
    return verdict;
}

static int gate_read_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    struct place *p = self;
    return p->inner->ops->read_meta(p->inner->self, out_meta, err);
}

static int gate_load(void *self, const struct store_sink *sink, struct err *err)
{
    struct place *p = self;
    return p->inner->ops->load(p->inner->self, sink, err);
}

static int gate_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                              struct stored_notification *out_items, struct err *err)
{
    struct place *p = self;
    return p->inner->ops->notifications(p->inner->self, ids, count, arena, out_items, err);
}

static void gate_idle(void *self, int64_t keep_before_ms)
{
    (void)self;
    (void)keep_before_ms;
}

static bool gate_has_room(void *self)
{
    struct place *p = self;
    pthread_mutex_lock(&p->place_lock);
    bool has_room = !p->is_short;
    pthread_mutex_unlock(&p->place_lock);
    return has_room;
}

static int gate_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                           struct err *err)
{
    struct place *p = self;
    return p->inner->ops->find_alert(p->inner->self, source, key, out_incident, err);
}

static const struct store_ops gate_ops = {.read_meta = gate_read_meta,
                                          .load = gate_load,
                                          .commit = gate_commit,
                                          .find_alert = gate_find_alert,
                                          .notifications = gate_notifications,
                                          .idle = gate_idle,
                                          .has_room = gate_has_room};

static void on_fatal(void *self, int exit_code, const struct err *err)
{
    struct place *p = self;
    (void)err;
    pthread_mutex_lock(&p->place_lock);
    p->fatal_code = exit_code;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->place_lock);
}

static void place_init(struct place *p)
{
    struct err err = {0};
    pthread_condattr_t attributes;
    memset(p, 0, sizeof(*p));
    rig_init(&p->rig);
    p->gate_is_open = true;
    assert_int_equal(pthread_condattr_init(&attributes), 0);
    assert_int_equal(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), 0);
    assert_int_equal(pthread_cond_init(&p->changed, &attributes), 0);
    assert_int_equal(pthread_mutex_init(&p->place_lock, NULL), 0);
    assert_int_equal(store_memory_open(&p->inner, &err), 0);
    p->store = (struct store){.ops = &gate_ops, .self = p};
    clock_engine_init(&p->clock, 0);
    assert_int_equal(inbox_create(64, &p->inbox, &err), 0);
    assert_int_equal(outbox_create(1024, &p->outbox, &err), 0);
    const struct engine_thread_options options = {
        .engine = {.store = &p->store, .rulebook = &p->rig.book, .boot_id = "test"},
        .inbox = p->inbox,
        .outbox = p->outbox,
        .clock = &p->clock,
        .keep_ms = INT64_C(86400000),
        .on_fatal = on_fatal,
        .self = p};
    assert_int_equal(engine_thread_start(&options, &p->thread, &err), 0);
}

static void place_clear(struct place *p)
{
    engine_thread_stop(p->thread);
    engine_thread_destroy(p->thread);
    outbox_destroy(p->outbox);
    inbox_destroy(p->inbox);
    store_close(p->inner);
    rig_clear(&p->rig);
    (void)pthread_mutex_destroy(&p->place_lock);
    (void)pthread_cond_destroy(&p->changed);
}

static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    struct sender *sender = (struct sender *)(void *)ticket;
    struct place *p = sender->place;
    struct engine_counts counts;
    (void)index;
    engine_thread_counts(p->thread, &counts);
    pthread_mutex_lock(&p->place_lock);
    p->open_at_answer = counts.open_incidents;
    p->answer_count++;
    p->answer = *answer;
    p->answer.text = "";
    if (sender->is_broken != NULL && answer->status != ANSWER_DONE)
        *sender->is_broken = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->place_lock);
}

static enum inbox_verdict send_part(struct place *p, struct sender *sender, const char *key,
                                    bool has_ticket, bool *is_broken)
{
    *sender = (struct sender){.place = p,
                              .ticket = {.complete = complete, .is_broken = is_broken},
                              .is_broken = is_broken};
    sender->input = rig_event_input(&p->rig, EVENT_TRIGGER, key, SEVERITY_CRITICAL, "shop");
    sender->input.ticket = has_ticket ? &sender->ticket : NULL;
    sender->input.release = NULL;
    struct input *input = &sender->input;
    return inbox_put(p->inbox, &input, 1);
}

static enum inbox_verdict send_event(struct place *p, struct sender *sender, const char *key,
                                     bool has_ticket)
{
    return send_part(p, sender, key, has_ticket, NULL);
}

static void shut_gate(struct place *p)
{
    p->gate_is_open = false;
}

static void open_gate(struct place *p)
{
    p->gate_is_open = true;
}

static bool commit_waits(const struct place *p)
{
    return p->commits_waiting > 0;
}

static bool is_answered(const struct place *p)
{
    return p->answer_count > 0;
}

static bool is_fatal(const struct place *p)
{
    return p->fatal_code != 0;
}

static void refuse(struct place *p, enum store_verdict verdict)
{
    pthread_mutex_lock(&p->place_lock);
    p->next = verdict;
    p->refusals_left = 1;
    p->answer_count = 0;
    pthread_mutex_unlock(&p->place_lock);
}

/* P1, I3: while the commit is under way the producer has heard nothing. */
static void test_nobody_hears_yes_before_the_commit(void **state)
{
    (void)state;
    struct place p;
    struct sender sender;
    place_init(&p);
    note(&p, shut_gate);
    assert_int_equal(send_event(&p, &sender, "k", true), INBOX_TAKEN);
    assert_true(wait_until(&p, commit_waits));
    assert_false(
        is_answered(&p)); /* the engine's thread stands in the commit: nobody else could answer */
    assert_int_equal(outbox_count(p.outbox), 0);
    note(&p, open_gate);
    assert_true(wait_until(&p, is_answered));
    assert_int_equal(p.answer.status, ANSWER_DONE);
    assert_int_equal(p.answer.incident, 1);
    place_clear(&p);
}

struct refusal_case {
    enum store_verdict verdict;
    enum answer_status want;
};

/* Busy, full and unknown are told as "try again", and the very next attempt works. */
static void test_a_refused_commit_is_told_and_passes(void **state)
{
    (void)state;
    static const struct refusal_case cases[] = {
        {STORE_BUSY, ANSWER_BUSY}, {STORE_FULL, ANSWER_FULL}, {STORE_UNKNOWN, ANSWER_BUSY}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place p;
        struct sender sender, again;
        place_init(&p);
        refuse(&p, cases[i].verdict);
        assert_int_equal(send_event(&p, &sender, "k", true), INBOX_TAKEN);
        assert_true(wait_until(&p, is_answered));
        assert_int_equal(p.answer.status, cases[i].want);
        refuse(&p, STORE_COMMITTED);
        /* A full store shuts the door until it has been asked again. */
        int64_t deadline_ms = clock_mono_ms() + WAIT_MS;
        while (send_event(&p, &again, "k", true) != INBOX_TAKEN)
            assert_true(clock_mono_ms() < deadline_ms);
        assert_true(wait_until(&p, is_answered));
        assert_int_equal(p.answer.status, ANSWER_DONE);
        assert_int_equal(p.answer.incident, 1);
        place_clear(&p);
    }
}

static bool are_both_answered(const struct place *p)
{
    return p->answer_count == 2;
}

/* Of a sequence nothing is applied behind what was refused, or a repetition of its end would come in another order. */
static void test_a_sequence_ends_where_it_breaks(void **state)
{
    (void)state;
    struct sender first, second, other;
    struct place p;
    bool is_broken = false;
    place_init(&p);
    note(&p, shut_gate);
    assert_int_equal(send_part(&p, &first, "first", true, &is_broken), INBOX_TAKEN);
    assert_true(wait_until(&p, commit_waits));
    assert_int_equal(send_part(&p, &second, "second", true, &is_broken), INBOX_TAKEN);
    refuse(&p, STORE_BUSY);
    note(&p, open_gate);
    assert_true(wait_until(&p, are_both_answered));
    assert_int_equal(p.answer.status, ANSWER_BUSY);
    refuse(&p, STORE_COMMITTED);
    assert_int_equal(send_event(&p, &other, "other", true), INBOX_TAKEN);
    assert_true(wait_until(&p, is_answered));
    assert_int_equal(p.answer.status, ANSWER_DONE);
    assert_int_equal(p.answer.incident, 1); /* so the second has opened none */
    place_clear(&p);
}

static bool has_incident(const struct place *p)
{
    struct engine_counts counts;
    engine_thread_counts(p->thread, &counts);
    return counts.open_incidents == 1;
}

static void test_whoever_has_an_answer_finds_it_counted(void **state)
{
    (void)state;
    struct place p;
    struct sender sender;
    place_init(&p);
    assert_int_equal(send_event(&p, &sender, "k", true), INBOX_TAKEN);
    assert_true(wait_until(&p, is_answered));
    assert_int_equal(p.open_at_answer, 1);
    place_clear(&p);
}

/* What nobody repeats for us waits for the next step instead of being lost. */
static void test_an_input_without_ticket_is_kept(void **state)
{
    (void)state;
    struct place p;
    struct sender sender;
    place_init(&p);
    refuse(&p, STORE_BUSY);
    assert_int_equal(send_event(&p, &sender, "k", false), INBOX_TAKEN);
    int64_t deadline_ms = clock_mono_ms() + WAIT_MS;
    while (!has_incident(&p))
        assert_true(clock_mono_ms() < deadline_ms);
    place_clear(&p);
}

/* After an I/O error nobody is answered, and the process is asked to end with 74; a lost lease is 75, and "try again". */
static void test_broken_and_lease_lost_end_the_process(void **state)
{
    (void)state;
    static const struct {
        enum store_verdict verdict;
        int want_code;
        size_t want_answers;
    } cases[] = {{STORE_BROKEN, 74, 0}, {STORE_LEASE_LOST, 75, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place p;
        struct sender sender;
        place_init(&p);
        refuse(&p, cases[i].verdict);
        assert_int_equal(send_event(&p, &sender, "k", true), INBOX_TAKEN);
        assert_true(wait_until(&p, is_fatal));
        assert_int_equal(p.fatal_code, cases[i].want_code);
        engine_thread_stop(p.thread);
        assert_int_equal(p.answer_count, cases[i].want_answers);
        if (cases[i].want_answers > 0)
            assert_int_equal(p.answer.status, ANSWER_BUSY);
        place_clear(&p);
    }
}

static void run_short(struct place *p)
{
    p->is_short = true;
}

static void find_space(struct place *p)
{
    p->is_short = false;
}

static void wait_for_door(const struct place *p, bool is_open)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    int64_t deadline_ms = clock_mono_ms() + WAIT_MS;
    while (inbox_door_is_open(p->inbox) != is_open) {
        assert_true(clock_mono_ms() < deadline_ms);
        (void)nanosleep(&moment, NULL); /* only lets it run */
    }
}

/* Below the floor a commit still works: what is under way goes on, what is new stays outside until there is space. */
static void test_the_door_is_shut_while_space_is_short(void **state)
{
    (void)state;
    struct place p;
    struct sender senders[3];
    const char *why = "";
    place_init(&p);
    assert_int_equal(send_event(&p, &senders[0], "a", true), INBOX_TAKEN);
    assert_true(wait_until(&p, is_answered));
    assert_true(engine_thread_is_ready(p.thread, &why));
    note(&p, run_short);
    assert_int_equal(send_event(&p, &senders[1], "b", false), INBOX_TAKEN);
    wait_for_door(&p, false);
    assert_int_equal(send_event(&p, &senders[2], "c", true), INBOX_IS_CLOSED);
    assert_false(engine_thread_is_ready(p.thread, &why));
    assert_non_null(strstr(why, "disk is full"));
    note(&p, find_space);
    wait_for_door(&p, true);
    assert_true(engine_thread_is_ready(p.thread, &why));
    place_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_hears_yes_before_the_commit),
        cmocka_unit_test(test_a_refused_commit_is_told_and_passes),
        cmocka_unit_test(test_whoever_has_an_answer_finds_it_counted),
        cmocka_unit_test(test_an_input_without_ticket_is_kept),
        cmocka_unit_test(test_a_sequence_ends_where_it_breaks),
        cmocka_unit_test(test_broken_and_lease_lost_end_the_process),
        cmocka_unit_test(test_the_door_is_shut_while_space_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

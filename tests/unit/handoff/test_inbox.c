#include "gateway/handoff/inbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/system/clock.h"

#define DEADLINE_MS 30000
#define PRODUCERS 3
#define INPUTS_PER_PRODUCER 5000

static int released_count;

static void note_release(struct input *input)
{
    (void)input;
    released_count++;
}

static struct inbox *inbox_of(size_t capacity)
{
    struct inbox *inbox = NULL;
    assert_int_equal(inbox_create(capacity, &inbox, NULL), 0);
    assert_true(inbox_door_is_open(inbox));
    return inbox;
}

static void test_create_refuses_nothing(void **state)
{
    (void)state;
    struct inbox *inbox = NULL;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(inbox_create(0, &inbox, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(inbox);
    inbox_destroy(NULL);
}

static void test_full_is_answered_at_once(void **state)
{
    (void)state;
    struct inbox *inbox = inbox_of(3);
    struct input inputs[5] = {{.kind = INPUT_EVENT}};
    struct input *in[5];
    struct input *out[5] = {NULL};
    for (size_t i = 0; i < 5; i++) {
        in[i] = &inputs[i];
    }
    assert_int_equal(inbox_put(inbox, in, 4), INBOX_IS_FULL);
    assert_int_equal(inbox_put(inbox, in, 2), INBOX_TAKEN);
    assert_int_equal(inbox_put(inbox, in + 2, 2), INBOX_IS_FULL);
    assert_int_equal(inbox_count(inbox), 2);
    assert_int_equal(inbox_put(inbox, in + 2, 1), INBOX_TAKEN);
    assert_int_equal(inbox_put(inbox, in + 3, 1), INBOX_IS_FULL);
    assert_true(inbox_put_owed(inbox, in[3]));
    assert_true(inbox_put_owed(inbox, in[4]));
    assert_int_equal(inbox_count(inbox), 5);
    assert_int_equal(inbox_take(inbox, out, 2, -1), 2);
    assert_int_equal(inbox_take(inbox, out + 2, 5, -1), 3);
    assert_memory_equal(out, in, sizeof in);
    assert_int_equal(inbox_take(inbox, out, 5, 0), 0);
    inbox_destroy(inbox);
}

enum act { ACT_CLOSE, ACT_OPEN, ACT_STOP };

static void test_door(void **state)
{
    (void)state;
    static const struct {
        enum act act;
        enum inbox_verdict want;
        bool want_owed;
    } cases[] = {
        {.act = ACT_OPEN, .want = INBOX_TAKEN, .want_owed = true},
        {.act = ACT_CLOSE, .want = INBOX_IS_CLOSED, .want_owed = true},
        {.act = ACT_CLOSE, .want = INBOX_IS_CLOSED, .want_owed = true},
        {.act = ACT_OPEN, .want = INBOX_TAKEN, .want_owed = true},
        {.act = ACT_STOP, .want = INBOX_IS_CLOSED, .want_owed = false},
        {.act = ACT_OPEN, .want = INBOX_IS_CLOSED, .want_owed = false},
    };
    struct inbox *inbox = inbox_of(4);
    struct input input = {.kind = INPUT_RESULT};
    struct input *in = &input;
    struct input *out[4];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        switch (cases[i].act) {
        case ACT_CLOSE:
            inbox_close_door(inbox);
            break;
        case ACT_OPEN:
            inbox_open_door(inbox);
            break;
        case ACT_STOP:
            inbox_stop(inbox);
            break;
        }
        assert_int_equal(inbox_door_is_open(inbox), cases[i].want == INBOX_TAKEN);
        assert_int_equal(inbox_put(inbox, &in, 1), cases[i].want);
        assert_int_equal(inbox_put_owed(inbox, in), cases[i].want_owed);
        size_t want = (size_t)(cases[i].want == INBOX_TAKEN) + cases[i].want_owed;
        assert_int_equal(inbox_take(inbox, out, 4, 0), want);
    }
    inbox_destroy(inbox);
}

static void test_what_is_inside_outlives_the_stop(void **state)
{
    (void)state;
    struct inbox *inbox = inbox_of(4);
    struct input inputs[3] = {{.release = note_release}, {.release = note_release}};
    struct input *out[1];
    for (size_t i = 0; i < 3; i++) {
        struct input *in = &inputs[i];
        assert_int_equal(inbox_put(inbox, &in, 1), INBOX_TAKEN);
    }
    inbox_stop(inbox);
    inbox_stop(inbox);
    assert_int_equal(inbox_take(inbox, out, 1, -1), 1);
    assert_ptr_equal(out[0], &inputs[0]);
    /* One with and one without something to free are left: the inbox lets go of both. */
    released_count = 0;
    inbox_destroy(inbox);
    assert_int_equal(released_count, 1);
}

static struct input flood[PRODUCERS][INPUTS_PER_PRODUCER];

struct producer {
    struct inbox *inbox;
    struct input *inputs;
};

static void *produce(void *argument)
{
    const struct producer *producer = argument;
    for (size_t i = 0; i < INPUTS_PER_PRODUCER; i++) {
        struct input *in = &producer->inputs[i];
        if (i % 3 == 0) {
            (void)inbox_put_owed(producer->inbox, in);
            continue;
        }
        while (inbox_put(producer->inbox, &in, 1) == INBOX_IS_FULL) {
        }
    }
    return NULL;
}

static void test_many_producers_one_engine(void **state)
{
    (void)state;
    struct inbox *inbox = inbox_of(64);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    size_t taken = 0;
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.inbox = inbox, .inputs = flood[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (taken < (size_t)PRODUCERS * INPUTS_PER_PRODUCER) {
        struct input *out[32];
        size_t count = inbox_take(inbox, out, 32, DEADLINE_MS);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(out[i]->ticket_index++, 0);
        }
        taken += count;
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        for (size_t j = 0; j < INPUTS_PER_PRODUCER; j++) {
            assert_int_equal(flood[i][j].ticket_index, 1);
        }
    }
    inbox_destroy(inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_refuses_nothing),
        cmocka_unit_test(test_full_is_answered_at_once),
        cmocka_unit_test(test_door),
        cmocka_unit_test(test_what_is_inside_outlives_the_stop),
        cmocka_unit_test(test_many_producers_one_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

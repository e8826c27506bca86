/* Several batches on their way at once: what came of each letter, and where the sequence broke. The engine is the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/intake/mqtt_window.h"

#define INBOX_ROOM 4096

struct stage {
    struct window *window;
    struct inbox *inbox;
    pthread_mutex_t lock;
    pthread_cond_t settled;
};

static int setup(void **state)
{
    static struct stage stage;
    struct err err;
    assert_int_equal(pthread_mutex_init(&stage.lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&stage.settled, NULL), 0);
    const struct letters_options options = {
        .broker = "plant", .lock = &stage.lock, .settled = &stage.settled};
    stage.window = window_create(&options);
    assert_int_equal(inbox_create(INBOX_ROOM, &stage.inbox, &err), 0);
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    window_destroy(stage->window);
    inbox_destroy(stage->inbox);
    assert_int_equal(pthread_cond_destroy(&stage->settled), 0);
    assert_int_equal(pthread_mutex_destroy(&stage->lock), 0);
    return 0;
}

/* One message of QoS 1 with so many events. */
static void add(struct stage *stage, uint16_t packet_id, size_t event_count)
{
    static const struct event events[LETTERS_EVENTS_MAX];
    const struct link_message message = {
        .topic = "t", .response_topic = "", .packet_id = packet_id};
    const struct arrival arrival = {.broker = "plant", .packet_id = packet_id};
    letters_add_events(window_reading(stage->window), &message, "s", events, event_count, &arrival);
}

static void fill(struct stage *stage, uint16_t first_packet_id)
{
    for (uint16_t i = 0; !letters_is_full(window_reading(stage->window)); i++)
        add(stage, (uint16_t)(first_packet_id + i), 1);
}

/* As the engine does: of a broken sequence nothing is applied. How many it was asked for. */
static size_t work(struct stage *stage, size_t most, enum answer_status status)
{
    struct input *input = NULL;
    size_t count = 0;
    for (; count < most && inbox_take(stage->inbox, &input, 1, 0) == 1; count++) {
        const struct answer answer = {.status = *input->ticket->is_broken ? ANSWER_BUSY : status,
                                      .text = ""};
        input->ticket->complete(input->ticket, input->ticket_index, &answer);
        input->release(input);
    }
    return count;
}

/* How many letters, from the first on, were taken. */
static size_t taken_count(struct stage *stage)
{
    size_t taken = 0;
    for (size_t i = 0; i < window_count(stage->window); i++) {
        const struct letters *letters = window_at(stage->window, i);
        for (size_t j = 0; j < letters_letter_count(letters); j++)
            taken += letters_is_taken(letters, letters_at(letters, j));
    }
    return taken;
}

static void test_the_next_is_read_while_the_first_is_away(void **state)
{
    struct stage *stage = *state;
    assert_true(window_is_empty(stage->window));
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN); /* nothing */
    fill(stage, 1);
    assert_false(window_is_full(stage->window));
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_false(window_is_settled(stage->window));
    add(stage, 1000, 1);
    assert_int_equal(window_count(stage->window), 2);
    assert_int_equal(work(stage, SIZE_MAX, ANSWER_DONE), LETTERS_INPUTS_MAX);
    assert_true(window_is_settled(stage->window)); /* what was submitted */
    assert_false(window_is_committed(stage->window));
    assert_int_equal(taken_count(stage), LETTERS_INPUTS_MAX);
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_int_equal(work(stage, SIZE_MAX, ANSWER_DONE), 1);
    assert_true(window_is_committed(stage->window));
    assert_int_equal(taken_count(stage), LETTERS_INPUTS_MAX + 1);
    window_reset(stage->window);
    assert_true(window_is_empty(stage->window));
}

static void test_it_is_bounded(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i + 1 < WINDOW_BATCHES; i++) {
        fill(stage, 1);
        assert_false(window_is_full(stage->window));
        assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    }
    fill(stage, 1);
    assert_true(window_is_full(stage->window));
    add(stage, 1, LETTERS_EVENTS_MAX); /* what was decrypted with the last one */
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_int_equal(work(stage, SIZE_MAX, ANSWER_DONE),
                     WINDOW_BATCHES * LETTERS_INPUTS_MAX + LETTERS_EVENTS_MAX);
    assert_true(window_is_committed(stage->window));
    window_reset(stage->window);
}

static void test_nothing_is_taken_behind_a_refusal(void **state)
{
    struct stage *stage = *state;
    fill(stage, 1);
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    add(stage, 300, 2);
    add(stage, 301, 1);
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_int_equal(work(stage, 10, ANSWER_DONE), 10);
    assert_int_equal(work(stage, 1, ANSWER_FULL), 1);
    assert_int_equal(work(stage, SIZE_MAX, ANSWER_DONE), LETTERS_INPUTS_MAX - 11 + 3);
    assert_true(window_is_settled(stage->window));
    assert_false(window_is_committed(stage->window));
    assert_int_equal(taken_count(stage), 10);
    window_reset(stage->window);
    /* The next window is another sequence. */
    add(stage, 11, 2);
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_int_equal(work(stage, SIZE_MAX, ANSWER_DONE), 2);
    assert_true(window_is_committed(stage->window));
    window_reset(stage->window);
}

/* A message is taken when all its events are. */
static void test_half_a_message_is_not_taken(void **state)
{
    struct stage *stage = *state;
    add(stage, 1, 2);
    add(stage, 2, 2);
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_int_equal(work(stage, 3, ANSWER_DONE), 3);
    assert_int_equal(work(stage, 1, ANSWER_BUSY), 1);
    assert_int_equal(taken_count(stage), 1);
    window_reset(stage->window);
}

static void test_a_full_inbox_leaves_it_here(void **state)
{
    struct stage *stage = *state;
    struct inbox *small = NULL;
    struct err err;
    assert_int_equal(inbox_create(1, &small, &err), 0);
    add(stage, 1, 2);
    assert_int_equal(window_submit(stage->window, small), INBOX_IS_FULL);
    assert_true(window_is_settled(stage->window)); /* nothing is away */
    assert_int_equal(taken_count(stage), 0);
    assert_int_equal(window_submit(stage->window, stage->inbox), INBOX_TAKEN);
    assert_int_equal(work(stage, SIZE_MAX, ANSWER_DONE), 2);
    assert_int_equal(taken_count(stage), 1);
    window_reset(stage->window);
    inbox_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_next_is_read_while_the_first_is_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_it_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_taken_behind_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_a_message_is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_inbox_leaves_it_here, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "gateway/handoff/outbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/system/clock.h"

#define DEADLINE_MS 30000
#define ORDERS 20000

static struct outbox *outbox_of(size_t capacity)
{
    struct outbox *outbox = NULL;
    assert_int_equal(outbox_create(capacity, &outbox, NULL), 0);
    return outbox;
}

static struct order *take_one(struct outbox *outbox)
{
    struct order *order = NULL;
    assert_int_equal(outbox_take(outbox, &order, 1, DEADLINE_MS), 1);
    return order;
}

static void test_create_refuses_nothing(void **state)
{
    (void)state;
    struct outbox *outbox = NULL;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(outbox_create(0, &outbox, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(outbox);
    outbox_destroy(NULL);
    order_free(NULL);
}

static void test_copy_is_deep(void **state)
{
    (void)state;
    /* All texts of the order stand in here; it is overwritten after the put, as the engine's arena
     * would be. */
    char texts[9][16] = {"channel", "contact", "address",      "key",    "snapshot",
                         "details", "links",   "content_type", "subject"};
    unsigned char body[5] = {0, 1, 2, 0xff, 0};
    struct order order = {
        .kind = ORDER_OFFER,
        .notification = UINT64_MAX,
        .attempt = 3,
        .due_at_ms = 4,
        .deadline_mono_ms = 5,
        .rendered = true,
        .expires_at_ms = 6,
        .token_expires_at_ms = 7,
        .incident = 142,
        .notification_kind = KIND_REMINDER,
        .severity = (enum severity)1,
        .channel = texts[0],
        .contact = texts[1],
        .address = texts[2],
        .key = texts[3],
        .snapshot = texts[4],
        .details = texts[5],
        .links = texts[6],
        .content_type = texts[7],
        .subject = texts[8],
        .body = body,
        .body_count = sizeof body,
    };
    struct outbox *outbox = outbox_of(4);
    outbox_put(outbox, &order);
    memset(texts, 'X', sizeof texts);
    memset(body, 'X', sizeof body);
    memset(&order, 0, sizeof order);
    struct order *copy = take_one(outbox);
    assert_int_equal(copy->kind, ORDER_OFFER);
    assert_true(copy->notification == UINT64_MAX);
    assert_int_equal(copy->attempt, 3);
    assert_int_equal(copy->due_at_ms, 4);
    assert_int_equal(copy->deadline_mono_ms, 5);
    assert_true(copy->rendered);
    assert_int_equal(copy->expires_at_ms, 6);
    assert_int_equal(copy->token_expires_at_ms, 7);
    assert_int_equal(copy->incident, 142);
    assert_int_equal(copy->notification_kind, KIND_REMINDER);
    assert_int_equal(copy->severity, 1);
    assert_string_equal(copy->channel, "channel");
    assert_string_equal(copy->contact, "contact");
    assert_string_equal(copy->address, "address");
    assert_string_equal(copy->key, "key");
    assert_string_equal(copy->snapshot, "snapshot");
    assert_string_equal(copy->details, "details");
    assert_string_equal(copy->links, "links");
    assert_string_equal(copy->content_type, "content_type");
    assert_string_equal(copy->subject, "subject");
    assert_int_equal(copy->body_count, 5);
    assert_memory_equal(copy->body, "\0\1\2\xff\0", 5);
    order_free(copy);
    outbox_destroy(outbox);
}

static void test_absent_texts_and_bodies(void **state)
{
    (void)state;
    static const char empty[] = "";
    struct order start = {.kind = ORDER_START, .notification = 1, .body = empty};
    struct order drop = {.kind = ORDER_DROP, .notification = 1, .channel = "sms"};
    struct outbox *outbox = outbox_of(4);
    outbox_put(outbox, &start);
    outbox_put(outbox, &drop);
    assert_null(start.channel);
    struct order *copy = take_one(outbox);
    assert_int_equal(copy->kind, ORDER_START);
    assert_string_equal(copy->channel, "");
    assert_string_equal(copy->subject, "");
    assert_non_null(copy->body);
    assert_int_equal(copy->body_count, 0);
    order_free(copy);
    copy = take_one(outbox);
    assert_int_equal(copy->kind, ORDER_DROP);
    assert_string_equal(copy->channel, "sms");
    assert_string_equal(copy->snapshot, "");
    assert_null(copy->body);
    order_free(copy);
    outbox_destroy(outbox);
}

static void test_capacity_loses_nothing(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_of(2);
    struct order *out[100];
    for (uint64_t i = 0; i < 90; i++) {
        outbox_put(outbox, &(struct order){.kind = ORDER_DROP, .notification = i});
    }
    assert_int_equal(outbox_count(outbox), 90);
    assert_int_equal(outbox_take(outbox, out, 100, 0), 90);
    for (size_t i = 0; i < 90; i++) {
        assert_int_equal(out[i]->notification, i);
        order_free(out[i]);
    }
    outbox_destroy(outbox);
}

static void test_stop(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_of(4);
    struct order *order = NULL;
    const struct order drop = {.kind = ORDER_DROP, .notification = 9};
    outbox_put(outbox, &drop);
    outbox_put(outbox, &drop);
    outbox_stop(outbox);
    outbox_put(outbox, &drop); /* freed at once: nobody will look */
    assert_int_equal(outbox_count(outbox), 2);
    order_free(take_one(outbox));
    outbox_destroy(outbox); /* frees the other */

    outbox = outbox_of(4);
    outbox_stop(outbox);
    assert_int_equal(outbox_take(outbox, &order, 1, -1), 0);
    outbox_destroy(outbox);
}

struct taker {
    struct outbox *outbox;
    _Atomic bool begun;
    size_t count;
};

static void *take_and_wait(void *argument)
{
    struct taker *taker = argument;
    struct order *order = NULL;
    taker->begun = true;
    taker->count = outbox_take(taker->outbox, &order, 1, DEADLINE_MS);
    return NULL;
}

static void test_nudge(void **state)
{
    (void)state;
    struct taker taker = {.outbox = outbox_of(4)};
    for (int round = 0; round < 200; round++) {
        pthread_t thread;
        int64_t before_ms = clock_mono_ms();
        taker.begun = false;
        taker.count = 9;
        assert_int_equal(pthread_create(&thread, NULL, take_and_wait, &taker), 0);
        while (round % 2 == 0 && !taker.begun) {
        }
        outbox_nudge(taker.outbox);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(taker.count, 0);
        assert_true(clock_mono_ms() - before_ms < DEADLINE_MS / 2);
    }
    outbox_destroy(taker.outbox);
}

static void *deliver(void *argument)
{
    struct outbox *outbox = argument;
    uint64_t next = 0;
    while (next < ORDERS) {
        struct order *orders[16];
        size_t count = outbox_take(outbox, orders, 16, DEADLINE_MS);
        for (size_t i = 0; i < count; i++) {
            next += orders[i]->notification == next && strcmp(orders[i]->key, "k") == 0;
            order_free(orders[i]);
        }
        if (count == 0) {
            return argument;
        }
    }
    return NULL;
}

static void test_in_order_between_threads(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_of(64);
    pthread_t thread;
    void *failed = NULL;
    assert_int_equal(pthread_create(&thread, NULL, deliver, outbox), 0);
    for (uint64_t i = 0; i < ORDERS; i++) {
        outbox_put(outbox, &(struct order){.kind = ORDER_OFFER, .notification = i, .key = "k"});
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    outbox_destroy(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_refuses_nothing),
        cmocka_unit_test(test_copy_is_deep),
        cmocka_unit_test(test_absent_texts_and_bodies),
        cmocka_unit_test(test_capacity_loses_nothing),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_nudge),
        cmocka_unit_test(test_in_order_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Events by way of the store: as they were, once, and back when the engine has no room for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/base/text.h"
#include "gateway/engine/shared_inbox.h"
#include "gateway/handoff/ticket.h"

static const struct label labels[] = {{.name = "host", .value = "a\"b\n"},
                                      {.name = "region", .value = "ö"}};

static struct input sample(void)
{
    return (struct input){.kind = INPUT_EVENT,
                          .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                          .actor = "source shop",
                          .credential = "token",
                          .u.event = {.action = EVENT_RESOLVE,
                                      .severity = SEVERITY_CRITICAL,
                                      .source = "shop",
                                      .key = "disk/1",
                                      .summary = "full: 100 %",
                                      .labels = labels,
                                      .label_count = 2,
                                      .details = "{\"free\":0}",
                                      .links = "[{\"href\":\"https://example.com\"}]",
                                      .at_ms = 1700000000123}};
}

static void assert_same(const struct input *got, const struct input *want)
{
    assert_int_equal(got->kind, INPUT_EVENT);
    assert_memory_equal(got->id, want->id, sizeof(got->id));
    assert_string_equal(got->actor, want->actor);
    assert_string_equal(got->credential, want->credential);
    assert_int_equal(got->u.event.action, want->u.event.action);
    assert_int_equal(got->u.event.severity, want->u.event.severity);
    assert_string_equal(got->u.event.source, want->u.event.source);
    assert_string_equal(got->u.event.key, want->u.event.key);
    assert_string_equal(got->u.event.summary, want->u.event.summary);
    assert_string_equal(got->u.event.details, want->u.event.details);
    assert_string_equal(got->u.event.links, want->u.event.links);
    assert_int_equal(got->u.event.at_ms, want->u.event.at_ms);
    assert_int_equal(got->u.event.label_count, want->u.event.label_count);
    for (size_t i = 0; i < want->u.event.label_count; i++) {
        assert_string_equal(got->u.event.labels[i].name, want->u.event.labels[i].name);
        assert_string_equal(got->u.event.labels[i].value, want->u.event.labels[i].value);
    }
}

static struct store *open_memory(void)
{
    struct store *store = NULL;
    assert_int_equal(store_memory_open(&store, NULL), 0);
    return store;
}

static void commit_nothing(struct store *store)
{
    struct arena arena;
    struct effects effects;
    struct store_meta meta;
    struct err err;
    arena_init(&arena);
    effects_init(&effects, &arena);
    assert_int_equal(store->ops->read_meta(store->self, &meta, &err), 0);
    const struct commit commit = {.effects = &effects, .meta = meta};
    assert_int_equal(store->ops->commit(store->self, &commit, &err), STORE_COMMITTED);
    arena_clear(&arena);
}

static void test_an_event_comes_out_as_it_went_in(void **state)
{
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input event = sample();
    struct input plain = sample();
    plain.u.event.label_count = 0;
    plain.u.event.details = plain.u.event.links = plain.u.event.key = "";
    plain.u.event.at_ms = 0;
    plain.id[15] = 99;
    struct input *events[] = {&event, &plain};
    struct input *got[8];
    struct err err;
    (void)state;
    assert_int_equal(shared_inbox_put(store, events, 2, &err), 0);
    assert_int_equal(shared_inbox_take(shared, got, 8, 1000), 2);
    assert_same(got[0], &event);
    assert_same(got[1], &plain);
    assert_int_equal(shared_inbox_take(shared, got + 2, 6, 1000 + SHARED_INBOX_POLL_MS - 1), 0);
    for (size_t i = 0; i < 2; i++) {
        const struct answer done = {.status = ANSWER_DONE, .text = ""};
        got[i]->ticket->complete(got[i]->ticket, got[i]->ticket_index, &done);
        got[i]->release(got[i]);
    }
    shared_inbox_settle(shared);
    commit_nothing(store);
    assert_int_equal(shared_inbox_take(shared, got, 8, 5000), 0);
    shared_inbox_destroy(shared);
    store_close(store);
}

static void test_what_finds_no_room_comes_again(void **state)
{
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input event = sample();
    struct input *events[] = {&event};
    struct input *got[8];
    struct err err;
    (void)state;
    assert_int_equal(shared_inbox_put(store, events, 1, &err), 0);
    for (int64_t round = 1; round <= 3; round++) {
        const struct answer answer = {.status = round < 3 ? ANSWER_OVERLIMIT : ANSWER_DONE,
                                      .text = ""};
        assert_int_equal(shared_inbox_take(shared, got, 8, round * 1000), 1);
        assert_same(got[0], &event);
        commit_nothing(store);
        got[0]->ticket->complete(got[0]->ticket, 0, &answer);
        got[0]->release(got[0]);
        shared_inbox_settle(shared);
    }
    commit_nothing(store);
    assert_int_equal(shared_inbox_take(shared, got, 8, 9000), 0);
    shared_inbox_destroy(shared);
    store_close(store);
}

static void test_what_cannot_be_read_stops_nothing(void **state)
{
    static const char *const texts[] = {"", "{", "[]",
                                        "{\"action\":\"explode\",\"severity\":\"info\"}"};
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input event = sample();
    struct input *events[] = {&event};
    struct input *got[8];
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct store_inbox_item item = {.bytes = texts[i], .count = strlen(texts[i])};
        assert_int_equal(store->ops->inbox_append(store->self, &item, 1, &err), 0);
        assert_int_equal(shared_inbox_decode(&item, &got[0], &err), -1);
    }
    assert_int_equal(shared_inbox_put(store, events, 1, &err), 0);
    assert_int_equal(shared_inbox_take(shared, got, 8, 1000), 5);
    for (size_t i = 0; i < 4; i++) {
        const struct unusable *unusable = &got[i]->u.unusable;
        const struct answer done = {.status = ANSWER_DONE, .text = ""};
        assert_int_equal(got[i]->kind, INPUT_QUARANTINE);
        assert_string_equal(unusable->origin, "shared inbox");
        assert_true(unusable->reason[0] != '\0');
        assert_int_equal(unusable->size, strlen(texts[i]));
        assert_memory_equal(unusable->bytes, texts[i], strlen(texts[i]));
        assert_non_null(got[i]->ticket); /* after a refused commit it is taken again, not kept */
        got[i]->ticket->complete(got[i]->ticket, got[i]->ticket_index, &done);
        got[i]->release(got[i]);
    }
    assert_same(got[4], &event);
    got[4]->release(got[4]);
    shared_inbox_destroy(shared);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_comes_out_as_it_went_in),
        cmocka_unit_test(test_what_finds_no_room_comes_again),
        cmocka_unit_test(test_what_cannot_be_read_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Inputs by way of the store: as they were, in order, once, and never in memory only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/base/text.h"
#include "gateway/engine/engine.h"
#include "gateway/engine/shared_inbox.h"
#include "gateway/engine/shared_item.h"
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
    assert_int_equal(got->u.event.signal, want->u.event.signal);
    assert_int_equal(got->u.event.exit_status, want->u.event.exit_status);
    if (want->u.event.run_or_null != NULL)
        assert_string_equal(got->u.event.run_or_null, want->u.event.run_or_null);
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

enum { TAKE_MAX = 8 };

/* As engine_step does: one commit, whose items leave unless the answer says that nothing was applied; then the tickets
 * hear it. */
static enum store_verdict apply(struct store *store, struct input *const *inputs, size_t count,
                                const enum answer_status *statuses)
{
    uint64_t applied[TAKE_MAX];
    struct arena arena;
    struct effects effects;
    struct store_meta meta;
    struct err err;
    arena_init(&arena);
    effects_init(&effects, &arena);
    assert_int_equal(store->ops->read_meta(store->self, &meta, &err), 0);
    struct commit commit = {.effects = &effects, .meta = meta, .applied = applied};
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != ANSWER_OVERLIMIT && statuses[i] != ANSWER_BUSY) {
            applied[commit.applied_count++] = inputs[i]->inbox_sequence;
        }
    }
    enum store_verdict verdict = store->ops->commit(store->self, &commit, &err);
    for (size_t i = 0; i < count; i++) {
        const struct answer answer = {
            .status = verdict == STORE_COMMITTED ? statuses[i] : ANSWER_BUSY, .text = ""};
        inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index, &answer);
        if (inputs[i]->release != NULL) {
            inputs[i]->release(inputs[i]);
        }
    }
    arena_clear(&arena);
    return verdict;
}

static void put_keys(struct store *store, const char *letters)
{
    for (const char *letter = letters; *letter != '\0'; letter++) {
        char key[2] = {*letter, '\0'};
        struct input event = sample();
        struct input *events[] = {&event};
        struct err err;
        event.u.event.key = key;
        event.id[15] = (unsigned char)*letter;
        assert_int_equal(shared_inbox_put(store, events, 1, &err), 0);
    }
}

/* The keys of what came, in order. */
static size_t take_keys(struct shared_inbox *shared, size_t max, int64_t mono_ms,
                        struct input **got, char out[TAKE_MAX + 1])
{
    size_t count = shared_inbox_take(shared, got, max, mono_ms);
    for (size_t i = 0; i < count; i++) {
        out[i] = got[i]->u.event.key[0];
    }
    out[count] = '\0';
    return count;
}

static const enum answer_status all_done[TAKE_MAX] = {ANSWER_DONE};

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
    struct input beat = plain;
    beat.u.event.action = EVENT_HEARTBEAT;
    beat.u.event.signal = HEARTBEAT_FAIL;
    beat.u.event.exit_status = 137;
    beat.u.event.run_or_null = "5a41583d";
    beat.id[15] = 98;
    struct input *events[] = {&event, &plain, &beat};
    struct input *got[TAKE_MAX];
    struct err err;
    (void)state;
    assert_int_equal(shared_inbox_put(store, events, 3, &err), 0);
    assert_int_equal(shared_inbox_take(shared, got, TAKE_MAX, 1000), 3);
    assert_same(got[0], &event);
    assert_same(got[1], &plain);
    assert_same(got[2], &beat);
    assert_int_equal(shared_inbox_take(shared, got + 3, 5, 1000 + SHARED_INBOX_POLL_MS - 1), 0);
    assert_int_equal(apply(store, got, 3, all_done), STORE_COMMITTED);
    assert_int_equal(shared_inbox_take(shared, got, TAKE_MAX, 9000), 0);
    shared_inbox_destroy(shared);
    store_close(store);
}

/* It was answered long ago: at no moment may it be in memory only. */
static void test_what_finds_no_room_outlives_a_crash(void **state)
{
    static const enum answer_status second_refused[] = {ANSWER_DONE, ANSWER_OVERLIMIT, ANSWER_DONE};
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input *got[TAKE_MAX];
    char keys[TAKE_MAX + 1];
    (void)state;
    put_keys(store, "abc");
    assert_int_equal(take_keys(shared, TAKE_MAX, 1000, got, keys), 3);
    assert_int_equal(apply(store, got, 3, second_refused), STORE_COMMITTED);
    shared_inbox_destroy(shared); /* the process ends right behind the commit */
    shared = shared_inbox_create(store);
    (void)take_keys(shared, TAKE_MAX, 2000, got, keys); /* seen in the text */
    assert_string_equal(keys, "b");
    assert_int_equal(apply(store, got, 1, all_done), STORE_COMMITTED);
    assert_int_equal(take_keys(shared, TAKE_MAX, 9000, got, keys), 0);
    shared_inbox_destroy(shared);
    store_close(store);
}

static void test_what_finds_no_room_starves_nobody(void **state)
{
    static const enum answer_status first_refused[] = {ANSWER_OVERLIMIT, ANSWER_DONE};
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input *got[TAKE_MAX];
    char keys[TAKE_MAX + 1];
    (void)state;
    put_keys(store, "abcd");
    (void)take_keys(shared, 2, 1000, got, keys); /* seen in the text */
    assert_string_equal(keys, "ab");
    assert_int_equal(apply(store, got, 2, first_refused), STORE_COMMITTED);
    (void)take_keys(shared, 2, 1000, got, keys); /* seen in the text */
    assert_string_equal(keys, "cd");
    assert_int_equal(apply(store, got, 2, all_done), STORE_COMMITTED);
    put_keys(store, "e");
    (void)take_keys(shared, 2, 2000, got, keys); /* seen in the text */
    assert_string_equal(keys, "e");
    assert_int_equal(apply(store, got, 1, all_done), STORE_COMMITTED);
    (void)take_keys(shared, 2, 1000 + SHARED_INBOX_RETRY_MS, got, keys); /* seen in the text */
    assert_string_equal(keys, "a");
    assert_int_equal(apply(store, got, 1, all_done), STORE_COMMITTED);
    shared_inbox_destroy(shared);
    store_close(store);
}

static void test_a_refused_commit_gives_all_of_it_again_in_order(void **state)
{
    struct store *inner = open_memory();
    struct store *store = NULL;
    assert_int_equal(store_faulty_wrap(inner, &store, NULL), 0);
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input *got[TAKE_MAX];
    char keys[TAKE_MAX + 1];
    (void)state;
    put_keys(store, "abc");
    assert_int_equal(take_keys(shared, 2, 1000, got, keys), 2);
    store_fail_commit(store, 1, STORE_BUSY, false);
    assert_int_equal(apply(store, got, 2, all_done), STORE_BUSY);
    (void)take_keys(shared, TAKE_MAX, 2000, got, keys); /* seen in the text */
    assert_string_equal(keys, "abc");
    /* Committed after all: what is gone does not come again. */
    store_fail_commit(store, 1, STORE_UNKNOWN, true);
    assert_int_equal(apply(store, got, 3, all_done), STORE_UNKNOWN);
    assert_int_equal(take_keys(shared, TAKE_MAX, 3000, got, keys), 0);
    shared_inbox_destroy(shared);
    store_close(store);
}

static struct input sample_reply(enum input_kind kind)
{
    return (struct input){
        .kind = kind,
        .id = {9, 8, 7},
        .actor = "contact ann",
        .credential = "link",
        .u.reply = {
            .from = "ann",
            .via = "link",
            .notification = 77,
            .incident = 142,
            .said_at_ms = 1700000000456,
            .raw = "142 ack eta 14:30; note \"ö\"\n",
            .commands = {{.verb = VERB_ACK, .text = "", .clock_minute = -1},
                         {.verb = VERB_ETA, .text = "", .clock_minute = 870},
                         {.verb = VERB_SNOOZE,
                          .text = "",
                          .clock_minute = -1,
                          .duration_ms = INT64_C(1) << 50},
                         {.verb = VERB_ETA,
                          .text = "",
                          .clock_minute = -1,
                          .at_ms = 1700000000123,
                          .from_at_ms = 1700000000100},
                         {.verb = VERB_PRIORITY, .text = "", .clock_minute = -1, .priority = 5},
                         {.verb = VERB_NOTE, .text = "\"ö\"", .clock_minute = -1}},
            .command_count = 6}};
}

static void assert_same_or_null(const char *got, const char *want)
{
    assert_int_equal(got == NULL, want == NULL);
    if (want != NULL)
        assert_string_equal(got, want);
}

static void assert_same_reply(const struct input *got, const struct input *want)
{
    const struct reply *a = &got->u.reply;
    const struct reply *b = &want->u.reply;
    assert_int_equal(got->kind, want->kind);
    assert_memory_equal(got->id, want->id, sizeof(got->id));
    assert_string_equal(got->actor, want->actor);
    assert_string_equal(got->credential, want->credential);
    assert_string_equal(a->from, b->from);
    assert_string_equal(a->via, b->via);
    assert_string_equal(a->raw, b->raw);
    assert_int_equal(a->notification, b->notification);
    assert_int_equal(a->incident, b->incident);
    assert_int_equal(a->said_at_ms, b->said_at_ms);
    assert_same_or_null(a->address_or_null, b->address_or_null);
    assert_same_or_null(a->message_id_or_null, b->message_id_or_null);
    assert_same_or_null(a->code_or_null, b->code_or_null);
    assert_same_or_null(a->report_or_null, b->report_or_null);
    assert_int_equal(a->incident_else, b->incident_else);
    assert_int_equal(a->command_count, b->command_count);
    for (size_t i = 0; i < b->command_count; i++) {
        assert_int_equal(a->commands[i].verb, b->commands[i].verb);
        assert_string_equal(a->commands[i].text, b->commands[i].text);
        assert_int_equal(a->commands[i].duration_ms, b->commands[i].duration_ms);
        assert_int_equal(a->commands[i].from_at_ms, b->commands[i].from_at_ms);
        assert_int_equal(a->commands[i].clock_minute, b->commands[i].clock_minute);
        assert_int_equal(a->commands[i].at_ms, b->commands[i].at_ms);
        assert_int_equal(a->commands[i].priority, b->commands[i].priority);
        assert_int_equal(a->commands[i].answers_page, b->commands[i].answers_page);
    }
}

static void test_replies_commands_and_receipts_keep_their_place_among_events(void **state)
{
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input event = sample();
    struct input reply = sample_reply(INPUT_REPLY);
    struct input command = sample_reply(INPUT_COMMAND);
    struct input words = sample_reply(INPUT_REPLY);
    words.u.reply.command_count = 0;
    words.u.reply.notification = words.u.reply.incident = 0;
    words.u.reply.address_or_null = "+12025550143";
    words.u.reply.message_id_or_null = "SM1";
    words.u.reply.code_or_null = "k7qf5";
    words.u.reply.incident_else = 4;
    command.u.reply.message_id_or_null = "one";
    command.u.reply.report_or_null = "{\"summary\":\"down\"}";
    reply.u.reply.address_or_null = "";
    reply.u.reply.code_or_null = "";
    reply.u.reply.commands[0].answers_page = true;
    struct input receipt = {.kind = INPUT_RECEIPT,
                            .actor = "channel sms",
                            .credential = "signature",
                            .u.receipt = {.notification = 5,
                                          .channel = "sms",
                                          .provider_id = "SM1",
                                          .delivered = true,
                                          .reason = "delivered"}};
    struct input *inputs[] = {&reply, &event, &command, &receipt, &words};
    struct input *got[TAKE_MAX];
    struct err err;
    (void)state;
    assert_int_equal(shared_inbox_put(store, inputs, 5, &err), 0);
    assert_int_equal(shared_inbox_take(shared, got, TAKE_MAX, 1000), 5);
    assert_same_reply(got[0], &reply);
    assert_same(got[1], &event);
    assert_same_reply(got[2], &command);
    assert_int_equal(got[3]->kind, INPUT_RECEIPT);
    assert_int_equal(got[3]->u.receipt.notification, 5);
    assert_string_equal(got[3]->u.receipt.channel, "sms");
    assert_string_equal(got[3]->u.receipt.provider_id, "SM1");
    assert_true(got[3]->u.receipt.delivered);
    assert_string_equal(got[3]->u.receipt.reason, "delivered");
    assert_same_reply(got[4], &words);
    assert_int_equal(apply(store, got, 5, all_done), STORE_COMMITTED);
    shared_inbox_destroy(shared);
    store_close(store);
}

/* What nodes from before there were replies have left behind. */
static void test_an_item_without_version_is_an_event(void **state)
{
    static const char text[] =
        "{\"kind\":\"event\",\"actor\":\"source "
        "shop\",\"credential\":\"token\",\"action\":\"trigger\","
        "\"severity\":\"info\",\"source\":\"shop\",\"key\":\"k\",\"summary\":\"s\",\"labels\":{},"
        "\"details\":\"\",\"links\":\"\",\"at_ms\":0}";
    const struct store_inbox_item item = {.sequence = 7, .bytes = text, .count = strlen(text)};
    struct input *got = NULL;
    struct err err;
    (void)state;
    assert_int_equal(shared_item_decode(&item, &got, &err), 0);
    assert_int_equal(got->kind, INPUT_EVENT);
    assert_string_equal(got->u.event.key, "k");
    assert_int_equal(got->inbox_sequence, 7);
    got->release(got);
}

#define REPLY_HEAD                                                                                 \
    "{\"version\":1,\"kind\":\"reply\",\"from\":\"ann\",\"via\":\"link\",\"raw\":\"\","            \
    "\"notification\":0,\"incident\":1,\"said_at_ms\":0,"
#define COMMAND_TAIL "\"text\":\"\",\"duration_ms\":0,\"at_ms\":0,\"priority\":0}]}"

static const char *const unreadable[] = {
    "",
    "{",
    "[]",
    "{\"kind\":\"event\",\"action\":\"explode\",\"severity\":\"info\"}",
    "{\"kind\":\"event\",\"action\":\"trigger\",\"severity\":\"loud\"}",
    "{\"kind\":\"rumour\"}",
    "{\"version\":0,\"kind\":\"event\",\"action\":\"trigger\",\"severity\":\"info\"}",
    "{\"version\":\"x\",\"kind\":\"event\",\"action\":\"trigger\",\"severity\":\"info\"}",
    "{\"version\":1,\"kind\":\"reply\",\"notification\":1,\"incident\":1,\"said_at_ms\":0}",
    "{\"version\":1,\"kind\":\"reply\",\"notification\":-1,\"incident\":1,\"said_at_ms\":0,"
    "\"commands\":[]}",
    "{\"version\":1,\"kind\":\"reply\",\"incident\":1,\"said_at_ms\":0,\"commands\":[]}",
    "{\"version\":1,\"kind\":\"reply\",\"notification\":1,\"incident\":1,\"commands\":[]}",
    "{\"version\":1,\"kind\":\"receipt\",\"notification\":1}",
    "{\"version\":1,\"kind\":\"quarantine\",\"bytes\":\"0\",\"size\":1}",
    "{\"version\":1,\"kind\":\"quarantine\",\"bytes\":\"0g\",\"size\":1}",
    "{\"version\":1,\"kind\":\"quarantine\",\"bytes\":\"00\"}",
    REPLY_HEAD "\"commands\":[{\"verb\":\"dance\",\"clock_minute\":-1," COMMAND_TAIL,
    REPLY_HEAD "\"commands\":[{\"verb\":\"ack\",\"clock_minute\":1440," COMMAND_TAIL,
    REPLY_HEAD "\"commands\":[{\"verb\":\"ack\"," COMMAND_TAIL,
    REPLY_HEAD "\"commands\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
};

static void test_what_cannot_be_read_is_told_from_what_is_newer(void **state)
{
    static const char newer[] = "{\"version\":4,\"kind\":\"rumour\"}";
    struct input *got = NULL;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
        const struct store_inbox_item item = {.bytes = unreadable[i],
                                              .count = strlen(unreadable[i])};
        assert_int_equal(shared_item_decode(&item, &got, &err), -1);
        assert_int_not_equal(err.code, ERR_BUSY);
    }
    const struct store_inbox_item item = {.bytes = newer, .count = strlen(newer)};
    assert_int_equal(shared_item_decode(&item, &got, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
}

static void test_what_no_event_was_made_of_waits_too(void **state)
{
    static const unsigned char bytes[] = {0, 255, '"', 0x80};
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input unusable = {.kind = INPUT_QUARANTINE,
                             .actor = "source plant",
                             .credential = "topic",
                             .u.unusable = {.source = "plant",
                                            .origin = "topic a/b",
                                            .reason = "want JSON",
                                            .bytes = bytes,
                                            .byte_count = sizeof(bytes),
                                            .size = 70000}};
    struct input *inputs[] = {&unusable};
    struct input *got[TAKE_MAX];
    struct err err;
    (void)state;
    assert_int_equal(shared_inbox_put(store, inputs, 1, &err), 0);
    assert_int_equal(shared_inbox_take(shared, got, TAKE_MAX, 1000), 1);
    assert_int_equal(got[0]->kind, INPUT_QUARANTINE);
    assert_string_equal(got[0]->u.unusable.source, "plant");
    assert_string_equal(got[0]->u.unusable.origin, "topic a/b");
    assert_string_equal(got[0]->u.unusable.reason, "want JSON");
    assert_int_equal(got[0]->u.unusable.byte_count, sizeof(bytes));
    assert_memory_equal(got[0]->u.unusable.bytes, bytes, sizeof(bytes));
    assert_int_equal(got[0]->u.unusable.size, 70000);
    assert_int_equal(apply(store, got, 1, all_done), STORE_COMMITTED);
    shared_inbox_destroy(shared);
    store_close(store);
}

static void test_what_cannot_be_read_leaves_into_quarantine(void **state)
{
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input *got[TAKE_MAX];
    struct err err;
    (void)state;
    const struct store_inbox_item item = {.id = {7}, .bytes = "{\"no\"", .count = 5};
    assert_int_equal(store->ops->inbox_append(store->self, &item, 1, &err), 0);
    put_keys(store, "a");
    for (int round = 1; round <= 2; round++) { /* a refused commit gives it again */
        assert_int_equal(shared_inbox_take(shared, got, TAKE_MAX, round * 1000), 2);
        assert_int_equal(got[0]->kind, INPUT_QUARANTINE);
        assert_int_equal(got[0]->id[0], 7);
        assert_string_equal(got[0]->u.unusable.origin, "shared inbox");
        assert_memory_equal(got[0]->u.unusable.bytes, "{\"no\"", 5);
        assert_int_equal(got[0]->u.unusable.byte_count, 5);
        assert_int_equal(got[0]->u.unusable.size, 5);
        assert_non_null(strstr(got[0]->u.unusable.reason, "shared inbox"));
        static const enum answer_status busy[] = {ANSWER_BUSY, ANSWER_BUSY};
        (void)apply(store, got, 2, round == 1 ? busy : all_done); /* seen in what comes next */
    }
    assert_int_equal(shared_inbox_take(shared, got, TAKE_MAX, 9000), 0);
    shared_inbox_destroy(shared);
    store_close(store);
}

static void test_what_is_newer_waits_and_stops_nothing(void **state)
{
    static const char newer[] = "{\"version\":4,\"kind\":\"event\"}";
    struct store *store = open_memory();
    struct shared_inbox *shared = shared_inbox_create(store);
    struct input *got[TAKE_MAX];
    char keys[TAKE_MAX + 1];
    struct err err;
    (void)state;
    const struct store_inbox_item item = {.bytes = newer, .count = strlen(newer)};
    assert_int_equal(store->ops->inbox_append(store->self, &item, 1, &err), 0);
    put_keys(store, "a");
    (void)take_keys(shared, TAKE_MAX, 1000, got, keys); /* seen in the text */
    assert_string_equal(keys, "a");
    assert_int_equal(apply(store, got, 1, all_done), STORE_COMMITTED);
    assert_int_equal(take_keys(shared, TAKE_MAX, 9000, got, keys), 0);
    struct arena arena;
    struct store_inbox_item *left = NULL;
    size_t left_count = 0;
    arena_init(&arena);
    assert_int_equal(store->ops->inbox_take(store->self, 0, 9, &arena, &left, &left_count, &err),
                     0);
    assert_int_equal(left_count, 1);
    arena_clear(&arena);
    shared_inbox_destroy(shared);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_comes_out_as_it_went_in),
        cmocka_unit_test(test_what_finds_no_room_outlives_a_crash),
        cmocka_unit_test(test_what_finds_no_room_starves_nobody),
        cmocka_unit_test(test_a_refused_commit_gives_all_of_it_again_in_order),
        cmocka_unit_test(test_replies_commands_and_receipts_keep_their_place_among_events),
        cmocka_unit_test(test_an_item_without_version_is_an_event),
        cmocka_unit_test(test_what_cannot_be_read_is_told_from_what_is_newer),
        cmocka_unit_test(test_what_no_event_was_made_of_waits_too),
        cmocka_unit_test(test_what_cannot_be_read_leaves_into_quarantine),
        cmocka_unit_test(test_what_is_newer_waits_and_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which messages on PREFIX/reply become a reply, whose it is, and who is answered where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/intake/mqtt_reply.h"
#include "gateway/store/store_read.h"
#include "gateway/system/token.h"
#include "tests/support/store_world.h"

enum { HOUR_MS = 3600000 };

/* Notifications of the fixture, by number. */
enum { PAGE_TO_ANN = 1, EXPIRED_TO_ANN = 2, INFORM_TO_ROOM = 3, INFORM_TO_AUDIENCE = 4 };

struct fixture {
    char *folder;
    struct store *store;
    struct secret key;
    struct clock_engine clock;
    struct mqtt_replies *replies;
    char answer_topic[128];
    char answer[512]; /* "": none */
    char correlation[16];
    int answers;
};

static enum mqtt_verdict on_publish(void *self, const struct mqtt_publication *publication)
{
    struct fixture *fixture = self;
    assert_true(publication->is_whole_topic && !publication->retain);
    (void)snprintf(fixture->answer_topic, sizeof(fixture->answer_topic), "%s", publication->topic);
    (void)snprintf(fixture->answer, sizeof(fixture->answer), "%.*s", (int)publication->count,
                   (const char *)publication->payload);
    (void)snprintf(fixture->correlation, sizeof(fixture->correlation), "%.*s",
                   (int)publication->correlation_count, (const char *)publication->correlation);
    fixture->answers++;
    return MQTT_TAKEN;
}

static struct notification_row notification(const struct fixture *fixture, uint64_t id)
{
    static const char *const contacts[] = {
        [PAGE_TO_ANN] = "ann",
        [EXPIRED_TO_ANN] = "ann",
        [INFORM_TO_ROOM] = "channel:ops",
        [INFORM_TO_AUDIENCE] = "&customers",
    };
    struct notification_row row = sample_notification(id, 7);
    int64_t now_ms = clock_engine_ms(&fixture->clock);
    row.kind = id == PAGE_TO_ANN ? KIND_PAGE : KIND_INFORM;
    row.contact = contacts[id];
    row.token_expires_at_ms = id == EXPIRED_TO_ANN ? now_ms - HOUR_MS : now_ms + HOUR_MS;
    return row;
}

static int setup(void **state)
{
    struct fixture *fixture = heap_alloc(sizeof(*fixture));
    struct batch batch;
    fixture->folder = test_folder_make();
    fixture->store = store_open_held("sqlite:test.db", fixture->folder);
    secret_set(&fixture->key, "0123456789abcdef0123456789abcdef", 32);
    clock_engine_init(&fixture->clock, 0);
    batch_begin(&batch, fixture->store);
    batch_incident(&batch, true, sample_incident(7));
    for (uint64_t id = PAGE_TO_ANN; id <= INFORM_TO_AUDIENCE; id++)
        batch_notification(&batch, notification(fixture, id));
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    const struct mqtt_replies_options options = {.store_url = "sqlite:test.db",
                                                 .state_dir = fixture->folder,
                                                 .token_key = &fixture->key,
                                                 .clock = &fixture->clock,
                                                 .publish = on_publish,
                                                 .self = fixture};
    fixture->replies = mqtt_replies_create(&options);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    mqtt_replies_destroy(fixture->replies);
    store_close(fixture->store);
    test_folder_remove(fixture->folder);
    secret_clear(&fixture->key);
    free(fixture);
    return 0;
}

/* The token of the stored row, whose expiry the fixture's clock gave. */
static void token_of(const struct fixture *fixture, uint64_t id, char out[TOKEN_TEXT_BYTES])
{
    struct store_reader *reader;
    struct notification_row row;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena);
    if (store_reader_open("sqlite:test.db", fixture->folder, &reader, &err) != 0 ||
        store_read_notification(reader, id, &arena, &row, &err) != 0)
        fail_msg("%s", err.text);
    token_make(&fixture->key, id, row.contact, row.token_expires_at_ms, out);
    store_reader_close(reader);
    arena_clear(&arena);
}

static struct mqtt_message message_of(const char *payload)
{
    return (struct mqtt_message){.broker = "plant",
                                 .topic = "acme/escalated/reply",
                                 .payload = payload,
                                 .count = strlen(payload),
                                 .response_topic = ""};
}

static const char *reply_with(const struct fixture *fixture, uint64_t id, const char *text,
                              char out[512])
{
    char token[TOKEN_TEXT_BYTES];
    token_of(fixture, id, token);
    (void)snprintf(out, 512, "{\"token\":\"%s\",\"text\":\"%s\"}", token, text);
    return out;
}

static void test_a_reply(void **state)
{
    struct fixture *fixture = *state;
    char payload[512];
    struct input *input = NULL;
    struct err err = {0};
    const struct mqtt_message message =
        message_of(reply_with(fixture, PAGE_TO_ANN, "ok eta 30m", payload));
    assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), 0);
    assert_non_null(input);
    assert_int_equal(input->kind, INPUT_REPLY);
    assert_string_equal(input->actor, "contact ann");
    assert_memory_equal(input->credential, "mqtt ", 5);
    assert_string_equal(input->u.reply.from, "ann");
    assert_string_equal(input->u.reply.via, "mqtt");
    assert_string_equal(input->u.reply.raw, "ok eta 30m");
    assert_int_equal(input->u.reply.notification, PAGE_TO_ANN);
    assert_int_equal(input->u.reply.incident, 7);
    assert_int_equal(input->u.reply.command_count, 2); /* ok acts in answer to a page */
    assert_int_equal(input->u.reply.commands[0].verb, VERB_ACK);
    assert_int_equal(input->u.reply.commands[1].duration_ms, 30 * 60000);
    assert_null(input->ticket);
    input->release(input);
    assert_int_equal(fixture->answers, 0);
}

static void test_unusable_payloads(void **state)
{
    static const struct {
        const char *payload, *why;
    } cases[] = {
        {.payload = "", .why = "line 1"},
        {.payload = "ack", .why = "line 1"},
        {.payload = "[]", .why = "got an array, want an object"},
        {.payload = "{}", .why = "token is missing"},
        {.payload = "{\"token\":\"x\"}", .why = "text is missing"},
        {.payload = "{\"token\":5,\"text\":\"ack\"}",
         .why = "token: got a whole number, want a string"},
        {.payload = "{\"token\":\"x\",\"text\":[\"ack\"]}", .why = "text: got an array"},
        {.payload = "{\"token\":\"x\",\"text\":\" \"}", .why = "text: got nothing"},
        {.payload = "{\"token\":\"x\",\"txt\":\"ack\"}",
         .why = "got a field txt, want token, text"},
        {.payload = "{\"token\":\"x\",\"token\":\"y\",\"text\":\"ack\"}", .why = "line 1"},
        {.payload = "{\"token\":\"x\",\"text\":\"ack\"}", .why = "token: it is none of ours"},
        {.payload = "{\"token\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"text\":\"ack\"}",
         .why = "token: it is none of ours"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        struct input *input = NULL;
        struct mqtt_message message = message_of(cases[i].payload);
        message.response_topic = "acme/escalated/answers/eve";
        int result = mqtt_replies_take(fixture->replies, &message, &input, &err);
        if (result == 0 || err.code == ERR_BUSY || strstr(err.text, cases[i].why) == NULL)
            fail_msg("%s: got %d, %s; want %s", cases[i].payload, result, err.text, cases[i].why);
    }
    assert_int_equal(fixture->answers, 0); /* a stranger hears nothing */
}

static void test_sizes(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct input *input = NULL;
    char *payload = calloc(1, REPLY_PAYLOAD_BYTES_MAX + 2);
    assert_non_null(payload);
    memset(payload, ' ', REPLY_PAYLOAD_BYTES_MAX + 1);
    struct mqtt_message message = message_of(payload);
    assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), -1);
    assert_non_null(strstr(err.text, "got 8193 bytes, want at most 8192"));
    int head = snprintf(payload, REPLY_PAYLOAD_BYTES_MAX, "{\"token\":\"x\",\"text\":\"");
    memset(payload + head, 'x', REPLY_TEXT_BYTES_MAX + 1);
    (void)snprintf(payload + head + REPLY_TEXT_BYTES_MAX + 1, 3, "\"}");
    message = message_of(payload);
    assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), -1);
    assert_non_null(strstr(err.text, "text: got 4097 bytes, want at most 4096"));
    free(payload);
}

static void test_tokens_that_may_not(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint64_t id;
        const char *why;
        int answers;
    } cases[] = {
        {.id = EXPIRED_TO_ANN, .why = "it has expired", .answers = 1},
        {.id = INFORM_TO_ROOM, .why = "given to channel:ops", .answers = 0},
        {.id = INFORM_TO_AUDIENCE, .why = "given to &customers", .answers = 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        struct input *input = NULL;
        char payload[512], token[TOKEN_TEXT_BYTES];
        struct mqtt_message message = message_of(reply_with(fixture, cases[i].id, "ack", payload));
        message.response_topic = "acme/escalated/answers/ann";
        fixture->answers = 0;
        assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), -1);
        token_of(fixture, cases[i].id, token);
        if (strstr(err.text, cases[i].why) == NULL || strstr(err.text, token) != NULL)
            fail_msg("%s, want %s", err.text, cases[i].why);
        assert_int_equal(fixture->answers, cases[i].answers);
    }
    assert_non_null(strstr(fixture->answer, "expired") != NULL ? fixture->answer : NULL);
}

static void record(struct fixture *fixture, const char *credential, int64_t ago_ms)
{
    struct batch batch;
    struct timeline_row entry = sample_timeline(7);
    entry.credential = credential;
    entry.at_ms = clock_engine_ms(&fixture->clock) - ago_ms;
    batch_begin(&batch, fixture->store);
    batch_timeline(&batch, entry);
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
}

/* Recorded just now, it is the same wish; recorded long ago, a new one. */
static void test_the_same_once_more(void **state)
{
    struct fixture *fixture = *state;
    char payload[512], other[512], credential[64];
    struct input *input = NULL;
    struct err err = {0};
    const struct mqtt_message message =
        message_of(reply_with(fixture, PAGE_TO_ANN, "ack eta 30m", payload));
    const struct mqtt_message later =
        message_of(reply_with(fixture, PAGE_TO_ANN, "ack eta 45m", other));
    assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), 0);
    (void)snprintf(credential, sizeof(credential), "%s", input->credential);
    input->release(input);
    record(fixture, credential, HOUR_MS);
    assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), 0);
    assert_non_null(input);
    input->release(input);
    record(fixture, credential, 1000);
    assert_int_equal(mqtt_replies_take(fixture->replies, &message, &input, &err), 0);
    assert_null(input);
    assert_int_equal(mqtt_replies_take(fixture->replies, &later, &input, &err), 0);
    assert_non_null(input);
    input->release(input);
}

static void test_answers(void **state)
{
    static const struct {
        const char *topic;
        bool answered;
    } cases[] = {
        {.topic = "acme/escalated/answers/ann", .answered = true},
        {.topic = "acme/escalated/answers/ann/phone", .answered = true},
        {.topic = ""},
        {.topic = "acme/escalated/answers/"},
        {.topic = "acme/escalated/answers"},
        {.topic = "acme/escalated/reply"},
        {.topic = "acme/escalated/incidents/7"},
        {.topic = "acme/escalatedX/answers/ann"},
        {.topic = "plant/7/alarm"},
    };
    struct fixture *fixture = *state;
    const struct mqtt_answer answer = {
        .status = ANSWER_DONE, .incident = 7, .text = "You have \"it\"."};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mqtt_message message = message_of("{}");
        message.response_topic = cases[i].topic;
        message.correlation = "c-1";
        message.correlation_count = 3;
        fixture->answers = 0;
        mqtt_replies_answer(fixture->replies, &message, &answer);
        if (fixture->answers != (cases[i].answered ? 1 : 0))
            fail_msg("%s: %d answers", cases[i].topic, fixture->answers);
        if (cases[i].answered) {
            assert_string_equal(fixture->answer_topic, cases[i].topic);
            assert_string_equal(fixture->correlation, "c-1");
            assert_string_equal(fixture->answer, "{\"status\":\"done\",\"incident\":7,\"text\":"
                                                 "\"You have \\\"it\\\".\"}");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unusable_payloads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tokens_that_may_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_same_once_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

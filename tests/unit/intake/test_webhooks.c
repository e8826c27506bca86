/* POST /reply/CHANNEL and /receipt/CHANNEL over real sockets, with the real inbox and a thread that stands in for the engine:
 * what the provider is told for each answer. (test_sms_replies.py has the real engine.) */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/handoff/ticket.h"
#include "gateway/http/signature.h"
#include "gateway/intake/webhooks.h"
#include "gateway/system/digest.h"
#include "gateway/system/file.h"
#include "gateway/system/metrics.h"
#include "tests/unit/http/client.h"

#define CAPACITY 4
#define BATCH 16
#define HOST "https://alerts.example.com"

static const struct channel_option options[] = {
    {.key = "provider", .max = 32, .default_text = "twilio"},
    {.key = "account", .max = 64, .default_text = ""},
    {.key = "token", .type = CHANNEL_OPTION_SECRET, .max = 64, .default_text = ""},
    {.key = NULL}};
static const struct channel_ops ops = {.abi = CHANNEL_ABI,
                                       .size = sizeof(ops),
                                       .format = "text",
                                       .options = options,
                                       .in_flight_max = 32};

static const char ini[] = "[gateway]\npublic_url = " HOST "\n"
                          "[channel sms]\nplugin = sms\naccount = AC1\ntoken = secret\n"
                          "[channel chat]\nplugin = webhook\naccount = AC1\ntoken = secret\n"
                          "[contact ann]\nsms = +12025550143\n"
                          "[policy default]\npage = ann\n";

static const struct channel_ops *find_plugin(void *self, const char *plugin, struct err *err)
{
    (void)self;
    (void)plugin;
    (void)err;
    return &ops;
}

static struct config *load(void)
{
    const struct config_plugins plugins = {.find = find_plugin};
    struct config *config = NULL;
    struct strbuf problems;
    struct err err = {0};
    strbuf_init(&problems, 4096);
    assert_int_equal(file_make_dir("webhooks", 0700, &err), 0);
    assert_int_equal(file_write("webhooks/a.ini", ini, sizeof(ini) - 1, 0600, &err), 0);
    if (config_load("webhooks", &plugins, &config, &problems) != 0)
        fail_msg("%s", strbuf_text(&problems));
    strbuf_clear(&problems);
    assert_int_equal(unlink("webhooks/a.ini"), 0);
    assert_int_equal(rmdir("webhooks"), 0);
    return config;
}

struct fixture {
    struct http_server *server;
    struct inbox *inbox;
    struct webhooks *webhooks;
    struct config *config;
    pthread_t engine;
    bool has_engine;
    struct answer said;   /* by the engine, to what has a ticket */
    size_t message_count; /* inputs without one: answers by message */
    uint64_t message_incident;
    char last[256]; /* of the last input: what it is */
};

static struct fixture fixture;
static struct client_answer answer;

static void note_input(const struct input *input)
{
    if (input->kind == INPUT_RECEIPT)
        (void)snprintf(fixture.last, sizeof(fixture.last), "receipt %llu %s %s %s%s%s",
                       (unsigned long long)input->u.receipt.notification, input->u.receipt.channel,
                       input->u.receipt.provider_id, input->u.receipt.delivered ? "delivered" : "",
                       input->u.receipt.is_underway ? "underway" : "", input->u.receipt.reason);
    else
        (void)snprintf(fixture.last, sizeof(fixture.last), "reply %s %s %s %s %zu '%s' %s",
                       input->u.reply.from, input->u.reply.via, input->u.reply.address_or_null,
                       input->u.reply.message_id_or_null, input->u.reply.command_count,
                       input->u.reply.raw, input->credential);
}

static void *run_engine(void *self)
{
    struct inbox *inbox = self;
    struct input *inputs[BATCH];
    size_t count;
    while ((count = inbox_take(inbox, inputs, BATCH, -1)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (inputs[i]->ticket != NULL) {
                note_input(inputs[i]);
                inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index,
                                            &fixture.said);
            } else {
                fixture.message_count++;
                fixture.message_incident = inputs[i]->u.reply.incident;
                assert_int_equal(inputs[i]->u.reply.commands[0].verb, VERB_STATUS);
                assert_string_equal(inputs[i]->u.reply.from, "ann");
            }
            inputs[i]->release(inputs[i]);
        }
    }
    return NULL;
}

static int set_up_with(int64_t late_ms, int64_t rate)
{
    const struct http_server_options server = {.connections_max = 100,
                                               .connections_per_ip_max = 100,
                                               .body_bytes_max = 1000000,
                                               .header_timeout_ms = 20000,
                                               .body_timeout_ms = 20000};
    struct err err = {0};
    fixture = (struct fixture){.said = {.status = ANSWER_DONE, .text = "done", .incident = 7}};
    fixture.config = load();
    assert_int_equal(inbox_create(CAPACITY, &fixture.inbox, &err), 0);
    const struct webhooks_options webhooks = {.config = fixture.config,
                                              .inbox = fixture.inbox,
                                              .late_ms = late_ms,
                                              .rate = rate,
                                              .burst = 3};
    assert_int_equal(webhooks_create(&webhooks, &fixture.webhooks, &err), 0);
    assert_int_equal(http_server_create(&server, &fixture.server, &err), 0);
    assert_int_equal(webhooks_register(fixture.webhooks, fixture.server, &err), 0);
    assert_int_equal(http_server_listen_tcp(fixture.server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(fixture.server, &err), 0);
    assert_int_equal(pthread_create(&fixture.engine, NULL, run_engine, fixture.inbox), 0);
    fixture.has_engine = true;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(0, 1000000);
}

static int set_up_always_late(void **state)
{
    (void)state;
    return set_up_with(-1000, 1000000);
}

static int set_up_slow(void **state)
{
    (void)state;
    return set_up_with(0, 1);
}

static void stop_engine(void)
{
    inbox_stop(fixture.inbox);
    if (fixture.has_engine)
        assert_int_equal(pthread_join(fixture.engine, NULL), 0);
    fixture.has_engine = false;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(fixture.server, 0);
    stop_engine();
    http_server_destroy(fixture.server);
    inbox_destroy(fixture.inbox);
    webhooks_destroy(fixture.webhooks);
    config_release(fixture.config);
    metrics_clear();
    return 0;
}

static void sign(const char *target, const char *sorted, struct strbuf *out)
{
    unsigned char mac[DIGEST_SHA1_BYTES];
    struct strbuf covered;
    strbuf_init(&covered, 4096);
    strbuf_printf(&covered, HOST "%s%s", target, sorted);
    digest_hmac_sha1("secret", 6, strbuf_text(&covered), covered.length, mac);
    digest_base64(mac, sizeof(mac), out);
    strbuf_clear(&covered);
}

/* `sorted`: names and values as they are signed. */
static void post(const char *target, const char *body, const char *sorted)
{
    struct strbuf request;
    struct strbuf signature;
    strbuf_init(&request, 8192);
    strbuf_init(&signature, 64);
    sign(target, sorted, &signature);
    strbuf_printf(
        &request,
        "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "X-Twilio-Signature: %s\r\nContent-Length: %zu\r\n\r\n%s",
        target, strbuf_text(&signature), strlen(body), body);
    client_ask(http_server_port(fixture.server), strbuf_text(&request), &answer);
    strbuf_clear(&request);
    strbuf_clear(&signature);
}

static void post_ack(void)
{
    post("/reply/sms", "MessageSid=SM1&From=%2B12025550143&Body=ack",
         "Bodyack"
         "From+12025550143"
         "MessageSidSM1");
}

static void test_what_the_provider_hears(void **state)
{
    static const struct {
        enum answer_status status;
        const char *text;
        int want;
        const char *body;
    } cases[] = {
        {ANSWER_DONE, "#7 is yours.", 200, "<Message>#7 is yours.</Message>"},
        {ANSWER_DONE, "", 200, "<Response></Response>"},
        {ANSWER_REFUSED, "no <b>", 200, "<Message>no &lt;b&gt;</Message>"},
        {ANSWER_UNKNOWN, "Which one?", 200, "<Message>Which one?</Message>"},
        {ANSWER_RECORDED, "Recorded.", 200, "<Message>Recorded.</Message>"},
        {ANSWER_BUSY, "try again", 503, "not stored"},
        {ANSWER_FULL, "the disk is full", 503, "not stored"},
        {ANSWER_OVERLIMIT, "", 503, "not stored"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture.said =
            (struct answer){.status = cases[i].status, .text = cases[i].text, .incident = 7};
        post_ack();
        assert_int_equal(answer.status, cases[i].want);
        assert_non_null(strstr(answer.body, cases[i].body));
        assert_string_equal(fixture.last,
                            "reply ann sms +12025550143 SM1 1 'ack' twilio +12025550143");
    }
    assert_int_equal(fixture.message_count, 0);
}

static void test_a_late_answer_comes_as_a_message(void **state)
{
    (void)state;
    post_ack();
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "<Response></Response>"));
    fixture.said.incident = 0; /* about no incident: nothing to tell by message */
    post_ack();
    assert_non_null(strstr(answer.body, "<Message>done</Message>"));
    stop_engine();
    assert_int_equal(fixture.message_count, 1);
    assert_int_equal(fixture.message_incident, 7);
}

static void test_receipts(void **state)
{
    (void)state;
    post("/receipt/sms?n=5", "MessageSid=SM1&MessageStatus=delivered",
         "MessageSidSM1"
         "MessageStatusdelivered");
    assert_int_equal(answer.status, 204);
    assert_string_equal(fixture.last, "receipt 5 sms SM1 delivered");
    post("/receipt/sms", "MessageSid=SM1&MessageStatus=sent",
         "MessageSidSM1"
         "MessageStatussent");
    assert_string_equal(fixture.last, "receipt 0 sms SM1 underway");
    post("/receipt/sms?n=5", "MessageSid=SM1&MessageStatus=failed&ErrorCode=30008",
         "ErrorCode30008"
         "MessageSidSM1"
         "MessageStatusfailed");
    assert_string_equal(fixture.last, "receipt 5 sms SM1 twilio-30008 (failed)");
    fixture.said.status = ANSWER_UNKNOWN;
    post("/receipt/sms?n=5", "MessageSid=SM1&MessageStatus=delivered",
         "MessageSidSM1"
         "MessageStatusdelivered");
    assert_int_equal(answer.status, 204);
    fixture.said.status = ANSWER_BUSY;
    post("/receipt/sms?n=5", "MessageSid=SM1&MessageStatus=delivered",
         "MessageSidSM1"
         "MessageStatusdelivered");
    assert_int_equal(answer.status, 503);
}

static void test_nothing_is_taken_in_when_the_inbox_is_shut(void **state)
{
    (void)state;
    inbox_close_door(fixture.inbox);
    post_ack();
    assert_int_equal(answer.status, 503);
    inbox_open_door(fixture.inbox);
    post_ack();
    assert_int_equal(answer.status, 200);
    fixture.last[0] = '\0';
    post("/reply/chat", "MessageSid=SM1&From=%2B12025550143&Body=ack",
         "Bodyack"
         "From+12025550143"
         "MessageSidSM1");
    assert_int_equal(answer.status, 404);
    assert_string_equal(fixture.last, "");
}

static void test_a_channel_has_its_rate(void **state)
{
    int asked = 0;
    (void)state;
    do {
        post_ack();
        asked++;
    } while (answer.status == 200 && asked < 100);
    assert_int_equal(answer.status, 429);
    assert_true(asked > 3);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_the_provider_hears),
        cmocka_unit_test_setup_teardown(test_a_late_answer_comes_as_a_message, set_up_always_late,
                                        tear_down),
        CASE(test_receipts),
        CASE(test_nothing_is_taken_in_when_the_inbox_is_shut),
        cmocka_unit_test_setup_teardown(test_a_channel_has_its_rate, set_up_slow, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/channel_host.h"
#include "tests/support/fake_http.h"

#define WAIT_MS 20000
#define TOKEN "token-0123456789"

static struct fake_http *fake;

static int start_fake(void **state)
{
    (void)state;
    fake = fake_http_start();
    return 0;
}

static int stop_fake(void **state)
{
    (void)state;
    fake_http_stop(fake);
    return 0;
}

static struct channel_message message_to(const char *address, int64_t deadline_ms)
{
    static const char body[] = "CRITICAL #142: Größe";
    return (struct channel_message){
        .size = sizeof(struct channel_message),
        .notification = 12,
        .attempt = 1,
        .deadline_mono_ms = host_mono_ms() + deadline_ms,
        .key = "142_1_tech-lead_ann_sms_0",
        .kind = "page",
        .severity = "critical",
        .incident = 142,
        .contact = "ann",
        .address = address,
        .subject = "#142",
        .content_type = "text/plain; charset=utf-8",
        .body = body,
        .body_count = sizeof body - 1,
        .useful_ms = 60000,
    };
}

static struct channel_host_fake *open_at(const char *path)
{
    char url[256];
    char why[256] = "";
    const char *options[] = {
        "account", "AC1",       "token",    TOKEN,
        "from",    "+15550111", "base_url", fake_http_url(fake, path, url, sizeof url),
        NULL};
    struct channel_host_fake *host =
        host_open(plugin_ops(PLUGIN), "sms", "/", options, why, sizeof why);
    if (host == NULL) {
        fail_msg("%s", why);
    }
    return host;
}

struct peer_case {
    const char *path;
    int64_t deadline_ms;
    enum channel_outcome want;
    const char *reason;
};

/* What the network and strangers do; what the provider says is in test_sms_twilio.c. */
static const struct peer_case peer_cases[] = {
    {.path = "/status/201", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "http-201"},
    {.path = "/status/200", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "http-200"},
    {.path = "/status/429", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "http-429"},
    {.path = "/status/503", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "http-503"},
    {.path = "/status/401",
     .deadline_ms = 15000,
     .want = CHANNEL_REJECTED,
     .reason = "config-http-401"},
    {.path = "/status/400", .deadline_ms = 15000, .want = CHANNEL_REJECTED, .reason = "http-400"},
    {.path = "/reset", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "network"},
    {.path = "/garbage", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "network"},
    {.path = "/hang", .deadline_ms = 300, .want = CHANNEL_UNKNOWN, .reason = "timeout"},
    {.path = "/drip", .deadline_ms = 300, .want = CHANNEL_UNKNOWN, .reason = "http-200"},
    {.path = "/huge", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "http-200"},
    {.path = "/status/201", .deadline_ms = 0, .want = CHANNEL_RETRY, .reason = "timeout"},
};

static void test_peers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peer_cases / sizeof peer_cases[0]; i++) {
        const struct peer_case *want = &peer_cases[i];
        struct channel_host_fake *host = open_at(want->path);
        struct channel_message message = message_to("+15550100", want->deadline_ms);
        assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
        struct host_result got = host_wait(host, 0, WAIT_MS);
        if (got.count != 1 || got.outcome != want->want || strcmp(got.reason, want->reason) != 0) {
            fail_msg("%s: got %d times outcome %d, %s (%s)", want->path, got.count, got.outcome,
                     got.reason, got.detail);
        }
        assert_null(strstr(got.detail, TOKEN));
        host_close(host);
    }
}

static void test_request(void **state)
{
    (void)state;
    char value[512];
    struct channel_host_fake *host = open_at("/status/201/");
    struct channel_message message = message_to("+15550100", 15000);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    const struct fake_request *request = fake_http_wait(fake, 0, WAIT_MS);
    assert_non_null(request);
    static const char line[] = "POST /status/201/2010-04-01/Accounts/AC1/Messages.json HTTP/1.1";
    assert_memory_equal(request->head, line, sizeof line - 1);
    assert_string_equal(fake_header(request, "Content-Type", value, sizeof value),
                        "application/x-www-form-urlencoded");
    assert_string_equal(fake_header(request, "Authorization", value, sizeof value),
                        "Basic QUMxOnRva2VuLTAxMjM0NTY3ODk=");
    static const char want[] = "To=%2B15550100&From=%2B15550111&Body=CRITICAL%20%23142%3A%20Gr%C3%"
                               "B6%C3%9Fe&ValidityPeriod=60";
    assert_int_equal(request->body_count, sizeof want - 1);
    assert_memory_equal(request->body, want, sizeof want - 1);
    assert_int_equal(host_wait(host, 0, WAIT_MS).count, 1);
    /* A daemon of before does not say how long a message is of use. */
    message.size = offsetof(struct channel_message, useful_ms);
    assert_int_equal(host_send(host, 1, &message), CHANNEL_TAKEN);
    request = fake_http_wait(fake, 1, WAIT_MS);
    assert_non_null(request);
    assert_null(strstr(request->body, "Validity"));
    assert_int_equal(host_wait(host, 1, WAIT_MS).count, 1);
    host_close(host);
}

static void test_all_share_one_destination(void **state)
{
    (void)state;
    char a[128];
    char b[128];
    struct channel_host_fake *host = open_at("/ok");
    const struct channel_ops *ops = plugin_ops(PLUGIN);
    ops->destination(host_self(host), "+15550100", a, sizeof a);
    ops->destination(host_self(host), "+15550101", b, sizeof b);
    assert_string_equal(a, b);
    assert_memory_equal(a, "127.0.0.1:", 10);
    host_close(host);
}

struct message_case {
    const char *address;
    const char *body;
    size_t body_count;
    const char *reason;
};

static const struct message_case message_cases[] = {
    {.address = "", .body = "x", .body_count = 1, .reason = "no-number"},
    {.address = "ann@example.com", .body = "x", .body_count = 1, .reason = "no-number"},
    {.address = "+15550100&To=+1", .body = "x", .body_count = 1, .reason = "no-number"},
    {.address = "15550100", .body = "x", .body_count = 1, .reason = "no-number"},
    {.address = "+05550100", .body = "x", .body_count = 1, .reason = "no-number"},
    {.address = "+1234567890123456", .body = "x", .body_count = 1, .reason = "no-number"},
    {.address = "+15550100", .body = "", .body_count = 0, .reason = "bad-body"},
    {.address = "+15550100", .body = "a\0b", .body_count = 3, .reason = "bad-body"},
};

static void test_what_is_never_sent(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_at("/ok");
    for (size_t i = 0; i < sizeof message_cases / sizeof message_cases[0]; i++) {
        const struct message_case *one = &message_cases[i];
        struct channel_message message = message_to(one->address, 15000);
        message.body = one->body;
        message.body_count = one->body_count;
        assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
        struct host_result got = host_wait(host, 0, WAIT_MS);
        if (got.outcome != CHANNEL_REJECTED || strcmp(got.reason, one->reason) != 0) {
            fail_msg("case %zu: got outcome %d, %s", i, got.outcome, got.reason);
        }
    }
    assert_int_equal(fake_http_count(fake, "/"), 0);
    host_close(host);
}

struct option_case {
    const char *key, *value;
    const char *want; /* how the sentence begins */
};

static const struct option_case option_cases[] = {
    {.key = "provider", .value = "acme", .want = "provider: got 'acme', want twilio"},
    {.key = "base_url", .value = "api.example.com", .want = "base_url: got"},
    {.key = "base_url", .value = "https://api.example.com/?x", .want = "base_url: got"},
    {.key = "account", .value = "0123", .want = "account: got"},
    {.key = "from", .value = "", .want = "from: want one of"},
    {.key = "ca_file", .value = "/nowhere", .want = "ca_file: "},
};

static void test_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof option_cases / sizeof option_cases[0]; i++) {
        const struct option_case *one = &option_cases[i];
        const char *options[] = {"account",   "AC1",    "token",    TOKEN, "from",
                                 "+15550111", one->key, one->value, NULL};
        char why[256] = "";
        struct channel_host_fake *host =
            host_open(plugin_ops(PLUGIN), "sms", "/", options, why, sizeof why);
        if (host != NULL || strncmp(why, one->want, strlen(one->want)) != 0) {
            fail_msg("%s = %s: got '%s'", one->key, one->value, why);
        }
    }
}

/* A stop answers what is under way: it may have arrived. */
static void test_destroy(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_at("/hang");
    struct channel_message message = message_to("+15550100", 15000);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    assert_non_null(fake_http_wait(fake, 0, WAIT_MS));
    host_destroy_instance(host);
    struct host_result got = host_wait(host, 0, WAIT_MS);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.outcome, CHANNEL_UNKNOWN);
    host_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_peers, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_request, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_all_share_one_destination, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_what_is_never_sent, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_options, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_destroy, start_fake, stop_fake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

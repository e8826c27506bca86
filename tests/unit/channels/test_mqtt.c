#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/channel_host.h"
#include "tests/support/cut_proxy.h"
#include "tests/support/fake_broker.h"

#define WAIT_MS 20000
#define BODY "{\"type\":\"incident.page\"}"
#define OPTIONS_MAX 20

static struct channel_message message_to(const char *address, int64_t deadline_ms)
{
    return (struct channel_message){
        .size = sizeof(struct channel_message),
        .notification = 12,
        .attempt = 1,
        .deadline_mono_ms = host_mono_ms() + deadline_ms,
        .key = "142_1_tech-lead_ann_mqtt_0",
        .kind = "page",
        .severity = "critical",
        .incident = 142,
        .contact = "ann",
        .address = address,
        .subject = "#142",
        .content_type = "application/json",
        .body = BODY,
        .body_count = sizeof BODY - 1,
    };
}

/* Defaults that a whole set of "key", "value" pairs needs. */
static struct channel_host_fake *open_with(const char *url, const char *const *more)
{
    char why[256] = "";
    const char *options[OPTIONS_MAX] = {"url", url, "expire", "0", "keepalive", "30000"};
    for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
        assert_true(i + 7 < OPTIONS_MAX);
        options[6 + i] = more[i];
    }
    struct channel_host_fake *host =
        host_open(plugin_ops(PLUGIN), "mqtt", "/", options, why, sizeof why);
    if (host == NULL) {
        fail_msg("%s", why);
    }
    return host;
}

static const char *url_of(int port, char url[64])
{
    (void)snprintf(url, 64, "mqtt://127.0.0.1:%d", port);
    return url;
}

static const char *broker_url(const char *variable)
{
    const char *url = getenv(variable);
    if (url == NULL) {
        fail_msg("%s is not set; tests/support/mosquitto.py runs this test", variable);
    }
    return url;
}

static struct host_result send_one(struct channel_host_fake *host, const char *topic,
                                   int64_t deadline_ms)
{
    struct channel_message message = message_to(topic, deadline_ms);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    return host_wait(host, 0, WAIT_MS);
}

static void expect(const char *what, struct host_result got, enum channel_outcome want,
                   const char *reason)
{
    if (got.count != 1 || got.outcome != want || strcmp(got.reason, reason) != 0) {
        fail_msg("%s: got %d times outcome %d, %s (%s); want outcome %d, %s", what, got.count,
                 got.outcome, got.reason, got.detail, want, reason);
    }
}

/* --- a broker that answers as told --- */

struct answer_case {
    const char *topic;
    int64_t deadline_ms;
    enum channel_outcome want;
    const char *reason;
};

static const struct answer_case answer_cases[] = {
    {.topic = "ok", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "mqtt-0"},
    {.topic = "drip", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "mqtt-0"},
    {.topic = "code/16", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "no-subscribers"},
    {.topic = "code/128", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "mqtt-128"},
    {.topic = "code/131", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "mqtt-131"},
    {.topic = "code/135", .deadline_ms = 15000, .want = CHANNEL_REJECTED, .reason = "mqtt-135"},
    {.topic = "code/144", .deadline_ms = 15000, .want = CHANNEL_REJECTED, .reason = "mqtt-144"},
    {.topic = "code/145", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "mqtt-145"},
    {.topic = "code/151", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "mqtt-151"},
    {.topic = "code/153", .deadline_ms = 15000, .want = CHANNEL_REJECTED, .reason = "mqtt-153"},
    {.topic = "silent", .deadline_ms = 300, .want = CHANNEL_UNKNOWN, .reason = "timeout"},
    {.topic = "close", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "network"},
    {.topic = "end/139", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "network"},
    {.topic = "ok", .deadline_ms = 0, .want = CHANNEL_RETRY, .reason = "timeout"},
    {.topic = "ok", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "mqtt-0"},
};

static void test_answers(void **state)
{
    (void)state;
    char url[64];
    int written = 0;
    struct fake_broker *broker =
        fake_broker_start(&(const struct fake_broker_options){.connack_code = 0});
    struct channel_host_fake *host = open_with(url_of(fake_broker_port(broker), url), NULL);
    for (size_t i = 0; i < sizeof answer_cases / sizeof answer_cases[0]; i++) {
        const struct answer_case *want = &answer_cases[i];
        expect(want->topic, send_one(host, want->topic, want->deadline_ms), want->want,
               want->reason);
        written += want->deadline_ms > 0 ? 1 : 0;
        /* Nothing is written twice, nor when its time is over. */
        assert_int_equal(fake_broker_publish_count(broker), written);
    }
    host_close(host);
    fake_broker_stop(broker);
}

static void test_what_is_sent(void **state)
{
    (void)state;
    static const char *const more[] = {
        "topic", "ops/{contact}/page", "reply_topic", "e/reply", "retain", "yes", "expire", "90000",
        NULL};
    char url[64];
    struct fake_broker *broker =
        fake_broker_start(&(const struct fake_broker_options){.connack_code = 0});
    struct channel_host_fake *host = open_with(url_of(fake_broker_port(broker), url), more);
    expect("default", send_one(host, "default", 15000), CHANNEL_SENT, "mqtt-0");
    struct fake_publish got = fake_broker_last(broker);
    assert_string_equal(got.topic, "ops/ann/page");
    assert_string_equal(got.payload, BODY);
    assert_int_equal(got.qos, 1);
    assert_true(got.retain);
    assert_false(got.dup);
    assert_non_null(strstr(got.properties, "application/json"));
    assert_non_null(strstr(got.properties, "e/reply"));
    assert_non_null(strstr(got.properties, "142_1_tech-lead_ann_mqtt_0"));
    assert_non_null(strstr(got.properties, "\x02...Z")); /* expires after 90 s */
    expect("no address", send_one(host, "", 15000), CHANNEL_SENT, "mqtt-0");
    assert_string_equal(fake_broker_last(broker).topic, "ops/ann/page");
    /* A message that is kept for who comes later needs nobody now. */
    expect("kept", send_one(host, "code/16", 15000), CHANNEL_SENT, "no-subscribers");
    assert_int_equal(fake_broker_connection_count(broker), 1);
    host_close(host);
    fake_broker_stop(broker);
}

static void test_refused_connections(void **state)
{
    (void)state;
    static const char *const more[] = {"connect_timeout", "200", NULL};
    char url[64];
    struct fake_broker *strict =
        fake_broker_start(&(const struct fake_broker_options){.connack_code = 0x87});
    struct fake_broker *mute =
        fake_broker_start(&(const struct fake_broker_options){.is_mute = true});
    struct channel_host_fake *host = open_with(url_of(fake_broker_port(strict), url), NULL);
    struct host_result got = send_one(host, "ok", 15000);
    expect("refused", got, CHANNEL_RETRY, "refused");
    assert_non_null(strstr(got.detail, "Not authorized"));
    host_close(host);
    host = open_with(url_of(fake_broker_port(mute), url), more);
    expect("mute", send_one(host, "ok", 15000), CHANNEL_RETRY, "timeout");
    expect("mute, deadline", send_one(host, "ok", 100), CHANNEL_RETRY, "timeout");
    host_close(host);
    fake_broker_stop(mute);
    int port = fake_broker_port(strict);
    fake_broker_stop(strict);
    host = open_with(url_of(port, url), NULL);
    expect("nobody listens", send_one(host, "ok", 15000), CHANNEL_RETRY, "network");
    host_close(host);
}

/* The broker's own limit on what may be unacknowledged holds, and all the rest still goes out. */
static void test_receive_maximum(void **state)
{
    (void)state;
    char url[64];
    struct channel_message message = message_to("batch", 15000);
    struct fake_broker *broker =
        fake_broker_start(&(const struct fake_broker_options){.receive_maximum = 3});
    struct channel_host_fake *host = open_with(url_of(fake_broker_port(broker), url), NULL);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(host_send(host, i, &message), CHANNEL_TAKEN);
    }
    for (size_t i = 0; i < 10; i++) {
        expect("batch", host_wait(host, i, WAIT_MS), CHANNEL_SENT, "mqtt-0");
    }
    assert_int_equal(fake_broker_unacknowledged_max(broker), 3);
    host_close(host);
    fake_broker_stop(broker);
}

static void test_busy_and_stopped(void **state)
{
    (void)state;
    char url[64];
    struct channel_message message = message_to("silent", 60000);
    struct fake_broker *broker =
        fake_broker_start(&(const struct fake_broker_options){.receive_maximum = 5});
    struct channel_host_fake *host = open_with(url_of(fake_broker_port(broker), url), NULL);
    size_t most = plugin_ops(PLUGIN)->in_flight_max;
    int64_t end_ms = host_mono_ms() + WAIT_MS;
    assert_true(most < HOST_TICKETS_MAX);
    for (size_t i = 0; i < most; i++) {
        assert_int_equal(host_send(host, i, &message), CHANNEL_TAKEN);
    }
    assert_int_equal(host_send(host, most, &message), CHANNEL_BUSY);
    while (fake_broker_publish_count(broker) < 5) {
        assert_true(host_mono_ms() < end_ms);
    }
    host_destroy_instance(host);
    size_t unknown = 0;
    for (size_t i = 0; i < most; i++) {
        struct host_result got = host_wait(host, i, 0);
        unknown += got.outcome == CHANNEL_UNKNOWN ? 1 : 0;
        expect("stopped", got, got.outcome == CHANNEL_UNKNOWN ? CHANNEL_UNKNOWN : CHANNEL_RETRY,
               "stopped");
    }
    assert_int_equal(unknown, 5); /* what was written may have arrived */
    host_close(host);
    fake_broker_stop(broker);
}

/* --- a real one --- */

static void test_every_quality(void **state)
{
    (void)state;
    static const char *const qualities[] = {"0", "1", "2"};
    static const char *const versions[] = {"3.1.1", "5"};
    for (size_t q = 0; q < 3; q++) {
        for (size_t v = 0; v < 2; v++) {
            const char *more[] = {"qos",    qualities[q], "version", versions[v],
                                  "retain", "yes",        NULL};
            struct channel_host_fake *host = open_with(broker_url("ESCALATED_TEST_MQTT"), more);
            struct channel_message message = message_to("default", 15000);
            for (size_t i = 0; i < 60; i++) {
                assert_int_equal(host_send(host, i, &message), CHANNEL_TAKEN);
            }
            for (size_t i = 0; i < 60; i++) {
                struct host_result got = host_wait(host, i, WAIT_MS);
                assert_int_equal(got.count, 1);
                assert_int_equal(got.outcome, CHANNEL_SENT);
            }
            host_close(host);
        }
    }
}

static void test_nobody_subscribes(void **state)
{
    (void)state;
    static const char *const anybody[] = {"require_subscriber", "no", NULL};
    static const char *const old[] = {"version", "3.1.1", NULL};
    const char *url = broker_url("ESCALATED_TEST_MQTT");
    struct channel_host_fake *host = open_with(url, NULL);
    expect("required", send_one(host, "nobody", 15000), CHANNEL_RETRY, "no-subscribers");
    host_close(host);
    host = open_with(url, anybody);
    expect("not required", send_one(host, "nobody", 15000), CHANNEL_SENT, "no-subscribers");
    host_close(host);
    host = open_with(url, old);
    expect("3.1.1 cannot tell", send_one(host, "nobody", 15000), CHANNEL_SENT, "mqtt-0");
    host_close(host);
}

static void test_login(void **state)
{
    (void)state;
    static const char *const right[] = {"username", "escalated", "password", "right",
                                        "retain",   "yes",       NULL};
    static const char *const wrong[] = {"username", "escalated", "password", "wrong", NULL};
    static const char *const old[] = {"username", "escalated", "password", "wrong",
                                      "version",  "3.1.1",     NULL};
    const char *url = broker_url("ESCALATED_TEST_MQTT_PASSWORD");
    const struct {
        const char *const *options;
        enum channel_outcome want;
        const char *reason;
    } cases[] = {{.options = right, .want = CHANNEL_SENT, .reason = "no-subscribers"},
                 {.options = wrong, .want = CHANNEL_RETRY, .reason = "refused"},
                 {.options = old, .want = CHANNEL_RETRY, .reason = "refused"},
                 {.options = NULL, .want = CHANNEL_RETRY, .reason = "refused"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_host_fake *host = open_with(url, cases[i].options);
        struct host_result got = send_one(host, "login", 15000);
        expect("login", got, cases[i].want, cases[i].reason);
        assert_null(strstr(got.detail, "wrong")); /* no secret in a reason */
        host_close(host);
    }
}

static void test_tls(void **state)
{
    (void)state;
    const char *trusted[] = {"ca_file", broker_url("ESCALATED_TEST_MQTT_CA"), "retain", "yes",
                             NULL};
    const char *url = broker_url("ESCALATED_TEST_MQTT_TLS");
    char plain[64];
    (void)snprintf(plain, sizeof plain, "mqtt://%s", strstr(url, "://") + 3);
    struct channel_host_fake *host = open_with(url, trusted);
    for (int i = 0; i < 20; i++) {
        expect("tls", send_one(host, "tls", 15000), CHANNEL_SENT, "no-subscribers");
    }
    host_close(host);
    host = open_with(url, NULL);
    struct host_result got = send_one(host, "tls", 15000);
    expect("an authority nobody trusts", got, CHANNEL_RETRY, "tls");
    assert_non_null(strstr(got.detail, "certificate"));
    host_close(host);
    host = open_with(plain, NULL);
    expect("plain to TLS", send_one(host, "tls", 15000), CHANNEL_RETRY, "network");
    host_close(host);
    (void)snprintf(plain, sizeof plain, "mqtts://%s",
                   strstr(broker_url("ESCALATED_TEST_MQTT"), "://") + 3);
    host = open_with(plain, trusted);
    got = send_one(host, "tls", 15000);
    assert_int_equal(got.outcome, CHANNEL_RETRY);
    host_close(host);
}

struct cut_case {
    const char *what;
    enum cut cut;
    int64_t deadline_ms;
    enum channel_outcome want;
    const char *reason;
};

static const struct cut_case cut_cases[] = {
    {.what = "before",
     .cut = CUT_BEFORE,
     .deadline_ms = 15000,
     .want = CHANNEL_UNKNOWN,
     .reason = "network"},
    {.what = "after",
     .cut = CUT_AFTER,
     .deadline_ms = 15000,
     .want = CHANNEL_UNKNOWN,
     .reason = "network"},
    {.what = "stall",
     .cut = CUT_STALL,
     .deadline_ms = 500,
     .want = CHANNEL_UNKNOWN,
     .reason = "timeout"},
};

/* Cut while the message is under way, at any point: it may have arrived, and the next one goes its way. */
static void test_cuts(void **state)
{
    (void)state;
    static const char *const more[] = {"require_subscriber", "no", NULL};
    char url[64];
    const char *real = broker_url("ESCALATED_TEST_MQTT");
    struct cut_proxy *proxy = cut_proxy_start((int)strtol(strrchr(real, ':') + 1, NULL, 10));
    struct channel_host_fake *host = open_with(url_of(cut_proxy_port(proxy), url), more);
    for (size_t i = 0; i < sizeof cut_cases / sizeof cut_cases[0]; i++) {
        const struct cut_case *want = &cut_cases[i];
        assert_int_equal(send_one(host, "cut/fine", 15000).outcome, CHANNEL_SENT);
        cut_proxy_at(proxy, want->cut, "cut/word", 0, false);
        expect(want->what, send_one(host, "cut/word", want->deadline_ms), want->want, want->reason);
        cut_proxy_allow(proxy);
    }
    assert_int_equal(send_one(host, "cut/fine", 15000).outcome, CHANNEL_SENT);
    host_close(host);
    cut_proxy_stop(proxy);
}

/* The connection ends after any number of bytes: each message ends once, and never as something it cannot be. */
static void test_cut_after_any_byte(void **state)
{
    (void)state;
    static const char *const more[] = {"require_subscriber", "no", NULL};
    char url[64];
    const char *real = broker_url("ESCALATED_TEST_MQTT");
    for (size_t bytes = 1; bytes < 260; bytes += 9) {
        struct cut_proxy *proxy = cut_proxy_start((int)strtol(strrchr(real, ':') + 1, NULL, 10));
        cut_proxy_at(proxy, CUT_BYTES, NULL, bytes, false);
        struct channel_host_fake *host = open_with(url_of(cut_proxy_port(proxy), url), more);
        struct host_result got = send_one(host, "cut/bytes", 15000);
        assert_int_equal(got.count, 1);
        assert_int_not_equal(got.outcome, CHANNEL_REJECTED);
        host_close(host);
        cut_proxy_stop(proxy);
    }
}

/* --- words --- */

static void test_bad_topics(void **state)
{
    (void)state;
    static const char *const topics[] = {"a/+/b", "#", "a/#", "$SYS/x", "a\x01/b", "a\nb", "\xff"};
    struct channel_host_fake *host = open_with("mqtt://127.0.0.1:1", NULL);
    char longer[1200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    expect("too long", send_one(host, longer, 5000), CHANNEL_REJECTED, "bad-topic");
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        expect(topics[i], send_one(host, topics[i], 5000), CHANNEL_REJECTED, "bad-topic");
    }
    host_close(host);
}

static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        bool good;
    } cases[] = {
        {.key = "url", .value = "mqtt://broker.example.com", .good = true},
        {.key = "url", .value = "mqtts://broker.example.com:8884", .good = true},
        {.key = "url", .value = "mqtt://[::1]:1883", .good = true},
        {.key = "url", .value = "tcp://broker.example.com"},
        {.key = "url", .value = "mqtt://"},
        {.key = "url", .value = "mqtt://user:word@host"},
        {.key = "url", .value = "mqtt://host:0"},
        {.key = "url", .value = "mqtt://host:65536"},
        {.key = "url", .value = "mqtt://host/topic"},
        {.key = "url", .value = "mqtt://[::1"},
        {.key = "version", .value = "4"},
        {.key = "version", .value = "3.1.1", .good = true},
        {.key = "qos", .value = "3"},
        {.key = "password", .value = "lonely"},
        {.key = "topic", .value = "a/#"},
        {.key = "reply_topic", .value = "a/+"},
        {.key = "ca_file", .value = "/nowhere"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256] = "";
        bool is_url = strcmp(cases[i].key, "url") == 0;
        const char *options[] = {"url",
                                 is_url ? cases[i].value : "mqtt://127.0.0.1:1",
                                 "expire",
                                 "0",
                                 is_url ? "qos" : cases[i].key,
                                 is_url ? "1" : cases[i].value,
                                 NULL};
        struct channel_host_fake *host =
            host_open(plugin_ops(PLUGIN), "mqtt", "/", options, why, sizeof why);
        if ((host != NULL) != cases[i].good || (host == NULL && why[0] == '\0')) {
            fail_msg("%s = %s: %s", cases[i].key, cases[i].value, host != NULL ? "taken" : why);
        }
        assert_null(strstr(why, "lonely"));
        if (host != NULL) {
            host_close(host);
        }
    }
}

static void test_destination(void **state)
{
    (void)state;
    const struct channel_ops *ops = plugin_ops(PLUGIN);
    struct channel_host_fake *host = open_with("mqtts://broker.example.com", NULL);
    char out[64];
    ops->destination(host_self(host), "any/topic", out, sizeof out);
    assert_string_equal(out, "broker.example.com:8883");
    host_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_refused_connections),
        cmocka_unit_test(test_receive_maximum),
        cmocka_unit_test(test_busy_and_stopped),
        cmocka_unit_test(test_every_quality),
        cmocka_unit_test(test_nobody_subscribes),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_cut_after_any_byte),
        cmocka_unit_test(test_bad_topics),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_destination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

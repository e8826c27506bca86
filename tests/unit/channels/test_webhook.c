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
#define SECRET "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
#define OLD_SECRET "whsec_ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A="

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
    static const char body[] = "{\"type\":\"incident.page\"}";
    return (struct channel_message){
        .size = sizeof(struct channel_message),
        .notification = 12,
        .attempt = 1,
        .deadline_mono_ms = host_mono_ms() + deadline_ms,
        .key = "142_1_tech-lead_ann_hook_0",
        .kind = "page",
        .severity = "critical",
        .incident = 142,
        .contact = "ann",
        .address = address,
        .subject = "#142",
        .content_type = "application/json",
        .body = body,
        .body_count = sizeof body - 1,
    };
}

static struct channel_host_fake *open_with(const char *const *options)
{
    char why[256] = "";
    struct channel_host_fake *host =
        host_open(plugin_ops(PLUGIN), "hook", "/", options, why, sizeof why);
    if (host == NULL) {
        fail_msg("%s", why);
    }
    return host;
}

static struct host_result send_one(struct channel_host_fake *host, const char *path,
                                   int64_t deadline_ms)
{
    char url[256];
    struct channel_message message =
        message_to(fake_http_url(fake, path, url, sizeof url), deadline_ms);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    return host_wait(host, 0, WAIT_MS);
}

struct peer_case {
    const char *path;
    int64_t deadline_ms;
    enum channel_outcome want;
    const char *reason;
    int64_t retry_after_ms;
};

static const struct peer_case peer_cases[] = {
    {.path = "/ok", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "http-200"},
    {.path = "/status/204", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "http-204"},
    {.path = "/status/429?after=7",
     .deadline_ms = 15000,
     .want = CHANNEL_RETRY,
     .reason = "http-429",
     .retry_after_ms = 7000},
    {.path = "/status/503", .deadline_ms = 15000, .want = CHANNEL_RETRY, .reason = "http-503"},
    {.path = "/status/503?after=99999",
     .deadline_ms = 15000,
     .want = CHANNEL_RETRY,
     .reason = "http-503",
     .retry_after_ms = 300000},
    {.path = "/status/410", .deadline_ms = 15000, .want = CHANNEL_REJECTED, .reason = "http-410"},
    {.path = "/redirect", .deadline_ms = 15000, .want = CHANNEL_REJECTED, .reason = "http-302"},
    {.path = "/reset", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "network"},
    {.path = "/garbage", .deadline_ms = 15000, .want = CHANNEL_UNKNOWN, .reason = "network"},
    {.path = "/hang", .deadline_ms = 300, .want = CHANNEL_UNKNOWN, .reason = "timeout"},
    {.path = "/drip", .deadline_ms = 300, .want = CHANNEL_SENT, .reason = "http-200"},
    {.path = "/huge", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "http-200"},
    {.path = "/headers", .deadline_ms = 15000, .want = CHANNEL_SENT, .reason = "http-200"},
    {.path = "/ok", .deadline_ms = 0, .want = CHANNEL_RETRY, .reason = "timeout"},
};

static void test_peers(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_with(NULL);
    for (size_t i = 0; i < sizeof peer_cases / sizeof peer_cases[0]; i++) {
        const struct peer_case *want = &peer_cases[i];
        struct host_result got = send_one(host, want->path, want->deadline_ms);
        if (got.count != 1 || got.outcome != want->want || strcmp(got.reason, want->reason) != 0 ||
            got.retry_after_ms != want->retry_after_ms) {
            fail_msg("%s: got %d times outcome %d, %s, retry after %lld (%s)", want->path,
                     got.count, got.outcome, got.reason, (long long)got.retry_after_ms, got.detail);
        }
    }
    /* Nobody followed the redirect; the message whose time was over was not sent. */
    assert_int_equal(fake_http_count(fake, "/ok"), 1);
    host_close(host);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_with(NULL);
    char url[64];
    struct fake_http *gone = fake_http_start();
    (void)fake_http_url(gone, "/ok", url, sizeof url);
    fake_http_stop(gone);
    struct channel_message message = message_to(url, 5000);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    struct host_result got = host_wait(host, 0, WAIT_MS);
    assert_int_equal(got.outcome, CHANNEL_RETRY);
    assert_string_equal(got.reason, "network");
    host_close(host);
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const options[] = {"secret",       SECRET,        "secret_old",
                                          OLD_SECRET,     "header_name", "Authorization",
                                          "header_value", "Bearer abc",  NULL};
    char value[512];
    struct channel_host_fake *host = open_with(options);
    assert_int_equal(send_one(host, "/ok", 5000).outcome, CHANNEL_SENT);
    const struct fake_request *request = fake_http_wait(fake, 0, WAIT_MS);
    assert_non_null(request);
    assert_string_equal(request->body, "{\"type\":\"incident.page\"}");
    assert_string_equal(fake_header(request, "webhook-id", value, sizeof value),
                        "142_1_tech-lead_ann_hook_0");
    assert_string_equal(fake_header(request, "Content-Type", value, sizeof value),
                        "application/json");
    assert_string_equal(fake_header(request, "Authorization", value, sizeof value), "Bearer abc");
    assert_string_equal(fake_header(request, "Expect", value, sizeof value), "");
    assert_true(strtoll(fake_header(request, "webhook-timestamp", value, sizeof value), NULL, 10) >
                1700000000);
    (void)fake_header(request, "webhook-signature", value, sizeof value);
    assert_memory_equal(value, "v1,", 3);
    assert_non_null(strstr(value, "= v1,"));
    host_close(host);
}

static void test_url_of_the_section(void **state)
{
    (void)state;
    char url[256];
    const char *options[] = {"url", fake_http_url(fake, "/ok", url, sizeof url), NULL};
    struct channel_host_fake *host = open_with(options);
    struct channel_message message = message_to("", 5000);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    assert_int_equal(host_wait(host, 0, WAIT_MS).outcome, CHANNEL_SENT);
    host_close(host);
}

static void test_connections_are_kept(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_with(NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_one(host, "/ok", 5000).outcome, CHANNEL_SENT);
    }
    assert_int_equal(fake_http_count(fake, "/ok"), 5);
    assert_int_equal(fake_http_connection_count(fake), 1);
    host_close(host);
}

/* The second request dies with its kept connection after it was written: it must be told, not sent
 * again. */
static void test_no_silent_second_copy(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_with(NULL);
    assert_int_equal(send_one(host, "/once", 5000).outcome, CHANNEL_SENT);
    struct host_result got = send_one(host, "/once", 5000);
    assert_int_equal(got.outcome, CHANNEL_UNKNOWN);
    assert_int_equal(fake_http_count(fake, "/once"), 2);
    host_close(host);
}

static void test_private_address_is_refused(void **state)
{
    (void)state;
    static const char *const options[] = {"allow_private", "no", NULL};
    static const char *const hosts[] = {
        "127.0.0.1", "localhost", "[::1]", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"};
    struct channel_host_fake *host = open_with(options);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char url[128];
        (void)snprintf(url, sizeof url, "http://%s:%d/ok", hosts[i], fake_http_port(fake));
        struct channel_message message = message_to(url, 5000);
        assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
        struct host_result got = host_wait(host, 0, WAIT_MS);
        if (got.outcome != CHANNEL_REJECTED || strcmp(got.reason, "address-refused") != 0) {
            fail_msg("%s: got outcome %d, %s (%s)", url, got.outcome, got.reason, got.detail);
        }
    }
    assert_int_equal(fake_http_connection_count(fake), 0);
    host_close(host);
}

static void test_proxy_of_the_environment_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    struct channel_host_fake *host = open_with(NULL);
    assert_int_equal(send_one(host, "/ok", 5000).outcome, CHANNEL_SENT);
    host_close(host);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

/* What does not start with http:// or https:// is no URL of the contact's, and this section has
 * none. */
static void test_bad_urls(void **state)
{
    (void)state;
    static const char *const addresses[] = {"",
                                            "ftp://example.com/",
                                            "file:///etc/passwd",
                                            "http://",
                                            "http://a b/",
                                            "http://exa\r\nmple/",
                                            "https://:80/",
                                            "gopher://x/"};
    struct channel_host_fake *host = open_with(NULL);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct channel_message message = message_to(addresses[i], 5000);
        assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
        struct host_result got = host_wait(host, 0, WAIT_MS);
        if (got.outcome != CHANNEL_REJECTED) {
            fail_msg("%s: got outcome %d, %s", addresses[i], got.outcome, got.reason);
        }
    }
    host_close(host);
}

static void test_one_slow_peer_delays_nobody(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_with(NULL);
    char url[256];
    struct channel_message slow = message_to(fake_http_url(fake, "/hang", url, sizeof url), 15000);
    for (size_t i = 1; i < 9; i++) {
        assert_int_equal(host_send(host, i, &slow), CHANNEL_TAKEN);
    }
    int64_t begun_ms = host_mono_ms();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(send_one(host, "/ok", 10000).outcome, CHANNEL_SENT);
    }
    assert_true(host_mono_ms() - begun_ms < 5000);
    /* The stop ends the slow ones: they were written, so their fate is not known. */
    host_destroy_instance(host);
    for (size_t i = 1; i < 9; i++) {
        struct host_result got = host_wait(host, i, 0);
        assert_int_equal(got.count, 1);
        assert_int_equal(got.outcome, CHANNEL_UNKNOWN);
        assert_string_equal(got.reason, "stopped");
    }
    host_close(host);
}

static void test_busy_past_the_limit(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_with(NULL);
    char url[256];
    struct channel_message slow = message_to(fake_http_url(fake, "/hang", url, sizeof url), 15000);
    size_t max = plugin_ops(PLUGIN)->in_flight_max;
    assert_true(max < HOST_TICKETS_MAX);
    for (size_t i = 0; i < max; i++) {
        assert_int_equal(host_send(host, i, &slow), CHANNEL_TAKEN);
    }
    assert_int_equal(host_send(host, max, &slow), CHANNEL_BUSY);
    host_destroy_instance(host);
    for (size_t i = 0; i < max; i++) {
        assert_int_equal(host_wait(host, i, 0).count, 1);
    }
    host_close(host);
}

static void test_destinations(void **state)
{
    (void)state;
    static const char *const options[] = {"url", "https://Hooks.Example.com/abc?token=1", NULL};
    const struct channel_ops *ops = plugin_ops(PLUGIN);
    struct channel_host_fake *host = open_with(options);
    char out[64];
    ops->destination(host_self(host), "", out, sizeof out);
    assert_string_equal(out, "hooks.example.com:443");
    ops->destination(host_self(host), "http://10.0.0.1:8080/x", out, sizeof out);
    assert_string_equal(out, "10.0.0.1:8080");
    ops->destination(host_self(host),
                     "http://very-long-name-0123456789-0123456789-0123456789-0123456789.example/",
                     out, 16);
    assert_int_equal(strlen(out), 15);
    host_close(host);
}

static void test_bad_options(void **state)
{
    (void)state;
    static const char *const cases[][6] = {
        {"url", "ftp://example.com", NULL},
        {"url", "nonsense with spaces", NULL},
        {"secret", "short", NULL},
        {"secret", "whsec_AAAA", NULL},
        {"header_name", "Bad Name", "header_value", "x", NULL},
        {"header_name", "X\r\nY", "header_value", "x", NULL},
        {"header_name", "X-Key", "header_value", "a\r\nEvil: 1", NULL},
        {"header_name", "X-Key", NULL},
        {"header_value", "x", NULL},
        {"header_name", "Webhook-Id", "header_value", "x", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256] = "";
        struct channel_host_fake *host =
            host_open(plugin_ops(PLUGIN), "hook", "/", cases[i], why, sizeof why);
        if (host != NULL || why[0] == '\0') {
            fail_msg("case %zu was accepted or refused without a reason", i);
        }
        /* A secret never comes back in a reason. */
        assert_null(strstr(why, "whsec_AAAA"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_peers, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_nobody_listens, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_headers, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_url_of_the_section, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_connections_are_kept, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_no_silent_second_copy, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_private_address_is_refused, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_proxy_of_the_environment_is_ignored, start_fake,
                                        stop_fake),
        cmocka_unit_test_setup_teardown(test_bad_urls, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_one_slow_peer_delays_nobody, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_busy_past_the_limit, start_fake, stop_fake),
        cmocka_unit_test_setup_teardown(test_destinations, start_fake, stop_fake),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

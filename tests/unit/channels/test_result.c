#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "channels/support/http_transport.h"
#include "channels/support/result.h"

struct judge_case {
    struct http_reply reply;
    enum channel_outcome want;
    const char *reason;
};

#define STATUS(number, outcome)                                                                    \
    {                                                                                              \
        .reply = {.status = number, .trouble_text = "", .body = ""}, .want = outcome,              \
        .reason = "http-" #number                                                                  \
    }
#define TROUBLE(kind, was_written, outcome, word)                                                  \
    {                                                                                              \
        .reply = {.trouble = kind, .written = was_written, .trouble_text = "x", .body = ""},       \
        .want = outcome, .reason = word                                                            \
    }

static const struct judge_case cases[] = {
    STATUS(200, CHANNEL_SENT),
    STATUS(201, CHANNEL_SENT),
    STATUS(202, CHANNEL_SENT),
    STATUS(204, CHANNEL_SENT),
    STATUS(299, CHANNEL_SENT),
    STATUS(301, CHANNEL_REJECTED),
    STATUS(302, CHANNEL_REJECTED),
    STATUS(307, CHANNEL_REJECTED),
    STATUS(308, CHANNEL_REJECTED),
    STATUS(400, CHANNEL_REJECTED),
    STATUS(401, CHANNEL_REJECTED),
    STATUS(403, CHANNEL_REJECTED),
    STATUS(404, CHANNEL_REJECTED),
    STATUS(408, CHANNEL_RETRY),
    STATUS(410, CHANNEL_REJECTED),
    STATUS(413, CHANNEL_REJECTED),
    STATUS(425, CHANNEL_RETRY),
    STATUS(429, CHANNEL_RETRY),
    STATUS(500, CHANNEL_RETRY),
    STATUS(501, CHANNEL_REJECTED),
    STATUS(502, CHANNEL_RETRY),
    STATUS(503, CHANNEL_RETRY),
    STATUS(504, CHANNEL_RETRY),
    STATUS(505, CHANNEL_REJECTED),
    STATUS(600, CHANNEL_REJECTED),
    TROUBLE(HTTP_TROUBLE_NETWORK, false, CHANNEL_RETRY, "network"),
    TROUBLE(HTTP_TROUBLE_NETWORK, true, CHANNEL_UNKNOWN, "network"),
    TROUBLE(HTTP_TROUBLE_TIMEOUT, false, CHANNEL_RETRY, "timeout"),
    TROUBLE(HTTP_TROUBLE_TIMEOUT, true, CHANNEL_UNKNOWN, "timeout"),
    TROUBLE(HTTP_TROUBLE_TLS, false, CHANNEL_RETRY, "tls"),
    TROUBLE(HTTP_TROUBLE_TLS, true, CHANNEL_UNKNOWN, "tls"),
    TROUBLE(HTTP_TROUBLE_STOPPED, false, CHANNEL_RETRY, "stopped"),
    TROUBLE(HTTP_TROUBLE_STOPPED, true, CHANNEL_UNKNOWN, "stopped"),
    TROUBLE(HTTP_TROUBLE_REFUSED, false, CHANNEL_REJECTED, "address-refused"),
    TROUBLE(HTTP_TROUBLE_REQUEST, false, CHANNEL_REJECTED, "bad-request"),
    /* The status was the answer; what came after it does not change it. */
    {.reply = {.status = 200,
               .trouble = HTTP_TROUBLE_TIMEOUT,
               .written = true,
               .trouble_text = "x",
               .body = ""},
     .want = CHANNEL_SENT,
     .reason = "http-200"},
};

static void test_judgement(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result_note note;
        result_set_http(&note, &cases[i].reply);
        if (note.result.outcome != cases[i].want ||
            strcmp(note.result.reason, cases[i].reason) != 0) {
            fail_msg("case %zu (%s): got outcome %d, reason %s", i, cases[i].reason,
                     note.result.outcome, note.result.reason);
        }
    }
}

static void test_retry_after_only_where_it_helps(void **state)
{
    (void)state;
    struct result_note note;
    struct http_reply reply = {
        .status = 503, .trouble_text = "", .body = "", .retry_after_ms = 7000};
    result_set_http(&note, &reply);
    assert_int_equal(note.result.retry_after_ms, 7000);
    reply.status = 404;
    result_set_http(&note, &reply);
    assert_int_equal(note.result.retry_after_ms, 0);
}

static void test_detail_is_one_safe_line(void **state)
{
    (void)state;
    struct result_note note;
    char body[1000];
    for (size_t i = 0; i < sizeof body; i += 2) {
        memcpy(body + i, "\xc3\xa4", 2);
    }
    memcpy(body, "a\r\nb\x1b[", 6);
    struct http_reply reply = {
        .status = 400, .trouble_text = "", .body = body, .body_count = sizeof body};
    result_set_http(&note, &reply);
    assert_true(strlen(note.result.detail) < RESULT_DETAIL_BYTES);
    assert_null(strpbrk(note.result.detail, "\r\n\x1b"));
    assert_non_null(strstr(note.result.detail, "HTTP 400"));
    assert_string_equal(note.result.detail + strlen(note.result.detail) - 5, "\xc3\xa4...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judgement),
        cmocka_unit_test(test_retry_after_only_where_it_helps),
        cmocka_unit_test(test_detail_is_one_safe_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

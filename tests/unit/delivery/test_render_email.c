/* What a mail's head says; how it reads for others is judged by tests/endtoend/test_mail_format.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/delivery/mime.h"
#include "gateway/delivery/render_email.h"
#include "gateway/system/token.h"

#define SNAPSHOT                                                                                   \
    "{\"uuid\":\"0196f3a0-0000-7000-8000-000000000001\",\"title\":\"Disk full\",\"summary\":\"97 " \
    "%\",\"state\":\"triggered\",\"policy\":\"storefront\",\"contact_name\":\"Ann Lee\","          \
    "\"opened_at\":\"2026-03-01T02:00:00Z\"}"

static const unsigned char key_bytes[32] = {1, 2, 3};
static struct secret token_key = {.bytes = (unsigned char *)(uintptr_t)key_bytes,
                                  .count = sizeof key_bytes};
static struct render_context context;
static struct order order;

static int set_up(void **state)
{
    (void)state;
    context = (struct render_context){.format = "email",
                                      .public_url = "https://alerts.example.com",
                                      .site_name = "Acme operations",
                                      .mail_from = "Acme <alerts@example.com>",
                                      .mail_reply_to = "",
                                      .token_key = &token_key,
                                      .now_ms = INT64_C(1772332200000)};
    order = (struct order){.notification = 77,
                           .incident = 142,
                           .notification_kind = KIND_PAGE,
                           .severity = SEVERITY_CRITICAL,
                           .token_expires_at_ms = 1,
                           .channel = "email",
                           .contact = "ann",
                           .address = "ann@example.com",
                           .key = "142_1_lead_ann_email_0",
                           .snapshot = SNAPSHOT,
                           .details = "",
                           .links = ""};
    return 0;
}

/* The caller frees. */
static char *make(void)
{
    struct rendered rendered;
    struct err err = {0};
    if (render_make(&context, &order, &rendered, &err) != 0) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(rendered.content_type, "message/rfc822");
    assert_true(mime_is_wire_safe(strbuf_text(&rendered.body), rendered.body.length));
    char *text = heap_strdup(strbuf_text(&rendered.body));
    render_clear(&rendered);
    return text;
}

/* The value of a header in the head, without folds; "" when there is none. */
static const char *header(const char *mail, const char *name)
{
    static char value[4][1024];
    static size_t turn;
    char start[80];
    turn = (turn + 1) % 4;
    value[turn][0] = '\0';
    (void)snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *end = strstr(mail, "\r\n\r\n");
    const char *found = strstr(mail, start);
    if (found == NULL || found > end) {
        return value[turn];
    }
    size_t length = 0;
    for (const char *at = found + strlen(start); length < sizeof value[turn] - 1; at++) {
        if (at[0] == '\r' && at[2] != ' ') {
            break;
        }
        if (at[0] != '\r' && at[0] != '\n') {
            value[turn][length++] = *at;
        }
    }
    value[turn][length] = '\0';
    return value[turn];
}

static void test_head_of_a_page(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_BYTES];
    char want[128];
    char *mail = make();
    token_make(&token_key, 77, "ann", 1, token);
    assert_true(strncmp(mail, "Date: Sun, 1 Mar 2026 02:30:00 +0000\r\n", 38) == 0);
    assert_string_equal(header(mail, "From"), "\"Acme\" <alerts@example.com>");
    assert_string_equal(header(mail, "To"), "\"Ann Lee\" <ann@example.com>");
    assert_string_equal(header(mail, "Subject"), "[#142] Disk full");
    (void)snprintf(want, sizeof want, "\"Acme\" <alerts+142.%s@example.com>", token);
    assert_string_equal(header(mail, "Reply-To"), want);
    (void)snprintf(want, sizeof want, "<inc-142-77.%s@example.com>", token);
    assert_string_equal(header(mail, "Message-ID"), want);
    assert_string_equal(header(mail, "Auto-Submitted"), "auto-generated");
    assert_string_equal(header(mail, "X-Auto-Response-Suppress"), "OOF, AutoReply");
    assert_string_equal(header(mail, "Importance"), "high");
    assert_string_equal(header(mail, "List-Id"),
                        "\"Acme operations\" <storefront.escalated.example.com>");
    assert_string_equal(header(mail, "X-Escalated-Incident"), "142");
    assert_string_equal(header(mail, "MIME-Version"), "1.0");
    assert_string_equal(header(mail, "Thread-Topic"), "[#142] Disk full");
    char *again = make();
    assert_string_equal(mail, again);
    free(again);
    free(mail);
}

static void expect_same_thread(const char *a, const char *b, bool same)
{
    static const char *const names[] = {"In-Reply-To", "References", "Thread-Index"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(header(a, names[i])[0] != '\0');
        assert_int_equal(strcmp(header(a, names[i]), header(b, names[i])) == 0, same);
    }
    assert_string_not_equal(header(a, "Message-ID"), header(b, "Message-ID"));
    assert_string_not_equal(header(a, "Message-ID"), header(a, "References"));
}

static void test_threads(void **state)
{
    (void)state;
    char *page = make();
    order.notification = 78;
    order.notification_kind = KIND_NOTICE;
    order.key = "142_1_lead_ann_email_0_notice";
    char *notice = make();
    expect_same_thread(page, notice, true);
    assert_string_equal(header(page, "Subject"), header(notice, "Subject"));
    order.contact = "bob";
    order.address = "bob@example.com";
    char *other_reader = make();
    expect_same_thread(page, other_reader, false);
    order.contact = "ann";
    order.address = "ann@example.com";
    order.notification = 79;
    order.key = "143_1_lead_ann_email_0";
    order.snapshot = "{\"uuid\":\"0196f3a0-0000-7000-8000-000000000002\",\"title\":\"Disk full\"}";
    char *other_incident = make();
    expect_same_thread(page, other_incident, false);
    order.snapshot = "{}";
    char *without = make();
    assert_string_equal(header(without, "References"), "");
    free(page);
    free(notice);
    free(other_reader);
    free(other_incident);
    free(without);
}

/* Outsiders get nothing that could answer, and no name of a colleague. */
static void test_audiences_get_no_token(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_BYTES];
    order.contact = "&customers";
    order.address = "someone@example.org";
    order.notification_kind = KIND_INFORM;
    order.severity = SEVERITY_WARNING;
    char *mail = make();
    token_make(&token_key, 77, "&customers", 1, token);
    assert_null(strstr(mail, token));
    assert_null(strstr(mail, "/a/"));
    assert_null(strstr(mail, RENDER_EMAIL_NO_REPLY));
    assert_string_equal(header(mail, "Reply-To"), "");
    assert_string_equal(header(mail, "Importance"), "");
    assert_string_equal(header(mail, "To"), "<someone@example.org>");
    char *first = heap_strdup(header(mail, "Message-ID"));
    free(mail);
    order.key = "142_1_affected_audience~customers_email_0_x";
    order.address = "other@example.org";
    mail = make();
    assert_string_not_equal(first, header(mail, "Message-ID"));
    free(first);
    free(mail);
}

static void test_reply_to(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_BYTES];
    char want[160];
    token_make(&token_key, 77, "ann", 1, token);
    context.mail_reply_to = "\"On call\" <on-call@mail.example.net>";
    char *mail = make();
    (void)snprintf(want, sizeof want, "\"On call\" <on-call+142.%s@mail.example.net>", token);
    assert_string_equal(header(mail, "Reply-To"), want);
    free(mail);
    /* 64 bytes before the @: first the number goes, then the token, which the Message-ID has too. */
    context.mail_reply_to = "abcdefghijabcdefghijabcdefghij@example.net";
    mail = make();
    (void)snprintf(want, sizeof want, "<abcdefghijabcdefghijabcdefghij+%s@example.net>", token);
    assert_string_equal(header(mail, "Reply-To"), want);
    free(mail);
    context.mail_reply_to = "abcdefghijabcdefghijabcdefghijabcd@example.net";
    mail = make();
    assert_string_equal(header(mail, "Reply-To"),
                        "<abcdefghijabcdefghijabcdefghijabcd@example.net>");
    free(mail);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *reply_to, *address, *want;
    } cases[] = {
        {"", "", "ann@example.com", "from: got ''"},
        {"a b@c", "", "ann@example.com", "from: got 'a b@c'"},
        {"a@b", "x", "ann@example.com", "reply_to: got 'x'"},
        {"a@b", "", "", "to: got ''"},
        {"a@b", "", "ann@example.com>\r\nRCPT TO:<eve@example.com", "to: got"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rendered rendered;
        struct err err = {0};
        context.mail_from = cases[i].from;
        context.mail_reply_to = cases[i].reply_to;
        order.address = cases[i].address;
        assert_int_equal(render_make(&context, &order, &rendered, &err), -1);
        if (strstr(err.text, cases[i].want) == NULL) {
            fail_msg("%s", err.text);
        }
    }
}

/* Every value at its maximum, of signs that grow in every encoding: the page goes out all the same. */
static void test_the_longest(void **state)
{
    (void)state;
    static char snapshot[200000];
    char value[2000];
    memset(value, '&', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    size_t length = (size_t)snprintf(
        snapshot, sizeof snapshot,
        "{\"uuid\":\"u\",\"title\":\"%s\",\"summary\":\"%s=\",\"state\":\"%s\",\"owner\":\"%s\","
        "\"ack_until\":\"%s\",\"eta_at\":\"%s\",\"opened_at\":\"%s\",\"cause\":\"%s\",\"source\":"
        "\"%s\",\"key\":\"%s\",\"policy\":\"%s\",\"step\":\"%s\",\"reply_hint\":\"%s\",\"labels\":"
        "{",
        value, value, value, value, value, value, value, value, value, value, value, value, value);
    for (int i = 0; i < 12; i++) {
        length += (size_t)snprintf(snapshot + length, sizeof snapshot - length, "%s\"%s%d\":\"%s\"",
                                   i == 0 ? "" : ",", value, i, value);
    }
    length += (size_t)snprintf(snapshot + length, sizeof snapshot - length, "},\"text\":\"");
    memset(snapshot + length, '=', 20000);
    memcpy(snapshot + length + 20000, "\"}", 3);
    order.snapshot = snapshot;
    char *mail = make();
    assert_non_null(strstr(mail, "Content-Type: text/plain"));
    assert_null(strstr(mail, "Content-Type: text/html"));
    assert_string_equal(mail + strlen(mail) - 29, "--=_escalated_alternative--\r\n");
    free(mail);
}

static void test_digest_and_answer(void **state)
{
    (void)state;
    order.incident = 0;
    order.notification_kind = KIND_ANSWER;
    order.snapshot = "{\"text\":\"There is no incident 9.\",\"state\":\"\"}";
    char *mail = make();
    assert_string_equal(header(mail, "Subject"), "answer");
    assert_string_equal(header(mail, "X-Escalated-Incident"), "");
    assert_string_equal(header(mail, "In-Reply-To"), "");
    assert_string_equal(header(mail, "List-Id"), "\"Acme operations\" <escalated.example.com>");
    free(mail);
}

static void test_wide_addresses(void **state)
{
    (void)state;
    context.mail_from = "Größe <größe@beispiel.example>";
    order.address = "用户@例子.example";
    char *mail = make();
    assert_string_equal(header(mail, "From"), "=?UTF-8?B?R3LDtsOfZQ==?= <größe@beispiel.example>");
    assert_string_equal(header(mail, "To"), "\"Ann Lee\" <用户@例子.example>");
    assert_true(header(mail, "List-Id")[0] != '\0');
    free(mail);
    context.mail_from = "a@größe.example";
    mail = make();
    assert_string_equal(header(mail, "List-Id"), "");
    free(mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_head_of_a_page, set_up),
        cmocka_unit_test_setup(test_threads, set_up),
        cmocka_unit_test_setup(test_audiences_get_no_token, set_up),
        cmocka_unit_test_setup(test_reply_to, set_up),
        cmocka_unit_test_setup(test_refused, set_up),
        cmocka_unit_test_setup(test_the_longest, set_up),
        cmocka_unit_test_setup(test_digest_and_answer, set_up),
        cmocka_unit_test_setup(test_wide_addresses, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "gateway/delivery/render.h"
#include "gateway/system/token.h"

#define SNAPSHOT                                                                                   \
    "{\"incident\":142,\"uuid\":\"u\",\"title\":\"Disk /srv full\",\"summary\":\"97 % "            \
    "used\",\"severity\":\"critical\","                                                            \
    "\"priority\":1,\"state\":\"acknowledged\",\"policy\":\"storefront\",\"step\":\"tech-lead\","  \
    "\"kind\":\"page\",\"climb\":2,"                                                               \
    "\"labels\":{\"service\":\"shop\",\"region\":\"eu\"},\"key\":\"db01/"                          \
    "disk\",\"source\":\"mon\",\"owner\":\"ann\","                                                 \
    "\"owner_name\":\"Ann "                                                                        \
    "Lee\",\"ack_until\":\"2026-03-01T02:30:00Z\",\"eta_at\":1772332200000,\"cause\":\"log "       \
    "growth\","                                                                                    \
    "\"loss\":\"two "                                                                              \
    "orders\",\"restored\":\"\",\"missing\":[\"eta\",\"cause\"],\"backup\":{\"text\":"             \
    "\"Sat "                                                                                       \
    "22:00\"},\"firing_count\":3,\"opened_at\":\"2026-03-01T02:00:00Z\",\"local\":{\"opened_at\":" \
    "\"Sun "                                                                                       \
    "03:00\"},\"text\":\"\"}"

static const unsigned char key_bytes[32] = {1, 2, 3};
static struct secret token_key = {.bytes = (unsigned char *)(uintptr_t)key_bytes,
                                  .count = sizeof key_bytes};

static struct render_context context_for(const char *format)
{
    return (struct render_context){.format = format,
                                   .public_url = "https://alerts.example.com",
                                   .site_name = "Acme operations",
                                   .token_key = &token_key,
                                   .now_ms = INT64_C(1772332200000)};
}

static struct order page_order(void)
{
    return (struct order){.kind = ORDER_OFFER,
                          .notification = 77,
                          .incident = 142,
                          .notification_kind = KIND_PAGE,
                          .severity = SEVERITY_CRITICAL,
                          .token_expires_at_ms = 1,
                          .channel = "sms",
                          .contact = "ann",
                          .address = "+15550100",
                          .key = "142_1_tech-lead_ann_sms_0",
                          .snapshot = SNAPSHOT,
                          .details = "",
                          .links = ""};
}

static void make(const char *format, const struct order *order, struct rendered *out)
{
    struct render_context context = context_for(format);
    struct err err = {0};
    if (render_make(&context, order, out, &err) != 0) {
        fail_msg("%s", err.text);
    }
}

static void expect_text(const struct rendered *rendered, const char *part)
{
    if (strstr(strbuf_text(&rendered->body), part) == NULL) {
        fail_msg("'%s' is missing in:\n%s", part, strbuf_text(&rendered->body));
    }
}

static void test_text_of_a_page(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "#142 critical: Disk /srv full\n",
        "Summary: 97 % used\n",
        "Severity: critical, priority p1\n",
        "State: acknowledged by Ann Lee until 2026-03-01T02:30:00Z\n",
        "Promised for: 2026-03-01T02:30:00Z\n",
        "Since: Sun 03:00\n",
        "Cause: log growth\n",
        "Lost: two orders\n",
        "Last good backup: Sat 22:00\n",
        "Please say: eta, cause\n",
        "Labels: service=shop, region=eu\n",
        "Source: mon\n",
        "Key: db01/disk\n",
        "Alerts firing: 3\n",
        "Policy: storefront, step tech-lead, climb 2\n",
        "Acknowledge: https://alerts.example.com/a/",
        "Or reply: 142 ack eta 30m\n",
        "See Runbook: https://wiki/1\n",
        "Acme operations\n"};
    struct rendered rendered;
    struct order order = page_order();
    char token[TOKEN_TEXT_BYTES];
    order.links = "[{\"href\":\"https://wiki/1\",\"text\":\"Runbook\"}]";
    make("text", &order, &rendered);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        expect_text(&rendered, parts[i]);
    }
    token_make(&token_key, 77, "ann", 1, token);
    expect_text(&rendered, token);
    assert_string_equal(rendered.subject, "#142 critical: Disk /srv full");
    assert_string_equal(rendered.content_type, "text/plain; charset=utf-8");
    render_clear(&rendered);
}

static void test_what_only_some_incidents_say(void **state)
{
    (void)state;
    static const char manual[] = "{\"state\":\"triggered\",\"cleared\":true,\"linked\":17}";
    static const char over[] = "{\"state\":\"resolved\",\"cleared\":true,\"linked\":0}";
    struct rendered rendered;
    struct order order = page_order();
    order.snapshot = manual;
    make("text", &order, &rendered);
    expect_text(&rendered, "The source has cleared; only a person ends it.\n");
    expect_text(&rendered, "Follows: #17\n");
    render_clear(&rendered);
    order.snapshot = over;
    make("text", &order, &rendered);
    assert_null(strstr(strbuf_text(&rendered.body), "cleared"));
    assert_null(strstr(strbuf_text(&rendered.body), "Follows"));
    render_clear(&rendered);
}

static void test_absent_keys(void **state)
{
    (void)state;
    static const char *const formats[] = {"text", "webhook", "sms"};
    for (size_t i = 0; i < 3; i++) {
        struct rendered rendered;
        struct order order = page_order();
        order.snapshot = "{}";
        make(formats[i], &order, &rendered);
        assert_true(rendered.body.length > 0);
        assert_null(strstr(strbuf_text(&rendered.body), "(null)"));
        assert_string_equal(rendered.subject, "#142 critical");
        render_clear(&rendered);
    }
}

/* A snapshot whose values have other kinds than expected is still told. */
static void test_foreign_kinds(void **state)
{
    (void)state;
    struct rendered rendered;
    struct order order = page_order();
    order.snapshot = "{\"title\":[1],\"labels\":\"x\",\"priority\":\"p2\",\"climb\":\"a\","
                     "\"local\":7,\"owner\":null,\"state\":{}}";
    order.details = "[1]";
    order.links = "{\"a\":1}";
    make("text", &order, &rendered);
    expect_text(&rendered, "priority p2");
    render_clear(&rendered);
    make("webhook", &order, &rendered);
    assert_null(strstr(strbuf_text(&rendered.body), "\"details\""));
    assert_null(strstr(strbuf_text(&rendered.body), "\"links\""));
    render_clear(&rendered);
}

struct token_case {
    enum notification_kind kind;
    const char *contact;
    bool want;
};

static const struct token_case token_cases[] = {
    {.kind = KIND_PAGE, .contact = "ann", .want = true},
    {.kind = KIND_PAGE, .contact = "channel:ops", .want = true},
    {.kind = KIND_REMINDER, .contact = "ann", .want = true},
    {.kind = KIND_DIGEST, .contact = "ann", .want = true},
    {.kind = KIND_ASK, .contact = "ann", .want = true},
    {.kind = KIND_APPROVE, .contact = "ann", .want = true},
    {.kind = KIND_INFORM, .contact = "ann", .want = true},
    {.kind = KIND_INFORM, .contact = "&customers", .want = false},
    {.kind = KIND_NOTICE, .contact = "&customers", .want = false},
    {.kind = KIND_PAGE, .contact = "&customers", .want = false},
    {.kind = KIND_NOTICE, .contact = "ann", .want = false},
    {.kind = KIND_ANSWER, .contact = "ann", .want = false},
};

static void test_who_gets_a_token(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof token_cases / sizeof token_cases[0]; i++) {
        static const char *const formats[] = {"text", "webhook", "sms"};
        for (size_t j = 0; j < 3; j++) {
            struct rendered rendered;
            char token[TOKEN_TEXT_BYTES];
            struct order order = page_order();
            order.notification_kind = token_cases[i].kind;
            order.contact = token_cases[i].contact;
            make(formats[j], &order, &rendered);
            token_make(&token_key, 77, order.contact, 1, token);
            bool got = strstr(strbuf_text(&rendered.body), token) != NULL;
            bool link = strstr(strbuf_text(&rendered.body), "/a/") != NULL;
            if (got != token_cases[i].want || link != token_cases[i].want) {
                fail_msg("case %zu, %s: token %d, link %d", i, formats[j], got, link);
            }
            render_clear(&rendered);
        }
    }
}

static void test_webhook_envelope(void **state)
{
    (void)state;
    struct rendered rendered;
    struct json *root = NULL;
    struct order order = page_order();
    order.snapshot = "{\"incident\":142,\"title\":\"a\",\"token\":\"forged\",\"details\":1,"
                     "\"notification\":2,\"ack_url\":3,\"links\":4}";
    order.details = "{\"host\":\"db01\",\"n\":9007199254740993}";
    order.links = "[{\"href\":\"https://wiki/1\",\"text\":\"Runbook\"}]";
    make("webhook", &order, &rendered);
    assert_string_equal(rendered.content_type, "application/json");
    /* The parser refuses duplicate keys, so a snapshot's own must have given way. */
    assert_int_equal(json_parse(strbuf_text(&rendered.body), rendered.body.length, &root, NULL), 0);
    const struct json *data = json_get(root, "data");
    assert_string_equal(json_string(json_get(root, "type")), "incident.page");
    assert_string_equal(json_string(json_get(root, "timestamp")), "2026-03-01T02:30:00Z");
    assert_int_equal(json_integer(json_get(data, "incident")), 142);
    assert_int_equal(json_integer(json_get(json_get(data, "details"), "n")),
                     INT64_C(9007199254740993));
    assert_string_equal(json_string(json_get(json_at(json_get(data, "links"), 0), "text")),
                        "Runbook");
    assert_int_equal(json_integer(json_get(json_get(data, "notification"), "id")), 77);
    assert_string_equal(json_string(json_get(json_get(data, "notification"), "key")), order.key);
    char url[128] = "https://alerts.example.com/a/";
    token_make(&token_key, 77, "ann", 1, url + strlen(url));
    assert_string_equal(json_string(json_get(data, "ack_url")), url);
    json_free(root);
    render_clear(&rendered);
}

/* What is read in one pass gives the same bytes as the tree. */
static void test_members_equal_the_tree(void **state)
{
    (void)state;
    static const char *const snapshots[] = {
        SNAPSHOT,
        "{\"title\":\"t\",\"state\":\"held\",\"labels\":{\"a\":\"b\",\"c\":[-2,null,true,{}]}}",
        "{\"title\":\"\\u00e4\\n\\\"\\ud83d\\ude00\",\"summary\":7,\"state\":null}",
        "{\"summary\":\"only this\",\"eta_at\":1772332200000,\"empty\":\"\"}",
    };
    for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
        struct order order = page_order();
        struct rendered quick;
        struct rendered slow;
        struct strbuf text;
        struct strbuf members;
        struct render_facts facts;
        strbuf_init(&members, RENDER_BODY_MAX);
        char copy[4096];
        (void)snprintf(copy, sizeof copy, "%s", snapshots[i]);
        assert_true(render_members(copy, &members, &facts));
        strbuf_clear(&members);
        order.snapshot = snapshots[i];
        make("webhook", &order, &quick);
        /* A real number is left to the tree; the member is taken out again below. */
        strbuf_init(&text, RENDER_BODY_MAX);
        strbuf_printf(&text, "{\"real\":1.5,%s", snapshots[i] + 1);
        order.snapshot = strbuf_text(&text);
        make("webhook", &order, &slow);
        const char *real = strstr(strbuf_text(&slow.body), "\"real\":1.5,");
        assert_non_null(real);
        size_t before = (size_t)(real - strbuf_text(&slow.body));
        assert_memory_equal(strbuf_text(&slow.body), strbuf_text(&quick.body), before);
        assert_string_equal(real + strlen("\"real\":1.5,"), strbuf_text(&quick.body) + before);
        assert_string_equal(slow.subject, quick.subject);
        strbuf_clear(&text);
        render_clear(&quick);
        render_clear(&slow);
    }
}

static void test_members_leave_to_the_tree(void **state)
{
    (void)state;
    static const char *const snapshots[] = {
        "",
        "[]",
        "{}",
        "{\"a\":1",
        "{\"a\":1}x",
        "{\"a\":1,\"a\":2}",
        "{\"token\":\"x\"}",
        "{\"a\":1.5}",
    };
    for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
        struct strbuf members;
        struct render_facts facts;
        char copy[64];
        strbuf_init(&members, RENDER_BODY_MAX);
        (void)snprintf(copy, sizeof copy, "%s", snapshots[i]);
        assert_false(render_members(copy, &members, &facts));
        strbuf_clear(&members);
    }
}

/* Nothing from outside may end the subject's line, begin a new field, or reach a terminal as a
 * control sequence. */
static void test_hostile_texts(void **state)
{
    (void)state;
    struct rendered rendered;
    struct order order = page_order();
    order.snapshot = "{\"title\":\"a\\r\\nBcc: x\\u001b[2J\",\"summary\":\"b\\nState: "
                     "resolved\",\"owner\":\"\\u007f\","
                     "\"state\":\"triggered\",\"text\":\"first\\nsecond\\u0007\",\"labels\":{"
                     "\"k\\n\":\"v\\r\"}}";
    make("text", &order, &rendered);
    assert_null(strpbrk(rendered.subject, "\r\n\x1b"));
    assert_null(strpbrk(strbuf_text(&rendered.body), "\r\x1b\x07\x7f"));
    assert_null(strstr(strbuf_text(&rendered.body), "\nState: resolved"));
    assert_null(strstr(strbuf_text(&rendered.body), "\nBcc"));
    expect_text(&rendered, "first\nsecond");
    render_clear(&rendered);
}

static void test_long_subject_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 4; pad++) {
        struct rendered rendered;
        struct strbuf snapshot;
        struct order order = page_order();
        strbuf_init(&snapshot, 8192);
        strbuf_add(&snapshot, "{\"title\":\"");
        for (size_t i = 0; i < pad; i++) {
            strbuf_add_char(&snapshot, 'x');
        }
        for (size_t i = 0; i < 1000; i++) {
            strbuf_add(&snapshot, "\xe2\x82\xac");
        }
        strbuf_add(&snapshot, "\"}");
        order.snapshot = strbuf_text(&snapshot);
        make("text", &order, &rendered);
        size_t length = strlen(rendered.subject);
        assert_true(length < RENDER_SUBJECT_BYTES && length > RENDER_SUBJECT_BYTES - 8);
        assert_true(text_is_utf8(rendered.subject, length));
        assert_string_equal(rendered.subject + length - 3, "...");
        render_clear(&rendered);
        strbuf_clear(&snapshot);
    }
}

static void test_refused_snapshots(void **state)
{
    (void)state;
    static const char *const snapshots[] = {"", "[]", "1", "{", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
        struct rendered rendered;
        struct err err = {0};
        struct render_context context = context_for("text");
        struct order order = page_order();
        order.snapshot = snapshots[i];
        assert_int_equal(render_make(&context, &order, &rendered, &err), -1);
        assert_non_null(strstr(err.text, "snapshot"));
    }
}

static void test_without_a_public_url(void **state)
{
    (void)state;
    struct rendered rendered;
    struct err err = {0};
    struct render_context context = context_for("text");
    struct order order = page_order();
    context.public_url = "";
    assert_int_equal(render_make(&context, &order, &rendered, &err), 0);
    assert_null(strstr(strbuf_text(&rendered.body), "/a/"));
    expect_text(&rendered, "Or reply: 142 ack");
    render_clear(&rendered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_a_page),
        cmocka_unit_test(test_what_only_some_incidents_say),
        cmocka_unit_test(test_absent_keys),
        cmocka_unit_test(test_foreign_kinds),
        cmocka_unit_test(test_who_gets_a_token),
        cmocka_unit_test(test_webhook_envelope),
        cmocka_unit_test(test_members_equal_the_tree),
        cmocka_unit_test(test_members_leave_to_the_tree),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_long_subject_is_cut_between_characters),
        cmocka_unit_test(test_refused_snapshots),
        cmocka_unit_test(test_without_a_public_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

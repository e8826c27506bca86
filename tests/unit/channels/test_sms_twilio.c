#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/sms.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FILE_BYTES_MAX 65536

static struct sms_settings good_settings(void)
{
    return (struct sms_settings){.account = "AC00000000000000000000000000000001",
                                 .token = "twilio-auth-token-example-0123456789",
                                 .api_key = "",
                                 .api_key_secret = "",
                                 .from = "+12025550100",
                                 .messaging_service = "",
                                 .base_url = "https://api.twilio.com",
                                 .receipt_url = "https://escalated.example.com/cb/twilio/4711"};
}

static char *read_sample(const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/sms/%s", SAMPLES, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, FILE_BYTES_MAX + 1);
    assert_non_null(text);
    assert_true(fread(text, 1, FILE_BYTES_MAX, file) < FILE_BYTES_MAX);
    assert_int_equal(fclose(file), 0);
    return text;
}

static struct channel_message message_of(const char *body)
{
    return (struct channel_message){.size = sizeof(struct channel_message),
                                    .address = "+12025550143",
                                    .content_type = "text/plain; charset=utf-8",
                                    .body = body,
                                    .body_count = strlen(body)};
}

/* The exchange of the samples: our request says the same, byte for byte up to the escaping of spaces. */
static void test_request(void **state)
{
    (void)state;
    struct sms_settings settings = good_settings();
    struct channel_message message = message_of("CRIT db01 disk /srv 97% – reply ACK 4711");
    char *sample = read_sample("twilio-create-request.http");
    struct strbuf out;
    strbuf_init(&out, 4096);
    sms_twilio.url(&settings, &out);
    assert_string_equal(strbuf_text(&out), "https://api.twilio.com/2010-04-01/Accounts/"
                                           "AC00000000000000000000000000000001/Messages.json");
    strbuf_reset(&out);
    strbuf_add(&out, "Authorization: ");
    sms_twilio.authorization(&settings, &out);
    assert_non_null(strstr(sample, strbuf_text(&out)));
    strbuf_reset(&out);
    sms_twilio.body(&settings, &message, 0, &out);
    const char *want = strstr(sample, "\r\n\r\n");
    assert_non_null(want);
    want += 4;
    struct strbuf spaced;
    strbuf_init(&spaced, 4096);
    for (const char *c = want; *c != '\0' && *c != '\n'; c++) {
        strbuf_add_bytes(&spaced, *c == '+' ? "%20" : c, *c == '+' ? 3 : 1);
    }
    assert_string_equal(strbuf_text(&out), strbuf_text(&spaced));
    strbuf_clear(&spaced);
    strbuf_clear(&out);
    free(sample);
}

struct body_case {
    const char *from, *service, *receipt_url, *text;
    int64_t useful_ms;
    const char *want;
};

static const struct body_case body_cases[] = {
    {.from = "Acme",
     .text = "a&b=c\n+1 é",
     .useful_ms = 90500,
     .want = "To=%2B12025550143&From=Acme&Body=a%26b%3Dc%0A%2B1%20%C3%A9&ValidityPeriod=90"},
    {.service = "MG1",
     .text = "x",
     .useful_ms = 1,
     .want = "To=%2B12025550143&MessagingServiceSid=MG1&Body=x&ValidityPeriod=1"},
    {.from = "+15550111",
     .receipt_url = "https://a/receipt/sms",
     .text = "x",
     .useful_ms = INT64_C(7) * 86400 * 1000,
     .want = "To=%2B12025550143&From=%2B15550111&Body=x&StatusCallback=https%3A%2F%2Fa%2Freceipt%"
             "2Fsms&ValidityPeriod=36000"},
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(body_cases); i++) {
        const struct body_case *one = &body_cases[i];
        struct sms_settings settings = good_settings();
        struct channel_message message = message_of(one->text);
        struct strbuf out;
        settings.from = one->from != NULL ? one->from : "";
        settings.messaging_service = one->service != NULL ? one->service : "";
        settings.receipt_url = one->receipt_url != NULL ? one->receipt_url : "";
        strbuf_init(&out, 4096);
        sms_twilio.body(&settings, &message, one->useful_ms, &out);
        assert_string_equal(strbuf_text(&out), one->want);
        strbuf_clear(&out);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Whatever byte a text has, the form has the same fields, and the provider reads the same text. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = {'a', (char)byte, 'b', '\0'};
        static const char before[] = "To=%2B12025550143&From=%2B12025550100&Body=a";
        struct sms_settings settings = good_settings();
        struct channel_message message = message_of(text);
        struct strbuf out;
        settings.receipt_url = "";
        strbuf_init(&out, 4096);
        sms_twilio.body(&settings, &message, 0, &out);
        const char *piece = strbuf_text(&out) + sizeof before - 1;
        assert_memory_equal(strbuf_text(&out), before, sizeof before - 1);
        bool escaped = piece[0] == '%';
        int read =
            escaped ? hex_digit(piece[1]) * 16 + hex_digit(piece[2]) : (unsigned char)piece[0];
        assert_int_equal(read, byte);
        assert_true(escaped || (byte > 0x20 && byte < 0x7f && strchr("&=+%", byte) == NULL));
        assert_string_equal(piece + (escaped ? 3 : 1), "b");
        strbuf_clear(&out);
    }
}

static void test_api_key(void **state)
{
    (void)state;
    struct sms_settings settings = good_settings();
    struct strbuf out;
    settings.api_key = "SK1";
    settings.api_key_secret = "s3cret";
    strbuf_init(&out, 4096);
    sms_twilio.authorization(&settings, &out);
    assert_string_equal(strbuf_text(&out), "Basic U0sxOnMzY3JldA==");
    strbuf_clear(&out);
}

struct judge_case {
    const char *name;
    int status;
    const char *answer; /* NULL: no JSON; "@NAME" a sample */
    enum sms_class want;
    int64_t code;
    const char *id;
    const char *detail; /* a part of it */
};

static const struct judge_case judge_cases[] = {
    {.name = "taken",
     .status = 201,
     .answer = "@twilio-create-201.json",
     .want = SMS_TAKEN,
     .id = "SM00000000000000000000000000000001"},
    {.name = "taken, nobody knows as what",
     .status = 201,
     .want = SMS_TAKEN,
     .detail = "no receipt"},
    {.name = "taken, foreign id",
     .status = 201,
     .answer = "{\"sid\":\"../x\"}",
     .want = SMS_TAKEN,
     .detail = "no receipt"},
    {.name = "taken and failed",
     .status = 201,
     .answer = "{\"sid\":\"SM1\",\"status\":\"failed\",\"error_code\":30007,\"error_message\":"
               "\"Filtered\"}",
     .want = SMS_NUMBER,
     .code = 30007,
     .detail = "Filtered"},
    {.name = "200 with an id",
     .status = 200,
     .answer = "{\"sid\":\"SM1\",\"status\":\"queued\"}",
     .want = SMS_TAKEN,
     .id = "SM1"},
    {.name = "200 of somebody else",
     .status = 200,
     .answer = "{\"ok\":true}",
     .want = SMS_UNCLEAR,
     .detail = "base_url"},
    {.name = "204", .status = 204, .want = SMS_UNCLEAR, .detail = "base_url"},
    {.name = "credentials",
     .status = 401,
     .answer = "@twilio-error-20003.json",
     .want = SMS_CONFIGURATION,
     .code = 20003,
     .detail = "Authenticate"},
    {.name = "too many",
     .status = 429,
     .answer = "@twilio-error-20429.json",
     .want = SMS_TRANSIENT,
     .code = 20429},
    {.name = "their trouble",
     .status = 500,
     .answer = "@twilio-error-20500.json",
     .want = SMS_TRANSIENT,
     .code = 20500},
    {.name = "no number",
     .status = 400,
     .answer = "@twilio-error-21211.json",
     .want = SMS_NUMBER,
     .code = 21211,
     .detail = "+1202555"},
    {.name = "opted out",
     .status = 400,
     .answer = "@twilio-error-21610.json",
     .want = SMS_NUMBER,
     .code = 21610},
    {.name = "queue full with 400",
     .status = 400,
     .answer = "{\"code\":21611}",
     .want = SMS_TRANSIENT,
     .code = 21611,
     .detail = "HTTP 400"},
    {.name = "From not ours",
     .status = 400,
     .answer = "{\"code\":21606}",
     .want = SMS_CONFIGURATION,
     .code = 21606},
    {.name = "region",
     .status = 403,
     .answer = "{\"code\":21408}",
     .want = SMS_CONFIGURATION,
     .code = 21408},
    {.name = "StatusCallback",
     .status = 400,
     .answer = "{\"code\":21609}",
     .want = SMS_RECEIPTS,
     .code = 21609},
    {.name = "unknown code",
     .status = 400,
     .answer = "{\"code\":29999,\"message\":\"New\"}",
     .want = SMS_NUMBER,
     .code = 29999,
     .detail = "New"},
    {.name = "unknown code, 503",
     .status = 503,
     .answer = "{\"code\":29999}",
     .want = SMS_TRANSIENT,
     .code = 29999},
    {.name = "a code that is no number",
     .status = 400,
     .answer = "{\"code\":\"21211\"}",
     .want = SMS_NUMBER},
    {.name = "a list", .status = 502, .answer = "[1]", .want = SMS_TRANSIENT},
    {.name = "404", .status = 404, .want = SMS_CONFIGURATION},
    {.name = "403", .status = 403, .want = SMS_CONFIGURATION},
    {.name = "302", .status = 302, .want = SMS_CONFIGURATION, .detail = "redirects"},
    {.name = "400", .status = 400, .want = SMS_NUMBER},
    {.name = "413", .status = 413, .want = SMS_NUMBER},
    {.name = "408", .status = 408, .want = SMS_TRANSIENT},
    {.name = "599", .status = 599, .want = SMS_TRANSIENT},
};

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(judge_cases); i++) {
        const struct judge_case *one = &judge_cases[i];
        const char *answer = one->answer != NULL ? one->answer : "";
        char *sample = answer[0] == '@' ? read_sample(answer + 1) : NULL;
        struct json *root = NULL;
        struct sms_verdict got;
        answer = sample != NULL ? sample : answer;
        assert_true(answer[0] == '\0' || json_parse(answer, strlen(answer), &root, NULL) == 0);
        sms_twilio.judge(one->status, root, &got);
        if (got.class != one->want || got.code != one->code ||
            strcmp(got.id, one->id != NULL ? one->id : "") != 0 ||
            strstr(got.detail, one->detail != NULL ? one->detail : "") == NULL) {
            fail_msg("%s: got class %d, code %lld, id '%s', %s", one->name, got.class,
                     (long long)got.code, got.id, got.detail);
        }
        json_free(root);
        free(sample);
    }
}

struct check_case {
    struct sms_settings change; /* NULL members stay good */
    const char *want;           /* how the sentence begins; NULL: accepted */
};

static const struct check_case check_cases[] = {
    {.want = NULL},
    {.change = {.from = "12345"}, .want = NULL},
    {.change = {.from = "Acme Ops 7"}, .want = NULL},
    {.change = {.from = "", .messaging_service = "MG1"}, .want = NULL},
    {.change = {.token = "", .api_key = "SK1", .api_key_secret = "x"}, .want = NULL},
    {.change = {.account = "SK1"}, .want = "account: got 'SK1'"},
    {.change = {.account = "AC/../x"}, .want = "account: got"},
    {.change = {.account = "AC"}, .want = "account: got"},
    {.change = {.token = ""}, .want = "token: want token_file"},
    {.change = {.api_key = "SK1"}, .want = "api_key: want both"},
    {.change = {.api_key_secret = "x"}, .want = "api_key: want both"},
    {.change = {.api_key = "AC1", .api_key_secret = "x"}, .want = "api_key: got 'AC1'"},
    {.change = {.from = ""}, .want = "from: want one of"},
    {.change = {.messaging_service = "MG1"}, .want = "from: want one of"},
    {.change = {.from = "", .messaging_service = "AC1"}, .want = "messaging_service: got"},
    {.change = {.from = "+0155501"}, .want = "from: got"},
    {.change = {.from = "+1 555 0111"}, .want = "from: got"},
    {.change = {.from = "A name too long"}, .want = "from: got"},
    {.change = {.from = "Acme-Ops"}, .want = "from: got"},
    {.change = {.from = "12"}, .want = "from: got"},
};

static const char *pick(const char *change, const char *good)
{
    return change != NULL ? change : good;
}

static void test_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(check_cases); i++) {
        const struct sms_settings *change = &check_cases[i].change;
        struct sms_settings settings = good_settings();
        char why[256] = "";
        settings.account = pick(change->account, settings.account);
        settings.token = pick(change->token, settings.token);
        settings.api_key = pick(change->api_key, settings.api_key);
        settings.api_key_secret = pick(change->api_key_secret, settings.api_key_secret);
        settings.from = pick(change->from, settings.from);
        settings.messaging_service = pick(change->messaging_service, settings.messaging_service);
        int result = sms_twilio.check(&settings, why, sizeof why);
        const char *want = check_cases[i].want;
        if ((result == 0) != (want == NULL) ||
            (want != NULL && strncmp(why, want, strlen(want)) != 0)) {
            fail_msg("case %zu: got %d, '%s'", i, result, why);
        }
        assert_null(strstr(why, "example-0123456789")); /* no secret in a sentence */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_api_key), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_judge),   cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

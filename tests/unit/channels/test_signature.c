#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "channels/support/signature.h"

#define SECRET "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
#define OLD_SECRET "whsec_ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A="

struct sample {
    char text[4096];
    char id[128];
    char signature[512];
    long long timestamp_s;
    const char *body;
};

static void copy_header(const char *text, const char *name, char *out, size_t out_size)
{
    const char *at = strstr(text, name);
    assert_non_null(at);
    at += strlen(name);
    (void)snprintf(out, out_size, "%.*s", (int)strcspn(at, "\r\n"), at);
}

static void read_sample(const char *name, struct sample *out)
{
    char path[512], number[32];
    (void)snprintf(path, sizeof path, "%s/standard-webhooks/%s.http", SAMPLES, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(out->text, 1, sizeof out->text - 1, file);
    assert_int_equal(fclose(file), 0);
    out->text[count] = '\0';
    copy_header(out->text, "webhook-id: ", out->id, sizeof out->id);
    copy_header(out->text, "webhook-signature: ", out->signature, sizeof out->signature);
    copy_header(out->text, "webhook-timestamp: ", number, sizeof number);
    out->timestamp_s = strtoll(number, NULL, 10);
    const char *end = strstr(out->text, "\r\n\r\n");
    out->body = end != NULL ? end + 4 : strstr(out->text, "\n\n") + 2;
    copy_header(out->text, "Content-Length: ", number, sizeof number);
    assert_true(strlen(out->body) >= strtoul(number, NULL, 10));
    out->text[(size_t)(out->body - out->text) + strtoul(number, NULL, 10)] = '\0';
}

static void sign(const struct sample *sample, const char *const *secrets, size_t count,
                 struct strbuf *out)
{
    struct webhook_secret keys[2];
    char why[128];
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(webhook_secret_parse(secrets[i], &keys[i], why, sizeof why), 0);
    }
    strbuf_init(out, 1024);
    webhook_sign(keys, count, sample->id, sample->timestamp_s, sample->body, strlen(sample->body),
                 out);
}

static void test_symmetric_sample(void **state)
{
    (void)state;
    struct sample sample;
    struct strbuf got;
    read_sample("symmetric", &sample);
    sign(&sample, (const char *[]){SECRET}, 1, &got);
    assert_string_equal(strbuf_text(&got), sample.signature);
    strbuf_clear(&got);
    sample.timestamp_s++;
    sign(&sample, (const char *[]){SECRET}, 1, &got);
    assert_string_not_equal(strbuf_text(&got), sample.signature);
    strbuf_clear(&got);
}

static void test_rotation_sample(void **state)
{
    (void)state;
    struct sample sample;
    struct strbuf got;
    read_sample("rotation", &sample);
    sign(&sample, (const char *[]){OLD_SECRET, SECRET}, 2, &got);
    assert_string_equal(strbuf_text(&got), sample.signature);
    strbuf_clear(&got);
}

struct secret_case {
    const char *text;
    int want;
};

static const struct secret_case secret_cases[] = {
    {.text = SECRET, .want = 0},
    {.text = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", .want = 0},
    {.text = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY", .want = 0},  /* 24 bytes */
    {.text = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhc=", .want = -1}, /* 23 bytes */
    {.text = "whsec_", .want = -1},
    {.text = "whsec_****", .want = -1},
    {.text = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", .want = -1},
    {.text = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHy"
             "ABCDEFGH",
     .want = -1}, /* over 64 */
};

static void test_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof secret_cases / sizeof secret_cases[0]; i++) {
        struct webhook_secret secret;
        char why[128] = "";
        int got = webhook_secret_parse(secret_cases[i].text, &secret, why, sizeof why);
        if (got != secret_cases[i].want) {
            fail_msg("%s: got %d (%s)", secret_cases[i].text, got, why);
        }
        assert_true(got == 0 || why[0] != '\0');
        assert_null(strstr(why, "AQID"));
    }
}

static void test_ids(void **state)
{
    (void)state;
    char id[WEBHOOK_ID_BYTES], other[WEBHOOK_ID_BYTES], again[WEBHOOK_ID_BYTES];
    static const char *const hashed[] = {"", "a.b", "a b", "a\r\nX: y", "\xc3\xa4"};
    webhook_id("142_1_tech-lead_ann_sms_0", id);
    assert_string_equal(id, "142_1_tech-lead_ann_sms_0");
    for (size_t i = 0; i < sizeof hashed / sizeof hashed[0]; i++) {
        webhook_id(hashed[i], id);
        assert_memory_equal(id, "key-", 4);
        assert_int_equal(strlen(id), 68);
    }
    webhook_id("a.b", id);
    webhook_id("a.c", other);
    webhook_id("a.b", again);
    assert_string_not_equal(id, other);
    assert_string_equal(id, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetric_sample),
        cmocka_unit_test(test_rotation_sample),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/gsm.h"
#include "gateway/base/json.h"

#define FILE_BYTES_MAX 65536

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

/* What the provider's own calculator says. */
static void test_vectors(void **state)
{
    (void)state;
    char *text = read_sample("segmentation-vectors.json");
    struct json *root = NULL;
    size_t checked = 0;
    assert_int_equal(json_parse(text, strlen(text), &root, NULL), 0);
    for (size_t i = 0; i < json_count(root); i++) {
        const struct json *vector = json_at(root, i);
        if (json_kind(json_get(vector, "segments")) != JSON_INTEGER) {
            continue;
        }
        const struct json *sample = json_get(vector, "text");
        struct gsm_size got = gsm_measure(json_string(sample), json_string_length(sample));
        bool ucs2 = strcmp(json_string(json_get(vector, "encoding")), "UCS-2") == 0;
        if ((got.alphabet == GSM_UCS2) != ucs2 ||
            (int64_t)got.units != json_integer(json_get(vector, "units")) ||
            (int64_t)got.parts != json_integer(json_get(vector, "segments"))) {
            fail_msg("%s: got alphabet %d, %zu units, %zu parts",
                     json_string(json_get(vector, "name")), got.alphabet, got.units, got.parts);
        }
        checked++;
    }
    assert_true(checked >= 30);
    json_free(root);
    free(text);
}

/* Every code point of the first two planes against the table of the standard. */
static void test_alphabet(void **state)
{
    (void)state;
    char *text = read_sample("gsm-03.38-table.txt");
    unsigned char *want = calloc(1, 0x20000);
    size_t count = 0;
    assert_non_null(want);
    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        const char *mark = strstr(line, " U+");
        const char *end = strchr(line, '\n');
        if (mark != NULL && (end == NULL || mark < end) && line[0] != '#' &&
            strncmp(line, "1B ", 3) != 0) { /* the escape itself is no character */
            unsigned long code = strtoul(mark + 3, NULL, 16);
            assert_true(code < 0x20000);
            want[code] = (unsigned char)(strncmp(line, "1B", 2) == 0 && mark - line > 3 ? 2 : 1);
            count++;
        }
    }
    assert_int_equal(count, 137);
    for (uint32_t code = 0; code < 0x20000; code++) {
        if (gsm_units(GSM_SEPTETS, code) != want[code]) {
            fail_msg("U+%04X: got %zu septets, want %d", (unsigned)code,
                     gsm_units(GSM_SEPTETS, code), want[code]);
        }
    }
    assert_int_equal(gsm_units(GSM_UCS2, 0xffff), 1);
    assert_int_equal(gsm_units(GSM_UCS2, 0x10000), 2);
    free(want);
    free(text);
}

static void test_what_is_no_utf8(void **state)
{
    (void)state;
    struct gsm_size got = gsm_measure("a\xff\xc3", 3);
    assert_int_equal(got.alphabet, GSM_UCS2);
    assert_int_equal(got.units, 3);
    got = gsm_measure("a\0b", 3);
    assert_int_equal(got.units, 3);
    assert_int_equal(got.alphabet, GSM_UCS2);
}

static void test_capacity(void **state)
{
    (void)state;
    assert_int_equal(gsm_capacity(GSM_SEPTETS, 1), 160);
    assert_int_equal(gsm_capacity(GSM_SEPTETS, 3), 459);
    assert_int_equal(gsm_capacity(GSM_UCS2, 1), 70);
    assert_int_equal(gsm_capacity(GSM_UCS2, 2), 134);
}

struct plain_case {
    const char *text;
    const char *want;
};

static const struct plain_case plain_cases[] = {
    {.text = "", .want = ""},
    {.text = "db01 – disk — full", .want = "db01 - disk - full"},
    {.text = "don’t “quote” „me“ ‘so’", .want = "don't \"quote\" \"me\" 'so'"},
    {.text = "wait… • item`", .want = "wait... * item'"},
    {.text = "a\tb\xc2\xa0"
             "c",
     .want = "a b c"},
    {.text = "façade FAÇADE", .want = "facade FAÇADE"},
    {.text = "Größe Zażółć 40° 日本 👍", .want = "Größe Zażółć 40° 日本 👍"},
    {.text = "\xff", .want = "\xff"},
};

static void test_simplify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain_cases / sizeof plain_cases[0]; i++) {
        struct strbuf out;
        strbuf_init(&out, 1000);
        gsm_simplify(plain_cases[i].text, &out);
        assert_string_equal(strbuf_text(&out), plain_cases[i].want);
        strbuf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),         cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_what_is_no_utf8), cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_simplify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

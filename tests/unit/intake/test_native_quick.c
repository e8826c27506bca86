/* The quick reader: what it takes, what it leaves, and that it never reads anything as the other
 * would not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/system/file.h"
#include "tests/support/native_pair.h"

#define EVENTS_MAX 5
#define MUTATIONS_PER_BODY 1000
#define BODY_BYTES_MAX 2000
#define S "\"summary\":\"s\""

static enum native_pair_result pair(const char *bytes, size_t count, bool is_ndjson)
{
    const struct native_body body = {
        .bytes = bytes, .count = count, .is_ndjson = is_ndjson, .events_max = EVENTS_MAX};
    return native_pair(&body);
}

static const struct {
    const char *text;
    enum native_pair_result want;
    bool is_ndjson;
} bodies[] = {
    /* The usual. */
    {.text = "{" S "}", .want = PAIR_BOTH},
    {.text = " [ {" S "} ,\r\n\t{" S ",\"key\":\"k\"} ] \n", .want = PAIR_BOTH},
    {.text = "{\"action\":\"resolve\",\"labels\":{\"b\":\"2\",\"a\":\"1\",\"B\":\"\"}}",
     .want = PAIR_BOTH},
    {.text = "{\"action\":\"acknowledge\",\"key\":\"k\",\"labels\":{}}", .want = PAIR_BOTH},
    {.text = "{\"action\":\"heartbeat\"}", .want = PAIR_BOTH},
    {.text = "{" S ",\"severity\":\"critical\",\"at\":\"2026-03-01T02:00:00+01:00\"}",
     .want = PAIR_BOTH},
    {.text = "{" S "}\n\n{" S "}\r\n", .want = PAIR_BOTH, .is_ndjson = true},
    {.text = "\n{" S "}", .want = PAIR_BOTH, .is_ndjson = true},
    /* Texts. */
    {.text = "{\"summary\":\"\\u00e4\\u20ac\\ud83d\\ude00\\\\\\/\\\"\\n\\t<\xc3\xa4>\"}",
     .want = PAIR_BOTH},
    {.text = "{\"summ\\u0061ry\":\"eight bytes and more of plain text, then \\u0041\"}",
     .want = PAIR_BOTH},
    {.text = "{\"summary\":\"\\b\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\x7f\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\u0000\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\ud83d\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\ude00\\ud83d\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\ud83d\\u0041\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\u00g0\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\x\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"a\nb\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\xed\xa0\x80\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\xc3\"}", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"no end", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\", .want = PAIR_NEITHER},
    {.text = "{\"summary\":\"\\u", .want = PAIR_NEITHER},
    /* Details: copied as json_write has them. */
    {.text = "{" S ",\"details\":{}}", .want = PAIR_BOTH},
    {.text =
         "{" S
         ",\"details\": { \"a\" : [ ] , \"b\":[1, -2,[true],{\"c\":null}],\"d\":\"<\\u0001\\n\","
         "\"e\":false,\"\":0,\"f\":123456789012345678}}",
     .want = PAIR_BOTH},
    {.text = "{" S ",\"details\":{\"a\":1234567890123456789}}", .want = PAIR_TREE_ONLY},
    {.text = "{" S ",\"details\":{\"a\":99999999999999999999}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":{\"a\":0.5}}", .want = PAIR_TREE_ONLY},
    {.text = "{" S ",\"details\":{\"a\":1E2}}", .want = PAIR_TREE_ONLY},
    {.text = "{" S ",\"details\":{\"a\":-0}}", .want = PAIR_TREE_ONLY},
    {.text = "{" S ",\"details\":{\"a\":01}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":{\"a\":-}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":{\"a\":truex}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":{\"a\":[1,]}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":{\"a\":1,}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":[]}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"details\":{\"a\":1,\"b\":2,\"\\u0061\":3}}", .want = PAIR_NEITHER},
    /* Links. */
    {.text =
         "{" S ",\"links\":[{\"text\":\"<t>\",\"href\":\"HTTPS://h/\"},{\"href\":\"http://h\"}]}",
     .want = PAIR_BOTH},
    {.text = "{" S ",\"links\":[]}", .want = PAIR_TREE_ONLY},
    {.text = "{" S ",\"links\":[{}]}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"links\":[{\"href\":\"http://h\",\"href\":\"http://h\"}]}",
     .want = PAIR_NEITHER},
    {.text = "{" S ",\"links\":[{\"href\":\"ftp://h\"}]}", .want = PAIR_NEITHER},
    /* What is wrong stays wrong. */
    {.text = "{" S "," S "}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"labels\":{\"1a\":\"1\"}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"labels\":{\"a\":1}}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"severity\":\"urgent\"}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"at\":\"yesterday\"}", .want = PAIR_NEITHER},
    {.text = "{" S ",\"new\":1}", .want = PAIR_NEITHER},
    {.text = "{" S "} x", .want = PAIR_NEITHER},
    {.text = "{" S ",}", .want = PAIR_NEITHER},
    {.text = "{" S "}{" S "}", .want = PAIR_NEITHER, .is_ndjson = true},
    {.text = "[{" S "}]", .want = PAIR_NEITHER, .is_ndjson = true},
    {.text = "{}", .want = PAIR_NEITHER},
    {.text = "[]", .want = PAIR_NEITHER},
    {.text = "", .want = PAIR_NEITHER},
    {.text = "{\"action\":\"resolve\"}", .want = PAIR_NEITHER},
    {.text = "[{" S "},{" S "},{" S "},{" S "},{" S "},{" S "}]", .want = PAIR_NEITHER},
    /* Lines that only look shows, as good as rare. */
    {.text = "{" S "}\n{" S "}", .want = PAIR_TREE_ONLY},
};

#define BODY_COUNT (sizeof(bodies) / sizeof(bodies[0]))

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < BODY_COUNT; i++) {
        enum native_pair_result got =
            pair(bodies[i].text, strlen(bodies[i].text), bodies[i].is_ndjson);
        if (got != bodies[i].want) {
            fail_msg("%s: got %d, want %d", bodies[i].text, (int)got, (int)bodies[i].want);
        }
    }
}

static void test_samples(void **state)
{
    (void)state;
    static const char *const names[] = {
        "trigger.json",   "minimal.json", "resolve.json", "acknowledge-by-labels.json",
        "heartbeat.json", "change.json",  "array.json",   "lines.ndjson",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        char *text = NULL;
        size_t count = 0;
        struct err err = {0};
        (void)snprintf(path, sizeof(path), "%s/%s", SAMPLES, names[i]);
        assert_int_equal(file_read(path, 100000, &text, &count, &err), 0);
        enum native_pair_result got = pair(text, count, strstr(names[i], ".ndjson") != NULL);
        free(text);
        if (got != PAIR_BOTH) {
            fail_msg("%s is not read quickly", names[i]);
        }
    }
}

/* `count` times '[' around a value, inside details. */
static size_t nested(size_t depth, char *out)
{
    int head = snprintf(out, BODY_BYTES_MAX, "[{" S ",\"details\":{\"a\":");
    size_t length = (size_t)head;
    memset(out + length, '[', depth);
    memset(out + length + depth, ']', depth);
    length += 2 * depth;
    memcpy(out + length, "}}]", 3);
    return length + 3;
}

static void test_depth(void **state)
{
    (void)state;
    char text[BODY_BYTES_MAX];
    assert_int_equal(pair(text, nested(29, text), false), PAIR_BOTH);
    assert_int_equal(pair(text, nested(30, text), false), PAIR_NEITHER);
}

static void test_many_keys(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        char text[BODY_BYTES_MAX] = "{" S ",\"details\":{";
        size_t length = strlen(text);
        for (size_t i = 0; i < 32 + extra; i++) {
            int added = snprintf(text + length, sizeof(text) - length, "%s\"k%zu\":%zu",
                                 i > 0 ? "," : "", i, i);
            length += (size_t)added;
        }
        memcpy(text + length, "}}", 2);
        assert_int_equal(pair(text, length + 2, false), extra ? PAIR_TREE_ONLY : PAIR_BOTH);
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* One change: a byte written, taken out or put in, or a piece doubled. */
static size_t mutate(uint64_t *seed, char *text, size_t count)
{
    static const char bytes[] = "\"\\{}[]:,u0aA- \n\x7f\xc3\xa4\x01<";
    size_t at = next_random(seed) % count;
    char byte = bytes[next_random(seed) % (sizeof(bytes) - 1)];
    switch (next_random(seed) % 4) {
    case 0:
        text[at] = byte;
        return count;
    case 1:
        memmove(text + at, text + at + 1, count - at - 1);
        return count - 1;
    case 2:
        memmove(text + at + 1, text + at, count - at);
        text[at] = byte;
        return count + 1;
    default: {
        size_t length = next_random(seed) % (count - at) % 40 + 1;
        memmove(text + at + length, text + at, count - at);
        return count + length;
    }
    }
}

static void test_mutations(void **state)
{
    (void)state;
    size_t results[3] = {0};
    for (size_t i = 0; i < BODY_COUNT; i++) {
        uint64_t seed = i + 1;
        for (size_t turn = 0; turn < MUTATIONS_PER_BODY; turn++) {
            char text[BODY_BYTES_MAX];
            size_t count = strlen(bodies[i].text);
            memcpy(text, bodies[i].text, count);
            size_t changes = 1 + next_random(&seed) % 3;
            for (size_t change = 0; change < changes && count > 1; change++) {
                count = mutate(&seed, text, count);
            }
            results[pair(text, count, bodies[i].is_ndjson)]++;
        }
    }
    /* All three happen often: the mutations are neither all good nor all broken. */
    assert_true(results[PAIR_BOTH] > 500);
    assert_true(results[PAIR_TREE_ONLY] > 50);
    assert_true(results[PAIR_NEITHER] > 1000);
}

/* Random documents that are mostly good. */
struct maker {
    uint64_t seed;
    struct strbuf text;
};

static size_t pick(struct maker *maker, size_t count)
{
    return next_random(&maker->seed) % count;
}

static void make_string(struct maker *maker)
{
    static const char *const pieces[] = {
        "a",
        "plain words, more than eight bytes of them",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "<",
        "\xc3\xa4",
        "\xf0\x9f\x98\x80",
        "\\u0041",
        "\\u20AC",
        "\\ud83d\\ude00",
        "0123456",
        "=,{}[]:",
        "\\t",
        " ",
    };
    strbuf_add(&maker->text, "\"");
    for (size_t count = pick(maker, 6); count > 0; count--) {
        strbuf_add(&maker->text, pieces[pick(maker, sizeof(pieces) / sizeof(pieces[0]))]);
    }
    strbuf_add(&maker->text, "\"");
}

static void make_value(struct maker *maker, size_t depth)
{
    static const char *const words[] = {"null", "true", "false", "0", "-17", "999999999999999999",
                                        "7 "};
    size_t kind = pick(maker, depth < 5 ? 4 : 2);
    if (kind == 0) {
        make_string(maker);
        return;
    }
    if (kind == 1) {
        strbuf_add(&maker->text, words[pick(maker, sizeof(words) / sizeof(words[0]))]);
        return;
    }
    strbuf_add(&maker->text, kind == 2 ? "[" : "{ ");
    for (size_t i = 0, count = pick(maker, 4); i < count; i++) {
        strbuf_add(&maker->text, i > 0 ? "," : "");
        if (kind == 3) {
            strbuf_printf(&maker->text, "\"k%zu\":", i);
        }
        make_value(maker, depth + 1);
    }
    strbuf_add(&maker->text, kind == 2 ? "]" : "}");
}

static void make_event(struct maker *maker)
{
    static const char *const severities[] = {"info", "warning", "error", "critical"};
    strbuf_add(&maker->text, "{\"summary\":\"s\"");
    if (pick(maker, 2)) {
        strbuf_printf(&maker->text, " , \"severity\":\"%s\",\"key\":", severities[pick(maker, 4)]);
        make_string(maker);
    }
    if (pick(maker, 2)) {
        strbuf_add(&maker->text, ",\"labels\":{");
        for (size_t i = 0, count = pick(maker, 6); i < count; i++) {
            /* Seven is prime: names in no order, none twice. */
            strbuf_printf(&maker->text, "%s\"l%zu\" : ", i > 0 ? "," : "", (i * 3 + 1) % 7);
            make_string(maker);
        }
        strbuf_add(&maker->text, "}");
    }
    if (pick(maker, 2)) {
        strbuf_add(&maker->text, ",\"details\":{\"a\":");
        make_value(maker, 0);
        strbuf_add(&maker->text, "}");
    }
    strbuf_add(&maker->text, "}");
}

static void test_random_documents(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct maker maker = {.seed = seed};
        strbuf_init(&maker.text, 1000000);
        strbuf_add(&maker.text, "[");
        make_event(&maker);
        if (pick(&maker, 2)) {
            strbuf_add(&maker.text, ",");
            make_event(&maker);
        }
        strbuf_add(&maker.text, "]");
        enum native_pair_result got = pair(strbuf_text(&maker.text), maker.text.length, false);
        if (got != PAIR_BOTH) {
            fail_msg("seed %d: %s", (int)seed, strbuf_text(&maker.text));
        }
        strbuf_clear(&maker.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),    cmocka_unit_test(test_samples),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_random_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

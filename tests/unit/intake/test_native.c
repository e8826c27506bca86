/* The native format: what is read, and with which words everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/intake/native.h"
#include "gateway/system/file.h"

#define EVENTS_MAX 5
#define S(text) "\"summary\":\"" text "\""

static struct arena arena;

static int parse(const char *text, bool is_ndjson, struct native_events *out_events,
                 struct native_error *error)
{
    const struct native_body body = {
        .bytes = text, .count = strlen(text), .is_ndjson = is_ndjson, .events_max = EVENTS_MAX};
    return native_parse(&body, &arena, out_events, error);
}

struct bad {
    const char *json;
    const char *field;
    const char *text; /* all of it, or its beginning when it ends in "~" */
};

static const struct bad bad_bodies[] = {
    /* The body as a whole. */
    {.json = "", .field = "", .text = "line 1 column~"},
    {.json = "   ", .field = "", .text = "line 1 column~"},
    {.json = "{", .field = "", .text = "line 1 column~"},
    {.json = "{\"summary\":\"x\"", .field = "", .text = "line 1 column~"},
    {.json = "{" S("x") "}x", .field = "", .text = "line 1 column~"},
    {.json = "{\n" S("x") ",\n}", .field = "", .text = "line 3 column~"},
    {.json = "{'summary':'x'}", .field = "", .text = "line 1 column~"},
    {.json = "{" S("x") "," S("y") "}", .field = "", .text = "line 1 column~"},
    {.json = "{\"summary\":\"\xff\"}", .field = "", .text = "line 1 column~"},
    {.json = "{\"summary\":\"\\ud800\"}", .field = "", .text = "line 1 column~"},
    {.json = "{\"summary\":\"a\\u0000b\"}", .field = "", .text = "line 1 column~"},
    {.json = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
     .field = "",
     .text = "line 1 column 33: nested deeper than 32"},
    {.json = "null", .field = "", .text = "got null, want an object"},
    {.json = "7", .field = "", .text = "got 7, want an object"},
    {.json = "\"trigger\"", .field = "", .text = "got \"trigger\", want an object"},
    {.json = "[]", .field = "", .text = "got an empty array, want at least one event"},
    {.json = "[1]", .field = "events[0]", .text = "events[0]: got 1, want an object"},
    {.json = "[{" S("x") "},[]]",
     .field = "events[1]",
     .text = "events[1]: got an array, want an object"},
    {.json = "[{},{},{},{},{},{}]",
     .field = "",
     .text = "got more than 5 events, want at most that many in a request"},
    /* Unknown fields. */
    {.json = "{" S("x") ",\"sevrity\":\"info\"}",
     .field = "sevrity",
     .text = "sevrity: unknown field, did you mean severity?"},
    {.json = "{" S("x") ",\"label\":{}}",
     .field = "label",
     .text = "label: unknown field, did you mean labels?"},
    {.json = "{" S("x") ",\"id\":1}",
     .field = "id",
     .text = "id: unknown field, want action, key, summary, severity, labels, details, links, at, "
             "or of a heartbeat signal and run"},
    {.json = "[{" S("x") "},{" S("x") ",\"dedup_key\":\"k\"}]",
     .field = "events[1].dedup_key",
     .text = "events[1].dedup_key: unknown field, want action~"},
    {.json = "{" S("x") ",\"\":1}", .field = "", .text = "unknown field~"},
    {.json = "{\"action\":\"heartbeat\",\"signal\":\"gone\"}",
     .field = "signal",
     .text = "signal: got \"gone\", want success, start, fail or log"},
    {.json = "{\"action\":\"heartbeat\",\"signal\":\"forget\"}",
     .field = "signal",
     .text = "signal: got \"forget\", want success, start, fail or log"},
    {.json = "{\"action\":\"resolve\",\"key\":\"k\",\"signal\":\"fail\"}",
     .field = "signal",
     .text = "signal: only a heartbeat has one, got the action resolve"},
    {.json = "{" S("x") ",\"run\":\"1\"}",
     .field = "run",
     .text = "run: only a heartbeat has one, got the action trigger"},
    {.json = "{\"action\":\"heartbeat\",\"run\":1}",
     .field = "run",
     .text = "run: got 1, want a string~"},
    /* Action. */
    {.json = "{\"action\":\"fire\"," S("x") "}",
     .field = "action",
     .text = "action: got \"fire\", want trigger, acknowledge, resolve, heartbeat or change"},
    {.json = "{\"action\":\"Trigger\"," S("x") "}",
     .field = "action",
     .text = "action: got \"Trigger\", want~"},
    {.json = "{\"action\":\"\"," S("x") "}", .field = "action", .text = "action: got \"\", want~"},
    {.json = "{\"action\":null," S("x") "}", .field = "action", .text = "action: got null, want~"},
    {.json = "{\"action\":1," S("x") "}", .field = "action", .text = "action: got 1, want~"},
    {.json = "{\"action\":[\"trigger\"]," S("x") "}",
     .field = "action",
     .text = "action: got an array, want~"},
    /* Severity. */
    {.json = "[{" S("x") "},{" S("x") "},{" S("x") "},{" S("x") ",\"severity\":\"urgent\"}]",
     .field = "events[3].severity",
     .text = "events[3].severity: got \"urgent\", want critical, error, warning or info"},
    {.json = "{" S("x") ",\"severity\":\"CRITICAL\"}",
     .field = "severity",
     .text = "severity: got \"CRITICAL\", want~"},
    {.json = "{" S("x") ",\"severity\":1}", .field = "severity", .text = "severity: got 1, want~"},
    {.json = "{" S("x") ",\"severity\":1.5}",
     .field = "severity",
     .text = "severity: got 1.5, want~"},
    {.json = "{" S("x") ",\"severity\":true}",
     .field = "severity",
     .text = "severity: got true, want~"},
    {.json = "{" S("x") ",\"severity\":{}}",
     .field = "severity",
     .text = "severity: got an object, want~"},
    {.json = "{" S("x") ",\"severity\":\""
                        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg"
                        "\"}",
     .field = "severity",
     .text =
         "severity: got \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff..., want~"},
    {.json = "{" S("x") ",\"severity\":\""
                        "ääääääääääääääääääääääääääääääää"
                        "\"}",
     .field = "severity",
     .text = "severity: got \"ääääääääääääääääääääääääääääää..., want~"},
    /* Key. */
    {.json = "{" S("x") ",\"key\":142}", .field = "key", .text = "key: got 142, want a string"},
    {.json = "{" S("x") ",\"key\":null}", .field = "key", .text = "key: got null, want a string"},
    {.json = "{" S("x") ",\"key\":\"a\\u0007b\"}",
     .field = "key",
     .text = "key: got \"a\\u0007b\", want no control characters"},
    {.json = "{" S("x") ",\"key\":\"a\\r\\nb\"}",
     .field = "key",
     .text = "key: got \"a\\r\\nb\", want~"},
    {.json = "{\"action\":\"resolve\"}",
     .field = "key",
     .text = "key: missing, want the key or the labels of the alert to resolve"},
    {.json = "{\"action\":\"acknowledge\"," S("x") "}",
     .field = "key",
     .text = "key: missing, want the key or the labels of the alert to acknowledge"},
    {.json = "{\"action\":\"resolve\",\"key\":\"\",\"labels\":{}}",
     .field = "key",
     .text = "key: missing~"},
    {.json = "[{\"action\":\"resolve\"}]",
     .field = "events[0].key",
     .text = "events[0].key: missing~"},
    /* Summary. */
    {.json = "{}",
     .field = "summary",
     .text = "summary: missing, want a sentence that says what is wrong"},
    {.json = "{\"action\":\"trigger\",\"key\":\"k\"}",
     .field = "summary",
     .text = "summary: missing~"},
    {.json = "{\"summary\":\"\"}", .field = "summary", .text = "summary: missing~"},
    {.json = "{\"summary\":[\"x\"]}",
     .field = "summary",
     .text = "summary: got an array, want a string"},
    {.json = "{\"summary\":\"a\\u007fb\"}", .field = "summary", .text = "summary: got~"},
    /* Labels. */
    {.json = "{" S("x") ",\"labels\":[]}",
     .field = "labels",
     .text = "labels: got an array, want an object"},
    {.json = "{" S("x") ",\"labels\":\"a=b\"}",
     .field = "labels",
     .text = "labels: got \"a=b\", want an object"},
    {.json = "{" S("x") ",\"labels\":{\"a\":1}}",
     .field = "labels.a",
     .text = "labels.a: got 1, want a string"},
    {.json = "{" S("x") ",\"labels\":{\"a\":null}}",
     .field = "labels.a",
     .text = "labels.a: got null, want a string"},
    {.json = "[{" S("x") ",\"labels\":{\"b\":{}}}]",
     .field = "events[0].labels.b",
     .text = "events[0].labels.b: got an object, want a string"},
    {.json = "{" S("x") ",\"labels\":{\"\":\"v\"}}",
     .field = "labels",
     .text = "labels: got the name \"\", want letters, digits and _, no digit first"},
    {.json = "{" S("x") ",\"labels\":{\"1a\":\"v\"}}",
     .field = "labels",
     .text = "labels: got the name \"1a\", want~"},
    {.json = "{" S("x") ",\"labels\":{\"a-b\":\"v\"}}",
     .field = "labels",
     .text = "labels: got the name \"a-b\", want~"},
    {.json = "{" S("x") ",\"labels\":{\"a b\":\"v\"}}",
     .field = "labels",
     .text = "labels: got the name \"a b\", want~"},
    {.json = "{" S("x") ",\"labels\":{\"\xc3\xa4\":\"v\"}}",
     .field = "labels",
     .text = "labels: got the name \"\xc3\xa4\"~"},
    {.json = "{" S("x") ",\"labels\":{\"a\\n\":\"v\"}}",
     .field = "labels",
     .text = "labels: got the name \"a\\n\"~"},
    {.json = "{" S("x") ",\"labels\":{\"a\":\"1\",\"a\":\"2\"}}",
     .field = "",
     .text = "line 1 column~"},
    {.json = "{" S("x") ",\"labels\":{\"a\":\"\\u001b[2J\"}}",
     .field = "labels.a",
     .text = "labels.a: got~"},
    /* Details. */
    {.json = "{" S("x") ",\"details\":\"text\"}",
     .field = "details",
     .text = "details: got \"text\", want an object"},
    {.json = "{" S("x") ",\"details\":[1]}",
     .field = "details",
     .text = "details: got an array, want an object"},
    {.json = "{" S("x") ",\"details\":{\"a\":1,\"a\":2}}", .field = "", .text = "line 1 column~"},
    /* Links. */
    {.json = "{" S("x") ",\"links\":{}}",
     .field = "links",
     .text = "links: got an object, want an array"},
    {.json = "{" S("x") ",\"links\":[\"https://a\"]}",
     .field = "links[0]",
     .text = "links[0]: got \"https://a\", want an object"},
    {.json = "{" S("x") ",\"links\":[{}]}",
     .field = "links[0].href",
     .text = "links[0].href: got '', want an http or https address"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https://a\"},{\"href\":\"javascript:alert(1)\"}]}",
     .field = "links[1].href",
     .text = "links[1].href: got 'javascript:alert(1)', want~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"ftp://a\"}]}",
     .field = "links[0].href",
     .text = "links[0].href: got 'ftp://a'~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https://\"}]}",
     .field = "links[0].href",
     .text = "links[0].href: got~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https:///path\"}]}",
     .field = "links[0].href",
     .text = "links[0].href: got~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https://a b\"}]}",
     .field = "links[0].href",
     .text = "links[0].href: got~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https://a\\\"b\"}]}",
     .field = "links[0].href",
     .text = "links[0].href: got~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"//a\"}]}",
     .field = "links[0].href",
     .text = "links[0].href: got~"},
    {.json = "{" S("x") ",\"links\":[{\"href\":7}]}",
     .field = "links[0].href",
     .text = "links[0].href: got 7, want a string"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https://a\",\"text\":false}]}",
     .field = "links[0].text",
     .text = "links[0].text: got false, want a string"},
    {.json = "{" S("x") ",\"links\":[{\"href\":\"https://a\",\"url\":\"b\"}]}",
     .field = "links[0].url",
     .text = "links[0].url: unknown field, want href and text"},
    {.json = "[{" S("x") ",\"links\":[{\"href\":\"https://a\",\"alt\":\"b\"}]}]",
     .field = "events[0].links[0].alt",
     .text = "events[0].links[0].alt: unknown~"},
    /* At. */
    {.json = "{" S("x") ",\"at\":1772435720}",
     .field = "at",
     .text = "at: got 1772435720, want a string"},
    {.json = "{" S("x") ",\"at\":\"\"}", .field = "at", .text = "at: got ''~"},
    {.json = "{" S("x") ",\"at\":\"yesterday\"}",
     .field = "at",
     .text = "at: got 'yesterday', want~"},
    {.json = "{" S("x") ",\"at\":\"2026-03-01 02:00\"}",
     .field = "at",
     .text = "at: got '2026-03-01 02:00', want~"},
    {.json = "{" S("x") ",\"at\":\"2026-02-30T00:00:00Z\"}", .field = "at", .text = "at: got~"},
    {.json = "{" S("x") ",\"at\":\"2026-03-01T02:00:00\"}", .field = "at", .text = "at: got~"},
    /* The place is that of the fault, whatever was read before it. */
    {.json = "{\"labels\":{\"a\":\"b\"},\"links\":[{\"href\":\"http://h\"}]," S("x") ",\"key\":1}",
     .field = "key",
     .text = "key: got 1, want a string"},
    /* Several objects on lines. */
    {.json = "{" S("x") "}\n{" S("y") ",\"key\":1}",
     .field = "events[1].key",
     .text = "events[1].key: got 1, want a string"},
    {.json = "{" S("x") "}\n{", .field = "events[1]", .text = "events[1]: line 1 column~"},
    {.json = "{" S("x") "}\n[]",
     .field = "events[1]",
     .text = "events[1]: got an array, want an object"},
    {.json = "{" S("x") "}\n{}\n",
     .field = "events[1].summary",
     .text = "events[1].summary: missing~"},
};

static bool text_matches(const char *got, const char *want)
{
    size_t length = strlen(want);
    if (length > 0 && want[length - 1] == '~') {
        return strncmp(got, want, length - 1) == 0;
    }
    return strcmp(got, want) == 0;
}

static void test_bad_bodies(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(bad_bodies) / sizeof(bad_bodies[0]); i++) {
        const struct bad *bad = &bad_bodies[i];
        struct native_events events = {0};
        struct native_error error = {0};
        int result = parse(bad->json, false, &events, &error);
        if (result != -1 || events.count != 0 || strcmp(error.field, bad->field) != 0 ||
            !text_matches(error.err.text, bad->text) ||
            !text_is_utf8(error.err.text, strlen(error.err.text))) {
            print_error("%s\n  got  '%s': '%s'\n  want '%s': '%s'\n", bad->json, error.field,
                        error.err.text, bad->field, bad->text);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void test_too_many_is_its_own_code(void **state)
{
    (void)state;
    struct native_events events = {0};
    struct native_error error = {0};
    assert_int_equal(parse("[{},{},{},{},{},{}]", false, &events, &error), -1);
    assert_int_equal(error.err.code, ERR_TOO_LARGE);
    error = (struct native_error){0};
    const char *line = "{" S("x") "}\n";
    char *lines = arena_printf(&arena, "%s%s%s%s%s%s", line, line, line, line, line, line);
    assert_int_equal(parse(lines, true, &events, &error), -1);
    assert_int_equal(error.err.code, ERR_TOO_LARGE);
    error = (struct native_error){0};
    assert_int_equal(parse("[7]", false, &events, &error), -1);
    assert_int_equal(error.err.code, ERR_INVALID);
}

static void test_ndjson_by_type(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count; /* 0: refused */
    } cases[] = {
        {.text = "{" S("x") "}", .count = 1},
        {.text = "{" S("x") "}\n", .count = 1},
        {.text = "\n\r\n {" S("x") "}\r\n\t\n{" S("y") "}", .count = 2},
        {.text = "[{" S("x") "}]"},
        {.text = "{\n" S("x") "}\n"},
        {.text = ""},
        {.text = "\n \n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct native_events events = {0};
        struct native_error error = {0};
        assert_int_equal(parse(cases[i].text, true, &events, &error), cases[i].count ? 0 : -1);
        assert_int_equal(events.count, cases[i].count);
    }
}

/* A body around a text of `count` bytes. */
static char *body_of(const char *before, size_t count, const char *after)
{
    size_t head = strlen(before);
    char *text = arena_alloc(&arena, head + count + strlen(after) + 1);
    memcpy(text, before, head);
    memset(text + head, 'x', count);
    memcpy(text + head + count, after, strlen(after));
    return text;
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *after;
        size_t max;
        const char *field;
    } cases[] = {
        {.before = "{\"summary\":\"",
         .after = "\"}",
         .max = EVENT_SUMMARY_BYTES_MAX,
         .field = "summary"},
        {.before = "{" S("x") ",\"key\":\"",
         .after = "\"}",
         .max = EVENT_KEY_BYTES_MAX,
         .field = "key"},
        {.before = "{" S("x") ",\"labels\":{\"a\":\"",
         .after = "\"}}",
         .max = EVENT_LABEL_BYTES_MAX,
         .field = "labels.a"},
        {.before = "{" S("x") ",\"labels\":{\"",
         .after = "\":\"v\"}}",
         .max = EVENT_LABEL_BYTES_MAX,
         .field = "labels"},
        {.before = "{" S("x") ",\"details\":{\"a\":\"",
         .after = "\"}}",
         .max = EVENT_DETAILS_BYTES_MAX - 8,
         .field = "details"},
        {.before = "{" S("x") ",\"links\":[{\"href\":\"https://",
         .after = "\"}]}",
         .max = NATIVE_HREF_BYTES_MAX - 8,
         .field = "links[0].href"},
        {.before = "{" S("x") ",\"links\":[{\"href\":\"https://a\",\"text\":\"",
         .after = "\"}]}",
         .max = NATIVE_LINK_TEXT_BYTES_MAX,
         .field = "links[0].text"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct native_events events = {0};
        struct native_error error = {0};
        const char *fits = body_of(cases[i].before, cases[i].max, cases[i].after);
        const char *too_long = body_of(cases[i].before, cases[i].max + 1, cases[i].after);
        assert_int_equal(parse(fits, false, &events, &error), 0);
        assert_int_equal(parse(too_long, false, &events, &error), -1);
        assert_string_equal(error.field, cases[i].field);
        assert_int_equal(error.err.code, ERR_INVALID);
    }
}

static void test_numbers_of_labels_and_links(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        struct native_events events = {0};
        struct native_error error = {0};
        struct strbuf text;
        strbuf_init(&text, 100000);
        strbuf_add(&text, "{" S("x") ",\"labels\":{");
        for (size_t i = 0; i < EVENT_LABELS_MAX + extra; i++) {
            strbuf_printf(&text, "%s\"l%zu\":\"v\"", i ? "," : "", i);
        }
        strbuf_add(&text, "}}");
        assert_int_equal(parse(strbuf_text(&text), false, &events, &error), extra ? -1 : 0);
        assert_string_equal(error.err.text, extra ? "labels: got 65, want at most 64" : "");
        strbuf_reset(&text);
        error = (struct native_error){0};
        strbuf_add(&text, "{" S("x") ",\"links\":[");
        for (size_t i = 0; i < EVENT_LINKS_MAX + extra; i++) {
            strbuf_printf(&text, "%s{\"href\":\"http://h%zu\"}", i ? "," : "", i);
        }
        strbuf_add(&text, "]}");
        assert_int_equal(parse(strbuf_text(&text), false, &events, &error), extra ? -1 : 0);
        assert_string_equal(error.err.text, extra ? "links: got 17, want at most 16" : "");
        strbuf_clear(&text);
    }
}

static int parse_sample(const char *name, struct native_events *out_events,
                        struct native_error *error)
{
    char *text = NULL;
    size_t count = 0;
    struct err err = {0};
    const char *path = arena_printf(&arena, "%s/%s", SAMPLES, name);
    assert_int_equal(file_read(path, 100000, &text, &count, &err), 0);
    const struct native_body body = {.bytes = text,
                                     .count = count,
                                     .is_ndjson = strstr(name, ".ndjson") != NULL,
                                     .events_max = EVENTS_MAX};
    int result = native_parse(&body, &arena, out_events, error);
    free(text);
    return result;
}

static void read_sample(const char *name, struct native_events *out_events)
{
    struct native_error error = {0};
    if (parse_sample(name, out_events, &error) < 0) {
        fail_msg("%s: %s", name, error.err.text);
    }
}

static void test_everything_in_one_event(void **state)
{
    (void)state;
    struct native_events events = {0};
    read_sample("trigger.json", &events);
    assert_int_equal(events.count, 1);
    const struct event *event = &events.items[0];
    assert_int_equal(event->action, EVENT_TRIGGER);
    assert_int_equal(event->severity, SEVERITY_CRITICAL);
    assert_string_equal(event->source, "");
    assert_string_equal(event->key, "db-17/replication");
    assert_string_equal(event->summary, "Replication is 40 minutes behind");
    assert_int_equal(event->label_count, 3);
    assert_string_equal(event->labels[0].name, "host");
    assert_string_equal(event->labels[1].name, "region");
    assert_string_equal(event->labels[1].value, "eu-1");
    assert_string_equal(event->labels[2].name, "service");
    assert_string_equal(event->details, "{\"lag_s\":2412,\"peers\":[\"db-18\",\"db-19\"]}");
    assert_string_equal(
        event->links,
        "[{\"href\":\"https://graphs.example.com/d/42?from=now-1h\",\"text\":\"Graph\"}]");
    assert_int_equal(event->at_ms, 1772330400000);
}

static void test_defaults(void **state)
{
    (void)state;
    struct native_events events = {0};
    read_sample("minimal.json", &events);
    const struct event *event = &events.items[0];
    assert_int_equal(event->action, EVENT_TRIGGER);
    assert_int_equal(event->severity, SEVERITY_ERROR);
    assert_string_equal(event->key, "");
    assert_string_equal(event->details, "");
    assert_string_equal(event->links, "");
    assert_int_equal(event->label_count, 0);
    assert_int_equal(event->at_ms, 0);
}

static void test_samples(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
        enum event_action last_action;
        const char *last_key;
    } samples[] = {
        {.name = "resolve.json",
         .count = 1,
         .last_action = EVENT_RESOLVE,
         .last_key = "db-17/replication"},
        {.name = "acknowledge-by-labels.json",
         .count = 1,
         .last_action = EVENT_ACKNOWLEDGE,
         .last_key = ""},
        {.name = "heartbeat.json",
         .count = 1,
         .last_action = EVENT_HEARTBEAT,
         .last_key = "nightly-backup"},
        {.name = "change.json", .count = 1, .last_action = EVENT_CHANGE, .last_key = "deploy-311"},
        {.name = "array.json", .count = 3, .last_action = EVENT_TRIGGER, .last_key = ""},
        {.name = "lines.ndjson", .count = 3, .last_action = EVENT_TRIGGER, .last_key = "c"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct native_events events = {0};
        read_sample(samples[i].name, &events);
        assert_int_equal(events.count, samples[i].count);
        const struct event *last = &events.items[events.count - 1];
        assert_int_equal(last->action, samples[i].last_action);
        assert_string_equal(last->key, samples[i].last_key);
    }
}

static void test_bad_sample(void **state)
{
    (void)state;
    struct native_events events = {0};
    struct native_error error = {0};
    assert_int_equal(parse_sample("bad-severity.json", &events, &error), -1);
    assert_string_equal(error.field, "events[3].severity");
}

static void test_texts_keep_their_characters(void **state)
{
    (void)state;
    struct native_events events = {0};
    struct native_error error = {0};
    assert_int_equal(parse("{\"summary\":\"\\u00e4 \\ud83d\\ude00 <b> \\\"q\\\" \\t\\n\","
                           "\"details\":{\"n\":12345678901234567,\"f\":0.1,\"s\":\"\\u00e4\"}}",
                           false, &events, &error),
                     0);
    assert_string_equal(events.items[0].summary, "\xc3\xa4 \xf0\x9f\x98\x80 <b> \"q\" \t\n");
    assert_string_equal(events.items[0].details,
                        "{\"n\":12345678901234567,\"f\":0.1,\"s\":\"\xc3\xa4\"}");
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_too_many_is_its_own_code),
        cmocka_unit_test(test_ndjson_by_type),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_numbers_of_labels_and_links),
        cmocka_unit_test(test_everything_in_one_event),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_bad_sample),
        cmocka_unit_test(test_texts_keep_their_characters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/base/options.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct sample {
    const char *title;
    const char *name;
    int64_t tries;
    int64_t wait_ms;
    int64_t body_bytes;
    bool enabled;
    int64_t mode;
    const char *file;
    const char *token;
    struct option_list members;
};

static const char *const modes[] = {"slow", "fast", "off", NULL};

static const struct option table[] = {
    {.key = "title",
     .type = OPTION_TEXT,
     .offset = offsetof(struct sample, title),
     .min = 1,
     .max = 20,
     .default_text = "",
     .help = "What it is called."},
    {.key = "name",
     .type = OPTION_NAME,
     .offset = offsetof(struct sample, name),
     .help = "Which one."},
    {.key = "tries",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct sample, tries),
     .min = 1,
     .max = 9,
     .default_text = "3",
     .help = "How often."},
    {.key = "wait",
     .type = OPTION_DURATION,
     .offset = offsetof(struct sample, wait_ms),
     .min = 1000,
     .max = 604800000,
     .default_text = "5m",
     .help = "How long."},
    {.key = "body_max",
     .type = OPTION_SIZE,
     .offset = offsetof(struct sample, body_bytes),
     .min = 1,
     .max = 1048576,
     .default_text = "64k",
     .help = "How much."},
    {.key = "enabled",
     .type = OPTION_BOOL,
     .offset = offsetof(struct sample, enabled),
     .default_text = "yes",
     .help = "Whether at all."},
    {.key = "mode",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct sample, mode),
     .choices = modes,
     .default_text = "fast",
     .help = "How."},
    {.key = "file",
     .type = OPTION_FILE,
     .offset = offsetof(struct sample, file),
     .default_text = "",
     .help = "Where."},
    {.key = "token",
     .type = OPTION_SECRET,
     .offset = offsetof(struct sample, token),
     .min = 8,
     .max = 16,
     .default_text = "",
     .help = "By what right."},
    {.key = "members",
     .type = OPTION_LIST,
     .offset = offsetof(struct sample, members),
     .max = 4,
     .default_text = "",
     .help = "Who."},
    {.key = NULL},
};

static void test_find_and_nearest(void **state)
{
    (void)state;
    assert_ptr_equal(options_find(table, "wait"), &table[3]);
    assert_null(options_find(table, "Wait"));
    assert_null(options_find(table, ""));
    assert_string_equal(options_nearest(table, "wiat"), "wait");
    assert_string_equal(options_nearest(table, "memebrs"), "members");
    assert_null(options_nearest(table, "something"));
    assert_null(options_nearest(&table[COUNT(table) - 1], "wait"));
}

static void test_defaults(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct sample sample = {.title = NULL, .members = {.count = 9}};
    options_defaults(table, &sample, &arena);
    assert_string_equal(sample.title, "");
    assert_string_equal(sample.name, "");
    assert_int_equal(sample.tries, 3);
    assert_int_equal(sample.wait_ms, 300000);
    assert_int_equal(sample.body_bytes, 65536);
    assert_true(sample.enabled);
    assert_int_equal(sample.mode, 1);
    assert_string_equal(sample.file, "");
    assert_string_equal(sample.token, "");
    assert_int_equal(sample.members.count, 0);
    arena_clear(&arena);
}

static void test_values(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct sample sample = {.title = NULL};
    options_defaults(table, &sample, &arena);
    static const char *const values[][2] = {
        {"title", "Gr\xc3\xbc\xc3\x9f"
                  "e"},
        {"name", "tech-lead"},
        {"tries", "9"},
        {"wait", "1h30m"},
        {"body_max", "1M"},
        {"enabled", "off"},
        {"mode", "off"},
        {"file", "a b.csv"},
        {"token", "s3cr3t-t0ken"},
        {"members", " ann,bob ,\tcarol"},
    };
    for (size_t at = 0; at < COUNT(values); at++) {
        const struct option *option = options_find(table, values[at][0]);
        assert_int_equal(options_set(option, &sample, values[at][1], &arena, NULL), 0);
    }
    assert_string_equal(sample.title, "Gr\xc3\xbc\xc3\x9f"
                                      "e");
    assert_string_equal(sample.name, "tech-lead");
    assert_int_equal(sample.tries, 9);
    assert_int_equal(sample.wait_ms, 5400000);
    assert_int_equal(sample.body_bytes, 1048576);
    assert_false(sample.enabled);
    assert_int_equal(sample.mode, 2);
    assert_string_equal(sample.file, "a b.csv");
    assert_string_equal(sample.token, "s3cr3t-t0ken");
    assert_int_equal(sample.members.count, 3);
    assert_string_equal(sample.members.items[0], "ann");
    assert_string_equal(sample.members.items[1], "bob");
    assert_string_equal(sample.members.items[2], "carol");
    arena_clear(&arena);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *text;
        const char *want;
    } cases[] = {
        {"title", "", "got 0 bytes, want 1..20"},
        {"title", "123456789 123456789 1", "got 21 bytes, want 1..20"},
        {"title", "a\x01", "got bytes that are no plain text, want UTF-8"},
        {"title", "a\xff", "got bytes that are no plain text, want UTF-8"},
        {"name", "", "got '', want a name of a-z, 0-9 and '-', at most 48"},
        {"name", "Tech", "got 'Tech', want a name"},
        {"tries", "0", "got '0', want a whole number from 1 to 9"},
        {"wait", "8d", "got '8d', want a duration of 1s..7d"},
        {"body_max", "2M", "got '2M', want a size from 1 to 1048576 bytes"},
        {"enabled", "maybe", "got 'maybe', want yes or no"},
        {"mode", "quick", "got 'quick', want one of slow, fast, off"},
        {"mode", "", "got '', want one of slow, fast, off"},
        {"members", "a,,b", "want a list without empty items"},
        {"members", "a,", "want a list without empty items"},
        {"members", ",", "want a list without empty items"},
        {"members", "a,b,c,d,e", "got 5 items, want 0..4"},
        {"token", "short", "got 5 bytes, want 8..16"},
        {"token", "much-too-long-a-secret", "got 22 bytes, want 8..16"},
        {"token", "secret\x01secret", "got bytes that are no plain text, want UTF-8"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct sample sample = {.title = NULL};
        struct sample untouched = sample;
        struct err err = {.code = ERR_NONE};
        const struct option *option = options_find(table, cases[at].key);
        assert_int_equal(options_set(option, &sample, cases[at].text, &arena, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        if (strstr(err.text, cases[at].want) == NULL) {
            fail_msg("%s: got '%s', want '%s'", cases[at].key, err.text, cases[at].want);
        }
        if (option->type == OPTION_SECRET) {
            assert_null(strstr(err.text, "secret"));
            assert_null(strstr(err.text, "short"));
        }
        assert_memory_equal(&sample, &untouched, sizeof(sample));
    }
    arena_clear(&arena);
}

static void test_text_without_a_maximum_has_one(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct sample sample = {.title = NULL};
    char *text = heap_alloc(OPTION_TEXT_BYTES_MAX + 2);
    memset(text, 'a', OPTION_TEXT_BYTES_MAX);
    assert_int_equal(options_set(options_find(table, "file"), &sample, text, &arena, NULL), 0);
    text[OPTION_TEXT_BYTES_MAX] = 'a';
    assert_int_equal(options_set(options_find(table, "file"), &sample, text, &arena, NULL), -1);
    assert_int_equal(options_set(options_find(table, "members"), &sample, text, &arena, NULL), -1);
    free(text);
    arena_clear(&arena);
}

static void test_print(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 10000);
    options_print(table, &out);
    assert_string_equal(strbuf_text(&out), "; What it is called.\n"
                                           "; title =\n"
                                           "; Which one.\n"
                                           "; name = (required)\n"
                                           "; How often.\n"
                                           "tries = 3\n"
                                           "; How long.\n"
                                           "wait = 5m\n"
                                           "; How much.\n"
                                           "body_max = 64k\n"
                                           "; Whether at all.\n"
                                           "enabled = yes\n"
                                           "; How.\n"
                                           "mode = fast\n"
                                           "; Where.\n"
                                           "; file =\n"
                                           "; By what right.\n"
                                           "; token =\n"
                                           "; Who.\n"
                                           "; members =\n");
    strbuf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_and_nearest),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_text_without_a_maximum_has_one),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

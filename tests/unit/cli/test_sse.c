/* Server-sent events in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/cli/sse.h"

struct got {
    char text[4096]; /* each event's data and "|" */
    size_t most;     /* events wanted; 0: all */
    size_t count;
};

static bool take(void *self, const char *data)
{
    struct got *got = self;
    assert_true(strlen(got->text) + strlen(data) + 2 < sizeof(got->text));
    strcat(got->text, data);
    strcat(got->text, "|");
    return ++got->count != got->most;
}

static const struct {
    const char *name, *stream, *want, *want_id;
} cases[] = {
    {"one", "id: 7\nevent: opened\ndata: {}\n\n", "{}|", "7"},
    {"no blank after the colon", "id:7\ndata:{}\n\n", "{}|", "7"},
    {"one blank is dropped, not two", "data:  x\n\n", " x|", ""},
    {"several lines of data", "data: a\ndata: b\ndata\n\n", "a\nb\n|", ""},
    {"a comment is nothing", ":\n\n: hello\n\ndata: a\n\n", "a|", ""},
    {"an id without data is a place", "id: 5\n\n", "", "5"},
    {"the id stays", "id: 5\ndata: a\n\ndata: b\n\n", "a|b|", "5"},
    {"retry and unknown fields", "retry: 1000\nfoo: x\ndata: a\n\n", "a|", ""},
    {"empty data is an event", "data:\n\n", "|", ""},
    {"CR LF", "id: 1\r\ndata: a\r\n\r\nid: 2\r\ndata: b\r\n\r\n", "a|b|", "2"},
    {"CR", "id: 1\rdata: a\r\rid: 2\rdata: b\r\r", "a|b|", "2"},
    {"what is not ended does not count", "id: 1\ndata: a\n\nid: 2\ndata: b\n", "a|", "1"},
    {"a half line does not count", "id: 1\ndata: a\n\nid: 2", "a|", "1"},
    {"colons in data", "data: a:b: c\n\n", "a:b: c|", ""},
    {"names are whole", "dataset: x\nid2: 4\ndata: a\n\n", "a|", ""},
};

static void test_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].stream);
        for (size_t piece = 1; piece <= length; piece++) {
            struct got got = {.most = 0};
            struct sse sse;
            sse_init(&sse, take, &got);
            for (size_t at = 0; at < length; at += piece) {
                size_t left = length - at;
                assert_true(sse_read(&sse, cases[i].stream + at, left < piece ? left : piece));
            }
            if (strcmp(got.text, cases[i].want) != 0 || strcmp(sse.id, cases[i].want_id) != 0)
                fail_msg("%s, in pieces of %zu: got '%s' at '%s'", cases[i].name, piece, got.text,
                         sse.id);
            sse_clear(&sse);
        }
    }
}

/* Cut anywhere and sent again behind the id: each event once. */
static void test_a_cut_anywhere(void **state)
{
    (void)state;
    static const char first[] = "id: 1\ndata: a\n\nid: 2\ndata: b\n\n";
    static const char from_1[] = "id: 2\ndata: b\n\n";
    for (size_t cut = 0; cut < sizeof(first); cut++) {
        struct got got = {.most = 0};
        struct sse sse;
        sse_init(&sse, take, &got);
        assert_true(sse_read(&sse, first, cut));
        sse_restart(&sse);
        const char *again = sse.id[0] == '\0' ? first : sse.id[0] == '1' ? from_1 : "";
        assert_true(sse_read(&sse, again, strlen(again)));
        assert_string_equal(got.text, "a|b|");
        assert_string_equal(sse.id, "2");
        sse_clear(&sse);
    }
}

static void test_enough(void **state)
{
    (void)state;
    static const char text[] = "data: a\n\ndata: b\n\ndata: c\n\n";
    struct got got = {.most = 2};
    struct sse sse;
    sse_init(&sse, take, &got);
    assert_false(sse_read(&sse, text, sizeof(text) - 1));
    assert_string_equal(got.text, "a|b|");
    assert_false(sse.too_large);
    sse_clear(&sse);
}

static void test_too_large(void **state)
{
    (void)state;
    struct got got = {.most = 0};
    struct sse sse;
    size_t count = SSE_EVENT_BYTES_MAX + 1;
    char *text = malloc(count);
    assert_non_null(text);
    memset(text, 'x', count);
    sse_init(&sse, take, &got);
    assert_false(sse_read(&sse, text, count));
    assert_true(sse.too_large);
    sse_clear(&sse);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_of_every_size),
        cmocka_unit_test(test_a_cut_anywhere),
        cmocka_unit_test(test_enough),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

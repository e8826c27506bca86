#include "gateway/worker/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MAX 5000

static size_t put(unsigned char *out, enum frame_kind kind, const char *text)
{
    frame_head(kind, strlen(text), out);
    memcpy(out + FRAME_HEAD_BYTES, text, strlen(text));
    return FRAME_HEAD_BYTES + strlen(text);
}

static void feed(struct frame_reader *reader, const unsigned char *bytes, size_t count)
{
    while (count > 0) {
        size_t room = 0;
        unsigned char *into = frame_reader_room(reader, &room);
        assert_true(room > 0);
        size_t part = count < room ? count : room;
        memcpy(into, bytes, part);
        frame_reader_took(reader, part);
        bytes += part;
        count -= part;
    }
}

static void expect(struct frame_reader *reader, enum frame_kind kind, const char *text)
{
    struct frame frame;
    assert_int_equal(frame_reader_next(reader, &frame, NULL), FRAME_WHOLE);
    assert_int_equal(frame.kind, kind);
    assert_int_equal(frame.count, strlen(text));
    assert_memory_equal(frame.bytes, text, frame.count);
}

/* Three frames, cut at every place, and into single bytes. */
static void test_cuts(void **state)
{
    (void)state;
    unsigned char bytes[200];
    size_t count = put(bytes, FRAME_ANSWER, "first");
    count += put(bytes + count, FRAME_END, "");
    count += put(bytes + count, FRAME_FAILED, "the third one");
    for (size_t cut = 0; cut <= count; cut++) {
        struct frame_reader reader;
        frame_reader_init(&reader, MAX);
        feed(&reader, bytes, cut);
        feed(&reader, bytes + cut, count - cut);
        expect(&reader, FRAME_ANSWER, "first");
        expect(&reader, FRAME_END, "");
        expect(&reader, FRAME_FAILED, "the third one");
        struct frame frame;
        assert_int_equal(frame_reader_next(&reader, &frame, NULL), FRAME_PARTIAL);
        frame_reader_clear(&reader);
    }
    struct frame_reader reader;
    struct frame frame;
    size_t seen = 0;
    frame_reader_init(&reader, MAX);
    for (size_t i = 0; i < count; i++) {
        feed(&reader, bytes + i, 1);
        while (frame_reader_next(&reader, &frame, NULL) == FRAME_WHOLE) {
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    frame_reader_clear(&reader);
}

static void test_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned char head[FRAME_HEAD_BYTES];
        enum frame_state want;
    } cases[] = {
        {"as large as allowed", {'A', 0, 0, MAX >> 8, MAX & 255}, FRAME_PARTIAL},
        {"one more", {'A', 0, 0, (MAX + 1) >> 8, (MAX + 1) & 255}, FRAME_BAD},
        {"4 GiB", {'A', 255, 255, 255, 255}, FRAME_BAD},
        {"no kind", {'a', 0, 0, 0, 0}, FRAME_BAD},
        {"NUL", {0, 0, 0, 0, 0}, FRAME_BAD},
        {"empty", {'E', 0, 0, 0, 0}, FRAME_WHOLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame_reader reader;
        struct frame frame;
        struct err err = {.code = ERR_NONE};
        frame_reader_init(&reader, MAX);
        feed(&reader, cases[i].head, FRAME_HEAD_BYTES);
        if (frame_reader_next(&reader, &frame, &err) != cases[i].want) {
            fail_msg("%s", cases[i].name);
        }
        assert_int_equal(err.code != ERR_NONE, cases[i].want == FRAME_BAD);
        frame_reader_clear(&reader);
    }
}

/* A bad kind is seen at its first byte: nobody waits for more of it. */
static void test_first_byte(void **state)
{
    (void)state;
    struct frame_reader reader;
    struct frame frame;
    frame_reader_init(&reader, MAX);
    feed(&reader, (const unsigned char *)"x", 1);
    assert_int_equal(frame_reader_next(&reader, &frame, NULL), FRAME_BAD);
    frame_reader_reset(&reader);
    assert_int_equal(frame_reader_next(&reader, &frame, NULL), FRAME_PARTIAL);
    frame_reader_clear(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

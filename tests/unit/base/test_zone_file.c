#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/base/zone.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A TZif file under construction. */
struct block_plan {
    const int64_t *times;
    const unsigned char *indexes;
    size_t time_count;
    const int32_t *offsets;
    size_t type_count;
    uint32_t leap_count;
};

static void add_number(struct strbuf *buf, uint64_t number, size_t size)
{
    for (size_t at = size; at > 0; at--) {
        strbuf_add_char(buf, (char)(number >> (8 * (at - 1)) & 0xff));
    }
}

static void add_block(struct strbuf *buf, char version, size_t time_bytes,
                      const struct block_plan *plan)
{
    const char spare[15] = {0};
    strbuf_add(buf, "TZif");
    strbuf_add_char(buf, version);
    strbuf_add_bytes(buf, spare, sizeof(spare));
    const uint64_t counts[] = {0, 0, plan->leap_count, plan->time_count, plan->type_count, 4};
    for (size_t at = 0; at < COUNT(counts); at++) {
        add_number(buf, counts[at], 4);
    }
    for (size_t at = 0; at < plan->time_count; at++) {
        add_number(buf, (uint64_t)plan->times[at], time_bytes);
    }
    strbuf_add_bytes(buf, plan->indexes, plan->time_count);
    for (size_t at = 0; at < plan->type_count; at++) {
        add_number(buf, (uint64_t)(int64_t)plan->offsets[at], 4);
        add_number(buf, 0, 2);
    }
    strbuf_add_bytes(buf, "ABC", 4);
    for (uint32_t at = 0; at < plan->leap_count; at++) {
        add_number(buf, 0, time_bytes);
        add_number(buf, 1, 4);
    }
}

static const struct block_plan empty_plan = {.offsets = (const int32_t[]){0}, .type_count = 1};

static int parse(const struct strbuf *buf, struct zone **out_zone, struct err *err)
{
    return zone_parse("Test/Zone", strbuf_text(buf), buf->length, out_zone, err);
}

static const int64_t plan_times[] = {INT64_C(-1000000000), 1000000, 2000000};
static const unsigned char plan_indexes[] = {0, 1, 2};
static const int32_t plan_offsets[] = {-3600, 7200, 12345};
static const struct block_plan three_changes = {
    .times = plan_times,
    .indexes = plan_indexes,
    .time_count = 3,
    .offsets = plan_offsets,
    .type_count = 3,
};

static void test_first_version(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 10000);
    add_block(&buf, '\0', 4, &three_changes);
    struct zone *zone = NULL;
    assert_int_equal(parse(&buf, &zone, NULL), 0);
    assert_int_equal(zone_offset_s(zone, 0), -3600);
    assert_int_equal(zone_offset_s(zone, INT64_C(999999999)), -3600);
    assert_int_equal(zone_offset_s(zone, INT64_C(1000000000)), 7200);
    assert_int_equal(zone_offset_s(zone, INT64_C(2000000000)), 12345);
    assert_int_equal(zone_offset_s(zone, INT64_C(4000000000000)), 12345);
    zone_destroy(zone);
    strbuf_clear(&buf);
}

static void test_second_block_and_footer_count(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 10000);
    add_block(&buf, '2', 4, &empty_plan);
    add_block(&buf, '2', 8, &three_changes);
    strbuf_add(&buf, "\nSTD-1DST,M3.5.0,M10.5.0/3\n");
    struct zone *zone = NULL;
    assert_int_equal(parse(&buf, &zone, NULL), 0);
    assert_int_equal(zone_offset_s(zone, INT64_C(2000000000)), 12345);
    assert_int_equal(zone_offset_s(zone, INT64_C(1768474800000)), 3600);
    assert_int_equal(zone_offset_s(zone, INT64_C(1784109600000)), 7200);
    zone_destroy(zone);
    strbuf_clear(&buf);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const int64_t falling[] = {5, 5};
    static const unsigned char wild_index[] = {3};
    static const int32_t wild_offset[] = {26 * 3600};
    static const int32_t wild_negative[] = {-25 * 3600};
    const struct {
        const char *name;
        struct block_plan plan;
        const char *footer;
        const char *want;
    } cases[] = {
        {"order",
         {.times = falling,
          .indexes = plan_indexes,
          .time_count = 2,
          .offsets = plan_offsets,
          .type_count = 3},
         "\n\n",
         "not after the one before"},
        {"type",
         {.times = plan_times,
          .indexes = wild_index,
          .time_count = 1,
          .offsets = plan_offsets,
          .type_count = 3},
         "\n\n",
         "got type 3"},
        {"offset", {.offsets = wild_offset, .type_count = 1}, "\n\n", "offset of 93600 s"},
        {"negative", {.offsets = wild_negative, .type_count = 1}, "\n\n", "offset of -90000 s"},
        {"no type", {.type_count = 0}, "\n\n", "0 local time types"},
        {"leap seconds",
         {.offsets = plan_offsets, .type_count = 1, .leap_count = 1},
         "\n\n",
         "leap seconds"},
        {"no footer", empty_plan, "", "footer"},
        {"unfinished footer", empty_plan, "\nUTC0", "footer"},
        {"no line feed first", empty_plan, "UTC0\n", "footer"},
        {"bad footer", empty_plan, "\nUTC\n", "got the rule 'UTC'"},
    };
    for (size_t at = 0; at < COUNT(cases); at++) {
        struct strbuf buf;
        strbuf_init(&buf, 10000);
        add_block(&buf, '2', 4, &empty_plan);
        add_block(&buf, '2', 8, &cases[at].plan);
        strbuf_add(&buf, cases[at].footer);
        struct zone *zone = NULL;
        struct err err = {.code = ERR_NONE};
        if (parse(&buf, &zone, &err) != -1 || strstr(err.text, cases[at].want) == NULL ||
            !text_starts_with(err.text, "time zone Test/Zone: ")) {
            fail_msg("%s: got '%s', want '%s'", cases[at].name, err.text, cases[at].want);
        }
        assert_null(zone);
        strbuf_clear(&buf);
    }
}

static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 10000);
    add_block(&buf, '2', 4, &empty_plan);
    add_block(&buf, '2', 8, &three_changes);
    strbuf_add(&buf, "\nSTD-1DST,M3.5.0,M10.5.0/3\n");
    for (size_t length = 0; length < buf.length; length++) {
        /* An exact copy, so that a sanitizer sees every byte read too far. */
        char *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, strbuf_text(&buf), length);
        char *exact = realloc(copy, length == 0 ? 1 : length);
        assert_non_null(exact);
        struct zone *zone = NULL;
        assert_int_equal(zone_parse("x", exact, length, &zone, NULL), -1);
        free(exact);
    }
    strbuf_clear(&buf);
}

static void test_too_large(void **state)
{
    (void)state;
    size_t size = ((size_t)1 << 20) + 1;
    char *bytes = calloc(1, size);
    assert_non_null(bytes);
    struct zone *zone = NULL;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(zone_parse("x", bytes, size, &zone, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    free(bytes);
}

/* One changed byte anywhere: refused or accepted, but always answered, and look-ups stay within
 * their promise. */
static void test_damaged_bytes_are_survived(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 10000);
    add_block(&buf, '2', 4, &empty_plan);
    add_block(&buf, '2', 8, &three_changes);
    strbuf_add(&buf, "\nSTD-1DST,M3.5.0,M10.5.0/3\n");
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff, '9', '-', '\n'};
    for (size_t at = 0; at < buf.length; at++) {
        char kept = buf.data[at];
        for (size_t value = 0; value < COUNT(values); value++) {
            buf.data[at] = (char)values[value];
            struct zone *zone = NULL;
            if (parse(&buf, &zone, NULL) != 0) {
                assert_null(zone);
                continue;
            }
            for (int64_t at_ms = 0; at_ms < INT64_C(2200000000000); at_ms += INT64_C(99999999999)) {
                int offset_s = zone_offset_s(zone, at_ms);
                assert_true(offset_s > -26 * 3600 && offset_s < 26 * 3600);
                (void)zone_next_clock(zone, at_ms, 12, 0);
            }
            zone_destroy(zone);
        }
        buf.data[at] = kept;
    }
    strbuf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_version),
        cmocka_unit_test(test_second_block_and_footer_count),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_damaged_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

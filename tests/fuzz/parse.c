/* Numbers, sizes, durations and times: what is read lies within its bounds, and its text is read
 * back as the same. */
#include <stdlib.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "tests/fuzz/fuzz.h"

#define WEEK_MS (INT64_C(7) * 86400000)

static void numbers(const char *text)
{
    int64_t number;
    uint64_t size;
    bool flag;
    if (parse_i64(text, -5, 1000000, &number, NULL) == 0) {
        ASSERT(number >= -5 && number <= 1000000);
    }
    if (parse_u64(text, 3, UINT64_MAX, &size, NULL) == 0) {
        ASSERT(size >= 3);
    }
    if (parse_size(text, 1, 1 << 30, &size, NULL) == 0) {
        ASSERT(size >= 1 && size <= 1 << 30);
    }
    (void)parse_bool(text, &flag, NULL); /* any answer will do */
    (void)parse_is_uuid(text);
}

static void times(const char *text)
{
    char again[TEXT_RFC3339_BYTES];
    int64_t ms;
    int64_t again_ms;
    if (parse_duration(text, 0, WEEK_MS, &ms, NULL) == 0) {
        ASSERT(ms >= 0 && ms <= WEEK_MS);
        ASSERT(parse_duration(text_duration(ms, again), 0, WEEK_MS, &again_ms, NULL) == 0);
        ASSERT(again_ms == ms);
    }
    if (parse_rfc3339(text, &ms, NULL) == 0) {
        ASSERT(parse_rfc3339(text_rfc3339(ms, again), &again_ms, NULL) == 0);
        ASSERT(again_ms == ms);
    }
}

int fuzz_one(const uint8_t *data, size_t count)
{
    struct err err = {0};
    int64_t number;
    char *text = fuzz_text(data, count);
    numbers(text);
    times(text);
    if (parse_duration(text, 0, WEEK_MS, &number, &err) != 0) {
        ASSERT(err.text[0] != '\0');
    }
    free(text);
    return 0;
}

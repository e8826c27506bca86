/* A calendar, in UTC and with two zones known. What is read is in order, inside the window, and in the zone's time. */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/calendar/reader.h"
#include "tests/fuzz/fuzz.h"

static const struct zone *find_zone(void *self, const char *name)
{
    return strcmp(name, "Europe/Berlin") == 0 || strcmp(name, "UTC") == 0 ? self : NULL;
}

int fuzz_one(const uint8_t *data, size_t count)
{
    struct zone *zone = zone_utc();
    struct arena arena;
    struct err err = {0};
    struct calendar_shift *shifts = NULL;
    size_t shift_count = 0;
    const struct calendar_options options = {.zone = zone,
                                             .find_zone = find_zone,
                                             .self = zone,
                                             .from_ms = INT64_C(1767225600000),   /* 2026 */
                                             .until_ms = INT64_C(1798761600000)}; /* 2027 */
    arena_init(&arena);
    if (calendar_reader_read((const char *)data, count, &options, &arena, &shifts, &shift_count,
                             &err) != 0)
        ASSERT(err.text[0] != '\0');
    for (size_t i = 0; i < shift_count; i++) {
        ASSERT(shifts[i].from_ms < shifts[i].until_ms && shifts[i].until_ms > options.from_ms);
        ASSERT(shifts[i].from_ms < options.until_ms);
        ASSERT(i == 0 || shifts[i - 1].from_ms <= shifts[i].from_ms);
    }
    arena_clear(&arena);
    zone_destroy(zone);
    return 0;
}

/* Bodies of POST /v1/events: both readers. The first byte says whether the content type is that of
 * lines. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/native_pair.h"

int fuzz_one(const uint8_t *data, size_t count)
{
    if (count > 0) {
        const struct native_body body = {.bytes = (const char *)data + 1,
                                         .count = count - 1,
                                         .is_ndjson = data[0] == 'n',
                                         .events_max = 20};
        (void)native_pair(&body);
    }
    return 0;
}

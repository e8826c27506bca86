/* The Retry-After header of a provider. */
#include <stdlib.h>

#include "channels/support/retry_after.h"
#include "gateway/base/assert.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS INT64_C(1772435720000)

int fuzz_one(const uint8_t *data, size_t count)
{
    int64_t wait_ms = retry_after_parse((const char *)data, count, NOW_MS);
    ASSERT(wait_ms >= 0 && wait_ms <= RETRY_AFTER_MAX_MS);
    return 0;
}

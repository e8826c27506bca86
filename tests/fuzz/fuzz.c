#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "gateway/base/arena.h"

char *fuzz_text(const uint8_t *data, size_t count)
{
    char *text = heap_alloc(count + 1);
    if (count > 0) {
        memcpy(text, data, count);
    }
    return text;
}

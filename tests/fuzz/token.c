/* The token of a reply: only the one that we made is ours. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/system/token.h"
#include "tests/fuzz/fuzz.h"

#define NOTIFICATION 4711
#define EXPIRES_AT_MS INT64_C(1772435720000)

int fuzz_one(const uint8_t *data, size_t count)
{
    unsigned char bytes[32] = "a key only for this very test..";
    const struct secret key = {.bytes = bytes, .count = sizeof(bytes)};
    char ours[TOKEN_TEXT_BYTES];
    uint64_t notification = 0;
    char *text = fuzz_text(data, count);
    token_make(&key, NOTIFICATION, "ann", EXPIRES_AT_MS, ours);
    bool is_token = token_read(text, &notification);
    bool is_ours = token_verify(&key, text, NOTIFICATION, "ann", EXPIRES_AT_MS);
    ASSERT(is_ours == text_equal_fold(text, ours));
    ASSERT(!is_ours || (is_token && notification == NOTIFICATION));
    ASSERT(!is_token || strlen(text) == TOKEN_TEXT_BYTES - 1);
    ASSERT(!token_verify(&key, text, NOTIFICATION, "bob", EXPIRES_AT_MS));
    free(text);
    return 0;
}

/* A matcher's pattern in the first line, a text in the rest. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/regex.h"
#include "tests/fuzz/fuzz.h"

int fuzz_one(const uint8_t *data, size_t count)
{
    struct regex *regex = NULL;
    struct err err = {0};
    char *pattern = fuzz_text(data, count);
    char *subject = strchr(pattern, '\n');
    if (subject) {
        *subject++ = '\0';
    }
    if (regex_create(pattern, &regex, &err) == 0) {
        bool is_limited = false;
        const char *text = subject ? subject : "";
        bool matches = regex_matches(regex, text, strlen(text), &is_limited);
        ASSERT(!matches || !is_limited);
        regex_destroy(regex);
    } else {
        ASSERT(err.text[0] != '\0');
    }
    free(pattern);
    return 0;
}

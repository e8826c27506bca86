#include "gateway/engine/pattern.h"

#include <stdbool.h>
#include <string.h>

/* Stands for itself wherever it stands outside a class, a group or a quantifier. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-/:@,= ", c) != NULL);
}

size_t pattern_choices(const char *pattern, struct pattern_choice out_choices[PATTERN_CHOICES_MAX])
{
    size_t count = 0;
    for (;;) {
        size_t bytes = 0;
        while (is_plain(pattern[bytes]))
            bytes++;
        bool ends = pattern[bytes] == '\0' || pattern[bytes] == '|';
        if (bytes == 0 || !ends || count == PATTERN_CHOICES_MAX)
            return 0;
        out_choices[count++] = (struct pattern_choice){.text = pattern, .bytes = bytes};
        if (pattern[bytes] == '\0')
            return count;
        pattern += bytes + 1;
    }
}

size_t pattern_prefix(const char *pattern)
{
    size_t bytes = 0;
    if (strchr(pattern, '|') != NULL)
        return 0;
    while (is_plain(pattern[bytes]))
        bytes++;
    /* A quantifier takes the last character back: it may be there never, or more than once. */
    bool quantified = pattern[bytes] != '\0' && strchr("?*+{", pattern[bytes]) != NULL;
    return quantified && bytes > 0 ? bytes - 1 : bytes;
}

#include "gateway/base/text.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/words.h"

#define NEAREST_BYTES_MAX 64

/* Eight bytes in little-endian order on every machine, so that hashes agree everywhere. */
static uint64_t load_8(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static uint32_t load_4(const unsigned char *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static bool is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The second byte alone decides overlongs, surrogates and the upper end of Unicode. */
static bool second_is_allowed(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

size_t text_utf8_step(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 0 || bytes[0] == 0) {
        return 0;
    }
    unsigned char first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    size_t count = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (count == 0 || count > length || !is_tail(bytes[1]) || !second_is_allowed(first, bytes[1])) {
        return 0;
    }
    for (size_t i = 2; i < count; i++) {
        if (!is_tail(bytes[i])) {
            return 0;
        }
    }
    return count;
}

size_t text_unseen_step(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (length > 0 && (bytes[0] < 0x20 || bytes[0] == 0x7f)) {
        return 1;
    }
    size_t step = text_utf8_step(text, length);
    if (step == 2) {
        return bytes[0] == 0xc2 && bytes[1] < 0xa0 ? 2 : 0;
    }
    if (step != 3) {
        return 0;
    }
    unsigned code = (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
    bool turns = code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                 (code >= 0x2066 && code <= 0x2069);
    return turns || code == 0x2028 || code == 0x2029 || code == 0xfeff ? 3 : 0;
}

/* ASCII without NUL. */
static bool is_plain_word(uint64_t word)
{
    return !word_has_top(word) && !word_has_below(word, 1);
}

bool text_is_utf8(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        if (length - at >= WORD_BYTES && is_plain_word(word_load(text + at))) {
            at += WORD_BYTES;
            continue;
        }
        size_t step = text_utf8_step(text + at, length - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

bool text_has_control(const char *text, size_t length)
{
    size_t i = 0;
    while (length - i >= WORD_BYTES && !word_has_below(word_load(text + i), 0x20) &&
           !word_has(word_load(text + i), 0x7f)) {
        i += WORD_BYTES;
    }
    for (; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

bool text_is_name(const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        char c = text[length];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (length >= 48 || !(plain || (c == '-' && length > 0))) {
            return false;
        }
    }
    return length > 0;
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool text_equal_fold(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] != '\0' && fold(a[i]) == fold(b[i])) {
        i++;
    }
    return a[i] == b[i];
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *text_excerpt(const char *text, char out[TEXT_EXCERPT_BYTES])
{
    size_t length = strnlen(text, TEXT_EXCERPT_BYTES);
    size_t room = length < TEXT_EXCERPT_BYTES ? length : TEXT_EXCERPT_BYTES - 4;
    size_t at = 0;
    while (at < room) {
        size_t step = text_utf8_step(text + at, length - at);
        if (at + step > room) {
            break;
        }
        if (step > 1) {
            memcpy(out + at, text + at, step);
            at += step;
            continue;
        }
        char c = text[at];
        out[at++] = step == 0 || (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
    }
    memcpy(out + at, at < length ? "..." : "", at < length ? 4 : 1);
    return out;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours ("pgae") each count one. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NEAREST_BYTES_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_length; j++) {
        before[j] = last[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = least(last[j - 1] + same, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}

const char *text_nearest(const char *wanted, const char *const *candidates, size_t count)
{
    size_t wanted_length = strlen(wanted);
    if (wanted_length > NEAREST_BYTES_MAX) {
        return NULL;
    }
    size_t best_distance = (wanted_length < 3 ? 1 : wanted_length / 3) + 1;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(candidates[i]);
        if (length > NEAREST_BYTES_MAX) {
            continue;
        }
        size_t distance = edit_distance(wanted, wanted_length, candidates[i], length);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}

/* Multiplying carries low bits up only; folding the top half down lets every input bit reach every
 * output bit. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
}

uint64_t text_hash(uint64_t seed, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint64_t hash = mix(seed ^ 0xcbf29ce484222325u, count);
    while (count >= 8) {
        hash = mix(hash, load_8(at));
        at += 8;
        count -= 8;
    }
    uint64_t rest = 0;
    unsigned shift = 0;
    if ((count & 4) != 0) {
        rest = load_4(at);
        at += 4;
        shift = 32;
    }
    for (size_t i = 0; i < (count & 3); i++) {
        rest |= (uint64_t)at[i] << shift;
        shift += 8;
    }
    return mix(mix(hash, rest), 0x100000001b3u);
}

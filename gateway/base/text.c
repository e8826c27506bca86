#include "gateway/base/text.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/zone.h"

#define NAME_BYTES_MAX 48
#define NEAREST_BYTES_MAX 64 /* longer words get no suggestion */

#define DAY_MS INT64_C(86400000)
#define RFC3339_MIN_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00Z */
#define RFC3339_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static void put_digits(char *out, int number, int width)
{
    for (int at = width - 1; at >= 0; at--) {
        out[at] = (char)('0' + number % 10);
        number /= 10;
    }
}

const char *text_rfc3339(int64_t at_ms, char out[TEXT_RFC3339_BYTES])
{
    int64_t clamped = at_ms < RFC3339_MIN_MS ? RFC3339_MIN_MS : at_ms;
    clamped = clamped > RFC3339_MAX_MS ? RFC3339_MAX_MS : clamped;
    int64_t days = clamped / DAY_MS - (clamped % DAY_MS < 0 ? 1 : 0);
    int in_day_ms = (int)(clamped - days * DAY_MS);
    int year = 0;
    int month = 0;
    int day = 0;
    civil_from_days(days, &year, &month, &day);

    memcpy(out, "0000-00-00T00:00:00.000Z", sizeof("0000-00-00T00:00:00.000Z"));
    put_digits(out, year, 4);
    put_digits(out + 5, month, 2);
    put_digits(out + 8, day, 2);
    put_digits(out + 11, in_day_ms / 3600000, 2);
    put_digits(out + 14, in_day_ms / 60000 % 60, 2);
    put_digits(out + 17, in_day_ms / 1000 % 60, 2);
    if (in_day_ms % 1000 != 0) {
        put_digits(out + 20, in_day_ms % 1000, 3);
    } else {
        memcpy(out + 19, "Z", sizeof("Z"));
    }
    return out;
}

const char *text_duration(int64_t duration_ms, char out[TEXT_RFC3339_BYTES])
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};

    const char *sign = duration_ms < 0 ? "-" : "";
    uint64_t rest = duration_ms < 0 ? UINT64_C(0) - (uint64_t)duration_ms : (uint64_t)duration_ms;
    if (rest == 0 || rest % 1000 != 0) {
        (void)snprintf(out, TEXT_RFC3339_BYTES, "%s%llu%s", sign, (unsigned long long)rest,
                       rest == 0 ? "s" : "ms");
        return out;
    }
    /* The longest, "-106751991167d7h12m55s", fits. */
    size_t length = (size_t)snprintf(out, TEXT_RFC3339_BYTES, "%s", sign);
    for (size_t unit = 0; unit < sizeof(units) / sizeof(units[0]); unit++) {
        uint64_t count = rest / units[unit].ms;
        rest %= units[unit].ms;
        if (count != 0) {
            length += (size_t)snprintf(out + length, TEXT_RFC3339_BYTES - length, "%llu%s",
                                       (unsigned long long)count, units[unit].name);
        }
    }
    return out;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The range of the second byte keeps out overlong forms, surrogates and what lies past U+10FFFF. */
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_continuation(second);
    }
}

size_t text_utf8_step(const char *text, size_t length)
{
    if (length == 0 || text[0] == '\0') {
        return 0;
    }
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size > length || !second_fits(first, (unsigned char)text[1])) {
        return 0;
    }
    for (size_t at = 2; at < size; at++) {
        if (!is_continuation((unsigned char)text[at])) {
            return 0;
        }
    }
    return size;
}

bool text_is_utf8(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
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
    for (size_t at = 0; at < length; at++) {
        unsigned char byte = (unsigned char)text[at];
        if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_name(const char *text)
{
    if (!is_name_start(text[0])) {
        return false;
    }
    size_t length = 1;
    while (is_name_start(text[length]) || text[length] == '-') {
        if (++length > NAME_BYTES_MAX) {
            return false;
        }
    }
    return text[length] == '\0';
}

bool text_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_fold(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *text_excerpt(const char *text, char out[TEXT_EXCERPT_BYTES])
{
    const size_t room = TEXT_EXCERPT_BYTES - sizeof("...");
    size_t length = strnlen(text, TEXT_EXCERPT_BYTES);
    size_t kept = 0;
    while (kept < length) {
        size_t step = text_utf8_step(text + kept, length - kept);
        size_t taken = step == 0 ? 1 : step;
        if (kept + taken > room) {
            break;
        }
        bool shown = step > 1 || (step == 1 && text[kept] >= 0x20 && text[kept] != 0x7f);
        memcpy(out + kept, shown ? text + kept : "?", taken);
        kept += taken;
    }
    memcpy(out + kept, text[kept] == '\0' ? "" : "...", text[kept] == '\0' ? 1 : sizeof("..."));
    return out;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance in which two swapped neighbours count as one edit: the commonest slip of the
 * fingers. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NEAREST_BYTES_MAX + 1] = {{0}};
    for (size_t column = 0; column <= b_length; column++) {
        rows[0][column] = column;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            size_t best = least(least(before[j] + 1, now[j - 1] + 1), before[j - 1] + cost);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            now[j] = swapped ? least(best, two_before[j - 2] + 1) : best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *text_nearest(const char *wanted, const char *const *candidates, size_t count)
{
    size_t length = strnlen(wanted, NEAREST_BYTES_MAX + 1);
    if (length > NEAREST_BYTES_MAX) {
        return NULL;
    }
    const char *nearest = NULL;
    size_t limit = length < 3 ? 1 : length / 3;
    for (size_t at = 0; at < count; at++) {
        size_t candidate_length = strnlen(candidates[at], NEAREST_BYTES_MAX + 1);
        if (candidate_length > NEAREST_BYTES_MAX) {
            continue;
        }
        size_t distance = edit_distance(wanted, length, candidates[at], candidate_length);
        if (nearest == NULL ? distance <= limit : distance < limit) {
            nearest = candidates[at];
            limit = distance;
        }
    }
    return nearest;
}

uint64_t text_hash(uint64_t seed, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (seed * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t left = count; left != 0; left--) {
        hash = (hash ^ *at++) * UINT64_C(0x100000001b3);
    }
    /* The low bits of FNV are weak and our tables mask them: fold the high half in twice. */
    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

#include "gateway/base/parse.h"

#include <stddef.h>

#include "gateway/base/text.h"
#include "gateway/base/zone.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *text to a number; moves *text past them. False without a digit or past 64 bits. */
static bool digits_read(const char **text, uint64_t *out_number)
{
    if (!is_digit(**text)) {
        return false;
    }
    uint64_t number = 0;
    for (; is_digit(**text); (*text)++) {
        uint64_t digit = (uint64_t)(**text - '0');
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            return false;
        }
    }
    *out_number = number;
    return true;
}

static bool i64_read(const char *text, int64_t *out_value)
{
    bool negative = *text == '-';
    const char *at = negative ? text + 1 : text;
    uint64_t magnitude = 0;
    if (!digits_read(&at, &magnitude) || *at != '\0') {
        return false;
    }
    if (negative) {
        return !__builtin_sub_overflow(INT64_C(0), magnitude, out_value);
    }
    return !__builtin_add_overflow(INT64_C(0), magnitude, out_value);
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out_value, struct err *err)
{
    int64_t value = 0;
    if (!i64_read(text, &value) || value < min || value > max) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID, "got '%s', want a whole number from %lld to %lld",
                       text_excerpt(text, got), (long long)min, (long long)max);
    }
    *out_value = value;
    return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out_value, struct err *err)
{
    const char *at = text;
    uint64_t value = 0;
    if (!digits_read(&at, &value) || *at != '\0' || value < min || value > max) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID, "got '%s', want a whole number from %llu to %llu",
                       text_excerpt(text, got), (unsigned long long)min, (unsigned long long)max);
    }
    *out_value = value;
    return 0;
}

int parse_bool(const char *text, bool *out_value, struct err *err)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"yes", true}, {"no", false},  {"true", true},
                 {"on", true},  {"off", false}, {"false", false}};
    for (size_t at = 0; at < sizeof(words) / sizeof(words[0]); at++) {
        if (text_equal_fold(text, words[at].word)) {
            *out_value = words[at].value;
            return 0;
        }
    }
    char got[TEXT_EXCERPT_BYTES];
    return err_set(err, ERR_INVALID, "got '%s', want yes or no", text_excerpt(text, got));
}

/* Largest first: a compound duration names each unit at most once and in this order. */
static const struct {
    const char *name;
    int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define DURATION_UNIT_COUNT (sizeof(duration_units) / sizeof(duration_units[0]))

/* The unit at *text, from `first` on; moves *text past it. "m" is minutes only when no "s" follows.
 */
static size_t unit_read(const char **text, size_t first)
{
    for (size_t unit = DURATION_UNIT_COUNT; unit > first; unit--) {
        const char *name = duration_units[unit - 1].name;
        if (text_starts_with(*text, name)) {
            *text += name[1] == '\0' ? 1 : 2;
            return unit - 1;
        }
    }
    return DURATION_UNIT_COUNT;
}

static bool duration_read(const char *text, int64_t *out_ms)
{
    if (text_equal(text, "0")) {
        *out_ms = 0;
        return true;
    }
    int64_t total = 0;
    size_t next_unit = 0;
    do {
        uint64_t count = 0;
        int64_t part = 0;
        if (!digits_read(&text, &count)) {
            return false;
        }
        size_t unit = unit_read(&text, next_unit);
        if (unit == DURATION_UNIT_COUNT ||
            __builtin_mul_overflow(count, duration_units[unit].ms, &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return false;
        }
        next_unit = unit + 1;
    } while (*text != '\0');
    *out_ms = total;
    return true;
}

int parse_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
                   struct err *err)
{
    int64_t value_ms = 0;
    char got[TEXT_EXCERPT_BYTES];
    if (!duration_read(text, &value_ms)) {
        return err_set(err, ERR_INVALID, "got '%s', want a duration like 90s, 5m, 2h, 3d",
                       text_excerpt(text, got));
    }
    if (value_ms < min_ms || value_ms > max_ms) {
        char least[TEXT_RFC3339_BYTES];
        char most[TEXT_RFC3339_BYTES];
        return err_set(err, ERR_INVALID, "got '%s', want a duration from %s to %s",
                       text_excerpt(text, got), text_duration(min_ms, least),
                       text_duration(max_ms, most));
    }
    *out_ms = value_ms;
    return 0;
}

/* How far a size suffix shifts, or -1. */
static int suffix_shift(const char *suffix)
{
    if (suffix[0] == '\0') {
        return 0;
    }
    if (suffix[1] != '\0') {
        return -1;
    }
    switch (suffix[0]) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return -1;
    }
}

static bool size_read(const char *text, uint64_t *out_bytes)
{
    uint64_t count = 0;
    if (!digits_read(&text, &count)) {
        return false;
    }
    int shift = suffix_shift(text);
    return shift >= 0 && !__builtin_mul_overflow(count, UINT64_C(1) << shift, out_bytes);
}

int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *out_bytes, struct err *err)
{
    uint64_t bytes = 0;
    char got[TEXT_EXCERPT_BYTES];
    if (!size_read(text, &bytes)) {
        return err_set(err, ERR_INVALID, "got '%s', want a size like 4096, 64k, 1M, 2G",
                       text_excerpt(text, got));
    }
    if (bytes < min || bytes > max) {
        return err_set(err, ERR_INVALID, "got '%s', want a size from %llu to %llu bytes",
                       text_excerpt(text, got), (unsigned long long)min, (unsigned long long)max);
    }
    *out_bytes = bytes;
    return 0;
}

/* Exactly `width` digits between min and max at *text, then `follow` unless that is NUL. */
static bool field_read(const char **text, int width, int min, int max, char follow, int *out_value)
{
    int value = 0;
    for (; width > 0; width--, (*text)++) {
        if (!is_digit(**text)) {
            return false;
        }
        value = value * 10 + (**text - '0');
    }
    if (value < min || value > max || (follow != '\0' && **text != follow)) {
        return false;
    }
    *text += follow == '\0' ? 0 : 1;
    *out_value = value;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

static bool fraction_read(const char **text, int *out_ms)
{
    int ms = 0;
    if (**text == '.') {
        (*text)++;
        if (!is_digit(**text)) {
            return false;
        }
        for (int weight = 100; is_digit(**text); weight /= 10, (*text)++) {
            ms += (**text - '0') * weight;
        }
    }
    *out_ms = ms;
    return true;
}

static bool offset_read(const char **text, int *out_offset_s)
{
    char sign = *(*text)++;
    if (sign == 'Z' || sign == 'z') {
        *out_offset_s = 0;
        return true;
    }
    int hours = 0;
    int minutes = 0;
    if ((sign != '+' && sign != '-') || !field_read(text, 2, 0, 23, ':', &hours) ||
        !field_read(text, 2, 0, 59, '\0', &minutes)) {
        return false;
    }
    int offset_s = (hours * 60 + minutes) * 60;
    *out_offset_s = sign == '-' ? -offset_s : offset_s;
    return true;
}

static bool rfc3339_date_read(const char **text, int64_t *out_days)
{
    int year = 0;
    int month = 0;
    int day = 0;
    if (!field_read(text, 4, 0, 9999, '-', &year) || !field_read(text, 2, 1, 12, '-', &month) ||
        !field_read(text, 2, 1, month_days(year, month), '\0', &day) ||
        (**text != 'T' && **text != 't')) {
        return false;
    }
    (*text)++;
    *out_days = civil_days(year, month, day);
    return true;
}

static bool rfc3339_read(const char *text, int64_t *out_at_ms)
{
    int64_t days = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int ms = 0;
    int offset_s = 0;
    if (!rfc3339_date_read(&text, &days) || !field_read(&text, 2, 0, 23, ':', &hour) ||
        !field_read(&text, 2, 0, 59, ':', &minute) || !field_read(&text, 2, 0, 60, '\0', &second) ||
        !fraction_read(&text, &ms) || !offset_read(&text, &offset_s) || *text != '\0') {
        return false;
    }
    /* Unix time has no leap second: the last instant before it stands for all of it. */
    if (second == 60) {
        second = 59;
        ms = 999;
    }
    int64_t at_s = days * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    *out_at_ms = at_s * 1000 + ms;
    return true;
}

int parse_rfc3339(const char *text, int64_t *out_at_ms, struct err *err)
{
    const int64_t end_ms = INT64_C(253402300800000); /* the year 10000 */
    int64_t at_ms = 0;
    char got[TEXT_EXCERPT_BYTES];
    if (!rfc3339_read(text, &at_ms)) {
        return err_set(
            err, ERR_INVALID,
            "got '%s', want a time like 2026-03-01T02:00:00Z or 2026-03-01T03:00:00+01:00",
            text_excerpt(text, got));
    }
    if (at_ms < 0 || at_ms >= end_ms) {
        return err_set(err, ERR_INVALID, "got '%s', want a time in the years 1970 to 9999",
                       text_excerpt(text, got));
    }
    *out_at_ms = at_ms;
    return 0;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool parse_is_uuid(const char *text)
{
    for (int at = 0; at < 36; at++) {
        bool wants_dash = at == 8 || at == 13 || at == 18 || at == 23;
        if (wants_dash ? text[at] != '-' : !is_hex(text[at])) {
            return false;
        }
    }
    return text[36] == '\0';
}

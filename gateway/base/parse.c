#include "gateway/base/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/base/zone.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits at *at and moves it past them; false when there is none or the number needs more
 * than 64 bits. */
static bool read_digits(const char **at, uint64_t *out_value)
{
    const char *p = *at;
    uint64_t value = 0;
    if (!is_digit(*p)) {
        return false;
    }
    for (; is_digit(*p); p++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) {
            return false;
        }
    }
    *at = p;
    *out_value = value;
    return true;
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out_value, struct err *err)
{
    const char *at = text;
    bool negative = *at == '-';
    at += negative;
    uint64_t size;
    bool fine = read_digits(&at, &size) && *at == '\0' && size <= (uint64_t)INT64_MAX + negative;
    int64_t value = 0;
    if (fine) {
        value = negative && size > 0 ? -(int64_t)(size - 1) - 1 : (int64_t)size;
    }
    if (!fine || value < min || value > max) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID,
                       "got '%s', want a whole number from %" PRId64 " to %" PRId64,
                       text_excerpt(text, got), min, max);
    }
    *out_value = value;
    return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out_value, struct err *err)
{
    const char *at = text;
    uint64_t value;
    if (!read_digits(&at, &value) || *at != '\0' || value < min || value > max) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID,
                       "got '%s', want a whole number from %" PRIu64 " to %" PRIu64,
                       text_excerpt(text, got), min, max);
    }
    *out_value = value;
    return 0;
}

int parse_bool(const char *text, bool *out_value, struct err *err)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text_equal_fold(text, words[i])) {
            *out_value = i % 2 == 1;
            return 0;
        }
    }
    char got[TEXT_EXCERPT_BYTES];
    return err_set(err, ERR_INVALID, "got '%s', want yes or no", text_excerpt(text, got));
}

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {.name = "d", .factor = 86400000}, {.name = "h", .factor = 3600000},
    {.name = "ms", .factor = 1},       {.name = "m", .factor = 60000},
    {.name = "s", .factor = 1000},
};

static const struct unit *find_unit(const char *text)
{
    for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
        if (text_starts_with(text, duration_units[i].name)) {
            return &duration_units[i];
        }
    }
    return NULL;
}

/* Units stand in falling order, each once: "30m1h" and "5m5m" are more likely slips than wishes. */
static bool read_duration(const char *text, int64_t *out_ms)
{
    uint64_t total = 0;
    uint64_t last_factor = UINT64_MAX;
    const char *at = text;
    do {
        uint64_t number;
        if (!read_digits(&at, &number)) {
            return false;
        }
        const struct unit *unit = find_unit(at);
        if (unit == NULL || unit->factor >= last_factor ||
            __builtin_mul_overflow(number, unit->factor, &number) ||
            __builtin_add_overflow(total, number, &total)) {
            return false;
        }
        last_factor = unit->factor;
        at += strlen(unit->name);
    } while (*at != '\0');
    *out_ms = (int64_t)total;
    return total <= INT64_MAX;
}

int parse_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
                   struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    int64_t duration_ms = 0;
    if (!text_equal(text, "0") && !read_duration(text, &duration_ms)) {
        return err_set(err, ERR_INVALID, "got '%s', want a duration like 90s, 5m, 2h, 3d",
                       text_excerpt(text, got));
    }
    if (duration_ms < min_ms || duration_ms > max_ms) {
        char low[TEXT_RFC3339_BYTES];
        char high[TEXT_RFC3339_BYTES];
        return err_set(err, ERR_INVALID, "got '%s', want a duration of %s..%s",
                       text_excerpt(text, got), text_duration(min_ms, low),
                       text_duration(max_ms, high));
    }
    *out_ms = duration_ms;
    return 0;
}

/* -1: not a size letter. */
static int size_shift(char letter)
{
    switch (letter) {
    case '\0':
        return 0;
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

static bool read_size(const char *text, uint64_t *out_bytes)
{
    const char *at = text;
    uint64_t number;
    if (!read_digits(&at, &number)) {
        return false;
    }
    int shift = size_shift(*at);
    if (shift < 0 || (shift > 0 && at[1] != '\0')) {
        return false;
    }
    return !__builtin_mul_overflow(number, (uint64_t)1 << shift, out_bytes);
}

int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *out_bytes, struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    uint64_t bytes;
    if (!read_size(text, &bytes)) {
        return err_set(err, ERR_INVALID, "got '%s', want a size like 4096, 64k, 1M, 2G",
                       text_excerpt(text, got));
    }
    if (bytes < min || bytes > max) {
        return err_set(err, ERR_INVALID,
                       "got '%s', want a size from %" PRIu64 " to %" PRIu64 " bytes",
                       text_excerpt(text, got), min, max);
    }
    *out_bytes = bytes;
    return 0;
}

/* Exactly `width` digits between min and max, then one of the bytes in `ends` unless it is empty.
 */
static bool read_field(const char **at, int width, int min, int max, const char *ends,
                       int *out_value)
{
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (!is_digit((*at)[i])) {
            return false;
        }
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += width;
    if (*ends != '\0') {
        if (**at == '\0' || strchr(ends, **at) == NULL) {
            return false;
        }
        (*at)++;
    }
    *out_value = value;
    return value >= min && value <= max;
}

static bool read_fraction(const char **at, int *out_ms)
{
    int ms = 0;
    int weight = 100;
    if (**at == '.') {
        (*at)++;
        if (!is_digit(**at)) {
            return false;
        }
        for (; is_digit(**at); (*at)++) {
            ms += weight * (**at - '0');
            weight /= 10;
        }
    }
    *out_ms = ms;
    return true;
}

static bool read_offset(const char **at, int *out_minutes)
{
    char sign = **at;
    if (sign == 'Z' || sign == 'z') {
        (*at)++;
        *out_minutes = 0;
        return true;
    }
    int hours, minutes;
    if (sign != '+' && sign != '-') {
        return false;
    }
    (*at)++;
    if (!read_field(at, 2, 0, 23, ":", &hours) || !read_field(at, 2, 0, 59, "", &minutes)) {
        return false;
    }
    *out_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return true;
}

static int month_days(int year, int month)
{
    int next_year = month == 12 ? year + 1 : year;
    int next_month = month == 12 ? 1 : month + 1;
    return (int)(civil_days(next_year, next_month, 1) - civil_days(year, month, 1));
}

static bool read_rfc3339(const char *at, int64_t *out_at_ms)
{
    int year, month, day, hour, minute, second, ms, offset;
    if (!read_field(&at, 4, 1970, 9999, "-", &year) || !read_field(&at, 2, 1, 12, "-", &month) ||
        !read_field(&at, 2, 1, month_days(year, month), "Tt ", &day) ||
        !read_field(&at, 2, 0, 23, ":", &hour) || !read_field(&at, 2, 0, 59, ":", &minute) ||
        !read_field(&at, 2, 0, 60, "", &second) || !read_fraction(&at, &ms) ||
        !read_offset(&at, &offset) || *at != '\0') {
        return false;
    }
    if (second == 60) {
        second = 59;
        ms = 999;
    }
    int64_t minutes = civil_days(year, month, day) * 1440 + hour * 60 + minute - offset;
    *out_at_ms = (minutes * 60 + second) * 1000 + ms;
    return *out_at_ms >= 0 && *out_at_ms < civil_days(10000, 1, 1) * 86400000;
}

int parse_rfc3339(const char *text, int64_t *out_at_ms, struct err *err)
{
    int64_t at_ms;
    if (!read_rfc3339(text, &at_ms)) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID,
                       "got '%s', want a time like 2026-03-01T02:00:00Z (RFC 3339, from 1970)",
                       text_excerpt(text, got));
    }
    *out_at_ms = at_ms;
    return 0;
}

int parse_certificate_time(const char *text, int64_t *out_at_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char zone[] = " GMT";
    enum { ISO_BYTES = 19, PRINTED_BYTES = 20, MONTH_BYTES = 3, RFC3339_BYTES = 21 };
    char iso[RFC3339_BYTES];
    size_t length = strlen(text);
    if (length == ISO_BYTES + sizeof(zone) - 1) {
        memcpy(iso, text, ISO_BYTES);
    } else if (length == PRINTED_BYTES + sizeof(zone) - 1) {
        int month = 0; /* Dec  1 23:59:59 2026 */
        while (month < 12 && memcmp(months + MONTH_BYTES * month, text, MONTH_BYTES) != 0) {
            month++;
        }
        (void)snprintf(iso, sizeof(iso), "%.4s-%02d-%c%cT%.8s", text + 16, month + 1,
                       text[4] == ' ' ? '0' : text[4], text[5], text + 7);
    } else {
        return -1;
    }
    iso[ISO_BYTES] = 'Z';
    iso[ISO_BYTES + 1] = '\0';
    bool is_utc = memcmp(text + length - (sizeof(zone) - 1), zone, sizeof(zone) - 1) == 0;
    return is_utc && read_rfc3339(iso, out_at_ms) ? 0 : -1;
}

bool parse_clock(const char *text, int *out_minute)
{
    const char *at = text;
    int hour, minute;
    int width = is_digit(text[0]) && text[1] == ':' ? 1 : 2;
    if (!read_field(&at, width, 0, 23, ":", &hour) || !read_field(&at, 2, 0, 59, "", &minute) ||
        *at != '\0') {
        return false;
    }
    *out_minute = hour * 60 + minute;
    return true;
}

bool parse_is_uuid(const char *text)
{
    size_t i = 0;
    for (; i < 36 && text[i] != '\0'; i++) {
        char c = text[i];
        bool wants_dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (wants_dash ? c != '-' : !is_hex) {
            return false;
        }
    }
    return i == 36 && text[i] == '\0';
}

#include "channels/support/retry_after.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/base/zone.h"

#define VALUE_BYTES_MAX 64
#define DAY_MS INT64_C(86400000)

/* One pattern per form: letters are read as below, anything else stands for itself.
 * D day, M month name, Y four-digit year, y two-digit year, T hh:mm:ss, W any day name. */
static const char *const patterns[] = {
    "W, D M Y T GMT", /* Sun, 06 Nov 1994 08:49:37 GMT */
    "W, D-M-y T GMT", /* Sunday, 06-Nov-94 08:49:37 GMT */
    "W M D T Y",      /* Sun Nov  6 08:49:37 1994 */
};

struct cursor {
    const char *at;
    const char *end;
};

static bool read_digits(struct cursor *cursor, int count, int *out_value)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9') {
            return false;
        }
        value = value * 10 + (*cursor->at++ - '0');
    }
    *out_value = value;
    return true;
}

static bool read_word(struct cursor *cursor)
{
    const char *from = cursor->at;
    while (cursor->at != cursor->end &&
           ((*cursor->at | 0x20) >= 'a' && (*cursor->at | 0x20) <= 'z')) {
        cursor->at++;
    }
    return cursor->at - from >= 3;
}

static bool read_month(struct cursor *cursor, int *out_month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (cursor->end - cursor->at < 3) {
        return false;
    }
    for (int month = 1; month <= 12; month++) {
        if (memcmp(cursor->at, names + (month - 1) * 3, 3) == 0) {
            cursor->at += 3;
            *out_month = month;
            return true;
        }
    }
    return false;
}

static bool read_day(struct cursor *cursor, int *out_day)
{
    /* The asctime form pads the day with a space. */
    if (cursor->at != cursor->end && *cursor->at == ' ') {
        cursor->at++;
        return read_digits(cursor, 1, out_day);
    }
    return read_digits(cursor, 2, out_day);
}

static bool read_time(struct cursor *cursor, struct civil *out)
{
    if (!read_digits(cursor, 2, &out->hour) || cursor->at == cursor->end || *cursor->at++ != ':') {
        return false;
    }
    if (!read_digits(cursor, 2, &out->minute) || cursor->at == cursor->end ||
        *cursor->at++ != ':') {
        return false;
    }
    return read_digits(cursor, 2, &out->second);
}

static bool read_field(struct cursor *cursor, char field, int this_year, struct civil *out)
{
    switch (field) {
    case 'W':
        return read_word(cursor);
    case 'D':
        return read_day(cursor, &out->day);
    case 'M':
        return read_month(cursor, &out->month);
    case 'Y':
        return read_digits(cursor, 4, &out->year);
    case 'y':
        if (!read_digits(cursor, 2, &out->year)) {
            return false;
        }
        out->year += this_year - this_year % 100;
        /* More than 50 years ahead means the most recent year in the past with these digits. */
        out->year -= out->year > this_year + 50 ? 100 : 0;
        return true;
    case 'T':
        return read_time(cursor, out);
    default:
        return cursor->at != cursor->end && *cursor->at++ == field;
    }
}

static bool read_pattern(const char *pattern, struct cursor cursor, int this_year,
                         struct civil *out)
{
    /* The literal GMT would be read as fields, so it is compared as a whole. */
    for (const char *p = pattern; *p != '\0'; p++) {
        if (strcmp(p, "GMT") == 0) {
            return cursor.end - cursor.at == 3 && memcmp(cursor.at, "GMT", 3) == 0;
        }
        if (!read_field(&cursor, *p, this_year, out)) {
            return false;
        }
    }
    return cursor.at == cursor.end;
}

static bool is_instant(const struct civil *c)
{
    int year, month, day;
    if (c->year < 1970 || c->day < 1 || c->hour > 23 || c->minute > 59 || c->second > 60) {
        return false;
    }
    civil_from_days(civil_days(c->year, c->month, c->day), &year, &month, &day);
    return month == c->month && day == c->day;
}

static int64_t date_wait_ms(struct cursor cursor, int64_t wall_ms)
{
    int this_year, month, day;
    civil_from_days(wall_ms / DAY_MS, &this_year, &month, &day);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct civil c = {0};
        if (!read_pattern(patterns[i], cursor, this_year, &c) || !is_instant(&c)) {
            continue;
        }
        int64_t at_ms = civil_days(c.year, c.month, c.day) * DAY_MS +
                        ((int64_t)c.hour * 3600 + c.minute * 60 + c.second) * 1000;
        return at_ms > wall_ms ? at_ms - wall_ms : 0;
    }
    return 0;
}

static int64_t seconds_wait_ms(struct cursor cursor)
{
    int64_t seconds = 0;
    for (; cursor.at != cursor.end; cursor.at++) {
        seconds = seconds * 10 + (*cursor.at - '0');
        if (seconds > RETRY_AFTER_MAX_MS / 1000) {
            return RETRY_AFTER_MAX_MS;
        }
    }
    return seconds * 1000;
}

int64_t retry_after_parse(const char *value, size_t length, int64_t wall_ms)
{
    struct cursor cursor = {.at = value, .end = value + length};
    while (cursor.at != cursor.end && (*cursor.at == ' ' || *cursor.at == '\t')) {
        cursor.at++;
    }
    while (cursor.at != cursor.end && strchr(" \t\r\n", cursor.end[-1]) != NULL) {
        cursor.end--;
    }
    if (cursor.at == cursor.end || cursor.end - cursor.at > VALUE_BYTES_MAX || wall_ms < 0) {
        return 0;
    }
    bool digits = true;
    for (const char *p = cursor.at; p != cursor.end; p++) {
        digits = digits && *p >= '0' && *p <= '9';
    }
    int64_t wait_ms = digits ? seconds_wait_ms(cursor) : date_wait_ms(cursor, wall_ms);
    return wait_ms < RETRY_AFTER_MAX_MS ? wait_ms : RETRY_AFTER_MAX_MS;
}

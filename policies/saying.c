#include "policies/saying.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>

enum { DAY_MS = 86400000, DAYS_BACK_MAX = 3 };

/* `count` digits at most, `least` at least, as a number; NULL when they are not there. */
static const char *read_digits(const char *text, int least, int most, int *out_number)
{
    int number = 0;
    int count = 0;
    while (count < most && isdigit((unsigned char)text[count])) {
        number = number * 10 + (text[count] - '0');
        count++;
    }
    if (count < least)
        return NULL;
    *out_number = number;
    return text + count;
}

static const char *read_clock(const char *text, struct civil *civil)
{
    const char *at = read_digits(text, 1, 2, &civil->hour);
    if (at == NULL || *at != ':')
        return NULL;
    at = read_digits(at + 1, 2, 2, &civil->minute);
    if (at != NULL && *at == ':' && isdigit((unsigned char)at[1]))
        at = read_digits(at + 1, 2, 2, &civil->second);
    bool ends = at != NULL && !isalnum((unsigned char)*at);
    return ends && civil->hour < 24 && civil->minute < 60 && civil->second < 60 ? at : NULL;
}

static const char *read_date(const char *text, struct civil *civil)
{
    const char *at = read_digits(text, 4, 4, &civil->year);
    if (at == NULL || *at != '-')
        return NULL;
    at = read_digits(at + 1, 2, 2, &civil->month);
    if (at == NULL || *at != '-')
        return NULL;
    at = read_digits(at + 1, 2, 2, &civil->day);
    if (at == NULL || (*at != ' ' && *at != 'T') || civil->year < 1970 || civil->month < 1 ||
        civil->month > 12 || civil->day < 1 || civil->day > 31)
        return NULL;
    return at + 1;
}

/* The last time at or before now at which the zone's clock showed it. */
static int64_t last_clock(const struct zone *zone, const struct civil *clock, int64_t wall_ms)
{
    for (int days = 1; days <= DAYS_BACK_MAX; days++) {
        int64_t at_ms =
            zone_next_clock(zone, wall_ms - (int64_t)days * DAY_MS, clock->hour, clock->minute) +
            (int64_t)clock->second * 1000;
        if (at_ms <= wall_ms)
            return at_ms;
    }
    return wall_ms;
}

int64_t saying_time(const char *text, const struct zone *zone, const struct moment *moment)
{
    struct civil civil = {0};
    int64_t wall_ms = moment->now_ms + moment->wall_offset_ms;
    int64_t at_ms = wall_ms;
    const char *clock = read_date(text, &civil);
    if (clock != NULL && read_clock(clock, &civil) != NULL) {
        at_ms = zone_instant(zone, &civil);
    } else {
        civil = (struct civil){0};
        if (read_clock(text, &civil) != NULL)
            at_ms = last_clock(zone, &civil, wall_ms);
    }
    return (at_ms < wall_ms ? at_ms : wall_ms) - moment->wall_offset_ms;
}

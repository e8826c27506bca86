#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/base/zone_table.h"

/* The last line of a TZif file: std offset dst [offset] , start [/time] , end [/time]. */

#define YEAR_LAST 2037
#define DAY_S 86400

enum date_kind { DATE_JULIAN, DATE_DAY, DATE_MONTH };

struct date_rule {
    enum date_kind kind;
    int day;    /* JULIAN: 1..365 without 29 February; DAY: 0..365; MONTH: weekday 0..6 */
    int week;   /* MONTH: 1..5, 5 is the last */
    int month;  /* MONTH: 1..12 */
    int time_s; /* local, may be negative or over a day */
};

struct rule {
    int32_t standard_s;
    int32_t summer_s;
    struct date_rule begin; /* of summer time */
    struct date_rule end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool skip(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool read_number(const char **at, int min, int max, int *out_value)
{
    int value = 0;
    const char *begin = *at;
    while (is_digit(**at) && *at - begin < 4) {
        value = value * 10 + (*(*at)++ - '0');
    }
    if (*at == begin || value < min || value > max) {
        return false;
    }
    *out_value = value;
    return true;
}

static bool skip_name(const char **at)
{
    const char *begin = *at;
    if (skip(at, '<')) {
        *at += strcspn(*at, ">");
        return skip(at, '>') && *at - begin >= 5;
    }
    while (is_letter(**at)) {
        (*at)++;
    }
    return *at - begin >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool read_clock(const char **at, int hours_max, int *out_s)
{
    int sign = **at == '-' ? -1 : 1;
    if (**at == '-' || **at == '+') {
        (*at)++;
    }
    int hours, minutes = 0, seconds = 0;
    if (!read_number(at, 0, hours_max, &hours)) {
        return false;
    }
    if (skip(at, ':') && !read_number(at, 0, 59, &minutes)) {
        return false;
    }
    if (minutes >= 0 && skip(at, ':') && !read_number(at, 0, 59, &seconds)) {
        return false;
    }
    *out_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool read_date(const char **at, struct date_rule *out_date)
{
    struct date_rule date = {.kind = DATE_DAY, .time_s = 2 * 3600};
    if (skip(at, 'M')) {
        date.kind = DATE_MONTH;
        if (!read_number(at, 1, 12, &date.month) || !skip(at, '.') ||
            !read_number(at, 1, 5, &date.week) || !skip(at, '.') ||
            !read_number(at, 0, 6, &date.day)) {
            return false;
        }
    } else if (skip(at, 'J')) {
        date.kind = DATE_JULIAN;
        if (!read_number(at, 1, 365, &date.day)) {
            return false;
        }
    } else if (!read_number(at, 0, 365, &date.day)) {
        return false;
    }
    if (skip(at, '/') && !read_clock(at, 167, &date.time_s)) {
        return false;
    }
    *out_date = date;
    return true;
}

/* POSIX counts offsets west of Greenwich, we count east. */
static bool read_rule(const char *at, struct rule *out_rule, bool *out_has_summer)
{
    int west_s;
    if (!skip_name(&at) || !read_clock(&at, 24, &west_s)) {
        return false;
    }
    *out_rule = (struct rule){.standard_s = -west_s, .summer_s = -west_s + 3600};
    *out_has_summer = *at != '\0';
    if (!*out_has_summer) {
        return true;
    }
    if (!skip_name(&at)) {
        return false;
    }
    if (*at != ',') {
        if (!read_clock(&at, 24, &west_s)) {
            return false;
        }
        out_rule->summer_s = -west_s;
    }
    return skip(&at, ',') && read_date(&at, &out_rule->begin) && skip(&at, ',') &&
           read_date(&at, &out_rule->end) && *at == '\0';
}

static int64_t month_rule_days(const struct date_rule *date, int year)
{
    int64_t first = civil_days(year, date->month, 1);
    int64_t next =
        date->month == 12 ? civil_days(year + 1, 1, 1) : civil_days(year, date->month + 1, 1);
    int64_t weekday = (first + 4) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
    while (day >= next) {
        day -= 7;
    }
    return day;
}

static int64_t date_days(const struct date_rule *date, int year)
{
    int64_t first = civil_days(year, 1, 1);
    switch (date->kind) {
    case DATE_MONTH:
        return month_rule_days(date, year);
    case DATE_DAY:
        return first + date->day;
    case DATE_JULIAN:
        break;
    }
    bool leap = civil_days(year + 1, 1, 1) - first == 366;
    return first + date->day - 1 + (leap && date->day >= 60);
}

/* What the rule gives from a first year on; rising, or the rule makes no sense. */
struct expansion {
    struct zone *zone;
    int64_t after_s;
    int64_t last_s;
    bool rises;
};

static void add_change(struct expansion *expansion, int64_t at_s, int32_t offset_s)
{
    expansion->rises = expansion->rises && at_s >= expansion->last_s;
    if (expansion->rises && at_s > expansion->after_s) {
        zone_add_change(expansion->zone, at_s, offset_s);
    }
    expansion->last_s = at_s;
}

static void add_year(struct expansion *expansion, const struct rule *rule, int year)
{
    int64_t begin_s = date_days(&rule->begin, year) * DAY_S + rule->begin.time_s - rule->standard_s;
    int64_t end_s = date_days(&rule->end, year) * DAY_S + rule->end.time_s - rule->summer_s;
    if (begin_s <= end_s) {
        add_change(expansion, begin_s, rule->summer_s);
        add_change(expansion, end_s, rule->standard_s);
    } else {
        add_change(expansion, end_s, rule->standard_s);
        add_change(expansion, begin_s, rule->summer_s);
    }
}

int zone_add_rule(struct zone *zone, const char *rule_text, int64_t after_s, struct err *err)
{
    struct rule rule;
    bool has_summer = false;
    if (!read_rule(rule_text, &rule, &has_summer)) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_CORRUPT, "got the rule '%s', want a POSIX TZ text",
                       text_excerpt(rule_text, got));
    }
    if (!has_summer || after_s >= civil_days(YEAR_LAST + 1, 1, 1) * DAY_S) {
        return 0;
    }
    int year, month, day;
    civil_from_days(after_s > 0 ? after_s / DAY_S : 0, &year, &month, &day);
    struct expansion expansion = {
        .zone = zone, .after_s = after_s, .last_s = INT64_MIN, .rises = true};
    for (year -= 1; year <= YEAR_LAST; year++) {
        add_year(&expansion, &rule, year);
    }
    if (!expansion.rises) {
        return err_set(err, ERR_CORRUPT, "the rule '%s' ends one year after the next has begun",
                       rule_text);
    }
    return 0;
}

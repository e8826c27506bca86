#include <stdbool.h>
#include <string.h>

#include "gateway/base/zone.h"
#include "gateway/base/zone_table.h"

#define DAY_S INT64_C(86400)
#define FIRST_YEAR 1969 /* its last change tells the offset with which 1970 begins */
#define LAST_YEAR 2037
#define RULE_HOURS_MAX 167
#define OFFSET_HOURS_MAX 24

enum date_kind {
    DATE_MONTH_WEEK,  /* Mm.w.d */
    DATE_JULIAN,      /* Jn: 1..365, 29 February never counted */
    DATE_DAY_OF_YEAR, /* n: 0..365 */
};

struct rule_date {
    enum date_kind kind;
    int month, week, weekday; /* DATE_MONTH_WEEK */
    int day;                  /* the others */
    int time_s;               /* since midnight, by the clock before the change */
};

struct rule {
    int standard_offset_s; /* east of UTC, unlike in the text */
    int summer_offset_s;
    bool has_summer;
    struct rule_date summer_begin;
    struct rule_date summer_end;
};

static bool number_read(const char **text, int min, int max, int *out_number)
{
    const char *at = *text;
    int number = 0;
    while (*at >= '0' && *at <= '9' && number <= max) {
        number = number * 10 + (*at++ - '0');
    }
    if (at == *text || number < min || number > max) {
        return false;
    }
    *text = at;
    *out_number = number;
    return true;
}

static bool char_read(const char **text, char wanted)
{
    if (**text != wanted) {
        return false;
    }
    (*text)++;
    return true;
}

static bool name_skip(const char **text)
{
    const char *at = *text;
    if (char_read(&at, '<')) {
        size_t length = strcspn(at, ">");
        if (length < 3 || at[length] != '>') {
            return false;
        }
        *text = at + length + 1;
        return true;
    }
    while ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z')) {
        at++;
    }
    bool long_enough = at - *text >= 3;
    *text = at;
    return long_enough;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool clock_read(const char **text, int hours_max, int *out_s)
{
    bool negative = char_read(text, '-');
    if (!negative) {
        (void)char_read(text, '+'); /* the sign may be left out */
    }
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    if (!number_read(text, 0, hours_max, &hours)) {
        return false;
    }
    if (char_read(text, ':') && !number_read(text, 0, 59, &minutes)) {
        return false;
    }
    if (char_read(text, ':') && !number_read(text, 0, 59, &seconds)) {
        return false;
    }
    int total_s = hours * 3600 + minutes * 60 + seconds;
    *out_s = negative ? -total_s : total_s;
    return true;
}

static bool day_read(const char **text, struct rule_date *date)
{
    if (char_read(text, 'M')) {
        date->kind = DATE_MONTH_WEEK;
        return number_read(text, 1, 12, &date->month) && char_read(text, '.') &&
               number_read(text, 1, 5, &date->week) && char_read(text, '.') &&
               number_read(text, 0, 6, &date->weekday);
    }
    if (char_read(text, 'J')) {
        date->kind = DATE_JULIAN;
        return number_read(text, 1, 365, &date->day);
    }
    date->kind = DATE_DAY_OF_YEAR;
    return number_read(text, 0, 365, &date->day);
}

static bool date_read(const char **text, struct rule_date *out_date)
{
    struct rule_date date = {.time_s = 2 * 3600};
    if (!char_read(text, ',') || !day_read(text, &date)) {
        return false;
    }
    if (char_read(text, '/') && !clock_read(text, RULE_HOURS_MAX, &date.time_s)) {
        return false;
    }
    *out_date = date;
    return true;
}

static bool rule_read(const char *text, struct rule *out_rule)
{
    struct rule rule = {.has_summer = false};
    int west_s = 0;
    if (!name_skip(&text) || !clock_read(&text, OFFSET_HOURS_MAX, &west_s)) {
        return false;
    }
    rule.standard_offset_s = -west_s;
    if (*text != '\0') {
        rule.has_summer = true;
        rule.summer_offset_s = rule.standard_offset_s + 3600;
        if (!name_skip(&text)) {
            return false;
        }
        if (*text != ',') {
            if (!clock_read(&text, OFFSET_HOURS_MAX, &west_s)) {
                return false;
            }
            rule.summer_offset_s = -west_s;
        }
        if (!date_read(&text, &rule.summer_begin) || !date_read(&text, &rule.summer_end)) {
            return false;
        }
    }
    *out_rule = rule;
    return *text == '\0';
}

static int weekday_of(int64_t days)
{
    int64_t weekday = (days + 4) % 7; /* 1970 began on a Thursday */
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

/* Week 5 is the last such weekday of its month, be it the fourth or the fifth. */
static int64_t month_week_days(const struct rule_date *date, int year)
{
    int64_t month_begin = civil_days(year, date->month, 1);
    int64_t month_end =
        date->month == 12 ? civil_days(year + 1, 1, 1) : civil_days(year, date->month + 1, 1);
    int64_t first = month_begin + (date->weekday - weekday_of(month_begin) + 7) % 7;
    int64_t day = first + (date->week - 1) * INT64_C(7);
    return day < month_end ? day : day - 7;
}

/* Seconds since 1970 by the wall clock. */
static int64_t date_local_s(const struct rule_date *date, int year)
{
    int64_t days = 0;
    switch (date->kind) {
    case DATE_MONTH_WEEK:
        days = month_week_days(date, year);
        break;
    case DATE_JULIAN: {
        /* Counted from 1 March the days of a year are always the same. */
        bool early = date->day < 60;
        days = early ? civil_days(year, 1, 1) + date->day - 1
                     : civil_days(year, 3, 1) + date->day - 60;
        break;
    }
    case DATE_DAY_OF_YEAR:
        days = civil_days(year, 1, 1) + date->day;
        break;
    }
    return days * DAY_S + date->time_s;
}

static struct zone_transition summer_begin(const struct rule *rule, int year)
{
    return (struct zone_transition){
        .at_s = date_local_s(&rule->summer_begin, year) - rule->standard_offset_s,
        .offset_s = rule->summer_offset_s,
    };
}

static struct zone_transition summer_end(const struct rule *rule, int year)
{
    return (struct zone_transition){
        .at_s = date_local_s(&rule->summer_end, year) - rule->summer_offset_s,
        .offset_s = rule->standard_offset_s,
    };
}

static void year_append(struct zone *zone, const struct rule *rule, int year, int64_t after_s)
{
    struct zone_transition changes[2] = {summer_begin(rule, year), summer_end(rule, year)};
    /* A rule can say "summer time all year" by an end that is not before the next beginning. */
    bool never_ends = changes[1].at_s >= summer_begin(rule, year + 1).at_s;
    if (changes[1].at_s < changes[0].at_s) {
        struct zone_transition end = changes[1];
        changes[1] = changes[0];
        changes[0] = end;
    }
    for (size_t at = 0; at < (never_ends ? 1 : 2); at++) {
        if (changes[at].at_s > after_s) {
            zone_append(zone, changes[at].at_s, changes[at].offset_s);
        }
    }
}

int zone_append_rule(struct zone *zone, const char *footer, int64_t after_s, struct err *err)
{
    struct rule rule = {.has_summer = false};
    if (!rule_read(footer, &rule)) {
        return err_set(err, ERR_CORRUPT, "got the footer '%s', want a POSIX TZ rule", footer);
    }
    if (!rule.has_summer) {
        if (after_s == INT64_MIN) {
            zone->first_offset_s = rule.standard_offset_s;
        }
        return 0;
    }
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        year_append(zone, &rule, year, after_s);
    }
    return 0;
}

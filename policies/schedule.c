#include "policies/schedule.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

enum { EPOCH_WEEKDAY = 4 /* 1970-01-01 was a Thursday */, DAYS_A_WEEK = 7, HOURS_A_DAY = 24 };

static int64_t floor_divide(int64_t number, int64_t divisor)
{
    int64_t quotient = number / divisor;
    return number % divisor < 0 ? quotient - 1 : quotient;
}

/* The civil day on which the running turn-day began: today, or yesterday before the hour of change.
 */
static int64_t turn_day(const struct schedule *schedule, int64_t at_ms)
{
    struct civil civil;
    zone_civil(schedule->zone, at_ms, &civil);
    int64_t day = civil_days(civil.year, civil.month, civil.day);
    struct civil change = {.year = civil.year,
                           .month = civil.month,
                           .day = civil.day,
                           .hour = schedule->rotate_hour,
                           .minute = schedule->rotate_minute};
    /* Compared as instants: on the night of a clock change the reading alone may show the hour
     * twice or never. */
    return at_ms >= zone_instant(schedule->zone, &change) ? day : day - 1;
}

/* The day on which turn 0, the first member's, began: 1970-01-01, for weekly turns their weekday on
 * or before it. */
static int64_t first_day(const struct schedule *schedule)
{
    if (schedule->rotate_days % DAYS_A_WEEK != 0)
        return 0;
    int64_t distance = schedule->rotate_weekday - EPOCH_WEEKDAY;
    return distance > 0 ? distance - DAYS_A_WEEK : distance;
}

static int64_t turns_a_day(const struct schedule *schedule)
{
    return schedule->rotate_hours > 0 ? HOURS_A_DAY / schedule->rotate_hours : 1;
}

static int64_t turn_start_ms(const struct schedule *schedule, int64_t turn)
{
    int64_t a_day = turns_a_day(schedule);
    int64_t day = floor_divide(turn, a_day);
    int64_t hour = schedule->rotate_hour + (turn - day * a_day) * schedule->rotate_hours;
    struct civil civil = {.hour = (int)(hour % HOURS_A_DAY), .minute = schedule->rotate_minute};
    civil_from_days(day * schedule->rotate_days + first_day(schedule) + hour / HOURS_A_DAY,
                    &civil.year, &civil.month, &civil.day);
    return zone_instant(schedule->zone, &civil);
}

static int64_t turn_number(const struct schedule *schedule, int64_t at_ms)
{
    int64_t a_day = turns_a_day(schedule);
    int64_t day =
        floor_divide(turn_day(schedule, at_ms) - first_day(schedule), schedule->rotate_days);
    int64_t turn = day * a_day;
    if (a_day == 1)
        return turn;
    /* The last that has begun; of a day that a zone leaves out none has. */
    int64_t last = turn + a_day - 1;
    while (last >= turn && turn_start_ms(schedule, last) > at_ms)
        last--;
    return last;
}

static struct duty rotating(const struct schedule *schedule, int64_t at_ms)
{
    if (schedule->rotate_days == 0 || schedule->member_count == 0)
        return (struct duty){.names = schedule->members, .count = schedule->member_count};
    int64_t members = (int64_t)schedule->member_count;
    int64_t turn = turn_number(schedule, at_ms);
    int64_t index = turn - floor_divide(turn, members) * members;
    ASSERT(index >= 0 && index < members);
    return (struct duty){.names = &schedule->members[index], .count = 1};
}

/* The first shift that ends after `at_ms`; shift_count when there is none. */
static size_t find_shift(const struct schedule *schedule, int64_t at_ms)
{
    size_t low = 0;
    size_t high = schedule->shift_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (schedule->shifts[middle].until_ms > at_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct duty from_calendar(const struct schedule *schedule, int64_t at_ms)
{
    size_t index = find_shift(schedule, at_ms);
    if (index == schedule->shift_count || schedule->shifts[index].from_ms > at_ms)
        return (struct duty){.names = NULL, .count = 0};
    return (struct duty){.names = schedule->shifts[index].names,
                         .count = schedule->shifts[index].name_count};
}

static struct duty configured(const struct schedule *schedule, const struct roster *roster,
                              int64_t at_ms)
{
    for (size_t i = 0; i < schedule->layer_count; i++) {
        struct duty duty = schedule_duty(schedule->layers[i], roster, at_ms);
        if (duty.count > 0)
            return duty;
    }
    if (schedule->during != NULL && !hours_contain(schedule->during, at_ms))
        return (struct duty){.names = NULL, .count = 0};
    return schedule->has_calendar ? from_calendar(schedule, at_ms) : rotating(schedule, at_ms);
}

struct duty schedule_duty(const struct schedule *schedule, const struct roster *roster,
                          int64_t at_ms)
{
    struct duty duty = configured(schedule, roster, at_ms);
    if (roster->overrides_or_null != NULL && roster->overrides_or_null->count > 0)
        overrides_apply(roster->overrides_or_null, roster->book, schedule->name, at_ms,
                        roster->arena, &duty);
    return duty;
}

struct duty schedule_on_call(const struct schedule *schedule, int64_t at_ms)
{
    return schedule_duty(schedule, &(struct roster){.overrides_or_null = NULL}, at_ms);
}

bool duty_has(const struct duty *duty, const char *name)
{
    for (size_t i = 0; i < duty->count; i++) {
        if (text_equal(duty->names[i], name))
            return true;
    }
    return false;
}

bool schedule_knows(const struct schedule *schedule, int64_t at_ms)
{
    for (size_t i = 0; i < schedule->layer_count; i++) {
        if (!schedule_knows(schedule->layers[i], at_ms))
            return false;
    }
    return !schedule->has_calendar ||
           (!schedule->awaits_calendar && at_ms <= schedule->shifts_until_ms);
}

static int64_t earlier_of(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t own_next_turn_ms(const struct schedule *schedule, int64_t at_ms)
{
    if (schedule->has_calendar) {
        size_t index = find_shift(schedule, at_ms);
        if (index == schedule->shift_count)
            return INT64_MAX;
        const struct shift *shift = &schedule->shifts[index];
        return shift->from_ms > at_ms ? shift->from_ms : shift->until_ms;
    }
    if (schedule->rotate_days == 0 || schedule->member_count == 0)
        return INT64_MAX;
    return turn_start_ms(schedule, turn_number(schedule, at_ms) + 1);
}

int64_t schedule_next_change_ms(const struct schedule *schedule, const struct roster *roster,
                                int64_t at_ms)
{
    int64_t next_ms = own_next_turn_ms(schedule, at_ms);
    if (roster->overrides_or_null != NULL)
        next_ms = earlier_of(
            next_ms, overrides_next_change_ms(roster->overrides_or_null, schedule->name, at_ms));
    if (schedule->during != NULL)
        next_ms = earlier_of(next_ms, hours_next_change_ms(schedule->during, at_ms));
    for (size_t i = 0; i < schedule->layer_count; i++)
        next_ms = earlier_of(next_ms, schedule_next_change_ms(schedule->layers[i], roster, at_ms));
    return next_ms;
}

int64_t schedule_next_turn_ms(const struct schedule *schedule, int64_t at_ms)
{
    return schedule_next_change_ms(schedule, &(struct roster){.overrides_or_null = NULL}, at_ms);
}

int64_t schedule_duty_until_ms(const struct schedule *schedule, const struct roster *roster,
                               const char *name, int64_t at_ms)
{
    enum { TURNS_MAX = 1000 };
    int64_t until_ms = schedule_next_change_ms(schedule, roster, at_ms);
    for (int turns = 0; until_ms != INT64_MAX; turns++) {
        struct duty duty = schedule_duty(schedule, roster, until_ms);
        if (!duty_has(&duty, name))
            return until_ms;
        until_ms =
            turns < TURNS_MAX ? schedule_next_change_ms(schedule, roster, until_ms) : INT64_MAX;
    }
    return INT64_MAX;
}

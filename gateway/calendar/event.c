#include "gateway/calendar/event.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

enum {
    SUMMARY_BYTES_MAX = 512,
    EXCEPTIONS_MAX = 4096,
    SEARCH_UNITS = 50000, /* of CALENDAR_WORK_MAX: through all years, up to a quarter of a second */
    LONG_GAP_DAYS = 5 * 366,
    LONG_GAP_UNITS = 10000
};

static const int64_t DAY_MS = INT64_C(86400000);

/* The library notes what it could not read and drops it. Whether that matters is for us to say. */
static int check_notes(icalcomponent *component, struct err *err)
{
    static const char *const matter[] = {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE",
                                         "EXDATE",  "RECUR", "STATUS",   "UNTIL", "DATE-TIME"};
    for (icalproperty *note = icalcomponent_get_first_property(component, ICAL_XLICERROR_PROPERTY);
         note != NULL; note = icalcomponent_get_next_property(component, ICAL_XLICERROR_PROPERTY)) {
        const char *text = icalproperty_get_xlicerror(note);
        for (size_t i = 0; text != NULL && i < sizeof(matter) / sizeof(matter[0]); i++) {
            char got[TEXT_EXCERPT_BYTES];
            if (strstr(text, matter[i]) != NULL)
                return err_set(err, ERR_INVALID, "%s", text_excerpt(text, got));
        }
    }
    return 0;
}

static const char *one_line(struct arena *arena, const char *text)
{
    char *line = arena_strndup(arena, text, strnlen(text, SUMMARY_BYTES_MAX));
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = ' ';
    }
    return line;
}

static int64_t time_part_ms(struct icaldurationtype length)
{
    return INT64_C(1000) *
           ((int64_t)length.hours * 3600 + (int64_t)length.minutes * 60 + length.seconds);
}

static void set_duration(struct calendar_event *event, struct icaldurationtype length)
{
    int sign = length.is_neg ? -1 : 1;
    event->wall_length_ms = sign * DAY_MS * ((int64_t)length.weeks * 7 + length.days);
    event->exact_length_ms = sign * time_part_ms(length);
}

static int read_length(icalcomponent *calendar, struct calendar_event *event,
                       const struct calendar_options *options, struct err *err)
{
    icalproperty *end = icalcomponent_get_first_property(event->component, ICAL_DTEND_PROPERTY);
    icalproperty *length =
        icalcomponent_get_first_property(event->component, ICAL_DURATION_PROPERTY);
    if (end != NULL) {
        struct icaltimetype time = icalproperty_get_dtend(end);
        struct place place;
        if (place_find(calendar, end, time, options, &place, err) != 0)
            return err_wrap(err, "DTEND");
        int64_t wall_ms = place_ms_of(time);
        if (place_is_same(&place, &event->start_place))
            event->wall_length_ms = wall_ms - event->start_wall_ms;
        else
            event->exact_length_ms = place_instant_ms(&place, wall_ms) - event->start_at_ms;
    } else if (length != NULL) {
        set_duration(event, icalproperty_get_duration(length));
    } else if (event->is_all_day) {
        event->wall_length_ms = DAY_MS;
    }
    if (event->wall_length_ms < 0 || event->exact_length_ms < 0)
        return err_set(err, ERR_INVALID, "it ends before it begins");
    return 0;
}

static bool has_zone(icalproperty *property, struct icaltimetype time)
{
    return !time.is_date && (icaltime_is_utc(time) || icalproperty_get_first_parameter(
                                                          property, ICAL_TZID_PARAMETER) != NULL);
}

static int64_t local_instant_ms(const struct calendar_event *event, int64_t wall_ms, bool is_date)
{
    if (is_date && !event->is_all_day)
        wall_ms += ((event->start_wall_ms % DAY_MS) + DAY_MS) % DAY_MS;
    return place_instant_ms(&event->start_place, wall_ms);
}

/* The instant of another property of an event: a time without a zone is in that of the event's start, and a date means the
 * instance of that day. */
static int find_instant(icalcomponent *calendar, const struct calendar_event *event,
                        icalproperty *property, struct icaltimetype time,
                        const struct calendar_options *options, int64_t *out_at_ms, struct err *err)
{
    struct place place;
    if (place_find(calendar, property, time, options, &place, err) != 0)
        return -1;
    int64_t wall_ms = place_ms_of(time);
    *out_at_ms = has_zone(property, time) ? place_instant_ms(&place, wall_ms)
                                          : local_instant_ms(event, wall_ms, time.is_date);
    return 0;
}

int64_t event_replaced_ms(const struct calendar_event *change, const struct calendar_event *event)
{
    return change->replaces_local
               ? local_instant_ms(event, change->replaces_wall_ms, change->replaces_date)
               : change->replaces_at_ms;
}

static int read_replaced(icalcomponent *calendar, struct calendar_event *event,
                         const struct calendar_options *options, struct err *err)
{
    icalproperty *property =
        icalcomponent_get_first_property(event->component, ICAL_RECURRENCEID_PROPERTY);
    if (property == NULL)
        return 0;
    if (icalproperty_get_first_parameter(property, ICAL_RANGE_PARAMETER) != NULL)
        return err_set(
            err, ERR_INVALID,
            "RECURRENCE-ID has a RANGE (want a change of single instances, or a new event)");
    struct icaltimetype time = icalproperty_get_recurrenceid(property);
    struct place place;
    if (place_find(calendar, property, time, options, &place, err) != 0)
        return err_wrap(err, "RECURRENCE-ID");
    event->replaces = true;
    event->replaces_date = time.is_date;
    event->replaces_local = !has_zone(property, time);
    event->replaces_wall_ms = place_ms_of(time);
    event->replaces_at_ms = place_instant_ms(&place, event->replaces_wall_ms);
    return 0;
}

int event_read(icalcomponent *calendar, icalcomponent *component,
               const struct calendar_options *options, struct arena *arena,
               struct calendar_event *out_event, struct err *err)
{
    const char *summary = icalcomponent_get_summary(component);
    const char *uid = icalcomponent_get_uid(component);
    bool is_method = icalcomponent_get_method(calendar) == ICAL_METHOD_CANCEL;
    struct calendar_event event = {
        .calendar = calendar,
        .component = component,
        .uid = uid != NULL ? uid : "",
        .summary = summary != NULL ? one_line(arena, summary) : "",
        .is_cancelled = is_method || icalcomponent_get_status(component) == ICAL_STATUS_CANCELLED,
        .sequence = icalcomponent_get_sequence(component)};
    char got[TEXT_EXCERPT_BYTES];
    const char *what = text_excerpt(event.summary[0] != '\0' ? event.summary : event.uid, got);
    icalproperty *start = icalcomponent_get_first_property(component, ICAL_DTSTART_PROPERTY);
    struct icaltimetype time =
        start != NULL ? icalproperty_get_dtstart(start) : icaltime_null_time();
    if (event.is_cancelled) { /* what it was does not matter, and it need not say so */
        if (read_replaced(calendar, &event, options, err) != 0)
            return err_wrap(err, "event '%s'", what);
        event.cancels_all = is_method && !event.replaces;
        *out_event = event;
        return 0;
    }
    if (icalcomponent_get_first_property(component, ICAL_EXRULE_PROPERTY) != NULL)
        return err_set(err, ERR_INVALID, "event '%s' has an EXRULE (want EXDATEs)", what);
    if (check_notes(component, err) != 0)
        return err_wrap(err, "event '%s'", what);
    if (icaltime_is_null_time(time) || !place_is_real(time))
        return err_set(err, ERR_INVALID, "event '%s' has no valid DTSTART", what);
    if (place_find(calendar, start, time, options, &event.start_place, err) != 0)
        return err_wrap(err, "event '%s': DTSTART", what);
    event.is_all_day = time.is_date;
    event.start_wall_ms = place_ms_of(time);
    event.start_at_ms = place_instant_ms(&event.start_place, event.start_wall_ms);
    if (read_length(calendar, &event, options, err) != 0 ||
        read_replaced(calendar, &event, options, err) != 0)
        return err_wrap(err, "event '%s'", what);
    *out_event = event;
    return 0;
}

/* One expansion under way. */
struct expansion {
    const struct calendar_event *event;
    const struct calendar_options *options;
    const int64_t *but_not;
    size_t but_not_count;
    size_t *work;
    int64_t except[EXCEPTIONS_MAX]; /* instants */
    size_t except_count;
    event_instance *take;
    void *self;
};

static bool is_left_out(const struct expansion *x, int64_t at_ms)
{
    for (size_t i = 0; i < x->but_not_count; i++) {
        if (x->but_not[i] == at_ms)
            return true;
    }
    for (size_t i = 0; i < x->except_count; i++) {
        if (x->except[i] == at_ms)
            return true;
    }
    return false;
}

/* A calendar that would keep us for minutes is refused, however it is made up. */
static int add_work(struct expansion *x, size_t units, struct err *err)
{
    *x->work += units;
    if (*x->work > CALENDAR_WORK_MAX)
        return err_set(err, ERR_TOO_LARGE,
                       "the calendar's events give more than %d instances in all (want rules that "
                       "begin later, or fewer events)",
                       CALENDAR_WORK_MAX);
    return 0;
}

static int give(struct expansion *x, int64_t wall_ms, struct err *err)
{
    enum { COMPARISONS_A_UNIT = 100 };
    if (add_work(x, 1 + (x->but_not_count + x->except_count) / COMPARISONS_A_UNIT, err) != 0)
        return -1;
    const struct calendar_event *event = x->event;
    int64_t from_ms = place_instant_ms(&event->start_place, wall_ms);
    int64_t until_ms = place_instant_ms(&event->start_place, wall_ms + event->wall_length_ms) +
                       event->exact_length_ms;
    if (until_ms <= from_ms || until_ms <= x->options->from_ms || from_ms >= x->options->until_ms ||
        is_left_out(x, from_ms))
        return 0;
    return x->take(x->self, from_ms, until_ms, err);
}

static int read_exceptions(struct expansion *x, struct err *err)
{
    icalcomponent *component = x->event->component;
    for (icalproperty *property = icalcomponent_get_first_property(component, ICAL_EXDATE_PROPERTY);
         property != NULL;
         property = icalcomponent_get_next_property(component, ICAL_EXDATE_PROPERTY)) {
        struct icaltimetype time = icalproperty_get_exdate(property);
        int64_t at_ms = 0;
        if (find_instant(x->event->calendar, x->event, property, time, x->options, &at_ms, err) !=
            0)
            return err_wrap(err, "EXDATE");
        if (x->except_count == EXCEPTIONS_MAX)
            return err_set(err, ERR_TOO_LARGE, "more than %d EXDATEs", EXCEPTIONS_MAX);
        x->except[x->except_count++] = at_ms;
    }
    return 0;
}

static int prepare_rule(const struct calendar_event *event, struct icalrecurrencetype *rule,
                        struct err *err)
{
    if (rule->freq == ICAL_SECONDLY_RECURRENCE || rule->freq == ICAL_MINUTELY_RECURRENCE ||
        rule->freq == ICAL_NO_RECURRENCE)
        return err_set(
            err, ERR_INVALID,
            "RRULE repeats every second or minute, or has no FREQ (want HOURLY or rarer)");
    if (rule->freq == ICAL_HOURLY_RECURRENCE &&
        (rule->by_month[0] != ICAL_RECURRENCE_ARRAY_MAX ||
         rule->by_month_day[0] != ICAL_RECURRENCE_ARRAY_MAX ||
         rule->by_year_day[0] != ICAL_RECURRENCE_ARRAY_MAX))
        return err_set(err, ERR_INVALID,
                       "RRULE is HOURLY with BYMONTH, BYMONTHDAY or BYYEARDAY (want DAILY with "
                       "BYHOUR)");
    for (int i = 0; rule->by_month[i] != ICAL_RECURRENCE_ARRAY_MAX; i++) {
        if (rule->by_month[i] < 1 || rule->by_month[i] > 12)
            return err_set(err, ERR_INVALID, "RRULE has BYMONTH=%d (want 1 to 12)",
                           rule->by_month[i]);
    }
    if (!icaltime_is_null_time(rule->until)) {
        int64_t until_ms = place_ms_of(rule->until);
        if (icaltime_is_utc(rule->until))
            until_ms = place_wall_ms(&event->start_place, until_ms);
        else if (rule->until.is_date && !event->is_all_day)
            until_ms += DAY_MS - 1000; /* the whole of that day */
        rule->until = place_time_of(until_ms, event->is_all_day);
    }
    return 0;
}

/* The library counts weeks wrongly that begin on another day than Monday or Sunday, when not every week has its turn. Such a rule
 * is stepped through as many days off as make its weeks begin on Monday: how many, in `out_days`. */
static int turn_week(struct icalrecurrencetype *rule, int *out_days, struct err *err)
{
    enum { DAYS = 7, NAMED_MAX = ICAL_BY_DAY_SIZE };
    *out_days = 0;
    if (rule->freq != ICAL_WEEKLY_RECURRENCE || rule->interval < 2 ||
        rule->week_start == ICAL_MONDAY_WEEKDAY || rule->week_start == ICAL_SUNDAY_WEEKDAY ||
        rule->week_start == ICAL_NO_WEEKDAY)
        return 0;
    bool has_day[DAYS] = {false};
    if (rule->by_month[0] != ICAL_RECURRENCE_ARRAY_MAX ||
        rule->by_set_pos[0] != ICAL_RECURRENCE_ARRAY_MAX)
        return err_set(
            err, ERR_INVALID,
            "RRULE is weekly with BYMONTH or BYSETPOS and weeks of its own (want WKST=MO)");
    int back = (int)rule->week_start - (int)ICAL_MONDAY_WEEKDAY; /* TU 1 .. SA 5 */
    for (int i = 0; i < NAMED_MAX && rule->by_day[i] != ICAL_RECURRENCE_ARRAY_MAX; i++) {
        int day = (int)icalrecurrencetype_day_day_of_week(rule->by_day[i]) - ICAL_SUNDAY_WEEKDAY;
        has_day[(day - back + DAYS) % DAYS] = true;
    }
    int count = 0;
    for (int i = 1; i <= DAYS; i++) { /* in the order of the week: from Monday */
        if (has_day[i % DAYS])
            rule->by_day[count++] = (short)(i % DAYS + ICAL_SUNDAY_WEEKDAY);
    }
    rule->by_day[count] = ICAL_RECURRENCE_ARRAY_MAX;
    rule->week_start = ICAL_MONDAY_WEEKDAY;
    if (!icaltime_is_null_time(rule->until))
        rule->until = place_time_of(place_ms_of(rule->until) - back * DAY_MS, rule->until.is_date);
    *out_days = back;
    return 0;
}

/* A yearly rule of which no instance is ever there (a 30th of February) is none to the library. */
static int begin_rule(struct expansion *x, struct icalrecurrencetype rule, int back,
                      struct icalrecur_iterator_impl **out_iterator, struct err *err)
{
    const struct calendar_event *event = x->event;
    struct icaltimetype start =
        place_time_of(event->start_wall_ms - back * DAY_MS, event->is_all_day);
    *out_iterator = NULL;
    if (!icaltime_is_null_time(rule.until) && place_ms_of(rule.until) < place_ms_of(start))
        return 0;
    *out_iterator = icalrecur_iterator_new(rule, start);
    if (*out_iterator == NULL && rule.freq == ICAL_YEARLY_RECURRENCE)
        return add_work(x, SEARCH_UNITS, err);
    return *out_iterator != NULL ? 0 : err_set(err, ERR_INVALID, "RRULE makes no sense");
}

/* What the library has searched between two instances, to the end of its years where there was none at all. */
static int add_search(struct expansion *x, int64_t gap_ms, bool is_end, size_t tried,
                      struct err *err)
{
    size_t units = 0;
    if (is_end)
        units = tried == 0 ? SEARCH_UNITS : 0;
    else if (gap_ms > LONG_GAP_DAYS * DAY_MS)
        units = LONG_GAP_UNITS;
    return units > 0 ? add_work(x, units, err) : 0;
}

static int expand_rule(struct expansion *x, struct icalrecurrencetype rule, struct err *err)
{
    const struct calendar_event *event = x->event;
    int back = 0;
    if (prepare_rule(event, &rule, err) != 0 || turn_week(&rule, &back, err) != 0)
        return -1;
    struct icalrecur_iterator_impl *iterator = NULL;
    if (begin_rule(x, rule, back, &iterator, err) != 0)
        return -1;
    int verdict = 0;
    size_t tried = 0;
    int64_t last_ms = event->start_wall_ms;
    while (verdict == 0 && iterator != NULL) {
        struct icaltimetype time = icalrecur_iterator_next(iterator);
        bool is_end = icaltime_is_null_time(time);
        int64_t wall_ms = is_end ? last_ms : place_ms_of(time) + back * DAY_MS;
        verdict = add_search(x, wall_ms - last_ms, is_end, tried, err);
        if (is_end || verdict != 0)
            break;
        last_ms = wall_ms;
        if (place_instant_ms(&event->start_place, wall_ms) >= x->options->until_ms)
            break;
        if (++tried > CALENDAR_INSTANCES_MAX)
            verdict = err_set(err, ERR_TOO_LARGE, "RRULE gives more than %d instances",
                              CALENDAR_INSTANCES_MAX);
        else if (wall_ms != event->start_wall_ms) /* that one was given before */
            verdict = give(x, wall_ms, err);
    }
    if (iterator != NULL)
        icalrecur_iterator_free(iterator);
    return verdict;
}

static int expand_dates(struct expansion *x, struct err *err)
{
    icalcomponent *component = x->event->component;
    for (icalproperty *property = icalcomponent_get_first_property(component, ICAL_RDATE_PROPERTY);
         property != NULL;
         property = icalcomponent_get_next_property(component, ICAL_RDATE_PROPERTY)) {
        struct icaldatetimeperiodtype date = icalproperty_get_rdate(property);
        struct icaltimetype time = date.time;
        int64_t at_ms = 0;
        if (icaltime_is_null_time(time))
            return err_set(err, ERR_INVALID,
                           "RDATE is a period (want instants, or an event of its own)");
        if (find_instant(x->event->calendar, x->event, property, time, x->options, &at_ms, err) !=
            0)
            return err_wrap(err, "RDATE");
        if (give(x, place_wall_ms(&x->event->start_place, at_ms), err) != 0)
            return -1;
    }
    return 0;
}

static int expand(struct expansion *x, struct err *err)
{
    icalcomponent *component = x->event->component;
    if (read_exceptions(x, err) != 0 || give(x, x->event->start_wall_ms, err) != 0)
        return -1;
    if (x->event->replaces)
        return 0;
    for (icalproperty *property = icalcomponent_get_first_property(component, ICAL_RRULE_PROPERTY);
         property != NULL;
         property = icalcomponent_get_next_property(component, ICAL_RRULE_PROPERTY)) {
        if (expand_rule(x, icalproperty_get_rrule(property), err) != 0)
            return -1;
    }
    return expand_dates(x, err);
}

int event_expand(const struct calendar_event *event, const struct event_window *window,
                 event_instance *take, void *self, struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    struct expansion *x = heap_alloc(sizeof(*x));
    x->event = event;
    x->options = window->options;
    x->but_not = window->but_not;
    x->but_not_count = window->but_not_count;
    x->work = window->work;
    x->take = take;
    x->self = self;
    int verdict = expand(x, err);
    free(x);
    if (verdict != 0)
        return err_wrap(err, "event '%s'",
                        text_excerpt(event->summary[0] != '\0' ? event->summary : event->uid, got));
    return 0;
}

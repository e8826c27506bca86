#include "gateway/calendar/place.h"

#include <string.h>

#include "gateway/base/text.h"

enum { NEAR_MS = 3 * 3600 * 1000 /* no zone changes its clock twice in this time */ };

static const int64_t DAY_MS = INT64_C(86400000);

bool place_is_same(const struct place *a, const struct place *b)
{
    return a->zone_or_null == b->zone_or_null && a->own_or_null == b->own_or_null;
}

bool place_is_real(struct icaltimetype time)
{
    return time.year >= 1900 && time.year <= 2199 && time.month >= 1 && time.month <= 12 &&
           time.day >= 1 && time.day <= icaltime_days_in_month(time.month, time.year) &&
           time.hour >= 0 && time.hour <= 23 && time.minute >= 0 && time.minute <= 59 &&
           time.second >= 0 && time.second <= 60;
}

int64_t place_ms_of(struct icaltimetype wall)
{
    int64_t seconds = civil_days(wall.year, wall.month, wall.day) * (DAY_MS / 1000);
    if (!wall.is_date)
        seconds += wall.hour * 3600 + wall.minute * 60 + wall.second;
    return seconds * 1000;
}

struct icaltimetype place_time_of(int64_t wall_ms, bool is_date)
{
    struct icaltimetype time = icaltime_null_time();
    int64_t day = wall_ms >= 0 ? wall_ms / DAY_MS : (wall_ms - DAY_MS + 1) / DAY_MS;
    int64_t second = (wall_ms - day * DAY_MS) / 1000;
    civil_from_days(day, &time.year, &time.month, &time.day);
    time.hour = (int)(second / 3600);
    time.minute = (int)(second / 60 % 60);
    time.second = (int)(second % 60);
    time.is_date = is_date;
    return time;
}

static int64_t offset_ms(const struct place *place, int64_t at_ms)
{
    if (place->zone_or_null != NULL)
        return INT64_C(1000) * zone_offset_s(place->zone_or_null, at_ms);
    if (place->own_or_null == NULL)
        return 0;
    struct icaltimetype utc = place_time_of(at_ms, false);
    int is_daylight = 0;
    return INT64_C(1000) *
           icaltimezone_get_utc_offset_of_utc_time(place->own_or_null, &utc, &is_daylight);
}

int64_t place_wall_ms(const struct place *place, int64_t at_ms)
{
    return at_ms + offset_ms(place, at_ms);
}

int64_t place_instant_ms(const struct place *place, int64_t wall_ms)
{
    int64_t near_ms = wall_ms - offset_ms(place, wall_ms);
    int64_t before_ms = offset_ms(place, near_ms - NEAR_MS);
    int64_t after_ms = offset_ms(place, near_ms + NEAR_MS);
    int64_t earlier_ms = wall_ms - before_ms;
    int64_t later_ms = wall_ms - after_ms;
    if (offset_ms(place, earlier_ms) == before_ms || offset_ms(place, later_ms) != after_ms)
        return earlier_ms; /* as it was before a change: also the first of two, and what a gap swallows */
    return later_ms;
}

/* "/example.org/20070129_1/Europe/Berlin" ends with a name that is known. */
static const struct zone *find_by_tail(const struct calendar_options *options, const char *name)
{
    for (const char *tail = name; tail != NULL && tail[0] != '\0';) {
        const struct zone *zone = options->find_zone(options->self, tail);
        if (zone != NULL)
            return zone;
        const char *slash = strchr(tail, '/');
        tail = slash != NULL ? slash + 1 : NULL;
    }
    return NULL;
}

static const char *extension_of(icalcomponent *component, const char *name)
{
    for (icalproperty *property = icalcomponent_get_first_property(component, ICAL_X_PROPERTY);
         property != NULL; property = icalcomponent_get_next_property(component, ICAL_X_PROPERTY)) {
        const char *has = icalproperty_get_x_name(property);
        if (has != NULL && text_equal_fold(has, name))
            return icalproperty_get_x(property);
    }
    return NULL;
}

static int find_named(icalcomponent *calendar, const char *name,
                      const struct calendar_options *options, struct place *out_place,
                      struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    out_place->zone_or_null = find_by_tail(options, name);
    if (out_place->zone_or_null != NULL)
        return 0;
    icaltimezone *own = icalcomponent_get_timezone(calendar, name);
    icalcomponent *described = own != NULL ? icaltimezone_get_component(own) : NULL;
    if (described == NULL)
        return err_set(err, ERR_INVALID,
                       "there is no time zone '%s', and the calendar does not describe it",
                       text_excerpt(name, got));
    const char *location = extension_of(described, "X-LIC-LOCATION");
    out_place->zone_or_null = location != NULL ? options->find_zone(options->self, location) : NULL;
    out_place->own_or_null = out_place->zone_or_null == NULL ? own : NULL;
    return 0;
}

int place_find(icalcomponent *calendar, icalproperty *property, struct icaltimetype time,
               const struct calendar_options *options, struct place *out_place, struct err *err)
{
    *out_place = (struct place){.zone_or_null = NULL};
    if (!place_is_real(time))
        return err_set(err, ERR_INVALID, "no such date or time");
    if (icaltime_is_utc(time))
        return 0;
    icalparameter *parameter = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    if (parameter != NULL && !time.is_date)
        return find_named(calendar, icalparameter_get_tzid(parameter), options, out_place, err);
    const char *own = extension_of(calendar, "X-WR-TIMEZONE");
    if (own != NULL)
        return find_named(calendar, own, options, out_place, err) == 0
                   ? 0
                   : err_wrap(err, "X-WR-TIMEZONE");
    out_place->zone_or_null = options->zone;
    return 0;
}

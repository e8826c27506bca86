/*
 * event - one VEVENT: when it begins and ends, which instances it has, which of another event it replaces.
 *
 * Shape:   event_read, then event_expand -> each instance's start and end.
 * Owns:    plain values in the arena; the component belongs to the calendar.
 * Threads: as the calendar.
 */
#ifndef ESCALATED_CALENDAR_EVENT_H
#define ESCALATED_CALENDAR_EVENT_H

#include "gateway/calendar/place.h"

struct calendar_event {
    icalcomponent *calendar; /* which it is of */
    icalcomponent *component;
    const char *uid;
    const char *summary;
    int64_t start_wall_ms;
    int64_t start_at_ms;
    struct place start_place;
    bool is_all_day;
    bool is_cancelled; /* or another event of its uid says what holds instead */
    bool cancels_all;  /* METHOD:CANCEL without RECURRENCE-ID: whatever has its uid */
    int sequence;
    int64_t wall_length_ms;  /* added on the wall clock … */
    int64_t exact_length_ms; /* … then in absolute time */
    bool replaces;           /* an instance of the event with the same uid: */
    bool replaces_date;
    bool replaces_local; /* it names no zone: it is in that of the event's start */
    int64_t replaces_wall_ms;
    int64_t replaces_at_ms;
};

typedef int event_instance(void *self, int64_t from_ms, int64_t until_ms, struct err *err);

int event_read(icalcomponent *calendar, icalcomponent *component,
               const struct calendar_options *options, struct arena *arena,
               struct calendar_event *out_event, struct err *err);

/* The start of the instance of `event` that `change` stands for. */
int64_t event_replaced_ms(const struct calendar_event *change, const struct calendar_event *event);

/* What one expansion goes by. */
struct event_window {
    const struct calendar_options *options;
    const int64_t *but_not; /* starts that others stand for */
    size_t but_not_count;
    size_t *work; /* done so far for the whole calendar, of CALENDAR_WORK_MAX */
};

/* Instances that touch the window of the options, without those at one of the `but_not` starts. */
int event_expand(const struct calendar_event *event, const struct event_window *window,
                 event_instance *take, void *self, struct err *err);

#endif

/*
 * calendars - looks again and again whether the calendars of schedules have changed, at their servers and in their files.
 *
 * Shape:   calendars_start -> reload at will -> stop -> destroy. What a server gives is read first; if it is good it becomes
 *          the copy that the configuration reads, and when it says something else than what is in force, `on_changed`.
 * Threads: start, reload, stop, destroy: main. `on_changed` comes from the thread of its own.
 * Limits:  one at a time, CALENDAR_BYTES_MAX each, fetch.h; after a failure again in 30 s, twice that and so on, up to
 *          `refresh`.
 * Fails:   a server that is not there, a calendar that cannot be read, or an empty one after one that was not: the old copy
 *          stays, a warning (the first, the tenth, ...), after `trouble_after` trouble of our own, metrics escalated_calendar_failures_total and
 *          escalated_calendars_failing. The copy is written whole or not at all.
 * Source:  GUARANTEES T7, T24.
 */
#ifndef ESCALATED_INTAKE_CALENDARS_H
#define ESCALATED_INTAKE_CALENDARS_H

#include "gateway/config/config.h"

struct calendars;
struct troubles; /* gateway/handoff/troubles.h */

struct calendars_options {
    struct config *config; /* retained */
    const char *copies_dir;
    struct troubles *troubles; /* of our own; NULL: none is told */
    void (*on_changed)(void *self);
    void *self;
};

int calendars_start(const struct calendars_options *options, struct calendars **out_calendars,
                    struct err *err);
/* `at_once`: each is looked at now; else when its time has come. */
void calendars_reload(struct calendars *calendars, struct config *config, bool at_once);
void calendars_stop(struct calendars *calendars);    /* idempotent, takes NULL */
void calendars_destroy(struct calendars *calendars); /* takes NULL */

#endif

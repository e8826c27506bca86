/*
 * calendar_trouble - a calendar that cannot be had for long, and its server's certificate, as trouble of our own.
 *
 * Shape:   calendar_trouble_tell after each look.
 * Units:   *_at_ms and now_ms wall clock.
 * Threads: any.
 * Limits:  a warning once `trouble_after` has passed since the calendar in force was last seen at its place; an error when
 *          the last shift that is known ends within CALENDAR_TROUBLE_SOON_MS, or, after CALENDAR_TROUBLE_TRIES looks, when
 *          there is none at all.
 */
#ifndef ESCALATED_INTAKE_CALENDAR_TROUBLE_H
#define ESCALATED_INTAKE_CALENDAR_TROUBLE_H

#include "gateway/config/config.h"
#include "gateway/handoff/troubles.h"

#define CALENDAR_TROUBLE_SOON_MS (INT64_C(7) * 86400000)
#define CALENDAR_TROUBLE_TRIES 3

struct calendar_state {
    const struct config *config;
    const struct config_calendar *calendar; /* of it */
    int failures;                           /* in a row; 0: it is well */
    const char *error;                      /* of the last look; "" */
    int64_t good_at_ms;                     /* 0: never */
    bool is_peer_known;                     /* the look has shown the server's certificate */
    int64_t peer_ends_at_ms;
};

void calendar_trouble_tell(struct troubles *troubles, const struct calendar_state *state,
                           int64_t now_ms);

#endif

#include "gateway/intake/calendar_trouble.h"

#include <stdio.h>

#include "gateway/base/text.h"
#include "gateway/handoff/expiry.h"

enum { NAME_BYTES = 128, WHOSE_BYTES = 256, ERROR_BYTES = 200 };

/* Until when somebody is named; 0: nobody is. */
static int64_t manned_until_ms(const struct calendar_state *state)
{
    const struct rulebook *book = &state->config->rulebook;
    for (size_t i = 0; i < book->schedule_count; i++) {
        const struct schedule *schedule = &book->schedules[i];
        if (text_equal(schedule->name, state->calendar->schedule) && schedule->shift_count > 0)
            return schedule->shifts[schedule->shift_count - 1].until_ms;
    }
    return 0;
}

static void begin(struct troubles *troubles, const struct calendar_state *state,
                  enum severity severity, const char *summary)
{
    troubles_begin(troubles, &(struct trouble){.kind = TROUBLE_CALENDAR,
                                               .name = state->calendar->schedule,
                                               .severity = severity,
                                               .summary = summary});
}

static void tell_never(struct troubles *troubles, const struct calendar_state *state)
{
    char text[TROUBLES_TEXT_BYTES];
    (void)snprintf(text, sizeof(text),
                   "The calendar of schedule %s could never be read (%.*s): nobody has duty by it. "
                   "See that its address is right and its server answers",
                   state->calendar->schedule, ERROR_BYTES, state->error);
    begin(troubles, state, SEVERITY_ERROR, text);
}

static void tell_old(struct troubles *troubles, const struct calendar_state *state, int64_t now_ms)
{
    char text[TROUBLES_TEXT_BYTES];
    char good_at[TEXT_RFC3339_BYTES];
    char until[TEXT_RFC3339_BYTES];
    int64_t until_ms = manned_until_ms(state);
    bool is_soon = until_ms - now_ms <= CALENDAR_TROUBLE_SOON_MS;
    (void)snprintf(
        text, sizeof(text),
        "The calendar of schedule %s cannot be read since %s (%.*s). What it said then is in "
        "force%s%s. See that its address is right and its server answers, or change the schedule",
        state->calendar->schedule, text_rfc3339(state->good_at_ms, good_at), ERROR_BYTES,
        state->error,
        !is_soon        ? ""
        : until_ms == 0 ? " and names nobody"
                        : ", and names nobody after ",
        is_soon && until_ms != 0 ? text_rfc3339(until_ms, until) : "");
    begin(troubles, state, is_soon ? SEVERITY_ERROR : SEVERITY_WARNING, text);
}

static void tell_peer(struct troubles *troubles, const struct calendar_state *state, int64_t now_ms)
{
    char name[NAME_BYTES];
    char whose[WHOSE_BYTES];
    (void)snprintf(name, sizeof(name), "calendar %s", state->calendar->schedule);
    (void)snprintf(whose, sizeof(whose),
                   "The TLS certificate of the calendar server of schedule %s",
                   state->calendar->schedule);
    const struct expiry expiry = {.name = name,
                                  .whose = whose,
                                  .advice = "tell who runs it; from then on the calendar cannot be "
                                            "fetched",
                                  .ends_at_ms = state->peer_ends_at_ms};
    expiry_tell(troubles, &expiry, now_ms);
}

void calendar_trouble_tell(struct troubles *troubles, const struct calendar_state *state,
                           int64_t now_ms)
{
    if (state->is_peer_known)
        tell_peer(troubles, state, now_ms);
    if (state->failures == 0)
        troubles_end(troubles, TROUBLE_CALENDAR, state->calendar->schedule);
    else if (state->good_at_ms == 0 && state->failures >= CALENDAR_TROUBLE_TRIES)
        tell_never(troubles, state);
    else if (state->good_at_ms != 0 &&
             now_ms - state->good_at_ms >= state->calendar->trouble_after_ms)
        tell_old(troubles, state, now_ms);
}

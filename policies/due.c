#include "policies/due.h"

#include "policies/climb.h"
#include "policies/fields.h"
#include "policies/flap.h"
#include "policies/suppression.h"
#include "policies/talks.h"

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void consider(struct due *best, enum due_kind kind, int64_t at_ms, size_t step)
{
    if (at_ms < best->at_ms)
        *best = (struct due){.kind = kind, .at_ms = at_ms, .step = step};
}

static struct step_state page_state(const struct incident *incident, size_t index)
{
    const struct ladder *ladder = &incident->ladder;
    bool ran = (int32_t)index < ladder->page_from || ladder_has_run(ladder, index);
    struct step_state state = {
        .standing = STANDING_DUE,
        .at_ms = ladder_due_ms(ladder, &incident->later->ladder, incident->policy, index)};
    if (ran)
        state.standing = STANDING_RAN;
    else if (incident->state == INCIDENT_RESOLVED)
        state.standing = STANDING_OVER;
    else if (suppression_holds(incident))
        state.standing = STANDING_SUPPRESSED;
    else if (incident->state == INCIDENT_ACKNOWLEDGED)
        state.standing = STANDING_ACKED;
    return state;
}

static struct step_state after_care_state(const struct incident *incident, int64_t due_ms)
{
    if (incident->state != INCIDENT_RESOLVED)
        return (struct step_state){.standing = STANDING_AWAITS_END, .at_ms = due_ms};
    if (!incident->ladder.left_held)
        return (struct step_state){.standing = STANDING_OVER, .at_ms = due_ms};
    int64_t care_ms = incident->later->resolved_at_ms + incident->policy->reopen_within_ms;
    return (struct step_state){.standing = STANDING_DUE, .at_ms = later_of(due_ms, care_ms)};
}

/* When an inform or ask step may run: its time, or when its condition became true. */
static struct step_state told_state(const struct incident *incident, size_t index)
{
    const struct step *step = &incident->policy->steps[index];
    int64_t due_ms =
        ladder_due_ms(&incident->ladder, &incident->later->ladder, incident->policy, index);
    struct step_state state = {.standing = STANDING_DUE, .at_ms = due_ms};
    if (ladder_has_run(&incident->ladder, index)) {
        state.standing = STANDING_RAN;
        return state;
    }
    switch (step->when) {
    case WHEN_RESOLVED:
        state = after_care_state(incident, due_ms);
        break;
    case WHEN_ACKED:
        if (incident->state == INCIDENT_RESOLVED)
            state.standing = STANDING_OVER;
        else if (incident->later->acked_at_ms == 0)
            state.standing = STANDING_AWAITS_ACK;
        else
            state.at_ms = later_of(due_ms, incident->later->acked_at_ms);
        break;
    case WHEN_UNACKED:
    case WHEN_UNRESOLVED:
        if (incident->state == INCIDENT_RESOLVED)
            state.standing = STANDING_OVER;
        else if (step->when == WHEN_UNACKED && incident->state == INCIDENT_ACKNOWLEDGED)
            state.standing = STANDING_ACKED;
        break;
    }
    if (state.standing == STANDING_DUE && suppression_holds(incident))
        state.standing = STANDING_SUPPRESSED;
    return state;
}

struct step_state due_step(const struct incident *incident, size_t index)
{
    bool is_page = incident->policy->steps[index].kind == STEP_PAGE;
    return is_page ? page_state(incident, index) : told_state(incident, index);
}

/* In reading order, so that at equal times the upper one comes first; of the page steps only the next one. */
static void consider_steps(const struct incident *incident, struct due *best)
{
    int32_t page = ladder_next_page(&incident->ladder, incident->policy);
    for (size_t i = 0; i < ladder_step_count(incident->policy); i++) {
        if (incident->policy->steps[i].kind == STEP_PAGE && (int32_t)i != page)
            continue;
        struct step_state state = due_step(incident, i);
        if (state.standing == STANDING_DUE)
            consider(best, DUE_STEP, state.at_ms, i);
    }
}

static void consider_triggered(const struct incident *incident, struct due *best)
{
    const struct ladder *ladder = &incident->ladder;
    if (suppression_holds(incident))
        return;
    consider_steps(incident, best);
    if (ladder_next_page(ladder, incident->policy) < 0 && !ladder->exhausted)
        consider(best, DUE_CLIMB, ladder_repeat_ms(ladder, incident->policy), 0);
    if (ladder->reach_until_ms != 0)
        consider(best, DUE_UNREACHED, ladder->reach_until_ms, 0);
    if (ladder->exhausted && incident->later->ladder.fallback_at_ms != 0)
        consider(best, DUE_FALLBACK, incident->later->ladder.fallback_at_ms, 0);
}

static void consider_acknowledged(const struct incident *incident, struct due *best)
{
    const struct incident_later *later = incident->later;
    if (later->ladder.answer_until_ms != 0)
        consider(best, DUE_ANSWER, later->ladder.answer_until_ms, 0);
    consider(best, DUE_LAPSE, later->ack_until_ms, 0);
    if (later->ladder.reminder_at_ms != 0)
        consider(best, DUE_REMINDER, later->ladder.reminder_at_ms, 0);
    consider(best, DUE_MISSING, fields_ask_again_ms(incident), 0);
    consider_steps(incident, best);
}

static int64_t forget_ms(const struct incident *incident)
{
    int64_t forget_ms =
        incident->later->resolved_at_ms + incident->policy->reopen_within_ms + CLIMB_LINGER_MS;
    struct due care = {.at_ms = INT64_MAX};
    consider_steps(incident, &care);
    /* A step of after-care that is still to come, an open ask or update, or a message still under
     * way keeps the incident. */
    bool stays = care.kind != DUE_NOTHING || incident->unfinished > 0 ||
                 talks_are_open(incident->later->talks);
    return stays ? INT64_MAX : forget_ms;
}

int64_t due_calm_ms(const struct incident *incident)
{
    bool is_running =
        incident->state == INCIDENT_TRIGGERED || incident->state == INCIDENT_ACKNOWLEDGED;
    int64_t calm_ms = is_running ? flap_calm_ms(incident) : 0;
    return calm_ms != 0 ? calm_ms : INT64_MAX;
}

int64_t due_on_ladder_ms(const struct incident *incident)
{
    const struct ladder *ladder = &incident->ladder;
    struct due first = {.kind = DUE_NOTHING, .at_ms = INT64_MAX};
    if (incident->state == INCIDENT_HELD)
        return ladder->anchor_ms;
    consider_steps(incident, &first);
    bool climbs = incident->state == INCIDENT_TRIGGERED && !suppression_holds(incident) &&
                  ladder_next_page(ladder, incident->policy) < 0 && ladder->climbs_left > 0 &&
                  !ladder->exhausted;
    return climbs ? earlier_of(first.at_ms, ladder_repeat_ms(ladder, incident->policy))
                  : first.at_ms;
}

struct due climb_due(const struct incident *incident)
{
    struct due best = {.kind = DUE_NOTHING, .at_ms = INT64_MAX};
    switch ((enum incident_state)incident->state) {
    case INCIDENT_HELD:
        consider(&best, DUE_TRIGGER, incident->ladder.anchor_ms, 0);
        break;
    case INCIDENT_TRIGGERED:
        consider(&best, DUE_CALM, due_calm_ms(incident), 0);
        consider_triggered(incident, &best);
        break;
    case INCIDENT_ACKNOWLEDGED:
        consider(&best, DUE_CALM, due_calm_ms(incident), 0);
        consider_acknowledged(incident, &best);
        break;
    case INCIDENT_RESOLVED:
        consider_steps(incident, &best);
        if (incident->live)
            consider(&best, DUE_FORGET, forget_ms(incident), 0);
        break;
    case INCIDENT_STATE_COUNT:
        break;
    }
    consider(&best, DUE_TALK, talks_due_ms(incident->later->talks), 0);
    return best;
}

#include "policies/ending.h"

#include "policies/climb.h"
#include "policies/fields.h"
#include "policies/flap.h"
#include "policies/follow.h"
#include "policies/suppression.h"
#include "policies/updates.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

void ending_cancel_pages(struct incident *incident, struct moment *moment, const char *reason)
{
    climb_cancel(incident, moment, KIND_PAGE, reason);
    climb_cancel(incident, moment, KIND_REMINDER, reason);
    incident->ladder.reach_until_ms = 0;
    incident->later->ladder.fallback_at_ms = 0;
}

static void resolve(struct incident *incident, const char *by, bool by_person,
                    struct moment *moment)
{
    incident->state = INCIDENT_RESOLVED;
    incident->later->resolved_at_ms = moment->now_ms;
    incident->ladder.by_person = by_person;
    incident->later->ladder.answer_until_ms = 0;
    incident->later->ladder.reminder_at_ms = 0;
    fields_expect_no_more(incident, moment);
    struct facts facts = {.state = "resolved", .by = by};
    ending_cancel_pages(incident, moment, "resolved");
    climb_cancel(incident, moment, KIND_NOTICE, "resolved");
    moment_notef(moment, "resolved", &facts, "resolved by %s", by);
    updates_end(incident, moment);
    suppression_close(incident);
    const char *text =
        arena_printf(moment->arena, "#%llu is resolved (by %s).", number_of(incident), by);
    follow_tell(incident, moment, true, by_person ? by : "", text);
}

/* While it flaps the resolves are only counted, and what the hold would have waited for has come. */
void ending_clear_held(struct incident *incident, const struct move *move, struct moment *moment)
{
    if (flap_transition(incident, moment, true)) {
        incident->ladder.anchor_ms = moment->now_ms;
        incident->ladder.page_base_ms = moment->now_ms;
        climb_trigger(incident, moment);
        return;
    }
    moment_note(moment, "cleared-in-hold", NULL,
                "cleared before the hold was over: nobody was told");
    resolve(incident, move->by, false, moment);
}

static void clear(struct incident *incident, const char *by, struct moment *moment)
{
    if (incident->policy->resolve == RESOLVE_MANUAL) {
        incident->cleared = true;
        moment_note(moment, "cleared", NULL, "the source has cleared; a person must resolve");
        return;
    }
    resolve(incident, by, false, moment);
}

void ending_clear(struct incident *incident, const struct move *move, struct moment *moment)
{
    if (!flap_transition(incident, moment, true))
        clear(incident, move->by, moment);
}

void ending_calm(struct incident *incident, struct moment *moment)
{
    int64_t counted = flap_counted(incident);
    incident->later->flap = "";
    moment_notef(moment, "calm", NULL, "quiet again: %lld resolves were only counted",
                 (long long)counted);
    if (incident_firing_count(incident) == 0)
        clear(incident, arena_printf(moment->arena, "source %s", incident->source), moment);
}

void ending_resolve_by_person(struct incident *incident, const struct move *move,
                              struct moment *moment)
{
    incident->later->flap = "";
    resolve(incident, move->by, true, moment);
    moment->answer = arena_printf(moment->arena, "#%llu is resolved.", number_of(incident));
}
